//! A second decoder of the answer to `PSYNC` or `SYNC`. It has the whole stream, and reads it byte by byte.

/// A synchronisation, put together from its events.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Sync {
    /// The line: `full ID OFFSET`, `continue ID`, `dual channel`, `rdb channel CLIENT` or
    /// `end offset OFFSET ID DATABASE CLIENT`; empty if the answer has no line.
    pub answer: String,
    pub announced: Announced,
    pub payload: Vec<u8>,
    pub ended: bool,
    /// As much of an error message as has arrived.
    pub refusal: Vec<u8>,
    /// Whether the error message is complete.
    pub is_refused: bool,
    /// The bytes after the answer, once the decoder says that it is over.
    pub rest: Option<Vec<u8>>,
}

/// The way in which the end of the payload is announced.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub enum Announced {
    #[default]
    Nothing,
    Length(u64),
    Mark,
}

/// Why a decoder stops: the stream ends, or the byte at an offset cannot stand there.
pub enum Stop {
    End,
    Bad(usize),
}

/// Decodes a whole stream; the error is the offset of the first byte that cannot stand there.
pub fn decode(stream: &[u8]) -> Result<Sync, usize> {
    let mut sync = Sync::default();
    match (Naive { stream, at: 0 }).synchronise(&mut sync) {
        Err(Stop::Bad(offset)) => Err(offset),
        Ok(()) | Err(Stop::End) => Ok(sync),
    }
}

struct Naive<'a> {
    stream: &'a [u8],
    at: usize,
}

