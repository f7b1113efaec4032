//! Decoding allocates nothing, except for the stack of open aggregates beyond sixteen levels and for pushes in an
//! attribute of the first element of another push. Owning and encoding allocate only as often as counted here.

use allocation_counter::{AllocationInfo, measure};
use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use zresp::encode::CommandPatch;
use zresp::{
    Arguments, Command, CommandDecoder, Decoded, Decoder, Encode, EncodeCommand, Frame, Framer,
    Kind, Limits, Protocol, Reply, ReplyRef, Token, TokenReader,
};
use zresp_testing::generate;

/// The header of each kind of aggregate, with a key if its value needs one.
const NESTED: [&str; 5] =
    ["*1\r\n", "~1\r\n", ">2\r\n+subscribe\r\n", "%1\r\n+k\r\n", "*1\r\n|1\r\n+k\r\n+v\r\n"];

/// Asserts that the work allocates nothing.
fn assert_free(name: &str, work: impl FnOnce()) {
    let AllocationInfo { count_total, bytes_total, .. } = measure(work);
    assert_eq!((count_total, bytes_total), (0, 0), "{name}: allocations and bytes");
}

/// Reads every value, through every iterator.
fn read(reply: ReplyRef<'_>) -> usize {
    match reply {
        ReplyRef::Array(items) | ReplyRef::Set(items) | ReplyRef::Push(items) => items
            .annotated()
            .map(|item| read(item.reply()) + item.attributes().iter().count())
            .sum(),
        ReplyRef::Map(pairs) => pairs.map(|(key, value)| read(key) + read(value)).sum(),
        ReplyRef::Streamed(chunks) => chunks.map(<[u8]>::len).sum(),
        scalar => scalar.as_bytes().map_or(1, <[u8]>::len),
    }
}

#[test]
fn decoding_and_reading_up_to_sixteen_levels_allocates_nothing() {
    for header in NESTED {
        let levels = if header.contains('|') { 15 } else { 16 };
        let frame = format!("{}$2\r\nhi\r\n", header.repeat(levels)).into_bytes();
        assert_free(header, || {
            let decoded = zresp::decode(&frame).unwrap().unwrap();
            assert!(read(decoded.reply()) >= 2);
            assert!(decoded.tokens().count() > levels);
            assert!(decoded.reply() == decoded.reply());
        });
        assert_free(header, || {
            let mut decoder = Decoder::new();
            for end in 0..frame.len() {
                assert!(decoder.decode(&frame[..end]).unwrap().is_none());
            }
            assert!(decoder.decode(&frame).unwrap().is_some());
        });
    }
}

/// The most allocations of a pass over a push that another one waits for.
const MOST_FOR_PUSHES: u64 = 3;

/// Whether a push inside another value is in an attribute of the first element of another such push.
fn has_push_before_first_element(frame: Decoded<'_>) -> bool {
    // Whether each open aggregate is such a push whose first element is still to come.
    let mut open = Vec::new();
    for token in frame.tokens() {
        match token {
            Token::Close(_) => _ = open.pop(),
            Token::Open { kind: Kind::Attribute, .. } => open.push(false),
            value => {
                let is_push = matches!(value, Token::Open { kind: Kind::Push, .. });
                if let Some(waits) = open.last_mut() {
                    *waits = false;
                }
                if is_push && open.contains(&true) {
                    return true;
                }
                if matches!(value, Token::Open { .. }) {
                    open.push(is_push && !open.is_empty());
                }
            }
        }
    }
    false
}

/// The most allocations of one way to decode the frame, and of one step of a nested iterator over it.
fn most_allocations(frame: Decoded<'_>) -> (u64, u64) {
    let wire = frame.wire();
    assert_free("tokens", || assert!(frame.tokens().count() > 0));
    let ways = [
        count(|| zresp::decode(wire).is_ok()),
        count(|| {
            let mut decoder = Decoder::new();
            (0..=wire.len()).all(|end| decoder.decode(&wire[..end]).is_ok())
        }),
        count(|| {
            let mut framer = Framer::replies(Limits::new());
            wire.chunks(1).all(|byte| framer.advance(byte).is_ok())
        }),
        count(|| TokenReader::new().tokens(wire).all(|token| token.is_ok())),
    ];
    (ways.into_iter().max().unwrap_or_default(), most_of_steps(frame))
}

