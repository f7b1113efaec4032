//! Bytes in; views, boundaries or events out.

mod command;
mod framer;
pub(crate) mod iter;
pub mod replication;
mod reply;
pub(crate) mod resume;

pub use command::{CommandDecoder, PartialCommand};
pub use framer::{Framer, Progress};
pub use iter::{Commands, FrameDecoder, Frames, Replies, commands, replies};
pub(crate) use reply::whole_frame;
pub use reply::{Decoder, decode};
