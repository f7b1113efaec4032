//! A second decoder of requests, as plain as the one of replies.

use super::{Failure, Limits};

/// The verdict on the first request of an input. Offsets count from the start of the input.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// The first `consumed` bytes are one command, and the skipped lines before it.
    Complete {
        arguments: Vec<Vec<u8>>,
        consumed: usize,
    },
    /// The input may be the start of a command, which needs at least `needed` more bytes.
    Incomplete {
        needed: usize,
    },
    Failed {
        failure: Failure,
        offset: usize,
    },
}

enum Stop {
    Incomplete(usize),
    Failed(Failure, usize),
}

type Step<T> = Result<T, Stop>;

/// The longest inline command, without its LF.
const INLINE: usize = 64 * 1024;
/// `$0` CRLF CRLF.
const ARGUMENT: usize = 6;

/// The verdict on the one request that `input` begins with.
pub fn decode(input: &[u8], limits: &Limits, accepts_inline: bool) -> Verdict {
    let mut reader = Reader { input, at: 0, start: 0, limits, accepts_inline };
    match reader.request() {
        Ok(arguments) => Verdict::Complete { arguments, consumed: reader.at },
        Err(Stop::Failed(failure, offset)) => Verdict::Failed { failure, offset },
        Err(Stop::Incomplete(needed)) => Verdict::Incomplete { needed },
    }
}

/// The verdicts on the requests of the input, up to the first that is not whole.
pub fn stream(mut input: &[u8], limits: &Limits, accepts_inline: bool) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    loop {
        let verdict = decode(input, limits, accepts_inline);
        verdicts.push(verdict.clone());
        match verdict {
            Verdict::Complete { consumed, .. } => input = &input[consumed..],
            _ => return verdicts,
        }
    }
}

struct Reader<'a> {
    input: &'a [u8],
    at: usize,
    /// Offset of the command, after the skipped lines.
    start: usize,
    limits: &'a Limits,
    accepts_inline: bool,
}

