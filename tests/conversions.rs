//! Replies in the shapes of both protocols become Rust types. A failure says what was expected, what was
//! found, and where.

#![cfg(feature = "std")]

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::fmt::Debug;

use bytes::Bytes;
use zresp::convert::Place;
use zresp::{ConversionError, Decoder, ErrorReply, FromReply, LinePolicy, Reply, ReplyRef};

fn of(wire: &[u8]) -> ReplyRef<'_> {
    zresp::decode(wire).expect("a valid reply").expect("a whole reply").reply()
}

/// Asserts that each of the replies converts to this value, as a view and as a tree.
fn assert_all<T>(expected: &T, wires: &[&[u8]])
where
    T: for<'a> FromReply<'a> + PartialEq + Debug,
{
    for wire in wires {
        let shown = wire.escape_ascii();
        assert_eq!(of(wire).to::<T>().as_ref(), Ok(expected), "{shown}");
        assert_eq!(Reply::from(of(wire)).to::<T>().as_ref(), Ok(expected), "the tree of {shown}");
    }
}

#[test]
fn numbers_come_from_numbers_or_text() {
    assert_all(&42i64, &[b":42\r\n", b"$2\r\n42\r\n", b"+42\r\n", b"(42\r\n", b"$3\r\n+42\r\n"]);
    assert_all(&-7i8, &[b":-7\r\n", b"$2\r\n-7\r\n"]);
    assert_all(&u64::MAX, &[b"(18446744073709551615\r\n", b"$20\r\n18446744073709551615\r\n"]);
    assert_all(&i128::MIN, &[b"(-170141183460469231731687303715884105728\r\n"]);
    assert_all(&1.5f64, &[b",1.5\r\n", b"$3\r\n1.5\r\n", b"+1.50\r\n"]);
    assert_all(&2.0f64, &[b",2\r\n", b":2\r\n", b"$1\r\n2\r\n"]);
    assert_all(&0.1f32, &[b",0.1\r\n", b"$3\r\n0.1\r\n"]);
    assert_all(&f64::NEG_INFINITY, &[b",-inf\r\n", b"$4\r\n-inf\r\n"]);
}

#[test]
fn any_reply_converts_to_a_tree() {
    let [one, tree] = [Reply::from(1), Reply::array([Reply::from(1), Reply::Null])];
    assert_all(&tree, &[b"*2\r\n:1\r\n_\r\n"]);
    let pair: (Reply, Option<Reply>) = of(b"*2\r\n:1\r\n_\r\n").to().expect("a pair");
    assert_eq!(pair, (one, None));
}

#[test]
fn booleans_come_from_booleans_integers_or_text() {
    assert_all(&true, &[b"#t\r\n", b":1\r\n", b"$1\r\n1\r\n", b"$4\r\ntrue\r\n", b"+true\r\n"]);
    assert_all(&false, &[b"#f\r\n", b":0\r\n", b"$1\r\n0\r\n", b"$5\r\nfalse\r\n"]);
}

