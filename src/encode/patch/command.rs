//! Commands with some of their arguments changed: [`CommandPatch`].

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

use crate::command::{CommandRef, PartialCommand};
use crate::encode::sealed::Writable;
use crate::encode::{CommandBuf, EncodeCommand, EncodeError, ToArguments};
use crate::sink::Sink;

use super::{Edits, Piece, in_range, shown};

/// A command with some arguments replaced, removed or added, for example by a proxy that prefixes each client's
/// keys. With the feature `commands`, `commands::keys` says which arguments these are. Read in the documentation of
/// `commands` what keys do not show.
///
/// The patch borrows the original. Writing it with [`EncodeCommand`] copies the unchanged bytes in runs;
/// [`Segments::sharing_command`](crate::encode::Segments::sharing_command) shares the runs of 4 KiB and more.
///
/// ```
/// use zresp::EncodeCommand;
/// use zresp::encode::CommandPatch;
///
/// let request = zresp::requests(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n").next().expect("one")?;
/// let mut scratch = Vec::new(); // for inline commands
/// let mut patch = CommandPatch::new(request.command().to_array(&mut scratch));
/// patch.prefix(1, "tenant:7:")?.push("NX");
/// let wire = patch.to_wire()?;
/// assert_eq!(wire, "*4\r\n$3\r\nSET\r\n$10\r\ntenant:7:k\r\n$1\r\nv\r\n$2\r\nNX\r\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Commands that are still arriving
///
/// A patch of a [`PartialCommand`] changes arguments that have arrived. It writes what has arrived of the command, up
/// to the last byte of an unfinished argument. The missing bytes follow unchanged, so arguments can be removed, which
/// lowers the number in the header, but none can be added. Here the key of a long value is renamed, and a
/// [`Framer`](crate::Framer) forwards the value in constant memory:
///
/// ```
/// use zresp::encode::CommandPatch;
/// use zresp::{CommandDecoder, EncodeCommand};
///
/// let mut decoder = CommandDecoder::new();
/// let buffer = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\nxxxx";
/// assert!(decoder.decode(buffer)?.is_none());
/// let partial = decoder.partial(buffer).expect("a command has begun");
/// let mut patch = CommandPatch::new(partial);
/// patch.prefix(1, "tenant:7:")?;
/// let mut upstream = patch.to_wire()?.to_vec();
/// assert_eq!(upstream, b"*3\r\n$3\r\nSET\r\n$10\r\ntenant:7:k\r\n$536870912\r\nxxxx");
///
/// let mut rest = decoder.take_framer(buffer);
/// let chunk = [b'x'; 16_384]; // and so on, until `is_complete`
/// let progress = rest.advance(&chunk)?;
/// upstream.extend_from_slice(&chunk[..progress.taken]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct CommandPatch<C> {
    command: C,
    /// The number of arguments that have arrived. They are counted once, as a command may have many.
    arrived: usize,
    edits: Edits<ArgumentEdit>,
    added: CommandBuf,
}

/// The change to an argument.
#[derive(Clone, Default)]
struct ArgumentEdit {
    is_removed: bool,
    /// The prefixes, the last one first on the wire.
    prefixes: Vec<Vec<u8>>,
    /// The argument that replaces the original.
    replacement: Option<Vec<u8>>,
}

/// A command that can be patched.
pub trait Patched: fmt::Debug {
    /// Returns the command; its last arguments may be missing.
    fn begun(&self) -> CommandRef<'_>;

    /// Returns the number of arguments that have arrived.
    fn arrived(&self) -> usize;
}

impl Patched for CommandRef<'_> {
    fn begun(&self) -> CommandRef<'_> {
        *self
    }

    fn arrived(&self) -> usize {
        self.len()
    }
}

impl Patched for PartialCommand<'_> {
    fn begun(&self) -> CommandRef<'_> {
        self.begun()
    }

    fn arrived(&self) -> usize {
        self.args().count()
    }
}

