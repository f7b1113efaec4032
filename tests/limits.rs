//! Each limit lets through what is at it and one below it, and refuses what is one above.

use zresp::{Decoder, ErrorKind, Limits};

/// The kind of error that a frame meets; `None` if it is accepted.
fn refusal(frame: &[u8], limits: Limits) -> Option<ErrorKind> {
    let whole = Decoder::with_limits(limits).decode(frame).map(|frame| frame.is_some());
    let mut bytewise = Decoder::with_limits(limits);
    let mut result = Ok(false);
    for end in 0..=frame.len() {
        result = bytewise.decode(&frame[..end]).map(|frame| frame.is_some());
    }
    assert_eq!(result, whole, "byte by byte: {:.200}", frame.escape_ascii().to_string());
    match whole {
        Ok(whole) => {
            assert!(whole, "incomplete: {:.200}", frame.escape_ascii().to_string());
            None
        }
        Err(error) => Some(error.kind),
    }
}

/// Asserts that a frame of `size` is accepted up to the limit and refused above it.
fn assert_edge(
    limit: usize,
    frame: impl Fn(usize) -> Vec<u8>,
    set: impl Fn(usize) -> Limits,
    kind: ErrorKind,
) {
    for size in [limit - 1, limit] {
        assert_eq!(refusal(&frame(size), set(limit)), None, "{size} of {limit}");
    }
    assert_eq!(refusal(&frame(limit + 1), set(limit)), Some(kind), "one above {limit}");
}

/// Aggregates one inside the other, of one header, around an integer.
fn nested(header: &str, levels: usize) -> Vec<u8> {
    [header.repeat(levels).into_bytes(), b":1\r\n".to_vec()].concat()
}

fn sized(kind: char, payload: usize) -> Vec<u8> {
    let payload = "txt:".chars().cycle().take(payload).collect::<String>();
    format!("{kind}{}\r\n{payload}\r\n", payload.len()).into_bytes()
}

#[test]
fn depth() {
    for header in ["*1\r\n", "~1\r\n", ">1\r\n", "%1\r\n+k\r\n"] {
        for limit in [1, 2, 15, 16, 17, 128, 300] {
            assert_edge(
                limit,
                |levels| nested(header, levels),
                |limit| Limits::new().with_depth(limit),
                ErrorKind::TooDeep { limit },
            );
        }
        let default = Limits::new();
        assert_eq!(refusal(&nested(header, 128), default), None);
        let limit = 128;
        assert_eq!(refusal(&nested(header, 129), default), Some(ErrorKind::TooDeep { limit }));
    }
}

#[test]
fn depth_counts_streamed_and_empty_aggregates_and_attributes() {
    let limits = Limits::new().with_depth(1);
    let too_deep = Some(ErrorKind::TooDeep { limit: 1 });
    for (frame, expected) in [
        (b"*?\r\n_\r\n.\r\n".as_slice(), None),
        (b"*?\r\n*?\r\n", too_deep),
        (b"*1\r\n*0\r\n", too_deep),
        (b"*1\r\n*-1\r\n", None),
        (b"*1\r\n$?\r\n;0\r\n", None),
        (b"|1\r\n+k\r\n+v\r\n*1\r\n_\r\n", None),
        (b"|1\r\n+k\r\n*1\r\n", too_deep),
        (b"*1\r\n|0\r\n_\r\n", too_deep),
    ] {
        assert_eq!(refusal(frame, limits), expected, "{}", frame.escape_ascii());
    }
    let no_aggregates = Limits::new().with_depth(0);
    assert_eq!(refusal(b"$2\r\nhi\r\n", no_aggregates), None);
    assert_eq!(refusal(b"*0\r\n", no_aggregates), Some(ErrorKind::TooDeep { limit: 0 }));
}

#[test]
fn bulk() {
    for kind in ['$', '!', '='] {
        for limit in [5, 9, 10, 11, 99, 100, 101, 9_999, 10_000, 99_999, 100_000, 100_001] {
            assert_edge(
                limit,
                |size| sized(kind, size),
                |limit| Limits::new().with_bulk(limit),
                ErrorKind::BulkTooLong { limit },
            );
        }
    }
}

#[test]
fn bulk_counts_the_chunks_of_a_streamed_string_together() {
    let chunks = |size| {
        let chunks = ";1\r\na\r\n".repeat(size);
        format!("$?\r\n{chunks};0\r\n").into_bytes()
    };
    for limit in [1, 2, 10] {
        assert_edge(
            limit,
            chunks,
            |limit| Limits::new().with_bulk(limit),
            ErrorKind::BulkTooLong { limit },
        );
    }
}

