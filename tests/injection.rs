//! Data never becomes protocol. In every way of making and writing a value, its data stays whole inside one frame,
//! or there is an error and nothing is written.
#![cfg(feature = "std")]

use bytes::BytesMut;
use zresp::encode::{CommandPatch, ReplyPatch, ReplyShape, Segments, Shaped};
use zresp::tree::{Entries, Items, StreamedString};
use zresp::view::Elements;
use zresp::{
    Arguments, Command, CommandBuf, Decoded, Decoder, Encode, EncodeCommand, EncodeError, Kind,
    LinePolicy, Protocol, Reply, ReplyRef, ReplyWriter, cmd,
};

const PROTOCOLS: [Protocol; 2] = [Protocol::Resp2, Protocol::Resp3];

/// Data that an attacker wants a peer to read as protocol.
const HOSTILE: [&[u8]; 22] = [
    b"",
    b"\r",
    b"\n",
    b"\r\n",
    b"\0",
    b"\n\r",
    b"a\rb",
    b"a\nb",
    b"a\r\nb",
    b"a\0b",
    b"\r\n\r\n",
    b"OK\r\n+INJECTED",
    b"OK\r\n+INJECTED\r\n",
    b"$-1\r\n",
    b"$4\r\nPING\r\n",
    b"x\r\n*1\r\n$8\r\nFLUSHALL\r\n",
    b"\r\n;0\r\n",
    b"\r\n.\r\n",
    b"1\r\n:2\r\n",
    b"12\r\n",
    b"|1\r\n+a\r\n+b\r\n",
    b"\xff\xfe\r\n\xff",
];

fn has_line_break(data: &[u8]) -> bool {
    data.iter().any(|byte| b"\r\n".contains(byte))
}

/// The only frame in the bytes.
fn one_frame<'a>(wire: &'a [u8], case: &str) -> Decoded<'a> {
    let frame = zresp::decode(wire).unwrap_or_else(|error| panic!("{case}: {error}"));
    let frame = frame.unwrap_or_else(|| panic!("{case}: incomplete"));
    assert_eq!(frame.wire().len(), wire.len(), "{case}: more than one frame");
    frame
}

/// Encodes a reply; asserts that an error writes nothing.
fn encoded(value: &impl Encode, protocol: Protocol, case: &str) -> Result<Vec<u8>, EncodeError> {
    appended(value.encoded_len(protocol), case, |out| value.encode(protocol, out))
}

/// Encodes a command; asserts that an error writes nothing.
fn encoded_command(value: &impl EncodeCommand, case: &str) -> Result<Vec<u8>, EncodeError> {
    appended(value.encoded_len(), case, |out| value.encode(out))
}

fn appended(
    len: Result<usize, EncodeError>,
    case: &str,
    encode: impl FnOnce(&mut BytesMut) -> Result<(), EncodeError>,
) -> Result<Vec<u8>, EncodeError> {
    let mut out = BytesMut::from("+before\r\n");
    let result = encode(&mut out);
    let written = out.split_off(9);
    assert_eq!(out, "+before\r\n", "{case}");
    assert_eq!(len, result.map(|()| written.len()), "{case}");
    assert!(result.is_ok() || written.is_empty(), "{case}: {result:?} after {written:?}");
    result.map(|()| written.to_vec())
}

