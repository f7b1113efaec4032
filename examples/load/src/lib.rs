//! A load to watch a server or a proxy under: `GET` and `SET` of many clients, each reply timed.

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
use zresp::{Arguments, Decoder, Encode, Protocol, ReplyRef};

const CLIENTS: u64 = 50;
const KEYS: u64 = 100_000;
const VALUE: [u8; 64] = [b'x'; 64];
/// How many commands each client sends at once.
const PIPELINES: [usize; 2] = [1, 32];

/// Drives a server with and without pipelining, for so many seconds in all; returns a table of how it went.
///
/// # Errors
/// A connection that fails, or an error reply.
pub async fn run(server: SocketAddr, seconds: u64) -> io::Result<String> {
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
        let latency = drive(server, pipeline, time).await?;
        #[expect(clippy::cast_precision_loss, reason = "for people")]
        let rate = latency.len() as f64 / time.as_secs_f64();
        let _ = write!(table, "{pipeline:>9} {rate:>12.0}");
        for quantile in [0.5, 0.99, 0.999, 1.0] {
            let value = Duration::from_nanos(latency.value_at_quantile(quantile));
            let _ = write!(table, " {:>9.3}", value.as_secs_f64() * 1000.0);
        }
        table.push('\n');
    }
    Ok(table)
}

/// Drives all clients for a while; returns the nanoseconds that each reply took.
async fn drive(server: SocketAddr, pipeline: usize, time: Duration) -> io::Result<Histogram<u64>> {
    let bar = ProgressBar::new(time.as_secs().max(1)).with_style(
        ProgressStyle::with_template("pipeline {msg:>2} {wide_bar} {pos}/{len} s")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    bar.set_message(pipeline.to_string());
    let start = Instant::now();
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        clients.spawn(drive_one(server, pipeline, start + time, client));
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
    server: SocketAddr,
    pipeline: usize,
    end: Instant,
    seed: u64,
) -> io::Result<Histogram<u64>> {
    let mut stream = TcpStream::connect(server).await?;
    stream.set_nodelay(true)?;
    let mut latency = Histogram::new(3).map_err(io::Error::other)?;
    let (mut decoder, mut input, mut output) = (Decoder::new(), BytesMut::new(), BytesMut::new());
    let mut random = fastrand::Rng::with_seed(seed);
    while Instant::now() < end {
        output.clear();
        for _ in 0..pipeline {
            let key = format!("demo:{}", random.u64(..KEYS));
            let set: &[&[u8]] = &[b"SET", key.as_bytes(), &VALUE];
            let command = Arguments(if random.bool() { set } else { &[b"GET", set[1]] });
            command.encode(Protocol::Resp2, &mut output).map_err(io::Error::other)?;
        }
        let sent = Instant::now();
        stream.write_all(&output).await?;
        let mut due = pipeline;
        while due > 0 {
            let Some(frame) = decoder.decode(&input).map_err(io::Error::other)? else {
                if stream.read_buf(&mut input).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                continue;
            };
            if let ReplyRef::Error(text) = frame.reply {
                return Err(io::Error::other(text.escape_ascii().to_string()));
            }
            let len = frame.wire.len();
            input.advance(len);
            due -= 1;
            let nanos = u64::try_from(sent.elapsed().as_nanos()).unwrap_or(u64::MAX);
            latency.record(nanos).map_err(io::Error::other)?;
        }
    }
    Ok(latency)
}
