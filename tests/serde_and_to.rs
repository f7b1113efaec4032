//! serde reads a reply as `ReplyRef::to` does: for each of many types and all small replies, both return the same value,
//! or both fail. If both find the same problem, it has the same path. The exceptions are listed here.
#![cfg(all(feature = "serde", feature = "std"))]

use std::any::type_name;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::{self, Debug};
use std::marker::PhantomData;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use zresp::{FromReply, de};

/// Elements of the arrays and maps below. `a` stands for text that is not a number.
const SMALL: [&str; 6] = [":1", "$1 a", "_", "*-1", "-ERR", ",1"];

/// Aggregates of these.
const MIDDLE: [&str; 16] = [
    "*0",
    "*1 :1",
    "*1 _",
    "*2 :1 :2",
    "*2 $1 a :2",
    "*2 _ :2",
    "*2 :1 _",
    "*2 *2 :1 :2 :3",
    "*2 *1 :1 *1 :2",
    "*3 :1 :2 :3",
    "*4 :1 :2 :3 :4",
    "*? :1 :2 .",
    "*? .",
    "~2 :1 :2",
    "%1 :1 :2",
    "|1 $1 k $1 v *2 :1 :2",
];

/// The values of the longer aggregates.
const FEW: [&str; 8] =
    [":1", "_", "*0", "*2 :1 :2", "*2 _ :2", "*2 *2 :1 :2 :3", "*3 :1 :2 :3", "*? :1 :2 ."];

fn wire(text: &str) -> Vec<u8> {
    text.split(' ').flat_map(|line| [line.as_bytes(), b"\r\n"].concat()).collect()
}

/// All lists of this many values.
fn lists(values: &[&str], count: usize) -> Vec<String> {
    (0..count).fold(vec![String::new()], |lists, _| {
        let longer = |list: &String| values.iter().map(|value| format!("{list} {value}")).collect();
        lists.iter().flat_map(|list| -> Vec<String> { longer(list) }).collect()
    })
}

/// All small replies.
fn replies() -> Vec<String> {
    let all: Vec<_> = SMALL.into_iter().chain(MIDDLE).collect();
    let mut replies: Vec<String> = all.iter().map(|&value| value.to_owned()).collect();
    for count in 0..=4 {
        let values = if count < 3 { &all[..] } else { &FEW };
        for list in lists(values, count) {
            for kind in ["*", "~", ">"] {
                replies.push(format!("{kind}{count}{list}"));
            }
            replies.push(format!("*?{list} ."));
            if count % 2 == 0 {
                replies.push(format!("%{}{list}", count / 2));
                replies.push(format!("%?{list} ."));
            }
            // Values follow that do not belong to it.
            replies.push(format!("*2 *{count}{list} *2 :8 :9"));
            replies.push(format!("*3 :8 *{count}{list} :9"));
        }
    }
    replies
}

/// What `to` and serde make of a reply, if that differs.
struct Difference {
    name: &'static str,
    reply: String,
    to: Option<String>,
    serde: Option<String>,
}

