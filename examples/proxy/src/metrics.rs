//! Counters, and a page that shows them to Prometheus.

use std::fmt::Write;
use std::io;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use crate::proxy::PAUSE;

/// How long a request for the counters may take, and how many bytes long it may be.
const REQUEST: (Duration, usize) = (Duration::from_secs(5), 16 * 1024);

/// The counters of one thread. Only that thread changes them, so no change is lost.
pub(crate) struct Metrics {
    connections: AtomicU64,
    accepted: AtomicU64,
    commands: AtomicU64,
    errors: AtomicU64,
    received: AtomicU64,
    sent: AtomicU64,
    /// Microseconds from a command to its reply, on shared connections.
    latency: Mutex<Histogram<u64>>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let [connections, accepted, commands, errors, received, sent] = Default::default();
        let latency = Mutex::new(histogram());
        Self { connections, accepted, commands, errors, received, sent, latency }
    }

    pub(crate) fn connected(&self) {
        add(&self.accepted, 1);
        add(&self.connections, 1);
    }

    pub(crate) fn disconnected(&self) {
        self.connections.store(self.connections.load(Relaxed) - 1, Relaxed);
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
        if let Ok(mut latency) = self.latency.lock() {
            latency.saturating_record_n(micros, replies as u64);
        }
    }
}

/// Two significant digits from a microsecond to an hour take 50 KB.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_max(3_600_000_000, 2).expect("the bounds are valid")
}

fn add(counter: &AtomicU64, count: usize) {
    counter.store(counter.load(Relaxed).wrapping_add(count as u64), Relaxed);
}

/// Returns all counters, added over the threads, in the text format of Prometheus.
fn text(all: &[Arc<Metrics>]) -> String {
    let sum = |counter: fn(&Metrics) -> &AtomicU64| -> u64 {
        all.iter().map(|metrics| counter(metrics).load(Relaxed)).sum()
    };
    let mut text = String::new();
    for (name, kind, help, value) in [
        ("connections", "gauge", "Connected clients", sum(|of| &of.connections)),
        ("connections_total", "counter", "Clients that have connected", sum(|of| &of.accepted)),
        ("commands_total", "counter", "Commands answered", sum(|of| &of.commands)),
        ("errors_total", "counter", "Error replies", sum(|of| &of.errors)),
        ("received_bytes_total", "counter", "Bytes from clients", sum(|of| &of.received)),
        ("sent_bytes_total", "counter", "Bytes to clients", sum(|of| &of.sent)),
    ] {
        let name = format!("zresp_proxy_{name}");
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
    }
    let name = "zresp_proxy_latency_seconds";
    let help = "Time from a command to its reply on shared connections, since the start";
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} summary");
    let mut latency = histogram();
    for metrics in all {
        let _ = metrics.latency.lock().map(|of_thread| latency.add(&*of_thread));
    }
    for quantile in [0.5, 0.9, 0.99, 0.999, 1.0] {
        let seconds = Duration::from_micros(latency.value_at_quantile(quantile)).as_secs_f64();
        let _ = writeln!(text, "{name}{{quantile=\"{quantile}\"}} {seconds}");
    }
    let count = latency.len();
    #[expect(clippy::cast_precision_loss, reason = "the mean has two digits")]
    let sum = latency.mean() / 1e6 * count as f64;
    let _ = writeln!(text, "{name}_sum {sum}\n{name}_count {count}");
    text
}

/// Serves the counters over HTTP.
pub(crate) async fn serve(listener: TcpListener, all: Arc<[Arc<Metrics>]>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            sleep(PAUSE).await;
            continue;
        };
        let all = Arc::clone(&all);
        tokio::spawn(async move {
            let _ = timeout(REQUEST.0, answer(stream, &all)).await;
        });
    }
}

async fn answer(mut stream: TcpStream, all: &[Arc<Metrics>]) -> io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if request.len() > REQUEST.1 || stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let (status, body) = match request.split(|byte| *byte == b' ').nth(1) {
        Some(b"/metrics") => ("200 OK", text(all)),
        _ => ("404 Not Found", String::new()),
    };
    let head = "Content-Type: text/plain; version=0.0.4\r\nConnection: close";
    let len = body.len();
    let answer = format!("HTTP/1.1 {status}\r\n{head}\r\nContent-Length: {len}\r\n\r\n{body}");
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}
