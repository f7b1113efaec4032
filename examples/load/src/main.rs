//! The load generator as a program.
//!
//! ```text
//! cargo run --release -p zresp-load -- 127.0.0.1:6379 --seconds 10
//! ```

use std::io;
use std::net::SocketAddr;

use clap::Parser;

/// Loads a server that speaks the Redis protocol, and prints its throughput and latency.
#[derive(Debug, Parser)]
#[command(name = "zresp-load")]
struct Options {
    /// The server, such as 127.0.0.1:6379; the keys written to it start with `demo:` and are deleted at the end
    server: SocketAddr,

    /// How long to run, in seconds; the second half uses pipelining
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,

    /// The password of the user `default`
    #[arg(long, env = "ZRESP_LOAD_PASSWORD", hide_env_values = true)]
    password: Option<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let options = Options::parse();
    print!(
        "{}",
        zresp_load::run(options.server, options.seconds, options.password.as_deref()).await?
    );
    Ok(())
}
