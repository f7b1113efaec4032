//! `#[derive(FromReply)]` for zresp. Its documentation is that of `zresp::FromReply`.

#![forbid(unsafe_code)]

mod attributes;
mod expand;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Implements `zresp::FromReply` for a struct, or for an enum without data.
#[proc_macro_derive(FromReply, attributes(resp))]
pub fn from_reply(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand::from_reply(&input).unwrap_or_else(|error| error.to_compile_error()).into()
}
