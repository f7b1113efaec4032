//! Commands and replies with some of their parts changed. The bytes between the changes are copied in runs.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

use crate::command::CommandRef;
use crate::escape;
use crate::sink::Sink;
use crate::tree::Reply;
use crate::view::{AnnotatedElements, Decoded, ReplyRef};

use super::argument::{Argument, Scratch};
use super::sealed::Writable;
use super::{Encode, EncodeCommand, EncodeError, Protocol, downgrade};

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

    /// Refuses an index that is out of range for `len` parts.
    fn check(&self, len: usize) -> Result<(), EncodeError> {
        match self.0.last_key_value() {
            Some((&index, _)) if index >= len => Err(EncodeError::NoSuchPart { index, len }),
            _ => Ok(()),
        }
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

/// A command with some arguments replaced, removed or added, for example by a proxy that prefixes each client's
/// keys.
///
/// The patch borrows the original. Writing it with [`EncodeCommand`] copies the unchanged bytes in runs;
/// [`Segments::sharing_command`](super::Segments::sharing_command) shares the runs of 4 KiB and more. Both fail if
/// an index is out of range.
///
/// ```
/// use zresp::EncodeCommand;
/// use zresp::encode::CommandPatch;
///
/// let request = zresp::requests(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n").next().expect("one")?;
/// let mut scratch = Vec::new(); // for inline commands
/// let mut patch = CommandPatch::new(request.command().to_array(&mut scratch));
/// patch.prefix(1, "tenant:7:").push("NX");
/// let wire = patch.to_wire()?;
/// assert_eq!(wire, "*4\r\n$3\r\nSET\r\n$10\r\ntenant:7:k\r\n$1\r\nv\r\n$2\r\nNX\r\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct CommandPatch<'a> {
    command: CommandRef<'a>,
    edits: Edits<ArgumentEdit>,
    added: Vec<Vec<u8>>,
}

/// The change to an argument.
#[derive(Clone, Default)]
struct ArgumentEdit {
    is_removed: bool,
    prefix: Vec<u8>,
    /// The argument that replaces the original.
    replacement: Option<Vec<u8>>,
}

impl<'a> CommandPatch<'a> {
    /// Returns a patch that changes nothing yet.
    ///
    /// [`Command::to_array`](crate::Command::to_array) turns a command in either form into a [`CommandRef`].
    #[must_use]
    pub fn new(command: CommandRef<'a>) -> Self {
        Self { command, edits: Edits(BTreeMap::new()), added: Vec::new() }
    }

    /// Replaces an argument, and discards earlier changes to it. The name is argument 0.
    pub fn replace(&mut self, index: usize, argument: impl Argument) -> &mut Self {
        let replacement = Some(argument.bytes(&mut Scratch::default()).to_vec());
        *self.edits.of(index) = ArgumentEdit { replacement, ..ArgumentEdit::default() };
        self
    }

    /// Prepends bytes to an argument or to its replacement. A second prefix goes before the first.
    pub fn prefix(&mut self, index: usize, prefix: impl Argument) -> &mut Self {
        let edit = self.edits.of(index);
        edit.prefix.splice(..0, prefix.bytes(&mut Scratch::default()).iter().copied());
        self
    }

    /// Removes an argument. The others keep their indices.
    pub fn remove(&mut self, index: usize) -> &mut Self {
        self.edits.of(index).is_removed = true;
        self
    }

    /// Appends an argument.
    pub fn push(&mut self, argument: impl Argument) -> &mut Self {
        self.added.push(argument.bytes(&mut Scratch::default()).to_vec());
        self
    }

    /// Returns the number of arguments with all changes made.
    fn len(&self) -> usize {
        let removed = self.edits.0.values().filter(|edit| edit.is_removed).count();
        (self.command.len() + self.added.len()).saturating_sub(removed)
    }
}

impl EncodeCommand for CommandPatch<'_> {}

impl Writable<()> for CommandPatch<'_> {
    fn check(&self, (): ()) -> Result<(), EncodeError> {
        self.edits.check(self.command.len())?;
        if self.len() == 0 { Err(EncodeError::NoArguments) } else { Ok(()) }
    }

    fn write(&self, (): (), sink: &mut impl Sink) {
        sink.header(b'*', self.len());
        let mut args = self.command.args();
        let wire = args.rest();
        let sizes = core::iter::from_fn(|| {
            let before = args.rest().len();
            args.next()?;
            Some(before - args.rest().len())
        });
        self.edits.apply(wire, sizes, |piece| match piece {
            Piece::Run(run) => sink.put(run),
            Piece::Part(_, edit) if edit.is_removed => {}
            Piece::Part(original, ArgumentEdit { prefix, replacement, .. }) => {
                let argument = replacement.as_deref().unwrap_or(CommandRef::argument(original));
                sink.header(b'$', prefix.len() + argument.len());
                sink.put(prefix);
                sink.put(argument);
                sink.put(b"\r\n");
            }
        });
        self.added.iter().for_each(|argument| sink.payload(b'$', argument));
    }
}

