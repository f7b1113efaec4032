//! Lengths and numbers at their limits and far beyond: a number that is too large is an error at the digit that
//! makes it so, and nothing overflows.
#![cfg(feature = "std")]

use zresp::{CommandDecoder, InlinePolicy, Limits};
use zresp_testing::drive::{sync, verdicts, ways};
use zresp_testing::oracle;

/// Numbers around the limits of types and of the grammar, and long numbers; also with signs and zeros before them.
fn numbers() -> Vec<String> {
    let edges: [i128; 14] = [
        0,
        1,
        9,
        10,
        (1 << 29) - 1,
        (1 << 30) - 1,
        (1 << 31) - 1,
        i128::from(u32::MAX),
        i128::from(i64::MAX),
        i128::from(u64::MAX),
        i128::from(i64::MAX) * 10,
        i128::from(u64::MAX) * 10,
        i128::MAX,
        99_999_999_999_999_999_999,
    ];
    let around =
        edges.iter().flat_map(|edge| [edge.saturating_sub(1), *edge, edge.saturating_add(1)]);
    let mut numbers: Vec<String> = around.map(|number| number.to_string()).collect();
    for digits in [18, 19, 20, 21, 22, 38, 39, 40, 100, 400] {
        numbers.push("9".repeat(digits));
        numbers.push(format!("1{}", "0".repeat(digits - 1)));
    }
    let signed = numbers
        .iter()
        .flat_map(|number| ["-", "+", "0", "00", "-0", "--"].map(|sign| format!("{sign}{number}")));
    let signed: Vec<_> = signed.collect();
    numbers.into_iter().chain(signed).collect()
}

/// Bytes after a number. The last ones are for the fast paths, which load up to sixteen bytes at once.
const AFTER: [&str; 7] =
    ["", "\r", "\r\n", "\r\na\r\n", "\n", "a", "\r\n+as long as two words\r\n"];

fn limits() -> [oracle::Limits; 3] {
    let unlimited = oracle::Limits {
        depth: usize::MAX,
        bulk: usize::MAX / 16,
        elements: usize::try_from(u32::MAX).expect("a count"),
        frame: usize::MAX / 4,
        ..oracle::Limits::default()
    };
    let small = oracle::Limits { depth: 2, bulk: 10, elements: 10, frame: 40, lines_as_sent: true };
    [oracle::Limits::default(), unlimited, small]
}

#[test]
fn lengths_and_numbers_of_replies() {
    for number in numbers() {
        for before in [
            "$",
            "!",
            "=",
            "*",
            "~",
            ">",
            "%",
            "|",
            ":",
            "(",
            ",",
            "$?\r\n;",
            "*1\r\n$",
            ",1e",
            ",1.",
            "*1\r\n>",
            "*1\r\n>1\r\n$",
        ] {
            for after in AFTER {
                let input = format!("{before}{number}{after}").into_bytes();
                for naive_limits in limits() {
                    let decoder = || verdicts::decoder(&naive_limits);
                    let expected = oracle::decode(&input, &naive_limits);
                    let case = input.escape_ascii();
                    assert_eq!(verdicts::whole(&input, decoder()), expected, "{case}");
                    let bytewise = verdicts::in_pieces(&input, 0..input.len(), decoder());
                    assert_eq!(bytewise, expected, "byte by byte: {case}");
                    ways::agreed(&decoder(), &input, &[3]);
                }
            }
        }
    }
}

#[test]
fn lengths_of_requests() {
    for number in numbers() {
        for before in ["*", "*1\r\n$", "*2\r\n$1\r\na\r\n$", "\r\n*"] {
            for after in AFTER {
                let input = format!("{before}{number}{after}").into_bytes();
                for naive_limits in limits() {
                    let limits = verdicts::limits(&naive_limits);
                    let expected = oracle::request::stream(&input, &naive_limits, true);
                    let requests =
                        |cuts| verdicts::requests(&input, cuts, limits, InlinePolicy::Accept);
                    let case = input.escape_ascii();
                    assert_eq!(requests(0..0), expected, "{case}");
                    assert_eq!(requests(0..input.len()), expected, "byte by byte: {case}");
                    let decoder = CommandDecoder::with_limits(limits);
                    ways::agreed(&decoder, &input, &[3]);
                }
            }
        }
    }
}

#[test]
fn numbers_of_synchronisations() {
    let id = "0123456789abcdef0123456789abcdef01234567";
    for number in numbers() {
        for before in [format!("+FULLRESYNC {id} "), format!("+FULLRESYNC {id} 1\r\n\n$")] {
            for after in AFTER {
                let stream = format!("{before}{number}{after}").into_bytes();
                let expected = oracle::sync::decode(&stream);
                let cuts: Vec<_> = (1..stream.len()).collect();
                for cuts in [&[][..], &cuts] {
                    let decoded = sync::decode(&stream, cuts).map_err(|error| error.offset);
                    assert_eq!(decoded, expected, "{}", stream.escape_ascii());
                }
            }
        }
    }
}

#[test]
fn integers_do_not_become_other_integers() {
    for number in numbers() {
        let input = format!(":{number}\r\n");
        let unsigned = number.strip_prefix('+').filter(|rest| !rest.starts_with('-'));
        let text = unsigned.unwrap_or(&number);
        let Ok(Some(frame)) = zresp::decode(input.as_bytes()) else {
            let is_plain = text.parse::<i64>().is_ok_and(|value| value.to_string() == text);
            assert!(!is_plain, "{number} is an integer");
            continue;
        };
        let value = frame.reply().as_i64().expect("an integer");
        assert_eq!(value.to_string(), text, "{number}");
        assert_eq!(frame.reply().to::<u64>().ok(), u64::try_from(value).ok(), "{number}");
        assert_eq!(frame.reply().to::<i32>().ok(), i32::try_from(value).ok(), "{number}");
        assert_eq!(frame.reply().to::<u8>().ok(), u8::try_from(value).ok(), "{number}");
        assert_eq!(frame.reply().to::<usize>().ok(), usize::try_from(value).ok(), "{number}");
    }
    // Bulk strings also convert to integers.
    for number in numbers() {
        let input = format!("${}\r\n{number}\r\n", number.len());
        let frame = zresp::decode(input.as_bytes()).expect("valid").expect("whole");
        let parsed = number.parse::<i64>().ok();
        let found = frame.reply().to::<i64>().ok();
        let is_plain = parsed.is_some_and(|value| value.to_string() == number);
        assert!(found == parsed || found.is_none() && !is_plain, "{number}: {found:?}");
    }
}

#[test]
fn the_largest_limits_do_not_overflow() {
    let limits = Limits::new()
        .with_depth(usize::MAX)
        .with_bulk(usize::MAX)
        .with_elements(usize::MAX)
        .with_frame(usize::MAX);
    for number in numbers() {
        for before in
            ["$", "!", "=", "*", "~", ">", "%", "|", "$?\r\n;9\r\n123456789\r\n;", "*2\r\n:1\r\n$"]
        {
            for after in AFTER {
                let input = format!("{before}{number}{after}").into_bytes();
                ways::assert_all_agree(&input, &[1], limits);
                let request = format!("*1\r\n${number}{after}").into_bytes();
                ways::assert_all_agree(&request, &[2, 1], limits);
            }
        }
    }
}