#[test]
fn strings_come_from_strings_of_any_kind() {
    let wires: [&[u8]; 5] = [
        b"$2\r\nab\r\n",
        b"+ab\r\n",
        b"=6\r\ntxt:ab\r\n",
        b"$?\r\n;2\r\nab\r\n;0\r\n",
        b"$?\r\n;1\r\na\r\n;1\r\nb\r\n;0\r\n",
    ];
    assert_all(&"ab".to_owned(), &wires);
    assert_all(&b"ab".to_vec(), &wires);
    assert_all(&Bytes::from_static(b"ab"), &wires);
    assert_all(&Box::<str>::from("ab"), &wires);
    assert_all(&Box::<[u8]>::from(*b"ab"), &wires);
    assert_eq!(of(wires[0]).to(), Ok("ab"));
    assert!(matches!(of(wires[3]).to::<Cow<'_, str>>(), Ok(Cow::Borrowed("ab"))));
    assert!(matches!(of(wires[4]).to::<Cow<'_, str>>(), Ok(Cow::Owned(text)) if text == "ab"));
}

#[test]
fn sequences_come_from_arrays_sets_and_pushes() {
    let wires: [&[u8]; 4] = [
        b"*3\r\n:1\r\n:2\r\n:3\r\n",
        b"~3\r\n:1\r\n$1\r\n2\r\n:3\r\n",
        b">3\r\n:1\r\n:2\r\n:3\r\n",
        b"*?\r\n:1\r\n|1\r\n+a\r\n+b\r\n:2\r\n:3\r\n.\r\n",
    ];
    assert_all(&vec![1i64, 2, 3], &wires);
    assert_all(&[1u8, 2, 3], &wires);
    assert_all(&(1i32, "2".to_owned(), 3.0f64), &[b"*3\r\n:1\r\n+2\r\n:3\r\n"]);
    assert_all(&BTreeSet::from([1u16, 2, 3]), &wires);
    assert_all(&HashSet::from([1u32, 2, 3]), &wires);
    assert_all(&VecDeque::from([1usize, 2, 3]), &wires);
    assert_all(&Vec::<String>::new(), &[b"*0\r\n", b"~0\r\n", b"*?\r\n.\r\n"]);
}

#[test]
fn maps_come_from_maps_flat_arrays_and_arrays_of_pairs() {
    let wires: [&[u8]; 5] = [
        b"%2\r\n+a\r\n:1\r\n+b\r\n:2\r\n",
        b"*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n",
        b"*2\r\n*2\r\n+a\r\n:1\r\n*2\r\n+b\r\n:2\r\n",
        b"%?\r\n+a\r\n:1\r\n+b\r\n:2\r\n.\r\n",
        b"*?\r\n+a\r\n:1\r\n+b\r\n:2\r\n.\r\n",
    ];
    let pairs = [("a".to_owned(), 1i64), ("b".to_owned(), 2)];
    assert_all(&HashMap::from(pairs.clone()), &wires);
    assert_all(&BTreeMap::from(pairs.clone()), &wires);
    assert_all(&pairs.to_vec(), &wires);
    assert_all(&pairs, &wires);
    assert_all(&HashMap::<String, i64>::new(), &[b"%0\r\n", b"*0\r\n"]);

    // A Rust map keeps the last of two equal keys; a vector keeps both.
    let twice = of(b"%2\r\n+a\r\n:1\r\n+a\r\n:2\r\n");
    assert_eq!(twice.to::<HashMap<&str, u8>>().unwrap()["a"], 2);
    assert_eq!(twice.to::<Vec<(&str, u8)>>(), Ok(vec![("a", 1), ("a", 2)]));
}

#[test]
fn the_first_type_decides_whether_an_array_of_tuples_is_flat() {
    type Commands = Vec<(HashMap<String, String>, Vec<String>)>;
    // `HGETALL` and `SMEMBERS` alternating, in the form of RESP2.
    let list = |name: &str, count: usize| {
        let items = (0..count).map(|item| format!("${}\r\n{name}{item}\r\n", name.len() + 1));
        format!("*{count}\r\n{}", items.collect::<Vec<_>>().concat())
    };
    for (fields, members) in [(0, 0), (0, 2), (1, 0), (1, 1), (1, 2), (1, 3), (2, 2), (3, 9)] {
        let pair = list("f", 2 * fields) + &list("m", members);
        for times in 1..4 {
            let wire = format!("*{}\r\n{}", 2 * times, pair.repeat(times));
            let read = of(wire.as_bytes()).to::<Commands>();
            let read = read.unwrap_or_else(|error| panic!("{fields}, {members}, {times}: {error}"));
            assert_eq!(read.len(), times);
            let sizes = read.iter().map(|(hash, set)| (hash.len(), set.len()));
            assert!(sizes.eq([(fields, members)].repeat(times)), "{fields}, {members}, {times}");
        }
    }
    let two = of(b"*2\r\n*2\r\n:1\r\n:2\r\n*2\r\n:3\r\n:4\r\n");
    assert_eq!(two.to::<Vec<(Vec<i64>, Vec<i64>)>>(), Ok(vec![(vec![1, 2], vec![3, 4])]));
    assert_eq!(two.to::<Vec<(i64, i64)>>(), Ok(vec![(1, 2), (3, 4)]));
    let keys = BTreeMap::from([((1i64, 2i64), vec![3i64, 4])]);
    assert_eq!(two.to(), Ok(keys));
    assert_eq!(two.to(), Ok(BTreeMap::from([(1i64, 2i64), (3, 4)])));
    // An option, and a vector of bytes, which is a string.
    assert_eq!(two.to::<Vec<(Option<i64>, i64)>>().map(|read| read.len()), Ok(2));
    assert_eq!(two.to::<Vec<(Option<Vec<i64>>, Vec<i64>)>>().map(|read| read.len()), Ok(1));
    let bytes = of(b"*1\r\n*2\r\n+a\r\n+b\r\n");
    assert_eq!(bytes.to::<Vec<(Vec<u8>, Vec<u8>)>>(), Ok(vec![(b"a".to_vec(), b"b".to_vec())]));
    // Anything: only the counts can decide.
    assert_eq!(two.to::<Vec<(ReplyRef<'_>, ReplyRef<'_>)>>().map(|read| read.len()), Ok(2));
    let mixed = of(b"*2\r\n*2\r\n:1\r\n:2\r\n*1\r\n:3\r\n");
    assert_eq!(mixed.to::<Vec<(ReplyRef<'_>, ReplyRef<'_>)>>().map(|read| read.len()), Ok(1));
    let error = mixed.to::<Vec<(i64, i64)>>().unwrap_err();
    assert_eq!(error.to_string(), "expected 2 elements, found 1 at element 1");
}

#[test]
fn a_double_is_not_an_integer_even_if_it_is_whole() {
    let whole = of(b",3\r\n");
    assert_eq!(whole.to::<f64>(), Ok(3.0));
    assert_eq!(whole.to::<i64>().unwrap_err().to_string(), "expected an integer, found a double");
    #[cfg(feature = "serde")]
    assert!(zresp::de::from_reply::<i64>(whole).is_err());
}

#[test]
fn a_big_number_that_is_no_number_is_text() {
    let mut decoder = Decoder::new().with_line_policy(LinePolicy::AsSent);
    for text in ["abc", "", "1  +a", "1\n2", "+-1", "99999999999999999999"] {
        let wire = format!("({text}\r\n");
        let reply = decoder.decode(wire.as_bytes()).unwrap().unwrap().reply();
        assert_eq!(reply, ReplyRef::BigNumber(text.as_bytes()));
        assert_eq!((reply.as_str(), reply.to()), (Ok(text), Ok(text.to_owned())));
        let message = "expected an integer, found a big number that is not one";
        assert_eq!(reply.to::<i64>().unwrap_err().to_string(), message, "{text}");
        assert!(reply.to::<u128>().is_err() || text.starts_with('9'), "{text}");
        #[cfg(feature = "serde")]
        {
            assert!(zresp::de::from_reply::<i64>(reply).is_err(), "{text}");
            assert_eq!(zresp::de::from_reply(reply), Ok(text.to_owned()));
        }
    }
}

#[test]
fn nested_values_are_converted_at_any_depth() {
    // `XRANGE`: ids, and flat arrays of fields.
    let wire = b"*1\r\n*2\r\n$3\r\n1-0\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n";
    let entries: Vec<(&str, HashMap<&str, &str>)> = of(wire).to().unwrap();
    assert_eq!(entries, [("1-0", HashMap::from([("f", "v")]))]);
    let boxed: Box<Vec<Vec<ReplyRef<'_>>>> = of(b"*1\r\n*1\r\n_\r\n").to().unwrap();
    assert_eq!(*boxed, [[ReplyRef::Null]]);
}

#[test]
fn nulls_are_none_and_errors_are_results_if_the_type_says_so() {
    for null in [b"_\r\n".as_slice(), b"$-1\r\n", b"*-1\r\n"] {
        assert_all(&None::<i64>, &[null]);
        assert_all(&None::<Vec<String>>, &[null]);
    }
    assert_all(&Some(1i64), &[b":1\r\n"]);
    assert_all(&vec![Some("a".to_owned()), None], &[b"*2\r\n$1\r\na\r\n$-1\r\n"]);

    let results = of(b"*3\r\n+OK\r\n-WRONGTYPE no\r\n!5\r\nERR x\r\n");
    let results: Vec<Result<String, ErrorReply>> = results.to().unwrap();
    assert_eq!(results[0], Ok("OK".to_owned()));
    let error = results[1].as_ref().unwrap_err();
    assert_eq!((error.code(), error.message()), (&b"WRONGTYPE"[..], &b"WRONGTYPE no"[..]));
    assert_eq!(results[2].as_ref().unwrap_err().to_string(), "ERR x");
    assert_eq!(of(b"*1\r\n:1\r\n").to::<()>(), Ok(()));
}

#[test]
fn a_failure_says_what_was_expected_what_was_found_and_where() {
    fn message<'a, T: FromReply<'a> + Debug>(wire: &'a [u8]) -> String {
        of(wire).to::<T>().expect_err("no such value").to_string()
    }
    let cases = [
        (
            message::<i64>(b"$1\r\nx\r\n"),
            "expected an integer, found a bulk string that is not one",
        ),
        (
            message::<u8>(b":256\r\n"),
            "expected an integer from 0 to 255, found an integer that does not fit",
        ),
        (message::<i64>(b"_\r\n"), "expected an integer, found null"),
        (message::<i64>(b"-ERR no such key\r\n"), "error reply: ERR no such key"),
        (message::<()>(b"!5\r\nERR x\r\n"), "error reply: ERR x"),
        (message::<bool>(b":2\r\n"), "expected a boolean, found an integer that does not fit"),
        (message::<bool>(b"+yes\r\n"), "expected a boolean, found a simple string that is not one"),
        (
            message::<String>(b"$1\r\n\xff\r\n"),
            "expected a string in UTF-8, found a bulk string that is not one",
        ),
        (
            message::<Vec<i64>>(b"+x\r\n"),
            "expected an array, a set or a push, found a simple string",
        ),
        (
            message::<Vec<i64>>(b"*2\r\n:1\r\n+x\r\n"),
            "expected an integer, found a simple string that is not one at element 1",
        ),
        (message::<(i64, i64)>(b"*3\r\n:1\r\n:1\r\n:1\r\n"), "expected 2 elements, found 3"),
        (
            message::<(i64, i64)>(b"*2\r\n:1\r\n#t\r\n"),
            "expected an integer, found a boolean at element 1",
        ),
        (
            message::<Vec<(i64, i64)>>(b"*3\r\n:1\r\n:1\r\n:1\r\n"),
            "expected a multiple of 2 elements, found 3",
        ),
        (message::<[i64; 3]>(b"*2\r\n:1\r\n:2\r\n"), "expected 3 elements, found 2"),
        (message::<HashMap<String, i64>>(b":1\r\n"), "expected a map, found an integer"),
        (
            message::<HashMap<String, i64>>(b"*1\r\n:1\r\n"),
            "expected a map, found an array with an odd number of elements (1)",
        ),
        (
            message::<HashMap<String, i64>>(b"%1\r\n+a\r\n+b\r\n"),
            "expected an integer, found a simple string that is not one at field \"a\"",
        ),
        (
            message::<HashMap<i64, i64>>(b"%1\r\n+a\r\n+b\r\n"),
            "expected an integer, found a simple string that is not one at key 0",
        ),
        (
            message::<HashMap<i64, i64>>(b"%1\r\n:7\r\n+b\r\n"),
            "expected an integer, found a simple string that is not one at field \"7\"",
        ),
        (
            message::<Vec<(String, i64)>>(b"*4\r\n+a\r\n:1\r\n+b\r\n+c\r\n"),
            "expected an integer, found a simple string that is not one at element 3",
        ),
        (
            message::<Vec<BTreeMap<String, Vec<u16>>>>(
                b"*4\r\n%0\r\n%0\r\n%0\r\n%1\r\n$5\r\ncount\r\n*1\r\n-ERR x\r\n",
            ),
            "error reply at element 3, field \"count\", element 0: ERR x",
        ),
        (message::<ErrorReply>(b"+OK\r\n"), "expected an error, found a simple string"),
    ];
    for (found, expected) in cases {
        assert_eq!(found, expected);
    }
}

#[test]
fn maps_keep_the_last_of_several_equal_keys_and_lists_keep_all() {
    for wire in [
        &b"%3\r\n+a\r\n:1\r\n+b\r\n:2\r\n$1\r\na\r\n:3\r\n"[..],
        b"%?\r\n+a\r\n:1\r\n+b\r\n:2\r\n+a\r\n:3\r\n.\r\n",
        b"*6\r\n+a\r\n:1\r\n+b\r\n:2\r\n+a\r\n:3\r\n",
        b"*3\r\n*2\r\n+a\r\n:1\r\n*2\r\n+b\r\n:2\r\n*2\r\n+a\r\n:3\r\n",
    ] {
        let reply = of(wire);
        assert_eq!(reply.to(), Ok(HashMap::from([("a", 3), ("b", 2)])));
        assert_eq!(reply.to(), Ok(BTreeMap::from([("a", 3), ("b", 2)])));
        assert_eq!(reply.to(), Ok(vec![("a", 1), ("b", 2), ("a", 3)]));
        #[cfg(feature = "serde")]
        {
            let table: BTreeMap<&str, i64> = zresp::de::from_reply(reply).expect("pairs");
            assert_eq!(table, BTreeMap::from([("a", 3), ("b", 2)]));
        }
    }
}

#[test]
fn an_error_gives_access_to_its_parts() {
    let error =
        of(b"*1\r\n%1\r\n+a\r\n-MOVED 1 h:1\r\n").to::<Vec<HashMap<String, i64>>>().unwrap_err();
    assert_eq!(error.error_reply(), Some(&b"MOVED 1 h:1"[..]));
    let path: Vec<_> = error.path().cloned().collect();
    assert_eq!(path, [Place::Element(0), Place::Field(b"a".as_slice().into())]);
    let error = of(b"+x\r\n").to::<i64>().unwrap_err();
    assert_eq!((error.error_reply(), error.path().count()), (None, 0));
    assert!(size_of::<Result<i64, ConversionError>>() <= 40);
}

#[test]
fn a_tree_without_a_form_on_the_wire_is_an_error() {
    let reply = Reply::array([Reply::simple("a\r\n+b")]);
    let error = reply.to::<Vec<String>>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "expected a reply with a form on the wire, found an array that is not one"
    );
}
