//! The command line.

use std::path::PathBuf;

use clap::{ColorChoice, Parser, ValueEnum};

use crate::bound::Bound;
use crate::kind::InputKind;

const EXAMPLES: &str = "\
Examples:
  zresp-inspect /var/lib/redis/appendonlydir        every command of a server's append-only files
  zresp-inspect --stats traffic.pcap                a table of commands, with latencies
  zresp-inspect --top 10 traffic.pcap.gz            hottest keys, largest values, slowest commands
  zresp-inspect --key 'user:*' --command SET appendonly.aof
  zresp-inspect --json traffic.pcapng | jq .latency_us
  zresp-inspect --raw --from 4096 --to 8192 appendonly.aof | redis-cli --pipe
  tcpdump -i lo -w - port 6379 | zresp-inspect -

Exit status: 0 if all inputs were read to their ends, 1 if one was missing or broken, 2 for a wrong option.";

/// Shows Redis and Valkey traffic: append-only files, packet captures, requests and replies
///
/// The kind of each input is found out by its first bytes. It may be compressed with gzip or zstd.
#[allow(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
#[derive(Debug, Parser)]
#[command(name = "zresp-inspect", version, after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Files and directories, in order; `-` is standard input
    ///
    /// Of a directory with the manifest of a server, the files that the server would load are read. Another directory
    /// is looked through. Without any, standard input is read. If that is a terminal, or empty and there are no options, a
    /// built-in capture is shown instead; with --raw never.
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    /// Take the input for this, whatever it looks like
    #[arg(long = "as", value_name = "KIND", value_enum)]
    pub(crate) kind: Option<InputKind>,

    /// Print counts, sizes, latencies and the speed instead of the frames
    #[arg(long, group = "view")]
    pub(crate) stats: bool,

    /// Print the N hottest keys, largest values, largest replies and slowest commands
    #[arg(long, value_name = "N", group = "view", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) top: Option<u16>,

    /// Print a line of JSON for each frame
    ///
    /// A string is a JSON string if it is UTF-8, otherwise {"hex": "ff00"}.
    #[arg(long, group = "view")]
    pub(crate) json: bool,

    /// Write the bytes of the frames as they are; of a capture, those of the requests
    #[arg(long, group = "view")]
    pub(crate) raw: bool,

    /// Show only frames that contain this text
    #[arg(long, value_name = "TEXT")]
    pub(crate) grep: Option<String>,

    /// Show only this command, or subcommand (CONFIG|GET); may be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) command: Vec<String>,

    /// Show only commands with a key that matches this pattern, as in KEYS
    #[arg(long, value_name = "PATTERN")]
    pub(crate) key: Option<String>,

    /// Begin at this offset in bytes, or at this time (2026-01-31T12:00:00Z, @1769860800.5)
    #[arg(long, value_name = "OFFSET|TIME")]
    pub(crate) from: Option<Bound>,

    /// End before this offset or time
    #[arg(long, value_name = "OFFSET|TIME")]
    pub(crate) to: Option<Bound>,

    /// Show only requests, or only replies
    #[arg(long, value_name = "SIDE", value_enum)]
    pub(crate) only: Option<Side>,

    /// Show values in full, not only their first 256 bytes
    #[arg(long)]
    pub(crate) full: bool,

    /// After an error, continue at the next thing that looks like a frame
    #[arg(long)]
    pub(crate) keep_going: bool,

    /// Ports that servers listen on; needed if a capture shows neither the start of a connection nor a usual port
    #[arg(long, value_name = "PORT", default_values_t = [6379, 6380, 7000, 7001, 26379])]
    pub(crate) port: Vec<u16>,

    /// Whether to use colours
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = ColorChoice::Auto)]
    pub(crate) color: ColorChoice,

    /// Print the manual page, or the completions of a shell
    #[cfg(feature = "manual")]
    #[arg(long, value_name = "man|SHELL")]
    pub(crate) manual: Option<String>,
}

/// One of the two directions of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Side {
    Requests,
    Replies,
}
