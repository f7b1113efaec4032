//! `Debug` output and error messages are made for logs: they are bounded, stay on one line, and have no bytes with
//! which a peer could forge a line.

use std::error::Error as _;
use std::fmt::Debug;

use bytes::BytesMut;
use zresp::command::ArgIndex;
use zresp::encode::{CommandPatch, ReplyPatch, ReplyShape, Shaped};
use zresp::replication::{Event, SyncDecoder};
use zresp::tree::StreamedString;
use zresp::{
    Arguments, Command, CommandBuf, CommandDecoder, CommandTokenReader, Decoder, EncodeCommand,
    EncodeError, ErrorReply, Framer, Kind, Limits, Protocol, Reply, ReplyRef, ReplyWriter,
    TokenReader, replies, requests,
};

fn shown(value: &impl Debug) -> String {
    format!("{value:?}")
}

/// Asserts that a text is bounded, and has no control characters.
fn assert_is_short(text: &str) {
    assert!(text.len() < 5_000, "{} bytes: {text:.200}", text.len());
    assert!(!text.contains(char::is_control), "{text:.200}");
}

fn of(wire: &[u8]) -> zresp::Decoded<'_> {
    zresp::decode(wire).expect("a valid reply").expect("a whole reply")
}

#[test]
fn iterators_show_the_items_that_are_left() {
    let frame = of(b"|1\r\n+ttl\r\n:9\r\n*2\r\n+a\r\n%1\r\n+k\r\n$1\r\nv\r\n");
    let mut elements = frame.reply().as_elements().expect("an array");
    assert_eq!(shown(&elements), r#"Array[Simple("a"), Map{Simple("k"): Bulk("v")}]"#);
    elements.next();
    assert_eq!(shown(&elements), r#"Array[Map{Simple("k"): Bulk("v")}]"#);
    assert_eq!(shown(&elements.annotated()), shown(&elements));
    let pairs = elements.next().expect("a map").as_pairs().expect("pairs");
    assert_eq!(shown(&pairs), r#"Map{Simple("k"): Bulk("v")}"#);
    assert_eq!(shown(&pairs.annotated()), shown(&pairs));
    assert_eq!(shown(&frame.attributes()), r#"Attribute{Simple("ttl"): Integer(9)}"#);
    assert_eq!(shown(&frame.attributes().iter()), r#"[(Simple("ttl"), Integer(9))]"#);
    assert!(shown(&frame.attributes().annotated()).contains("ttl"));
    let mut tokens = frame.reply().tokens();
    tokens.by_ref().take(2).for_each(drop);
    assert_eq!(shown(&tokens), r#"Map{Simple("k"): Bulk("v")}]"#);
    let mut all = replies(b"+a\r\n+b\r\n");
    all.next();
    assert_eq!(shown(&all), "Frames { offset: 4, rest: 4, .. }");
}

#[test]
fn commands_show_a_bounded_number_of_arguments() {
    let mut decoder = CommandDecoder::new();
    let request = decoder.decode(b"*2\r\n$3\r\nGET\r\n$2\r\n\r\n\r\n").unwrap().expect("a command");
    let Command::Array(command) = request.command() else { panic!("an array") };
    assert_eq!(shown(&command.args()), r#"Args["GET", "\r\n"]"#);
    let index: ArgIndex<'_> = command.index();
    assert_eq!(shown(&index), r#"ArgIndex["GET", "\r\n"]"#);
    let wide = CommandBuf::new("DEL").args(vec!["k".repeat(100); 100]);
    let text = shown(&wide);
    assert!(text.starts_with(r#"CommandBuf["DEL", "kkk"#) && text.ends_with(", …]"), "{text}");
    assert!(text.contains("… 100 bytes") && text.len() < 6_000, "{text}");
    assert_eq!(shown(&Command::from(command).to_frame()), shown(&Command::from(command)));
    for request in requests(b"get 'a b'\n") {
        let command = request.expect("a request").command();
        assert_eq!((&*command.name(), command.is("GET")), (b"get".as_slice(), true));
        assert!(shown(&command.to_frame()).contains("a b"));
    }
}

#[test]
fn decoders_show_their_progress() {
    let mut framer = Framer::replies(Limits::new());
    framer.advance(b"$5\r\nhe").expect("the beginning of a reply");
    assert_eq!(shown(&framer), "Framer { examined: 6, needed: 5, .. }");
    let mut decoder = Decoder::new();
    assert!(decoder.decode(b"$5\r\nhe").unwrap().is_none());
    assert!(shown(&decoder).starts_with("FrameDecoder { examined: 6"), "{decoder:?}");
    assert!(shown(&SyncDecoder::default()).starts_with("SyncDecoder { state: "));
    let mut out = BytesMut::new();
    let mut writer = ReplyWriter::new(&mut out, Protocol::Resp3);
    writer.open_array(2).expect("room");
    assert_eq!(shown(&writer), "ReplyWriter { protocol: Resp3, open: 1, .. }");
}

#[test]
fn events_of_a_synchronisation_show_no_payload() {
    let id = [b'a'; 40];
    let name = "a".repeat(40);
    for (event, expected) in [
        (
            Event::FullResync { id: &id, offset: 7 },
            format!("FullResync {{ id: {name}, offset: 7 }}"),
        ),
        (Event::Continue { id: Some(&id) }, format!("Continue {{ id: {name} }}")),
        (Event::Continue { id: None }, "Continue".into()),
        (Event::PayloadStart { len: Some(5) }, "PayloadStart { len: Some(5) }".into()),
        (Event::Payload(b"secret"), "Payload(6 bytes)".into()),
        (Event::PayloadEnd, "PayloadEnd".into()),
        (Event::Commands, "Commands".into()),
    ] {
        assert_eq!(shown(&event), expected);
    }
}

#[test]
fn trees_show_the_beginning_of_their_content() {
    let string: StreamedString = [b"ab".as_slice(), b"c"].into_iter().map(<[u8]>::to_vec).collect();
    assert_eq!(shown(&string), shown(&string.chunks()));
    let tree = Reply::array(vec![1; 1_000]);
    assert!(shown(&tree).len() < 2_000, "{tree:?}");
    let items = tree.as_items().expect("an array");
    assert!(shown(items).len() < 2_000, "{items:?}");
    let mut tree: Reply =
        (0..1_000).map(|n| (n, n)).collect::<std::collections::BTreeMap<_, _>>().into();
    let entries = tree.as_entries_mut().expect("a map");
    assert!(shown(&entries.iter()).len() < 2_000, "{entries:?}");
    assert!(shown(&entries.iter_mut()).len() < 2_000, "{entries:?}");
}

#[test]
fn long_values_are_shown_shortened() {
    let long = "x".repeat(if cfg!(miri) { 60_000 } else { 1_000_000 });
    let wire = CommandBuf::new("SET").arg(&long).arg(&long).to_wire().expect("a form");
    let request = requests(&wire).next().expect("a request").expect("a command");
    let line = format!("GET {}\r\n", &long[..60_000]);
    let inline = requests(line.as_bytes()).next().expect("a request").expect("a command");
    let Command::Array(command) = request.command() else { panic!("an array") };
    let mut patch = CommandPatch::new(command);
    patch.replace(1, &long).expect("an argument").push(&long);
    let reply = format!("*2\r\n${0}\r\n{long}\r\n-{long}\r\n", long.len());
    let mut changed = ReplyPatch::new(of(reply.as_bytes())).expect("an array");
    changed.replace(1, long.as_str()).expect("an element").push(long.as_str());
    let values = [
        shown(&request),
        shown(&inline),
        shown(&request.command().to_frame()),
        shown(&command.index()),
        shown(&patch),
        shown(&of(reply.as_bytes())),
        shown(&of(reply.as_bytes()).to_frame()),
        shown(&changed),
        shown(&Reply::from(of(reply.as_bytes()))),
        shown(&ErrorReply::new(long.as_str())),
        shown(&ErrorReply::new("a\0".repeat(long.len()))),
        #[cfg(feature = "commands")]
        shown(&zresp::commands::keys(&command).expect("a key").next()),
    ];
    for value in values {
        assert_is_short(&value);
    }
    assert_eq!(shown(&patch).matches("[1]").count(), 1, "{patch:?}");
}

#[test]
fn tokens_and_parts_are_shown_shortened() {
    let long = "\n".repeat(1_000_000);
    let wire = Arguments(&["SET", &long, &long]).to_wire().expect("a form");
    assert_is_short(&shown(&Arguments(&["SET", &long, &long])));
    assert_is_short(&shown(&Arguments(&vec!["k"; 1_000])));
    let mut reader = CommandTokenReader::new();
    let mut tokens = reader.tokens(&wire);
    assert_is_short(&shown(&tokens));
    let all: Vec<_> = tokens.by_ref().map(|token| shown(&token.expect("a command"))).collect();
    for token in &all {
        assert_is_short(token);
    }
    assert_eq!((&*all[0], &*all[1]), ("Open { len: 3 }", r#"Argument("SET")"#));
    assert_eq!(all[4], "Close");
    let line = format!("GET {}\r\n", "x".repeat(60_000));
    let token = shown(&CommandTokenReader::new().next(line.as_bytes()));
    assert_is_short(&token);
    assert!(token.contains("Inline("), "{token}");

    let reply = format!("${}\r\n{long}", long.len() + 1);
    let mut reader = TokenReader::new();
    assert_eq!(reader.next(reply.as_bytes()), Ok(None));
    let part = reader.next_part(reply.as_bytes(), 1).expect("a part");
    assert_is_short(&shown(&part));
    assert!(shown(&part).contains("… 1000000 bytes"), "{part:?}");
    let shape = ReplyShape::of_words(["GET", "k"]);
    assert_is_short(&shown(&Shaped::exec(Reply::Null, &vec![shape; 1_000])));
}

#[cfg(feature = "codec")]
#[test]
fn owned_tokens_are_shown_shortened() {
    use tokio_util::codec::Decoder as _;
    use zresp::codec::{CommandTokenCodec, ReplyTokenCodec};

    let long = "\n".repeat(1_000_000);
    let wire = Arguments(&["SET", &long]).to_wire().expect("a form");
    let line = format!("GET {}\r\n", "x".repeat(60_000));
    let unfinished = format!("*1\r\n${}\r\n{long}", long.len() + 1);
    for input in [wire.as_ref(), line.as_bytes(), unfinished.as_bytes()] {
        let (mut codec, mut buffer) = (CommandTokenCodec::new(), BytesMut::from(input));
        assert_is_short(&shown(&codec));
        while let Some(token) = codec.decode(&mut buffer).expect("a command") {
            assert_is_short(&shown(&token));
        }
    }
    let (mut codec, mut buffer) = (ReplyTokenCodec::new(), BytesMut::from(unfinished.as_bytes()));
    while let Some(token) = codec.decode(&mut buffer).expect("a reply") {
        assert_is_short(&shown(&token));
    }
}

#[cfg(feature = "commands")]
#[test]
fn facts_about_commands_are_shown_shortened() {
    use std::borrow::Cow;
    use zresp::commands::{Access, BeginSearch, CommandInfo, FindKeys, KeySpec};

    let long: Cow<'static, str> = "\n".repeat(1_000_000).into();
    let mut info = CommandInfo::new(long.clone(), 2);
    let begin = BeginSearch::Keyword { keyword: long.clone(), from: 1 };
    assert_is_short(&shown(&begin));
    let spec = KeySpec::new(Access::READ, begin, FindKeys::Unknown);
    assert_is_short(&shown(&spec));
    info.tips = vec![Cow::Borrowed("tip"); 1_000].into();
    info.unknown = vec![long; 2].into();
    info.key_specs = vec![spec; 2].into();
    assert_is_short(&shown(&info));
    info.key_specs = vec![info.key_specs[0].clone(); 1_000].into();
    assert!(shown(&info).len() < 64 * 400, "{} bytes", shown(&info).len());
}

#[cfg(feature = "aof")]
#[test]
fn names_of_files_are_shown_shortened_and_escaped() {
    use zresp::aof::{AofErrorKind, AofFiles, AofReader, Manifest};

    let name = "n".repeat(900);
    let lines = |count: u64| -> String {
        let line = |number| format!("file {name} seq {number} type i\n");
        (1..=count).map(line).collect::<Vec<_>>().concat()
    };
    let many = if cfg!(miri) { 100 } else { 10_000 };
    for count in [1, many] {
        let manifest = Manifest::parse(lines(count).as_bytes()).expect("a manifest");
        assert!(shown(&manifest).len() < 64 * 200, "{} bytes", shown(&manifest).len());
        assert_is_short(&shown(&manifest.files()[0]));
    }

    let forged = "a\n2026-01-01 all files are sound\x1b[2K\u{202e}";
    let mut error = AofReader::new(b"x\r\n".as_slice()).read().expect_err("no entry");
    error.file = Some(forged.into());
    assert_is_short(&error.to_string());
    assert_is_short(&shown(&error));
    assert!(error.to_string().starts_with(r"a\n2026-01-01 all files are sound\u{1b}[2K\u{202e}: "));
    error.file = Some(format!("{forged}{}", "n".repeat(100_000)).into());
    assert_is_short(&error.to_string());
    assert_is_short(&shown(&error));

    let mut files = AofFiles::open(forged).expect("a file that is opened later");
    let error = files.read().expect_err("no such file");
    assert!(matches!(error.kind, AofErrorKind::Io(_)), "{error}");
    assert_is_short(&error.to_string());
    let path = std::env::temp_dir().join(format!("zresp-shown-{}.manifest", std::process::id()));
    std::fs::write(&path, lines(many)).expect("a file");
    let files = AofFiles::open(&path).expect("a manifest");
    assert!(shown(&files).len() < 64 * 200, "{} bytes", shown(&files).len());
    std::fs::remove_file(&path).expect("the same file");
}

#[cfg(feature = "serde")]
#[test]
fn errors_of_serde_are_shown_shortened() {
    use serde::ser::Error as _;
    use zresp::ser::SerializeError;

    let error = SerializeError::custom("\n".repeat(1_000_000));
    assert_is_short(&shown(&error));
    assert_eq!(shown(&error), format!("SerializeError({error})"));
}

#[test]
fn a_long_path_to_a_value_is_shown_shortened() {
    type Nested<T> = Vec<Vec<Vec<Vec<Vec<Vec<Vec<Vec<T>>>>>>>>;
    type Deep = Nested<Nested<Nested<Nested<Nested<Nested<Nested<Nested<Nested<u8>>>>>>>>>;

    let wire = format!("{}+x\r\n", "*1\r\n".repeat(72));
    let frame = of(wire.as_bytes());
    let error = frame.reply().to::<Deep>().expect_err("no number");
    assert_eq!(error.path().count(), 72);
    assert_eq!(error.to_string().matches("element 0").count(), 64, "{error}");
    assert!(error.to_string().ends_with(", …"), "{error}");
}

#[test]
fn errors_are_shown_on_one_line() {
    let reply = ErrorReply::new("ERR a\nb");
    assert_eq!(reply.to_string(), r"ERR a\nb");
    assert_eq!(shown(&reply), r"ErrorReply(ERR a\nb)");
    assert_eq!((reply.message(), reply.code()), (b"ERR a\nb".as_slice(), b"ERR".as_slice()));
    assert!(reply.source().is_none());
    let turned = ErrorReply::new("a\u{61c}\u{2028}\u{202e}\u{2066}\u{200f}é b");
    assert_eq!(turned.to_string(), r"a\u{61c}\u{2028}\u{202e}\u{2066}\u{200f}é b");
    let error = of(b"*2\r\n:1\r\n$2\r\nx\n\r\n").reply().to::<Vec<u8>>().unwrap_err();
    assert_eq!(shown(&error), format!("ConversionError({error})"));
    assert!(error.source().is_none() && !error.to_string().contains('\n'), "{error}");
    assert_eq!(error.path().map(|place| shown(&place)).collect::<Vec<_>>(), ["element 1"]);
    assert_eq!(of(b"-WRONGTYPE no\r\n").reply().error_code(), Some(b"WRONGTYPE".as_slice()));
    assert_eq!(of(b"+OK\r\n").reply().error_code(), None);
}

#[test]
fn encode_errors_have_messages() {
    let array = Kind::Array;
    for (error, message) in [
        (EncodeError::LineBreak { kind: Kind::Simple, offset: 2 }, "line break in "),
        (EncodeError::NotABigNumber, "big number that is not a sign and digits"),
        (EncodeError::CannotStream { kind: Kind::Push }, "push cannot be streamed"),
        (EncodeError::NoArguments, "command without a name"),
        (
            EncodeError::SpaceInName { offset: 3 },
            "space in the name of a command at offset 3: add each word by itself",
        ),
        (EncodeError::NoRoom { needed: 5, room: 4 }, "5 bytes to write, room for 4"),
        (
            EncodeError::TooManyValues { kind: array, announced: 2 },
            "too many values for an array announced with 2",
        ),
        (EncodeError::TooFewValues { kind: array, missing: 1 }, "values missing in an array: 1"),
        (EncodeError::KeyWithoutValue, "key without a value"),
        (EncodeError::NothingToClose, "nothing open to close"),
        (EncodeError::Unfinished, "reply ends before all of it is written"),
        (
            EncodeError::TooLongToHold { limit: 64 },
            "reply longer than the 64 bytes that may be held",
        ),
        (EncodeError::NoSuchPart { index: 3, len: 2 }, "index 3 out of range: there are 2 parts"),
        (EncodeError::NotArrived { index: 2 }, "argument 2 has not arrived yet"),
    ] {
        assert!(error.to_string().starts_with(message), "{error}");
        assert!(error.source().is_none());
    }
}

#[test]
fn a_token_reader_shows_how_far_it_is() {
    let mut reader = TokenReader::new();
    assert!(reader.next(b"*2\r\n").unwrap().is_some());
    assert!(reader.next(b"*1\r\n").unwrap().is_some());
    assert_eq!(reader.next(b":1"), Ok(None));
    assert_eq!(shown(&reader), "FrameTokenReader { examined: 10, open: 2, .. }");
}

#[cfg(feature = "commands")]
#[test]
fn keys_and_their_errors_are_shown() {
    use zresp::commands::{CommandInfo, CommandTable, KeysError};

    let mut decoder = CommandDecoder::new();
    let request =
        decoder.decode(b"*3\r\n$4\r\nMGET\r\n$1\r\na\r\n$1\r\nb\r\n").unwrap().expect("a command");
    let Command::Array(command) = request.command() else { panic!("an array") };
    let keys = zresp::commands::keys(&command).expect("keys");
    assert_eq!(shown(&keys), r#"Keys["a", "b"]"#);
    assert!(keys == keys.clone());
    let key = r#"Key { key: "a", index: 1, access: Access(READ | ACCESS) }"#;
    assert_eq!(keys.clone().next().map(|key| shown(&key)).as_deref(), Some(key));
    let mut table = CommandTable::new();
    table.insert(CommandInfo::new("GET", 2)).expect("room");
    assert_eq!(shown(&table), r#"CommandTable["get"]"#);
    assert!(shown(CommandTable::builtin()).len() < 2_000, "only the first names");
    for (error, message) in [
        (KeysError::UnknownCommand, "command that is not in the table"),
        (KeysError::Arity, "wrong number of arguments"),
        (KeysError::Count { index: 2 }, "argument 2 is not the number of keys that follow"),
        (KeysError::Syntax, "arguments that contradict each other"),
        (KeysError::Unspecified, "keys at places that the table does not specify"),
    ] {
        assert_eq!(error.to_string(), message);
    }
}

#[cfg(feature = "std")]
#[test]
fn errors_of_readers_show_their_cause() {
    use std::io;
    use zresp::io::{ReplyReader, StreamError};

    let mut reader = ReplyReader::new(b"+a\r\nx".as_slice());
    assert!(reader.read().expect("a reply").is_some());
    assert!(shown(&reader).starts_with("FrameReader { reader: "), "{reader:?}");
    let error = reader.read().unwrap_err();
    assert_eq!(error.to_string(), "expected a type byte, found `x` at offset 4");
    assert!(error.source().is_none());
    assert_eq!(io::Error::from(error).kind(), io::ErrorKind::InvalidData);
    let error = StreamError::Io(io::Error::other("gone"));
    assert_eq!(error.to_string(), "gone");
    assert_eq!(io::Error::from(error).to_string(), "gone");
    let error = io::Error::from(EncodeError::NoArguments);
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
}

#[cfg(feature = "codec")]
#[test]
fn errors_of_codecs_show_their_cause() {
    use std::io;
    use zresp::io::StreamError;

    for (error, message) in [
        (StreamError::from(io::Error::other("gone")), "gone"),
        (
            StreamError::Decode { error: zresp::decode(b"x").unwrap_err(), position: 70 },
            "expected a type byte, found `x` at offset 70",
        ),
        (StreamError::from(EncodeError::NoArguments), "command without a name"),
    ] {
        assert_eq!(error.to_string(), message);
        assert!(error.source().is_none());
    }
}

#[test]
fn a_scalar_shows_its_kind() {
    assert_eq!(shown(&of(b"=6\r\ntxt:hi\r\n").reply()), r#"Verbatim(txt: "hi")"#);
    assert_eq!(shown(&ReplyRef::NullArray), "NullArray");
}
