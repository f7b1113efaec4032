//! A server that answers as a test wants.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, OnceLock};
use std::thread;

use zresp::{CommandDecoder, CommandRef};

/// Answers a command. The test ends the process, and with it the server.
type Answer = dyn Fn(&CommandRef<'_>) -> Vec<u8> + Send + Sync;

/// Starts a server; returns its address.
pub(crate) fn start(
    answer: impl Fn(&CommandRef<'_>) -> Vec<u8> + Send + Sync + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("its address");
    let answer: Arc<Answer> = Arc::new(answer);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, answer) = (stream.expect("a connection"), Arc::clone(&answer));
            thread::spawn(move || serve(stream, &*answer));
        }
    });
    address
}

/// Returns the reply to `CLUSTER SLOTS`: this node has all slots.
fn all_slots(node: SocketAddr) -> Vec<u8> {
    let host = node.ip().to_string();
    let endpoint = format!("*2\r\n${}\r\n{host}\r\n:{}\r\n", host.len(), node.port());
    format!("*1\r\n*3\r\n:0\r\n:16383\r\n{endpoint}").into_bytes()
}

/// Starts the only node of a cluster. `answer` answers everything except what the proxy itself asks.
pub(crate) fn node(
    answer: impl Fn(&CommandRef<'_>) -> Vec<u8> + Send + Sync + 'static,
) -> SocketAddr {
    let address = Arc::new(OnceLock::new());
    let own = Arc::clone(&address);
    let node = start(move |command| match &*command.name().to_ascii_lowercase() {
        b"ping" => b"+PONG\r\n".to_vec(),
        b"command" => b"*0\r\n".to_vec(),
        b"cluster" => all_slots(*own.wait()),
        _ => answer(command),
    });
    address.set(node).expect("set once");
    node
}

fn serve(mut stream: TcpStream, answer: &Answer) {
    let (mut decoder, mut input, mut chunk) = (CommandDecoder::new(), Vec::new(), [0; 4096]);
    while let Ok(len @ 1..) = stream.read(&mut chunk) {
        input.extend_from_slice(&chunk[..len]);
        while let Some(request) = decoder.decode(&input).expect("commands") {
            let reply = answer(&request.command().to_array(&mut Vec::new()));
            let len = request.wire().len();
            input.drain(..len);
            if stream.write_all(&reply).is_err() {
                return;
            }
        }
    }
}
