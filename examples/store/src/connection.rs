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

/// The least room for a read, in bytes. A full buffer doubles, so a large value takes few reads, and a value
/// that has only been announced takes no more memory than this.
const READ: usize = 16 * 1024;
/// At this many bytes of replies, they are written before the next command runs.
const WRITE: usize = 64 * 1024;
/// An empty buffer with more capacity than this is freed.
const KEPT: usize = 1024 * 1024;
/// How long a client may take to read its last replies.
const LINGER: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    decoder: CommandDecoder,
    input: BytesMut,
    client: Client,
    shared: Arc<Mutex<Shared>>,
}

/// What the connection does after it has written the replies.
enum Next {
    /// Answers more of the commands that have arrived.
    Continue,
    /// Reads, because every command that has arrived is answered.
    Read,
    /// Closes the connection, because the client is leaving or its input is broken.
    Close,
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

    /// Serves the client until it leaves or the server stops; what was received by then is answered.
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
                Next::Close => return self.close().await,
            }
            next = self.answer();
            // Nothing more is read until the client has taken its replies.
            self.stream.write_all(&self.client.out).await?;
            self.client.out.clear();
            shed(&mut self.client.out);
        }
    }

    /// Reads what has arrived; returns `false` at the end of the input, or if the server stops.
    async fn read(&mut self, stopped: &mut watch::Receiver<bool>) -> io::Result<bool> {
        shed(&mut self.input);
        self.input.reserve(READ);
        tokio::select! {
            biased;
            count = self.stream.read_buf(&mut self.input) => Ok(count? > 0),
            _ = stopped.wait_for(|stopped| *stopped) => Ok(false),
        }
    }

    /// Answers the commands that have arrived, until there are `WRITE` bytes of replies.
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
                        break Next::Close;
                    }
                }
                Ok(None) => {
                    taken += self.decoder.take_skipped();
                    break Next::Read;
                }
                Err(error) => {
                    if let Some(message) = error.redis_message(&self.input[taken..]) {
                        self.client.fail(&message);
                    }
                    break Next::Close;
                }
            }
        };
        self.input.advance(taken);
        next
    }

    /// Closes the connection when the client has closed its side, or after `LINGER`. Closing it with unread
    /// input would reset it, and the client could lose its last replies.
    async fn close(&mut self) -> io::Result<()> {
        self.stream.shutdown().await?;
        let closed = async {
            while self.stream.read_buf(&mut self.input).await? > 0 {
                self.input.clear();
            }
            Ok(())
        };
        timeout(LINGER, closed).await.unwrap_or(Ok(()))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        lock(&self.shared).clients.remove(&self.client.id);
    }
}

/// Locks the data, even after a panic: no command leaves it inconsistent.
fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Frees an empty buffer that has grown.
fn shed(buffer: &mut BytesMut) {
    if buffer.is_empty() && buffer.capacity() > KEPT {
        *buffer = BytesMut::new();
    }
}
