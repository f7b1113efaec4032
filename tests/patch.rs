//! A patch gives what building anew gives.
#![cfg(feature = "std")]

mod generate;
mod naive;

use proptest::collection::vec;
use proptest::prelude::*;
use zresp::{
    Arguments, Command, CommandPatch, CommandRef, Decoded, Encode, EncodeError, Entries, Protocol,
    Reply, ReplyPatch,
};

const PROTOCOLS: [Protocol; 2] = [Protocol::Resp2, Protocol::Resp3];

/// What is done to one part.
#[derive(Debug, Clone)]
enum Edit<T> {
    Replace(usize, T),
    Prefix(usize, T),
    Remove(usize),
    Push(T),
}

fn edits<T: Clone + std::fmt::Debug + 'static>(
    value: impl Strategy<Value = T> + Clone + 'static,
) -> impl Strategy<Value = Vec<Edit<T>>> {
    let index = 0..8usize;
    let edit = prop_oneof![
        3 => (index.clone(), value.clone()).prop_map(|(index, value)| Edit::Replace(index, value)),
        2 => (index.clone(), value.clone()).prop_map(|(index, value)| Edit::Prefix(index, value)),
        2 => index.prop_map(Edit::Remove),
        2 => value.prop_map(Edit::Push),
    ];
    vec(edit, 0..6)
}

/// What the changes, one after the other, make of the parts; or the error of one that there is not.
fn edited<T: Clone>(
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

/// Encodes into a buffer that has something in it, which an error leaves as it is.
fn encoded(patch: &impl Encode, protocol: Protocol) -> Result<Vec<u8>, EncodeError> {
    let mut out = b"before".to_vec();
    let result = patch.encode(protocol, &mut out);
    assert_eq!(patch.encoded_len(protocol), result.map(|()| out.len() - 6));
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

fn command(wire: &[u8]) -> CommandRef<'_> {
    let request = zresp::commands(wire).next().expect("a command").expect("a valid one");
    let Command::Array(command) = request.command else { panic!("{request:?} is inline") };
    command
}

fn command_of(arguments: &[Vec<u8>]) -> Vec<u8> {
    Arguments(arguments).to_wire(Protocol::Resp2).expect("a name").to_vec()
}

fn frame(wire: &[u8]) -> Decoded<'_> {
    zresp::decode(wire).expect("valid").expect("whole")
}

/// The values of an aggregate, keys and values of a map by turns.
fn values(reply: &Reply) -> Option<Vec<Reply>> {
    match reply {
        Reply::Map(entries) => {
            Some(entries.iter().flat_map(|(key, value)| [key.clone(), value.clone()]).collect())
        }
        reply => reply.as_items().map(|items| items.to_vec()),
    }
}

/// An aggregate as this one, of these values.
fn rebuilt(like: &Reply, values: Vec<Reply>) -> Result<Reply, EncodeError> {
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

/// A tree of any kind.
fn tree() -> impl Strategy<Value = Reply> + Clone {
    generate::frame().prop_map(|input| Reply::from(frame(&input.0).reply)).boxed()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 384, ..ProptestConfig::default() })]

    #[test]
    fn a_patched_command_is_one_of_the_changed_arguments(
        arguments in generate::arguments(),
        edits in edits(vec(any::<u8>(), 0..8)),
    ) {
        let wire = command_of(&arguments);
        let mut patch = CommandPatch::new(command(&wire));
        for edit in edits.clone() {
            match edit {
                Edit::Replace(index, argument) => patch.replace(index, argument),
                Edit::Prefix(index, prefix) => patch.prefix(index, prefix),
                Edit::Remove(index) => patch.remove(index),
                Edit::Push(argument) => patch.push(argument),
            };
        }
        let join = |prefix: &Vec<u8>, part: &Vec<u8>| [prefix.as_slice(), part].concat();
        let expected = edited(&arguments, &edits, join).and_then(|arguments| {
            if arguments.is_empty() { Err(EncodeError::NoArguments) } else { Ok(command_of(&arguments)) }
        });
        for protocol in PROTOCOLS {
            prop_assert_eq!(encoded(&patch, protocol), expected.clone(), "{:?}", patch);
        }
        if let Ok(wire) = expected {
            prop_assert_eq!(command(&wire).wire(), &wire);
        }
    }

    #[test]
    fn a_patched_reply_is_one_of_the_changed_elements(tree in tree(), edits in edits(tree())) {
        // Of the bytes that a tree is written in: those of a sender may have other texts of doubles.
        let wire = tree.to_wire(Protocol::Resp3).expect("a form on the wire");
        let mut patch = ReplyPatch::new(frame(&wire));
        let tree = Reply::from(frame(&wire).reply);
        prop_assert_eq!(patch.is_some(), tree.kind().is_aggregate());
        let (Some(patch), Some(values)) = (patch.as_mut(), values(&tree)) else { return Ok(()) };
        // Elements have no prefixes.
        let replace = |edit| match edit {
            Edit::Prefix(index, value) => Edit::Replace(index, value),
            edit => edit,
        };
        let edits: Vec<_> = edits.into_iter().map(replace).collect();
        for edit in edits.clone() {
            match edit {
                Edit::Replace(index, value) | Edit::Prefix(index, value) => {
                    patch.replace(index, value)
                }
                Edit::Remove(index) => patch.remove(index),
                Edit::Push(value) => patch.push(value),
            };
        }
        let expected = edited(&values, &edits, |_, value| value.clone())
            .and_then(|values| rebuilt(&tree, values));
        for protocol in PROTOCOLS {
            let expected = expected.clone().map(|tree| {
                tree.to_wire(protocol).expect("a form on the wire").to_vec()
            });
            prop_assert_eq!(encoded(patch, protocol), expected, "{:?}", patch);
        }
    }
}

