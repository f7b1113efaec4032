//! The socket of a client: requests in, replies out.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::debug;
use zresp::CommandDecoder;

use crate::commands::{Client, Shared, execute};
use crate::reason;

/// How many bytes a read has room for at the least. A buffer that is full doubles, so that a value takes
/// few reads, and one that is only announced takes no more than this.
const READ: usize = 16 * 1024;
/// With so many bytes to be written, no further command is answered before that is done.
const WRITE: usize = 64 * 1024;
/// Buffers that have grown beyond this are given back when they are empty.
const KEPT: usize = 1024 * 1024;
/// How long a client may take to read its last replies.
const FAREWELL: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    decoder: CommandDecoder,
    input: BytesMut,
    client: Client,
    shared: Arc<Mutex<Shared>>,
}

/// What is to be done when the commands that have arrived are answered.
enum Next {
    /// There are more, but the replies should go first.
    Continue,
    Read,
    /// The client is leaving, or is told what is wrong with its input.
    Part,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream, peer: SocketAddr, shared: Arc<Mutex<Shared>>) -> Self {
        let client = {
            let mut shared = lock(&shared);
            shared.last_id += 1;
            let id = shared.last_id;
            shared.clients.insert(id, format!("id={id} addr={peer} db=0\n"));
            Client { id, ..Client::default() }
        };
        Self { stream, decoder: CommandDecoder::new(), input: BytesMut::new(), client, shared }
    }

    /// Answers the client until it leaves; when the server stops, what has been received by then.
    pub(crate) async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        if let Err(error) = self.serve(&mut stopped).await {
            debug!(client = self.client.id, %error, "disconnected");
        }
    }

    async fn serve(&mut self, stopped: &mut watch::Receiver<bool>) -> io::Result<()> {
        self.stream.set_nodelay(true)?;
        let mut next = Next::Read;
        loop {
            match next {
                Next::Continue => {}
                Next::Read if self.read(stopped).await? => {}
                Next::Read => return self.stream.shutdown().await,
                Next::Part => return self.part().await,
            }
            next = self.answer();
            // Until the client has taken its replies, nothing more is read from it.
            self.stream.write_all(&self.client.out).await?;
            self.client.out.clear();
            shed(&mut self.client.out);
        }
    }

    /// Reads what there is; returns `false` if nothing more is to be read.
    async fn read(&mut self, stopped: &mut watch::Receiver<bool>) -> io::Result<bool> {
        shed(&mut self.input);
        self.input.reserve(READ);
        tokio::select! {
            biased;
            count = self.stream.read_buf(&mut self.input) => Ok(count? > 0),
            _ = stopped.wait_for(|stopped| *stopped) => Ok(false),
        }
    }

    /// Answers the commands that have arrived, in one go.
    fn answer(&mut self) -> Next {
        let mut shared = lock(&self.shared);
        shared.keys.tick();
        let mut scratch = Vec::new();
        let mut taken = 0;
        let next = loop {
            if self.client.out.len() >= WRITE {
                break Next::Continue;
            }
            match self.decoder.decode(&self.input[taken..]) {
                Ok(Some(request)) => {
                    let command = request.command().to_array(&mut scratch);
                    execute(&command, &mut shared, &mut self.client);
                    taken += request.wire().len();
                    if self.client.is_leaving {
                        break Next::Part;
                    }
                }
                Ok(None) => {
                    taken += self.decoder.take_skipped();
                    break Next::Read;
                }
                Err(error) => {
                    let reason = reason(error, &self.input[taken..]);
                    self.client.fail(format!("ERR Protocol error: {reason}").as_bytes());
                    break Next::Part;
                }
            }
        };
        self.input.advance(taken);
        next
    }

    /// Closes the connection without a reset, which could overtake the reply: only when the client has
    /// seen the end and closed its side, or after a while.
    async fn part(&mut self) -> io::Result<()> {
        self.stream.shutdown().await?;
        let closed = async {
            while self.stream.read_buf(&mut self.input).await? > 0 {
                self.input.clear();
            }
            Ok(())
        };
        timeout(FAREWELL, closed).await.unwrap_or(Ok(()))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        lock(&self.shared).clients.remove(&self.client.id);
    }
}

/// Each command leaves the data whole, even one that panics.
fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives back the memory of an empty buffer that has grown.
fn shed(buffer: &mut BytesMut) {
    if buffer.is_empty() && buffer.capacity() > KEPT {
        *buffer = BytesMut::new();
    }
}
