//! Counters, and telling them to Prometheus.

use std::cell::{Cell, RefCell};
use std::fmt::Write;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tracing::debug;

use crate::proxy::Proxy;

/// How long a request for the counters may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long such a request may be.
const REQUEST: usize = 16 * 1024;

pub(crate) struct Metrics {
    accepted: Cell<u64>,
    open: Cell<u64>,
    commands: Cell<u64>,
    errors: Cell<u64>,
    bytes_in: Cell<u64>,
    bytes_out: Cell<u64>,
    /// Microseconds from a command to its reply, on shared connections.
    latency: RefCell<Histogram<u64>>,
    waited: Cell<Duration>,
}

impl Default for Metrics {
    fn default() -> Self {
        // Two digits are 40 KB; what takes longer than an hour counts as an hour.
        let latency =
            Histogram::new_with_max(3_600_000_000, 2).expect("bounds that fit each other");
        Self {
            accepted: Cell::default(),
            open: Cell::default(),
            commands: Cell::default(),
            errors: Cell::default(),
            bytes_in: Cell::default(),
            bytes_out: Cell::default(),
            latency: RefCell::new(latency),
            waited: Cell::default(),
        }
    }
}

impl Metrics {
    pub(crate) fn connected(&self) {
        add(&self.accepted, 1);
        add(&self.open, 1);
    }

    pub(crate) fn disconnected(&self) {
        self.open.set(self.open.get() - 1);
    }

    /// Bytes have come from a client.
    pub(crate) fn received(&self, bytes: usize) {
        add(&self.bytes_in, bytes);
    }

    /// Bytes go to a client, with which so many replies end, so many of them errors.
    pub(crate) fn passed(&self, replies: usize, errors: usize, bytes: usize) {
        add(&self.commands, replies);
        add(&self.errors, errors);
        add(&self.bytes_out, bytes);
    }

    /// Replies have taken so long.
    pub(crate) fn waited(&self, replies: usize, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.latency.borrow_mut().saturating_record_n(micros, replies as u64);
        self.waited.set(self.waited.get() + latency * u32::try_from(replies).unwrap_or(u32::MAX));
    }

    /// Returns all in Prometheus's text format.
    fn text(&self) -> String {
        let mut text = String::new();
        for (name, kind, help, value) in [
            ("connections", "gauge", "Clients that are connected", &self.open),
            ("connections_total", "counter", "Clients that have connected", &self.accepted),
            ("commands_total", "counter", "Commands that were answered", &self.commands),
            ("errors_total", "counter", "Error replies", &self.errors),
            ("received_bytes_total", "counter", "Bytes received from clients", &self.bytes_in),
            ("sent_bytes_total", "counter", "Bytes sent to clients", &self.bytes_out),
        ] {
            let _ = writeln!(
                text,
                "# HELP zresp_proxy_{name} {help}\n# TYPE zresp_proxy_{name} {kind}"
            );
            let _ = writeln!(text, "zresp_proxy_{name} {}", value.get());
        }
        let name = "zresp_proxy_latency_seconds";
        let help = "Time from a command to its reply on shared connections, since the start";
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} summary");
        let latency = self.latency.borrow();
        for quantile in [0.5, 0.9, 0.99, 0.999, 1.0] {
            let seconds = Duration::from_micros(latency.value_at_quantile(quantile)).as_secs_f64();
            let _ = writeln!(text, "{name}{{quantile=\"{quantile}\"}} {seconds}");
        }
        let _ = writeln!(text, "{name}_sum {}", self.waited.get().as_secs_f64());
        let _ = writeln!(text, "{name}_count {}", latency.len());
        text
    }
}

fn add<T: TryInto<u64>>(counter: &Cell<u64>, count: T) {
    counter.set(counter.get().wrapping_add(count.try_into().unwrap_or_default()));
}

/// Tells the counters to whoever asks.
pub(crate) async fn serve(listener: TcpListener, proxy: Rc<Proxy>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let proxy = Rc::clone(&proxy);
                tokio::task::spawn_local(async move {
                    let _ = timeout(PATIENCE, tell(stream, &proxy.metrics)).await;
                });
            }
            Err(error) => {
                debug!(%error, "cannot accept");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn tell(mut stream: TcpStream, metrics: &Metrics) -> io::Result<()> {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        if request.len() > REQUEST || stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let is_known = request.starts_with(b"GET /metrics ") || request.starts_with(b"GET /metrics?");
    let (status, body) =
        if is_known { ("200 OK", metrics.text()) } else { ("404 Not Found", String::new()) };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\nConnection: \
         close\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).await?;
    stream.shutdown().await
}