/// Asserts that a value is written as one frame with the same meaning, or fails with this error. Asserts the same
/// for the value inside others, through a writer, in segments and in a patch.
fn assert_contained(name: &str, value: &Reply, error: Option<EncodeError>) {
    for protocol in PROTOCOLS {
        let case = format!("{name} of {value:?} in {protocol:?}");
        let written = encoded(value, protocol, &case);
        assert_eq!(written.as_ref().err(), error.as_ref(), "{case}");
        if let Ok(wire) = &written {
            let frame = one_frame(wire, &case);
            match protocol {
                Protocol::Resp3 => assert_eq!(Reply::from(frame), *value, "{case}"),
                Protocol::Resp2 => assert_eq!(text(&Reply::from(frame)), spaced(value), "{case}"),
            }
        }
        let key = Reply::map([(value.clone(), Reply::Null)]);
        let nested = Reply::array([Reply::Null, key, Reply::from("end")]);
        let attribute: Entries = [(value.clone(), value.clone())].into_iter().collect();
        let annotated = Reply::from(zresp::tree::Annotated::new(attribute, Reply::Null));
        // RESP2 leaves attributes out.
        let in_attribute = error.filter(|_| protocol == Protocol::Resp3);
        for (way, outer, error) in
            [("nested", &nested, error), ("attribute", &annotated, in_attribute)]
        {
            let case = format!("{way} {case}");
            let written = encoded(outer, protocol, &case);
            assert_eq!(written.as_ref().err(), error.as_ref(), "{case}");
            if let Ok(wire) = written {
                let again = Reply::from(one_frame(&wire, &case));
                assert!(protocol == Protocol::Resp2 || again == *outer, "{case}: {again:?}");
            }
        }

        let parts = Segments::of(value, protocol).map(|parts| parts.into_parts().concat());
        assert_eq!(parts, written, "{case}: parts");

        let mut out = BytesMut::from("+before\r\n");
        let mut writer = ReplyWriter::new(&mut out, protocol);
        writer.open_array(None).expect("room").integer(1).expect("room");
        assert_eq!(writer.value(value).err(), error, "{case}: writer");
        writer.integer(2).expect("room").close().expect("open");
        writer.finish().expect("closed");
        let middle = written.as_deref().unwrap_or_default();
        let count = if error.is_none() { 3 } else { 2 };
        let header = format!("+before\r\n*{count}\r\n:1\r\n").into_bytes();
        assert_eq!(out, [&header, middle, b":2\r\n"].concat(), "{case}: writer");

        let pair = one_frame(b"*2\r\n+a\r\n+b\r\n", "two values");
        for is_new in [false, true] {
            let mut patch = ReplyPatch::new(pair).expect("an aggregate");
            _ = if is_new {
                patch.push(value.clone())
            } else {
                patch.replace(0, value.clone()).expect("an element")
            };
            let patched = encoded(&patch, protocol, &case);
            let (before, after) =
                if is_new { ("*3\r\n+a\r\n+b\r\n", "") } else { ("*2\r\n", "+b\r\n") };
            let around = |wire: Vec<u8>| [before.as_bytes(), &wire, after.as_bytes()].concat();
            let expected = written.clone().map(around);
            assert_eq!(patched, expected, "{case}: patch");
        }
    }
}

/// The bytes of a string or an error, whichever way it is written.
fn text(reply: &Reply) -> Option<Vec<u8>> {
    match reply {
        Reply::Streamed(string) => Some(string.chunks().collect::<Vec<_>>().concat()),
        Reply::Error(message) | Reply::BulkError(message) => Some(message.to_vec()),
        Reply::Array(items) | Reply::Set(items) => items.first().and_then(text),
        Reply::Map(entries) => entries.iter().next().and_then(|(key, _)| text(key)),
        scalar => scalar.as_bytes().map(<[u8]>::to_vec),
    }
}

/// The same, with a space for each line break of a bulk error.
fn spaced(reply: &Reply) -> Option<Vec<u8>> {
    let space = |byte: u8| if b"\r\n".contains(&byte) { b' ' } else { byte };
    match reply {
        Reply::BulkError(message) => Some(message.iter().copied().map(space).collect()),
        other => text(other),
    }
}

#[test]
fn an_error_with_any_text_is_one_line() {
    for data in HOSTILE {
        let reply = Reply::error_lossy(data);
        assert_eq!(text(&reply), spaced(&Reply::BulkError(data.into())));
        assert_contained("error_lossy", &reply, None);

        let mut out = BytesMut::new();
        let mut writer = ReplyWriter::new(&mut out, Protocol::Resp2);
        writer.error_lossy(data).expect("one value").integer(1).expect("another");
        writer.finish().expect("nothing is open");
        assert_eq!(out, [&reply.to_wire(Protocol::Resp2).expect("a line")[..], b":1\r\n"].concat());
    }
}

fn line_break(kind: Kind, data: &[u8]) -> Option<EncodeError> {
    let offset = data.iter().position(|byte| b"\r\n".contains(byte))?;
    Some(EncodeError::LineBreak { kind, offset })
}

fn not_a_number(data: &[u8]) -> Option<EncodeError> {
    let is_number = !data.is_empty() && data.iter().all(u8::is_ascii_digit);
    (!is_number).then_some(EncodeError::NotABigNumber)
}

