//! However deep a tree is, it takes no stack. Everything that can be done to a tree is done on a thread with
//! little stack, and an overflow would end the process.
#![cfg(feature = "std")]

use std::{mem, thread};

use bytes::BytesMut;
use zresp::encode::{ReplyPatch, Segments};
use zresp::tree::{Annotated, Entries, Items};
use zresp::{Decoder, Encode, Frame, Kind, Limits, Protocol, Reply, ReplyWriter, Token};

/// At this depth, recursion that only stored a return address for each level would need three times the stack.
const DEPTH: usize = 100_000;
/// The depth of the trees that are built, cloned, compared, measured and dropped.
const DEEPEST: usize = 1_000_000;
const STACK: usize = 256 * 1024;

/// A way to put a reply into another one, and the bytes on the wire before and after the inner one.
struct Shape {
    name: &'static str,
    kind: Kind,
    wrap: fn(Reply) -> Reply,
    before: &'static str,
    after: &'static str,
    /// The bytes before and after it in RESP2.
    in_resp2: (&'static str, &'static str),
}

const SHAPES: [Shape; 9] = [
    Shape {
        name: "arrays",
        kind: Kind::Array,
        wrap: |inner| Reply::array([inner]),
        before: "*1\r\n",
        after: "",
        in_resp2: ("*1\r\n", ""),
    },
    Shape {
        name: "arrays with a neighbour",
        kind: Kind::Array,
        wrap: |inner| Reply::array([inner, Reply::Integer(1)]),
        before: "*2\r\n",
        after: ":1\r\n",
        in_resp2: ("*2\r\n", ":1\r\n"),
    },
    Shape {
        name: "streamed arrays",
        kind: Kind::Array,
        wrap: |inner| Reply::Array(Items::from_iter([inner]).streamed()),
        before: "*?\r\n",
        after: ".\r\n",
        in_resp2: ("*1\r\n", ""),
    },
    Shape {
        name: "sets",
        kind: Kind::Set,
        wrap: |inner| Reply::set([inner]),
        before: "~1\r\n",
        after: "",
        in_resp2: ("*1\r\n", ""),
    },
    Shape {
        name: "pushes",
        kind: Kind::Push,
        wrap: |inner| Reply::push([Reply::bulk("subscribe"), inner]),
        before: ">2\r\n$9\r\nsubscribe\r\n",
        after: "",
        in_resp2: ("*2\r\n$9\r\nsubscribe\r\n", ""),
    },
    Shape {
        name: "maps by value",
        kind: Kind::Map,
        wrap: |inner| Reply::map([(1, inner)]),
        before: "%1\r\n:1\r\n",
        after: "",
        in_resp2: ("*2\r\n:1\r\n", ""),
    },
    Shape {
        name: "maps by key",
        kind: Kind::Map,
        wrap: |inner| Reply::map([(inner, 1)]),
        before: "%1\r\n",
        after: ":1\r\n",
        in_resp2: ("*2\r\n", ":1\r\n"),
    },
    Shape {
        name: "attributes in a row",
        kind: Kind::Attribute,
        wrap: |inner| Annotated::new(Entries::from_iter([(1, 2)]), inner).into(),
        before: "|1\r\n:1\r\n:2\r\n",
        after: "",
        in_resp2: ("", ""),
    },
    Shape {
        name: "attributes inside each other",
        kind: Kind::Attribute,
        wrap: |inner| Annotated::new(Entries::from_iter([(1, inner)]), 2).into(),
        before: "|1\r\n:1\r\n",
        after: ":2\r\n",
        in_resp2: ("", ""),
    },
];

impl Shape {
    fn tree(&self, innermost: Reply) -> Reply {
        self.tree_of(DEPTH, innermost)
    }

    fn tree_of(&self, depth: usize, innermost: Reply) -> Reply {
        (0..depth).fold(innermost, |inner, _| (self.wrap)(inner))
    }

    fn wire(&self) -> Vec<u8> {
        format!("{}+a\r\n{}", self.before.repeat(DEPTH), self.after.repeat(DEPTH)).into_bytes()
    }

