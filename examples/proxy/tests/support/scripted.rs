//! A server that answers as a test wants.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
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
