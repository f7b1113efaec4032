//! Any value that is added to a command becomes the arguments that its documentation says, and no implementation of
//! `ToArguments` or `AsRef` that returns can write a broken frame. (One that panics can leave half a frame in a buffer
//! that grows.)
#![cfg(feature = "std")]

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use zresp::{Arguments, Command, CommandBuf, EncodeCommand, EncodeError, ToArguments, cmd};

/// The arguments of a command after its name, read back from its wire form.
fn read(command: &impl EncodeCommand) -> Vec<String> {
    let wire = command.to_wire().expect("a name");
    let mut requests = zresp::requests(&wire);
    let request = requests.next().expect("a command").expect("a valid one");
    assert_eq!(requests.next(), None, "more than one command");
    let Command::Array(command) = request.command() else { panic!("inline") };
    command.args().skip(1).map(|argument| String::from_utf8_lossy(argument).into_owned()).collect()
}

fn arguments(value: impl ToArguments) -> Vec<String> {
    read(&CommandBuf::new("X").arg(value))
}

#[test]
fn one_value_is_one_argument() {
    let cases = [
        (arguments("a b"), "a b"),
        (arguments(""), ""),
        (arguments(String::from("text")), "text"),
        (arguments(b"bytes"), "bytes"),
        (arguments(*b"bytes"), "bytes"),
        (arguments(b"bytes".as_slice()), "bytes"),
        (arguments(b"bytes".to_vec()), "bytes"),
        (arguments(Box::<[u8]>::from(b"bytes".as_slice())), "bytes"),
        (arguments(Box::<str>::from("text")), "text"),
        (arguments(Arc::<str>::from("text")), "text"),
        (arguments(Rc::<[u8]>::from(b"bytes".as_slice())), "bytes"),
        (arguments(Cow::Borrowed("text")), "text"),
        (arguments(Cow::<[u8]>::Owned(b"bytes".to_vec())), "bytes"),
        (arguments(Bytes::from_static(b"bytes")), "bytes"),
        (arguments(BytesMut::from("bytes")), "bytes"),
        (arguments(format_args!("{}:{}", "user", 7)), "user:7"),
        (arguments(format_args!("constant")), "constant"),
        (arguments(true), "1"),
        (arguments(false), "0"),
        (arguments(7u8), "7"),
        (arguments(-7i8), "-7"),
        (arguments(u128::MAX), "340282366920938463463374607431768211455"),
        (arguments(i128::MIN), "-170141183460469231731687303715884105728"),
        (arguments(1.5f32), "1.5"),
        (arguments(1e100), "1e+100"),
        (arguments(f64::NEG_INFINITY), "-inf"),
        (arguments(Some(&&"text")), "text"),
        (arguments(&"text" as &dyn ToArguments), "text"),
    ];
    for (found, expected) in cases {
        assert_eq!(found, [expected]);
    }
}

#[test]
fn a_collection_is_the_arguments_of_its_elements() {
    let scores = BTreeMap::from([("ada", 1.5), ("bob", 2.0)]);
    let cases: [(Vec<String>, &[&str]); 18] = [
        (arguments(["a", "b"]), &["a", "b"]),
        (arguments(vec!["a", "b"]), &["a", "b"]),
        (arguments(["a", "b"].as_slice()), &["a", "b"]),
        (arguments([1u16, 2].as_slice()), &["1", "2"]),
        (arguments([b"ab", b"cd"]), &["ab", "cd"]),
        (arguments(VecDeque::from(["a", "b"])), &["a", "b"]),
        (arguments(VecDeque::from([1u8, 2])), &["1", "2"]),
        (arguments(BTreeSet::from(["b", "a"])), &["a", "b"]),
        (arguments(HashSet::from(["a"])), &["a"]),
        (arguments(&scores), &["ada", "1.5", "bob", "2"]),
        (arguments(HashMap::from([("field", 7)])), &["field", "7"]),
        (arguments(None::<&str>), &[]),
        (arguments(Some("a")), &["a"]),
        (arguments(Some(("EX", 30))), &["EX", "30"]),
        (arguments(Vec::<String>::new()), &[]),
        (arguments([(1.5, "ada"), (2.0, "bob")]), &["1.5", "ada", "2", "bob"]),
        (arguments(vec![Some(vec!["a"]), None, Some(vec!["b", "c"])]), &["a", "b", "c"]),
        (
            arguments((1, "b", true, Some("d"), [5, 6], 7u8, 'h'.to_string(), 9)),
            &["1", "b", "1", "d", "5", "6", "7", "h", "9"],
        ),
    ];
    for (found, expected) in cases {
        assert_eq!(found, expected);
    }
}

#[test]
fn the_macro_borrows_and_adds_in_order() {
    let (key, value) = (String::from("key"), b"value".to_vec());
    let command = cmd!("SET", key, value, "EX", 30);
    assert_eq!(read(&command), ["key", "value", "EX", "30"]);
    assert_eq!(command, CommandBuf::new("SET").arg(key).arg(value).arg("EX").arg(30));
    assert_eq!(cmd!("PING"), CommandBuf::new("PING"));
    assert_eq!(cmd!(("CONFIG", "GET"), "max*",), cmd!("CONFIG", "GET", "max*"));
    assert_eq!(cmd!("DEL", ["a", "b"]).len(), 3);
}

/// A type that is different each time it is asked.
#[derive(Default)]
struct Fickle(Cell<usize>);

const TEXTS: [&str; 4] = ["", "a", "a value of some length", "\r\n$1\r\n"];

impl AsRef<[u8]> for Fickle {
    fn as_ref(&self) -> &[u8] {
        self.0.set(self.0.get() + 1);
        TEXTS[self.0.get() % TEXTS.len()].as_bytes()
    }
}

impl ToArguments for Fickle {
    fn push_to(&self, command: &mut CommandBuf) {
        let count = self.0.replace(self.0.get() + 1);
        command.extend(&TEXTS[..count % TEXTS.len()]);
    }
}

/// The buffer may have room for what was measured and none for what is written, or the reverse.
#[test]
fn a_type_that_changes_its_mind_cannot_break_a_frame() {
    for start in 0..TEXTS.len() {
        let parts = || [Fickle(Cell::new(start)), Fickle(Cell::new(start + 1)), Fickle::default()];
        for size in 0..128 {
            let mut buffer = vec![0xaa; size];
            let mut room = buffer.as_mut_slice();
            let result = Arguments(&parts()).encode(&mut room);
            let written = size - room.len();
            match result {
                Ok(()) => assert_eq!(zresp::requests(&buffer[..written]).count(), 1),
                Err(EncodeError::NoRoom { needed, room }) => assert!(needed > room && written == 0),
                Err(EncodeError::SpaceInName { .. }) => assert_eq!(written, 0),
                Err(error) => panic!("{error}"),
            }
        }
        let mut grown = Vec::new();
        if Arguments(&parts()).encode(&mut grown).is_ok() {
            assert_eq!(zresp::requests(&grown).count(), 1);
        }
        if let Ok(wire) = Arguments(&parts()).to_wire() {
            assert_eq!(zresp::requests(&wire).count(), 1);
        }

        let command = cmd!("X", parts(), parts());
        let wire = command.to_wire().expect("a name");
        let request = zresp::requests(&wire).next().expect("a command").expect("a valid one");
        let Command::Array(read) = request.command() else { panic!("inline") };
        assert_eq!((request.wire().len(), read.len()), (wire.len(), command.len()));
    }
}
