//! The command line.

use std::path::PathBuf;

use clap::Parser;

/// Shows captured RESP2 and RESP3 replies as `redis-cli` would, or requests.
#[derive(Debug, Parser)]
#[command(name = "inspect")]
pub(crate) struct Options {
    /// Files of replies, in order; `-` is standard input
    ///
    /// Without any, standard input is read; where that is a terminal or empty, a capture that is
    /// built in is shown instead.
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    /// Read requests: commands that were captured, or an append-only file
    #[arg(long)]
    pub(crate) requests: bool,

    /// Print what the replies consist of, and how fast they decode, instead of the replies
    #[arg(long)]
    pub(crate) stats: bool,
}
