//! Replies and requests that own their bytes.

mod buffer;
mod command_frame;
mod frame;

pub use buffer::FrameBuffer;
pub(crate) use buffer::part;
pub use command_frame::CommandFrame;
pub use frame::{Frame, OwnedFrame};