#[test]
fn data_in_a_line_must_have_no_line_break() {
    for data in HOSTILE {
        let simple = line_break(Kind::Simple, data);
        let error = line_break(Kind::Error, data);
        assert_eq!(simple.is_some(), has_line_break(data));
        assert_contained("simple", &Reply::simple(data), simple);
        assert_contained("Simple", &Reply::Simple(data.into()), simple);
        assert_contained("error", &Reply::error(data), error);
        assert_contained("Error", &Reply::Error(data.into()), error);
    }
}

#[test]
fn a_big_number_is_a_sign_and_digits() {
    for data in HOSTILE {
        assert_contained("BigNumber", &Reply::BigNumber(data.into()), not_a_number(data));
    }
    for text in ["-", "+", "--1", "1 ", " 1", "0x1", "1.0", "1e5", "١", "1\r\n:2", "nan"] {
        let error = Some(EncodeError::NotABigNumber);
        assert_contained("BigNumber", &Reply::BigNumber(text.into()), error);
    }
    for text in ["0", "-0", "+1", "007", "-99999999999999999999999999"] {
        assert_contained("BigNumber", &Reply::BigNumber(text.into()), None);
    }
}

#[test]
fn data_after_its_length_stays_whole() {
    for data in HOSTILE {
        let owned = || String::from_utf8_lossy(data).into_owned();
        let streamed = |chunks: &[&[u8]]| Reply::from(chunks.iter().collect::<StreamedString>());
        let pair = || std::iter::once((data, data));
        let replies = [
            ("bulk", Reply::bulk(data)),
            ("Bulk", Reply::Bulk(data.into())),
            ("From<&[u8]>", Reply::from(data)),
            ("From<Vec<u8>>", Reply::from(data.to_vec())),
            ("From<Bytes>", Reply::from(bytes::Bytes::from(data))),
            ("From<&str>", Reply::from(owned().as_str())),
            ("From<String>", Reply::from(owned())),
            ("From<Option>", Reply::from(Some(data))),
            ("FromIterator", std::iter::once(data).collect()),
            ("From<Items>", Reply::from(std::iter::once(data).collect::<Items>())),
            ("From<Entries>", Reply::from(pair().collect::<Entries>())),
            ("From<BTreeMap>", Reply::from(pair().collect::<std::collections::BTreeMap<_, _>>())),
            ("From<HashMap>", Reply::from(pair().collect::<std::collections::HashMap<_, _>>())),
            (
                "From<BTreeSet>",
                Reply::from(std::iter::once(data).collect::<std::collections::BTreeSet<_>>()),
            ),
            ("verbatim", Reply::verbatim(*b"txt", data)),
            ("Verbatim", Reply::Verbatim { format: *b"\r\n:", text: data.into() }),
            ("Verbatim", Reply::Verbatim { format: [0; 3], text: data.into() }),
            ("BulkError", Reply::BulkError(data.into())),
            ("streamed", streamed(&[data])),
            // An empty chunk would end the string.
            ("streamed", streamed(&[b"", data, b"", b"", data, b""])),
            ("streamed", streamed(&[b"", b""])),
        ];
        for (name, reply) in replies {
            assert_contained(name, &reply, None);
        }
        assert_contained(
            "streamed array",
            &Reply::Array(Items::from_iter([data]).streamed()),
            None,
        );
        let entries: Entries = pair().collect();
        assert_contained("streamed map", &Reply::Map(entries.streamed()), None);
    }
}

