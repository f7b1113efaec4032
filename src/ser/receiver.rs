//! The targets that values are written to: a tree, or the arguments of a command.

use serde::ser::Error as _;

use crate::encode::{CommandBuf, CommandMark, ToArguments};
use crate::kind::Kind;
use crate::tree::{AggregateForm, Builder, Reply};

use super::{SerializeError, unfinished};

/// Receives values in order.
pub(super) trait Receiver {
    /// How much has been received.
    type Mark: Copy;

    fn mark(&self) -> Self::Mark;

    /// Receives a number or a string.
    fn scalar(&mut self, value: impl Into<Reply> + ToArguments);

    fn boolean(&mut self, value: bool);

    /// Receives `None` or unit.
    fn nothing(&mut self);

    /// Begins an array or a map of about `len` elements or pairs.
    fn open(&mut self, kind: Kind, len: usize);

    /// Ends the innermost array or map.
    fn close(&mut self);

    /// Checks what one value has added since the mark.
    fn accept(&mut self, role: Role<Self::Mark>, since: Self::Mark) -> Result<(), SerializeError>;
}

/// The role of a value in its array or map.
#[derive(Clone, Copy)]
pub(super) enum Role<M> {
    Element,
    Key,
    /// The value of the key that begins at the mark.
    Value {
        key: M,
    },
}

impl Receiver for Builder {
    /// The depth, and the number of values in the innermost aggregate.
    type Mark = (usize, usize);

    fn mark(&self) -> Self::Mark {
        self.mark()
    }

    fn scalar(&mut self, value: impl Into<Reply> + ToArguments) {
        self.value(value.into());
    }

    fn boolean(&mut self, value: bool) {
        self.value(value.into());
    }

    fn nothing(&mut self) {
        self.value(Reply::Null);
    }

    fn open(&mut self, kind: Kind, len: usize) {
        self.open(kind, AggregateForm::Counted, len);
    }

    fn close(&mut self) {
        self.close();
    }

    /// Checks that exactly one value was added to the tree: a type may have left an aggregate open.
    fn accept(
        &mut self,
        _: Role<Self::Mark>,
        (depth, values): Self::Mark,
    ) -> Result<(), SerializeError> {
        if self.mark() == (depth, values + 1) { Ok(()) } else { Err(unfinished()) }
    }
}

/// Arguments are flat: arrays and maps add nothing of their own, and neither do `None` and unit.
impl Receiver for CommandBuf {
    type Mark = CommandMark;

    fn mark(&self) -> Self::Mark {
        self.mark()
    }

    fn scalar(&mut self, value: impl Into<Reply> + ToArguments) {
        self.push(value);
    }

    fn boolean(&mut self, value: bool) {
        self.push(value);
    }

    fn nothing(&mut self) {}

    fn open(&mut self, _: Kind, _: usize) {}

    fn close(&mut self) {}

    /// An element may be any number of arguments. A key must be one argument, and its value at most one. If the
    /// value adds none, the key is removed.
    fn accept(&mut self, role: Role<Self::Mark>, since: Self::Mark) -> Result<(), SerializeError> {
        let what = match (role, self.len_since(since)) {
            (Role::Element, _) | (_, 1) => return Ok(()),
            (Role::Value { key }, 0) => {
                self.truncate(key);
                return Ok(());
            }
            (Role::Key, _) => "a key",
            (Role::Value { .. }, _) => "a field",
        };
        let found = self.len_since(since);
        Err(SerializeError::custom(format_args!("{what} of {found} arguments")))
    }
}