/// Why some replies differ, and which.
type Exception = (&'static str, fn(&Difference) -> bool);

/// Differences that hold for all types.
const EXCEPTIONS: [Exception; 3] = [
    ("with serde, a string as a key is read from a number", |difference| {
        difference.name.contains("BTreeMap<alloc::string::String") && difference.to.is_none()
    }),
    (
        "serde reads any sequence from a map; `to` reads only vectors of pairs from it",
        |difference| difference.reply.contains('%') && difference.to.is_none(),
    ),
    (
        "serde asks an option whether there is a value before it tells what is in it: if the first array begins with \
         null, the counts decide",
        |difference| is_option_of_null(difference) && difference.serde.is_none(),
    ),
];

/// The same problem is found at another place.
const OTHER_PATHS: [Exception; 2] = [
    ("an option that begins with null", is_option_of_null),
    (
        "serde reads a streamed map before it counts its values, and the first problem is returned",
        |difference| {
            difference.reply.contains("*? ")
                && difference.to.as_ref().is_some_and(|to| to.contains("odd number"))
        },
    ),
];

fn is_option_of_null(difference: &Difference) -> bool {
    let first = difference.name.split_once(['(', ',']).map_or(difference.name, |(_, first)| first);
    let is_option =
        first.starts_with("core::option") || difference.name.contains("BTreeMap<core::option");
    is_option && ["*2 _ ", "*2 *-1 "].iter().any(|begin| difference.reply.contains(begin))
}

/// Asserts that each difference has a reason, and each reason a difference.
fn assert_excepted(differences: impl Iterator<Item = Difference>, exceptions: &[Exception]) {
    let mut counts = vec![0; exceptions.len()];
    let mut others = Vec::new();
    for difference in differences {
        let exception = exceptions.iter().position(|(_, is_excepted)| is_excepted(&difference));
        if let Some(exception) = exception {
            counts[exception] += 1;
            continue;
        }
        let Difference { name, reply, to, serde } = difference;
        others.push(format!("{name}: {reply}\n  to:    {to:?}\n  serde: {serde:?}"));
    }
    let count = others.len();
    others.truncate(20);
    assert!(count == 0, "{count} differ:\n{}", others.join("\n"));
    for ((reason, _), count) in exceptions.iter().zip(counts) {
        println!("{count} differ: {reason}");
        assert!(count > 0, "nothing differs: {reason}");
    }
}

/// What a comparison found.
struct Comparison {
    /// How many replies `to` reads.
    read: usize,
    /// The replies that only one of the two reads, or that they read as different values.
    differences: Vec<Difference>,
    /// The replies in which both find the same problem at different places, with the messages.
    paths: Vec<Difference>,
}

/// Compares the two functions, and the two ways of serde.
fn compare<T>(replies: &[(String, Vec<u8>)]) -> Comparison
where
    T: for<'a> FromReply<'a> + for<'de> Deserialize<'de> + PartialEq + Debug,
{
    let (mut read, mut differences, mut paths) = (0, Vec::new(), Vec::new());
    for (text, wire) in replies {
        let frame = zresp::decode(wire).expect(text).expect("whole");
        let to = frame.reply().to::<T>();
        let serde = de::from_reply::<T>(frame.reply());
        let (one_pass, size) = de::from_bytes::<T>(wire).expect("valid").expect("whole");
        assert_eq!((&one_pass, size), (&serde, wire.len()), "{}: {text}", type_name::<T>());
        read += usize::from(to.is_ok());
        let difference =
            |to, serde| Difference { name: type_name::<T>(), reply: text.clone(), to, serde };
        match (to, serde) {
            (Err(to), Err(serde)) => {
                let [to, serde] = [to, serde].map(|error| error.to_string());
                let problem = |message: &str| message.split(" at ").next().map(str::to_owned);
                if problem(&to) == problem(&serde) && to != serde {
                    paths.push(difference(Some(to), Some(serde)));
                }
            }
            (to, serde) => {
                let (to, serde) = (to.ok(), serde.ok());
                if to != serde {
                    let shown = |value: Option<T>| value.map(|value| format!("{value:?}"));
                    differences.push(difference(shown(to), shown(serde)));
                }
            }
        }
    }
    assert!(read > 0, "{} is never read", type_name::<T>());
    Comparison { read, differences, paths }
}

/// Compares many types.
macro_rules! compare {
    ($replies:ident: $($type:ty;)*) => {
        [$(compare::<$type>(&$replies)),*]
    };
}

/// All small replies with their bytes.
fn wires() -> Vec<(String, Vec<u8>)> {
    replies().into_iter().map(|text| (text.clone(), wire(&text))).collect()
}

#[test]
fn serde_and_to_read_alike() {
    let replies = wires();
    let all = compare! { replies:
        i64;
        String;
        Option<i64>;
        ();
        (i64, i64);
        (Vec<i64>, i64);
        (i64, Vec<(i64, i64)>, i64);
        ((i64, i64), (i64, i64));
        (Vec<(i64, i64)>, (i64, i64));
        (BTreeMap<i64, i64>, (i64, i64));
        Vec<i64>;
        Vec<String>;
        Vec<Option<i64>>;
        Vec<Option<Vec<i64>>>;
        Vec<Vec<i64>>;
        Vec<()>;
        [i64; 2];
        [Vec<i64>; 2];
        Vec<(i64, i64)>;
        Vec<(i64, Vec<i64>)>;
        Vec<(String, i64)>;
        Vec<(f64, ())>;
        Vec<(i64, i64, i64)>;
        Vec<(i64, i64, i64, i64)>;
        Vec<(Option<i64>, i64)>;
        Vec<(Option<i64>, Option<i64>)>;
        Vec<(Vec<i64>, Vec<i64>)>;
        Vec<(Option<Vec<i64>>, Vec<i64>)>;
        Vec<(Option<Vec<Option<i64>>>, Vec<i64>)>;
        Vec<(Option<()>, i64)>;
        Vec<(Vec<i64>, i64)>;
        Vec<(Vec<i64>, i64, i64)>;
        Vec<(BTreeMap<i64, i64>, Vec<i64>)>;
        Vec<((i64, i64), i64)>;
        Vec<([i64; 2], i64)>;
        Vec<(Vec<(i64, i64)>, i64)>;
        Vec<(Vec<(i64, i64)>, Vec<(i64, i64)>)>;
        Vec<(i64, Vec<(i64, i64)>)>;
        Vec<((), ())>;
        Vec<((), i64)>;
        Vec<((), Vec<i64>)>;
        Vec<((), (), ())>;
        Vec<Option<(i64, i64)>>;
        Vec<Vec<(i64, i64)>>;
        Vec<Vec<((), ())>>;
        Option<Vec<(i64, i64)>>;
        VecDeque<(i64, i64)>;
        BTreeSet<i64>;
        BTreeMap<i64, i64>;
        BTreeMap<String, Option<i64>>;
        BTreeMap<String, Vec<i64>>;
        BTreeMap<i64, Option<i64>>;
        BTreeMap<Option<i64>, i64>;
        BTreeMap<Vec<i64>, i64>;
        BTreeMap<Vec<i64>, Vec<i64>>;
        BTreeMap<(i64, i64), i64>;
        BTreeMap<(i64, i64), (i64, i64)>;
        BTreeMap<BTreeMap<i64, i64>, i64>;
        BTreeMap<(), Option<i64>>;
        BTreeMap<(), i64>;
        BTreeMap<i64, BTreeMap<i64, i64>>;
        Vec<BTreeMap<i64, i64>>;
        Option<BTreeMap<i64, i64>>;
    };
    let read: usize = all.iter().map(|comparison| comparison.read).sum();
    println!("{} types, {} replies, {read} values", all.len(), replies.len());
    let (differences, paths): (Vec<_>, Vec<_>) =
        all.into_iter().map(|comparison| (comparison.differences, comparison.paths)).unzip();
    assert_excepted(differences.into_iter().flatten(), &EXCEPTIONS);
    assert_excepted(paths.into_iter().flatten(), &OTHER_PATHS);
}

#[test]
fn types_that_serde_takes_for_others_differ() {
    let replies = wires();
    let array =
        "serde does not tell an array from a tuple, so an array of arrays is a list of tuples";
    let bytes = "serde reads a vector of bytes as a sequence of numbers, and `to` as a string too";
    let types = [
        (array, compare::<Vec<[i64; 2]>>(&replies)),
        (array, compare::<Vec<[Vec<i64>; 2]>>(&replies)),
        ("serde does not tell a box from what is in it", compare::<Vec<Box<(i64, i64)>>>(&replies)),
        ("serde does not tell a set from a vector", compare::<BTreeSet<(i64, i64)>>(&replies)),
        (
            "serde does not tell a list of tuples of a fixed length from a tuple",
            compare::<[(i64, i64); 2]>(&replies),
        ),
        (bytes, compare::<Vec<u8>>(&replies)),
        (bytes, compare::<Vec<(Vec<u8>, i64)>>(&replies)),
    ];
    for (reason, comparison) in types {
        let differences =
            comparison.differences.iter().filter(|difference| !difference.reply.contains('%'));
        println!("{} differ: {reason}", differences.clone().count());
        assert!(differences.count() > 0, "nothing differs: {reason}");
    }
}

/// A value, or nothing if it cannot be read.
#[derive(Debug, PartialEq)]
struct Lenient<T>(Option<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(T::deserialize(deserializer).ok()))
    }
}

