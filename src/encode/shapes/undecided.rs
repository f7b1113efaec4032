//! Aggregates that one token does not decide on: [`Undecided`].

use crate::encode::{EncodeError, Protocol};
use crate::kind::Kind;
use crate::validate::confirms_subscription;
use crate::view::{ReplyRef, Token};

use super::form::Form;
use super::level::{FormLevel, RowLayout};
use super::translator::{Emit, Translator};

/// The channel on which RESP2 has invalidations.
const INVALIDATIONS: &[u8] = b"__redis__:invalidate";

/// An aggregate that has begun, but what it becomes depends on the next token.
#[derive(Clone, Copy)]
pub(super) enum Undecided {
    /// An array that has rows in RESP3.
    Rows(&'static Form, Option<usize>),
    /// A push of two values, which may be an invalidation.
    Push,
    /// An array of three values, which may be an invalidation. The flag says that the word `message` has come.
    Message(bool),
    /// An array of this many values inside the reply to `EXEC`. It is a push in RESP3 if it confirms a subscription.
    Confirmation(usize),
}

impl Translator {
    /// Decides on an aggregate before a scalar in parts.
    pub(super) fn settle(&mut self, emit: &mut impl Emit) -> Result<(), EncodeError> {
        // Nothing that would be recognised comes in parts.
        let other = Token::Scalar(ReplyRef::Bulk(b""));
        match self.undecided.take() {
            Some(undecided) => self.decide(undecided, &other, emit).map(drop),
            None => Ok(()),
        }
    }

    /// Decides on an aggregate before an attribute in it. Since RESP2 has no attributes, the reply is RESP3 already.
    pub(in crate::encode) fn begin_attribute(
        &mut self,
        mut emit: impl Emit,
    ) -> Result<(), EncodeError> {
        let attribute = Token::Open { kind: Kind::Attribute, len: None };
        match self.undecided.take() {
            Some(undecided) => self.decide(undecided, &attribute, &mut emit).map(drop),
            None => Ok(()),
        }
    }

    /// Decides what an aggregate becomes. Returns whether the token has been translated with it.
    pub(super) fn decide(
        &mut self,
        undecided: Undecided,
        token: &Token<'_>,
        emit: &mut impl Emit,
    ) -> Result<bool, EncodeError> {
        let unexpected = EncodeError::UnexpectedShape { kind: Kind::Array };
        let mut open = |kind, len| emit(&Token::Open { kind, len }, &[]);
        match (undecided, self.protocol, token) {
            (Undecided::Rows(form, len), protocol, token) => {
                let row = form.row_len();
                let is_nested = matches!(token, Token::Open { .. });
                let (len, layout) = match (protocol, len) {
                    (Protocol::Resp2, len) if is_nested => {
                        (len.map(|len| len.saturating_mul(row)), RowLayout::Nested)
                    }
                    (Protocol::Resp3, len) if !is_nested => {
                        let whole = len.filter(|len| len.checked_rem(row) == Some(0));
                        let rows = whole.and_then(|len| len.checked_div(row));
                        (Some(rows.ok_or(unexpected)?), RowLayout::Flat)
                    }
                    // It is in this protocol already.
                    (_, len) => {
                        self.others = 1;
                        return open(Kind::Array, len).map(|()| false);
                    }
                };
                self.levels.push(FormLevel::new(form, layout));
                open(Kind::Array, len).map(|()| false)
            }
            (Undecided::Push, _, Token::Scalar(ReplyRef::Bulk(b"invalidate"))) => {
                self.others = 1;
                open(Kind::Array, Some(3))?;
                emit(&Token::Scalar(ReplyRef::Bulk(b"message")), &[])?;
                emit(&Token::Scalar(ReplyRef::Bulk(INVALIDATIONS)), &[])?;
                Ok(true)
            }
            (Undecided::Push, ..) => {
                self.others = 1;
                open(Kind::Push, Some(2)).map(|()| false)
            }
            (Undecided::Confirmation(len), _, token) => {
                self.others = 1;
                let is_push = matches!(token, Token::Scalar(ReplyRef::Bulk(word) | ReplyRef::Simple(word))
                    if confirms_subscription(word));
                open(if is_push { Kind::Push } else { Kind::Array }, Some(len)).map(|()| false)
            }
            (Undecided::Message(false), _, Token::Scalar(ReplyRef::Bulk(b"message"))) => {
                self.undecided = Some(Undecided::Message(true));
                Ok(true)
            }
            (Undecided::Message(true), _, Token::Scalar(ReplyRef::Bulk(INVALIDATIONS))) => {
                self.others = 1;
                open(Kind::Push, Some(2))?;
                emit(&Token::Scalar(ReplyRef::Bulk(b"invalidate")), &[])?;
                Ok(true)
            }
            (Undecided::Message(has_word), ..) => {
                self.others = 1;
                open(Kind::Push, Some(3))?;
                if has_word {
                    emit(&Token::Scalar(ReplyRef::Bulk(b"message")), &[])?;
                }
                Ok(false)
            }
        }
    }
}
