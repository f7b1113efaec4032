//! How requests begin, and inline commands, byte by byte.
//!
//! A request begins with what is skipped before a command. The headers and arguments of arrays are in
//! `automaton`.

#![deny(clippy::arithmetic_side_effects)]

use crate::error::{ErrorKind, Expected, unexpected};
use crate::lex::inline;
use crate::limits::InlinePolicy;

use super::automaton::{Stepped, start};
use super::levels::Ended;
use super::state::{FirstToken, Inline, LinePlace, Prefix, State, Then};
use super::{Grammar, Validator};

/// The most bytes of an inline command before its LF: Redis's limit.
pub(crate) const INLINE_LIMIT: usize = 64 * 1024;

impl Validator {
    /// Whether this validates requests and no array is open: between two commands, in the header of an
    /// array, or in an inline command.
    pub(super) fn is_outside_arrays(&self) -> bool {
        matches!(self.grammar(), Grammar::Requests(_)) && self.levels.depth() == 0
    }

    /// Takes the first byte of a request.
    pub(super) fn request(
        &mut self,
        policy: InlinePolicy,
        byte: u8,
        offset: usize,
    ) -> Stepped<Ended> {
        self.state = match (policy, byte) {
            (_, b'*') => start(Prefix::Command),
            (InlinePolicy::Accept, _) => return self.inline(Inline::START, byte, offset),
            (InlinePolicy::Refuse, b'\r') => State::Lf(Then::Value),
            (InlinePolicy::Refuse, b'\n') => return Ok(self.skip(offset.saturating_add(1))),
            (InlinePolicy::Refuse, _) => return unexpected(byte, Expected::Literal(b'*')),
        };
        Ok(Ended::Value)
    }

    /// Skips an empty line or an array without elements that ends at `offset`.
    pub(super) fn skip(&mut self, offset: usize) -> Ended {
        self.state = State::Value;
        self.value_at = offset;
        Ended::Skipped
    }

    /// Takes a byte of an inline command.
    pub(super) fn inline(&mut self, mut inline: Inline, byte: u8, offset: usize) -> Stepped<Ended> {
        if byte == b'\n' {
            if !inline.end()? {
                return Ok(self.skip(offset.saturating_add(1)));
            }
            self.state = State::Value;
            return Ok(Ended::Frame);
        }
        if offset.saturating_sub(self.value_at) >= INLINE_LIMIT {
            return Err(ErrorKind::InlineTooLong { limit: INLINE_LIMIT });
        }
        if byte == 0 {
            return unexpected(byte, Expected::InlineText);
        }
        inline.take(byte)?;
        let size = offset.saturating_sub(self.value_at).saturating_add(1);
        if size.saturating_add(inline.unclosed()) > INLINE_LIMIT {
            return Err(ErrorKind::InlineTooLong { limit: INLINE_LIMIT });
        }
        self.state = State::Inline(inline);
        Ok(Ended::Value)
    }
}

impl Inline {
    const START: Self = Self { place: LinePlace::Gap, first: FirstToken::START };

    /// Takes a byte that is neither LF nor NUL.
    fn take(&mut self, byte: u8) -> Stepped<()> {
        self.place = match (self.place, byte) {
            (LinePlace::Gap | LinePlace::Closed, byte) if inline::is_space(byte) => LinePlace::Gap,
            (LinePlace::Closed, _) => return Err(ErrorKind::UnbalancedQuotes),
            (LinePlace::Token, byte) if inline::ends_token(byte) => {
                self.first.end()?;
                LinePlace::Gap
            }
            (LinePlace::Gap | LinePlace::Token, b'"') => LinePlace::Double,
            (LinePlace::Gap | LinePlace::Token, b'\'') => LinePlace::Single,
            (LinePlace::Double, b'"') | (LinePlace::Single, b'\'') => {
                self.first.end()?;
                LinePlace::Closed
            }
            (LinePlace::Double, b'\\') => LinePlace::Escape,
            (LinePlace::Single, b'\\') => LinePlace::SingleEscape,
            (LinePlace::Escape, b'x') => LinePlace::Hex(None),
            (LinePlace::Escape, _) => {
                self.first.push(inline::unescape(byte));
                LinePlace::Double
            }
            (LinePlace::Hex(None), byte) if byte.is_ascii_hexdigit() => LinePlace::Hex(Some(byte)),
            (LinePlace::Hex(Some(high)), byte) if byte.is_ascii_hexdigit() => {
                self.first.push(inline::from_hex(high, byte));
                LinePlace::Double
            }
            // Not an escaped byte after all, but an `x` and what follows it.
            (LinePlace::Hex(high), byte) => {
                self.first.push(b'x');
                if let Some(high) = high {
                    self.first.push(high);
                }
                self.place = LinePlace::Double;
                return self.take(byte);
            }
            (LinePlace::SingleEscape, b'\'') => {
                self.first.push(byte);
                LinePlace::Single
            }
            (LinePlace::SingleEscape, byte) => {
                self.first.push(b'\\');
                self.place = LinePlace::Single;
                return self.take(byte);
            }
            (place @ (LinePlace::Double | LinePlace::Single), _) => {
                self.first.push(byte);
                place
            }
            (LinePlace::Gap | LinePlace::Token, _) => {
                self.first.push(byte);
                LinePlace::Token
            }
        };
        self.first.is_begun |= self.place != LinePlace::Gap;
        Ok(())
    }

    /// Ends the line. Returns whether it holds a command.
    fn end(&mut self) -> Stepped<bool> {
        match self.place {
            LinePlace::Gap | LinePlace::Closed => {}
            LinePlace::Token => self.first.end()?,
            _ => return Err(ErrorKind::UnbalancedQuotes),
        }
        Ok(self.first.is_begun)
    }

    /// The smallest number of further bytes that can complete the line.
    pub(super) fn needed(self) -> usize {
        let a_token = usize::from(!self.first.is_begun);
        self.unclosed().saturating_add(a_token).saturating_add(1)
    }

    /// The smallest number of further bytes after which the line may end.
    fn unclosed(self) -> usize {
        let other_token = usize::from(self.first.is_http());
        match self.place {
            LinePlace::Gap | LinePlace::Closed => 0,
            LinePlace::Token => other_token,
            LinePlace::Double | LinePlace::Single => other_token.saturating_add(1),
            LinePlace::Hex(_) => 1,
            LinePlace::Escape | LinePlace::SingleEscape => 2,
        }
    }
}

impl FirstToken {
    const START: Self =
        Self { is_begun: false, is_ended: false, length: 0, is_post: true, is_host: true };

    /// Takes a byte of the token, with quotes and escapes already resolved.
    fn push(&mut self, byte: u8) {
        if self.is_ended {
            return;
        }
        let is_next = |word: &[u8]| {
            word.get(usize::from(self.length)).is_some_and(|next| next.eq_ignore_ascii_case(&byte))
        };
        (self.is_post, self.is_host) =
            (self.is_post && is_next(b"post"), self.is_host && is_next(b"host:"));
        self.length = self.length.saturating_add(1);
    }

    /// Whether the token is the first word of an HTTP request line, or of the `Host:` line after it.
    const fn is_http(self) -> bool {
        !self.is_ended && (self.is_post && self.length == 4 || self.is_host && self.length == 5)
    }

    /// Ends the token. This is also called at the end of each later token, and then changes nothing.
    fn end(&mut self) -> Stepped<()> {
        if self.is_http() {
            return Err(ErrorKind::HttpRequest);
        }
        self.is_ended = true;
        Ok(())
    }
}
