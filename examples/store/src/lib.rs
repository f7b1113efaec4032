//! An in-memory server: a [`Keyspace`], [commands](commands) on it, and [connections](connection).
//!
//! For the commands that it has, its replies are those of Redis 7.0.

mod collections;
mod commands;
mod connection;
mod failure;
mod glob;
mod keys;
mod keyspace;
mod number;
mod server;
mod strings;

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tracing::{debug, info, warn};

use commands::Shared;
use connection::Connection;

/// How often expired keys are looked for, as with `hz 10` in Redis.
const SWEEP: Duration = Duration::from_millis(100);
/// How long clients may take to read the replies that are due when the server stops.
const GRACE: Duration = Duration::from_secs(5);

/// Serves clients until `stop` completes, then delivers the replies that are due.
pub async fn serve(listener: TcpListener, stop: impl Future<Output = ()>) {
    let shared = Arc::new(Mutex::new(Shared::default()));
    let (stopping, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut sweep = interval(SWEEP);
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    debug!(%peer, "connected");
                    let connection = Connection::new(stream, peer, Arc::clone(&shared));
                    connections.spawn(connection.run(stopped.clone()));
                }
                Err(error) => {
                    // This may last, for example if there are no free file descriptors: do not retry at once.
                    warn!(%error, "cannot accept");
                    sleep(SWEEP).await;
                }
            },
            Some(_) = connections.join_next() => {}
            _ = sweep.tick() => shared.lock().unwrap_or_else(PoisonError::into_inner).keys.sweep(),
        }
    }
    drop(listener);
    // Sending fails only if there are no connections.
    let _ = stopping.send(true);
    let drained = timeout(GRACE, async { while connections.join_next().await.is_some() {} });
    if drained.await.is_err() {
        warn!(left = connections.len(), "clients did not read their replies");
    }
}

/// Returns a future that completes when the process receives `SIGINT` or `SIGTERM`.
///
/// # Errors
/// If the signal handlers cannot be installed.
pub fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        info!("stopping");
    })
}
