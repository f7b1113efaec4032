//! Statistics about replies and requests.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::io::{self, Write};

use indicatif::HumanCount;
use zresp::{Decoded, Kind, Request, Token};

use crate::sink::Sink;
use crate::speed::Speed;
use crate::stopwatch::Stopwatch;

/// Counts replies or requests, over all inputs.
pub(crate) struct Stats<W> {
    out: W,
    frames: u64,
    bytes: u64,
    /// Number of values: every reply and all values in it, or every command, its name and its arguments. An
    /// attribute does not count, but the values in it do.
    elements: u64,
    /// Number of values of each kind, or of commands of each name.
    counts: HashMap<String, u64>,
    /// The heading of the counts.
    title: &'static str,
    largest: Option<Largest>,
    input: Place,
    stopwatch: Stopwatch,
}

/// The largest frame so far.
struct Largest {
    size: u64,
    at: Place,
}

/// A place in an input.
#[derive(Clone, Default)]
struct Place {
    name: String,
    offset: u64,
}

impl<W: Write> Stats<W> {
    /// Counts replies.
    pub(crate) fn of_replies(out: W) -> Self {
        Self::new(out, "kinds", Stopwatch::of_replies())
    }

    /// Counts requests.
    pub(crate) fn of_requests(out: W) -> Self {
        Self::new(out, "names", Stopwatch::of_requests())
    }

    fn new(out: W, title: &'static str, stopwatch: Stopwatch) -> Self {
        Self {
            out,
            frames: 0,
            bytes: 0,
            elements: 0,
            counts: HashMap::new(),
            title,
            largest: None,
            input: Place::default(),
            stopwatch,
        }
    }

    fn count(&mut self, name: String) {
        *self.counts.entry(name).or_default() += 1;
    }

    fn frame(&mut self, wire: &[u8]) {
        let size = wire.len() as u64;
        self.frames += 1;
        self.bytes += size;
        if self.largest.as_ref().is_none_or(|largest| largest.size < size) {
            self.largest = Some(Largest { size, at: self.input.clone() });
        }
        self.input.offset += size;
        self.stopwatch.add(wire);
    }
}

impl<W: Write> Sink for Stats<W> {
    fn input(&mut self, name: &str) {
        self.input = Place { name: name.to_owned(), offset: 0 };
    }

    fn reply(&mut self, frame: &Decoded<'_>) -> io::Result<()> {
        self.frame(frame.wire());
        for token in frame.tokens() {
            let kind = match token {
                Token::Open { kind, .. } => kind,
                Token::Scalar(scalar) => scalar.kind(),
                _ => continue,
            };
            self.elements += u64::from(kind != Kind::Attribute);
            self.count(kind.to_string());
        }
        Ok(())
    }

    fn request(&mut self, request: &Request<'_>) -> io::Result<()> {
        self.frame(request.wire());
        let mut scratch = Vec::new();
        let command = request.command().to_array(&mut scratch);
        self.elements += 1 + command.len() as u64;
        let name = String::from_utf8_lossy(command.name()).to_lowercase();
        self.count(name.escape_debug().to_string());
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        let elements = self.elements;
        let out = &mut self.out;
        writeln!(out, "frames    {}", HumanCount(self.frames))?;
        writeln!(out, "elements  {}, including the frames themselves", HumanCount(elements))?;
        writeln!(out, "bytes     {}", HumanCount(self.bytes))?;
        if let Some(Largest { size, at }) = &self.largest {
            let (size, offset) = (HumanCount(*size), HumanCount(at.offset));
            writeln!(out, "largest   {size} bytes at offset {offset} of {}", at.name)?;
        }
        let total: u64 = self.counts.values().sum();
        let mut counts: Vec<_> = self.counts.iter().collect();
        counts.sort_by_key(|(name, count)| (Reverse(*count), *name));
        for (index, (name, count)) in counts.into_iter().enumerate() {
            let title = if index == 0 { self.title } else { "" };
            let share = count * 1000 / total;
            let count = HumanCount(*count).to_string();
            writeln!(out, "{title:8}  {name:16} {count:>14} {:3}.{} %", share / 10, share % 10)?;
        }
        let elapsed = self.stopwatch.elapsed();
        writeln!(out, "decoding  {}", Speed { bytes: self.bytes, elements, elapsed })?;
        out.flush()
    }
}
