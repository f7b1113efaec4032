//! A client's own connection to an upstream, until one of them closes it.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Poll, ready};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, Interest, ReadBuf};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};
use zresp::{Framer, Progress};

use crate::connection::{Connection, in_time};
use crate::lane_reader::{UNLIMITED, reply_framer};
use crate::mark::{Gate, MADE, Next, mark};
use crate::proxy::{Proxy, Stage};
use crate::session::Session;
use crate::upstream::{Failure, Upstream};

/// How many bytes tell whether a push confirms a subscription.
const HEAD: usize = 24;
/// How often to check, while draining, whether the last replies have passed.
const TICK: Duration = Duration::from_millis(10);

/// Answers `WAIT` where its number could be too high, and no [mark](crate::mark) can be made.
const LATE_WAIT: &str =
    "ERR the first WAIT after writes must not follow MULTI, nor CLIENT REPLY in a transaction";

/// Passes bytes unchanged between a client and its own connection, until one of them closes it or the proxy
/// has been told to stop and no reply is due.
///
/// The frames are only counted, to know whether a reply is due.
pub(crate) async fn relay(session: Session, connection: Connection) -> io::Result<()> {
    let Session { proxy, client, mut reader, input, charge, .. } = session;
    let Some(mut writer) = client.writer.take() else { return Ok(()) };
    let Connection { upstream, stream, .. } = connection;
    let (mut from, mut to) = stream.into_split();
    let balance = RefCell::new(Balance::new());
    let patience = proxy.access.timeout;
    let last = Cell::new(Instant::now());
    let (answered, refusal) = (Notify::new(), Cell::new(None));
    let requests = async {
        let mut unsent = input;
        let mut is_open = true;
        // As long as earlier writes may be missing in what `WAIT` waits for.
        let mut gate = client.has_written.get().then(Gate::new);
        while let Some(open) = gate.as_mut().filter(|_| is_open) {
            let (len, next) = open.advance(&unsent);
            let sent = unsent.split_to(len);
            balance.borrow_mut().requests.see(&sent);
            is_open = in_time(patience, to.write_all(&sent)).await.is_ok();
            charge.set(unsent.len());
            match next {
                _ if !is_open => {}
                Next::More => {
                    is_open = read(&mut reader, &proxy, &mut unsent).await.unwrap_or(false);
                }
                Next::LateWait => {
                    refusal.set(Some(Failure::new(LATE_WAIT)));
                    is_open = false;
                }
                Next::Wait if !balance.borrow().is_even() => {
                    // The replies may be due for any time, so the client may leave.
                    sleep(TICK).await;
                    let ready = timeout(Duration::ZERO, reader.ready(Interest::READABLE)).await;
                    is_open = !matches!(ready, Ok(Ok(ready)) if ready.is_read_closed());
                }
                Next::Wait => {
                    let marking = make_mark(&upstream, &proxy, &mut to, &balance, &answered);
                    let made = timeout(patience, marking).await;
                    let made = made.unwrap_or_else(|_| Err(upstream.failure("no reply in time")));
                    is_open = matches!(made, Ok(true));
                    refusal.set(made.err());
                    gate = None;
                }
            }
        }
        if is_open {
            balance.borrow_mut().requests.see(&unsent);
            is_open = in_time(patience, to.write_all(&unsent)).await.is_ok();
        }
        drop((unsent, charge));
        while is_open {
            let see = |chunk: &[u8]| {
                proxy.metrics.received(chunk.len());
                balance.borrow_mut().requests.see(chunk);
                None
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
            let mut balance = balance.borrow_mut();
            let (others, rest) = balance.take_mark(chunk);
            let (count, errors) = balance.see_replies(rest);
            proxy.metrics.passed(count, errors, chunk.len());
            others.map(|others| {
                if !balance.mark.is_due {
                    answered.notify_one();
                }
                [&others, rest].concat()
            })
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
    if let Some(failure) = refusal.take() {
        in_time(patience, writer.write_all(&failure.to_reply())).await?;
    }
    writer.shutdown().await
}

/// Reads more from a client. Returns `false` at the end of the input.
async fn read(reader: &mut OwnedReadHalf, proxy: &Proxy, input: &mut BytesMut) -> io::Result<bool> {
    let read = poll_fn(|cx| {
        let mut scratch = proxy.scratch.borrow_mut();
        let mut chunk = ReadBuf::new(&mut scratch);
        ready!(Pin::new(&mut *reader).poll_read(cx, &mut chunk))?;
        proxy.metrics.received(chunk.filled().len());
        input.extend_from_slice(chunk.filled());
        Poll::Ready(Ok(!chunk.filled().is_empty()))
    });
    read.await
}

/// Makes a [mark](crate::mark) where no reply is due. Returns `false` if the server has refused it; the client gets that
/// reply.
async fn make_mark(
    upstream: &Rc<Upstream>,
    proxy: &Proxy,
    to: &mut OwnedWriteHalf,
    balance: &RefCell<Balance>,
    answered: &Notify,
) -> Result<bool, Failure> {
    let mark = mark(upstream, &proxy.topology)?;
    {
        let mut balance = balance.borrow_mut();
        balance.requests.count += 1;
        balance.mark.is_due = true;
    }
    to.write_all(&mark).await.map_err(|error| upstream.failure(error))?;
    answered.notified().await;
    let mut balance = balance.borrow_mut();
    balance.requests.count -= 1;
    Ok(balance.mark.is_made)
}

/// Counts the commands and the replies that have passed.
struct Balance {
    requests: Side,
    replies: Side,
    mark: Mark,
}

#[derive(Default)]
struct Mark {
    /// Whether the next reply is that to the mark.
    is_due: bool,
    is_made: bool,
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
        let (requests, replies) = (side(Framer::requests(UNLIMITED)), side(reply_framer()));
        Self { requests, replies, mark: Mark::default() }
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

    /// Takes the reply to the mark, if it is due, from the beginning of the bytes. Returns what else was there, and the
    /// rest. A reply that is not a number is left for the client.
    fn take_mark<'a>(&mut self, mut rest: &'a [u8]) -> (Option<Vec<u8>>, &'a [u8]) {
        let mut others = self.mark.is_due.then(Vec::new);
        while let Some(others) = others.as_mut().filter(|_| self.mark.is_due && !rest.is_empty()) {
            let Some(progress) = self.replies.advance(rest) else { break };
            let taken;
            (taken, rest) = rest.split_at(progress.taken);
            let head = &self.replies.head;
            if !head.starts_with(b":") {
                others.extend(taken);
            }
            if progress.is_complete && !head.starts_with(b">") {
                self.mark = Mark { is_due: false, is_made: head == MADE };
            }
        }
        (others, rest)
    }
}

impl Side {
    /// Counts the frames that end in the chunk, except pushes that no command asked for. Returns how many there
    /// were, and how many of them were errors.
    fn see(&mut self, mut chunk: &[u8]) -> (usize, usize) {
        let (mut count, mut errors) = (0, 0);
        while !chunk.is_empty() && !self.is_lost {
            let Some(progress) = self.advance(chunk) else { break };
            chunk = &chunk[progress.taken..];
            if progress.is_complete {
                count +=
                    usize::from(progress.type_byte != Some(b'>') || is_confirmation(&self.head));
                errors += usize::from(progress.type_byte == Some(b'-'));
            }
        }
        self.count += count;
        (count, errors)
    }

    /// Moves to the end of the chunk, or of the frame that is arriving.
    fn advance(&mut self, chunk: &[u8]) -> Option<Progress> {
        if self.framer.is_between_frames() {
            self.head.clear();
        }
        let progress = self.framer.advance(chunk).ok();
        self.is_lost = progress.is_none();
        let taken = &chunk[..progress?.taken];
        let room = HEAD - self.head.len();
        self.head.extend_from_slice(&taken[..room.min(taken.len())]);
        progress
    }
}

/// Returns whether a push confirms a subscription or its end: it is then the reply to a command.
fn is_confirmation(push: &[u8]) -> bool {
    push.split(|byte| *byte == b'\n').nth(2).is_some_and(|kind| kind.ends_with(b"subscribe\r"))
}

/// Reads once, and writes what it has read, or what `see` returns instead. Returns `false` at the end of the input.
///
/// # Errors
/// If a side has failed, or writing takes longer than `patience`.
async fn pass(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    proxy: &Proxy,
    patience: Duration,
    mut see: impl FnMut(&[u8]) -> Option<Vec<u8>>,
) -> io::Result<bool> {
    // The bytes are written from the scratch buffer. What the socket does not take at once is copied, because
    // other connections use that buffer while this one waits.
    let mut unwritten = Vec::new();
    let passed = poll_fn(|cx| {
        let mut scratch = proxy.scratch.borrow_mut();
        let mut chunk = ReadBuf::new(&mut scratch);
        ready!(Pin::new(&mut *from).poll_read(cx, &mut chunk))?;
        let bytes = chunk.filled();
        let instead = see(bytes);
        let out = instead.as_deref().unwrap_or(bytes);
        let written = match Pin::new(&mut *to).poll_write(cx, out) {
            Poll::Ready(written) => written?,
            Poll::Pending => 0,
        };
        unwritten.extend_from_slice(&out[written..]);
        Poll::Ready(Ok(!bytes.is_empty()))
    });
    let passed: io::Result<bool> = passed.await;
    in_time(patience, to.write_all(&unwritten)).await?;
    passed
}
