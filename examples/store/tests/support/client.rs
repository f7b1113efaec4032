//! A client that returns the bytes of its replies.

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
        self.stream().write_all(bytes).expect("the server reads");
    }

    /// Returns the bytes of the next reply.
    pub(crate) fn receive(&mut self) -> Vec<u8> {
        let frame = self.replies.read().expect("a reply").expect("a reply before the end");
        frame.wire().to_vec()
    }

    pub(crate) fn ask(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.send(bytes);
        self.receive()
    }

    /// Returns the reply to a command that is written as a person types it.
    pub(crate) fn answer(&mut self, line: &str) -> String {
        String::from_utf8_lossy(&self.ask(&array(line))).into_owned()
    }
}

/// Converts a command from the form that a person types to the array that clients send.
pub(crate) fn array(line: &str) -> Vec<u8> {
    let line = format!("{line}\n");
    let request = zresp::requests(line.as_bytes()).next().expect("a command").expect("no error");
    request.command().to_array(&mut Vec::new()).wire().to_vec()
}
