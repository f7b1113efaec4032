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
#[cfg(feature = "commands")]
pub mod commands;
#[cfg(feature = "serde")]
pub mod de;
mod debug;
mod decode;
mod encode;
mod error;
mod framer;
mod frames;
#[cfg(feature = "std")]
pub mod io;
mod kind;
mod limits;
mod owned;
pub mod replication;
mod reply;
mod resume;
mod scan;
mod scanner;
#[cfg(feature = "serde")]
pub mod ser;
mod sink;

pub use command::{
    ArgIndex, Args, Command, CommandDecoder, CommandRef, InlineArgs, InlineCommand, PartialCommand,
    Request,
};
pub use decode::{Decoder, decode};
pub use encode::{
    Argument, Arguments, CommandBuf, CommandPatch, Encode, EncodeError, Protocol, ReplyPatch,
    ReplyWriter, Segments,
};
pub use error::{Error, ErrorKind, Expected};
pub use framer::{Framer, Progress};
pub use frames::{Commands, FrameDecoder, Frames, Replies, commands, replies};
pub use kind::Kind;
pub use limits::{InlinePolicy, Limits};
pub use owned::{
    Annotated, CommandFrame, Entries, Frame, FrameBuffer, Items, Reply, StreamedString, TreeTokens,
};
pub use reply::{
    AnnotatedAttributePairs, AnnotatedElements, AnnotatedPairs, AttributePairs, Attributes, Chunks,
    ConversionError, Decoded, Elements, ErrorReply, FromReply, Pairs, Place, ReplyRef, Token,
    Tokens,
};
