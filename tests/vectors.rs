//! Every input of the vectors gets the expected verdict, whole and wherever it is cut.
//!
//! The vectors are in `vectors/*.jsonl`, and in the file that `ZRESP_VECTORS` names. Each line is an
//! object with `mode` (`reply` or `request`), `input` (a character for each byte), `expect` (`ok`,
//! `incomplete` or `error`) and, if that is `ok`, `consumed` in bytes.

use std::{env, fs, path::PathBuf};

use serde_json::Value;
use zresp::{CommandDecoder, Decoder, Error, LinePolicy};

/// Bytes after an input, more than any fast path loads at once. They are a request, and its first byte ends no reply.
const AFTER: &[u8] = b"*2\r\n$4\r\nECHO\r\n$21\r\nas many bytes as this\r\n";

struct Vector {
    /// File and line, for messages.
    place: String,
    input: Vec<u8>,
    expected: Verdict,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Verdict {
    Complete(usize),
    Incomplete,
    Error,
}

fn files() -> Vec<PathBuf> {
    let own = fs::read_dir("tests/vectors").expect("the folder of vectors");
    let named = env::var_os("ZRESP_VECTORS").map(PathBuf::from);
    own.map(|entry| entry.expect("a folder entry").path()).chain(named).collect()
}

/// The vectors of a mode.
fn vectors(mode: &str) -> Vec<Vector> {
    let mut vectors = Vec::new();
    for file in files() {
        let text =
            fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        for (number, line) in text.lines().enumerate() {
            let place = format!("{}:{}", file.display(), number + 1);
            let fields: Value = serde_json::from_str(line).expect(&place);
            if fields["mode"] == mode {
                vectors.push(vector(place, &fields));
            }
        }
    }
    vectors
}

fn vector(place: String, fields: &Value) -> Vector {
    let byte = |character| u8::try_from(u32::from(character)).expect("a byte for each character");
    let input: Vec<u8> = fields["input"].as_str().expect(&place).chars().map(byte).collect();
    let expected = match fields["expect"].as_str() {
        Some("ok") => Verdict::Complete(
            fields["consumed"].as_u64().and_then(|bytes| bytes.try_into().ok()).expect(&place),
        ),
        Some("incomplete") => Verdict::Incomplete,
        Some("error") => Verdict::Error,
        other => panic!("{place}: no verdict: {other:?}"),
    };
    Vector { place, input, expected }
}

/// Every place to cut the input; for a long one, the places near its ends, and some between.
fn cuts(input: &[u8]) -> impl Iterator<Item = usize> {
    let length = input.len();
    (0..length).filter(move |cut| *cut < 1024 || cut % 257 == 0 || length - cut < 64)
}

/// Decodes the first frame of the input as it arrives in pieces that end at the cuts.
fn decode(input: &[u8], cuts: &[usize], policy: LinePolicy) -> Result<Verdict, Error> {
    let mut decoder = Decoder::new().with_line_policy(policy);
    for &end in cuts.iter().chain([&input.len()]) {
        if let Some(frame) = decoder.decode(&input[..end])? {
            return Ok(Verdict::Complete(frame.wire().len()));
        }
    }
    Ok(Verdict::Incomplete)
}

/// Decodes the requests of the input, a pipeline, as it arrives in pieces that end at the cuts.
fn decode_requests(input: &[u8], cuts: &[usize]) -> Result<Verdict, Error> {
    let mut decoder = CommandDecoder::new();
    let mut at = 0;
    for &end in cuts.iter().chain([&input.len()]) {
        while let Some(request) = decoder
            .decode(&input[at..end])
            .map_err(|error| Error { offset: error.offset + at, ..error })?
        {
            at += request.wire().len();
        }
        at += decoder.take_skipped();
    }
    Ok(if at == input.len() { Verdict::Complete(at) } else { Verdict::Incomplete })
}

#[test]
fn every_request_gets_the_expected_verdict_however_it_is_cut() {
    let vectors = vectors("request");
    assert!(vectors.len() >= 40, "only {} vectors", vectors.len());
    for Vector { place, input, expected } in &vectors {
        let whole = decode_requests(input, &[]);
        let verdict = whole.as_ref().unwrap_or(&Verdict::Error);
        assert_eq!(verdict, expected, "{place}: {whole:?}: {}", input.escape_ascii());

        let bytewise: Vec<usize> = (0..input.len()).collect();
        assert_eq!(decode_requests(input, &bytewise), whole, "{place}: byte by byte");
        for cut in cuts(input) {
            assert_eq!(decode_requests(input, &[cut]), whole, "{place}: cut at {cut}");
        }
        if *expected != Verdict::Incomplete {
            let longer = [input, AFTER].concat();
            let whole = match whole {
                Ok(Verdict::Complete(_)) => Ok(Verdict::Complete(longer.len())),
                other => other,
            };
            assert_eq!(decode_requests(&longer, &[]), whole, "{place}: with more after it");
        }
    }
}

#[test]
fn every_reply_gets_the_expected_verdict_however_it_is_cut() {
    let vectors = vectors("reply");
    assert!(vectors.len() >= 40, "only {} vectors", vectors.len());
    for Vector { place, input, expected } in &vectors {
        let strict = decode(input, &[], LinePolicy::Strict);
        let verdict = strict.as_ref().unwrap_or(&Verdict::Error);
        assert_eq!(verdict, expected, "{place}: {strict:?}: {}", input.escape_ascii());
        for policy in [LinePolicy::Strict, LinePolicy::AsSent] {
            let decode = |input, cuts: &[usize]| decode(input, cuts, policy);
            let whole = decode(input, &[]);
            // Lines as they were sent only add to what is valid.
            assert!(strict.is_err() || whole == strict, "{place}: {whole:?} with {policy:?}");
            let bytewise: Vec<usize> = (0..input.len()).collect();
            assert_eq!(decode(input, &bytewise), whole, "{place}: byte by byte, {policy:?}");
            for cut in cuts(input) {
                assert_eq!(decode(input, &[cut]), whole, "{place}: cut at {cut}, {policy:?}");
            }
            if whole != Ok(Verdict::Incomplete) {
                let longer = [input, AFTER].concat();
                assert_eq!(decode(&longer, &[]), whole, "{place}: with more after it, {policy:?}");
            }
        }
    }
}
