//! The in-memory server, on its own thread, for a proxy that is given no other upstream.

use std::io;
use std::net::TcpListener;
use std::thread;

use tokio::runtime::Builder;

/// Starts the server; returns its address.
pub(crate) fn start() -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    thread::Builder::new().name("store".to_owned()).spawn(move || {
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            zresp_store::serve(listener, std::future::pending()).await;
            io::Result::Ok(())
        })
    })?;
    Ok(address.to_string())
}
