//! A second decoder of replies: slow, recursive and plain, for the fast one to agree with.
//!
//! The crate's decoder resumes, skips and loads whole words; a mistake in it may look right on
//! every example that anyone thought of. This one reads byte by byte, calls itself for every
//! element and copies what it reads, so that each rule of the grammar is one readable line.
//! Property tests and fuzz targets require both to give the same verdict on the same bytes.
//!
//! It uses only `std`, and nothing from the crate: sharing code would mean sharing mistakes.
//!
//! How to read it: every function takes bytes from the start of the rest. At the end of the input it
//! stops with the fewest bytes that *it* still needs, and each caller adds the bytes that have to
//! follow ([`owing`]).

/// The limits. [`Failure`] has a variant for each.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Aggregates open at the same time, attributes included.
    pub depth: usize,
    /// Bytes in one bulk payload; for a streamed string, in all of its chunks together.
    pub bulk: usize,
    /// Elements in one aggregate; a map and an attribute have two for each pair.
    pub elements: usize,
    /// Bytes in one frame, from its first attribute on.
    pub frame: usize,
    /// Not a limit, but it belongs to the same settings: whether the text of `+`, `-` and `(` is any bytes except CR.
    pub lines_as_sent: bool,
}

impl Default for Limits {
    /// The defaults of the grammar for replies.
    fn default() -> Self {
        Self {
            depth: 128,
            bulk: 1 << 30,
            elements: (1 << 31) - 1,
            frame: 1 << 30,
            lines_as_sent: false,
        }
    }
}

/// The verdict on the first frame of an input. Offsets count from the start of the input.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// The first `consumed` bytes are one frame.
    Complete { value: Annotated, consumed: usize },
    /// The input may be the start of a frame, which needs at least `needed` more bytes.
    Incomplete { needed: usize },
    /// No frame begins like this; `offset` is that of the first byte that cannot stand there.
    Failed { failure: Failure, offset: usize },
}

/// Why no frame begins like this.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Failure {
    Malformed,
    NestedPush,
    TooDeep,
    BulkTooLong,
    TooManyElements,
    FrameTooLong,
    InlineTooLong,
    UnbalancedQuotes,
    Http,
}

/// A value, the attributes before it in their order, and the bytes of both.
#[derive(Debug, Clone, PartialEq)]
pub struct Annotated {
    pub attributes: Vec<(Annotated, Annotated)>,
    pub value: Value,
    pub wire: Vec<u8>,
}

/// A value without its attributes.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Simple(Vec<u8>),
    Error(Vec<u8>),
    Integer(i64),
    Bulk(Vec<u8>),
    /// `$?`: the chunks, without the empty one that ends them.
    Streamed(Vec<Vec<u8>>),
    NullBulk,
    NullArray,
    Null,
    Boolean(bool),
    Double(Double),
    /// The text, with its sign.
    BigNumber(Vec<u8>),
    BulkError(Vec<u8>),
    Verbatim {
        format: [u8; 3],
        text: Vec<u8>,
    },
    Array {
        streamed: bool,
        elements: Vec<Annotated>,
    },
    Set {
        streamed: bool,
        elements: Vec<Annotated>,
    },
    Push(Vec<Annotated>),
    Map {
        streamed: bool,
        pairs: Vec<(Annotated, Annotated)>,
    },
}

/// A double. Two are equal if they have the same bits, or if both are NaN.
#[derive(Debug, Clone, Copy)]
pub struct Double(pub f64);

impl PartialEq for Double {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits() || self.0.is_nan() && other.0.is_nan()
    }
}