/// An array, map, set or push with some elements replaced, removed or added.
///
/// The patch borrows the original. Writing it with [`Encode`] copies the unchanged bytes in runs; for RESP2, it
/// converts them.
///
/// The elements of a map are its keys and values, alternating: pair 3 has the indices 6 and 7. The
/// attributes of an element are replaced and removed with it. Those of the aggregate stay.
///
/// ```
/// use zresp::{Encode, Protocol, Reply};
/// use zresp::encode::ReplyPatch;
///
/// let frame = zresp::decode(b"%1\r\n$4\r\nport\r\n:6379\r\n")?.expect("a whole frame");
/// let mut patch = ReplyPatch::new(frame).expect("an aggregate");
/// patch.replace(1, 6380).push("role").push("master");
/// assert_eq!(
///     patch.to_wire(Protocol::Resp3)?,
///     "%2\r\n$4\r\nport\r\n:6380\r\n$4\r\nrole\r\n$6\r\nmaster\r\n",
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct ReplyPatch<'a> {
    original: Decoded<'a>,
    elements: AnnotatedElements<'a>,
    /// The number of elements of the original.
    len: usize,
    /// Replacements, with `None` for elements that are removed.
    edits: Edits<Option<Reply>>,
    added: Vec<Reply>,
}

impl<'a> ReplyPatch<'a> {
    /// Returns a patch that changes nothing yet, or `None` if the reply is not an aggregate.
    ///
    /// A streamed aggregate is written with its length, so its elements are counted here.
    #[must_use]
    pub fn new(frame: Decoded<'a>) -> Option<Self> {
        let elements = match frame.reply() {
            ReplyRef::Array(items) | ReplyRef::Set(items) | ReplyRef::Push(items) => items,
            ReplyRef::Map(pairs) => pairs.flat(),
            _ => return None,
        };
        Some(Self {
            original: frame,
            elements: elements.annotated(),
            len: elements.total(),
            edits: Edits(BTreeMap::new()),
            added: Vec::new(),
        })
    }

    /// Replaces an element, and discards an earlier change to it.
    pub fn replace(&mut self, index: usize, element: impl Into<Reply>) -> &mut Self {
        *self.edits.of(index) = Some(element.into());
        self
    }

    /// Removes an element, and discards an earlier change to it. The others keep their indices.
    pub fn remove(&mut self, index: usize) -> &mut Self {
        *self.edits.of(index) = None;
        self
    }

    /// Appends an element.
    pub fn push(&mut self, element: impl Into<Reply>) -> &mut Self {
        self.added.push(element.into());
        self
    }

    /// Returns the number of elements with all changes made.
    fn len(&self) -> usize {
        let removed = self.edits.0.values().filter(|edit| edit.is_none()).count();
        (self.len + self.added.len()).saturating_sub(removed)
    }
}

impl Encode for ReplyPatch<'_> {}

impl Writable<Protocol> for ReplyPatch<'_> {
    fn check(&self, protocol: Protocol) -> Result<(), EncodeError> {
        self.edits.check(self.len)?;
        self.original.check(protocol)?;
        if self.original.reply().kind().has_pairs() && self.len() % 2 == 1 {
            return Err(EncodeError::KeyWithoutValue);
        }
        let replaced = self.edits.0.values().flatten();
        replaced.chain(&self.added).try_for_each(|element| element.check(protocol))
    }

    fn write(&self, protocol: Protocol, sink: &mut impl Sink) {
        let kind = self.original.reply().kind();
        if protocol == Protocol::Resp3 {
            sink.put(self.original.attributes().wire());
        }
        match protocol {
            Protocol::Resp2 => sink.header(b'*', self.len()),
            Protocol::Resp3 if kind.has_pairs() => sink.header(kind.type_byte(), self.len() / 2),
            Protocol::Resp3 => sink.header(kind.type_byte(), self.len()),
        }
        let sizes = self.elements.clone().map(|element| element.wire().len());
        self.edits.apply(self.original.reply().content(), sizes, |piece| match (piece, protocol) {
            (Piece::Run(run), Protocol::Resp2) => downgrade::write(run, sink),
            (Piece::Run(run), Protocol::Resp3) => sink.put(run),
            (Piece::Part(_, edit), _) => edit.iter().for_each(|one| one.write(protocol, sink)),
        });
        self.added.iter().for_each(|element| element.write(protocol, sink));
    }
}

impl fmt::Debug for CommandPatch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        shown("CommandPatch", &self.command, &self.edits, self.added.len(), f)
    }
}

impl fmt::Debug for ReplyPatch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        shown("ReplyPatch", &self.original.reply(), &self.edits, self.added.len(), f)
    }
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
