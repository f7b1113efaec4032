//! The load of `--demo`, on its own thread.

use std::io;
use std::net::SocketAddr;
use std::thread;

use tokio::runtime::Builder;
use tokio::sync::oneshot;

/// Loads the proxy; returns a table of the results.
pub(crate) async fn run(
    proxy: SocketAddr,
    seconds: u64,
    password: Option<String>,
) -> io::Result<String> {
    let (sender, receiver) = oneshot::channel();
    let runtime = Builder::new_current_thread().enable_all().build()?;
    thread::Builder::new().name("demo".to_owned()).spawn(move || {
        // It fails if the proxy is stopping and no longer waits for the results.
        let _ = sender.send(runtime.block_on(zresp_load::run(proxy, seconds, password.as_deref())));
    })?;
    receiver.await.unwrap_or_else(|_| Err(io::Error::other("the demo ended early")))
}
