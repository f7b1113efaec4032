//! Changes to the parts of a command or a reply, to compare patches with values that are built anew.

use zresp::encode::{CommandPatch, ReplyPatch};
use zresp::tree::Entries;
use zresp::{
    Arguments, Command, CommandRef, Decoded, Encode, EncodeCommand, EncodeError, Protocol, Reply,
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

/// The parts after all changes, or the error if a change names a part that does not exist.
pub fn edited<T: Clone>(
    parts: &[T],
    edits: &[Edit<T>],
    prefixed: impl Fn(&T, &T) -> T,
) -> Result<Vec<T>, EncodeError> {
    let len = parts.len();
    let mut changed: Vec<Option<T>> = parts.iter().cloned().map(Some).collect();
    let mut added = Vec::new();
    let mut beyond = None;
    for edit in edits {
        match edit {
            Edit::Replace(index, _) | Edit::Prefix(index, _) | Edit::Remove(index)
                if *index >= len =>
            {
                beyond = beyond.max(Some(*index));
            }
            Edit::Replace(index, value) => changed[*index] = Some(value.clone()),
            Edit::Prefix(index, prefix) => {
                changed[*index] = changed[*index].take().map(|part| prefixed(prefix, &part));
            }
            Edit::Remove(index) => changed[*index] = None,
            Edit::Push(value) => added.push(value.clone()),
        }
    }
    match beyond {
        Some(index) => Err(EncodeError::NoSuchPart { index, len }),
        None => Ok(changed.into_iter().flatten().chain(added).collect()),
    }
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

pub fn command_of(arguments: &[Vec<u8>]) -> Vec<u8> {
    Arguments(arguments).to_wire().expect("a name").to_vec()
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
        match edit {
            Edit::Replace(index, argument) => patch.replace(*index, argument),
            Edit::Prefix(index, prefix) => patch.prefix(*index, prefix),
            Edit::Remove(index) => patch.remove(*index),
            Edit::Push(argument) => patch.push(argument),
        };
    }
    let join = |prefix: &Vec<u8>, part: &Vec<u8>| [prefix.as_slice(), part].concat();
    let expected = edited(arguments, edits, join).and_then(|arguments| {
        if arguments.is_empty() {
            Err(EncodeError::NoArguments)
        } else {
            Ok(command_of(&arguments))
        }
    });
    assert_eq!(encoded_command(&patch), expected, "{patch:?}");
    if let Ok(wire) = expected {
        assert_eq!(command(&wire).wire(), wire);
    }
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
    for edit in edits.clone() {
        match edit {
            Edit::Replace(index, value) | Edit::Prefix(index, value) => patch.replace(index, value),
            Edit::Remove(index) => patch.remove(index),
            Edit::Push(value) => patch.push(value),
        };
    }
    let expected =
        edited(&values, &edits, |_, value| value.clone()).and_then(|values| rebuilt(&tree, values));
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
