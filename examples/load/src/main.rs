//! The load as a program of its own.
//!
//! ```text
//! cargo run --release -p zresp-load -- 127.0.0.1:6379 --seconds 10
//! ```

use std::io;
use std::net::SocketAddr;

use clap::Parser;

/// Puts a load on a server that speaks Redis's protocol, and tells how it went.
#[derive(Debug, Parser)]
#[command(name = "zresp-load")]
struct Options {
    /// The server, such as 127.0.0.1:6379; it gets keys that begin with `demo:`, which are removed at the end
    server: SocketAddr,

    /// For how long, one half of it with pipelining
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,

    /// What the server wants to know of the user `default`
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
