//! What replies consist of.

use std::io::{self, Write};

use indicatif::HumanCount;
use zresp::{Decoded, Kind, Token};

use crate::sink::Sink;
use crate::speed::Speed;
use crate::stopwatch::Stopwatch;

/// Counts replies, over all inputs.
pub(crate) struct Stats<W> {
    out: W,
    frames: u64,
    bytes: u64,
    /// How many values there are of each kind.
    kinds: Vec<(Kind, u64)>,
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
    pub(crate) fn new(out: W) -> Self {
        Self {
            out,
            frames: 0,
            bytes: 0,
            kinds: Vec::new(),
            largest: None,
            input: Place::default(),
            stopwatch: Stopwatch::default(),
        }
    }

    fn count(&mut self, kind: Kind) {
        match self.kinds.iter_mut().find(|(seen, _)| *seen == kind) {
            Some((_, count)) => *count += 1,
            None => self.kinds.push((kind, 1)),
        }
    }
}

impl<W: Write> Sink for Stats<W> {
    fn input(&mut self, name: &str) {
        self.input = Place { name: name.to_owned(), offset: 0 };
    }

    fn reply(&mut self, frame: &Decoded<'_>) -> io::Result<()> {
        let size = frame.wire.len() as u64;
        self.frames += 1;
        self.bytes += size;
        if self.largest.as_ref().is_none_or(|largest| largest.size < size) {
            self.largest = Some(Largest { size, at: self.input.clone() });
        }
        self.input.offset += size;
        for token in frame.tokens() {
            match token {
                Token::Open { kind, .. } => self.count(kind),
                Token::Scalar(scalar) => self.count(scalar.kind()),
                _ => {}
            }
        }
        self.stopwatch.add(frame.wire);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        let values: u64 = self.kinds.iter().map(|(_, count)| count).sum();
        let attributes = self.kinds.iter().find(|(kind, _)| *kind == Kind::Attribute);
        let elements = values - attributes.map_or(0, |(_, count)| *count);
        let out = &mut self.out;
        writeln!(out, "frames    {}", HumanCount(self.frames))?;
        writeln!(out, "elements  {}, frames and all that is in them", HumanCount(elements))?;
        writeln!(out, "bytes     {}", HumanCount(self.bytes))?;
        if let Some(Largest { size, at }) = &self.largest {
            let (size, offset) = (HumanCount(*size), HumanCount(at.offset));
            writeln!(out, "largest   {size} bytes at offset {offset} of {}", at.name)?;
        }
        self.kinds.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        for (index, (kind, count)) in self.kinds.iter().enumerate() {
            let title = if index == 0 { "kinds" } else { "" };
            let share = count * 1000 / values;
            let (kind, count) = (kind.to_string(), HumanCount(*count).to_string());
            writeln!(out, "{title:8}  {kind:16} {count:>14} {:3}.{} %", share / 10, share % 10)?;
        }
        let elapsed = self.stopwatch.elapsed();
        writeln!(out, "decoding  {}", Speed { bytes: self.bytes, elements, elapsed })?;
        out.flush()
    }
}
