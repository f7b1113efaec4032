//! Derived implementations of `FromReply` read structs from all forms of pairs, and their errors name the field.
#![cfg(feature = "derive")]

use std::collections::BTreeMap;

use zresp::convert::TypeShape;
use zresp::{ConversionError, FromReply, ReplyRef};

fn read<'a, T: FromReply<'a>>(wire: &'a str) -> Result<T, String> {
    let frame = zresp::decode(wire.as_bytes()).expect("valid").expect("a whole frame");
    frame.reply().to().map_err(|error: ConversionError| error.to_string())
}

#[derive(FromReply, Debug, PartialEq, Default)]
struct Player {
    name: String,
    level: u32,
    guild: Option<String>,
    #[resp(default)]
    gold: u64,
    #[resp(default = "three", rename = "lives-left")]
    lives: u8,
    r#type: Option<Kind>,
}

fn three() -> u8 {
    3
}

#[derive(FromReply, Debug, PartialEq, Clone, Copy)]
#[resp(rename_all = "snake_case")]
enum Kind {
    ReadOnly,
    #[resp(rename = "rw")]
    ReadWrite,
}

#[test]
fn a_struct_is_read_from_all_forms_of_pairs() {
    let player = || Player { name: "ada".into(), level: 37, lives: 3, ..Player::default() };
    for wire in [
        "%2\r\n+name\r\n+ada\r\n+level\r\n:37\r\n",
        "%?\r\n+name\r\n$?\r\n;3\r\nada\r\n;0\r\n+level\r\n:37\r\n.\r\n",
        "*4\r\n$5\r\nlevel\r\n$2\r\n37\r\n$4\r\nname\r\n$3\r\nada\r\n",
        "*2\r\n*2\r\n$4\r\nname\r\n$3\r\nada\r\n*2\r\n$5\r\nlevel\r\n:37\r\n",
        "|1\r\n+a\r\n+b\r\n%2\r\n+name\r\n+ada\r\n+level\r\n:37\r\n",
        "%4\r\n+other\r\n*1\r\n_\r\n+name\r\n+bob\r\n+name\r\n+ada\r\n+level\r\n:37\r\n",
        "%4\r\n+name\r\n+ada\r\n+level\r\n:37\r\n+guild\r\n_\r\n+type\r\n_\r\n",
    ] {
        assert_eq!(read(wire), Ok(player()), "{wire:?}");
    }
    let wire = "%6\r\n+name\r\n+ada\r\n+level\r\n:37\r\n+guild\r\n+lambda\r\n+gold\r\n:9\r\n+lives-left\r\n:1\r\n\
        +type\r\n+read_only\r\n";
    let all = Player {
        guild: Some("lambda".into()),
        gold: 9,
        lives: 1,
        r#type: Some(Kind::ReadOnly),
        ..player()
    };
    assert_eq!(read(wire), Ok(all));
}

#[test]
fn errors_name_the_field() {
    for (wire, message) in [
        ("%1\r\n+name\r\n+ada\r\n", "missing field `level`"),
        ("%0\r\n", "missing field `name`"),
        ("*1\r\n%1\r\n+level\r\n:1\r\n", "missing field `name` at element 0"),
        (
            "%2\r\n+name\r\n+ada\r\n+level\r\n+many\r\n",
            "expected an unsigned integer of 32 bits, found a simple string that is not one at field \"level\"",
        ),
        ("%1\r\n+type\r\n+none\r\n", "missing field `name`"),
        ("-ERR no\r\n", "error reply: ERR no"),
        (":1\r\n", "expected a map, found an integer"),
    ] {
        let found = if wire.starts_with("*1") {
            read::<Vec<Player>>(wire).map(|_| ())
        } else {
            read::<Player>(wire).map(|_| ())
        };
        assert_eq!(found, Err(message.to_owned()), "{wire:?}");
    }
    assert_eq!(read("+rw\r\n"), Ok(Kind::ReadWrite));
    assert_eq!(read::<Kind>("+ReadOnly\r\n"), Err("expected `read_only` or `rw`".to_owned()));
}

