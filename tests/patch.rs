//! A patched command or reply equals one that is built anew from the changed parts.
#![cfg(feature = "std")]

use proptest::collection::vec;
use proptest::prelude::*;
use zresp::encode::{CommandPatch, ReplyPatch};
use zresp::{EncodeError, Protocol, Reply};
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
    #![proptest_config(ProptestConfig { cases: 384, ..ProptestConfig::default() })]

    #[test]
    fn a_patched_command_equals_one_made_from_the_changed_arguments(
        arguments in generate::arguments(),
        edits in edits(vec(any::<u8>(), 0..8)),
    ) {
        edits::assert_command_is_rebuilt(&arguments, &edits);
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
    patch.remove(0).remove(1);
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
fn a_key_without_a_value_is_an_error() {
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
fn the_attributes_of_a_patched_reply_stay() {
    let wire = b"|1\r\n+ttl\r\n:9\r\n*1\r\n|1\r\n+a\r\n+b\r\n:1\r\n";
    let mut patch = ReplyPatch::new(frame(wire)).expect("an aggregate");
    patch.push(2);
    let expected = b"|1\r\n+ttl\r\n:9\r\n*2\r\n|1\r\n+a\r\n+b\r\n:1\r\n:2\r\n".as_slice();
    assert_eq!(encoded(&patch, Protocol::Resp3).as_deref(), Ok(expected));
    assert_eq!(encoded(&patch, Protocol::Resp2).as_deref(), Ok(b"*2\r\n:1\r\n:2\r\n".as_slice()));
}

#[test]
fn a_missing_part_is_an_error_that_names_it() {
    let wire = command_of(&[b"GET".to_vec(), b"k".to_vec()]);
    let (array, map) = (frame(b"*?\r\n+a\r\n+b\r\n.\r\n"), frame(b"%1\r\n+a\r\n+b\r\n"));
    for index in [2, 3, usize::MAX] {
        let expected = EncodeError::NoSuchPart { index, len: 2 };
        let mut patch = CommandPatch::new(command(&wire));
        patch.push(b"added").replace(index, b"x");
        assert_eq!(encoded_command(&patch), Err(expected));
        patch.prefix(index, b"x");
        assert_eq!(encoded_command(&patch), Err(expected));
        patch.remove(index);
        assert_eq!(encoded_command(&patch), Err(expected));
        for protocol in PROTOCOLS {
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
