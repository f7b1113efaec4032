//! Trees are made from Rust values, read and changed.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use zresp::tree::{Annotated, Entries, Items};
use zresp::{Encode, Protocol, Reply};

fn wire(reply: &Reply) -> String {
    let wire = reply.to_wire(Protocol::Resp3).expect("a form on the wire");
    String::from_utf8(wire.to_vec()).expect("a text")
}

#[test]
fn rust_values_become_replies() {
    for (reply, expected) in [
        (Reply::from(()), "_\r\n"),
        (Reply::from(None::<u8>), "_\r\n"),
        (Reply::from(Some(7u8)), ":7\r\n"),
        (Reply::from(b"ab"), "$2\r\nab\r\n"),
        (Reply::from(u64::MAX), "(18446744073709551615\r\n"),
        (Reply::from(usize::MIN), ":0\r\n"),
        (Reply::from(i128::MIN), "(-170141183460469231731687303715884105728\r\n"),
        (Reply::from(BTreeSet::from([2, 1])), "~2\r\n:1\r\n:2\r\n"),
        (Reply::from(BTreeMap::from([("k", true)])), "%1\r\n$1\r\nk\r\n#t\r\n"),
        (Reply::from(Entries::from(vec![(Reply::Null, Reply::from(1))])), "%1\r\n_\r\n:1\r\n"),
        (Reply::from(Items::from(vec![Reply::Null])), "*1\r\n_\r\n"),
        (Reply::push(["a"]), ">1\r\n$1\r\na\r\n"),
        (Reply::verbatim(*b"txt", "a"), "=5\r\ntxt:a\r\n"),
    ] {
        assert_eq!(wire(&reply), expected);
    }
    #[cfg(feature = "std")]
    assert_eq!(wire(&Reply::from(std::collections::HashSet::from([1]))), "~1\r\n:1\r\n");
}

#[test]
fn a_tree_with_attributes_is_changed_in_place() {
    let attributes = [("ttl", 1)].into_iter().collect::<Entries>();
    let mut tree =
        Annotated::new(attributes.clone(), Reply::map([("a", 1), ("b", 2), ("a", 3)])).into();
    let Some(entries) = Reply::as_entries_mut(&mut tree) else { panic!("a map") };
    *entries.get_mut(b"a").expect("a key") = Reply::from("x");
    assert!(entries.get_mut(b"z").is_none() && entries.get(b"z").is_none());
    assert_eq!(entries.get(b"a"), Some(&Reply::from("x")), "the last one");
    for (_, value) in entries.iter_mut().take(1) {
        *value = Reply::Null;
    }
    assert_eq!(entries.remove(1), Some((Reply::from("b"), Reply::from(2))));
    assert_eq!(entries.remove(2), None);
    assert_eq!(entries.remove(usize::MAX), None);
    entries.extend([("c", 4)]);
    assert!(tree.as_items_mut().is_none() && tree.as_items().is_none());
    let expected =
        "|1\r\n$3\r\nttl\r\n:1\r\n%3\r\n$1\r\na\r\n_\r\n$1\r\na\r\n$1\r\nx\r\n$1\r\nc\r\n:4\r\n";
    assert_eq!(wire(&tree), expected);
    let entries = tree.as_entries().expect("a map").clone();
    assert_eq!((entries.len(), entries.is_empty(), entries.is_streamed()), (3, false, false));
    assert_eq!(entries.into_vec().len(), 3);

    let mut tree = Reply::from(Annotated::new(attributes, Reply::array([1, 2])));
    tree.as_items_mut().expect("an array").push(Reply::Null);
    for item in tree.as_items_mut().expect("an array") {
        *item = Reply::array([item.clone()]);
    }
    assert!(tree.as_entries_mut().is_none() && tree.as_entries().is_none());
    let items = tree.as_items().expect("an array");
    assert_eq!(
        items.into_iter().filter_map(Reply::as_items).map(|items| items.len()).sum::<usize>(),
        3
    );
    assert!(!items.is_streamed() && items.clone().streamed().is_streamed());
    assert!(!tree.is_null() && !tree.is_error() && Reply::NullArray.is_null());
}

