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
    reason = "these functions run for each value of a caller's loop: a call that returns a view \
              through memory costs more than the work"
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

#[cfg(feature = "aof")]
pub mod aof;
#[cfg(feature = "cluster")]
pub mod cluster;
#[cfg(feature = "codec")]
pub mod codec;
pub mod command;
pub mod convert;
#[cfg(feature = "cluster")]
mod crc16;
#[cfg(feature = "serde")]
pub mod de;
mod decode;
pub mod encode;
mod endpoint;
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
pub mod push;
#[cfg(feature = "serde")]
pub mod ser;
mod sink;
mod slots;
#[cfg(feature = "commands")]
mod table;
pub mod tree;
mod validate;
pub mod view;

/// A table of commands: arity, flags, ACL categories, and which arguments are keys.
///
/// Available with the feature `commands`. A proxy or a client of a cluster needs it to route a
/// command by its keys, or to know whether a replica may answer. The built-in table is that of Redis 7.0 to 8.10
/// and Valkey 8.0 to 9.1 together, with the modules that Redis ships. For a command that is not in it, the functions
/// return an error or `None`, never an empty list of keys.
///
/// | question | function |
/// |---|---|
/// | What does the table say about this command? | [`of`](commands::of), [`lookup`](commands::lookup) by name |
/// | Which arguments are keys, and how are they accessed? | [`keys`](commands::keys) |
/// | Which arguments are shard channels? | [`shard_channels`](commands::shard_channels) |
/// | What is known before the whole command has arrived? | [`partial_of`](commands::partial_of), [`partial_keys`](commands::partial_keys), [`partial_shard_channels`](commands::partial_shard_channels) |
/// | Does the command reach only its keys? | [`CommandInfo::reaches_only_its_keys`](commands::CommandInfo::reaches_only_its_keys) |
///
/// A [`CommandTable`](commands::CommandTable) has them as methods. It can be
/// [read](commands::CommandTable::from_reply) from a server's answer to `COMMAND`, and
/// [extended](commands::CommandTable::insert).
///
/// ```
/// use zresp::Command;
/// use zresp::commands::{self, Flags};
///
/// let request = zresp::requests(b"*3\r\n$4\r\nMGET\r\n$1\r\na\r\n$1\r\nb\r\n").next().expect("a request")?;
/// let Command::Array(command) = request.command() else { panic!("an array") };
///
/// let info = commands::of(&command).expect("a command");
/// assert!(info.flags.contains(Flags::READONLY));
/// let keys: Vec<_> = commands::keys(&command)?.map(|key| key.key).collect();
/// assert_eq!(keys, [b"a", b"b"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # What keys do not show
///
/// [`keys`](commands::keys) returns the keys that are arguments. A command can reach more:
///
/// | what | commands |
/// |---|---|
/// | keys that match a pattern | `KEYS`, `SCAN`, `SORT` and `SORT_RO` with `BY` or `GET` |
/// | whole databases | `FLUSHALL`, `FLUSHDB`, `SWAPDB`, `DBSIZE`, `RANDOMKEY` |
/// | the same key of another database | `MOVE`, `COPY` with `DB`; `SELECT` changes what all later commands reach |
/// | a slot, or a part of the keys | `CLUSTER GETKEYSINSLOT`, `CLUSTER FLUSHSLOT`, `CLUSTERSCAN`, `TRIMSLOTS` |
/// | keys that a script or function uses without declaring them | `EVAL`, `EVALSHA`, `FCALL`, and their read-only forms |
/// | series that match a filter, the documents of an index | `TS.MGET`, `TS.MRANGE`, `FT.SEARCH`, `FT.AGGREGATE` |
/// | series that follow another one | every write to a series with a rule of `TS.CREATERULE` |
/// | keys of other clients, as events | `MONITOR`, `CLIENT TRACKING`, subscriptions to keyspace notifications |
/// | anything | `DEBUG`, and replication (`SYNC`, `PSYNC`) |
///
/// Channels are not keys either: `PUBLISH` and `SUBSCRIBE` take channels, and only those of `SPUBLISH` and `SSUBSCRIBE`
/// belong to slots ([`shard_channels`](commands::shard_channels)).
///
/// A proxy that keeps its clients apart by prefixing their keys must refuse such commands or rewrite them itself.
/// [`CommandInfo::reaches_only_its_keys`](commands::CommandInfo::reaches_only_its_keys) says which commands need no
/// such care. The proxy must also rewrite the keys in replies, such as those of `SCAN`, `RANDOMKEY` or `BLPOP`. To
/// choose a node by a command's keys, the list matters less: servers answer for their own part of the data.
#[doc(alias = "command table")]
#[cfg(feature = "commands")]
pub mod commands {
    #[doc(inline)]
    pub use crate::table::*;
}

