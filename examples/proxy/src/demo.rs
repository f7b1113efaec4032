//! The load of `--demo`, from a thread of its own.

use std::io;
use std::net::SocketAddr;
use std::thread;

use tokio::runtime::Builder;
use tokio::sync::oneshot;

/// Puts the proxy under a load; returns a table of how it went.
pub(crate) async fn run(
    proxy: SocketAddr,
    seconds: u64,
    password: Option<String>,
) -> io::Result<String> {
    let (sender, receiver) = oneshot::channel();
    let runtime = Builder::new_current_thread().enable_all().build()?;
    thread::Builder::new().name("demo".to_owned()).spawn(move || {
        // Where nobody waits for it any more, nobody is told.
        let _ = sender.send(runtime.block_on(zresp_load::run(proxy, seconds, password.as_deref())));
    })?;
    receiver.await.unwrap_or_else(|_| Err(io::Error::other("the demo ended early")))
}