impl<C: Patched> CommandPatch<C> {
    /// Returns a patch of a [`CommandRef`] or a [`PartialCommand`] that changes nothing yet.
    ///
    /// [`Command::to_array`](crate::Command::to_array) turns a command in either form into a [`CommandRef`].
    #[must_use]
    pub fn new(command: C) -> Self {
        let arrived = command.arrived();
        Self { command, arrived, edits: Edits(BTreeMap::new()), added: CommandBuf::empty() }
    }

    /// Replaces an argument, and discards earlier changes to it. The name is argument 0.
    ///
    /// # Errors
    /// Returns [`EncodeError::NoSuchPart`] if the index is out of range, and [`EncodeError::NotArrived`] if the
    /// argument has not arrived whole. The patch stays as it was.
    pub fn replace(
        &mut self,
        index: usize,
        argument: impl AsRef<[u8]>,
    ) -> Result<&mut Self, EncodeError> {
        let replacement = Some(argument.as_ref().to_vec());
        *self.edit(index)? = ArgumentEdit { replacement, ..ArgumentEdit::default() };
        Ok(self)
    }

    /// Prepends bytes to an argument or to its replacement. A second prefix goes before the first.
    ///
    /// # Errors
    /// Returns the errors of [`replace`](Self::replace).
    pub fn prefix(
        &mut self,
        index: usize,
        prefix: impl AsRef<[u8]>,
    ) -> Result<&mut Self, EncodeError> {
        self.edit(index)?.prefixes.push(prefix.as_ref().to_vec());
        Ok(self)
    }

    /// Removes an argument. The others keep their indices.
    ///
    /// # Errors
    /// Returns the errors of [`replace`](Self::replace).
    pub fn remove(&mut self, index: usize) -> Result<&mut Self, EncodeError> {
        self.edit(index)?.is_removed = true;
        Ok(self)
    }

    /// Returns the change to an argument.
    fn edit(&mut self, index: usize) -> Result<&mut ArgumentEdit, EncodeError> {
        in_range(index, self.command.begun().len())?;
        if index >= self.arrived {
            return Err(EncodeError::NotArrived { index });
        }
        Ok(self.edits.of(index))
    }

    /// Returns the number of arguments with all changes made.
    fn len(&self) -> usize {
        let removed = self.edits.0.values().filter(|edit| edit.is_removed).count();
        (self.command.begun().len() + self.added.len()).saturating_sub(removed)
    }
}

impl CommandPatch<CommandRef<'_>> {
    /// Appends a value: one argument, or as many as its [`ToArguments`] adds.
    pub fn push(&mut self, value: impl ToArguments) -> &mut Self {
        self.added.push(value);
        self
    }
}

impl<C: Patched> EncodeCommand for CommandPatch<C> {}

impl<C: Patched> Writable<()> for CommandPatch<C> {
    fn check(&self, (): ()) -> Result<(), EncodeError> {
        if self.len() == 0 { Err(EncodeError::NoArguments) } else { Ok(()) }
    }

    fn write(&self, (): (), sink: &mut impl Sink) {
        sink.header(b'*', self.len());
        let mut args = self.command.begun().args();
        let wire = args.rest();
        let sizes = core::iter::from_fn(|| {
            let before = args.rest().len();
            args.next()?;
            Some(before - args.rest().len())
        });
        self.edits.apply(wire, sizes, |piece| match piece {
            Piece::Run(run) => sink.put(run),
            Piece::Part(_, edit) if edit.is_removed => {}
            Piece::Part(original, ArgumentEdit { prefixes, replacement, .. }) => {
                let argument = replacement.as_deref().unwrap_or(CommandRef::argument(original));
                let added: usize = prefixes.iter().map(Vec::len).sum();
                sink.header(b'$', added + argument.len());
                prefixes.iter().rev().for_each(|prefix| sink.put(prefix));
                sink.put(argument);
                sink.put(b"\r\n");
            }
        });
        sink.put(self.added.arguments());
    }
}

impl<C: Patched> fmt::Debug for CommandPatch<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        shown("CommandPatch", &self.command, &self.edits, self.added.len(), f)
    }
}