fn most_of_steps(frame: Decoded<'_>) -> u64 {
    let in_pair = |(key, value)| most_of_steps(key).max(most_of_steps(value));
    let in_attributes = most_of_all(frame.attributes().annotated(), in_pair);
    in_attributes.max(match frame.reply() {
        ReplyRef::Array(items) | ReplyRef::Set(items) | ReplyRef::Push(items) => {
            most_of_all(items, |_| 0).max(most_of_all(items.annotated(), most_of_steps))
        }
        ReplyRef::Map(pairs) => {
            most_of_all(pairs, |_| 0).max(most_of_all(pairs.annotated(), in_pair))
        }
        _ => 0,
    })
}

/// The most allocations of a step of the iterator, and of what is done with an item.
fn most_of_all<T>(mut items: impl Iterator<Item = T>, mut inside: impl FnMut(T) -> u64) -> u64 {
    let mut most = 0;
    loop {
        let mut item = None;
        most = most.max(count(|| item = items.next()));
        let Some(item) = item else { return most };
        most = most.max(inside(item));
    }
}

#[test]
fn a_push_in_an_attribute_of_the_first_element_of_another_allocates() {
    let waiting =
        |count| format!("*2\r\n{}>1\r\n+subscribe\r\n", ">1\r\n|1\r\n+a\r\n".repeat(count));
    // A step of an iterator starts inside the outermost of them.
    let most = [
        (0, 0, 0),
        (1, 2, 0),
        (2, 2, 2),
        (4, 2, 2),
        (5, MOST_FOR_PUSHES, 2),
        (7, MOST_FOR_PUSHES, MOST_FOR_PUSHES),
    ];
    for (count, decoding, step) in most {
        let frame = waiting(count) + &"+subscribe\r\n".repeat(count) + ":1\r\n";
        let frame = decoded(frame.as_bytes());
        assert_eq!(has_push_before_first_element(frame), count > 0);
        assert_eq!(most_allocations(frame), (decoding, step), "{count}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, ..ProptestConfig::default() })]

    #[test]
    fn generated_frames_allocate_only_for_a_push_before_the_first_element_of_another(
        frame in generate::frame(),
    ) {
        let frame = decoded(&frame.0);
        let (mut depth, mut deepest) = (0, 0);
        for token in frame.tokens() {
            match token {
                Token::Open { .. } => depth += 1,
                Token::Close(_) => depth -= 1,
                Token::Scalar(_) => {}
                _ => unreachable!(),
            }
            deepest = deepest.max(depth);
        }
        prop_assume!(deepest <= 16);
        // A step over a pair passes two values.
        let most = if has_push_before_first_element(frame) { (MOST_FOR_PUSHES, 2 * MOST_FOR_PUSHES) } else { (0, 0) };
        let (decoding, step) = most_allocations(frame);
        prop_assert!(decoding <= most.0 && step <= most.1, "{decoding}, {step}");
    }
}

#[test]
fn decoding_and_reading_requests_allocates_nothing() {
    let pipeline = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n\r\nset k 'v w'\r\n*4\r\n$4\r\nMGET\r\n$1\r\na\r\n$1\r\nb\r\n$0\r\n\r\n";
    assert_free("requests", || {
        let mut seen = 0;
        for request in zresp::requests(pipeline) {
            seen += match request.unwrap().command() {
                Command::Array(command) => {
                    assert!(command.arg(1).is_some() && command.index().len() == command.len());
                    command.args().count()
                }
                Command::Inline(line) => line.args().count(),
            };
        }
        assert_eq!(seen, 9);
    });
    assert_free("a cut request", || {
        let mut decoder = CommandDecoder::new();
        for end in 0..20 {
            assert!(decoder.decode(&pipeline[..end]).unwrap().is_none());
            _ = decoder.partial(&pipeline[..end]).map(|partial| partial.args().count());
        }
        assert!(decoder.decode(b"*2147483647\r\n").is_err());
        decoder.reset();
        assert!(decoder.decode(b"*2147483647\r\n").unwrap().is_none());
    });
}

/// Renames the key of a `SET` whose value is this many pieces, while the value arrives, and passes what comes out to
/// `sink` in order.
fn rename_while_it_arrives(piece: &[u8], pieces: usize, mut sink: impl FnMut(&[u8])) {
    let value = piece.len() * pieces;
    let begun = format!("*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n${value}\r\n").into_bytes();
    let mut decoder = CommandDecoder::new();
    assert_eq!(decoder.decode(&begun), Ok(None));
    let mut patch = CommandPatch::new(decoder.partial(&begun).expect("a command has begun"));
    patch.prefix(1, "tenant:7:").expect("the key is there");
    sink(&patch.to_wire().expect("a form on the wire"));
    let mut rest = decoder.take_framer(&begun);
    for piece in std::iter::repeat_n(piece, pieces) {
        let progress = rest.advance(piece).expect("a part of the value");
        assert!(!progress.is_complete);
        sink(&piece[..progress.taken]);
    }
    let last = rest.advance(b"\r\n*1\r\n").expect("the end of the value");
    assert_eq!((last.taken, last.is_complete), (2, true));
    sink(b"\r\n");
}

#[test]
fn the_key_of_a_large_value_is_renamed_in_constant_memory_while_it_arrives() {
    let piece: Vec<u8> =
        (0..65_536_u32).map(|n| (n.wrapping_mul(0x9e37_79b9) >> 24) as u8).collect();

    // What comes out is what a patch of the whole command writes.
    let whole = Arguments(&[b"SET".as_slice(), b"key", &piece.repeat(16)]).to_wire().unwrap();
    let request = zresp::requests(&whole).next().expect("a request").expect("a command");
    let Command::Array(command) = request.command() else { panic!("an array") };
    let mut patch = CommandPatch::new(command);
    patch.prefix(1, "tenant:7:").expect("a key");
    let mut renamed = Vec::new();
    rename_while_it_arrives(&piece, 16, |bytes| renamed.extend_from_slice(bytes));
    assert!(renamed == patch.to_wire().unwrap());

    // The same of 512 MiB, the longest value of a server, compared piece by piece.
    let head = b"*3\r\n$3\r\nSET\r\n$12\r\ntenant:7:key\r\n$536870912\r\n".as_slice();
    let pieces = std::iter::repeat_n(piece.as_slice(), 8_192);
    let mut expected = std::iter::once(head).chain(pieces).chain([b"\r\n".as_slice()]);
    let used = measure(|| {
        rename_while_it_arrives(&piece, 8_192, |bytes| assert!(expected.next() == Some(bytes)));
    });
    assert_eq!(expected.next(), None);
    assert!(used.bytes_total < 2_048, "{used:?}");
}

#[cfg(feature = "commands")]
#[test]
fn finding_commands_and_keys_allocates_nothing() {
    use zresp::commands::{self, CommandTable};

    let mut loaded = CommandTable::new();
    for info in CommandTable::builtin().commands() {
        assert_eq!(loaded.insert(info.clone()), Ok(None));
    }
    let lines = b"get k\r\nmset a 1 b 2\r\nconfig get x\r\nzunionstore d 2 a b\r\nsort a store b\r\nxread streams a 0\r\n";
    let mut scratch = Vec::with_capacity(100);
    for request in zresp::requests(lines) {
        let command = request.unwrap().command().to_array(&mut scratch);
        for table in [CommandTable::builtin(), &loaded] {
            assert_free("keys", || {
                let info = table.of(&command).unwrap();
                assert_eq!(table.lookup(info.name.as_bytes()), Some(info));
                assert!(table.keys(&command).unwrap().count() + info.name.len() > 3);
            });
        }
    }
    let mut decoder = CommandDecoder::new();
    let begun = b"*5\r\n$4\r\nMSET\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n$100\r\n";
    assert_eq!(decoder.decode(begun), Ok(None));
    assert_free("keys of a command that is arriving", || {
        let partial = decoder.partial(begun).unwrap();
        assert_eq!(commands::partial_keys(&partial).unwrap().known().count(), 2);
    });
    assert_free("unknown names", || {
        assert_eq!(commands::lookup(&[b'x'; 1_000]), None);
        assert_eq!(commands::lookup(b"config|x"), None);
    });
}

#[test]
fn wide_and_long_replies_allocate_nothing() {
    let wide = format!("*100000\r\n{}", "$3\r\nfoo\r\n".repeat(100_000)).into_bytes();
    let long = [b"$1000000\r\n".as_slice(), &vec![b'x'; 1_000_000], b"\r\n"].concat();
    let line = [b"+".as_slice(), &vec![b'x'; 1_000_000], b"\r\n"].concat();
    let streamed = format!("%?\r\n{}.\r\n", "$?\r\n;1\r\na\r\n;0\r\n".repeat(10_000)).into_bytes();
    for frame in [&wide, &long, &line, &streamed] {
        assert_free("whole", || {
            let decoded = zresp::decode(frame).unwrap().unwrap();
            assert!(read(decoded.reply()) > 0);
        });
        assert_free("in pieces", || {
            let mut decoder = Decoder::new();
            for end in (0..frame.len()).step_by(1_000) {
                assert!(decoder.decode(&frame[..end]).unwrap().is_none());
            }
            assert!(decoder.decode(frame).unwrap().is_some());
        });
    }
}

#[test]
fn deeper_levels_allocate_only_the_stack() {
    let frame = format!("{}_\r\n", "*1\r\n".repeat(128)).into_bytes();
    let info = measure(|| {
        assert!(zresp::decode(&frame).unwrap().is_some());
    });
    assert!(info.count_total <= 4, "{info:?}");
    assert!(info.bytes_max <= 128 * 16, "{info:?}");
    assert_eq!(info.bytes_current, 0, "{info:?}");
}

#[test]
fn nothing_is_allocated_from_an_announced_count() {
    for header in
        ["*2147483647\r\n", "%1073741823\r\n", "$536870912\r\n", "*99999\r\n", "|9999\r\n"]
    {
        let frame = header.repeat(10).into_bytes();
        assert_free(header, || {
            assert!(zresp::decode(&frame).unwrap().is_none());
        });
    }
}

#[test]
fn a_streamed_string_is_copied_only_on_request_and_only_once() {
    let frame = format!("$?\r\n{};0\r\n", ";1\r\na\r\n".repeat(100_000)).into_bytes();
    let reply = zresp::decode(&frame).unwrap().unwrap().reply();
    assert_free("as_bytes", || assert!(reply.as_bytes().is_err()));
    let info = measure(|| assert_eq!(reply.to_bytes().unwrap().len(), 100_000));
    assert_eq!((info.count_total, info.bytes_max), (1, 100_000), "{info:?}");
}

#[test]
fn errors_allocate_nothing() {
    assert_free("error", || {
        let error = zresp::decode(b"*1\r\n$3\r\nfooX").unwrap_err();
        assert_eq!(error.offset, 11);
    });
}

/// The number of allocations that the work makes. Its result is dropped after the measurement.
fn count<T>(work: impl FnOnce() -> T) -> u64 {
    let mut kept = None;
    let info = measure(|| kept = Some(work()));
    drop(kept);
    info.count_total
}

fn decoded(wire: &[u8]) -> Decoded<'_> {
    zresp::decode(wire).expect("valid").expect("whole")
}

/// Frames, whether each has a payload of at least one byte, and how many of its aggregates have elements.
const TREES: [(&str, bool, u64); 12] = [
    ("|1\r\n+a\r\n:1\r\n:1\r\n", true, 1),
    (":1\r\n", false, 0),
    ("$0\r\n\r\n", false, 0),
    ("$5\r\nhello\r\n", true, 0),
    ("=6\r\ntxt:hi\r\n", true, 0),
    ("$?\r\n;1\r\na\r\n;1\r\nb\r\n;0\r\n", true, 0),
    ("*0\r\n", false, 0),
    ("*3\r\n:1\r\n_\r\n#t\r\n", false, 1),
    ("*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n", true, 1),
    ("%2\r\n+a\r\n*2\r\n:1\r\n:2\r\n+b\r\n~0\r\n", true, 2),
    ("*2\r\n|1\r\n+a\r\n+b\r\n:1\r\n>1\r\n+subscribe\r\n", true, 3),
    ("*1\r\n*1\r\n*1\r\n*1\r\n+a\r\n", true, 4),
];

#[test]
fn a_tree_takes_one_allocation_for_all_payloads_and_one_per_aggregate() {
    for (wire, has_payload, aggregates) in TREES {
        let frame = decoded(wire.as_bytes());
        // The copy is one allocation. `Bytes` adds another one for a reference count as soon as there is
        // a second reference, which a lone payload does not need.
        let is_lone = frame.attributes().is_empty() && !frame.reply().kind().is_aggregate();
        let copy = |len: usize| u64::from(len > 0) + u64::from(has_payload && !is_lone);
        let content = match frame.reply() {
            _ if !frame.attributes().is_empty() => wire.len(),
            ReplyRef::Map(pairs) => pairs.wire().len(),
            reply => {
                reply.as_elements().map_or(usize::from(has_payload), |items| items.wire().len())
            }
        };
        let expected = copy(content) + aggregates;
        assert_eq!(count(|| Reply::from(frame)), expected, "{wire:?}");
        if frame.attributes().is_empty() {
            assert_eq!(
                count(|| Reply::from(frame.reply())),
                expected,
                "{wire:?}, without its bytes"
            );
        }
        // A frame's own bytes are shared.
        let shared = frame.to_frame();
        let tree = Reply::from(&shared);
        assert_eq!(count(|| Reply::from(&shared)), aggregates, "{wire:?}, from a frame");
        assert_eq!(count(|| tree.clone()), aggregates, "{wire:?}, clone");
    }
}

#[test]
fn frames_take_at_most_one_allocation_per_buffer() {
    const FRAMES: usize = 100;
    let wire = b"*2\r\n$3\r\nfoo\r\n:1\r\n";
    let mut buffer = BytesMut::from(&wire.repeat(FRAMES)[..]);
    let mut frames: Vec<Frame> = Vec::with_capacity(FRAMES);
    let mut decoder = Decoder::new();
    let allocations = count(|| {
        while let Some(frame) = decoder.decode_frame(&mut buffer).expect("valid") {
            frames.push(frame);
        }
    });
    assert_eq!(frames.len(), FRAMES);
    assert!(allocations <= 1, "{allocations} allocations");
    assert_free("clone and view", || {
        let clone = frames[7].clone();
        assert_eq!(clone.wire(), &wire[..]);
        let ReplyRef::Array(mut items) = clone.reply() else { panic!() };
        let payload = items.next().expect("an element").as_bytes().expect("a string");
        assert_eq!(clone.share(payload).expect("a part of the frame"), "foo");
        assert!(clone == frames[8]);
    });
    let mut bytes = Bytes::from_static(b"+OK\r\n+OK\r\n");
    assert_eq!(count(|| decoder.decode_frame(&mut bytes).expect("valid")), 0, "static bytes");

    let mut buffer = BytesMut::from(&b"*1\r\n$4\r\nPING\r\n".repeat(FRAMES)[..]);
    let mut decoder = CommandDecoder::new();
    let allocations =
        count(|| while decoder.decode_frame(&mut buffer).expect("valid").is_some() {});
    assert!(buffer.is_empty() && allocations <= 1, "{allocations} allocations");
}

#[test]
fn a_copy_of_a_frame_is_one_allocation() {
    for (wire, ..) in TREES {
        let frame = decoded(wire.as_bytes());
        assert_eq!(count(|| frame.to_frame()), 1, "{wire:?}");
        let shared = frame.to_frame();
        assert_eq!(count(|| shared.compact()), 1, "{wire:?}");
    }
    let request = zresp::requests(b"*1\r\n$4\r\nPING\r\n").next().expect("one").expect("valid");
    assert_eq!(count(|| request.command().to_frame()), 1);
}

#[test]
fn encoding_allocates_nothing_if_there_is_room() {
    let mut out = Vec::with_capacity(1024);
    let mut room = [0; 1024];
    for protocol in [Protocol::Resp2, Protocol::Resp3] {
        for (wire, ..) in TREES {
            let frame = decoded(wire.as_bytes());
            let (owned, tree) = (frame.to_frame(), Reply::from(frame));
            assert_free(wire, || {
                out.clear();
                frame.encode(protocol, &mut out).expect("a form on the wire");
                frame.reply().encode(protocol, &mut out).expect("a form on the wire");
                owned.encode(protocol, &mut out).expect("a form on the wire");
                tree.encode(protocol, &mut out).expect("a form on the wire");
                tree.encode(protocol, &mut &mut room[..]).expect("a form on the wire");
                let len = tree.encoded_len(protocol).expect("a form on the wire");
                assert!(tree.encode(protocol, &mut &mut room[..len - 1]).is_err());
            });
            assert!(count(|| tree.to_wire(protocol)) == 1, "{wire:?} in {protocol:?}");
        }
        assert_free("a command", || {
            out.clear();
            Arguments(&["SET", "key", "value"]).encode(&mut out).expect("a name");
        });
    }
}

#[test]
fn a_downgrade_allocates_only_for_the_lengths_of_streamed_aggregates() {
    let mut out = Vec::with_capacity(1 << 20);
    let counted =
        format!("%10000\r\n{}", "|1\r\n+a\r\n+b\r\n+k\r\n~2\r\n,1.5\r\n_\r\n".repeat(10_000));
    let frame = decoded(counted.as_bytes());
    assert_free("counted", || frame.encode(Protocol::Resp2, &mut out).expect("a form on the wire"));
    assert!(out.len() < 1 << 20, "{} bytes", out.len());

    out.clear();
    let streamed = format!("*?\r\n{}.\r\n", "*?\r\n:1\r\n.\r\n".repeat(1_000));
    let frame = decoded(streamed.as_bytes());
    let allocations = count(|| frame.encode(Protocol::Resp2, &mut out));
    assert!(allocations <= 16, "{allocations} allocations for 1001 lengths");
}
