//! The options of the command line.

use std::net::SocketAddr;

use clap::Parser;
use tracing::Level;

/// A proxy for Redis's protocol. Without an upstream it starts an in-memory server of its own.
#[derive(Debug, Parser)]
#[command(name = "zresp-proxy", version)]
pub(crate) struct Options {
    /// Where to listen, such as `127.0.0.1:6380` or `[::1]:6380`; port 0 is any free one
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:6380")]
    pub(crate) listen: SocketAddr,

    /// A server to pass commands on to; over several, keys are spread by their slots
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "cluster", value_parser = address)]
    pub(crate) upstream: Vec<String>,

    /// A node of a Redis Cluster, from which the others are learnt; several in case one is down
    #[arg(long, value_name = "HOST:PORT", value_parser = address)]
    pub(crate) cluster: Vec<String>,

    /// What the upstreams want of the user `default`, and then clients must know it too; better given by the
    /// environment
    #[arg(long, value_name = "PASSWORD", env = "ZRESP_PROXY_PASSWORD", hide_env_values = true)]
    pub(crate) password: Option<String>,

    /// How long an upstream may take for a reply, in seconds; the client of a blocking command waits longer
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) timeout: u64,

    /// Where to serve counters to Prometheus, at /metrics
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) metrics: Option<SocketAddr>,

    /// Puts a load on the proxy for so many seconds, tells how it went, and ends; it writes keys that begin with
    /// `demo:`, and removes them
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) demo: Option<u64>,

    /// What to log to standard error: error, warn, info, debug
    #[arg(long, value_name = "LEVEL", default_value = "warn")]
    pub(crate) log: Level,
}

impl Options {
    pub(crate) fn password(&self) -> Option<String> {
        self.password.clone().filter(|password| !password.is_empty())
    }

    pub(crate) fn has_no_upstream(&self) -> bool {
        self.upstream.is_empty() && self.cluster.is_empty()
    }
}

/// Accepts what has the form of an address: whether it can be reached is seen later, and tried again.
fn address(text: &str) -> Result<String, &'static str> {
    let (host, port) = text.rsplit_once(':').ok_or("no port")?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    match (port.parse::<u16>(), bare.unwrap_or(host)) {
        (Err(_) | Ok(0), _) => Err("a port is a number from 1 to 65535"),
        (_, "") => Err("no host"),
        (_, name) if name.contains(['/', ',', '[', ']', ' ']) => {
            Err("this is not one host and a port")
        }
        (_, name) if name.contains(':') && bare.is_none() => Err("an IPv6 address needs brackets"),
        _ => Ok(text.to_owned()),
    }
}
