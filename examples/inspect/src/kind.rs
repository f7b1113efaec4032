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
    /// What a primary sends to a replica
    Replication,
    /// The text that `redis-cli monitor` prints
    Monitor,
    /// A packet capture, pcap or pcapng
    Capture,
}
