//! One of the clients of a [checker](super::checker).

use std::io::{ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

use zresp::ReplyRef;
use zresp::io::{ReplyReader, StreamError};

use super::checker::{Commands, Load, Memory, Seen};
use super::known::{Counter, Key, Wrong};
use super::{PATIENCE, command, pattern, until};

const KEYS_OF_A_CLIENT: usize = 12;
/// A batch up to this size fits the socket buffers, even if the proxy does not read.
const WRITTEN_AT_ONCE: usize = 32 * 1024;

/// How a batch of commands ended.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    /// Every command got a right reply.
    Right,
    /// Some got errors.
    WithErrors,
    /// The connection was closed before the last reply.
    Closed,
}

/// A client that knows which replies are right.
#[derive(Debug)]
pub(super) struct CheckingClient {
    number: usize,
    address: SocketAddr,
    load: Load,
    seen: Arc<Seen>,
    random: fastrand::Rng,
    keys: Vec<Key>,
    counter: Counter,
    /// How many texts were sent to be echoed.
    texts: u64,
}

impl CheckingClient {
    pub(super) fn new(number: usize, address: SocketAddr, load: Load, seen: Arc<Seen>) -> Self {
        let keys = (0..KEYS_OF_A_CLIENT).map(|key| Key::new(number, key)).collect();
        let random = fastrand::Rng::with_seed(load.seed ^ number as u64);
        let counter = Counter::new(number);
        Self { number, address, load, seen, random, keys, counter, texts: 0 }
    }

    pub(super) fn work(mut self) {
        let mut stream = self.connect();
        while !self.seen.stop.load(Relaxed) {
            let batch = (0..self.random.usize(1..=40)).map(|_| self.ask()).collect();
            if self.exchange(&mut stream, batch) == End::Closed {
                stream = self.connect();
            }
        }
        // Read every key once more without errors, to check the writes that errors have left open.
        until("a batch without errors", PATIENCE, || {
            let reads = (0..self.keys.len()).map(|key| Ask::Get { key });
            let batch = reads.chain([Ask::Increment, self.echo()]).collect();
            let end = self.exchange(&mut stream, batch);
            if end == End::Closed {
                stream = self.connect();
            }
            (end == End::Right).then_some(())
        });
    }

    fn connect(&mut self) -> ReplyReader<TcpStream> {
        let speaks_resp3 = self.load.commands != Commands::WithoutState && self.number % 3 == 2;
        until("a connection", PATIENCE, || {
            let stream = TcpStream::connect(self.address).ok()?;
            stream.set_read_timeout(Some(self.load.patience)).expect("a valid timeout");
            stream.set_write_timeout(Some(self.load.patience)).expect("a valid timeout");
            stream.set_nodelay(true).expect("every TCP socket has this option");
            let mut replies = ReplyReader::new(stream);
            if speaks_resp3 {
                replies.get_mut().write_all(b"HELLO 3\r\n").ok()?;
                let greeting = replies.read().ok()??;
                matches!(greeting.reply(), ReplyRef::Map(_)).then_some(())?;
            }
            Some(replies)
        })
    }

    /// Returns a random command.
    fn ask(&mut self) -> Ask {
        let [key, other] = [(); 2].map(|()| self.random.usize(..self.keys.len()));
        match self.random.u8(..20) {
            0..6 => Ask::Set { key, version: self.keys[key].next_version() },
            6..12 => Ask::Get { key },
            12 if key != other => Ask::SetTwo {
                keys: [key, other],
                versions: [key, other].map(|key| self.keys[key].next_version()),
            },
            13 => Ask::GetMany { keys: vec![key, other, key] },
            14 | 15 => Ask::Increment,
            16 if self.load.commands != Commands::WithoutScripts => {
                Ask::Nested { text: self.text() }
            }
            _ => self.echo(),
        }
    }

    fn echo(&mut self) -> Ask {
        Ask::Echo { text: self.text() }
    }

    /// Returns a text that is sent only once.
    fn text(&mut self) -> String {
        self.texts += 1;
        format!("text {} of client {}", self.texts, self.number)
    }