    fn resp2(&self) -> Vec<u8> {
        if self.name == "attributes inside each other" {
            return b":2\r\n".to_vec();
        }
        let (before, after) = self.in_resp2;
        format!("{}+a\r\n{}", before.repeat(DEPTH), after.repeat(DEPTH)).into_bytes()
    }

    fn frame(&self) -> Frame {
        let mut buffer = BytesMut::from(&self.wire()[..]);
        let mut decoder = Decoder::with_limits(Limits::new().with_depth(DEPTH));
        decoder.decode_frame(&mut buffer).expect("a valid frame").expect("a whole frame")
    }
}

/// Runs the work with each shape on a thread with little stack.
fn on_little_stack(work: fn(&Shape)) {
    for shape in &SHAPES {
        let thread = thread::Builder::new().name(shape.name.to_owned()).stack_size(STACK);
        let done = thread.spawn(move || work(shape)).expect("a thread").join();
        assert!(done.is_ok(), "{}", shape.name);
    }
}

#[test]
fn a_tree_of_a_million_levels_is_built_cloned_compared_measured_and_dropped() {
    on_little_stack(|shape| {
        let tree = shape.tree_of(DEEPEST, Reply::simple("a"));
        assert!(tree.clone() == tree, "{}", shape.name);
        let len = DEEPEST * (shape.before.len() + shape.after.len()) + 4;
        assert_eq!(tree.encoded_len(Protocol::Resp3), Ok(len), "{}", shape.name);
    });
}

#[test]
fn a_deep_tree_is_cloned_compared_walked_and_shown() {
    on_little_stack(|shape| {
        let tree = shape.tree(Reply::simple("a"));
        assert_eq!(tree.kind(), shape.kind);
        let clone = tree.clone();
        assert!(clone == tree);
        assert!(shape.tree(Reply::simple("b")) != tree, "they differ at the bottom");
        assert!(shape.tree(Reply::Null) != tree, "they differ at the bottom");
        let opened = tree.tokens().filter(|token| matches!(token, Token::Open { .. })).count();
        assert_eq!(opened, DEPTH);
        // `Debug` output is bounded.
        assert!(format!("{tree:?}{:?}", tree.tokens()).len() < 4096);
        _ = tree.without_attributes();
    });
}

#[test]
fn a_deep_tree_is_measured_and_written() {
    on_little_stack(|shape| {
        let tree = shape.tree(Reply::simple("a"));
        for (protocol, expected) in
            [(Protocol::Resp2, shape.resp2()), (Protocol::Resp3, shape.wire())]
        {
            let case = format!("{} in {protocol:?}", shape.name);
            assert_eq!(tree.encoded_len(protocol), Ok(expected.len()), "{case}");
            assert!(tree.to_wire(protocol).expect("a form on the wire") == expected, "{case}");
            let segments = Segments::of(&tree, protocol).expect("a form on the wire");
            assert!(segments.slices().eq([&expected[..]]), "{case}: segments");
            let mut out = BytesMut::new();
            let mut writer = ReplyWriter::new(&mut out, protocol);
            writer.value(&tree).expect("a form on the wire");
            writer.finish().expect("a whole reply");
            assert!(out == expected, "{case}: writer");
        }
        // An error at the bottom is found.
        let broken = shape.tree(Reply::simple("\n"));
        assert!(broken.to_wire(Protocol::Resp3).is_err(), "{}", shape.name);
    });
}

#[test]
fn a_deep_frame_becomes_a_tree_and_resp2() {
    on_little_stack(|shape| {
        let frame = shape.frame();
        let tree = Reply::from(&frame);
        assert!(tree == shape.tree(Reply::simple("a")), "{}", shape.name);
        let mut decoder = Decoder::with_limits(Limits::new().with_depth(usize::MAX));
        let one_pass = decoder.decode_reply(&mut frame.wire().clone());
        assert!(one_pass.is_ok_and(|reply| reply.is_some_and(|reply| reply == tree)));
        if frame.attributes().is_empty() {
            let bare = Reply::from(frame.reply());
            assert!(tree == frame.reply() && bare == tree, "{}", shape.name);
            let mut patch = ReplyPatch::new(frame.view()).expect("an aggregate");
            patch.replace(0, tree).expect("an element");
            assert!(patch.to_wire(Protocol::Resp2).is_ok(), "{}", shape.name);
        }
        assert!(format!("{frame:?}").len() < 4096);
        let resp2 = frame.to_wire(Protocol::Resp2).expect("a form on the wire");
        assert!(resp2 == shape.resp2(), "{}", shape.name);
        assert_eq!(frame.encoded_len(Protocol::Resp2), Ok(resp2.len()), "{}", shape.name);
        assert!(frame.reply().to_wire(Protocol::Resp2).is_ok(), "{}", shape.name);
        assert!(frame.to_wire(Protocol::Resp3).is_ok_and(|wire| wire == frame.wire()));
    });
}

