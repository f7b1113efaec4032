//! Replies and requests that own their bytes, and replies as trees.

mod build;
mod children;
mod command;
mod frame;
mod from;
mod reply;
mod share;
mod streamed;
mod tree;
mod walk;

#[cfg(feature = "arbitrary")]
mod arbitrary;

pub use children::{Annotated, Entries, Items};
pub use command::CommandFrame;
pub use frame::Frame;
pub use reply::Reply;
pub use share::FrameBuffer;
pub(crate) use share::part;
pub use streamed::StreamedString;
pub use walk::TreeTokens;

pub(crate) use build::Builder;
pub(crate) use walk::{Step, Walk};