#[test]
fn views_made_by_hand_are_checked() {
    let streamed = [b"$?\r\n;2\r\n\r\n\r\n;0\r\n".as_slice()].concat();
    let ReplyRef::Streamed(chunks) = one_frame(&streamed, "chunks").reply() else { panic!() };
    for data in HOSTILE {
        let cases = [
            (ReplyRef::Simple(data), line_break(Kind::Simple, data)),
            (ReplyRef::Error(data), line_break(Kind::Error, data)),
            (ReplyRef::BigNumber(data), not_a_number(data)),
            (ReplyRef::Bulk(data), None),
            (ReplyRef::BulkError(data), None),
            (ReplyRef::Verbatim { format: b"\r\n+", text: data }, None),
            (ReplyRef::Streamed(chunks), None),
        ];
        for (view, error) in cases {
            for protocol in PROTOCOLS {
                let case = format!("{view:?} in {protocol:?}");
                let written = encoded(&view, protocol, &case);
                assert_eq!(written.as_ref().err(), error.as_ref(), "{case}");
                // The tree of a view is written as the view is.
                assert_eq!(encoded(&Reply::from(view), protocol, &case), written, "{case}");
                let Ok(wire) = written else { continue };
                let again = one_frame(&wire, &case).reply();
                if protocol == Protocol::Resp3 {
                    assert_eq!(again, view, "{case}");
                } else {
                    assert_eq!(text(&Reply::from(again)), spaced(&Reply::from(view)), "{case}");
                }
            }
        }
    }
}

#[test]
fn a_streamed_push_cannot_be_encoded() {
    let error = EncodeError::CannotStream { kind: Kind::Push };
    for values in [vec![], vec![1], vec![1, 2]] {
        let push = Reply::Push(values.into_iter().collect::<Items>().streamed());
        assert_contained("streamed push", &push, Some(error));
    }
    for wire in ["*?\r\n.\r\n", "~?\r\n:1\r\n.\r\n"] {
        let frame = one_frame(wire.as_bytes(), wire);
        let items = frame.reply().as_elements().expect("elements");
        let view = ReplyRef::Push(items);
        for protocol in PROTOCOLS {
            let case = format!("{view:?} in {protocol:?}");
            assert_eq!(encoded(&view, protocol, &case), Err(error), "{case}");
            assert_eq!(encoded(&Reply::from(view), protocol, &case), Err(error), "{case}");
            let mut out = BytesMut::new();
            let mut writer = ReplyWriter::new(&mut out, protocol);
            assert_eq!(writer.value(&view).err(), Some(error), "{case}");
        }
        // A patch of a streamed aggregate counts its elements.
        let patch = ReplyPatch::new(frame).expect("an aggregate");
        let wire = encoded(&patch, Protocol::Resp3, "patch").expect("a form on the wire");
        assert_eq!(one_frame(&wire, "patch").reply().as_elements().unwrap().count(), items.count());
    }
}

#[test]
fn the_rest_of_an_aggregate_is_an_aggregate() {
    for wire in [
        "*3\r\n+a\r\n*1\r\n_\r\n|1\r\n+k\r\n+v\r\n+c\r\n",
        "*?\r\n+a\r\n*?\r\n_\r\n.\r\n|0\r\n+c\r\n.\r\n",
    ] {
        let mut items = one_frame(wire.as_bytes(), wire).reply().as_elements().expect("elements");
        for left in (0..=3).rev() {
            for view in [ReplyRef::Array(items), ReplyRef::Set(items)] {
                for protocol in PROTOCOLS {
                    let case = format!("{view:?} in {protocol:?}");
                    let wire = encoded(&view, protocol, &case).expect("a form on the wire");
                    let again = one_frame(&wire, &case).reply();
                    assert_eq!(again.as_elements().expect("elements").count(), left, "{case}");
                    assert!(protocol == Protocol::Resp2 || again == view, "{case}: {again:?}");
                }
            }
            items.next();
        }
    }
}

/// Calls one method of the writer with data.
type Method =
    for<'w, 'b> fn(&'w mut ReplyWriter<'b>, &[u8]) -> Result<&'w mut ReplyWriter<'b>, EncodeError>;

#[test]
fn each_method_of_a_writer_contains_its_data() {
    type Tree = fn(&[u8]) -> Reply;
    const METHODS: [(&str, Method, Tree); 5] = [
        ("simple", |writer, data| writer.simple(data), |data| Reply::Simple(data.to_vec().into())),
        ("error", |writer, data| writer.error(data), |data| Reply::Error(data.to_vec().into())),
        ("bulk", |writer, data| writer.bulk(data), |data| Reply::from(data)),
        (
            "verbatim",
            |writer, data| writer.verbatim(*b"\r\n+", data),
            |data| Reply::verbatim(*b"\r\n+", data.to_vec()),
        ),
        (
            "value",
            |writer, data| writer.value(&ReplyRef::BulkError(data)),
            |data| Reply::BulkError(data.to_vec().into()),
        ),
    ];
    for data in HOSTILE {
        for (name, method, reply) in METHODS {
            for protocol in PROTOCOLS {
                let case = format!("{name} of {} in {protocol:?}", data.escape_ascii());
                let expected = encoded(&reply(data), protocol, &case);
                let mut out = BytesMut::new();
                let mut writer = ReplyWriter::new(&mut out, protocol);
                assert_eq!(method(&mut writer, data).err(), expected.as_ref().err().copied());
                writer.finish().expect("a whole reply, or none");
                assert_eq!(out, expected.unwrap_or_default(), "{case}");
            }
        }
    }
}

