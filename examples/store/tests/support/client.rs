//! A client that sees the bytes of its replies.

use std::io::Write;
use std::net::TcpStream;

use zresp::io::ReplyReader;

#[derive(Debug)]
pub(crate) struct Client {
    replies: ReplyReader<TcpStream>,
}

impl Client {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self { replies: ReplyReader::new(stream) }
    }

    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        self.replies.get_mut()
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream().write_all(bytes).expect("the server takes it");
    }

    /// The bytes of the next reply.
    pub(crate) fn receive(&mut self) -> Vec<u8> {
        let frame = self.replies.read().expect("a frame").expect("a frame before the end");
        frame.wire().to_vec()
    }

    pub(crate) fn ask(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.send(bytes);
        self.receive()
    }

    /// The reply to a command that is written as one types it.
    pub(crate) fn answer(&mut self, line: &str) -> String {
        String::from_utf8_lossy(&self.ask(&array(line))).into_owned()
    }
}

/// Returns a command that is written as one types it in the form in which clients send it.
pub(crate) fn array(line: &str) -> Vec<u8> {
    let line = format!("{line}\n");
    let request = zresp::requests(line.as_bytes()).next().expect("a command").expect("no error");
    request.command().to_array(&mut Vec::new()).wire().to_vec()
}