/// Reads nothing.
#[derive(Debug, PartialEq)]
struct Unread;

impl<'de> Deserialize<'de> for Unread {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Ok(Self)
    }
}

/// Reads as many pairs as it can, whatever fails in them.
#[derive(Debug, PartialEq)]
struct AnyPairs<K, V>(Vec<(K, V)>);

impl<'de, K: Deserialize<'de>, V: Deserialize<'de>> Deserialize<'de> for AnyPairs<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs<K, V>(PhantomData<(K, V)>);
        impl<'de, K: Deserialize<'de>, V: Deserialize<'de>> Visitor<'de> for Pairs<K, V> {
            type Value = AnyPairs<K, V>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("pairs")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Ok(Some(key)) = map.next_key() {
                    let Ok(value) = map.next_value() else { break };
                    pairs.push((key, value));
                }
                Ok(AnyPairs(pairs))
            }
        }
        deserializer.deserialize_map(Pairs(PhantomData))
    }
}

/// Asserts that whatever `T` makes of a reply, the value after it is read.
fn assert_ends<T: for<'de> Deserialize<'de> + PartialEq + Debug>(replies: &[(String, Vec<u8>)]) {
    let mut read = 0;
    for (text, wire) in replies {
        let wire = [b"*3\r\n:66\r\n", wire.as_slice(), b":77\r\n"].concat();
        // A push inside another value is no reply.
        let Ok(frame) = zresp::decode(&wire) else { continue };
        let case = format!("{}: {text}", type_name::<T>());
        let frame = frame.expect("whole");
        let found = de::from_reply::<(i64, Lenient<T>, i64)>(frame.reply());
        let (one_pass, size) = de::from_bytes(&wire).expect("valid").expect("whole");
        assert_eq!((&one_pass, size), (&found, wire.len()), "{case}");
        let (before, value, after) = found.unwrap_or_else(|error| panic!("{case}: {error}"));
        assert_eq!((before, after), (66, 77), "{case}: {value:?}");
        read += usize::from(value.0.is_some());
    }
    assert!(read > 0, "{} is never read", type_name::<T>());
}