#[test]
fn elements() {
    let values = |header: &str, count: usize| {
        let nulls = "_\r\n".repeat(count);
        match header {
            "streamed" => format!("*?\r\n{nulls}.\r\n").into_bytes(),
            _ => format!("{header}{count}\r\n{nulls}").into_bytes(),
        }
    };
    for header in ["*", "~", ">", "streamed"] {
        for limit in [1, 2, 9, 10, 100_000] {
            assert_edge(
                limit,
                |count| values(header, count),
                |limit| Limits::new().with_elements(u32::try_from(limit).unwrap()),
                ErrorKind::TooManyElements { limit },
            );
        }
    }
}

#[test]
fn elements_of_maps_and_attributes_count_twice() {
    for (kind, behind) in [('%', ""), ('|', "_\r\n")] {
        let pairs =
            |count| format!("{kind}{count}\r\n{}{behind}", "_\r\n_\r\n".repeat(count)).into_bytes();
        let limits = Limits::new().with_elements(5);
        let refused = Some(ErrorKind::TooManyElements { limit: 5 });
        assert_eq!(refusal(&pairs(2), limits), None, "{kind}");
        assert_eq!(refusal(&pairs(3), limits), refused, "{kind}");
        let streamed = format!("%?\r\n{}.\r\n", "_\r\n".repeat(6)).into_bytes();
        assert_eq!(refusal(&streamed, limits), refused);
        assert_eq!(refusal(&streamed, Limits::new().with_elements(6)), None);
    }
}

#[test]
fn frame() {
    let line = |size| [b"+".as_slice(), &vec![b'a'; size - 3], b"\r\n"].concat();
    let bulk = |size: usize| {
        let payload = (0..size).find(|payload| sized('$', *payload).len() == size).unwrap();
        sized('$', payload)
    };
    let nulls = |size: usize| {
        let padding = "a".repeat(size % 3);
        format!("*{}\r\n+{padding}\r\n{}", size / 3 - 3, "_\r\n".repeat(size / 3 - 4)).into_bytes()
    };
    for limit in [40, 80, 90] {
        let set = |limit| Limits::new().with_frame(limit);
        assert_edge(limit, line, set, ErrorKind::FrameTooLong { limit });
        assert_edge(limit, bulk, set, ErrorKind::FrameTooLong { limit });
        let size = nulls(limit).len();
        assert_eq!(refusal(&nulls(limit), set(size)), None);
        let refused = Some(ErrorKind::FrameTooLong { limit: size - 1 });
        assert_eq!(refusal(&nulls(limit), set(size - 1)), refused);
    }
}

#[test]
fn a_frame_that_is_too_long_is_refused_by_its_header() {
    let limits = Limits::new().with_frame(1_000);
    let error = Decoder::with_limits(limits).decode(b"*2\r\n_\r\n$2000").unwrap_err();
    assert_eq!((error.kind, error.offset), (ErrorKind::FrameTooLong { limit: 1_000 }, 11));
}

#[test]
fn lengths_do_not_overflow_where_nothing_is_limited() {
    let limits = Limits::new().with_bulk(usize::MAX).with_frame(usize::MAX).with_elements(u32::MAX);
    for most in ["$18446744073709551615", "!18446744073709551615", "=18446744073709551615"] {
        for behind in ["", "\r", "\r\n", "\r\na"] {
            let mut decoder = Decoder::with_limits(limits);
            let frame = format!("{most}{behind}");
            if let Ok(whole) = decoder.decode(frame.as_bytes()) {
                assert!(whole.is_none());
                assert!(decoder.needed() > usize::MAX / 2, "{frame:?}: {}", decoder.needed());
            }
        }
    }
    for header in ["$18446744073709551616", "*4294967296", "%2147483648"] {
        let error = Decoder::with_limits(limits).decode(header.as_bytes()).unwrap_err();
        assert!(error.kind.is_limit(), "{header}: {error}");
        assert_eq!(error.offset, header.len() - 1, "{header}");
    }
    let endless = [b"$".as_slice(), &vec![b'9'; 100_000]].concat();
    let error = Decoder::with_limits(limits).decode(&endless).unwrap_err();
    assert_eq!((error.kind, error.offset), (ErrorKind::BulkTooLong { limit: usize::MAX }, 20));
}

#[test]
fn the_defaults_are_those_of_the_documentation() {
    let limits = Limits::default();
    assert_eq!(limits.depth(), 128);
    assert_eq!(limits.bulk(), 536_870_912);
    assert_eq!(limits.elements(), 2_147_483_647);
    assert_eq!(limits.frame(), 1_073_741_824);
    for (frame, expected) in [
        (b"$536870912\r\n".as_slice(), Ok(())),
        (b"$536870913", Err(ErrorKind::BulkTooLong { limit: 536_870_912 })),
        (b"*2147483647\r\n", Ok(())),
        (b"*2147483648", Err(ErrorKind::TooManyElements { limit: 2_147_483_647 })),
    ] {
        let verdict = zresp::decode(frame).map(|frame| assert!(frame.is_none()));
        assert_eq!(verdict.map_err(|error| error.kind), expected, "{}", frame.escape_ascii());
    }
}
