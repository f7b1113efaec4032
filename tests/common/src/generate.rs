//! Strategies that make input: valid frames, frames with a few bytes changed, and soup.

use std::ops::Range;
use std::{env, fmt};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::oracle;

type Bytes = BoxedStrategy<Vec<u8>>;

/// Input that a failed test shows as text, shortened if it is long.
#[derive(Clone)]
pub struct Input(pub Vec<u8>);

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes: {:.2000}", self.0.len(), self.0.escape_ascii().to_string())
    }
}

/// A configuration with this number of cases, or with the number in the variable `PROPTEST_CASES`.
pub fn cases(cases: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    if env::var_os("PROPTEST_CASES").is_some() {
        default
    } else {
        ProptestConfig { cases, ..default }
    }
}

/// One valid frame on the wire, of any kind. Any of its values may have attributes.
pub fn frame() -> impl Strategy<Value = Input> {
    frames().prop_map(Input)
}

fn frames() -> Bytes {
    let leaf = annotated(scalar(), scalar());
    let values = leaf
        .prop_recursive(6, 64, 6, |value| annotated(aggregate(value.clone()), value.boxed()))
        .boxed();
    // Only a push that is the frame's value may begin with anything.
    let elements = vec(values.clone(), 0..6);
    let push = annotated(elements.prop_map(|elements| counted(b'>', &elements)), values.clone());
    prop_oneof![6 => values, 1 => push].boxed()
}

/// Valid frames in which a few bytes have been changed, removed or added, or which are cut.
pub fn mutated() -> impl Strategy<Value = Input> {
    edited(vec(frames(), 1..3), 0..4)
}

/// The parts joined, with a few bytes changed, removed or added, or cut.
fn edited(
    parts: impl Strategy<Value = Vec<Vec<u8>>>,
    edits: Range<usize>,
) -> impl Strategy<Value = Input> {
    let edit = (any::<Index>(), 0..4u8, byte());
    (parts, vec(edit, edits)).prop_map(|(parts, edits)| {
        let mut bytes = parts.concat();
        for (place, action, byte) in edits {
            let at = place.index(bytes.len() + 1);
            match action {
                0 => bytes.insert(at, byte),
                1 => bytes.truncate(at),
                _ if at == bytes.len() => {}
                2 => bytes[at] = byte,
                _ => _ = bytes.remove(at),
            }
        }
        Input(bytes)
    })
}

/// Small frames in a row, most of them like the one before, and sometimes with a changed byte. A decoder that
/// remembers layouts may mistake one for another.
pub fn alike() -> impl Strategy<Value = Input> {
    let word =
        prop_oneof![4 => vec(byte(), 0..4), 1 => vec(byte(), 8..12), 1 => vec(byte(), 98..102)];
    // The same word several times in a row: lists of equal lengths. A decoder looks for them only in
    // lists of more than sixteen strings.
    let times = prop_oneof![4 => 1..6usize, 1 => 14..40usize];
    let words = (word, times).prop_map(|(word, times)| vec![word; times]);
    // A decoder learns the layout of the third frame of one size in a row.
    let command = (vec(words, 0..5), 1..6usize).prop_map(|(words, times)| {
        let words = words.concat();
        let bulks: Vec<u8> = words.iter().flat_map(|word| sized(b'$', word)).collect();
        let header = format!("*{}\r\n", words.len()).into_bytes();
        let frame = if words.len() == 1 { bulks } else { [header, bulks].concat() };
        frame.repeat(times)
    });
    let line = (select(&["+OK", "+KO", "+QUEUE", "+QUEUED", "-OK", ":1"]), 1..6usize)
        .prop_map(|(text, times)| format!("{text}\r\n").into_bytes().repeat(times));
    let frames = vec(prop_oneof![3 => command, 3 => commands(), 2 => flags(), 1 => line], 1..6);
    let edits = vec((any::<Index>(), byte()), 0..3);
    (frames, edits).prop_map(|(frames, edits)| {
        // Each run of equal frames comes twice, with the other runs between.
        let mut bytes = [frames.concat(), frames.concat()].concat();
        for (place, byte) in edits {
            let at = place.index(bytes.len());
            bytes[at] = byte;
        }
        Input(bytes)
    })
}

