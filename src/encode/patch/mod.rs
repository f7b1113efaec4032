//! Commands and replies with some of their parts changed. The bytes between the changes are copied in runs.

mod command;
mod reply;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

use crate::escape;

use super::EncodeError;

pub use command::CommandPatch;
pub use reply::ReplyPatch;

/// Changes to parts of a value, at most one for each part, by its index.
#[derive(Clone)]
struct Edits<E>(BTreeMap<usize, E>);

/// A piece of the original bytes.
enum Piece<'w, 'e, E> {
    /// Parts that stay as they are.
    Run(&'w [u8]),
    /// A part that changes, and its change.
    Part(&'w [u8], &'e E),
}

impl<E> Edits<E> {
    /// Returns the change to a part; a new one if there is none yet.
    fn of(&mut self, index: usize) -> &mut E
    where
        E: Default,
    {
        self.0.entry(index).or_default()
    }

    /// Passes the pieces of `wire` to `emit`, in order. `sizes` are the sizes of its parts.
    ///
    /// Parts after the last change are not scanned: they form one run.
    fn apply(
        &self,
        wire: &[u8],
        sizes: impl Iterator<Item = usize>,
        mut emit: impl FnMut(Piece<'_, '_, E>),
    ) {
        let mut edits = self.0.iter().peekable();
        let (mut run, mut at) = (wire, 0);
        for (number, size) in sizes.enumerate() {
            let Some((index, change)) = edits.peek() else { break };
            at += size;
            if **index == number {
                let (through, rest) = run.split_at_checked(at).unwrap_or_default();
                let (before, part) = through.split_at_checked(at - size).unwrap_or_default();
                emit(Piece::Run(before));
                emit(Piece::Part(part, change));
                (run, at) = (rest, 0);
                edits.next();
            }
        }
        emit(Piece::Run(run));
    }
}

/// Refuses an index that is out of range for `len` parts.
const fn in_range(index: usize, len: usize) -> Result<(), EncodeError> {
    if index < len { Ok(()) } else { Err(EncodeError::NoSuchPart { index, len }) }
}

/// Writes the original, the indices of the changed parts, and the number of added ones.
fn shown<E>(
    name: &str,
    original: &dyn fmt::Debug,
    edits: &Edits<E>,
    added: usize,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let edited: Vec<_> = edits.0.keys().take(escape::VALUES).collect();
    f.debug_struct(name)
        .field("original", original)
        .field("edited", &edited)
        .field("added", &added)
        .finish()
}
