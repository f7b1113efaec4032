//! What is allocated: nothing, but for the stack of open aggregates beyond sixteen levels.

use allocation_counter::{AllocationInfo, measure};
use zresp::{Command, CommandDecoder, Decoder, ReplyRef};

/// The header of each kind of aggregate, with a key for its value where it needs one.
const NESTED: [&str; 5] =
    ["*1\r\n", "~1\r\n", ">1\r\n", "%1\r\n+k\r\n", "*1\r\n|1\r\n+k\r\n+v\r\n"];

/// Asserts that the work allocates nothing.
fn assert_free(name: &str, work: impl FnOnce()) {
    let AllocationInfo { count_total, bytes_total, .. } = measure(work);
    assert_eq!((count_total, bytes_total), (0, 0), "{name}: allocations and bytes");
}

/// Looks at every value, through every iterator.
fn read(reply: ReplyRef<'_>) -> usize {
    match reply {
        ReplyRef::Array(items) | ReplyRef::Set(items) | ReplyRef::Push(items) => {
            items.annotated().map(|item| read(item.reply) + item.attributes.iter().count()).sum()
        }
        ReplyRef::Map(pairs) => pairs.map(|(key, value)| read(key) + read(value)).sum(),
        ReplyRef::Streamed(chunks) => chunks.map(<[u8]>::len).sum(),
        scalar => scalar.as_bytes().map_or(1, <[u8]>::len),
    }
}

#[test]
fn nothing_is_allocated_to_decode_and_read_up_to_sixteen_levels() {
    for header in NESTED {
        let levels = if header.contains('|') { 15 } else { 16 };
        let frame = format!("{}$2\r\nhi\r\n", header.repeat(levels)).into_bytes();
        assert_free(header, || {
            let decoded = zresp::decode(&frame).unwrap().unwrap();
            assert!(read(decoded.reply) >= 2);
            assert!(decoded.tokens().count() > levels);
            assert!(decoded.reply == decoded.reply);
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

#[test]
fn nothing_is_allocated_to_decode_requests_and_look_at_them() {
    let pipeline = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n\r\nset k 'v w'\r\n*4\r\n$4\r\nMGET\r\n$1\r\na\r\n$1\r\nb\r\n$0\r\n\r\n";
    assert_free("requests", || {
        let mut seen = 0;
        for request in zresp::commands(pipeline) {
            seen += match request.unwrap().command {
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

#[test]
fn nothing_is_allocated_for_wide_and_long_replies() {
    let wide = format!("*100000\r\n{}", "$3\r\nfoo\r\n".repeat(100_000)).into_bytes();
    let long = [b"$1000000\r\n".as_slice(), &vec![b'x'; 1_000_000], b"\r\n"].concat();
    let line = [b"+".as_slice(), &vec![b'x'; 1_000_000], b"\r\n"].concat();
    let streamed = format!("%?\r\n{}.\r\n", "$?\r\n;1\r\na\r\n;0\r\n".repeat(10_000)).into_bytes();
    for frame in [&wide, &long, &line, &streamed] {
        assert_free("whole", || {
            let decoded = zresp::decode(frame).unwrap().unwrap();
            assert!(read(decoded.reply) > 0);
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
fn deeper_levels_allocate_the_stack_alone() {
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
fn a_streamed_string_is_copied_once_and_only_where_that_is_asked_for() {
    let frame = format!("$?\r\n{};0\r\n", ";1\r\na\r\n".repeat(100_000)).into_bytes();
    let reply = zresp::decode(&frame).unwrap().unwrap().reply;
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
