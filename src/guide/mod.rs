//! The guide: one page for each kind of work, each with programs that run.
//!
//! The first five pages follow the data: bytes arrive, become views, and are kept, changed and written again. The
//! others can be read in any order.
//!
//! | work | page |
//! |---|---|
//! | read what a server sends | [`replies`] |
//! | read from a connection, piece by piece | [`partial_input`] |
//! | read what a client sends, and route it | [`requests`] |
//! | keep what was read, and change it | [`owning`] |
//! | write commands and replies | [`writing`] |
//! | speak RESP2 and RESP3 | [`protocols`] |
//! | forward large values as they arrive | [`cut_through`] |
//! | read long replies value by value | [`as_they_arrive`] |
//! | use your own types | [`with_serde`] |
//! | use asynchronous streams | [`with_tokio`] |
//! | read files and blocking connections | [`readers`] |
//! | handle what goes wrong | [`errors_and_limits`] |
//! | follow a primary | [`replication`] |
//! | read append-only files | [`append_only_files`] |
//!
//! These pages are whole programs:
//!
//! | program | page |
//! |---|---|
//! | a client | [`a_client`] |
//! | a client that many tasks share | [`a_shared_client`] |
//! | a server | [`a_server`] |
//! | a proxy | [`a_proxy`] |
//! | a replica | [`a_replica`] |
//! | a tool | [`a_tool`] |
//! | a device without `std` | [`without_std`] |
//!
//! # Ways to decode
//!
//! All ways have the same verdicts and limits. They differ in what they return, and in what they hold and copy:
//!
//! | you have | you get | with | it holds | it copies |
//! |---|---|---|---|---|
//! | all bytes | views | [`decode`](crate::decode()), [`replies`](crate::replies()), [`requests`](crate::requests()) | nothing | nothing |
//! | a buffer that fills | views | [`Decoder`](crate::Decoder), [`CommandDecoder`](crate::CommandDecoder) | your buffer: one frame | nothing; each byte is examined once |
//! | | Rust values | [`decode_to`](crate::frames::FrameDecoder::decode_to), [`decode_as`](crate::frames::FrameDecoder::decode_as) | the same | what the type owns |
//! | | owned frames | [`decode_frame`](crate::frames::FrameDecoder::decode_frame) | the buffer, until its last frame is dropped | nothing |
//! | | trees | [`decode_reply`](crate::frames::FrameDecoder::decode_reply) | a value for each element; payloads share the buffer | short strings and numbers |
//! | | the arguments so far | [`partial`](crate::frames::FrameDecoder::partial) | your buffer: one frame | nothing |
//! | | tokens | [`TokenReader`](crate::TokenReader), [`CommandTokenReader`](crate::CommandTokenReader) | your buffer: one token, or a part of a payload | nothing |
//! | | ends of frames | [`Framer`](crate::Framer) | no bytes | nothing |
//! | a blocking reader | views | [`ReplyReader`](crate::io::ReplyReader), [`CommandReader`](crate::io::CommandReader) | one frame, 16 KiB at least | each byte once, into its buffer |
//! | | values and elements | [`TokenStream::next_value`](crate::io::TokenStream::next_value), [`next_as`](crate::io::TokenStream::next_as) | the longest element | the same |
//! | | tokens | [`TokenStream`](crate::io::TokenStream) | one token; of payloads above 64 KiB, a part | the same; such payloads into your buffer |
//! | an asynchronous stream | owned frames | [`ReplyCodec`](crate::codec::ReplyCodec), [`CommandCodec`](crate::codec::CommandCodec) | one frame, and those that are still in use | each byte once, into its buffer |
//! | | owned tokens | [`TokenCodec`](crate::codec::TokenCodec), [`WireTokenCodec`](crate::codec::WireTokenCodec) | one token; of payloads above 64 KiB, a part | the same |
//!
//! The exact grammar is in `docs/GRAMMAR.md`, the structure of the crate in `docs/ARCHITECTURE.md`.

// `lib.rs` compiles this module only for documentation and doc tests (`cfg(any(doc, doctest))`), so a
// build of the crate does not read the pages. A page is always shown; its programs are tested only if the
// features that they use are enabled, so that `cargo test --doc` passes with any set of features.
//
// To add a page: a file here, a line in the table above and in that of the README, and a module below, in the
// order of the table.

/// Every program of the README is a test too.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}

#[cfg_attr(any(not(doctest), feature = "std"), doc = include_str!("replies.md"))]
pub mod replies {}

#[doc = include_str!("partial_input.md")]
pub mod partial_input {}

#[cfg_attr(
    any(not(doctest), all(feature = "cluster", feature = "commands")),
    doc = include_str!("requests.md")
)]
pub mod requests {}

#[doc = include_str!("owning.md")]
pub mod owning {}

#[cfg_attr(any(not(doctest), feature = "std"), doc = include_str!("writing.md"))]
pub mod writing {}

#[doc = include_str!("protocols.md")]
pub mod protocols {}

#[cfg_attr(any(not(doctest), feature = "commands"), doc = include_str!("cut_through.md"))]
pub mod cut_through {}

#[cfg_attr(any(not(doctest), feature = "std"), doc = include_str!("as_they_arrive.md"))]
pub mod as_they_arrive {}

#[cfg_attr(any(not(doctest), feature = "serde"), doc = include_str!("with_serde.md"))]
pub mod with_serde {}

#[cfg_attr(any(not(doctest), feature = "codec"), doc = include_str!("with_tokio.md"))]
pub mod with_tokio {}

#[cfg_attr(any(not(doctest), feature = "std"), doc = include_str!("readers.md"))]
pub mod readers {}

#[doc = include_str!("errors_and_limits.md")]
pub mod errors_and_limits {}

#[doc = include_str!("replication.md")]
pub mod replication {}

#[cfg_attr(any(not(doctest), feature = "aof"), doc = include_str!("append_only_files.md"))]
pub mod append_only_files {}

#[cfg_attr(any(not(doctest), feature = "std"), doc = include_str!("a_client.md"))]
pub mod a_client {}

#[cfg_attr(any(not(doctest), feature = "codec"), doc = include_str!("a_shared_client.md"))]
pub mod a_shared_client {}

#[cfg_attr(any(not(doctest), feature = "std"), doc = include_str!("a_server.md"))]
pub mod a_server {}

#[cfg_attr(any(not(doctest), feature = "commands"), doc = include_str!("a_proxy.md"))]
pub mod a_proxy {}

#[cfg_attr(any(not(doctest), feature = "std"), doc = include_str!("a_replica.md"))]
pub mod a_replica {}

#[cfg_attr(
    any(not(doctest), all(feature = "derive", feature = "serde", feature = "std")),
    doc = include_str!("a_tool.md")
)]
pub mod a_tool {}

#[doc = include_str!("without_std.md")]
pub mod without_std {}