#[test]
fn a_frame_of_any_kind_becomes_a_tree() {
    for text in
        ["+OK\r\n", "-ERR\r\n", "$2\r\nab\r\n", "$10\r\n0123456789\r\n", ":1\r\n", "*1\r\n+a\r\n"]
    {
        let frame = |buffer: &mut Bytes| {
            zresp::Decoder::new().decode_frame(buffer).expect("a reply").expect("a whole one")
        };
        let mut buffer = Bytes::from([text, "+next\r\n"].concat());
        let frame = frame(&mut buffer);
        assert_eq!(buffer, "+next\r\n");
        assert_eq!(wire(&Reply::from(frame.reply())), text);
        assert_eq!(wire(&Reply::from(frame.view())), text);
        assert_eq!(wire(&Reply::from(frame)), text);
    }
}

#[cfg(feature = "arbitrary")]
#[test]
fn arbitrary_trees_have_a_form_on_the_wire() {
    use arbitrary::{Arbitrary, Unstructured};

    let mut random = fastrand::Rng::with_seed(7);
    let mut kinds = BTreeSet::new();
    for _ in (0..2_000).step_by(if cfg!(miri) { 20 } else { 1 }) {
        let bytes: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(400).collect();
        let tree = Reply::arbitrary(&mut Unstructured::new(&bytes)).expect("a tree");
        kinds.insert(format!("{:?}", tree.kind()));
        let wire = tree.to_wire(Protocol::Resp3).expect("a form on the wire");
        let frame = zresp::decode(&wire).expect("a valid reply").expect("a whole reply");
        assert_eq!(frame.wire().len(), wire.len());
        assert_eq!(Reply::from(frame).to_wire(Protocol::Resp3).as_ref(), Ok(&wire));
    }
    assert_eq!(kinds.len(), 18, "{kinds:?}");
}

#[test]
fn a_pair_is_removed_once_and_none_beyond_the_last() {
    let mut entries: Entries = [("a", 1), ("k", 2)].into_iter().collect();
    assert!(entries.remove(2).is_none());
    assert!(entries.remove(usize::MAX).is_none());
    assert_eq!(entries.remove(0), Some((Reply::from("a"), Reply::from(1))));
    assert_eq!(entries.remove(0), Some((Reply::from("k"), Reply::from(2))));
    assert!(entries.remove(0).is_none());
}

#[test]
fn elements_and_pairs_are_changed_by_the_same_methods() {
    let mut items: Items = [1, 3].into_iter().collect();
    items.insert(1, 2);
    items.insert(usize::MAX, "four");
    items.extend([5]);
    assert_eq!(items.len(), 5);
    assert_eq!(items.remove(9), None);
    assert_eq!(items.remove(3), Some(Reply::from("four")));
    for item in &mut items {
        *item = Reply::Null;
    }
    items.truncate(3);
    assert_eq!((items.pop(), items.len()), (Some(Reply::Null), 2));
    assert!((&items).into_iter().all(Reply::is_null));
    items.clear();
    assert!(items.is_empty());

    let mut entries: Entries = [("a", 1), ("c", 3)].into_iter().collect();
    entries.insert(1, "b", 2);
    entries.insert(usize::MAX, "d", "four");
    entries.extend([("e", 5)]);
    assert_eq!((entries.len(), entries.iter().len()), (5, 5));
    assert_eq!(entries.remove(9), None);
    assert_eq!(entries.remove(3), Some((Reply::from("d"), Reply::from("four"))));
    for (_, value) in &mut entries {
        *value = Reply::Null;
    }
    entries.truncate(3);
    assert_eq!((entries.pop(), entries.len()), (Some((Reply::from("c"), Reply::Null)), 2));
    assert!((&entries).into_iter().rev().all(|(_, value)| value.is_null()));
    entries.truncate(usize::MAX);
    entries.clear();
    assert!(entries.is_empty() && entries.pop().is_none());
}