/// The arguments of the only command in the bytes, which is an array.
fn arguments(wire: &[u8], case: &str) -> Vec<Vec<u8>> {
    let mut requests = zresp::requests(wire);
    let request = requests.next().expect("a command").expect("a valid one");
    assert_eq!(request.wire().len(), wire.len(), "{case}: more than one command");
    let Command::Array(command) = request.command() else { panic!("{case}: inline") };
    command.args().map(<[u8]>::to_vec).collect()
}

#[test]
fn arguments_stay_whole() {
    for data in HOSTILE {
        let expected = vec![b"SET".to_vec(), data.to_vec(), data.to_vec()];
        let segments = Segments::of_arguments(&[b"SET", data, data]).expect("a name");
        let mut buf = CommandBuf::new("SET").arg(data);
        buf.extend([data]);
        let original = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n";
        let request = zresp::requests(original).next().expect("a command").expect("a valid one");
        let Command::Array(command) = request.command() else { panic!() };
        let mut replaced = CommandPatch::new(command);
        (1..3).for_each(|index| _ = replaced.replace(index, data).expect("an argument"));
        let mut pushed = CommandPatch::new(command);
        (1..3).for_each(|index| _ = pushed.remove(index).expect("an argument"));
        pushed.push([data]).push(Some(data));
        let ways = [
            ("Arguments", encoded_command(&Arguments(&[b"SET".as_slice(), data, data]), "slices")),
            ("CommandBuf", encoded_command(&buf, "buf")),
            ("cmd", encoded_command(&cmd!("SET", (data, data)), "cmd")),
            ("Segments", Ok(segments.slices().collect::<Vec<_>>().concat())),
            ("replace", encoded_command(&replaced, "replace")),
            ("push", encoded_command(&pushed, "push")),
        ];
        for (name, wire) in ways {
            let case = format!("{name} of {}", data.escape_ascii());
            let wire = wire.unwrap_or_else(|error| panic!("{case}: {error}"));
            assert_eq!(arguments(&wire, &case), expected, "{case}");
        }

        let mut prefixed = CommandPatch::new(command);
        (0..3).for_each(|index| _ = prefixed.prefix(index, data).expect("an argument"));
        let wire = encoded_command(&prefixed, "prefix").expect("a name");
        let expected = [b"SET".as_slice(), b"k", b"v"].map(|part| [data, part].concat());
        assert_eq!(arguments(&wire, "prefix"), expected, "{}", data.escape_ascii());
    }
}

#[test]
fn arguments_of_an_inline_command_stay_whole_as_an_array() {
    let line = br#"set "a\r\nb" '$-1' "\x00""#;
    let line = [line.as_slice(), b"\r\n"].concat();
    let request = zresp::requests(&line).next().expect("a command").expect("a valid one");
    let expected = [b"set".as_slice(), b"a\r\nb", b"$-1", b"\0"];
    let frame = request.command().to_frame();
    for wire in [encoded_command(&request.command(), "inline"), encoded_command(&frame, "frame")] {
        assert_eq!(arguments(&wire.expect("a name"), "inline"), expected);
    }
}

