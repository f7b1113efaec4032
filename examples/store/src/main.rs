//! The in-memory server as a program.
//!
//! ```text
//! cargo run --release -p zresp-store                            # then: redis-cli -p 6379
//! cargo run --release -p zresp-store -- --listen 127.0.0.1:0    # on any free port
//! ```

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use tokio::net::TcpListener;
use tracing::{Level, error};

/// An in-memory server that speaks the Redis protocol.
#[derive(Debug, Parser)]
#[command(name = "zresp-store")]
struct Options {
    /// The address to listen on; port 0 means any free port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:6379")]
    listen: SocketAddr,

    /// The level of the log on standard error: error, warn, info, debug
    #[arg(long, value_name = "LEVEL", default_value = "warn")]
    log: Level,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options = Options::parse();
    tracing_subscriber::fmt().with_max_level(options.log).with_writer(io::stderr).init();
    match run(&options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!("{}: {error}", options.listen);
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> io::Result<()> {
    let stop = zresp_store::stop_signal()?;
    let listener = TcpListener::bind(options.listen).await?;
    greet(listener.local_addr()?);
    zresp_store::serve(listener, stop).await;
    Ok(())
}

/// Prints how to connect. If standard output is closed, the text is lost.
fn greet(address: SocketAddr) {
    let (host, port) = (address.ip(), address.port());
    let text = format!("listening on {address}: try `redis-cli -h {host} -p {port}`\n");
    let _ = io::stdout().write_all(text.as_bytes());
}
