//! Replies as trees, to build and to change.
//!
//! [`Reply`] is the tree; it is re-exported at the root of the crate. You need this module to name
//! the parts of a tree. To keep or forward a reply unchanged, use a [`Frame`](crate::Frame), which
//! is cheaper.
//!
//! | type | what it holds | like |
//! |---|---|---|
//! | [`Reply`] | any value | [`ReplyRef`](crate::ReplyRef), but owned |
//! | [`Items`] | the elements of an array, a set or a push | `Vec<Reply>` |
//! | [`Entries`] | the pairs of a map, in order | `Vec<(Reply, Reply)>`, with a lookup by key |
//! | [`StreamedString`] | the chunks of a streamed string | [`Chunks`](crate::view::Chunks), but owned |
//! | [`Annotated`] | a reply and the attribute before it | `(Entries, Reply)` |
//! | [`TreeTokens`] | a tree as one flat sequence of tokens | [`Tokens`](crate::view::Tokens) |
//!
//! An aggregate of a tree is written with its length, except that in RESP3 it is written in streamed form if it
//! was received in that form, or made with [`Items::streamed`] or [`Entries::streamed`].
//!
//! ```
//! use zresp::tree::{Entries, Items};
//! use zresp::{Encode, Protocol, Reply};
//!
//! let mut flags = Items::from_iter(["write"]);
//! flags.push("fast");
//! let mut entries = Entries::default();
//! entries.push("flags", Reply::Set(flags));
//! entries.push("arity", -4);
//! if let Some(arity) = entries.get_mut(b"arity") {
//!     *arity = Reply::from(3);
//! }
//! let wire = Reply::Map(entries).to_wire(Protocol::Resp3)?;
//! assert_eq!(wire, "%2\r\n$5\r\nflags\r\n~2\r\n$5\r\nwrite\r\n$4\r\nfast\r\n$5\r\narity\r\n:3\r\n");
//! # Ok::<(), zresp::EncodeError>(())
//! ```

mod aggregates;
mod builder;
mod from;
mod parse;
mod reply;
mod streamed;
mod walk;

#[cfg(feature = "arbitrary")]
mod arbitrary;

pub use aggregates::{Annotated, Entries, EntriesIter, EntriesIterMut, Items};
pub(crate) use builder::AggregateForm;
#[cfg(feature = "serde")]
pub(crate) use builder::Builder;
pub use reply::Reply;
pub use streamed::StreamedString;
pub use walk::TreeTokens;
pub(crate) use walk::{Step, Walk};