/// The verdict on the one frame that `input` begins with.
pub fn decode(input: &[u8], limits: &Limits) -> Verdict {
    let limit = limits.frame;
    let may_go_on = input.len() < limit || input.is_empty();
    let input = input.get(..limit).unwrap_or(input);
    let at = 0;
    let mut reader = Reader { input, at, limits };
    let step = reader.value(0);
    let consumed = reader.at;
    match step {
        Ok(value) => Verdict::Complete { value, consumed },
        Err(Stop::Failed(failure, offset)) => Verdict::Failed { failure, offset },
        Err(Stop::Incomplete(needed)) if may_go_on => Verdict::Incomplete { needed },
        Err(Stop::Incomplete(_)) => {
            let (failure, offset) = (Failure::FrameTooLong, limit);
            Verdict::Failed { failure, offset }
        }
    }
}

/// The verdicts on the frames of the input, up to the first that is not whole.
pub fn stream(mut input: &[u8], limits: &Limits) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    loop {
        let verdict = decode(input, limits);
        let size = match verdict {
            Verdict::Complete { consumed, .. } => Some(consumed),
            _ => None,
        };
        verdicts.push(verdict);
        match size {
            Some(size) => input = &input[size..],
            None => return verdicts,
        }
    }
}

/// The type bytes of values and attributes.
const TYPES: &[u8] = b"+-:$*~%>|_#,(!=";

/// The size of the smallest value, such as `_\r\n`.
const SMALLEST: usize = 3;

/// The words with which a push inside another value may begin.
const WORDS: [&str; 6] =
    ["subscribe", "unsubscribe", "psubscribe", "punsubscribe", "ssubscribe", "sunsubscribe"];

/// The words on the wire.
fn words() -> Vec<Vec<u8>> {
    let simple = WORDS.map(|word| format!("+{word}\r\n").into_bytes());
    let bulk = WORDS.map(|word| format!("${}\r\n{word}\r\n", word.len()).into_bytes());
    [simple, bulk].concat()
}

/// The size of the smallest of them.
const SMALLEST_WORD: usize = b"+subscribe\r\n".len();

/// Why there is no result: the end of the input, with the fewest bytes that are missing, or a failure at
/// an offset.
#[derive(Debug)]
enum Stop {
    Incomplete(usize),
    Failed(Failure, usize),
}

type Step<T> = Result<T, Stop>;

/// Adds the bytes that have to follow the part that was cut short, for use in `map_err`.
fn owing(bytes: usize) -> impl Fn(Stop) -> Stop {
    move |stop| match stop {
        Stop::Incomplete(needed) => Stop::Incomplete(needed.saturating_add(bytes)),
        failed @ Stop::Failed(..) => failed,
    }
}

/// The meaning of a length.
#[derive(Debug, Clone, Copy)]
enum Announced {
    /// `$` and `!`: this number of bytes, and CRLF.
    Bulk,
    /// `=`: the same, but at least four bytes.
    Verbatim,
    /// `;`: the same, after `earlier` bytes in other chunks; or, if 0, the end of the string.
    Chunk { earlier: usize },
    /// `>` inside another value: this number of values. The first must be one of the words.
    NestedPush,
    /// The others: this number of groups of `group` values.
    Values { group: usize },
}

impl Announced {
    /// The fewest bytes that follow a length and its CRLF.
    fn fewest(self, length: usize) -> usize {
        match self {
            Self::Chunk { .. } if length == 0 => 0,
            Self::Chunk { .. } => length.saturating_add(2 + b";0\r\n".len()),
            Self::Bulk | Self::Verbatim => length.saturating_add(2),
            Self::NestedPush => (length - 1).saturating_mul(SMALLEST).saturating_add(SMALLEST_WORD),
            Self::Values { group } => length.saturating_mul(group).saturating_mul(SMALLEST),
        }
    }

    /// The fewest bytes that follow the digits read so far: a digit if one is missing, CRLF, and the rest.
    fn fewest_after_digits(self, digits: Option<usize>) -> usize {
        match (self, digits) {
            (Self::Verbatim, None) => 1 + 2 + self.fewest(4),
            (Self::NestedPush, None) => 1 + 2 + self.fewest(1),
            (Self::Verbatim, Some(length @ 1..=3)) => 1 + 2 + self.fewest(length * 10),
            (_, None) => 1 + 2 + self.fewest(0),
            (_, Some(length)) => self.fewest(length).saturating_add(2),
        }
    }
}