#[test]
fn all_parts_may_go_but_the_last_argument() {
    let wire = command_of(&[b"GET".to_vec(), b"k".to_vec()]);
    let mut patch = CommandPatch::new(command(&wire));
    patch.remove(0).remove(1);
    assert_eq!(encoded(&patch, Protocol::Resp2), Err(EncodeError::NoArguments));
    patch.push(b"PING");
    assert_eq!(encoded(&patch, Protocol::Resp2), Ok(b"*1\r\n$4\r\nPING\r\n".to_vec()));

    for (wire, empty) in [
        ("*2\r\n:1\r\n|1\r\n+a\r\n+b\r\n:2\r\n", "*0\r\n"),
        ("~?\r\n:1\r\n:2\r\n.\r\n", "~0\r\n"),
        (">2\r\n:1\r\n*?\r\n.\r\n", ">0\r\n"),
        ("%1\r\n:1\r\n:2\r\n", "%0\r\n"),
        ("%?\r\n:1\r\n:2\r\n.\r\n", "%0\r\n"),
    ] {
        let mut patch = ReplyPatch::new(frame(wire.as_bytes())).expect("an aggregate");
        patch.remove(0).remove(1);
        assert_eq!(encoded(&patch, Protocol::Resp3).as_deref(), Ok(empty.as_bytes()), "{wire:?}");
        assert_eq!(
            encoded(&patch, Protocol::Resp2).as_deref(),
            Ok(b"*0\r\n".as_slice()),
            "{wire:?}"
        );
    }
}

#[test]
fn a_map_with_a_key_alone_is_an_error() {
    for wire in ["%1\r\n:1\r\n:2\r\n", "%?\r\n:1\r\n:2\r\n.\r\n"] {
        for protocol in PROTOCOLS {
            let mut patch = ReplyPatch::new(frame(wire.as_bytes())).expect("an aggregate");
            patch.remove(0);
            assert_eq!(encoded(&patch, protocol), Err(EncodeError::KeyWithoutValue), "{wire:?}");
            patch.push(7);
            assert!(encoded(&patch, protocol).is_ok(), "{wire:?}");
            patch.push(8);
            assert_eq!(encoded(&patch, protocol), Err(EncodeError::KeyWithoutValue), "{wire:?}");
        }
    }
}

#[test]
fn the_attributes_in_front_of_a_patched_reply_stay() {
    let wire = b"|1\r\n+ttl\r\n:9\r\n*1\r\n|1\r\n+a\r\n+b\r\n:1\r\n";
    let mut patch = ReplyPatch::new(frame(wire)).expect("an aggregate");
    patch.push(2);
    let expected = b"|1\r\n+ttl\r\n:9\r\n*2\r\n|1\r\n+a\r\n+b\r\n:1\r\n:2\r\n".as_slice();
    assert_eq!(encoded(&patch, Protocol::Resp3).as_deref(), Ok(expected));
    assert_eq!(encoded(&patch, Protocol::Resp2).as_deref(), Ok(b"*2\r\n:1\r\n:2\r\n".as_slice()));
}

#[test]
fn a_part_that_there_is_not_is_an_error_that_names_it() {
    let wire = command_of(&[b"GET".to_vec(), b"k".to_vec()]);
    let (array, map) = (frame(b"*?\r\n+a\r\n+b\r\n.\r\n"), frame(b"%1\r\n+a\r\n+b\r\n"));
    for index in [2, 3, usize::MAX] {
        let expected = EncodeError::NoSuchPart { index, len: 2 };
        for protocol in PROTOCOLS {
            let mut patch = CommandPatch::new(command(&wire));
            patch.push(b"added").replace(index, b"x");
            assert_eq!(encoded(&patch, protocol), Err(expected));
            patch.prefix(index, b"x");
            assert_eq!(encoded(&patch, protocol), Err(expected));
            patch.remove(index);
            assert_eq!(encoded(&patch, protocol), Err(expected));
            for aggregate in [array, map] {
                let mut patch = ReplyPatch::new(aggregate).expect("an aggregate");
                patch.push(1).replace(index, 2);
                assert_eq!(encoded(&patch, protocol), Err(expected), "{aggregate:?}");
                patch.remove(index);
                assert_eq!(encoded(&patch, protocol), Err(expected), "{aggregate:?}");
            }
        }
    }
}
