//! The options of the command line.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::thread::available_parallelism;

use clap::builder::NonEmptyStringValueParser;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use tracing::Level;
use zresp::Protocol;

/// A proxy for the Redis protocol. Without an upstream it starts its own in-memory server.
#[derive(Clone, Debug, Parser)]
#[command(name = "zresp-proxy", version)]
pub(crate) struct Options {
    /// The address to listen on, such as `127.0.0.1:6380` or `[::1]:6380`; port 0 means any free port
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:6380", value_parser = own_address)]
    pub(crate) listen: SocketAddr,

    /// A server to send commands to; if given several times, keys are spread by their slots
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "cluster", value_parser = address)]
    pub(crate) upstream: Vec<String>,

    /// A node of a Redis Cluster, which names the other nodes; give several in case one is down
    #[arg(long, value_name = "HOST:PORT", value_parser = address)]
    pub(crate) cluster: Vec<String>,

    /// The upstreams' password for the user `default`, which clients must then send too; safer in the
    /// environment
    #[arg(long, value_name = "PASSWORD", env = "ZRESP_PROXY_PASSWORD", hide_env_values = true, value_parser = NonEmptyStringValueParser::new())]
    pub(crate) password: Option<String>,

    /// The protocol of all shared connections, 2 or 3; replies are translated for clients with the other one. Without
    /// this option, each protocol has its own connections
    #[arg(long, value_name = "2|3", value_parser = protocol)]
    pub(crate) protocol: Option<Protocol>,

    /// How long an upstream may be silent while a reply is due, in seconds; blocking commands may take longer
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) timeout: u64,

    /// The most bytes of commands and replies that wait for one client, which may write many commands before it
    /// reads; then nothing more is read, and if it takes nothing for `--timeout`, it is disconnected. One reply may
    /// be larger, if other clients wait for the same connection
    #[arg(long, value_name = "BYTES", default_value = "256MiB", value_parser = size)]
    pub(crate) client_buffer: usize,

    /// The most bytes that all clients together make the proxy hold, in equal parts for the threads; then the one
    /// for whom most has been held for the longest time is disconnected
    #[arg(long, value_name = "BYTES", default_value = "1GiB", value_parser = size)]
    pub(crate) all_buffers: usize,

    /// How many threads serve clients, each with connections of its own to the upstreams; by default one for each
    /// core
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,

    /// The address to serve counters on, for Prometheus, at /metrics
    #[arg(long, value_name = "IP:PORT", value_parser = own_address)]
    pub(crate) metrics: Option<SocketAddr>,

    /// Load the proxy for this many seconds, print the results, and exit; all keys start with `demo:` and are
    /// deleted at the end
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) demo: Option<u64>,

    /// The level of the log on standard error: error, warn, info, debug
    #[arg(long, value_name = "LEVEL", default_value = "warn")]
    pub(crate) log: Level,
}

impl Options {
    /// Returns the options of this process. Ends it if they are wrong.
    pub(crate) fn of_process() -> Self {
        let options = Self::parse();
        let mut upstreams = options.upstream.iter().enumerate();
        if let Some((_, twice)) =
            upstreams.find(|(at, each)| options.upstream[..*at].contains(each))
        {
            let text = format!("--upstream {twice} is given twice");
            Self::command().error(ErrorKind::ValueValidation, text).exit();
        }
        options
    }

    pub(crate) fn threads(&self) -> usize {
        self.threads.map_or_else(|| available_parallelism().map_or(1, usize::from), usize::from)
    }

    pub(crate) fn has_no_upstream(&self) -> bool {
        self.upstream.is_empty() && self.cluster.is_empty()
    }
}

fn protocol(text: &str) -> Result<Protocol, &'static str> {
    match text {
        "2" => Ok(Protocol::Resp2),
        "3" => Ok(Protocol::Resp3),
        _ => Err("the protocols are 2 and 3"),
    }
}

/// Reads an address to listen on.
fn own_address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "this is not an IP address and a port, such as 127.0.0.1:6380")
}

/// Checks the form of an address, and nothing else: connecting happens later, and is retried.
fn address(text: &str) -> Result<String, &'static str> {
    let (host, port) = text.rsplit_once(':').ok_or("the port is missing")?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    match (port.parse::<u16>(), bare.unwrap_or(host)) {
        (Err(_) | Ok(0), _) => Err("the port must be a number from 1 to 65535"),
        (_, "") => Err("the host is missing"),
        (_, name) if name.contains(['/', ',', '[', ']', ' ']) => {
            Err("this is not a host and a port")
        }
        (_, name) if name.contains(':') && bare.is_none() => Err("an IPv6 address needs brackets"),
        _ => Ok(text.to_owned()),
    }
}

/// Reads a number of bytes, such as `1000000` or `256MiB`.
fn size(text: &str) -> Result<usize, &'static str> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        _ => return Err("the unit must be KiB, MiB or GiB"),
    };
    let size = digits.parse().ok().and_then(|count: usize| count.checked_mul(unit));
    size.filter(|size| *size > 0).ok_or("this is not a number of bytes")
}
