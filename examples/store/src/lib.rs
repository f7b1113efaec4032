//! An in-memory server: a [`Keyspace`], [commands](commands) on it, and [connections](connection).
//!
//! It answers as Redis 7.0 does, for the commands that it has.

mod collections;
mod commands;
mod connection;
mod failure;
mod glob;
mod keys;
mod keyspace;
mod number;
mod reason;
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

pub use reason::reason;

/// How often keys that have expired are looked for; as Redis's `hz 10`.
const SWEEP: Duration = Duration::from_millis(100);
/// How long clients have at the end to take the replies that are due.
const GRACE: Duration = Duration::from_secs(5);

/// Serves clients until it is told to stop, and then gives out the replies that are due.
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
                    // No file left, say: as long as that lasts, accepting again fails at once.
                    warn!(%error, "cannot accept");
                    sleep(SWEEP).await;
                }
            },
            Some(_) = connections.join_next() => {}
            _ = sweep.tick() => shared.lock().unwrap_or_else(PoisonError::into_inner).keys.sweep(),
        }
    }
    drop(listener);
    // Only where no connection is left, nobody hears it.
    let _ = stopping.send(true);
    let drained = timeout(GRACE, async { while connections.join_next().await.is_some() {} });
    if drained.await.is_err() {
        warn!(left = connections.len(), "clients did not take their replies");
    }
}

/// Returns what ends when the process is asked to stop, by `SIGINT` or `SIGTERM`.
///
/// # Errors
/// The signals cannot be listened for.
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