#[test]
fn a_list_ends_where_it_ends_whatever_fails_in_it() {
    let replies = wires();
    assert_ends::<Vec<(i64, i64)>>(&replies);
    assert_ends::<Vec<(i64, i64, i64)>>(&replies);
    assert_ends::<Vec<(Vec<i64>, i64)>>(&replies);
    assert_ends::<Vec<Lenient<(i64, i64)>>>(&replies);
    assert_ends::<Vec<Lenient<(i64, i64, i64)>>>(&replies);
    assert_ends::<Vec<Lenient<(Vec<i64>, i64)>>>(&replies);
    assert_ends::<Vec<Lenient<(Vec<(i64, i64)>, i64)>>>(&replies);
    assert_ends::<Vec<(Lenient<i64>, Lenient<i64>)>>(&replies);
    assert_ends::<Vec<(Lenient<Vec<i64>>, Lenient<i64>)>>(&replies);
    assert_ends::<Vec<(Lenient<Vec<(i64, i64)>>, Lenient<Vec<(i64, i64)>>)>>(&replies);
    assert_ends::<Vec<Lenient<(Lenient<Vec<Lenient<(i64, i64)>>>, i64)>>>(&replies);
    assert_ends::<Vec<(Unread, i64)>>(&replies);
    assert_ends::<Vec<Lenient<(Unread, Unread)>>>(&replies);
    assert_ends::<Vec<(Option<Unread>, Lenient<i64>)>>(&replies);
    assert_ends::<Vec<Lenient<(Option<Option<i64>>, i64)>>>(&replies);
    assert_ends::<Vec<(IgnoredAny, IgnoredAny)>>(&replies);
    assert_ends::<Vec<Lenient<Unread>>>(&replies);
    assert_ends::<BTreeMap<i64, i64>>(&replies);
    assert_ends::<AnyPairs<i64, i64>>(&replies);
    assert_ends::<AnyPairs<Lenient<i64>, Lenient<i64>>>(&replies);
    assert_ends::<AnyPairs<Vec<(i64, i64)>, Lenient<i64>>>(&replies);
    assert_ends::<AnyPairs<Unread, Unread>>(&replies);
    assert_ends::<AnyPairs<Lenient<Option<i64>>, Lenient<Vec<(i64, i64)>>>>(&replies);
}
