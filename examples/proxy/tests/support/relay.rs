//! A relay between the proxy and an upstream, which can cut their connections.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// The relay, whose threads run until the test program ends.
#[derive(Debug)]
pub(crate) struct Relay {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    target: Mutex<SocketAddr>,
    open: Mutex<Vec<[TcpStream; 2]>>,
    /// After this many more bytes, the connection that carries the last one of them is cut.
    left: AtomicUsize,
}

impl Relay {
    /// Starts a relay to this address.
    pub(crate) fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        let shared = Arc::new(Shared {
            target: Mutex::new(target),
            open: Mutex::default(),
            left: AtomicUsize::new(usize::MAX),
        });
        let relayed = Arc::clone(&shared);
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let shared = Arc::clone(&relayed);
                thread::spawn(move || shared.carry_both(&near));
            }
        });
        Self { address, shared }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Makes new connections go to another address.
    pub(crate) fn set_target(&self, target: SocketAddr) {
        *self.shared.target.lock().unwrap_or_else(PoisonError::into_inner) = target;
    }

    /// Cuts all connections.
    pub(crate) fn cut(&self) {
        let open = self.shared.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.iter().flatten().for_each(cut);
    }

    /// Cuts one connection when the relay has carried this many more bytes.
    pub(crate) fn cut_after(&self, bytes: usize) {
        self.shared.left.store(bytes, Relaxed);
    }
}

impl Shared {
    /// Carries the bytes of a connection, in both directions, until one side is closed.
    fn carry_both(&self, near: &TcpStream) {
        let target = *self.target.lock().unwrap_or_else(PoisonError::into_inner);
        // Dropping the connection tells the proxy that the upstream is down.
        let Ok(far) = TcpStream::connect(target) else { return };
        let clone = |stream: &TcpStream| stream.try_clone().expect("a second handle");
        let port = near.peer_addr().ok();
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.push([clone(near), clone(&far)]);
        drop(open);
        thread::scope(|scope| {
            scope.spawn(|| self.carry(clone(near), clone(&far)));
            self.carry(clone(&far), clone(near));
        });
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|[near, _]| near.peer_addr().is_ok_and(|peer| Some(peer) != port));
    }

    fn carry(&self, mut from: TcpStream, mut to: TcpStream) {
        _ = to.set_nodelay(true);
        let mut chunk = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = from.read(&mut chunk) {
            let left = self.left.load(Relaxed);
            if count >= left {
                self.left.store(usize::MAX, Relaxed);
                _ = to.write_all(&chunk[..left]);
                break;
            }
            if left != usize::MAX {
                self.left.store(left - count, Relaxed);
            }
            if to.write_all(&chunk[..count]).is_err() {
                break;
            }
        }
        cut(&from);
        cut(&to);
    }
}

fn cut(stream: &TcpStream) {
    // An error means that it is closed already.
    _ = stream.shutdown(Shutdown::Both);
}
