// What is shown in it is tested with all that it uses.
#![cfg_attr(
    any(
        not(doctest),
        all(feature = "cluster", feature = "commands", feature = "serde", feature = "std")
    ),
    doc = include_str!("../README.md")
)]
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
mod command;
mod convert;
#[cfg(feature = "serde")]
pub mod de;
mod decode;
mod encode;
mod error;
mod escape;
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
mod tree;
mod validate;
mod view;

/// What servers know about their commands: arity, flags, ACL categories, and where the keys are.
#[cfg(feature = "commands")]
pub mod commands {
    #[doc(inline)]
    pub use crate::table::*;
}

pub use command::{ArgIndex, Args, Command, CommandRef, InlineArgs, InlineCommand, Request};
pub use convert::{ConversionError, ErrorReply, FromReply, Place};
pub use decode::{
    CommandDecoder, Commands, Decoder, FrameDecoder, Framer, Frames, PartialCommand, Progress,
    Replies, commands, decode, replication, replies,
};
pub use encode::{
    Argument, Arguments, CommandBuf, CommandPatch, Encode, EncodeCommand, EncodeError, Protocol,
    ReplyPatch, ReplyWriter, Segments,
};
pub use error::{Error, ErrorKind, Expected};
pub use kind::Kind;
pub use limits::{InlinePolicy, Limits};
pub use owned::{CommandFrame, Frame, FrameBuffer};
pub use tree::{Annotated, Entries, Items, Reply, StreamedString, TreeTokens};
pub use view::{
    AnnotatedAttributePairs, AnnotatedElements, AnnotatedPairs, AttributePairs, Attributes, Chunks,
    Decoded, Elements, Pairs, ReplyRef, Token, Tokens,
};
