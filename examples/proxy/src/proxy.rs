//! The state that all connections share; accepts clients, and drains them at the end.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};
use zresp::Protocol;

use crate::client::Client;
use crate::metrics::Metrics;
use crate::options::Options;
use crate::session::Session;
use crate::table::Table;
use crate::topology::Topology;
use crate::upstream::Access;

/// How many bytes are read at once. All connections read into the same buffer, one after another.
const SCRATCH: usize = 256 * 1024;
/// How long replies that are due may take when the proxy stops.
const GRACE: Duration = Duration::from_secs(10);
/// How long to wait after a failed `accept`: without free file descriptors, the next one would fail too.
pub(crate) const PAUSE: Duration = Duration::from_millis(100);

pub(crate) struct Proxy {
    pub(crate) topology: Rc<Topology>,
    pub(crate) access: Access,
    pub(crate) metrics: Metrics,
    /// The buffer for reading. It must not be borrowed across an `await`.
    pub(crate) scratch: RefCell<Box<[u8]>>,
    /// Whether the proxy is stopping.
    pub(crate) stopping: watch::Sender<bool>,
    clients: RefCell<HashMap<u64, Weak<Client>>>,
    accepted: Cell<u64>,
}

impl Proxy {
    /// Returns a proxy, after a first attempt to reach its upstreams.
    pub(crate) async fn new(options: &Options) -> Rc<Self> {
        let timeout = Duration::from_secs(options.timeout);
        let (password, protocol) = (options.password(), options.protocol);
        let access = Access { password, timeout, protocol, table: Table::builtin() };
        Rc::new(Self {
            topology: Topology::new(options, &access).await,
            access,
            metrics: Metrics::new(),
            scratch: RefCell::new(vec![0; SCRATCH].into()),
            stopping: watch::Sender::new(false),
            clients: RefCell::default(),
            accepted: Cell::default(),
        })
    }

    /// Returns the protocol of the shared connections of a client.
    pub(crate) fn shared_protocol(&self, client: &Client) -> Protocol {
        self.access.protocol.unwrap_or(client.protocol.get())
    }

    /// Serves clients until `stop` completes. Then delivers the replies that are due, until `GRACE` is over or
    /// `stop_again` completes.
    pub(crate) async fn serve(
        self: &Rc<Self>,
        listener: TcpListener,
        stop: impl Future<Output = ()>,
        stop_again: impl Future<Output = ()>,
    ) {
        let mut sessions = JoinSet::new();
        let mut stop = std::pin::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => {
                        debug!(%peer, "connected");
                        let _ = stream.set_nodelay(true);
                        sessions.spawn_local(Rc::clone(self).run_session(stream));
                    }
                    Err(error) => {
                        warn!(%error, "cannot accept");
                        sleep(PAUSE).await;
                    }
                },
                Some(_) = sessions.join_next() => {}
            }
        }
        drop(listener);
        self.stopping.send_replace(true);
        self.clients.borrow().values().filter_map(Weak::upgrade).for_each(|client| client.wake());
        let drained = timeout(GRACE, async { while sessions.join_next().await.is_some() {} });
        let is_drained = tokio::select! {
            drained = drained => drained.is_ok(),
            () = stop_again => false,
        };
        if !is_drained {
            warn!(left = sessions.len(), "stopped before every client had its replies");
        }
    }

    async fn run_session(self: Rc<Self>, stream: tokio::net::TcpStream) {
        let (reader, writer) = stream.into_split();
        let client = Rc::new(Client::new(writer));
        let id = self.accepted.replace(self.accepted.get() + 1);
        client.identity.borrow_mut().number(id);
        self.clients.borrow_mut().insert(id, Rc::downgrade(&client));
        self.metrics.connected();
        let session = Session::new(Rc::clone(&self), Rc::clone(&client), reader);
        if let Err(error) = session.run().await {
            debug!(id, %error, "disconnected");
        }
        client.cut_off();
        self.metrics.disconnected();
        self.clients.borrow_mut().remove(&id);
    }
}
