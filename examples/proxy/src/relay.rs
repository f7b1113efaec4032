//! A client's own connection to an upstream: until one of them closes it, or for one large command.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Poll, ready};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf, sink};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use zresp::cluster::Redirect;
use zresp::{Framer, Limits};

use crate::proxy::Proxy;
use crate::session::Session;
use crate::upstream::{Failure, Upstream, read_reply};

/// Commands and replies above this size are passed on while they arrive.
pub(crate) const LARGE: usize = 64 * 1024;
/// The reason in the error for a reply that will not arrive.
const CLOSED: &str = "the connection was closed";
/// How often to check, while draining, whether the last replies have passed.
const TICK: Duration = Duration::from_millis(10);

/// Limits for frames that are not buffered, so that only the server's own limits apply.
pub(crate) const fn trusting() -> Limits {
    Limits::new().with_bulk(usize::MAX).with_frame(usize::MAX)
}

/// Passes bytes unchanged between a client and its own connection, until one of them closes it or the proxy
/// has been told to stop and no reply is due.
///
/// The frames are only counted, to know whether a reply is due.
pub(crate) async fn relay(
    session: Session,
    upstream: &Upstream,
    stream: TcpStream,
) -> io::Result<()> {
    let Session { proxy, client, mut reader, input, .. } = session;
    let Some(mut writer) = client.writer.take() else { return Ok(()) };
    let (mut from, mut to) = stream.into_split();
    let balance = RefCell::new(Balance::new());
    let requests = async {
        balance.borrow_mut().requests.see(&input);
        let mut is_open = to.write_all(&input).await.is_ok();
        drop(input);
        while is_open {
            let see = |chunk: &[u8]| {
                proxy.metrics.received(chunk.len());
                balance.borrow_mut().requests.see(chunk);
                chunk.len()
            };
            let sides = (&mut reader, &mut to);
            is_open = pass(sides, &mut BytesMut::new(), &proxy, see).await.unwrap_or(false);
        }
        // The server will close its side after its last reply, which ends `replies` below.
        let _ = to.shutdown().await;
        std::future::pending::<()>().await;
    };
    let replies = async {
        let see = |chunk: &[u8]| {
            let (replies, errors) = balance.borrow_mut().replies.see(chunk);
            proxy.metrics.passed(replies, errors, chunk.len());
            chunk.len()
        };
        let mut none = BytesMut::new();
        while let Ok(true) = pass((&mut from, &mut writer), &mut none, &proxy, see).await {}
    };
    let mut stopping = proxy.stopping.subscribe();
    let drained = async {
        let _ = stopping.wait_for(|stopping| *stopping).await;
        while !balance.borrow().is_even() {
            sleep(TICK).await;
        }
    };
    tokio::select! {
        () = requests => {}
        () = replies => {}
        () = drained => {}
    }
    let balance = balance.into_inner();
    // A client that waits for a reply gets an error, unless the error would be inside a reply.
    if !balance.is_even() && balance.replies.framer.is_between_frames() {
        let _ = writer.write_all(&upstream.failure(CLOSED).to_reply()).await;
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
    /// Whether the bytes can no longer be cut into frames. A server that replicates, for example, sends other
    /// things than replies.
    is_lost: bool,
}

impl Balance {
    fn new() -> Self {
        let side = |framer| Side { framer, count: 0, is_lost: false };
        Self {
            requests: side(Framer::requests(trusting())),
            replies: side(Framer::replies(trusting())),
        }
    }

    /// Returns whether no reply is due, as far as the counts tell.
    fn is_even(&self) -> bool {
        self.replies.is_lost || self.requests.count <= self.replies.count
    }
}

impl Side {
    /// Counts the frames that end in the chunk, except pushes. Returns how many there were, and how many of
    /// them were errors.
    fn see(&mut self, mut chunk: &[u8]) -> (usize, usize) {
        let (mut count, mut errors) = (0, 0);
        while !chunk.is_empty() && !self.is_lost {
            match self.framer.advance(chunk) {
                Ok(progress) => {
                    chunk = &chunk[progress.taken..];
                    if progress.is_complete && progress.type_byte != Some(b'>') {
                        count += 1;
                        errors += usize::from(progress.type_byte == Some(b'-'));
                    }
                }
                Err(_) => self.is_lost = true,
            }
        }
        self.count += count;
        (count, errors)
    }
}

/// Passes on a large command while it arrives, and then its reply, on a connection that is borrowed for that.
///
/// # Errors
/// If the client is gone, or the rest of a reply cannot be given to it.
pub(crate) async fn pass_on(session: &mut Session, upstream: &Upstream) -> io::Result<()> {
    let proxy = Rc::clone(&session.proxy);
    let mut target = upstream.borrow(session.client.protocol.get()).await;
    let mut framer = session.decoder.take_framer(&session.input);
    let head = session.input.split();
    if let Ok(stream) = &mut target
        && stream.write_all(&head).await.is_err()
    {
        target = Err(upstream.failure(CLOSED));
    }
    drop(head);
    let mut end = Ok(false);
    while let Ok(false) = end {
        let advance = |chunk: &[u8]| {
            proxy.metrics.received(chunk.len());
            let progress = framer.advance(chunk);
            end = progress.map(|progress| progress.is_complete);
            progress.map_or(0, |progress| progress.taken)
        };
        // Without an upstream the command is still read to its end, where the next one begins.
        let mut nowhere = sink();
        let to: &mut (dyn AsyncWrite + Unpin) = match &mut target {
            Ok(stream) => stream,
            Err(_) => &mut nowhere,
        };
        match pass((&mut session.reader, to), &mut session.input, &proxy, advance).await {
            Ok(true) => {}
            Ok(false) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Err(Broken::Reader(error)) => return Err(error),
            Err(Broken::Writer(_)) => target = Err(upstream.failure(CLOSED)),
        }
    }
    match (end, target) {
        (Err(error), _) => session.leave(error),
        (Ok(_), Ok(stream)) => return pass_back(session, upstream, stream).await,
        (Ok(_), Err(failure)) => session.fail(&failure),
    }
    Ok(())
}

/// Passes on the reply to a large command while it arrives, and gives the connection back.
async fn pass_back(
    session: &Session,
    upstream: &Upstream,
    mut stream: TcpStream,
) -> io::Result<()> {
    let mut first = [0];
    match timeout(session.proxy.access.timeout, stream.peek(&mut first)).await.unwrap_or(Ok(0)) {
        // An error is read whole, because it may be a redirection.
        Ok(1) if first == *b"-" => {
            let reply = read_reply(&mut stream).await?;
            let text = reply.wire().strip_prefix(b"-").and_then(|line| line.strip_suffix(b"\r\n"));
            let redirect = text.and_then(Redirect::parse);
            match redirect
                .and_then(|redirect| session.proxy.topology.redirected(&redirect, upstream))
            {
                // The proxy has not kept the command, so it cannot send it again.
                Some(_) => {
                    let text = "TRYAGAIN the slot was moved while a large command was on its way";
                    session.fail(&Failure(text.to_owned()));
                }
                None => session.answer(reply.wire()),
            }
        }
        Ok(1) => {
            let mut writer = session.client.writer.take().ok_or(io::ErrorKind::NotConnected)?;
            let mut framer = Framer::replies(trusting());
            let mut end = Ok(false);
            while let Ok(false) = end {
                let advance = |chunk: &[u8]| {
                    let progress = framer.advance(chunk);
                    end = progress.map(|progress| progress.is_complete);
                    session.proxy.metrics.passed(end.unwrap_or_default().into(), 0, chunk.len());
                    progress.map_or(0, |progress| progress.taken)
                };
                let (sides, mut rest) = ((&mut stream, &mut writer), BytesMut::new());
                if !pass(sides, &mut rest, &session.proxy, advance).await? || !rest.is_empty() {
                    return Err(io::ErrorKind::BrokenPipe.into());
                }
            }
            end.map_err(io::Error::other)?;
            session.client.writer.replace(Some(writer));
        }
        _ => {
            session.fail(&upstream.failure(CLOSED));
            return Ok(());
        }
    }
    upstream.give_back(stream, session.client.protocol.get());
    Ok(())
}

/// The side that failed.
enum Broken {
    Reader(io::Error),
    Writer(io::Error),
}

impl From<Broken> for io::Error {
    fn from((Broken::Reader(error) | Broken::Writer(error)): Broken) -> Self {
        error
    }
}

/// Reads once. Writes as many of the bytes as `take` returns, and appends the others to `rest`. Returns
/// `false` at the end of the input.
async fn pass<R: AsyncRead + Unpin, W: AsyncWrite + Unpin + ?Sized>(
    (from, to): (&mut R, &mut W),
    rest: &mut BytesMut,
    proxy: &Proxy,
    mut take: impl FnMut(&[u8]) -> usize,
) -> Result<bool, Broken> {
    // The bytes are written from the scratch buffer. What the socket does not take at once is copied, because
    // other connections use that buffer while this one waits.
    let mut unwritten = Vec::new();
    let passed = poll_fn(|cx| {
        let mut scratch = proxy.scratch.borrow_mut();
        let mut chunk = ReadBuf::new(&mut scratch);
        ready!(Pin::new(&mut *from).poll_read(cx, &mut chunk)).map_err(Broken::Reader)?;
        let (taken, after) = chunk.filled().split_at(take(chunk.filled()));
        rest.extend_from_slice(after);
        let written = match Pin::new(&mut *to).poll_write(cx, taken) {
            Poll::Ready(written) => written.map_err(Broken::Writer)?,
            Poll::Pending => 0,
        };
        unwritten.extend_from_slice(&taken[written..]);
        Poll::Ready(Ok(!chunk.filled().is_empty()))
    });
    let passed = passed.await?;
    to.write_all(&unwritten).await.map_err(Broken::Writer)?;
    Ok(passed)
}
