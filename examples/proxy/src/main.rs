//! A proxy for the Redis protocol, built only on the public API of zresp.
//!
//! ```text
//! cargo run --release -p zresp-proxy                                   # then: redis-cli -p 6380
//! cargo run --release -p zresp-proxy -- --upstream 127.0.0.1:6379      # in front of a server
//! cargo run --release -p zresp-proxy -- --cluster 127.0.0.1:7000       # in front of a Redis Cluster
//! ```
//!
//! Everything runs on one thread. Each client has a [session](session): a task that cuts its input into
//! commands, [routes](routing) them by a [table], and [adds](dispatch) them to the output of a [lane](lane), a connection to an
//! [upstream] that many clients share. The lane cuts its input into replies, and gives each to the [client]
//! whose turn it is. Commands for several upstreams are split, and the replies [joined](join). The [topology] knows
//! which upstream has which slots; refused commands are [sent again](redirect).
//!
//! Some commands do not share a connection, but go [alone]. With one upstream, a client with state gets a connection
//! of its own: from then on its bytes are [relayed](relay). With several, it gets connections for its
//! [transaction] and its [subscriptions](feed). What it says about its [identity] needs none. The rest is
//! [options], [metrics], a built-in [store], and a [demo].

mod alone;
mod client;
mod demo;
mod dispatch;
mod feed;
mod identity;
mod join;
mod lane;
mod metrics;
mod options;
mod proxy;
mod redirect;
mod relay;
mod routing;
mod session;
mod store;
mod table;
mod topology;
mod transaction;
mod upstream;

use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::rc::Rc;

use clap::Parser;
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::LocalSet;
use tracing::{error, warn};

use options::Options;
use proxy::Proxy;

/// How many connections may wait to be accepted, if the system lets them.
const BACKLOG: u32 = 4096;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options = Options::parse();
    tracing_subscriber::fmt()
        .with_max_level(options.log)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .init();
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        warn!(%error, "cannot raise the limit on open files");
    }
    match LocalSet::new().run_until(run(options)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(mut options: Options) -> io::Result<()> {
    let stop = zresp_store::stop_signal()?;
    let listener = bind(options.listen)?;
    let address = listener.local_addr()?;
    if options.has_no_upstream() {
        // The store needs no password, so clients need none either.
        options.password = None;
        options.upstream.push(store::start()?);
    }
    let proxy = Proxy::new(&options).await;
    say(&format!(
        "listening on {address}: try `redis-cli -h {} -p {}`\n",
        address.ip(),
        address.port()
    ));
    if let Some(metrics) = options.metrics {
        let listener = bind(metrics)?;
        say(&format!("metrics on http://{}/metrics\n", listener.local_addr()?));
        tokio::task::spawn_local(metrics::serve(listener, Rc::clone(&proxy)));
    }
    let Some(seconds) = options.demo else {
        // It is polled only after the first signal, so it waits for a second one.
        let stop_again = async {
            match zresp_store::stop_signal() {
                Ok(signal) => signal.await,
                Err(_) => std::future::pending().await,
            }
        };
        proxy.serve(listener, stop, stop_again).await;
        return Ok(());
    };
    let mut outcome = Ok(String::new());
    let demo = async { outcome = demo::run(address, seconds, options.password()).await };
    let end = async {
        tokio::select! { () = demo => {}, () = stop => {} }
    };
    proxy.serve(listener, end, std::future::pending()).await;
    say(&outcome?);
    Ok(())
}

/// Listens on an address. An error names the address.
fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let listen = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        // Accepted connections inherit it, so a client that vanished is noticed in the end.
        socket.set_keepalive(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    listen().map_err(|error| io::Error::new(error.kind(), format!("{address}: {error}")))
}

/// Writes to standard output. If that is closed, the text is lost.
fn say(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}