impl Reader<'_> {
    /// The size of the smallest request: `x` LF, or `*1` CRLF `$0` CRLF CRLF.
    fn smallest(&self) -> usize {
        if self.accepts_inline { 2 } else { 10 }
    }

    fn byte(&mut self, needed: usize) -> Step<u8> {
        let is_begun = self.at > self.start || self.at < self.input.len();
        if is_begun && self.at >= self.start + self.limits.frame {
            return Err(Stop::Failed(Failure::FrameTooLong, self.at));
        }
        let byte = self.input.get(self.at).copied().ok_or(Stop::Incomplete(needed))?;
        self.at += 1;
        Ok(byte)
    }

    /// Fails, because the byte just read cannot stand there.
    fn fail<T>(&self, failure: Failure) -> Step<T> {
        Err(Stop::Failed(failure, self.at - 1))
    }

    fn request(&mut self) -> Step<Vec<Vec<u8>>> {
        loop {
            self.start = self.at;
            match self.byte(self.smallest())? {
                b'*' => {
                    let count = self.count()?;
                    if count > 0 {
                        return (0..count).map(|index| self.argument(count - 1 - index)).collect();
                    }
                }
                _ if self.accepts_inline => {
                    self.at -= 1;
                    let arguments = self.inline()?;
                    if !arguments.is_empty() {
                        return Ok(arguments);
                    }
                }
                b'\n' => {}
                b'\r' => self.lf(self.smallest())?,
                _ => return self.fail(Failure::Malformed),
            }
        }
    }

    fn lf(&mut self, after: usize) -> Step<()> {
        match self.byte(after.saturating_add(1))? {
            b'\n' => Ok(()),
            _ => self.fail(Failure::Malformed),
        }
    }

    /// The number of arguments; 0 for a negative one.
    fn count(&mut self) -> Step<usize> {
        let smallest = self.smallest();
        let after =
            |count: usize| if count == 0 { smallest } else { count.saturating_mul(ARGUMENT) };
        match self.byte(3 + smallest.min(ARGUMENT))? {
            b'-' => {
                let mut value = 0i64;
                loop {
                    let needed = if value == 0 { 3 + smallest } else { 2 + smallest };
                    match self.byte(needed)? {
                        b'0' if value == 0 => return self.fail(Failure::Malformed),
                        digit @ b'0'..=b'9' => {
                            let digit = i64::from(digit - b'0');
                            let longer = value.checked_mul(10).and_then(|v| v.checked_sub(digit));
                            match longer {
                                Some(longer) => value = longer,
                                None => return self.fail(Failure::Malformed),
                            }
                        }
                        b'\r' if value < 0 => return self.lf(smallest).map(|()| 0),
                        _ => return self.fail(Failure::Malformed),
                    }
                }
            }
            digit => self.digits(digit, self.limits.elements, Failure::TooManyElements, &after),
        }
    }

    /// A length whose first digit has been read, and its CRLF.
    fn digits(
        &mut self,
        first: u8,
        most: usize,
        too_many: Failure,
        after: &dyn Fn(usize) -> usize,
    ) -> Step<usize> {
        let mut value = 0usize;
        let mut digit = first;
        loop {
            if !digit.is_ascii_digit() {
                return self.fail(Failure::Malformed);
            }
            // A `u128` can hold ten times a limit, which is a `usize`.
            let longer = value as u128 * 10 + u128::from(digit - b'0');
            if longer > most as u128 {
                return self.fail(too_many);
            }
            value = usize::try_from(longer).expect("no more than a limit");
            // The digit, two line ends, and between them the payload.
            if too_many == Failure::BulkTooLong
                && (self.at - self.start + 4) as u128 + longer > self.limits.frame as u128
            {
                return self.fail(Failure::FrameTooLong);
            }
            digit = self.byte(after(value).saturating_add(2))?;
            if digit == b'\r' {
                return self.lf(after(value)).map(|()| value);
            }
            if value == 0 {
                return self.fail(Failure::Malformed);
            }
        }
    }

    /// An argument, with `others` more after it.
    fn argument(&mut self, others: usize) -> Step<Vec<u8>> {
        let others = others.saturating_mul(ARGUMENT);
        let more = |stop| match stop {
            Stop::Incomplete(needed) => Stop::Incomplete(needed.saturating_add(others)),
            failed @ Stop::Failed(..) => failed,
        };
        if self.byte(ARGUMENT).map_err(more)? != b'$' {
            return self.fail(Failure::Malformed);
        }
        let digit = self.byte(5).map_err(more)?;
        let length = self
            .digits(digit, self.limits.bulk, Failure::BulkTooLong, &|length| length + 2)
            .map_err(more)?;
        let mut argument = Vec::new();
        while argument.len() < length {
            argument.push(self.byte(length - argument.len() + 2).map_err(more)?);
        }
        if self.byte(2).map_err(more)? != b'\r' {
            return self.fail(Failure::Malformed);
        }
        self.lf(0).map_err(more)?;
        Ok(argument)
    }

    /// The next byte of the line that begins at `start`, or `None` at the end of the line. The line needs at
    /// least `needed` more bytes, its LF included.
    fn character(&mut self, start: usize, needed: usize) -> Step<Option<u8>> {
        if self.at - start + needed - 1 > INLINE && self.at > start {
            return Err(Stop::Failed(Failure::InlineTooLong, self.at - 1));
        }
        self.space_or_character(start, needed)
    }

    /// Like [`character`](Self::character), but at a place where the line may end.
    fn space_or_character(&mut self, start: usize, needed: usize) -> Step<Option<u8>> {
        let byte = self.byte(needed)?;
        match byte {
            b'\n' => {
                self.at -= 1;
                Ok(None)
            }
            _ if self.at - start > INLINE => self.fail(Failure::InlineTooLong),
            0 => self.fail(Failure::Malformed),
            _ => Ok(Some(byte)),
        }
    }

    /// The arguments on one line.
    fn inline(&mut self) -> Step<Vec<Vec<u8>>> {
        let start = self.at;
        let mut arguments = Vec::new();
        loop {
            let needed = if arguments.is_empty() { 2 } else { 1 };
            match self.space_or_character(start, needed)? {
                None => {
                    self.at += 1;
                    return Ok(arguments);
                }
                Some(b' ' | b'\t' | b'\r' | 0x0b | 0x0c) => {}
                Some(_) => {
                    self.at -= 1;
                    let token = self.token(start, arguments.is_empty())?;
                    arguments.push(token);
                }
            }
        }
    }

    fn token(&mut self, start: usize, is_first: bool) -> Step<Vec<u8>> {
        let mut token = Vec::new();
        let is_http = |token: &[u8]| {
            is_first
                && (token.eq_ignore_ascii_case(b"POST") || token.eq_ignore_ascii_case(b"Host:"))
        };
        loop {
            match self.character(start, 1 + usize::from(is_http(&token)))? {
                None => {
                    self.at += 1;
                    if is_http(&token) {
                        return self.fail(Failure::Http);
                    }
                    self.at -= 1;
                    return Ok(token);
                }
                Some(b' ' | b'\t' | b'\r') if is_http(&token) => return self.fail(Failure::Http),
                Some(b' ' | b'\t' | b'\r') => return Ok(token),
                Some(quote @ (b'"' | b'\'')) => {
                    self.quoted(start, quote, &mut token, &is_http)?;
                    if is_http(&token) {
                        return self.fail(Failure::Http);
                    }
                    return match self.character(start, 1)? {
                        None | Some(b' ' | b'\t' | b'\r' | 0x0b | 0x0c) => Ok(token),
                        Some(_) => self.fail(Failure::UnbalancedQuotes),
                    };
                }
                Some(byte) => token.push(byte),
            }
        }
    }

    /// The text between quotes, and the closing quote. The opening one has been read.
    fn quoted(
        &mut self,
        start: usize,
        quote: u8,
        token: &mut Vec<u8>,
        is_http: &dyn Fn(&[u8]) -> bool,
    ) -> Step<()> {
        loop {
            let needed = 2 + usize::from(is_http(token));
            match self.quoted_character(start, needed)? {
                byte if byte == quote => return Ok(()),
                b'\\' => {
                    let escaped = self.quoted_character(start, 3)?;
                    match (quote, escaped) {
                        (b'\'', b'\'') => token.push(b'\''),
                        (b'\'', _) => {
                            token.push(b'\\');
                            self.at -= 1;
                        }
                        (_, b'x') => self.hexadecimal(start, token)?,
                        (_, b'n') => token.push(b'\n'),
                        (_, b'r') => token.push(b'\r'),
                        (_, b't') => token.push(b'\t'),
                        (_, b'b') => token.push(8),
                        (_, b'a') => token.push(7),
                        (_, other) => token.push(other),
                    }
                }
                byte => token.push(byte),
            }
        }
    }

    /// After `\x`: two hexadecimal digits, or other text.
    fn hexadecimal(&mut self, start: usize, token: &mut Vec<u8>) -> Step<()> {
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let high = self.quoted_character(start, 2)?;
        let Some(first) = digit(high) else {
            token.push(b'x');
            self.at -= 1;
            return Ok(());
        };
        let low = self.quoted_character(start, 2)?;
        if let Some(second) = digit(low) {
            token.push(u8::try_from(first * 16 + second).expect("two digits"));
        } else {
            token.extend([b'x', high]);
            self.at -= 1;
        }
        Ok(())
    }

    fn quoted_character(&mut self, start: usize, needed: usize) -> Step<u8> {
        if let Some(byte) = self.character(start, needed)? {
            return Ok(byte);
        }
        self.at += 1;
        self.fail(Failure::UnbalancedQuotes)
    }
}