    /// Sends the commands at once, and reads their replies while they are being sent.
    fn exchange(&mut self, replies: &mut ReplyReader<TcpStream>, batch: Vec<Ask>) -> End {
        let wire = batch.iter().map(|ask| self.wire(ask)).collect::<Vec<_>>().concat();
        let mut sender = replies.get_mut().try_clone().expect("a second handle");
        // Errors in writing are ignored: reading will fail, too.
        if wire.len() <= WRITTEN_AT_ONCE {
            _ = sender.write_all(&wire);
            return self.take_replies(replies, batch);
        }
        let mut random = self.random.fork();
        thread::scope(|scope| {
            scope.spawn(move || {
                let mut rest = wire.as_slice();
                while !rest.is_empty() {
                    let (piece, after) = rest.split_at(random.usize(1..=rest.len()));
                    if sender.write_all(piece).is_err() {
                        return;
                    }
                    rest = after;
                }
            });
            self.take_replies(replies, batch)
        })
    }

    fn take_replies(&mut self, replies: &mut ReplyReader<TcpStream>, batch: Vec<Ask>) -> End {
        let mut end = End::Right;
        for ask in batch {
            let start = Instant::now();
            let read = match end {
                End::Closed => Ok(None),
                _ => replies.read(),
            };
            let waited = start.elapsed().as_micros();
            let waited = u64::try_from(waited).expect("a few minutes at most");
            self.seen.slowest_micros.fetch_max(waited, Relaxed);
            match read.map(|frame| frame.map(|frame| frame.reply())) {
                Ok(Some(ReplyRef::Error(text) | ReplyRef::BulkError(text))) => {
                    self.seen.error(text);
                    self.leave_open(&ask);
                    end = End::WithErrors;
                }
                Ok(Some(reply)) => {
                    if let Err(reason) = self.check(&ask, reply) {
                        panic!("client {}: {ask:?}: {reason}", self.number);
                    }
                    self.seen.right.fetch_add(1, Relaxed);
                }
                Err(StreamError::Io(error)) if is_timeout(&error) => {
                    let patience = self.load.patience;
                    panic!("client {}: {ask:?}: no reply in {patience:?}", self.number);
                }
                Ok(None) | Err(StreamError::Io(_)) => {
                    if end != End::Closed {
                        self.seen.closed.fetch_add(1, Relaxed);
                    }
                    self.leave_open(&ask);
                    end = End::Closed;
                }
                Err(error) if is_cut(&error) => {
                    self.seen.closed.fetch_add(1, Relaxed);
                    self.leave_open(&ask);
                    end = End::Closed;
                }
                Err(error) => panic!("client {}: {ask:?}: {error}", self.number),
            }
        }
        // A closed connection may leave a part of a reply.
        let surplus = if end == End::Closed { &[] } else { replies.buffered() };
        let shown = surplus[..surplus.len().min(80)].escape_ascii();
        assert!(surplus.is_empty(), "client {}: bytes after the last reply: {shown}", self.number);
        end
    }

    fn wire(&self, ask: &Ask) -> Vec<u8> {
        let name = |key: &usize| self.keys[*key].name.as_bytes();
        match ask {
            Ask::Set { key, version } => command(&[b"SET", name(key), &self.value(*key, *version)]),
            Ask::SetTwo { keys: [a, b], versions } => command(&[
                b"MSET",
                name(a),
                &self.value(*a, versions[0]),
                name(b),
                &self.value(*b, versions[1]),
            ]),
            Ask::Get { key } => command(&[b"GET", name(key)]),
            Ask::GetMany { keys } => {
                let names = keys.iter().map(name);
                command(&[&b"MGET"[..]].into_iter().chain(names).collect::<Vec<_>>())
            }
            Ask::Increment => command(&[b"INCR", self.counter.name.as_bytes()]),
            Ask::Echo { text } => command(&[b"ECHO", text.as_bytes()]),
            Ask::Nested { text } => command(&[
                b"EVAL",
                b"return {ARGV[1],{1,{ARGV[1]}},KEYS[1]}",
                b"1",
                self.counter.name.as_bytes(),
                text.as_bytes(),
            ]),
        }
    }

    /// Returns the value that a key has after its write number `version`. It begins with the name of the key
    /// and that number; its size varies.
    fn value(&self, key: usize, version: u64) -> Vec<u8> {
        let name = &self.keys[key].name;
        let number = pattern::mix(version ^ ((self.number as u64) << 48) ^ ((key as u64) << 40));
        let draw = usize::try_from(number >> 33).expect("31 bits");
        let size = match draw % 64 {
            0 => draw / 64 % self.load.largest,
            1..8 => draw / 64 % 20_000,
            _ => draw / 64 % 200,
        };
        let head = format!("{name} {version} ");
        [head.as_bytes(), &pattern::bytes(number, size)].concat()
    }

