//! A reply in the other protocol, token by token: [`Translator`].

use smallvec::SmallVec;

use crate::encode::{EncodeError, Protocol};
use crate::kind::Kind;
use crate::lex::double;
use crate::view::{ReplyRef, Token};

use super::ReplyShape;
use super::form::{Body, Form, NullForm};
use super::level::{FormLevel, RowLayout};
use super::undecided::Undecided;

/// Takes a token of the translated reply, and its bytes in the original if it is the same scalar or header.
///
/// A double may come with the bytes of a bulk string, and of its own kind in the other protocol: both have the
/// sender's text.
pub(in crate::encode) trait Emit:
    FnMut(&Token<'_>, &[u8]) -> Result<(), EncodeError>
{
}

impl<F: FnMut(&Token<'_>, &[u8]) -> Result<(), EncodeError>> Emit for F {}

/// Turns the tokens of one reply into those of the same reply in a protocol. A reply that already is in this protocol
/// stays the same.
///
/// Its tokens must not contain those of attributes.
#[derive(Clone)]
pub(in crate::encode) struct Translator {
    pub(super) protocol: Protocol,
    shape: ReplyShape,
    /// The shapes of the elements, if the reply is that to `EXEC` and they are known.
    queued: SmallVec<[ReplyShape; 2]>,
    /// The open aggregates whose values have a form, the innermost last.
    pub(super) levels: SmallVec<[FormLevel; 4]>,
    /// How many more are open inside these. The outermost one has no form.
    pub(super) others: usize,
    pub(super) undecided: Option<Undecided>,
    /// Whether the last value has ended.
    is_done: bool,
}

impl Translator {
    pub(in crate::encode) fn new(
        protocol: Protocol,
        shape: ReplyShape,
        queued: &[ReplyShape],
    ) -> Self {
        Self {
            protocol,
            shape,
            queued: queued.into(),
            levels: SmallVec::new(),
            others: 0,
            undecided: None,
            is_done: false,
        }
    }

    /// Whether the reply has ended.
    pub(in crate::encode) const fn is_done(&self) -> bool {
        self.is_done
    }

    /// Whether the reply is a push.
    pub(in crate::encode) const fn expects_push(&self) -> bool {
        matches!(self.shape.form().body, Body::Push)
    }

    /// Translates the next token.
    pub(in crate::encode) fn token(
        &mut self,
        token: &Token<'_>,
        wire: &[u8],
        mut emit: impl Emit,
    ) -> Result<(), EncodeError> {
        let emit = &mut emit;
        if let Some(undecided) = self.undecided.take() {
            if self.decide(undecided, token, emit)? {
                return Ok(());
            }
        }
        if self.others > 0 {
            return self.token_without_form(token, wire, emit);
        }
        match token {
            Token::Scalar(scalar) => {
                let form = self.begin(emit)?;
                self.scalar(form, token, scalar, wire, emit)?;
                if let (ReplyRef::Bulk(key) | ReplyRef::Simple(key), Some(level)) =
                    (scalar, self.levels.last_mut())
                {
                    level.note_key(key);
                }
                self.end(emit)
            }
            Token::Open { kind, len } => {
                if let Some(outer) = self.levels.last().copied() {
                    if let Some(row) = outer.row_to_leave_out() {
                        // The length of a streamed row is checked at its end.
                        if *kind != Kind::Array || len.is_some_and(|len| len != row) {
                            return Err(EncodeError::UnexpectedShape { kind: *kind });
                        }
                        self.levels.push(FormLevel::new(outer.form, RowLayout::Row));
                        return Ok(());
                    }
                }
                let form = self.begin(emit)?;
                self.open(form, *kind, *len, token, wire, emit)
            }
            Token::Close(kind) => {
                let level = self.levels.pop();
                if level.is_some_and(|level| level.lacks_values(&self.queued)) {
                    return Err(EncodeError::UnexpectedShape { kind: *kind });
                }
                if level.is_none_or(|level| level.layout != RowLayout::Row) {
                    emit(token, wire)?;
                }
                self.end(emit)
            }
        }
    }

    /// Begins a scalar that comes in parts, which are not translated. Call [`end_parts`](Self::end_parts) after the
    /// last one.
    pub(in crate::encode) fn begin_parts(
        &mut self,
        kind: Kind,
        mut emit: impl Emit,
    ) -> Result<(), EncodeError> {
        let emit = &mut emit;
        self.settle(emit)?;
        if self.others > 0 {
            return Ok(());
        }
        let form = self.begin(emit)?;
        match (&form.body, self.protocol, kind) {
            (Body::Untranslatable, _, kind) if kind != Kind::BulkError => {
                Err(EncodeError::CannotTranslate)
            }
            (Body::PongWith, Protocol::Resp2, Kind::Bulk) => begin_pong(emit),
            _ => Ok(()),
        }
    }

    /// Ends a scalar that came in parts.
    pub(in crate::encode) fn end_parts(&mut self, mut emit: impl Emit) -> Result<(), EncodeError> {
        if self.others > 0 { Ok(()) } else { self.end(&mut emit) }
    }

    /// Passes a token of an aggregate that has no form.
    fn token_without_form(
        &mut self,
        token: &Token<'_>,
        wire: &[u8],
        emit: &mut impl Emit,
    ) -> Result<(), EncodeError> {
        match token {
            Token::Open { .. } => self.others += 1,
            Token::Close(_) => self.others -= 1,
            Token::Scalar(scalar) if scalar.is_null() && self.protocol == Protocol::Resp3 => {
                return emit(&Token::Scalar(ReplyRef::Null), &[]);
            }
            Token::Scalar(_) => {}
        }
        emit(token, wire)?;
        if self.others == 0 { self.end(emit) } else { Ok(()) }
    }

    /// Begins a value. Returns its form.
    fn begin(&self, emit: &mut impl Emit) -> Result<&'static Form, EncodeError> {
        let Some(level) = self.levels.last() else { return Ok(self.shape.form()) };
        if level.row_to_leave_out().is_some() {
            return Err(EncodeError::UnexpectedShape { kind: Kind::Array });
        }
        if let Some(len) = level.row_to_begin() {
            emit(&Token::Open { kind: Kind::Array, len: Some(len) }, &[])?;
        }
        Ok(level.form_of_next(&self.queued))
    }

    /// Ends a value.
    fn end(&mut self, emit: &mut impl Emit) -> Result<(), EncodeError> {
        let Some(level) = self.levels.last_mut() else {
            self.is_done = true;
            return Ok(());
        };
        level.end_value();
        if level.has_row_to_end() { emit(&Token::Close(Kind::Array), &[]) } else { Ok(()) }
    }

    fn is_in_row(&self) -> bool {
        self.levels.last().is_some_and(|level| level.layout == RowLayout::Row)
    }

    fn scalar(
        &self,
        form: &Form,
        token: &Token<'_>,
        scalar: &ReplyRef<'_>,
        wire: &[u8],
        emit: &mut impl Emit,
    ) -> Result<(), EncodeError> {
        use Protocol::{Resp2, Resp3};
        let mut replace = |scalar| emit(&Token::Scalar(scalar), &[]);
        match (&form.body, self.protocol, scalar) {
            (Body::Pong, Resp2, ReplyRef::Simple(b"PONG")) => {
                begin_pong(emit)?;
                emit(&Token::Scalar(ReplyRef::Bulk(b"")), &[])?;
                emit(&Token::Close(Kind::Array), &[])
            }
            (Body::PongWith, Resp2, ReplyRef::Bulk(_)) => {
                begin_pong(emit)?;
                emit(token, wire)?;
                emit(&Token::Close(Kind::Array), &[])
            }
            // The word `pong`, and what follows it.
            (Body::Pong | Body::PongWith, Resp3, scalar) if self.is_in_row() => {
                let index = self.levels.last().map_or(0, |level| level.index);
                match (index, &form.body, scalar) {
                    (0, _, ReplyRef::Bulk(b"pong")) => Ok(()),
                    (1, Body::Pong, ReplyRef::Bulk(b"")) => replace(ReplyRef::Simple(b"PONG")),
                    (1, Body::PongWith, ReplyRef::Bulk(_)) => emit(token, wire),
                    _ => Err(EncodeError::UnexpectedShape { kind: Kind::Array }),
                }
            }
            // An error, or `+QUEUED`.
            (_, _, ReplyRef::Error(_) | ReplyRef::BulkError(_) | ReplyRef::Simple(_)) => {
                emit(token, wire)
            }
            (Body::Untranslatable, ..) => Err(EncodeError::CannotTranslate),
            (_, Resp3, scalar) if scalar.is_null() => replace(ReplyRef::Null),
            (_, Resp2, ReplyRef::Null) if self.has_null_array(form) => replace(ReplyRef::NullArray),
            (Body::Text, Resp3, ReplyRef::Bulk(text)) => {
                replace(ReplyRef::Verbatim { format: b"txt", text })
            }
            (Body::Boolean, Resp3, ReplyRef::Integer(value @ 0..=1)) => {
                replace(ReplyRef::Boolean(*value == 1))
            }
            (Body::Double, Resp3, ReplyRef::Bulk(text)) => match double_of(text) {
                Some(value) => emit(&Token::Scalar(ReplyRef::Double(value)), wire),
                None => emit(token, wire),
            },
            _ => emit(token, wire),
        }
    }

    /// Returns whether RESP2 has `*-1` where a value of this form is null.
    fn has_null_array(&self, form: &Form) -> bool {
        let is_in_exec =
            || self.levels.last().is_some_and(|level| matches!(level.form.body, Body::Exec));
        match form.null {
            NullForm::Bulk => false,
            NullForm::Array => true,
            NullForm::ArrayOutsideExec => !is_in_exec(),
        }
    }

    fn open(
        &mut self,
        form: &'static Form,
        kind: Kind,
        len: Option<usize>,
        token: &Token<'_>,
        wire: &[u8],
        emit: &mut impl Emit,
    ) -> Result<(), EncodeError> {
        use Protocol::{Resp2, Resp3};
        let unexpected = EncodeError::UnexpectedShape { kind };
        // How many elements of `size` values each there are.
        let groups = |len: usize, size: usize| {
            let is_whole = len.checked_rem(size) == Some(0);
            len.checked_div(size).filter(|_| is_whole).ok_or(unexpected)
        };
        let row = form.row_keys() + form.row_len();
        let (kind, len, layout) = match (self.protocol, &form.body, kind, len) {
            (_, Body::Untranslatable, ..) => return Err(EncodeError::CannotTranslate),
            (Resp3, Body::Pong | Body::PongWith, ..) if self.is_in_row() => return Err(unexpected),
            (_, Body::Rows(_), Kind::Array, _) => {
                self.undecided = Some(Undecided::Rows(form, len));
                return Ok(());
            }
            (Resp2, Body::Push, Kind::Push, Some(2)) => {
                self.undecided = Some(Undecided::Push);
                return Ok(());
            }
            (Resp3, Body::Push, Kind::Array, Some(len @ 1..)) if !self.levels.is_empty() => {
                self.undecided = Some(Undecided::Confirmation(len));
                return Ok(());
            }
            (Resp3, Body::Push, Kind::Array, Some(3)) => {
                self.undecided = Some(Undecided::Message(false));
                return Ok(());
            }
            (Resp3, Body::Pong | Body::PongWith, Kind::Array, Some(2)) => {
                self.levels.push(FormLevel::new(form, RowLayout::Row));
                return Ok(());
            }
            (Resp3, Body::Push, Kind::Array, Some(len)) if self.levels.is_empty() => {
                self.others = 1;
                return emit(&Token::Open { kind: Kind::Push, len: Some(len) }, &[]);
            }
            (Resp2, Body::Entries(_), Kind::Map, len) => (Kind::Array, len, RowLayout::Flat),
            (Resp2, Body::KeyedRows(_), Kind::Map, len) => {
                (Kind::Array, len.map(|len| len.saturating_mul(row)), RowLayout::Nested)
            }
            (Resp3, Body::Entries(_), Kind::Array, Some(len)) => {
                (Kind::Map, Some(len), RowLayout::Nested)
            }
            (Resp3, Body::KeyedRows(_), Kind::Array, Some(len @ 1..)) => {
                (Kind::Map, Some(groups(len, row)?), RowLayout::Flat)
            }
            (Resp3, Body::Map(..), Kind::Array, Some(len))
            | (Resp3, Body::MapUnlessEmpty(_), Kind::Array, Some(len @ 1..)) => {
                (Kind::Map, Some(groups(len, 2)?), RowLayout::Plain)
            }
            (Resp3, Body::Set(_), Kind::Array, Some(len)) => {
                (Kind::Set, Some(len), RowLayout::Plain)
            }
            (_, Body::Exec, Kind::Array, Some(len))
                if !self.queued.is_empty() && self.queued.len() != len =>
            {
                return Err(unexpected);
            }
            (Resp2, Body::Map(..) | Body::MapUnlessEmpty(_), Kind::Map, _)
            | (Resp2, Body::Set(_), Kind::Set, _)
            | (_, Body::List(_) | Body::Tuple(_) | Body::Exec, Kind::Array | Kind::Set, _) => {
                self.levels.push(FormLevel::new(form, RowLayout::Plain));
                return emit(token, wire);
            }
            _ => {
                self.others = 1;
                return emit(token, wire);
            }
        };
        self.levels.push(FormLevel::new(form, layout));
        emit(&Token::Open { kind, len }, &[])
    }
}

/// Returns the double whose text this is, if RESP3 can write it in this form.
fn double_of(text: &[u8]) -> Option<f64> {
    // Servers write fewer than thirty digits.
    if text.len() > 61 {
        return None;
    }
    let mut line: SmallVec<[u8; 64]> = SmallVec::new();
    line.push(b',');
    line.extend_from_slice(text);
    line.extend_from_slice(b"\r\n");
    double::pass(&line).filter(|rest| rest.is_empty()).and_then(|_| double::parse(text))
}

/// Writes the header of the array that RESP2 has for `PONG`, and its first element.
fn begin_pong(emit: &mut impl Emit) -> Result<(), EncodeError> {
    emit(&Token::Open { kind: Kind::Array, len: Some(2) }, &[])?;
    emit(&Token::Scalar(ReplyRef::Bulk(b"pong")), &[])
}
