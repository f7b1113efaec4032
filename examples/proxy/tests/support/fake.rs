//! An upstream that greets as a server does, and answers `GET` and `SET` badly.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// How long a connection stays open without a word.
const SILENCE: Duration = Duration::from_secs(30);

/// How the upstream answers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Bad {
    /// It sends these bytes, and nothing more.
    Bytes(&'static [u8]),
    /// It sends these bytes, and then `x` without end.
    Endless(&'static [u8]),
    /// It reads nothing more.
    ReadsNothing,
    /// It does not close its side after the client has closed the other one.
    NeverCloses,
}

pub(crate) struct Fake {
    pub(crate) address: SocketAddr,
    /// How many connections it has accepted.
    pub(crate) accepted: Arc<AtomicUsize>,
}

/// Starts the upstream. It runs until the test program ends.
pub(crate) fn start(bad: Bad) -> Fake {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("its address");
    let accepted = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&accepted);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            counter.fetch_add(1, Ordering::Relaxed);
            thread::spawn(move || serve(stream, bad));
        }
    });
    Fake { address, accepted }
}

/// Serves a connection until it fails.
fn serve(mut stream: TcpStream, bad: Bad) -> Option<()> {
    let (mut input, mut chunk) = (Vec::new(), vec![0; 65536]);
    let mut decoder = zresp::CommandDecoder::new();
    loop {
        let count = stream.read(&mut chunk).ok()?;
        if count == 0 {
            if matches!(bad, Bad::NeverCloses) {
                thread::sleep(SILENCE);
            }
            return None;
        }
        input.extend_from_slice(&chunk[..count]);
        if matches!(bad, Bad::ReadsNothing) && input[..count].windows(3).any(|name| name == b"SET")
        {
            thread::sleep(SILENCE);
        }
        let mut taken = 0;
        while let Ok(Some(request)) = decoder.decode(&input[taken..]) {
            taken += request.wire().len();
            let name = request.command().name().to_ascii_uppercase();
            match (&*name, bad) {
                (b"PING", _) => stream.write_all(b"+PONG\r\n").ok()?,
                (b"HELLO", _) => stream.write_all(b"%1\r\n$5\r\nproto\r\n:3\r\n").ok()?,
                (b"GET" | b"SET", Bad::Bytes(bytes)) => stream.write_all(bytes).ok()?,
                (b"GET" | b"SET", Bad::Endless(bytes)) => {
                    stream.write_all(bytes).ok()?;
                    let endless = vec![b'x'; 65536];
                    loop {
                        stream.write_all(&endless).ok()?;
                    }
                }
                (b"GET" | b"SET", Bad::ReadsNothing) => thread::sleep(SILENCE),
                (b"SELECT", _) | (b"GET" | b"SET", Bad::NeverCloses) => {
                    stream.write_all(b"+OK\r\n").ok()?;
                }
                _ => stream.write_all(b"-ERR unknown command\r\n").ok()?,
            }
        }
        input.drain(..taken);
    }
}
