//! The command line.

use std::path::PathBuf;

use clap::Parser;

/// Prints captured RESP2 and RESP3 replies as `redis-cli` would, or captured requests.
#[derive(Debug, Parser)]
#[command(name = "inspect")]
pub(crate) struct Options {
    /// Files of replies, in order; `-` is standard input
    ///
    /// Without any, standard input is read. If that is a terminal or empty, a built-in capture is
    /// shown instead.
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    /// Read requests instead of replies: captured commands, or an append-only file
    #[arg(long)]
    pub(crate) requests: bool,

    /// Print counts, sizes and the decoding speed instead of the replies
    #[arg(long)]
    pub(crate) stats: bool,
}
