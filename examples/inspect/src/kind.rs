//! The kinds of input.

use clap::ValueEnum;

/// What an input consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum InputKind {
    /// What a server sent to a client
    Replies,
    /// What a client sent to a server
    Requests,
    /// An append-only file, with or without a snapshot at its beginning
    Aof,
    /// A packet capture, pcap or pcapng
    Capture,
}
