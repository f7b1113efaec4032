//! Commands and replies with some of their parts replaced: the rest of their bytes is copied in runs.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

use crate::command::CommandRef;
use crate::escape;
use crate::sink::Sink;
use crate::tree::Reply;
use crate::view::{AnnotatedElements, Attributes, Decoded, ReplyRef};

use super::command::{Argument, Scratch};
use super::{EncodeError, Protocol, downgrade, sealed};

/// Changes to some of many parts, in the order of the parts; each part has one at the most.
#[derive(Clone)]
struct Edits<E>(BTreeMap<usize, E>);

/// Bytes that stay as they are, or a part that changes, and how.
enum Piece<'w, 'e, E> {
    Run(&'w [u8]),
    Part(&'w [u8], &'e E),
}

impl<E> Edits<E> {
    /// What becomes of a part.
    fn of(&mut self, index: usize) -> &mut E
    where
        E: Default,
    {
        self.0.entry(index).or_default()
    }

    /// Refuses a change of a part that is not among the `len` parts.
    fn check(&self, len: usize) -> Result<(), EncodeError> {
        match self.0.last_key_value() {
            Some((&index, _)) if index >= len => Err(EncodeError::NoSuchPart { index, len }),
            _ => Ok(()),
        }
    }

    /// Goes through the parts that `wire` consists of, whose sizes are given.
    fn apply(
        &self,
        wire: &[u8],
        sizes: impl Iterator<Item = usize>,
        mut emit: impl FnMut(Piece<'_, '_, E>),
    ) {
        let mut edits = self.0.iter().peekable();
        let (mut run, mut at) = (wire, 0);
        for (number, size) in sizes.enumerate() {
            let Some((place, change)) = edits.peek() else { break };
            at += size;
            if **place == number {
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

/// A command some of whose arguments are replaced, removed or added, over its original bytes: what a
/// proxy that gives each client its own keys forwards.
///
/// Of the original nothing is copied before it is written by [`Encode`](super::Encode), and then all that is
/// unchanged in runs; or not at all, by [`Segments::of_parts`](super::Segments::of_parts). An argument that
/// there is not is an error of that.
///
/// ```
/// use zresp::{Command, Encode, Protocol};
/// use zresp::encode::CommandPatch;
///
/// let request = zresp::requests(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n").next().expect("one")?;
/// let Command::Array(command) = request.command() else { panic!() };
/// let mut patch = CommandPatch::new(command);
/// patch.prefix(1, "tenant:7:").push("NX");
/// let wire = patch.to_wire(Protocol::Resp2)?;
/// assert_eq!(wire, "*4\r\n$3\r\nSET\r\n$10\r\ntenant:7:k\r\n$1\r\nv\r\n$2\r\nNX\r\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct CommandPatch<'a> {
    command: CommandRef<'a>,
    edits: Edits<ArgumentEdit>,
    added: Vec<Vec<u8>>,
}

/// What becomes of an argument.
#[derive(Clone, Default)]
struct ArgumentEdit {
    is_removed: bool,
    prefix: Vec<u8>,
    /// What stands in place of the original.
    replacement: Option<Vec<u8>>,
}

impl<'a> CommandPatch<'a> {
    /// Returns the command without a change yet.
    #[must_use]
    pub fn new(command: CommandRef<'a>) -> Self {
        Self { command, edits: Edits(BTreeMap::new()), added: Vec::new() }
    }

    /// Replaces an argument, whatever was to become of it; 0 is the name.
    pub fn replace(&mut self, index: usize, argument: impl Argument) -> &mut Self {
        let replacement = Some(argument.bytes(&mut Scratch::default()).to_vec());
        *self.edits.of(index) = ArgumentEdit { replacement, ..ArgumentEdit::default() };
        self
    }

    /// Puts bytes in front of an argument, or of what replaces it; a second prefix goes in front of the
    /// first.
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

    /// Adds an argument behind all others.
    pub fn push(&mut self, argument: impl Argument) -> &mut Self {
        self.added.push(argument.bytes(&mut Scratch::default()).to_vec());
        self
    }

    /// How many arguments there will be.
    fn len(&self) -> usize {
        let removed = self.edits.0.values().filter(|edit| edit.is_removed).count();
        (self.command.len() + self.added.len()).saturating_sub(removed)
    }
}

impl sealed::Encode for CommandPatch<'_> {
    fn check(&self, _: Protocol) -> Result<(), EncodeError> {
        self.edits.check(self.command.len())?;
        if self.len() == 0 { Err(EncodeError::NoArguments) } else { Ok(()) }
    }

    fn write(&self, _: Protocol, sink: &mut impl Sink) {
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

    fn bound(&self) -> Option<usize> {
        None
    }
}

/// An aggregate some of whose elements are replaced, removed or added, over its original bytes.
///
/// Of a map, keys and values count as elements, by turns. The attributes of an element are part of it; those
/// in front of the aggregate stay.
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
    reply: ReplyRef<'a>,
    attributes: Attributes<'a>,
    elements: AnnotatedElements<'a>,
    /// How many elements there are.
    len: usize,
    /// A replacement, or `None` for an element that is removed.
    edits: Edits<Option<Reply>>,
    added: Vec<Reply>,
}

impl<'a> ReplyPatch<'a> {
    /// Returns an aggregate without a change yet; `None` for any other reply. One that is streamed is
    /// counted, and will be written with its length in front.
    #[must_use]
    pub fn new(frame: Decoded<'a>) -> Option<Self> {
        let (reply, attributes) = (frame.reply(), frame.attributes());
        let elements = match reply {
            ReplyRef::Array(items) | ReplyRef::Set(items) | ReplyRef::Push(items) => items,
            ReplyRef::Map(pairs) => pairs.flat(),
            _ => return None,
        };
        Some(Self {
            reply,
            attributes,
            elements: elements.annotated(),
            len: elements.total(),
            edits: Edits(BTreeMap::new()),
            added: Vec::new(),
        })
    }

    /// Replaces an element. The last change of an element is the one that counts.
    pub fn replace(&mut self, index: usize, element: impl Into<Reply>) -> &mut Self {
        *self.edits.of(index) = Some(element.into());
        self
    }

    /// Removes an element. The others keep their indices.
    pub fn remove(&mut self, index: usize) -> &mut Self {
        *self.edits.of(index) = None;
        self
    }

    /// Adds an element behind all others.
    pub fn push(&mut self, element: impl Into<Reply>) -> &mut Self {
        self.added.push(element.into());
        self
    }

    /// How many elements there will be.
    fn len(&self) -> usize {
        let removed = self.edits.0.values().filter(|edit| edit.is_none()).count();
        (self.len + self.added.len()).saturating_sub(removed)
    }
}

impl sealed::Encode for ReplyPatch<'_> {
    fn check(&self, protocol: Protocol) -> Result<(), EncodeError> {
        self.edits.check(self.len)?;
        if self.reply.kind().has_pairs() && self.len() % 2 == 1 {
            return Err(EncodeError::KeyWithoutValue);
        }
        let replaced = self.edits.0.values().flatten();
        replaced.chain(&self.added).try_for_each(|element| element.check(protocol))
    }

    fn write(&self, protocol: Protocol, sink: &mut impl Sink) {
        let kind = self.reply.kind();
        if protocol == Protocol::Resp3 {
            sink.put(self.attributes.wire());
        }
        match protocol {
            Protocol::Resp2 => sink.header(b'*', self.len()),
            Protocol::Resp3 if kind.has_pairs() => sink.header(kind.type_byte(), self.len() / 2),
            Protocol::Resp3 => sink.header(kind.type_byte(), self.len()),
        }
        let sizes = self.elements.clone().map(|element| element.wire().len());
        self.edits.apply(self.reply.content(), sizes, |piece| match (piece, protocol) {
            (Piece::Run(run), Protocol::Resp2) => downgrade::write(run, sink),
            (Piece::Run(run), Protocol::Resp3) => sink.put(run),
            (Piece::Part(_, edit), _) => edit.iter().for_each(|one| one.write(protocol, sink)),
        });
        self.added.iter().for_each(|element| element.write(protocol, sink));
    }

    fn bound(&self) -> Option<usize> {
        None
    }
}

impl fmt::Debug for CommandPatch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        shown("CommandPatch", &self.command, &self.edits, self.added.len(), f)
    }
}

impl fmt::Debug for ReplyPatch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        shown("ReplyPatch", &self.reply, &self.edits, self.added.len(), f)
    }
}

/// Writes what is patched, which parts are, and how many are added.
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
