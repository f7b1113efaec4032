//! A patched command or reply equals one that is built anew from the changed parts.
#![cfg(feature = "std")]

use proptest::collection::vec;
use proptest::prelude::*;
use zresp::encode::{CommandPatch, ReplyPatch};
use zresp::{CommandDecoder, Encode, EncodeError, Protocol, Reply};
use zresp_testing::drive::edits::{
    self, Edit, PROTOCOLS, command, command_of, encoded, encoded_command, frame,
};
use zresp_testing::generate;

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

/// A tree of any kind.
fn tree() -> impl Strategy<Value = Reply> + Clone {
    generate::frame().prop_map(|input| Reply::from(frame(&input.0).reply())).boxed()
}

proptest! {
    #![proptest_config(generate::cases(384))]

    #[test]
    fn a_patched_command_equals_one_made_from_the_changed_arguments(
        arguments in generate::arguments(),
        edits in edits(vec(any::<u8>(), 0..8)),
    ) {
        edits::assert_command_is_rebuilt(&arguments, &edits);
    }

    #[test]
    fn a_command_that_is_patched_as_it_arrives_equals_one_made_from_the_changed_arguments(
        arguments in generate::arguments(),
        edits in edits(vec(any::<u8>(), 0..8)),
    ) {
        edits::assert_begun_command_is_rebuilt(&arguments, &edits);
    }

    #[test]
    fn a_patched_reply_equals_one_made_from_the_changed_elements(tree in tree(), edits in edits(tree())) {
        edits::assert_reply_is_rebuilt(&tree, &edits);
    }
}

#[test]
fn all_parts_can_be_removed_except_the_last_argument() {
    let wire = command_of(&[b"GET".to_vec(), b"k".to_vec()]);
    let mut patch = CommandPatch::new(command(&wire));
    patch.remove(0).unwrap().remove(1).unwrap();
    assert_eq!(encoded_command(&patch), Err(EncodeError::NoArguments));
    patch.push(b"PING");
    assert_eq!(encoded_command(&patch), Ok(b"*1\r\n$4\r\nPING\r\n".to_vec()));

    for (wire, empty) in [
        ("*2\r\n:1\r\n|1\r\n+a\r\n+b\r\n:2\r\n", "*0\r\n"),
        ("~?\r\n:1\r\n:2\r\n.\r\n", "~0\r\n"),
        (">2\r\n:1\r\n*?\r\n.\r\n", ">0\r\n"),
        ("%1\r\n:1\r\n:2\r\n", "%0\r\n"),
        ("%?\r\n:1\r\n:2\r\n.\r\n", "%0\r\n"),
    ] {
        let mut patch = ReplyPatch::new(frame(wire.as_bytes())).expect("an aggregate");
        patch.remove(0).unwrap().remove(1).unwrap();
        assert_eq!(encoded(&patch, Protocol::Resp3).as_deref(), Ok(empty.as_bytes()), "{wire:?}");
        assert_eq!(
            encoded(&patch, Protocol::Resp2).as_deref(),
            Ok(b"*0\r\n".as_slice()),
            "{wire:?}"
        );
    }
}

#[test]
fn a_key_without_a_value_is_an_error() {
    for wire in ["%1\r\n:1\r\n:2\r\n", "%?\r\n:1\r\n:2\r\n.\r\n"] {
        for protocol in PROTOCOLS {
            let mut patch = ReplyPatch::new(frame(wire.as_bytes())).expect("an aggregate");
            patch.remove(0).unwrap();
            assert_eq!(encoded(&patch, protocol), Err(EncodeError::KeyWithoutValue), "{wire:?}");
            patch.push(7);
            assert!(encoded(&patch, protocol).is_ok(), "{wire:?}");
            patch.push(8);
            assert_eq!(encoded(&patch, protocol), Err(EncodeError::KeyWithoutValue), "{wire:?}");
        }
    }
}

#[test]
fn the_attributes_of_a_patched_reply_stay() {
    let wire = b"|1\r\n+ttl\r\n:9\r\n*1\r\n|1\r\n+a\r\n+b\r\n:1\r\n";
    let mut patch = ReplyPatch::new(frame(wire)).expect("an aggregate");
    patch.push(2);
    let expected = b"|1\r\n+ttl\r\n:9\r\n*2\r\n|1\r\n+a\r\n+b\r\n:1\r\n:2\r\n".as_slice();
    assert_eq!(encoded(&patch, Protocol::Resp3).as_deref(), Ok(expected));
    assert_eq!(encoded(&patch, Protocol::Resp2).as_deref(), Ok(b"*2\r\n:1\r\n:2\r\n".as_slice()));
}

#[test]
fn a_missing_part_is_an_error_that_names_it_and_changes_nothing() {
    let wire = command_of(&[b"GET".to_vec(), b"k".to_vec()]);
    let (array, map) = (frame(b"*?\r\n+a\r\n+b\r\n.\r\n"), frame(b"%1\r\n+a\r\n+b\r\n"));
    for index in [2, 3, usize::MAX] {
        let expected = Some(EncodeError::NoSuchPart { index, len: 2 });
        let mut patch = CommandPatch::new(command(&wire));
        patch.push(b"added");
        assert_eq!(patch.replace(index, b"x").err(), expected);
        assert_eq!(patch.prefix(index, b"x").err(), expected);
        assert_eq!(patch.remove(index).err(), expected);
        let unchanged = command_of(&[b"GET".to_vec(), b"k".to_vec(), b"added".to_vec()]);
        assert_eq!(encoded_command(&patch), Ok(unchanged));
        for aggregate in [array, map] {
            let mut patch = ReplyPatch::new(aggregate).expect("an aggregate");
            assert_eq!(patch.replace(index, 2).err(), expected, "{aggregate:?}");
            assert_eq!(patch.remove(index).err(), expected, "{aggregate:?}");
            let unchanged = Reply::from(aggregate.reply()).to_wire(Protocol::Resp2).unwrap();
            assert_eq!(encoded(&patch, Protocol::Resp2).as_deref(), Ok(&*unchanged));
        }
    }
}

#[test]
fn an_argument_that_has_not_arrived_is_an_error_that_names_it() {
    let mut decoder = CommandDecoder::new();
    let begun = b"*4\r\n$3\r\nSET\r\n$1\r\nk\r\n$1000000\r\nxx";
    assert_eq!(decoder.decode(begun), Ok(None));
    let mut patch = CommandPatch::new(decoder.partial(begun).expect("a command has begun"));
    for index in [2, 3] {
        let expected = Some(EncodeError::NotArrived { index });
        assert_eq!(patch.replace(index, b"x").err(), expected);
        assert_eq!(patch.prefix(index, b"x").err(), expected);
        assert_eq!(patch.remove(index).err(), expected);
    }
    assert_eq!(patch.remove(4).err(), Some(EncodeError::NoSuchPart { index: 4, len: 4 }));
    assert_eq!(encoded_command(&patch).as_deref(), Ok(begun.as_slice()));
    // The number of arguments follows those that are removed.
    patch.replace(0, "APPEND").unwrap().remove(1).unwrap();
    let expected = b"*3\r\n$6\r\nAPPEND\r\n$1000000\r\nxx".as_slice();
    assert_eq!(encoded_command(&patch).as_deref(), Ok(expected));
}
