//! Inline commands: lines of text, split into arguments as Redis splits them.

#![deny(clippy::arithmetic_side_effects)]

use alloc::borrow::Cow;
use core::fmt;
use core::iter::FusedIterator;

use crate::escape;
use crate::lex::inline::{ends_token, from_hex, is_space, unescape};

/// A validated command in the form of a line of text.
///
/// White space separates the arguments, which may be quoted. In double quotes, `\n`, `\r`, `\t`, `\b`, `\a` and
/// `\x` with two hexadecimal digits each stand for one byte, and a backslash before any other character stands
/// for that character. In single quotes, only `\'` is an escape.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct InlineCommand<'a> {
    wire: &'a [u8],
}

impl<'a> InlineCommand<'a> {
    pub(crate) const fn new(wire: &'a [u8]) -> Self {
        Self { wire }
    }

    /// Returns the bytes of the line, including its line end.
    #[must_use]
    pub const fn wire(&self) -> &'a [u8] {
        self.wire
    }

    /// Returns an iterator over the arguments. The name comes first.
    ///
    /// An argument is borrowed if it is not quoted, or if it is entirely quoted and has no backslash.
    #[must_use]
    pub fn args(&self) -> InlineArgs<'a> {
        InlineArgs { rest: self.wire.strip_suffix(b"\n").unwrap_or(self.wire) }
    }

    /// Returns the name of the command.
    #[must_use]
    pub fn name(&self) -> Cow<'a, [u8]> {
        self.args().next().unwrap_or_default()
    }

    /// Returns whether `name` is the name of the command, in any letter case.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.name().eq_ignore_ascii_case(name.as_bytes())
    }
}

impl fmt::Debug for InlineCommand<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escape::list("InlineCommand", self.args(), f)
    }
}

/// The remaining arguments of an inline command, in order: an iterator over `Cow<[u8]>`.
#[derive(Clone)]
pub struct InlineArgs<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for InlineArgs<'a> {
    type Item = Cow<'a, [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.rest.iter().position(|byte| !is_space(*byte))?;
        let token = self.rest.get(start..)?;
        let plain = token
            .iter()
            .position(|byte| ends_token(*byte) || matches!(byte, b'"' | b'\''))
            .unwrap_or(token.len());
        let (text, rest) = token.split_at_checked(plain)?;
        self.rest = rest;
        match rest.first() {
            Some(b'"' | b'\'') => Some(self.quoted(text)),
            _ => Some(Cow::Borrowed(text)),
        }
    }
}

impl<'a> InlineArgs<'a> {
    /// Takes the rest of a token, which begins with `text` and continues with a quote.
    fn quoted(&mut self, text: &'a [u8]) -> Cow<'a, [u8]> {
        let Some((&quote, quoted)) = self.rest.split_first() else { return Cow::Borrowed(text) };
        let is_special = |byte: &u8| *byte == quote || *byte == b'\\';
        let plain = quoted.iter().position(is_special).unwrap_or(quoted.len());
        if let (b"", Some((inner, rest))) = (text, quoted.split_at_checked(plain)) {
            if let Some(rest) = rest.strip_prefix(&[quote]) {
                self.rest = rest;
                return Cow::Borrowed(inner);
            }
        }
        let mut bytes = text.to_vec();
        let mut rest = quoted;
        loop {
            let byte = match (quote, rest) {
                (b'"', [b'\\', b'x', high, low, after @ ..])
                    if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
                {
                    rest = after;
                    from_hex(*high, *low)
                }
                (b'"', [b'\\', letter, after @ ..]) => {
                    rest = after;
                    unescape(*letter)
                }
                (b'\'', [b'\\', b'\'', after @ ..]) => {
                    rest = after;
                    b'\''
                }
                (_, [byte, after @ ..]) => {
                    rest = after;
                    if *byte == quote {
                        break;
                    }
                    *byte
                }
                (_, []) => break,
            };
            bytes.push(byte);
        }
        self.rest = rest;
        Cow::Owned(bytes)
    }
}

impl FusedIterator for InlineArgs<'_> {}

impl fmt::Debug for InlineArgs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escape::list("InlineArgs", self.clone(), f)
    }
}