/// The generic types that replies and requests share, and what they return.
///
/// Their type parameter is a [`Direction`](frames::Direction): [`Replies`](frames::Replies), from a
/// server to a client, or [`Requests`](frames::Requests), from a client to a server. You need this
/// module to write code that reads both, and to name the iterator that [`replies()`] and
/// [`requests()`] return.
///
/// | type | with `Replies` | with `Requests` |
/// |---|---|---|
/// | [`FrameDecoder`](frames::FrameDecoder) | [`Decoder`] | [`CommandDecoder`] |
/// | [`FrameTokenReader`](frames::FrameTokenReader) | [`TokenReader`] | [`CommandTokenReader`] |
/// | [`Frames`](frames::Frames) | returned by [`replies()`] | returned by [`requests()`] |
/// | [`OwnedFrame`](frames::OwnedFrame) | [`Frame`] | [`CommandFrame`] |
/// | `D::Frame` for `D: Direction`, the view of a frame | [`Decoded`] | [`Request`] |
/// | `D::Token`, a token of a frame that may still be arriving | [`Token`] | [`CommandToken`](command::CommandToken) |
///
/// The trait [`FrameView`](frames::FrameView) has the methods that both views share. A
/// [`FrameBuffer`](frames::FrameBuffer) is a buffer from which an owned frame can be taken without
/// copying.
///
/// ```
/// use zresp::frames::{Direction, FrameView, Frames, Replies, Requests};
/// use zresp::{Error, Limits};
///
/// /// The sizes of the frames of a buffer.
/// fn sizes<D: Direction>(buffer: &[u8]) -> Result<Vec<usize>, Error> {
///     let frames = Frames::<D>::with_limits(buffer, Limits::new());
///     frames.map(|frame| Ok(frame?.wire().len())).collect()
/// }
///
/// assert_eq!(sizes::<Replies>(b"+OK\r\n:1\r\n")?, [5, 4]);
/// assert_eq!(sizes::<Requests>(b"PING\r\n*1\r\n$4\r\nPING\r\n")?, [6, 14]);
/// # Ok::<(), Error>(())
/// ```
pub mod frames {
    pub use crate::decode::{
        Direction, FrameDecoder, FrameTokenReader, FrameView, Frames, PayloadPart, Replies,
        Requests, TokenIter,
    };
    pub use crate::owned::{FrameBuffer, OwnedFrame};
}

pub use command::{Command, CommandRef, Request};
pub use convert::{ConversionError, ErrorReply, FromReply};
pub use decode::{
    CommandDecoder, CommandTokenReader, Decoder, Framer, Progress, TokenReader, decode,
    replication, replies, requests,
};
pub use encode::{
    Arguments, CommandBuf, Encode, EncodeCommand, EncodeError, Protocol, ReplyWriter, ToArguments,
};
pub use error::{Error, ErrorKind, Expected};
pub use kind::Kind;
pub use limits::{InlinePolicy, Limits, LinePolicy};
pub use owned::{CommandFrame, Frame};
pub use tree::Reply;
pub use view::{Decoded, ReplyRef, Token};
#[cfg(feature = "derive")]
pub use zresp_derive::FromReply;
