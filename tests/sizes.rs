//! The public types are as small, as thread-safe and as cheap to copy as the documentation says.
#![cfg(feature = "std")]

use std::mem::size_of;

use zresp::io::{ReadError, ReplyReader};
use zresp::replication::SyncDecoder;
use zresp::{
    Attributes, Chunks, ConversionError, Decoded, Decoder, Elements, Error, ErrorKind, Kind,
    Limits, Pairs, Replies, ReplyRef, Token, Tokens,
};

#[test]
fn views_and_errors_are_small() {
    assert!(size_of::<ReplyRef<'_>>() <= 40, "{}", size_of::<ReplyRef<'_>>());
    assert!(size_of::<Error>() <= 24, "{}", size_of::<Error>());
    assert!(size_of::<Elements<'_>>() <= 24, "{}", size_of::<Elements<'_>>());
    assert!(size_of::<Result<(), Error>>() <= 24, "{}", size_of::<Result<(), Error>>());
}

#[test]
fn types_are_what_threads_and_copies_need() {
    fn copy<T: Copy + Send + Sync>() {}
    fn shared<T: Send + Sync + Unpin>() {}
    fn cloned<T: Clone + Send + Sync>() {}
    copy::<ReplyRef<'_>>();
    copy::<Decoded<'_>>();
    copy::<Elements<'_>>();
    copy::<Pairs<'_>>();
    copy::<Chunks<'_>>();
    copy::<Attributes<'_>>();
    copy::<Token<'_>>();
    copy::<Error>();
    copy::<ErrorKind>();
    copy::<Kind>();
    copy::<Limits>();
    cloned::<Decoder>();
    cloned::<Replies<'_>>();
    cloned::<Tokens<'_>>();
    cloned::<SyncDecoder>();
    shared::<ReplyReader<&[u8]>>();
    shared::<ReadError>();
}

#[test]
fn errors_are_errors() {
    fn error<T: core::error::Error + 'static>() {}
    error::<Error>();
    error::<ConversionError>();
    error::<ReadError>();
}
