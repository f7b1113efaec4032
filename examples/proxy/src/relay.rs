//! A client's own connection to an upstream, until one of them closes it.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, sleep};
use zresp::Framer;

use crate::connection::{Connection, in_time};
use crate::proxy::{Proxy, Stage};
use crate::replies::{UNLIMITED, reply_framer};
use crate::session::Session;

/// How many bytes tell whether a push confirms a subscription.
const HEAD: usize = 24;
/// How often to check, while draining, whether the last replies have passed.
const TICK: Duration = Duration::from_millis(10);

/// Passes bytes unchanged between a client and its own connection, until one of them closes it or the proxy
/// has been told to stop and no reply is due.
///
/// The frames are only counted, to know whether a reply is due.
pub(crate) async fn relay(session: Session, connection: Connection) -> io::Result<()> {
    let Session { proxy, client, mut reader, input, charge, .. } = session;
    let Some(mut writer) = client.writer.take() else { return Ok(()) };
    let Connection { stream, .. } = connection;
    let (mut from, mut to) = stream.into_split();
    let balance = RefCell::new(Balance::new());
    let patience = proxy.access.timeout;
    let last = Cell::new(Instant::now());
    let requests = async {
        balance.borrow_mut().requests.see(&input);
        let mut is_open = in_time(patience, to.write_all(&input)).await.is_ok();
        drop((input, charge));
        while is_open {
            let see = |chunk: &[u8]| {
                proxy.metrics.received(chunk.len());
                balance.borrow_mut().requests.see(chunk);
            };
            is_open = pass(&mut reader, &mut to, &proxy, patience, see).await.unwrap_or(false);
        }
        // The server should now close its side after its last reply, which ends `replies` below.
        let _ = to.shutdown().await;
        last.set(Instant::now());
        while last.get().elapsed() < patience {
            sleep(patience.saturating_sub(last.get().elapsed())).await;
        }
    };
    let replies = async {
        let see = |chunk: &[u8]| {
            last.set(Instant::now());
            let (count, errors) = balance.borrow_mut().see_replies(chunk);
            proxy.metrics.passed(count, errors, chunk.len());
        };
        while let Ok(true) = pass(&mut from, &mut writer, &proxy, Duration::MAX, see).await {}
    };
    let mut stage = proxy.stage.clone();
    let drained = async {
        let _ = stage.wait_for(|stage| *stage != Stage::Serving).await;
        while !balance.borrow().is_even() {
            sleep(TICK).await;
        }
    };
    tokio::select! {
        () = requests => {}
        () = replies => {}
        () = drained => {}
    }
    writer.shutdown().await
}

/// Counts the commands and the replies that have passed.
struct Balance {
    requests: Side,
    replies: Side,
}

struct Side {
    framer: Framer,
    count: usize,
    /// The first bytes of the frame that is arriving.
    head: Vec<u8>,
    /// Whether the bytes can no longer be cut into frames. A server that replicates, for example, sends other
    /// things than replies.
    is_lost: bool,
}

impl Balance {
    fn new() -> Self {
        let side = |framer| Side { framer, count: 0, head: Vec::new(), is_lost: false };
        Self { requests: side(Framer::requests(UNLIMITED)), replies: side(reply_framer()) }
    }

    /// Returns whether no reply is due, as far as the counts tell.
    fn is_even(&self) -> bool {
        self.replies.is_lost || self.requests.count <= self.replies.count
    }

    fn see_replies(&mut self, chunk: &[u8]) -> (usize, usize) {
        let seen = self.replies.see(chunk);
        // A command may have several confirmations, and RESP2 has messages that look like replies.
        self.replies.count = self.replies.count.min(self.requests.count);
        seen
    }
}

impl Side {
    /// Counts the frames that end in the chunk, except pushes that no command asked for. Returns how many there
    /// were, and how many of them were errors.
    fn see(&mut self, mut chunk: &[u8]) -> (usize, usize) {
        let (mut count, mut errors) = (0, 0);
        while !chunk.is_empty() && !self.is_lost {
            let Ok(progress) = self.framer.advance(chunk) else {
                self.is_lost = true;
                break;
            };
            let taken;
            (taken, chunk) = chunk.split_at(progress.taken);
            let room = HEAD - self.head.len();
            self.head.extend_from_slice(&taken[..room.min(taken.len())]);
            if progress.is_complete {
                count +=
                    usize::from(progress.type_byte != Some(b'>') || is_confirmation(&self.head));
                errors += usize::from(progress.type_byte == Some(b'-'));
                self.head.clear();
            }
        }
        self.count += count;
        (count, errors)
    }
}

/// Returns whether a push confirms a subscription or its end: it is then the reply to a command.
fn is_confirmation(push: &[u8]) -> bool {
    push.split(|byte| *byte == b'\n').nth(2).is_some_and(|kind| kind.ends_with(b"subscribe\r"))
}

/// Reads once, and writes what it has read. Returns `false` at the end of the input.
///
/// # Errors
/// If a side has failed, or writing takes longer than `patience`.
async fn pass(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    proxy: &Proxy,
    patience: Duration,
    mut see: impl FnMut(&[u8]),
) -> io::Result<bool> {
    // The bytes are written from the scratch buffer. What the socket does not take at once is copied, because
    // other connections use that buffer while this one waits.
    let mut unwritten = Vec::new();
    let passed = poll_fn(|cx| {
        let mut scratch = proxy.scratch.borrow_mut();
        let mut chunk = ReadBuf::new(&mut scratch);
        ready!(Pin::new(&mut *from).poll_read(cx, &mut chunk))?;
        let bytes = chunk.filled();
        see(bytes);
        let written = match Pin::new(&mut *to).poll_write(cx, bytes) {
            Poll::Ready(written) => written?,
            Poll::Pending => 0,
        };
        unwritten.extend_from_slice(&bytes[written..]);
        Poll::Ready(Ok(!bytes.is_empty()))
    });
    let passed: io::Result<bool> = passed.await;
    in_time(patience, to.write_all(&unwritten)).await?;
    passed
}