/// A name that an attacker chooses is one name, or an error.
#[test]
fn names_stay_whole_or_are_refused() {
    for data in HOSTILE.into_iter().chain([b"SET k v".as_slice(), b" ", b"a\tb", b"PING "]) {
        let case = data.escape_ascii().to_string();
        let expected = match data.iter().position(|byte| *byte <= 0x20) {
            Some(offset) => Err(EncodeError::SpaceInName { offset }),
            None => Ok(vec![data.to_vec(), b"key".to_vec()]),
        };
        let segments = Segments::of_arguments(&[data, b"key"]);
        let ways = [
            ("Arguments", encoded_command(&Arguments(&[data, b"key"]), &case)),
            ("CommandBuf", encoded_command(&CommandBuf::new(data).arg("key"), &case)),
            (
                "no name first",
                encoded_command(&CommandBuf::new(None::<&str>).arg(data).arg("key"), &case),
            ),
            ("Segments", segments.map(|segments| segments.slices().collect::<Vec<_>>().concat())),
        ];
        for (name, wire) in ways {
            assert_eq!(wire.map(|wire| arguments(&wire, &case)), expected, "{name} of {case}");
        }
    }
}

#[test]
fn a_command_without_a_name_is_an_error() {
    let none: [&[u8]; 0] = [];
    assert_eq!(encoded_command(&Arguments(&none), "none"), Err(EncodeError::NoArguments));
    let parts = Segments::of_command(&Arguments(&none));
    assert_eq!(parts.err(), Some(EncodeError::NoArguments));
    let nothing = CommandBuf::new(None::<&str>);
    assert_eq!(encoded_command(&nothing, "nothing"), Err(EncodeError::NoArguments));
}

/// An attacker may choose keys and values.
#[cfg(feature = "serde")]
#[test]
fn data_that_serde_writes_stays_whole() {
    use std::collections::BTreeMap;

    use zresp::ser;

    for data in HOSTILE {
        let case = data.escape_ascii().to_string();
        let text = String::from_utf8_lossy(data).into_owned();
        let value = BTreeMap::from([(text.clone(), vec![Some(text.clone()), None])]);
        let reply = ser::to_reply(&value).expect("a form");
        for protocol in PROTOCOLS {
            let wire = encoded(&reply, protocol, &case).expect("a form on the wire");
            let frame = one_frame(&wire, &case);
            let read: BTreeMap<String, Vec<Option<String>>> =
                zresp::de::from_reply(frame.reply()).expect("what was written");
            assert_eq!(read, value, "{case}");
        }
        let mut command = CommandBuf::new("SET");
        let pairs = BTreeMap::from([(text.clone(), text.clone())]);
        ser::push_arguments(&mut command, &(&text, pairs)).expect("arguments");
        let wire = encoded_command(&command, &case).expect("a name");
        let text = text.as_bytes();
        assert_eq!(arguments(&wire, &case), [b"SET", text, text, text], "{case}");
    }
}

#[cfg(feature = "codec")]
#[test]
fn a_codec_writes_one_frame_or_nothing() {
    use tokio_util::codec::Encoder as _;
    use zresp::codec::{CommandCodec, ReplyCodec};

    for data in HOSTILE {
        let case = data.escape_ascii().to_string();
        for protocol in PROTOCOLS {
            let mut codec = CommandCodec::new();
            codec.set_protocol(protocol);
            let replies = [
                Reply::simple(data.to_vec()),
                Reply::error(data.to_vec()),
                Reply::bulk(data.to_vec()),
                Reply::map([(data.to_vec(), Reply::simple(data.to_vec()))]),
            ];
            for reply in replies {
                let mut out = BytesMut::from("+before\r\n");
                let is_written = codec.encode(&reply, &mut out).is_ok();
                let written = out.split_off(9);
                assert_eq!(out, "+before\r\n", "{case}");
                assert_eq!(is_written, !written.is_empty(), "{case}");
                if is_written {
                    one_frame(&written, &case);
                }
            }
        }
        let mut out = BytesMut::new();
        ReplyCodec::new().encode(Arguments(&[b"GET".as_slice(), data]), &mut out).expect("a name");
        assert_eq!(arguments(&out, &case), [b"GET", data], "{case}");
    }
}

