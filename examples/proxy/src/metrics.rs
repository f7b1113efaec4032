//! Counters, and a page that shows them to Prometheus.

use std::cell::{Cell, RefCell};
use std::fmt::Write;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use crate::proxy::{PAUSE, Proxy};

/// How long a request for the counters may take, and how many bytes long it may be.
const REQUEST: (Duration, usize) = (Duration::from_secs(5), 16 * 1024);

pub(crate) struct Metrics {
    connections: Cell<u64>,
    accepted: Cell<u64>,
    commands: Cell<u64>,
    errors: Cell<u64>,
    received: Cell<u64>,
    sent: Cell<u64>,
    /// Microseconds from a command to its reply, on shared connections.
    latency: RefCell<Histogram<u64>>,
    waited: Cell<Duration>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let [connections, accepted, commands, errors, received, sent] = Default::default();
        // Two significant digits from a microsecond to an hour take 50 KB.
        let latency = Histogram::new_with_max(3_600_000_000, 2).expect("the bounds are valid");
        let latency = RefCell::new(latency);
        let waited = Cell::default();
        Self { connections, accepted, commands, errors, received, sent, latency, waited }
    }

    pub(crate) fn connected(&self) {
        add(&self.accepted, 1);
        add(&self.connections, 1);
    }

    pub(crate) fn disconnected(&self) {
        self.connections.set(self.connections.get() - 1);
    }

    /// Counts bytes from a client.
    pub(crate) fn received(&self, bytes: usize) {
        add(&self.received, bytes);
    }

    /// Counts bytes to a client. They complete `replies` replies, and `errors` of these are errors.
    pub(crate) fn passed(&self, replies: usize, errors: usize, bytes: usize) {
        add(&self.commands, replies);
        add(&self.errors, errors);
        add(&self.sent, bytes);
    }

    /// Counts replies that arrived `latency` after their commands.
    pub(crate) fn waited(&self, replies: usize, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.latency.borrow_mut().saturating_record_n(micros, replies as u64);
        let replies = u32::try_from(replies).unwrap_or(u32::MAX);
        self.waited.set(self.waited.get().saturating_add(latency.saturating_mul(replies)));
    }

    /// Returns all counters in the text format of Prometheus.
    fn text(&self) -> String {
        let mut text = String::new();
        for (name, kind, help, value) in [
            ("connections", "gauge", "Connected clients", &self.connections),
            ("connections_total", "counter", "Clients that have connected", &self.accepted),
            ("commands_total", "counter", "Commands answered", &self.commands),
            ("errors_total", "counter", "Error replies", &self.errors),
            ("received_bytes_total", "counter", "Bytes from clients", &self.received),
            ("sent_bytes_total", "counter", "Bytes to clients", &self.sent),
        ] {
            let name = format!("zresp_proxy_{name}");
            let value = value.get();
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
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

fn add(counter: &Cell<u64>, count: usize) {
    counter.set(counter.get() + count as u64);
}

/// Serves the counters over HTTP.
pub(crate) async fn serve(listener: TcpListener, proxy: Rc<Proxy>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            sleep(PAUSE).await;
            continue;
        };
        let proxy = Rc::clone(&proxy);
        tokio::task::spawn_local(async move {
            let _ = timeout(REQUEST.0, answer(stream, &proxy.metrics)).await;
        });
    }
}

async fn answer(mut stream: TcpStream, metrics: &Metrics) -> io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if request.len() > REQUEST.1 || stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let (status, body) = match request.split(|byte| *byte == b' ').nth(1) {
        Some(b"/metrics") => ("200 OK", metrics.text()),
        _ => ("404 Not Found", String::new()),
    };
    let head = "Content-Type: text/plain; version=0.0.4\r\nConnection: close";
    let len = body.len();
    let answer = format!("HTTP/1.1 {status}\r\n{head}\r\nContent-Length: {len}\r\n\r\n{body}");
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}