#[derive(FromReply, Debug, PartialEq)]
struct Borrowed<'a> {
    name: &'a str,
    rest: ReplyRef<'a>,
}

#[derive(FromReply, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Id(u64);

#[derive(FromReply, Debug, PartialEq)]
struct Entry<T>(Id, Vec<T>);

#[derive(FromReply, Debug, PartialEq)]
struct Nested<T> {
    entries: Vec<Entry<T>>,
    by_id: BTreeMap<Id, Kind>,
}

#[test]
fn types_nest_borrow_and_have_parameters() {
    let wire = "%2\r\n+name\r\n+ada\r\n+rest\r\n:1\r\n";
    assert_eq!(read(wire), Ok(Borrowed { name: "ada", rest: ReplyRef::Integer(1) }));
    assert_eq!(read("*2\r\n:7\r\n*1\r\n+a\r\n"), Ok(Entry(Id(7), vec!["a"])));
    let wire = "%2\r\n+entries\r\n*2\r\n*2\r\n:7\r\n*0\r\n*2\r\n:8\r\n*1\r\n:1\r\n+by_id\r\n*2\r\n:7\r\n+rw\r\n";
    let nested = Nested {
        entries: vec![Entry(Id(7), vec![]), Entry(Id(8), vec![1])],
        by_id: BTreeMap::from([(Id(7), Kind::ReadWrite)]),
    };
    assert_eq!(read(wire), Ok(nested));
    let wire = "%1\r\n+entries\r\n*1\r\n*2\r\n:7\r\n*1\r\n+x\r\n";
    let message = "expected an integer of 32 bits, found a simple string that is not one \
                   at field \"entries\", element 0, element 1, element 0";
    assert_eq!(read::<Nested<i32>>(wire), Err(message.to_owned()));
}

/// A flat array of scalars is not read as an array of pairs, nor the other way round.
#[test]
fn shapes_are_those_of_what_is_read() {
    assert_eq!(<Id as FromReply>::SHAPE, TypeShape::Scalar);
    assert_eq!(<Kind as FromReply>::SHAPE, TypeShape::Scalar);
    assert_eq!(<Player as FromReply>::SHAPE, TypeShape::Aggregate);
    assert_eq!(<Entry<u8> as FromReply>::SHAPE, TypeShape::Aggregate);
    let pairs = vec![(Id(1), Kind::ReadOnly), (Id(2), Kind::ReadWrite)];
    assert_eq!(read("*4\r\n:1\r\n+read_only\r\n:2\r\n+rw\r\n"), Ok(pairs));
}

#[test]
fn a_field_is_looked_up_by_its_name() {
    for wire in [
        "%2\r\n+a\r\n:1\r\n+b\r\n:2\r\n",
        "*4\r\n+a\r\n:1\r\n+b\r\n:2\r\n",
        "*2\r\n*2\r\n+a\r\n:1\r\n*2\r\n+b\r\n:2\r\n",
        "%3\r\n+b\r\n:9\r\n+a\r\n:1\r\n$?\r\n;1\r\nb\r\n;0\r\n:2\r\n",
    ] {
        let frame = zresp::decode(wire.as_bytes()).expect("valid").expect("a whole frame");
        let reply = frame.reply();
        assert_eq!(reply.field("b"), Ok(2), "{wire:?}");
        assert_eq!(reply.field::<Option<i64>>("c"), Ok(None), "{wire:?}");
        let error = reply.field::<bool>("b").unwrap_err().to_string();
        assert!(error.ends_with("at field \"b\""), "{error}");
        if let ReplyRef::Map(pairs) = reply {
            assert_eq!(pairs.get(b"b"), Some(ReplyRef::Integer(2)), "{wire:?}");
            assert_eq!(pairs.get(""), None, "{wire:?}");
        }
    }
}
