//! Loads a server or a proxy with `GET` and `SET` from many clients, and times every reply.

use std::fmt::Write;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use hdrhistogram::Histogram;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval};
use zresp::{Arguments, Decoder, EncodeCommand, ReplyRef};

const CLIENTS: u64 = 50;
const KEYS: u64 = 100_000;
const VALUE: [u8; 64] = [b'x'; 64];
/// How many keys are deleted in one pipeline; `KEYS` is a multiple of it.
const BATCH: usize = 1000;
/// How many commands each client sends at once: in the first half of the run, and in the second.
const PIPELINES: [usize; 2] = [1, 32];

/// Loads a server for `seconds`, first without and then with pipelining; returns a table of the results.
///
/// All keys start with `demo:` and are deleted at the end.
///
/// # Errors
/// If a connection fails, or a reply is an error.
pub async fn run(server: SocketAddr, seconds: u64, password: Option<&str>) -> io::Result<String> {
    let mut table = format!(
        "{CLIENTS} clients, GET and SET of {} bytes; latency in milliseconds\n\
         {:>9} {:>12} {:>9} {:>9} {:>9} {:>9}\n",
        VALUE.len(),
        "pipeline",
        "requests/s",
        "p50",
        "p99",
        "p99.9",
        "max"
    );
    for pipeline in PIPELINES {
        let time = Duration::from_secs(seconds) / 2;
        let latency = drive(server, password, pipeline, time).await?;
        #[expect(clippy::cast_precision_loss, reason = "it is printed without decimals")]
        let rate = latency.len() as f64 / time.as_secs_f64();
        let _ = write!(table, "{pipeline:>9} {rate:>12.0}");
        for quantile in [0.5, 0.99, 0.999, 1.0] {
            let value = Duration::from_nanos(latency.value_at_quantile(quantile));
            let _ = write!(table, " {:>9.3}", value.as_secs_f64() * 1000.0);
        }
        table.push('\n');
    }
    clean(server, password).await?;
    Ok(table)
}

/// Runs all clients for `time`; returns the latency of each reply in nanoseconds.
async fn drive(
    server: SocketAddr,
    password: Option<&str>,
    pipeline: usize,
    time: Duration,
) -> io::Result<Histogram<u64>> {
    let bar = ProgressBar::new(time.as_secs().max(1)).with_style(
        ProgressStyle::with_template("pipeline {msg:>2} {wide_bar} {pos}/{len} s")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    bar.set_message(pipeline.to_string());
    let start = Instant::now();
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let connection = Connection::open(server, password).await?;
        clients.spawn(drive_one(connection, pipeline, start + time, client));
    }
    let mut all = Histogram::<u64>::new(3).map_err(io::Error::other)?;
    let mut second = interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            _ = second.tick() => bar.set_position(start.elapsed().as_secs()),
            ended = clients.join_next() => match ended {
                Some(latency) => all.add(latency.map_err(io::Error::other)??).map_err(io::Error::other)?,
                None => break,
            }
        }
    }
    bar.finish_and_clear();
    Ok(all)
}

async fn drive_one(
    mut connection: Connection,
    pipeline: usize,
    end: Instant,
    seed: u64,
) -> io::Result<Histogram<u64>> {
    let mut latency = Histogram::new(3).map_err(io::Error::other)?;
    let mut random = fastrand::Rng::with_seed(seed);
    while Instant::now() < end {
        for _ in 0..pipeline {
            let key = format!("demo:{}", random.u64(..KEYS));
            let (get, set) = ([&b"GET"[..], key.as_bytes()], [b"SET", key.as_bytes(), &VALUE]);
            connection.add(if random.bool() { &set } else { &get })?;
        }
        let sent = Instant::now();
        connection.send().await?;
        for _ in 0..pipeline {
            connection.reply().await?;
            let nanos = u64::try_from(sent.elapsed().as_nanos()).unwrap_or(u64::MAX);
            latency.record(nanos).map_err(io::Error::other)?;
        }
    }
    Ok(latency)
}

/// Deletes every key that the load may have written.
async fn clean(server: SocketAddr, password: Option<&str>) -> io::Result<()> {
    let mut connection = Connection::open(server, password).await?;
    for first in (0..KEYS).step_by(BATCH) {
        for number in first..first + BATCH as u64 {
            connection.add(&[b"DEL", format!("demo:{number}").as_bytes()])?;
        }
        connection.send().await?;
        for _ in 0..BATCH {
            connection.reply().await?;
        }
    }
    Ok(())
}

struct Connection {
    stream: TcpStream,
    decoder: Decoder,
    input: BytesMut,
    output: BytesMut,
}

impl Connection {
    async fn open(server: SocketAddr, password: Option<&str>) -> io::Result<Self> {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        let (decoder, input, output) = Default::default();
        let mut connection = Self { stream, decoder, input, output };
        if let Some(password) = password {
            connection.add(&[b"AUTH", password.as_bytes()])?;
            connection.send().await?;
            connection.reply().await?;
        }
        Ok(connection)
    }

    fn add(&mut self, command: &[&[u8]]) -> io::Result<()> {
        Arguments(command).encode(&mut self.output).map_err(io::Error::other)
    }

    async fn send(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.output).await?;
        self.output.clear();
        Ok(())
    }

    /// Reads one reply, and fails if it is an error.
    async fn reply(&mut self) -> io::Result<()> {
        loop {
            if let Some(frame) = self.decoder.decode(&self.input).map_err(io::Error::other)? {
                if let ReplyRef::Error(text) = frame.reply() {
                    return Err(io::Error::other(text.escape_ascii().to_string()));
                }
                let len = frame.wire().len();
                self.input.advance(len);
                return Ok(());
            }
            if self.stream.read_buf(&mut self.input).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}