/// Commands in a row that have one name and arguments of different lengths.
fn commands() -> Bytes {
    let name = select(&["GET", "SET", "MSET", "GETRANGE", "INCRBYFLOAT"]);
    let arguments = vec(vec(byte(), 0..14), 1..3);
    (name, vec(arguments, 1..5))
        .prop_map(|(name, commands)| {
            let bulks = |arguments: Vec<Vec<u8>>| -> Vec<u8> {
                let header = format!("*{}\r\n", arguments.len() + 1).into_bytes();
                let arguments = arguments.iter().flat_map(|argument| sized(b'$', argument));
                [header, sized(b'$', name.as_bytes()), arguments.collect()].concat()
            };
            commands.into_iter().flat_map(bulks).collect()
        })
        .boxed()
}

/// An array of small integers and of constants.
fn flags() -> Bytes {
    let line = select(&[":0\r\n", ":1\r\n", ":7\r\n", ":10\r\n", "$-1\r\n", "_\r\n", "#t\r\n"]);
    let runs = vec((line, 1..4usize), 0..5);
    runs.prop_map(|runs| {
        let count: usize = runs.iter().map(|(_, times)| times).sum();
        let lines = runs.iter().map(|(line, times)| line.repeat(*times));
        format!("*{count}\r\n{}", lines.collect::<String>()).into_bytes()
    })
    .boxed()
}

/// Bytes that mean something to the grammar, and pieces of headers, in random order.
pub fn soup() -> impl Strategy<Value = Input> {
    let piece =
        prop_oneof![byte().prop_map(|byte| vec![byte]), select(PIECES).prop_map(<[u8]>::to_vec),];
    vec(piece, 0..12).prop_map(|pieces| Input(pieces.concat()))
}

/// Places where input is cut, in ascending order.
pub fn cuts() -> impl Strategy<Value = Vec<usize>> {
    vec(0..200usize, 0..6).prop_map(|mut cuts| {
        cuts.sort_unstable();
        cuts
    })
}

/// The default limits, mostly, or limits that small frames exceed; lines as sent, or strict ones.
pub fn limits() -> impl Strategy<Value = oracle::Limits> {
    let tight = (0..6usize, 0..70usize, 0..8usize, 0..200usize).prop_map(
        |(depth, bulk, elements, frame)| oracle::Limits {
            depth,
            bulk,
            elements,
            frame,
            lines_as_sent: false,
        },
    );
    let limits = prop_oneof![2 => Just(oracle::Limits::default()), 1 => tight];
    (limits, any::<bool>())
        .prop_map(|(limits, lines_as_sent)| oracle::Limits { lines_as_sent, ..limits })
}

const PIECES: &[&[u8]] = &[
    b"\r\n",
    b"$-1\r\n",
    b"*-1\r\n",
    b"$?\r\n",
    b"*?\r\n",
    b"%?\r\n",
    b"~?\r\n",
    b";0\r\n",
    b".\r\n",
    b"+OK\r\n",
    b":1\r\n",
    b":-9223372036854775808\r\n",
    b"$0\r\n\r\n",
    b"$1\r\na\r\n",
    b"$12\r\n",
    b"*1\r\n",
    b"*2\r\n",
    b"%1\r\n",
    b"|1\r\n",
    b"|0\r\n",
    b">1\r\n",
    b"*1\r\n>2\r\n",
    b"+subscribe\r\n",
    b"$12\r\npunsubscribe\r\n",
    b"+a\nb\r\n",
    b"(1  +a\r\n",
    b"~1\r\n",
    b"=4\r\ntxt:\r\n",
    b"=15\r\n",
    b"!3\r\nERR\r\n",
    b"#t\r\n",
    b"_\r\n",
    b",1.5\r\n",
    b",inf\r\n",
    b",-nan\r\n",
    b"(12345678901234567890\r\n",
    b"99999",
    b"2147483648",
    b"536870913",
    b"9223372036854775807",
    b";1\r\na\r\n",
];

fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![
        4 => select(b"+-:$*~%>|_#,(!=;.?\r\n0123456789tfinaeE".as_slice()),
        1 => any::<u8>(),
    ]
}

/// A value with any number of attributes, mostly none. Their keys and values are of `content`.
fn annotated(value: impl Strategy<Value = Vec<u8>> + 'static, content: Bytes) -> Bytes {
    let attribute = vec((content.clone(), content), 0..3)
        .prop_map(|pairs| [format!("|{}\r\n", pairs.len()).into_bytes(), flat(pairs)].concat());
    let attributes = prop_oneof![
        8 => Just(Vec::new()),
        1 => vec(attribute, 1..3).prop_map(|attributes| attributes.concat()),
    ];
    (attributes, value).prop_map(|(attributes, value)| [attributes, value].concat()).boxed()
}

fn aggregate(value: Bytes) -> Bytes {
    let elements = vec(value.clone(), 0..6);
    let pairs = vec((value.clone(), value.clone()), 0..4);
    prop_oneof![
        2 => (select(b"*~".as_slice()), elements.clone())
            .prop_map(|(kind, elements)| counted(kind, &elements)),
        1 => (annotated(confirming_word(), value), elements.clone())
            .prop_map(|(word, elements)| counted(b'>', &[vec![word], elements].concat())),
        2 => (select(b"*~".as_slice()), elements)
            .prop_map(|(kind, elements)| streamed(kind, &elements.concat())),
        2 => pairs.clone().prop_map(|pairs| {
            [format!("%{}\r\n", pairs.len()).into_bytes(), flat(pairs)].concat()
        }),
        2 => pairs.prop_map(|pairs| streamed(b'%', &flat(pairs))),
    ]
    .boxed()
}

/// The first element of a push that may be inside another value.
fn confirming_word() -> Bytes {
    const WORDS: &[&str] =
        &["subscribe", "unsubscribe", "psubscribe", "punsubscribe", "ssubscribe", "sunsubscribe"];
    (select(WORDS), any::<bool>())
        .prop_map(|(word, is_simple)| {
            if is_simple { lined(b'+', word.as_bytes()) } else { sized(b'$', word.as_bytes()) }
        })
        .boxed()
}

fn counted(kind: u8, elements: &[Vec<u8>]) -> Vec<u8> {
    let header = format!("{}{}\r\n", char::from(kind), elements.len()).into_bytes();
    [header, elements.concat()].concat()
}

fn flat(pairs: Vec<(Vec<u8>, Vec<u8>)>) -> Vec<u8> {
    pairs.into_iter().flat_map(|(key, value)| [key, value]).flatten().collect()
}

fn streamed(kind: u8, values: &[u8]) -> Vec<u8> {
    [&[kind, b'?', b'\r', b'\n'], values, b".\r\n"].concat()
}

fn scalar() -> Bytes {
    prop_oneof![
        3 => payload().prop_map(|payload| sized(b'$', &payload)),
        1 => payload().prop_map(|payload| sized(b'!', &payload)),
        1 => payload().prop_map(|text| sized(b'=', &[b"txt:".as_slice(), &text].concat())),
        2 => (select(b"+-".as_slice()), line()).prop_map(|(kind, text)| lined(kind, &text)),
        2 => integer().prop_map(|text| lined(b':', text.as_bytes())),
        1 => double().prop_map(|text| lined(b',', text.as_bytes())),
        1 => "[+-]?[0-9]{1,30}".prop_map(|text| lined(b'(', text.as_bytes())),
        1 => select(&["$-1", "*-1", "_", "#t", "#f"]).prop_map(|text| [text.as_bytes(), b"\r\n"].concat()),
        1 => vec(vec(any::<u8>(), 1..9), 0..4).prop_map(|chunks| {
            let chunks: Vec<_> = chunks.iter().map(|chunk| sized(b';', chunk)).collect();
            [b"$?\r\n".as_slice(), &chunks.concat(), b";0\r\n"].concat()
        }),
    ]
    .boxed()
}

