//! Changes to the parts of a command or a reply, to compare patches with values that are built anew.

use zresp::command::PartialCommand;
use zresp::encode::{CommandPatch, ReplyPatch};
use zresp::tree::Entries;
use zresp::{
    Command, CommandDecoder, CommandRef, Decoded, Encode, EncodeCommand, EncodeError, Protocol,
    Reply,
};

pub const PROTOCOLS: [Protocol; 2] = [Protocol::Resp2, Protocol::Resp3];

/// A change of one part.
#[derive(Debug, Clone)]
pub enum Edit<T> {
    Replace(usize, T),
    Prefix(usize, T),
    Remove(usize),
    Push(T),
}

impl<T> Edit<T> {
    /// The edit that a fuzzer's numbers stand for. It changes one of the first eight parts, or adds one.
    pub fn of((kind, index, value): (u8, u8, T)) -> Self {
        let index = usize::from(index % 8);
        match kind % 4 {
            0 => Self::Replace(index, value),
            1 => Self::Prefix(index, value),
            2 => Self::Remove(index),
            _ => Self::Push(value),
        }
    }
}

/// The parts after all changes that name one of them. The others are refused.
pub fn edited<T: Clone>(parts: &[T], edits: &[Edit<T>], prefixed: impl Fn(&T, &T) -> T) -> Vec<T> {
    let mut changed: Vec<Option<T>> = parts.iter().cloned().map(Some).collect();
    let mut added = Vec::new();
    for edit in edits {
        match edit {
            Edit::Replace(index, value) if *index < parts.len() => {
                changed[*index] = Some(value.clone());
            }
            Edit::Prefix(index, prefix) if *index < parts.len() => {
                changed[*index] = changed[*index].take().map(|part| prefixed(prefix, &part));
            }
            Edit::Remove(index) if *index < parts.len() => changed[*index] = None,
            Edit::Push(value) => added.push(value.clone()),
            _ => {}
        }
    }
    changed.into_iter().flatten().chain(added).collect()
}

/// Asserts that an edit is refused exactly if its index is out of range, with an error that says so.
fn assert_in_range<T>(edit: &Edit<T>, len: usize, refused: Option<EncodeError>) {
    let expected = match edit {
        Edit::Replace(index, _) | Edit::Prefix(index, _) | Edit::Remove(index) if *index >= len => {
            Some(EncodeError::NoSuchPart { index: *index, len })
        }
        _ => None,
    };
    assert_eq!(refused, expected);
}

/// Encodes a patched reply into a buffer that is not empty, and asserts that an error leaves it as it was.
pub fn encoded(patch: &impl Encode, protocol: Protocol) -> Result<Vec<u8>, EncodeError> {
    appended(patch.encoded_len(protocol), |out| patch.encode(protocol, out))
}

/// The same for a patched command.
pub fn encoded_command(patch: &impl EncodeCommand) -> Result<Vec<u8>, EncodeError> {
    appended(patch.encoded_len(), |out| patch.encode(out))
}

fn appended(
    len: Result<usize, EncodeError>,
    encode: impl FnOnce(&mut Vec<u8>) -> Result<(), EncodeError>,
) -> Result<Vec<u8>, EncodeError> {
    let mut out = b"before".to_vec();
    let result = encode(&mut out);
    assert_eq!(len, result.map(|()| out.len() - 6));
    let written = out.split_off(6);
    assert_eq!(out, b"before");
    match result {
        Ok(()) => Ok(written),
        Err(error) => {
            assert!(written.is_empty(), "{error:?} after {}", written.escape_ascii());
            Err(error)
        }
    }
}

pub fn command(wire: &[u8]) -> CommandRef<'_> {
    let request = zresp::requests(wire).next().expect("a command").expect("a valid one");
    let Command::Array(command) = request.command() else { panic!("{request:?} is inline") };
    command
}

/// A command of these arguments. Its name may be anything.
pub fn command_of(arguments: &[Vec<u8>]) -> Vec<u8> {
    let mut wire = format!("*{}\r\n", arguments.len()).into_bytes();
    for argument in arguments {
        wire.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
        wire.extend_from_slice(argument);
        wire.extend_from_slice(b"\r\n");
    }
    wire
}

pub fn frame(wire: &[u8]) -> Decoded<'_> {
    zresp::decode(wire).expect("valid").expect("whole")
}

/// The values of an aggregate; for a map, keys and values alternating.
pub fn values(reply: &Reply) -> Option<Vec<Reply>> {
    match reply {
        Reply::Map(entries) => {
            Some(entries.iter().flat_map(|(key, value)| [key.clone(), value.clone()]).collect())
        }
        reply => reply.as_items().map(|items| items.to_vec()),
    }
}

/// An aggregate of the same kind, with these values.
pub fn rebuilt(like: &Reply, values: Vec<Reply>) -> Result<Reply, EncodeError> {
    Ok(match like {
        Reply::Set(_) => Reply::set(values),
        Reply::Push(_) => Reply::push(values),
        Reply::Map(_) if values.len() % 2 == 1 => return Err(EncodeError::KeyWithoutValue),
        Reply::Map(_) => {
            let mut entries = Entries::default();
            let mut values = values.into_iter();
            while let (Some(key), Some(value)) = (values.next(), values.next()) {
                entries.push(key, value);
            }
            Reply::Map(entries)
        }
        _ => Reply::array(values),
    })
}