/// Takes the outermost level apart and drops the parts.
#[test]
fn a_deep_tree_is_taken_apart_and_dropped_halfway() {
    on_little_stack(|shape| {
        let tree = || shape.tree(Reply::simple("a"));
        match tree() {
            Reply::Array(mut items) | Reply::Set(mut items) | Reply::Push(mut items) => {
                let taken = mem::take(&mut items);
                assert!(items.is_empty() && taken.clone() == taken);
                assert!(format!("{taken:?}").len() < 4096);
                let mut values = taken.into_iter();
                drop(values.next());
                drop(values);
            }
            Reply::Map(mut entries) => {
                let taken = mem::take(&mut entries);
                assert!(entries.is_empty() && taken.clone() == taken);
                assert!(format!("{taken:?}").len() < 8192);
                let mut pairs = taken.into_iter();
                drop(pairs.next());
                drop(pairs);
            }
            Reply::Annotated(annotated) => {
                let clone = annotated.clone();
                assert!(clone == annotated && format!("{clone:?}").len() < 8192);
                drop(clone.into_parts().0);
                drop(annotated.into_parts().1);
            }
            other => panic!("{other:?} has nothing in it"),
        }
        match tree() {
            Reply::Array(items) | Reply::Set(items) | Reply::Push(items) => drop(items.into_vec()),
            Reply::Map(mut entries) => {
                assert!(entries.remove(0).is_some());
                drop(entries);
            }
            other => drop(other),
        }
        match tree() {
            Reply::Map(entries) => drop(entries.into_vec()),
            mut other => {
                // An inner level is replaced inside its tree.
                if let Reply::Array(items) | Reply::Set(items) | Reply::Push(items) = &mut other {
                    items.insert(0, Reply::Null);
                    items.truncate(1);
                }
            }
        }
    });
}

#[test]
fn a_deep_tree_is_taken_apart_level_by_level() {
    on_little_stack(|shape| {
        let mut reply = shape.tree(Reply::simple("a"));
        let mut levels = 0;
        loop {
            reply = match reply {
                Reply::Array(items) | Reply::Set(items) => {
                    items.into_iter().next().expect("an element")
                }
                Reply::Push(items) => items.into_iter().nth(1).expect("an element after the word"),
                Reply::Map(entries) => {
                    let (key, value) = entries.into_iter().next().expect("a pair");
                    if matches!(key, Reply::Integer(1)) { value } else { key }
                }
                Reply::Annotated(annotated) => {
                    let (attribute, inner) = annotated.into_parts();
                    let (_, value) = attribute.into_iter().next().expect("a pair");
                    if matches!(value, Reply::Integer(2)) { inner } else { value }
                }
                innermost => {
                    assert_eq!(innermost, Reply::simple("a"), "{}", shape.name);
                    break;
                }
            };
            levels += 1;
        }
        assert_eq!(levels, DEPTH, "{}", shape.name);
    });
}

#[test]
fn a_writer_opens_a_million_levels() {
    for (protocol, level) in [(Protocol::Resp2, "*1\r\n"), (Protocol::Resp3, "~1\r\n")] {
        let mut out = BytesMut::new();
        let mut writer = ReplyWriter::new(&mut out, protocol);
        for level in 0..DEEPEST {
            writer.open_set((level % 2 == 0).then_some(1)).expect("a place");
        }
        writer.null().expect("a place");
        for _ in 0..DEEPEST {
            writer.close().expect("a level");
        }
        writer.finish().expect("a whole reply");
        assert!(out.starts_with(level.repeat(DEEPEST).as_bytes()), "{protocol:?}");
    }
}