fn sized(kind: u8, payload: &[u8]) -> Vec<u8> {
    let header = format!("{}{}\r\n", char::from(kind), payload.len()).into_bytes();
    [header.as_slice(), payload, b"\r\n"].concat()
}

fn lined(kind: u8, text: &[u8]) -> Vec<u8> {
    [&[kind], text, b"\r\n"].concat()
}

/// Payloads whose lengths are around those where a header grows by a digit.
fn payload() -> impl Strategy<Value = Vec<u8>> {
    let length = prop_oneof![60 => 0..12usize, 6 => 95..105usize, 1 => 995..1_005usize];
    length.prop_flat_map(|length| {
        prop_oneof![vec(byte(), length), any::<u8>().prop_map(move |byte| vec![byte; length])]
    })
}

fn line() -> impl Strategy<Value = Vec<u8>> {
    let byte = any::<u8>().prop_filter("no line break", |byte| !b"\r\n".contains(byte));
    prop_oneof![Just(b"OK".to_vec()), vec(byte, 0..40)]
}

fn integer() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i64>().prop_map(|value| value.to_string()),
        (-200_000..200_000i64).prop_map(|value| value.to_string()),
        (0..=i64::MAX).prop_map(|value| format!("+{value}")),
        select(&["9223372036854775807", "-9223372036854775808"]).prop_map(str::to_owned),
    ]
}

fn double() -> impl Strategy<Value = String> {
    prop_oneof![
        "[+-]?[0-9]{1,20}(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,4})?",
        "[+-]?([iI][nN][fF]|[nN][aA][nN])",
    ]
}

/// Requests of both forms, with skipped lines between them; some are broken or cut.
pub fn requests() -> impl Strategy<Value = Input> {
    let array = arguments().prop_map(|arguments| {
        let header = format!("*{}\r\n", arguments.len()).into_bytes();
        arguments.iter().fold(header, |bytes, argument| [bytes, sized(b'$', argument)].concat())
    });
    let token = prop_oneof![
        4 => select(&["get", "a", "POST", "host:", "Hos", "pos", "*1", "$1"]).prop_map(str::to_owned),
        3 => vec(select(QUOTED), 0..5).prop_map(|parts| format!("\"{}\"", parts.concat())),
        3 => vec(select(QUOTED), 0..5).prop_map(|parts| format!("'{}'", parts.concat())),
        2 => vec(select(QUOTED), 0..5).prop_map(|parts| parts.concat()),
    ];
    let gap = select(&[" ", "  ", "\t", "\r", "\x0b", ""]);
    let line =
        (vec((gap, token), 0..4), select(&["\r\n", "\n", " \r\n"])).prop_map(|(tokens, end)| {
            let tokens = tokens.into_iter().map(|(gap, token)| format!("{gap}{token}"));
            format!("{}{end}", tokens.collect::<String>()).into_bytes()
        });
    let nothing = select(&["\r\n", "\n", "*0\r\n", "*-1\r\n", "*-19\r\n", " \r\n"])
        .prop_map(|text| text.as_bytes().to_vec());
    let request = prop_oneof![4 => array, 3 => line, 2 => nothing, 2 => commands()];
    edited(vec(request, 0..5), 0..3)
}

/// Texts that mean something between quotes.
const QUOTED: &[&str] = &[
    "a", "P", "o", "s", "T", "h", ":", " ", "\\", "\\n", "\\x", "\\x4", "\\x4f", "\\xzz", "\\\"",
    "\\'", "'", "\"", "\r", "\x0b", "post", "host:",
];

/// The arguments of a command, its name included.
pub fn arguments() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let argument = prop_oneof![4 => vec(byte(), 0..12), 1 => vec(byte(), 95..105)];
    prop_oneof![6 => vec(argument.clone(), 1..4), 1 => vec(argument, 8..13)]
}
