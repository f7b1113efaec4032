#![doc = include_str!("lib.md")]
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::todo,
    clippy::unimplemented,
    clippy::unreachable
)]
#![allow(
    clippy::inline_always,
    reason = "what a caller's loop runs for each value: a call that returns a view through memory \
              costs more than the work"
)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        clippy::string_slice,
        reason = "tests may panic"
    )
)]

extern crate alloc;
#[cfg(any(feature = "std", test))]
#[cfg_attr(test, macro_use)]
extern crate std;

#[cfg(feature = "cluster")]
pub mod cluster;
#[cfg(feature = "codec")]
pub mod codec;
pub mod command;
pub mod convert;
#[cfg(feature = "serde")]
pub mod de;
mod decode;
pub mod encode;
mod error;
mod escape;
#[cfg(any(doc, doctest))]
pub mod guide;
#[cfg(feature = "std")]
pub mod io;
mod kind;
mod lex;
mod limits;
mod owned;
#[cfg(feature = "serde")]
pub mod ser;
mod sink;
#[cfg(feature = "commands")]
mod table;
pub mod tree;
mod validate;
pub mod view;

/// What servers know about their commands: arity, flags, ACL categories, and where the keys are.
///
/// Available with the feature `commands`.
#[cfg(feature = "commands")]
pub mod commands {
    #[doc(inline)]
    pub use crate::table::*;
}

/// What replies and requests have in common: the generic types of which [`Decoder`],
/// [`CommandDecoder`], [`Frame`] and [`CommandFrame`] are aliases.
///
/// Their parameter is a [`Direction`](frames::Direction): [`Replies`](frames::Replies) or
/// [`Requests`](frames::Requests). Write code over `D: Direction` that reads either.
pub mod frames {
    pub use crate::decode::{Direction, FrameDecoder, FrameView, Frames, Replies, Requests};
    pub use crate::owned::{FrameBuffer, OwnedFrame};
}

pub use command::{Command, CommandRef, Request};
pub use convert::{ConversionError, ErrorReply, FromReply};
pub use decode::{
    CommandDecoder, Decoder, Framer, Progress, decode, replication, replies, requests,
};
pub use encode::{
    Argument, Arguments, CommandBuf, Encode, EncodeCommand, EncodeError, Protocol, ReplyWriter,
};
pub use error::{Error, ErrorKind, Expected};
pub use kind::Kind;
pub use limits::{InlinePolicy, Limits};
pub use owned::{CommandFrame, Frame};
pub use tree::Reply;
pub use view::{Decoded, ReplyRef, Token};