/// Values that a decoder accepts as they were sent, and why they cannot be written.
const AS_SENT: [(&str, EncodeError); 9] = [
    ("-ERR a\nb\r\n", EncodeError::LineBreak { kind: Kind::Error, offset: 5 }),
    ("+\n\r\n", EncodeError::LineBreak { kind: Kind::Simple, offset: 0 }),
    ("(\r\n", EncodeError::NotABigNumber),
    ("(1\n2\r\n", EncodeError::NotABigNumber),
    ("*2\r\n:1\r\n*1\r\n+a\n:2\r\n", EncodeError::LineBreak { kind: Kind::Simple, offset: 1 }),
    ("*?\r\n%1\r\n+k\r\n-\nb\r\n.\r\n", EncodeError::LineBreak { kind: Kind::Error, offset: 0 }),
    ("~1\r\n>2\r\n+subscribe\r\n(x\r\n", EncodeError::NotABigNumber),
    ("|1\r\n+k\r\n-a\nb\r\n:1\r\n", EncodeError::LineBreak { kind: Kind::Error, offset: 1 }),
    ("|1\r\n+k\r\n*1\r\n(x\r\n*1\r\n:1\r\n", EncodeError::NotABigNumber),
];

/// What the writers say of a view and of everything in it, in both protocols.
fn refusals(frame: Decoded<'_>, case: &str, refusals: &mut Vec<EncodeError>) {
    let owned = frame.to_frame();
    let tree = Reply::from(frame);
    for protocol in PROTOCOLS {
        let shape = ReplyShape::of_words(["SMEMBERS", "key"]);
        let results = [
            encoded(&Shaped::new(frame, shape), protocol, case),
            encoded(&Shaped::new(frame.reply(), shape), protocol, case),
            encoded(&frame, protocol, case),
            encoded(&owned, protocol, case),
            encoded(&owned.compact(), protocol, case),
            encoded(&frame.reply(), protocol, case),
            encoded(&owned.reply(), protocol, case),
            encoded(&tree, protocol, case),
            Segments::of(&frame, protocol).map(|parts| parts.into_parts().concat()),
        ];
        for result in results {
            match result {
                // Without a refusal, what was written is a strict frame.
                Ok(wire) => _ = one_frame(&wire, case),
                Err(error) => refusals.push(error),
            }
        }
    }
    let attributes = frame.attributes().annotated().flat_map(<[_; 2]>::from);
    attributes.for_each(|value| self::refusals(value, case, refusals));
    match frame.reply() {
        ReplyRef::Map(pairs) => pairs
            .annotated()
            .flat_map(<[_; 2]>::from)
            .for_each(|value| self::refusals(value, case, refusals)),
        reply => {
            let elements = reply.as_elements().into_iter().flat_map(Elements::annotated);
            elements.for_each(|value| self::refusals(value, case, refusals));
        }
    }
}

#[test]
fn a_line_that_was_taken_as_it_was_sent_is_never_written() {
    for (wire, expected) in AS_SENT {
        let mut decoder = Decoder::new().with_line_policy(LinePolicy::AsSent);
        for cut in (0..wire.len()).step_by(if cfg!(miri) { 7 } else { 1 }) {
            decoder.reset();
            let part = decoder.decode(&wire.as_bytes()[..cut]);
            assert!(matches!(part, Ok(None)), "{wire:?}, {cut}");
            let frame = decoder.decode(wire.as_bytes()).unwrap().unwrap();
            let mut found = Vec::new();
            refusals(frame, wire, &mut found);
            assert!(found.len() >= 10, "{wire:?}: {found:?}");
            assert!(found.iter().all(|error| *error == expected), "{wire:?}: {found:?}");

            let mut buffer = BytesMut::from(wire);
            let owned = decoder.decode_frame(&mut buffer).unwrap().unwrap();
            let frame = decoder.decode(wire.as_bytes()).unwrap().unwrap();
            assert_eq!(owned, frame.to_frame(), "{wire:?}");
            for protocol in PROTOCOLS {
                // RESP2 leaves attributes out.
                let is_left_out = wire.starts_with('|') && protocol == Protocol::Resp2;
                let expected = (!is_left_out).then_some(expected);
                assert_eq!(encoded(&owned, protocol, wire).err(), expected, "{wire:?}");
                let tree = Reply::from(frame);
                assert_eq!(encoded(&tree, protocol, wire).err(), expected, "{wire:?}");
                if let Some(patch) = ReplyPatch::new(frame) {
                    assert_eq!(encoded(&patch, protocol, wire).err(), expected, "{wire:?}");
                }
            }
            let strict = Decoder::new().decode(wire.as_bytes());
            assert!(strict.is_err_and(|error| error.kind.is_malformed()), "{wire:?}");
        }
    }
}
