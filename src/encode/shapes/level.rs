//! An open aggregate whose values have a form: [`FormLevel`].

use super::ReplyShape;
use super::form::{self, Body, Form};

/// An open aggregate whose values have a form.
#[derive(Clone, Copy)]
pub(super) struct FormLevel {
    pub(super) form: &'static Form,
    pub(super) layout: RowLayout,
    /// How many of its values have ended.
    pub(super) index: usize,
    /// The form of the value whose key came last.
    pub(super) field: &'static Form,
}

/// How the values of an aggregate lie. A *row* is an array that only one of the protocols has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum RowLayout {
    /// As in the other protocol.
    Plain,
    /// In rows, which are left out.
    Nested,
    /// Without rows, which are put in.
    Flat,
    /// This is a row that is left out.
    Row,
}

impl FormLevel {
    pub(super) fn new(form: &'static Form, layout: RowLayout) -> Self {
        let mut level = Self { form, layout, index: 0, field: &form::ANY };
        level.forget_key();
        level
    }

    /// Returns the form of the next value. `queued` are the shapes of the replies in the reply to `EXEC`.
    pub(super) fn form_of_next(&self, queued: &[ReplyShape]) -> &'static Form {
        let at = |forms: &[&'static Form], index| forms.get(index).copied().unwrap_or(&form::ANY);
        let is_value = self.index % 2 == 1;
        match (&self.form.body, self.layout) {
            (_, RowLayout::Nested) => &form::ANY,
            (Body::List(form) | Body::Set(form), _) => form,
            (Body::Tuple(forms), _)
            | (Body::Rows(forms) | Body::KeyedRows(forms), RowLayout::Row) => at(forms, self.index),
            (Body::Map(..), _) if is_value => self.field,
            (Body::Entries(form) | Body::MapUnlessEmpty(form), _) if is_value => form,
            (Body::Rows(forms), RowLayout::Flat) => at(forms, self.index % forms.len().max(1)),
            (Body::KeyedRows(forms), _) => {
                let place = self.index.checked_rem(forms.len() + 1).unwrap_or(0);
                place.checked_sub(1).map_or(&form::ANY, |place| at(forms, place))
            }
            (Body::Pong | Body::PongWith, _) => self.form,
            (Body::Exec, _) => queued.get(self.index).map_or(&form::ANY, |shape| shape.form()),
            _ => &form::ANY,
        }
    }

    /// Returns how many values the row has that must come next, if the rows are left out.
    pub(super) fn row_to_leave_out(&self) -> Option<usize> {
        let has_row = self.layout == RowLayout::Nested
            && (self.index % 2 == 1 || !matches!(self.form.body, Body::KeyedRows(_)));
        has_row.then(|| self.form.row_len())
    }

    /// Returns how many values the row has that must begin before the next value, if the rows are put in.
    pub(super) fn row_to_begin(&self) -> Option<usize> {
        let (key, len) = (self.form.row_keys(), self.form.row_len());
        let begins = self.index.checked_rem(key + len) == Some(key);
        (self.layout == RowLayout::Flat && begins).then_some(len)
    }

    /// Returns whether a row must end before the next value, or before the end of the aggregate.
    pub(super) fn has_row_to_end(&self) -> bool {
        let period = self.form.row_keys() + self.form.row_len();
        self.layout == RowLayout::Flat && self.index.checked_rem(period) == Some(0)
    }

    /// Returns whether the aggregate has another number of values than its form, when it ends.
    pub(super) fn lacks_values(&self, queued: &[ReplyShape]) -> bool {
        match (&self.form.body, self.layout) {
            (Body::Exec, _) => !queued.is_empty() && self.index != queued.len(),
            (_, RowLayout::Row) => self.index != self.form.row_len(),
            _ => false,
        }
    }

    /// Counts a value that has ended. The next one may be a key without a name.
    pub(super) fn end_value(&mut self) {
        self.index += 1;
        if self.index % 2 == 0 {
            self.forget_key();
        }
    }

    /// Gives the next value the form of those whose key has none.
    fn forget_key(&mut self) {
        if let Body::Map(_, others) = self.form.body {
            self.field = others;
        }
    }

    /// Notes a scalar that may be the key of the next value.
    pub(super) fn note_key(&mut self, key: &[u8]) {
        if let Body::Map(fields, others) = self.form.body {
            let field = fields.iter().find(|(name, _)| name.as_bytes() == key);
            self.field = field.map_or(others, |(_, form)| form);
        }
    }
}