    /// Checks a reply that is not an error.
    ///
    /// # Errors
    /// If the reply is wrong.
    fn check(&mut self, ask: &Ask, reply: ReplyRef<'_>) -> Result<(), Wrong> {
        match ask {
            Ask::Set { key, version } => {
                expect(reply, &ReplyRef::Simple(b"OK"))?;
                self.keys[*key].acknowledge(Some(*version), self.load.late);
            }
            Ask::SetTwo { keys, versions } => {
                expect(reply, &ReplyRef::Simple(b"OK"))?;
                for (key, version) in keys.iter().zip(versions) {
                    self.keys[*key].acknowledge(Some(*version), self.load.late);
                }
            }
            Ask::Get { key } => self.check_value(*key, reply)?,
            Ask::GetMany { keys } => {
                let ReplyRef::Array(elements) = reply else { return Err(Wrong::of(reply)) };
                let elements: Vec<_> = elements.collect();
                if elements.len() != keys.len() {
                    return Err(Wrong::of(reply));
                }
                for (key, element) in keys.iter().zip(elements) {
                    self.check_value(*key, element)?;
                }
            }
            Ask::Increment => {
                let ReplyRef::Integer(count) = reply else { return Err(Wrong::of(reply)) };
                self.counter.take(count, self.load)?;
            }
            Ask::Echo { text } => expect(reply, &ReplyRef::Bulk(text.as_bytes()))?,
            Ask::Nested { text } => {
                let (length, name) = (text.len(), &self.counter.name);
                let wire = format!(
                    "*3\r\n${length}\r\n{text}\r\n*2\r\n:1\r\n*1\r\n${length}\r\n{text}\r\n${}\r\n{name}\r\n",
                    name.len(),
                );
                let expected =
                    zresp::decode(wire.as_bytes()).expect("a reply").expect("a whole reply");
                expect(reply, &expected.reply())?;
            }
        }
        Ok(())
    }

    fn check_value(&mut self, key: usize, reply: ReplyRef<'_>) -> Result<(), Wrong> {
        let version = match reply {
            ReplyRef::NullBulk | ReplyRef::Null => None,
            ReplyRef::Bulk(value) => {
                let mut words = value.splitn(3, |byte| *byte == b' ').skip(1);
                let version = words.next().and_then(|word| str::from_utf8(word).ok()?.parse().ok());
                let version = version.ok_or_else(|| Wrong::of(reply))?;
                if value != self.value(key, version) {
                    return Err(Wrong::of(reply));
                }
                Some(version)
            }
            _ => return Err(Wrong::of(reply)),
        };
        self.keys[key].take(version, self.load)
    }

    /// Notes that the command may have been executed or not.
    fn leave_open(&mut self, ask: &Ask) {
        match ask {
            Ask::Set { key, version } => self.keys[*key].leave_open(*version),
            Ask::SetTwo { keys, versions } => {
                for (key, version) in keys.iter().zip(versions) {
                    self.keys[*key].leave_open(*version);
                }
            }
            Ask::Increment => self.counter.leave_open(),
            Ask::Get { .. } | Ask::GetMany { .. } | Ask::Echo { .. } | Ask::Nested { .. } => {}
        }
    }
}

/// A command, with the numbers of its keys.
#[derive(Debug)]
enum Ask {
    Set {
        key: usize,
        version: u64,
    },
    SetTwo {
        keys: [usize; 2],
        versions: [u64; 2],
    },
    Get {
        key: usize,
    },
    GetMany {
        keys: Vec<usize>,
    },
    Increment,
    Echo {
        text: String,
    },
    /// A script that returns nested arrays.
    Nested {
        text: String,
    },
}

fn expect(reply: ReplyRef<'_>, expected: &ReplyRef<'_>) -> Result<(), Wrong> {
    if reply == *expected { Ok(()) } else { Err(Wrong::of(reply)) }
}

fn is_timeout(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// Returns whether the connection was closed inside a reply.
fn is_cut(error: &StreamError) -> bool {
    matches!(error, StreamError::Decode { error, .. } if error.kind == zresp::ErrorKind::UnexpectedEnd)
}
