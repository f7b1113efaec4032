//! Replies as trees, to build, to change and to keep.

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
pub(crate) use builder::{AggregateForm, Builder};
pub use reply::Reply;
pub use streamed::StreamedString;
pub use walk::TreeTokens;
pub(crate) use walk::{Step, Walk};