/// Asserts that a patched command equals the command of the changed arguments.
pub fn assert_command_is_rebuilt(arguments: &[Vec<u8>], edits: &[Edit<Vec<u8>>]) {
    let wire = command_of(arguments);
    let mut patch = CommandPatch::new(command(&wire));
    for edit in edits {
        let refused = match edit {
            Edit::Replace(index, argument) => patch.replace(*index, argument).err(),
            Edit::Prefix(index, prefix) => patch.prefix(*index, prefix).err(),
            Edit::Remove(index) => patch.remove(*index).err(),
            Edit::Push(argument) => {
                patch.push(argument);
                None
            }
        };
        assert_in_range(edit, arguments.len(), refused);
    }
    let arguments = edited(arguments, edits, |prefix, part| joined(prefix, part));
    let expected = if arguments.is_empty() {
        Err(EncodeError::NoArguments)
    } else {
        Ok(command_of(&arguments))
    };
    assert_eq!(encoded_command(&patch), expected, "{patch:?}");
    if let Ok(wire) = expected {
        assert_eq!(command(&wire).wire(), wire);
    }
}

fn joined(prefix: &[u8], part: &[u8]) -> Vec<u8> {
    [prefix, part].concat()
}

/// Asserts that the patched beginning of a command and the bytes that follow it are the command of the changed
/// arguments, wherever the command is cut.
pub fn assert_begun_command_is_rebuilt(arguments: &[Vec<u8>], edits: &[Edit<Vec<u8>>]) {
    let skipped = b"\r\n*0\r\n".as_slice();
    let wire = [skipped, &command_of(arguments)].concat();
    let mut decoder = CommandDecoder::new();
    for cut in 0..wire.len() {
        assert_eq!(decoder.decode(&wire[..cut]), Ok(None));
        let Some(partial) = decoder.partial(&wire[..cut]) else { continue };
        assert_eq!(partial.wire(), &wire[skipped.len()..cut]);
        let mut patch = CommandPatch::new(partial);
        // No argument can be added.
        let edits: Vec<_> =
            edits.iter().filter(|edit| !matches!(edit, Edit::Push(_))).cloned().collect();
        let made: Vec<_> = edits
            .into_iter()
            .filter(|edit| is_made(&mut patch, edit, partial, arguments.len()))
            .collect();
        let head = encoded_command(&patch).expect("at least one argument");
        let mut framer = decoder.clone().take_framer(&wire[..cut]);
        let progress = framer.advance(&wire[cut..]).expect("the rest of a command");
        assert_eq!((progress.taken, progress.is_complete), (wire.len() - cut, true));
        let expected = command_of(&edited(arguments, &made, |prefix, part| joined(prefix, part)));
        assert_eq!([&head, &wire[cut..]].concat(), expected, "{patch:?} cut at {cut}");
    }
}

/// Makes a change, and asserts that it is refused exactly if its argument has not arrived.
fn is_made(
    patch: &mut CommandPatch<PartialCommand<'_>>,
    edit: &Edit<Vec<u8>>,
    partial: PartialCommand<'_>,
    len: usize,
) -> bool {
    let (index, made) = match edit {
        Edit::Replace(index, argument) => (*index, patch.replace(*index, argument)),
        Edit::Prefix(index, prefix) => (*index, patch.prefix(*index, prefix)),
        Edit::Remove(index) => (*index, patch.remove(*index)),
        Edit::Push(_) => panic!("no argument can be added"),
    };
    let expected = match partial.arg_span(index) {
        Some(span) => {
            assert_eq!(partial.arg(index), Some(&partial.wire()[span]));
            None
        }
        None if index < len => Some(EncodeError::NotArrived { index }),
        None => Some(EncodeError::NoSuchPart { index, len }),
    };
    assert_eq!(made.err(), expected);
    expected.is_none()
}

/// Asserts that a patched aggregate equals the aggregate of the changed elements. Elements have no prefixes.
pub fn assert_reply_is_rebuilt(tree: &Reply, edits: &[Edit<Reply>]) {
    // The tree is decoded from its own encoding, since a sender may print doubles in another way.
    let wire = tree.to_wire(Protocol::Resp3).expect("a form on the wire");
    let mut patch = ReplyPatch::new(frame(&wire));
    let tree = Reply::from(frame(&wire).reply());
    assert_eq!(patch.is_some(), tree.kind().is_aggregate());
    let (Some(patch), Some(values)) = (patch.as_mut(), values(&tree)) else { return };
    let replace = |edit: &Edit<Reply>| match edit.clone() {
        Edit::Prefix(index, value) => Edit::Replace(index, value),
        edit => edit,
    };
    let edits: Vec<_> = edits.iter().map(replace).collect();
    for edit in &edits {
        let refused = match edit.clone() {
            Edit::Replace(index, value) | Edit::Prefix(index, value) => {
                patch.replace(index, value).err()
            }
            Edit::Remove(index) => patch.remove(index).err(),
            Edit::Push(value) => {
                patch.push(value);
                None
            }
        };
        assert_in_range(edit, values.len(), refused);
    }
    let expected = rebuilt(&tree, edited(&values, &edits, |_, value| value.clone()));
    for protocol in PROTOCOLS {
        let expected = expected
            .clone()
            .map(|tree| tree.to_wire(protocol).expect("a form on the wire").to_vec());
        // A patch keeps the attributes before the aggregate.
        assert_eq!(encoded(patch, protocol), expected.map(|it| attributed(&wire, protocol, it)));
    }
}

/// The value with the attributes of a frame before it, if the protocol has attributes.
fn attributed(wire: &[u8], protocol: Protocol, value: Vec<u8>) -> Vec<u8> {
    match protocol {
        Protocol::Resp2 => value,
        Protocol::Resp3 => [frame(wire).attributes().wire(), &value].concat(),
    }
}
