//! The command line.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::StyledStr;
use clap::error::ErrorKind;
use clap::{ColorChoice, CommandFactory, FromArgMatches, Parser, ValueEnum};
use console::Term;

use crate::bound::{self, Bound};
use crate::client::Client;
use crate::kind::InputKind;
use crate::style::Paint;
use crate::width;

/// The most columns of the help.
const HELP_COLUMNS: usize = 100;

/// What comes after the options in the help: paragraphs with a heading each.
pub(crate) const AFTER: &str = "\
Examples:
  # every command of a server's append-only files
  zresp-inspect /var/lib/redis/appendonlydir
  # a table of commands, with latencies
  zresp-inspect --stats traffic.pcap
  # hottest keys, largest values, slowest commands
  zresp-inspect --top 10 traffic.pcap.gz
  zresp-inspect --key 'user:*' --command SET appendonly.aof
  # slow commands, each with its reply: both lines have the number of the exchange
  zresp-inspect --json --slower 1.5 traffic.pcapng | jq -sc 'group_by(.exchange)[] | add'
  zresp-inspect --raw --from 4096 --to 8192 appendonly.aof | redis-cli --pipe
  # live: -U writes each packet at once
  tcpdump -i any -U -w - 'tcp port 6379' | zresp-inspect -

Exit status:
  0 if all inputs were read to their ends, even if nothing matched, 1 if one was missing or broken or an interrupt ended --stats or --top, 2 for a wrong option.";

/// Shows Redis and Valkey traffic: append-only files, packet captures, requests and replies
///
/// The kind of each input is found out by its first bytes. It may be compressed with gzip or zstd.
#[allow(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
#[derive(Debug, Parser)]
#[command(name = "zresp-inspect", version, after_help = AFTER)]
pub(crate) struct Options {
    /// Files and directories, in order; `-` is standard input
    ///
    /// Of a directory with the manifest of a server, the files that the server would load are read. Another directory
    /// is looked through. Pipes and devices are read only if they are named here. Without any, standard input is read.
    /// If that is a terminal, or empty and there are no options, a built-in capture is shown instead; with --raw never.
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    /// Take the input for this, whatever it looks like
    #[arg(long = "as", value_name = "KIND", value_enum)]
    pub(crate) kind: Option<InputKind>,

    /// Print counts, sizes, latencies and the speed instead of the frames
    #[arg(long, group = "view")]
    pub(crate) stats: bool,

    /// Print the N hottest and largest keys, largest values, largest replies and slowest commands
    #[arg(long, value_name = "N", group = "view", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) top: Option<u16>,

    /// Print a line of JSON for each frame
    ///
    /// A command of a capture and its reply are two lines with the same `exchange` number. The second one has the latency and
    /// the name of the command. A string is a JSON string if
    /// it is UTF-8, otherwise {"hex": "ff00"}.
    #[arg(long, group = "view")]
    pub(crate) json: bool,

    /// Write the bytes of the frames as they are; of a capture, those of the requests
    #[arg(long, group = "view")]
    pub(crate) raw: bool,

    /// Show only frames that contain this text, as it was sent; case matters
    #[arg(long, value_name = "TEXT")]
    pub(crate) grep: Option<String>,

    /// Show only this command, or subcommand (CONFIG|GET), or those that match a pattern (*SET, CONFIG|*); may be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) command: Vec<String>,

    /// Show only commands with a key that matches this pattern, as in KEYS, with escapes such as \x00 as they are shown
    #[arg(long, value_name = "PATTERN")]
    pub(crate) key: Option<String>,

    /// Show only commands of this database, where it is known
    #[arg(long, value_name = "N")]
    pub(crate) db: Option<u32>,

    /// Show only commands of a capture whose replies took at least this many milliseconds (1.5)
    #[arg(long, value_name = "MS", value_parser = milliseconds)]
    pub(crate) slower: Option<Duration>,

    /// Begin with frames at this offset in bytes, or at this time in UTC
    ///
    /// A time is one of the day on which the input begins (12:03, 12:03:04.5), a day (2026-01-31), a day and a time
    /// (2026-01-31T12:03:04.5Z, 2026-01-31 12:03), any of them with an offset to UTC (+01:00), or seconds since 1970
    /// (@1769860800.5), with at most nine digits after the point. Frames without a time are left out then. --offsets shows
    /// the offsets.
    #[arg(long, value_name = "OFFSET|TIME")]
    pub(crate) from: Option<Bound>,