impl Naive<'_> {
    fn synchronise(&mut self, sync: &mut Sync) -> Result<(), Stop> {
        self.keep_alives();
        let first = self.byte()?;
        let second = self.peek();
        match (first, second) {
            (b'-', _) => self.refusal(sync)?,
            (b'$', _) => {
                if self.stream[self.at..].starts_with(b"EN") {
                    self.literal("ENDOFF:")?;
                    let offset = self.number(b' ')?;
                    let id = self.id()?;
                    self.literal(" ")?;
                    let database = if self.peek() == Some(b'-') {
                        self.literal("-1 ")?;
                        "-1".to_owned()
                    } else {
                        self.number(b' ')?.to_string()
                    };
                    let client = self.number(b'\r')?;
                    self.literal("\n")?;
                    sync.answer = format!("end offset {offset} {id} {database} {client}");
                    self.header(sync)?;
                } else {
                    self.payload(sync)?;
                }
            }
            (b'+', None) => return Err(Stop::End),
            (b'+', Some(b'C')) => {
                self.literal("CONTINUE")?;
                let mut id = String::new();
                if self.peek() == Some(b' ') {
                    self.at += 1;
                    id = self.id()?;
                }
                self.literal("\r\n")?;
                sync.answer = format!("continue {id}");
            }
            (b'+', Some(b'D')) => {
                self.literal("DUALCHANNELSYNC\r\n")?;
                sync.answer = String::from("dual channel");
            }
            (b'+', Some(b'R')) => {
                self.literal("RDBCHANNELSYNC ")?;
                let client = self.number(b'\r')?;
                self.literal("\n")?;
                sync.answer = format!("rdb channel {client}");
            }
            (b'+', Some(_)) => {
                self.literal("FULLRESYNC ")?;
                let id = self.id()?;
                self.literal(" ")?;
                let offset = self.number(b'\r')?;
                self.literal("\n")?;
                sync.answer = format!("full {id} {offset}");
                self.header(sync)?;
            }
            _ => return Err(Stop::Bad(self.at - 1)),
        }
        sync.rest = Some(self.stream[self.at..].to_vec());
        Ok(())
    }

    /// A payload or a refusal, after keep-alives.
    fn header(&mut self, sync: &mut Sync) -> Result<(), Stop> {
        self.keep_alives();
        match self.byte()? {
            b'-' => self.refusal(sync),
            b'$' => self.payload(sync),
            _ => Err(Stop::Bad(self.at - 1)),
        }
    }

    fn refusal(&mut self, sync: &mut Sync) -> Result<(), Stop> {
        loop {
            match self.byte()? {
                b'\r' => break,
                b'\n' => return Err(Stop::Bad(self.at - 1)),
                byte => sync.refusal.push(byte),
            }
        }
        self.literal("\n")?;
        sync.is_refused = true;
        Ok(())
    }

    fn payload(&mut self, sync: &mut Sync) -> Result<(), Stop> {
        let start;
        let size = if self.byte()? == b'E' {
            self.literal("OF:")?;
            let mark = self.take(40)?.to_vec();
            self.literal("\r\n")?;
            sync.announced = Announced::Mark;
            start = self.at;
            let found = self.stream[start..].windows(40).position(|bytes| bytes == mark);
            let Some(size) = found else {
                // Bytes that may be the beginning of the mark are held back.
                let rest = &self.stream[start..];
                let held = (0..40.min(rest.len() + 1)).rev();
                let held = held.into_iter().find(|held| rest.ends_with(&mark[..*held]));
                sync.payload = rest[..rest.len() - held.unwrap_or(0)].to_vec();
                return Err(Stop::End);
            };
            self.at += size + 40;
            size
        } else {
            self.at -= 1;
            let length = self.number(b'\r')?;
            self.literal("\n")?;
            sync.announced = Announced::Length(length);
            start = self.at;
            let rest = self.stream.len() - start;
            let size = usize::try_from(length).unwrap_or(usize::MAX).min(rest);
            self.at += size;
            if u64::try_from(size).expect("a size in memory") < length {
                sync.payload = self.stream[start..].to_vec();
                return Err(Stop::End);
            }
            size
        };
        sync.payload = self.stream[start..start + size].to_vec();
        sync.ended = true;
        Ok(())
    }

    fn peek(&self) -> Option<u8> {
        self.stream.get(self.at).copied()
    }

    fn byte(&mut self) -> Result<u8, Stop> {
        let byte = *self.stream.get(self.at).ok_or(Stop::End)?;
        self.at += 1;
        Ok(byte)
    }

    fn take(&mut self, count: usize) -> Result<&[u8], Stop> {
        let bytes = self.stream.get(self.at..self.at + count).ok_or(Stop::End)?;
        self.at += count;
        Ok(bytes)
    }

    /// Returns an error for the byte just read if the condition is false.
    fn check(&self, is_fine: bool) -> Result<(), Stop> {
        if is_fine { Ok(()) } else { Err(Stop::Bad(self.at - 1)) }
    }

    fn literal(&mut self, text: &str) -> Result<(), Stop> {
        text.bytes().try_for_each(|expected| {
            let byte = self.byte()?;
            self.check(byte == expected)
        })
    }

    fn keep_alives(&mut self) {
        while self.peek() == Some(b'\n') {
            self.at += 1;
        }
    }

    fn id(&mut self) -> Result<String, Stop> {
        let digit = |_| {
            let byte = self.byte()?;
            self.check(byte.is_ascii_hexdigit())?;
            Ok(char::from(byte))
        };
        (0..40).map(digit).collect()
    }

    /// A number without leading zeros, and the byte that ends it.
    fn number(&mut self, end: u8) -> Result<u64, Stop> {
        let mut number = None;
        loop {
            let byte = self.byte()?;
            number = match (byte, number) {
                (byte, Some(number)) if byte == end => return Ok(number),
                (b'0'..=b'9', None) => Some(u64::from(byte - b'0')),
                (b'0'..=b'9', Some(1..)) => {
                    let longer = number.and_then(|number: u64| {
                        number.checked_mul(10)?.checked_add(u64::from(byte - b'0'))
                    });
                    self.check(longer.is_some())?;
                    longer
                }
                _ => return Err(Stop::Bad(self.at - 1)),
            };
        }
    }
}
