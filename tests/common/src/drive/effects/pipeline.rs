//! Many requests in one go.

use std::io::{Read, Write};
use std::net::TcpStream;

use zresp::{Arguments, Decoder, EncodeCommand, Frame};

use crate::drive::live_server::Server;

/// Requests that are sent together.
#[derive(Debug, Default)]
pub(super) struct Pipeline {
    wire: Vec<u8>,
    /// The number of replies that they get.
    pub(super) replies: usize,
}

impl Pipeline {
    pub(super) fn add(&mut self, command: &[impl AsRef<[u8]>]) {
        Arguments(command).encode(&mut self.wire).expect("a name");
        self.replies += 1;
    }

    /// Adds an inline command.
    pub(super) fn words(&mut self, line: &str) {
        self.wire.extend(line.bytes().chain(*b"\r\n"));
        self.replies += 1;
    }
}

/// A connection, and what has been read of it.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    decoder: Decoder,
    buffer: Vec<u8>,
}

impl Connection {
    pub(super) fn new(server: &Server) -> Self {
        Self { stream: server.connect(), decoder: Decoder::new(), buffer: Vec::new() }
    }

    /// Sends requests.
    pub(super) fn send(&mut self, pipeline: &Pipeline) {
        self.stream.write_all(&pipeline.wire).expect("a server that reads");
    }

    /// Sends requests, and visits each reply.
    pub(super) fn run(&mut self, pipeline: &Pipeline, mut visit: impl FnMut(Frame)) {
        self.send(pipeline);
        let mut left = pipeline.replies;
        self.read_while(|frame| {
            visit(frame);
            left -= 1;
            left > 0
        });
        assert!(self.buffer.is_empty(), "more replies: {}", self.buffer.escape_ascii());
    }

    /// Reads frames until the visitor returns `false`.
    pub(super) fn read_while(&mut self, mut visit: impl FnMut(Frame) -> bool) {
        let mut start = 0;
        loop {
            if let Some(frame) = self.decoder.decode(&self.buffer[start..]).expect("a reply") {
                start += frame.wire().len();
                if visit(frame.to_frame()) {
                    continue;
                }
                self.buffer.drain(..start);
                return;
            }
            self.buffer.drain(..start);
            start = 0;
            let old = self.buffer.len();
            self.buffer.resize(old + 64 * 1024, 0);
            let size = self.stream.read(&mut self.buffer[old..]).expect("a server that answers");
            assert!(size > 0, "the server closed the connection");
            self.buffer.truncate(old + size);
        }
    }
}