/// The bytes, and the number of those that have been read.
struct Reader<'a> {
    input: &'a [u8],
    at: usize,
    limits: &'a Limits,
}

impl Reader<'_> {
    /// The next value with its attributes, inside `open` aggregates.
    fn value(&mut self, open: usize) -> Step<Annotated> {
        let start = self.at;
        let mut attributes = Vec::new();
        loop {
            let kind = self.byte(SMALLEST)?;
            if kind != b'|' {
                let value = self.after(kind, open)?;
                let wire = self.since(start);
                return Ok(Annotated { attributes, value, wire });
            }
            let elements = self.counted(open, 2).map_err(owing(SMALLEST))?;
            attributes.extend(pairs(elements));
        }
    }

    /// The value after the type byte `kind`.
    fn after(&mut self, kind: u8, open: usize) -> Step<Value> {
        match kind {
            b'+' => self.line().map(Value::Simple),
            b'-' => self.line().map(Value::Error),
            b':' => self.integer().map(Value::Integer),
            b'$' => self.bulk(),
            b'!' => self.sized(Announced::Bulk).map(Value::BulkError),
            b'=' => self.verbatim(),
            b'*' => self.array(open),
            b'~' => {
                let (streamed, elements) = self.aggregate(open, 1)?;
                Ok(Value::Set { streamed, elements })
            }
            b'%' => {
                let (streamed, elements) = self.aggregate(open, 2)?;
                let pairs = pairs(elements);
                Ok(Value::Map { streamed, pairs })
            }
            b'>' if open > 0 => self.nested_push(open).map(Value::Push),
            b'>' => self.counted(open, 1).map(Value::Push),
            b'_' => self.crlf().map(|()| Value::Null),
            b'#' => self.boolean().map(Value::Boolean),
            b',' => self.double().map(|double| Value::Double(Double(double))),
            b'(' if self.limits.lines_as_sent => self.line().map(Value::BigNumber),
            b'(' => self.big_number().map(Value::BigNumber),
            _ => self.malformed(),
        }
    }

    // Bytes.

    fn peek(&self) -> Option<u8> {
        self.input.get(self.at).copied()
    }

    /// The next byte; without one, `needed` bytes are missing.
    fn byte(&mut self, needed: usize) -> Step<u8> {
        let byte = self.peek().ok_or(Stop::Incomplete(needed))?;
        self.at += 1;
        Ok(byte)
    }

    /// Fails, because the byte just read cannot stand there.
    fn impossible<T>(&self, failure: Failure) -> Step<T> {
        Err(Stop::Failed(failure, self.at - 1))
    }

    fn malformed<T>(&self) -> Step<T> {
        self.impossible(Failure::Malformed)
    }

    /// The bytes read since `start`.
    fn since(&self, start: usize) -> Vec<u8> {
        self.input[start..self.at].to_vec()
    }

    /// The same as text, for a number.
    fn text(&self, start: usize) -> String {
        String::from_utf8(self.since(start)).expect("a number is ASCII")
    }

    /// Takes exactly `text`; its letters, if it has any, in either case.
    fn literal(&mut self, text: &[u8]) -> Step<()> {
        for (taken, expected) in text.iter().enumerate() {
            let byte = self.byte(text.len() - taken)?;
            if !byte.eq_ignore_ascii_case(expected) {
                return self.malformed();
            }
        }
        Ok(())
    }

    fn crlf(&mut self) -> Step<()> {
        self.literal(b"\r\n")
    }

    // Lines.

    fn line(&mut self) -> Step<Vec<u8>> {
        let mut text = Vec::new();
        loop {
            match self.byte(2)? {
                b'\r' => return self.literal(b"\n").map(|()| text),
                b'\n' if !self.limits.lines_as_sent => return self.malformed(),
                byte => text.push(byte),
            }
        }
    }

    fn boolean(&mut self) -> Step<bool> {
        let letter = self.byte(3)?;
        if letter != b't' && letter != b'f' {
            return self.malformed();
        }
        self.crlf().map(|()| letter == b't')
    }

    fn sign(&mut self) -> Option<u8> {
        let sign = self.peek().filter(|byte| matches!(byte, b'+' | b'-'))?;
        self.at += 1;
        Some(sign)
    }

    /// Takes one or more digits; a CRLF has to follow, now or later.
    fn digits(&mut self) -> Step<()> {
        if !self.byte(3)?.is_ascii_digit() {
            return self.malformed();
        }
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        Ok(())
    }

    fn integer(&mut self) -> Step<i64> {
        let start = self.at;
        let sign = self.sign();
        match self.byte(3)? {
            b'0' if sign != Some(b'-') => return self.crlf().map(|()| 0),
            b'1'..=b'9' => {}
            _ => return self.malformed(),
        }
        loop {
            let Ok(integer) = self.text(start).parse() else {
                return self.malformed(); // the last digit is one too many
            };
            if !self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
                return self.crlf().map(|()| integer);
            }
            self.at += 1;
        }
    }

    fn big_number(&mut self) -> Step<Vec<u8>> {
        let start = self.at;
        self.sign();
        self.digits()?;
        let text = self.since(start);
        self.crlf().map(|()| text)
    }

    fn double(&mut self) -> Step<f64> {
        let start = self.at;
        self.sign();
        match self.peek() {
            Some(b'i' | b'I') => self.literal(b"inf").map_err(owing(2))?,
            Some(b'n' | b'N') => self.literal(b"nan").map_err(owing(2))?,
            _ => self.decimal()?,
        }
        let text = self.text(start);
        self.crlf()?;
        Ok(text.parse().expect("Rust knows every form of the grammar"))
    }

    fn decimal(&mut self) -> Step<()> {
        self.digits()?;
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            self.sign();
            self.digits()?;
        }
        Ok(())
    }

    // Lengths and payloads.

    /// A length and its CRLF.
    fn length(&mut self, announced: Announced) -> Step<usize> {
        let mut digits = None;
        loop {
            let byte = self.byte(announced.fewest_after_digits(digits))?;
            match (announced, digits, byte) {
                (Announced::NestedPush, None, b'0') => {
                    // The `>` before it.
                    return Err(Stop::Failed(Failure::NestedPush, self.at - 2));
                }
                (Announced::Verbatim, None, b'0') | (Announced::Verbatim, Some(1..=3), b'\r') => {
                    return self.malformed();
                }
                (_, None | Some(1..), b'0'..=b'9') => {
                    digits = Some(self.lengthened(digits.unwrap_or(0), byte - b'0', announced)?);
                }
                (_, Some(length), b'\r') => {
                    self.literal(b"\n").map_err(owing(announced.fewest(length)))?;
                    return Ok(length);
                }
                _ => return self.malformed(),
            }
        }
    }

    /// A length with one more digit, the byte just read. Nothing overflows: `length` is within a
    /// limit, which is a `usize`, and a `u128` can hold a hundred times that.
    fn lengthened(&self, length: usize, digit: u8, announced: Announced) -> Step<usize> {
        let length = length as u128 * 10 + u128::from(digit);
        let Limits { bulk, elements, frame, .. } = *self.limits;
        let (counted, limit, failure) = match announced {
            // Another digit must follow, which makes the length at least ten times as large.
            Announced::Verbatim if length < 4 => (length * 10, bulk, Failure::BulkTooLong),
            Announced::Verbatim | Announced::Bulk => (length, bulk, Failure::BulkTooLong),
            Announced::Chunk { earlier } => (earlier as u128 + length, bulk, Failure::BulkTooLong),
            Announced::NestedPush => (length, elements, Failure::TooManyElements),
            Announced::Values { group } => {
                (length * group as u128, elements, Failure::TooManyElements)
            }
        };
        if counted > limit as u128 {
            return self.impossible(failure);
        }
        let has_payload = match announced {
            Announced::Bulk | Announced::Verbatim => true,
            Announced::Chunk { .. } => length > 0,
            Announced::NestedPush | Announced::Values { .. } => false,
        };
        if has_payload && self.at as u128 + 2 + length + 2 > frame as u128 {
            return self.impossible(Failure::FrameTooLong);
        }
        Ok(usize::try_from(length).expect("no more than a limit"))
    }

    /// `length` bytes and their CRLF.
    fn payload(&mut self, length: usize) -> Step<Vec<u8>> {
        let start = self.at;
        let present = self.input.len() - start;
        if present < length {
            return Err(Stop::Incomplete((length - present).saturating_add(2)));
        }
        self.at += length;
        let payload = self.since(start);
        self.crlf().map(|()| payload)
    }

    fn sized(&mut self, announced: Announced) -> Step<Vec<u8>> {
        let length = self.length(announced)?;
        self.payload(length)
    }

    fn bulk(&mut self) -> Step<Value> {
        match self.peek() {
            None => Err(Stop::Incomplete(b"-1\r\n".len())),
            Some(b'-') => self.literal(b"-1\r\n").map(|()| Value::NullBulk),
            Some(b'?') => {
                self.literal(b"?\r\n").map_err(owing(b";0\r\n".len()))?;
                self.chunks().map(Value::Streamed)
            }
            Some(_) => self.sized(Announced::Bulk).map(Value::Bulk),
        }
    }

    fn chunks(&mut self) -> Step<Vec<Vec<u8>>> {
        let mut chunks = Vec::new();
        let mut earlier = 0;
        loop {
            self.literal(b";").map_err(owing(b"0\r\n".len()))?;
            let length = self.length(Announced::Chunk { earlier })?;
            if length == 0 {
                return Ok(chunks);
            }
            chunks.push(self.payload(length).map_err(owing(b";0\r\n".len()))?);
            earlier += length;
        }
    }

    fn verbatim(&mut self) -> Step<Value> {
        let length = self.length(Announced::Verbatim)?;
        let colon = self.at + 3;
        if self.input.get(colon).is_some_and(|&byte| byte != b':') {
            return Err(Stop::Failed(Failure::Malformed, colon));
        }
        let payload = self.payload(length)?;
        let [a, b, c, b':', ref text @ ..] = payload[..] else {
            unreachable!("a length of 4 or more, and the colon was checked");
        };
        let (format, text) = ([a, b, c], text.to_vec());
        Ok(Value::Verbatim { format, text })
    }

    // Aggregates. In a map or an attribute a group is a pair, in the others it is one value.

    /// After `*`. Its null opens nothing, so `*` itself may stand at any depth.
    fn array(&mut self, open: usize) -> Step<Value> {
        let full = open == self.limits.depth;
        match self.peek() {
            Some(b'-') => self.literal(b"-1\r\n").map(|()| Value::NullArray),
            None if full => Err(Stop::Incomplete(b"-1\r\n".len())),
            Some(b'0'..=b'9' | b'?') if full => Err(Stop::Failed(Failure::TooDeep, self.at)),
            Some(_) if full => {
                self.length(Announced::Values { group: 1 })?;
                unreachable!("no digit follows")
            }
            _ => {
                let (streamed, elements) = self.aggregate(open, 1)?;
                Ok(Value::Array { streamed, elements })
            }
        }
    }

    /// After a type byte that may be streamed: whether it is streamed, and the elements.
    fn aggregate(&mut self, open: usize, group: usize) -> Step<(bool, Vec<Annotated>)> {
        if self.peek() == Some(b'?') {
            Ok((true, self.streamed(open, group)?))
        } else {
            Ok((false, self.counted(open, group)?))
        }
    }

    /// The number of open aggregates, including the one whose type byte was just read.
    fn opened(&self, open: usize) -> Step<usize> {
        if open == self.limits.depth {
            return self.impossible(Failure::TooDeep);
        }
        Ok(open + 1)
    }

    /// A length and the groups that it counts.
    fn counted(&mut self, open: usize, group: usize) -> Step<Vec<Annotated>> {
        let open = self.opened(open)?;
        let count = self.length(Announced::Values { group })? * group;
        let mut elements = Vec::new();
        for later in (0..count).rev() {
            let owed = later.saturating_mul(SMALLEST);
            elements.push(self.value(open).map_err(owing(owed))?);
        }
        Ok(elements)
    }

    /// After the `>` of a push inside another value: its elements.
    fn nested_push(&mut self, open: usize) -> Step<Vec<Annotated>> {
        let push = self.at - 1;
        let open = self.opened(open)?;
        let count = self.length(Announced::NestedPush)?;
        let owed = (count - 1).saturating_mul(SMALLEST);
        let mut elements = vec![self.word(open, push).map_err(owing(owed))?];
        for later in (0..count - 1).rev() {
            let owed = later.saturating_mul(SMALLEST);
            elements.push(self.value(open).map_err(owing(owed))?);
        }
        Ok(elements)
    }

    /// The first element of the push at `push`. A byte that cannot be there in any value fails as it does elsewhere; one
    /// with which the value is none of the words is the failure of the push.
    fn word(&mut self, open: usize, push: usize) -> Step<Annotated> {
        let start = self.at;
        let mut attributes = Vec::new();
        let kind = loop {
            match self.byte(SMALLEST_WORD)? {
                b'|' => {
                    let elements = self.counted(open, 2).map_err(owing(SMALLEST_WORD))?;
                    attributes.extend(pairs(elements));
                }
                kind => break kind,
            }
        };
        let first = self.at - 1;
        let value = self.after(kind, open);
        let common = |word: &Vec<u8>| {
            let bytes = &self.input[first..];
            bytes.iter().zip(word).take_while(|(byte, expected)| byte == expected).count()
        };
        let end = match value {
            Ok(_) => self.at,
            _ => self.input.len(),
        };
        // The first byte with which no word begins like this.
        let longest = words().iter().map(common).max().expect("some words");
        let other = Some(first + longest).filter(|&other| other < end);
        match (value, other) {
            (Err(Stop::Failed(failure, offset)), Some(other))
                if offset <= other && failure != Failure::NestedPush =>
            {
                Err(Stop::Failed(failure, offset))
            }
            (_, Some(_)) => Err(Stop::Failed(Failure::NestedPush, push)),
            (Err(Stop::Incomplete(_)), None) => {
                let read = self.input.len() - first;
                let possible = words().into_iter().filter(|word| common(word) == read);
                let needed = possible.map(|word| word.len() - read).min();
                Err(Stop::Incomplete(needed.expect("a word begins like this")))
            }
            (Err(failed), None) => Err(failed),
            (Ok(value), None) => Ok(Annotated { attributes, value, wire: self.since(start) }),
        }
    }

    /// A `?`, and whole groups up to a `.`.
    fn streamed(&mut self, open: usize, group: usize) -> Step<Vec<Annotated>> {
        let open = self.opened(open)?;
        let end = b".\r\n";
        self.literal(b"?\r\n").map_err(owing(end.len()))?;
        let most = self.limits.elements / group * group;
        let mut elements = Vec::new();
        loop {
            let begun = elements.len() % group;
            match self.peek() {
                None | Some(b'.') if begun == 0 => return self.literal(end).map(|()| elements),
                Some(kind) if elements.len() == most && TYPES.contains(&kind) => {
                    return Err(Stop::Failed(Failure::TooManyElements, self.at));
                }
                _ => {
                    let owed = (group - begun - 1) * SMALLEST + end.len();
                    elements.push(self.value(open).map_err(owing(owed))?);
                }
            }
        }
    }
}

/// Elements in pairs; their number is even.
fn pairs(elements: Vec<Annotated>) -> Vec<(Annotated, Annotated)> {
    let mut elements = elements.into_iter();
    std::iter::from_fn(|| elements.next().zip(elements.next())).collect()
}
