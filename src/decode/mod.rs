//! Decoders: bytes in; views, boundaries or events out.

mod command;
mod decoder;
mod direction;
mod framer;
mod iter;
pub mod replication;
mod reply;
mod token_iter;
mod token_reader;

pub use command::CommandDecoder;
pub use decoder::FrameDecoder;
pub use direction::sealed::FrameView;
pub use direction::{Direction, Replies, Requests};
pub use framer::{Framer, Progress};
pub use iter::{Frames, replies, requests};
pub use reply::{Decoder, decode};
pub use token_iter::TokenIter;
pub use token_reader::{CommandTokenReader, FrameTokenReader, PayloadPart, TokenReader};
