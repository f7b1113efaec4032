//! A proxy for the Redis protocol, built only on the public API of zresp.
//!
//! ```text
//! cargo run --release -p zresp-proxy                                   # then: redis-cli -p 6380
//! cargo run --release -p zresp-proxy -- --upstream 127.0.0.1:6379      # in front of a server
//! cargo run --release -p zresp-proxy -- --cluster 127.0.0.1:7000       # in front of a Redis Cluster
//! ```
//!
//! Each thread serves the clients that it accepts, and shares nothing with the others. Each client has a
//! [session](session): a task that cuts its input into commands, [routes](routing) them by a [table], and
//! [adds](dispatch) them to the output of a [lane](lane), a connection to an
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
mod output;
mod passing;
mod proxy;
mod redirect;
mod relay;
mod replies;
mod routing;
mod session;
mod store;
mod table;
mod topology;
mod transaction;
mod upstream;

use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use clap::Parser;
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Builder;
use tokio::sync::{oneshot, watch};
use tokio::task::LocalSet;
use tracing::{error, warn};

use metrics::Metrics;
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

/// How far the proxy has been told to stop.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Stage {
    Serving,
    Draining,
    Ending,
}

async fn run(mut options: Options) -> io::Result<()> {
    let stop = zresp_store::stop_signal()?;
    let listeners = listen(options.listen, options.threads())?;
    let address = listeners[0].local_addr()?;
    if options.has_no_upstream() {
        // The store needs no password, so clients need none either.
        options.password = None;
        options.upstream.push(store::start()?);
    }
    let (stage, told) = watch::channel(Stage::Serving);
    let (mut threads, mut all_metrics) = (Vec::new(), Vec::new());
    for listener in listeners {
        let metrics = Arc::new(Metrics::new());
        all_metrics.push(Arc::clone(&metrics));
        threads.push(start(options.clone(), listener, metrics, told.clone())?);
    }
    say(&format!(
        "listening on {address}: try `redis-cli -h {} -p {}`\n",
        address.ip(),
        address.port()
    ));
    if let Some(metrics) = options.metrics {
        let listener = bind(metrics, false)?;
        say(&format!("metrics on http://{}/metrics\n", listener.local_addr()?));
        tokio::task::spawn_local(metrics::serve(listener, all_metrics.into()));
    }
    if let Some(seconds) = options.demo {
        let demo = demo::run(address, seconds, options.password());
        let outcome = tokio::select! { outcome = demo => outcome, () = stop => Ok(String::new()) };
        say(&outcome?);
    } else {
        stop.await;
    }
    stage.send_replace(Stage::Draining);
    let ended = async {
        for thread in threads {
            // It fails if the thread has panicked.
            let _ = thread.await;
        }
    };
    let stop_again = zresp_store::stop_signal()?;
    let mut ended = pin!(ended);
    tokio::select! {
        () = &mut ended => return Ok(()),
        () = stop_again => stage.send_replace(Stage::Ending),
    };
    ended.await;
    Ok(())
}

/// Starts a thread that serves the clients of a listener; returns its end.
fn start(
    options: Options,
    listener: TcpListener,
    metrics: Arc<Metrics>,
    told: watch::Receiver<Stage>,
) -> io::Result<oneshot::Receiver<()>> {
    let listener = listener.into_std()?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (ended, end) = oneshot::channel();
    thread::Builder::new().name("proxy".to_owned()).spawn(move || {
        let served = LocalSet::new().block_on(&runtime, serve(options, listener, metrics, told));
        if let Err(error) = served {
            error!("{error}");
        }
        let _ = ended.send(());
    })?;
    Ok(end)
}

async fn serve(
    options: Options,
    listener: std::net::TcpListener,
    metrics: Arc<Metrics>,
    mut told: watch::Receiver<Stage>,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let mut told_again = told.clone();
    let stop = async {
        let _ = told.wait_for(|stage| *stage >= Stage::Draining).await;
    };
    let stop_again = async {
        let _ = told_again.wait_for(|stage| *stage >= Stage::Ending).await;
    };
    Proxy::new(&options, metrics).await.serve(listener, stop, stop_again).await;
    Ok(())
}

/// Listens on an address, once for each thread.
fn listen(address: SocketAddr, threads: usize) -> io::Result<Vec<TcpListener>> {
    // The system would let several programs share an address, so this one is tried alone first.
    let alone = bind(address, false)?;
    if threads == 1 {
        return Ok(vec![alone]);
    }
    let address = alone.local_addr()?;
    drop(alone);
    (0..threads).map(|_| bind(address, true)).collect()
}

/// Listens on an address. An error names the address.
fn bind(address: SocketAddr, is_shared: bool) -> io::Result<TcpListener> {
    let listen = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.set_reuseport(is_shared)?;
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