    /// End before this offset or time: a frame that begins there is left out
    #[arg(long, value_name = "OFFSET|TIME")]
    pub(crate) to: Option<Bound>,

    /// Show only the connections of this client or host, of a capture or a text of MONITOR (127.0.0.1:50000, 10.0.0.7)
    #[arg(long, value_name = "ADDR[:PORT]")]
    pub(crate) connection: Option<Client>,

    /// Show only requests, or only replies
    #[arg(long, value_name = "SIDE", value_enum)]
    pub(crate) only: Option<Side>,

    /// Show the offset of each frame before it; times are shown if the input tells them
    #[arg(long)]
    pub(crate) offsets: bool,

    /// Show passwords, such as those of AUTH and CONFIG SET requirepass, which are (redacted) otherwise
    #[arg(long)]
    pub(crate) secrets: bool,

    /// Show values in full, not only their first 256 bytes
    #[arg(long)]
    pub(crate) full: bool,

    /// After an error, continue at the next thing that looks like a frame
    #[arg(long)]
    pub(crate) keep_going: bool,

    /// Ports that servers listen on; needed if a capture shows neither the start of a connection nor a usual port
    #[arg(long, value_name = "PORT", default_values_t = [6379, 6380, 7000, 7001, 26379])]
    pub(crate) port: Vec<u16>,

    /// Whether to use colours, in the help too
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = ColorChoice::Auto)]
    pub(crate) color: ColorChoice,

    /// Print the manual page, or the completions of a shell
    #[arg(long, value_name = "WHAT", value_enum, hide = !cfg!(feature = "manual"))]
    pub(crate) manual: Option<Manual>,
}

/// What `--manual` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Manual {
    Man,
    Bash,
    Elvish,
    Fish,
    Powershell,
    Zsh,
}

impl Options {
    /// Reads a command line.
    ///
    /// # Errors
    /// Returns the text of the help or the version, and errors of the options.
    pub(crate) fn read(arguments: impl Iterator<Item = OsString>) -> Result<Self, clap::Error> {
        let columns = width::columns(&Term::stdout()).unwrap_or(HELP_COLUMNS);
        // With little room, what an option does is not beside it, but in the next line.
        let mut command = Self::command().next_line_help(columns < HELP_COLUMNS);
        let options = Self::from_arg_matches(&command.try_get_matches_from_mut(arguments)?)?;
        let error = match (options.from, options.to) {
            (Some(from), Some(to)) if from.is_after(to) => "--from is after --to",
            _ if options.manual.is_some() && !cfg!(feature = "manual") => {
                "--manual needs a program built with `--features manual`"
            }
            _ => return Ok(options),
        };
        Err(command.error(ErrorKind::ValueValidation, error))
    }
}

/// Returns the help as it is shown: wrapped, and with colours if `--color` and the environment allow them.
pub(crate) fn help(help: &StyledStr) -> String {
    // The command line was not read to its end.
    let arguments: Vec<_> =
        env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned()).collect();
    let mut values = arguments.iter().enumerate().filter_map(|(index, argument)| {
        match argument.strip_prefix("--color")? {
            "" => arguments.get(index + 1).map(String::as_str),
            value => value.strip_prefix('='),
        }
    });
    let choice = values.next_back().and_then(|value| ColorChoice::from_str(value, false).ok());
    let is_coloured = Paint::new(choice.unwrap_or(ColorChoice::Auto)).is_on();
    let text = if is_coloured { help.ansi().to_string() } else { help.to_string() };
    let columns = width::columns(&Term::stdout()).unwrap_or(HELP_COLUMNS);
    let wrapped = text.lines().map(|line| {
        let indent = line.len() - line.trim_start().len();
        // The next line of an example would look like another one.
        let hanging = if indent == 2 { 4 } else { indent };
        width::wrap(line.trim_end(), columns.min(HELP_COLUMNS), hanging) + "\n"
    });
    wrapped.collect()
}

impl Options {
    /// Returns whether nothing is shown before the end of all inputs.
    pub(crate) const fn is_summary(&self) -> bool {
        self.stats || self.top.is_some()
    }
}

/// Reads a number of milliseconds.
fn milliseconds(text: &str) -> Result<Duration, &'static str> {
    let number = bound::since_1970(text).map(|number| number / 1000);
    number.ok_or("not a number of milliseconds, such as 1.5")
}

/// One of the two directions of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Side {
    Requests,
    Replies,
}
