//! The state that all connections of a thread share; accepts clients, and drains them at the end.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tracing::{debug, warn};

use crate::client::Client;
use crate::metrics::Metrics;
use crate::options::Options;
use crate::session::Session;
use crate::table::Table;
use crate::topology::Topology;
use crate::upstream::Access;

/// How many clients all threads have accepted.
static ACCEPTED: AtomicU64 = AtomicU64::new(0);
/// How many bytes are read at once. All connections read into the same buffer, one after another.
const SCRATCH: usize = 256 * 1024;
/// How long replies that are due may take when the proxy stops.
const GRACE: Duration = Duration::from_secs(10);
/// How long to wait after a failed `accept`: without free file descriptors, the next one would fail too.
pub(crate) const PAUSE: Duration = Duration::from_millis(100);

/// How far the proxy has been told to stop.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Serving,
    Draining,
    Ending,
}

pub(crate) struct Proxy {
    pub(crate) topology: Rc<Topology>,
    pub(crate) access: Access,
    pub(crate) metrics: Arc<Metrics>,
    /// The time when something last arrived: exact enough for most purposes, and cheaper than the time now.
    pub(crate) clock: Cell<Instant>,
    /// The buffer for reading. It must not be borrowed across an `await`.
    pub(crate) scratch: RefCell<Box<[u8]>>,
    pub(crate) stage: watch::Receiver<Stage>,
    /// The most bytes of replies and commands that wait for one client.
    pub(crate) client_buffer: usize,
    /// The most such bytes for all clients of this thread together, and how many there are.
    all_buffers: usize,
    held: Cell<usize>,
    /// How many sessions of disconnected clients have yet to end, and to free what they hold.
    pub(crate) ending: Cell<usize>,
    clients: RefCell<HashMap<u64, Weak<Client>>>,
}

impl Proxy {
    /// Returns a proxy, after a first attempt to reach its upstreams.
    pub(crate) async fn new(
        options: &Options,
        metrics: Arc<Metrics>,
        stage: watch::Receiver<Stage>,
    ) -> Rc<Self> {
        let timeout = Duration::from_secs(options.timeout);
        let (password, protocol) = (options.password.clone(), options.protocol);
        let access = Access { password, timeout, protocol, table: Table::builtin() };
        Rc::new(Self {
            topology: Topology::new(options, &access).await,
            access,
            metrics,
            clock: Cell::new(Instant::now()),
            scratch: RefCell::new(vec![0; SCRATCH].into()),
            stage,
            client_buffer: options.client_buffer,
            all_buffers: options.all_buffers / options.threads(),
            held: Cell::default(),
            ending: Cell::default(),
            clients: RefCell::default(),
        })
    }

    /// Serves clients. Then delivers the replies that are due, until `GRACE` is over or the stage is
    /// [`Ending`](Stage::Ending).
    pub(crate) async fn serve(self: &Rc<Self>, listener: TcpListener) {
        let (mut sessions, mut stage, mut is_warned) = (JoinSet::new(), self.stage.clone(), false);
        loop {
            tokio::select! {
                _ = stage.wait_for(|stage| *stage != Stage::Serving) => break,
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => {
                        is_warned = false;
                        debug!(%peer, "connected");
                        let _ = stream.set_nodelay(true);
                        sessions.spawn_local(Rc::clone(self).run_session(stream, peer));
                    }
                    Err(error) => {
                        if !std::mem::replace(&mut is_warned, true) {
                            warn!(%error, "cannot accept");
                        }
                        sleep(PAUSE).await;
                    }
                },
                Some(_) = sessions.join_next() => {}
            }
        }
        drop(listener);
        self.clients.borrow().values().filter_map(Weak::upgrade).for_each(|client| client.wake());
        let drained = async { while sessions.join_next().await.is_some() {} };
        tokio::select! {
            _ = timeout(GRACE, drained) => {}
            _ = stage.wait_for(|stage| *stage == Stage::Ending) => {}
        }
        if !sessions.is_empty() {
            warn!(left = sessions.len(), "stopped before every client had its replies");
        }
    }

    /// Returns whether the proxy is stopping: commands that have arrived by now are the last to be taken.
    pub(crate) fn is_stopping(&self) -> bool {
        *self.stage.borrow() != Stage::Serving
    }

    /// Notes that a client for whom `before` bytes were held has now `after` bytes.
    pub(crate) fn count_held(&self, before: usize, after: usize) {
        self.held.set(self.held.get() + after - before);
        if after > before && self.held.get() > self.all_buffers {
            self.relieve();
        }
    }

    /// Disconnects a client, because too much is held for all together: the one for whom most is held for the
    /// longest time since it has sent or taken anything.
    fn relieve(&self) {
        let clients: Vec<_> = self.clients.borrow().values().filter_map(Weak::upgrade).collect();
        let weight = |client: &&Rc<Client>| {
            (client.moved.get().elapsed().as_micros() + 1) * client.held() as u128
        };
        if let Some(client) = clients.iter().max_by_key(weight) {
            client.cut_off_because("the buffers of all clients together are full");
        }
    }

    async fn run_session(self: Rc<Self>, stream: TcpStream, peer: SocketAddr) {
        let (reader, writer) = stream.into_split();
        let client = Rc::new(Client::new(writer, peer, Rc::clone(&self)));
        let id = ACCEPTED.fetch_add(1, Relaxed);
        client.identity.borrow_mut().number(id);
        self.clients.borrow_mut().insert(id, Rc::downgrade(&client));
        self.metrics.connected();
        let session = Box::new(Session::new(Rc::clone(&self), Rc::clone(&client), reader));
        if let Err(error) = client.serve(pin!(session.run())).await {
            debug!(id, %error, "disconnected");
        }
        client.cut_off();
        self.ending.set(self.ending.get() - 1);
        self.metrics.disconnected();
        self.clients.borrow_mut().remove(&id);
    }
}
