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
//! whose turn it is. Commands for several upstreams are [split](spread), and the replies [joined](join). The [topology]
//! knows which upstream has which slots; refused commands are [sent again](redirect).
//!
//! Some commands need a [connection] that is not shared. Large ones are [passed](passing) on one while they arrive. With
//! one upstream, a client with state gets one of its own: from then on its bytes are [relayed](relay). With several, it
//! gets them for its [transaction] and its [subscriptions](feed). What it says about its [identity] needs none. The
//! rest is [options] and [metrics].

mod charge;
mod client;
mod connection;
mod dispatch;
mod due;
mod feed;
mod identity;
mod join;
mod lane;
mod lane_reader;
mod login;
mod mark;
mod metrics;
mod options;
mod output;
mod passing;
mod proxy;
mod redirect;
mod relay;
mod routing;
mod session;
mod spread;
mod table;
mod topology;
mod transaction;
mod upstream;

use std::future::pending;
use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Builder;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinSet, LocalSet};
use tracing::{error, warn};
use zresp_store::stop_signal;

use metrics::Metrics;
use options::Options;
use proxy::{Proxy, Stage};

/// How many connections may wait to be accepted, if the system lets them.
const BACKLOG: u32 = 4096;

/// Runs everything except the proxy itself: the built-in store, the metrics and the demo.
#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    let options = Options::of_process();
    tracing_subscriber::fmt()
        .with_max_level(options.log)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .init();
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        warn!(%error, "cannot raise the limit on open files");
    }
    match run(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(mut options: Options) -> io::Result<()> {
    let stop = stop_signal()?;
    let listeners = listen(options.listen, options.threads())?;
    let address = listeners[0].local_addr()?;
    if options.has_no_upstream() {
        // The store needs no password, so clients need none either.
        options.password = None;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        options.upstream.push(listener.local_addr()?.to_string());
        tokio::spawn(zresp_store::serve(listener, pending()));
    }
    let stage = watch::Sender::new(Stage::Serving);
    let (mut threads, mut all_metrics) = (JoinSet::new(), Vec::new());
    // Nothing is sent. It is closed when each thread has dropped its end, and so is ready.
    let (starting, mut all_ready) = mpsc::channel::<()>(1);
    for listener in listeners {
        let (options, metrics) = (options.clone(), Arc::new(Metrics::new()));
        all_metrics.push(Arc::clone(&metrics));
        let (listener, stage, starting) =
            (listener.into_std()?, stage.subscribe(), starting.clone());
        threads.spawn_blocking(move || {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            LocalSet::new().block_on(&runtime, async {
                let listener = TcpListener::from_std(listener)?;
                let proxy = Proxy::new(&options, metrics, stage).await;
                drop(starting);
                proxy.serve(listener).await;
                io::Result::Ok(())
            })
        });
    }
    let (ip, port) = (address.ip(), address.port());
    let mut greeting = format!("listening on {address}: try `redis-cli -h {ip} -p {port}`\n");
    if let Some(metrics) = options.metrics {
        let listener = bind(metrics, false)?.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        greeting = format!("{greeting}metrics on http://{address}/metrics\n");
        tokio::spawn(metrics::serve(listener, all_metrics.into()));
    }
    drop(starting);
    tokio::spawn(async move {
        all_ready.recv().await;
        say(&greeting);
    });
    if let Some(seconds) = options.demo {
        let demo = zresp_load::run(address, seconds, options.password.as_deref());
        tokio::select! { table = demo => say(&table?), () = stop => {} }
    } else {
        stop.await;
    }
    stage.send_replace(Stage::Draining);
    let stop_again = stop_signal()?;
    tokio::spawn(async move {
        stop_again.await;
        stage.send_replace(Stage::Ending);
    });
    while let Some(thread) = threads.join_next().await {
        thread??;
    }
    Ok(())
}

/// Listens on an address, once for each thread.
fn listen(address: SocketAddr, threads: usize) -> io::Result<Vec<TcpListener>> {
    // The system would let several programs share an address, so this one is tried alone first. That socket does
    // not listen: a client that connected to it would be disconnected when it is closed.
    let alone = bind(address, false)?;
    if threads == 1 {
        return Ok(vec![alone.listen(BACKLOG)?]);
    }
    let address = alone.local_addr()?;
    drop(alone);
    (0..threads).map(|_| bind(address, true)?.listen(BACKLOG)).collect()
}

/// Returns a socket with an address. An error names the address.
fn bind(address: SocketAddr, is_shared: bool) -> io::Result<TcpSocket> {
    let bind = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.set_reuseport(is_shared)?;
        // Accepted connections inherit it, so a client that vanished is noticed in the end.
        socket.set_keepalive(true)?;
        socket.bind(address).map(|()| socket)
    };
    bind().map_err(|error| io::Error::new(error.kind(), format!("{address}: {error}")))
}

/// Writes to standard output. If that is closed, the text is lost.
fn say(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}
