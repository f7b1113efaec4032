//! Each example in `docs/GRAMMAR.md` gets the verdict next to it, whole and byte by byte.

use zresp::replication::{Event, SyncDecoder};
use zresp::{CommandDecoder, Decoder, Error, InlinePolicy, Limits, LinePolicy};

/// The column of replies under `LinePolicy::AsSent`.
const AS_SENT: &str = "reply with lines as sent";

/// A row of a table: an input, and the expected verdict as the page writes it.
struct Row {
    /// The number of the line in the page, for messages.
    line: usize,
    limits: Limits,
    input: Vec<u8>,
    verdict: String,
}

/// The rows of all tables that have the input in this column.
fn rows(column: &str) -> Vec<Row> {
    let page = include_str!("../docs/GRAMMAR.md");
    let mut rows = Vec::new();
    let mut header: Vec<String> = Vec::new();
    for (index, line) in page.lines().enumerate() {
        let cells = cells(line);
        if cells.is_empty() {
            header.clear();
        } else if header.is_empty() {
            header = cells;
        } else if !cells[0].starts_with("---") {
            let place = header.iter().position(|name| name == column);
            if let (Some(place), Some("verdict")) = (place, header.last().map(String::as_str)) {
                rows.push(Row {
                    line: index + 1,
                    limits: if place == 0 { Limits::new() } else { limits(&cells[0]) },
                    input: input(&cells[place]),
                    verdict: cells[place + 1].clone(),
                });
            }
        }
    }
    rows
}

/// The cells of a line of a table; empty for any other line.
fn cells(line: &str) -> Vec<String> {
    let Some(inside) = line.strip_prefix('|').and_then(|line| line.strip_suffix('|')) else {
        return Vec::new();
    };
    // A `|` in a cell is escaped.
    let inside = inside.replace("\\|", "\u{1}");
    inside.split('|').map(|cell| cell.trim().replace('\u{1}', "|")).collect()
}

fn limits(cell: &str) -> Limits {
    let (name, number) = cell.split_once(' ').expect(cell);
    match name {
        "depth" => Limits::new().with_depth(number.parse().expect(cell)),
        "bulk" => Limits::new().with_bulk(number.parse().expect(cell)),
        "elements" => Limits::new().with_elements(number.parse().expect(cell)),
        "frame" => Limits::new().with_frame(number.parse().expect(cell)),
        _ => panic!("no such limit: {cell}"),
    }
}

/// The bytes that a cell such as `` `$3\r\n<3 x>\r\n` `` stands for.
fn input(cell: &str) -> Vec<u8> {
    let text = cell.strip_prefix('`').and_then(|cell| cell.strip_suffix('`')).expect(cell);
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'\\' => bytes.push(match rest.next().expect(cell) {
                b'r' => b'\r',
                b'n' => b'\n',
                b't' => b'\t',
                b'0' => 0,
                b'\\' => b'\\',
                b'x' => {
                    let digits = rest.by_ref().take(2).map(char::from).collect::<String>();
                    u8::from_str_radix(&digits, 16).expect(cell)
                }
                _ => panic!("no such escape: {cell}"),
            }),
            b'<' => {
                let count = rest.by_ref().take_while(|byte| *byte != b' ').map(char::from);
                let count: usize = count.collect::<String>().parse().expect(cell);
                bytes.extend(vec![rest.next().expect(cell); count]);
                assert_eq!(rest.next(), Some(b'>'), "{cell}");
            }
            _ => bytes.push(byte),
        }
    }
    bytes
}

/// A verdict as the page writes it, with `word` before the number of bytes.
fn written(word: &str, verdict: Result<Option<usize>, Error>) -> String {
    match verdict {
        Ok(Some(taken)) => format!("{word} {taken}"),
        Ok(None) => "incomplete".to_string(),
        Err(error) => format!("error: {error}"),
    }
}

/// Checks the rows of the tables with this column. `decoder` makes a function that takes the input in
/// pieces and returns the size of the frame once it is whole.
fn check<F: FnMut(&[u8]) -> Result<Option<usize>, Error>>(
    column: &str,
    word: &str,
    mut decoder: impl FnMut(Limits) -> F,
) {
    let rows = rows(column);
    assert!(!rows.is_empty(), "no table has the column {column:?}");
    for Row { line, limits, input, verdict } in rows {
        // Miri takes a thousand times as long.
        if cfg!(miri) && input.len() > 1_000 {
            continue;
        }
        assert_eq!(written(word, decoder(limits)(&input)), verdict, "line {line}, whole");

        let mut decode = decoder(limits);
        let mut pieces = input.chunks(1).map(&mut decode);
        let piecewise = pieces.find(|verdict| verdict != &Ok(None)).unwrap_or(Ok(None));
        assert_eq!(written(word, piecewise), verdict, "line {line}, byte by byte");
    }
}

/// Decodes replies in a buffer that grows.
fn reply(limits: Limits, policy: LinePolicy) -> impl FnMut(&[u8]) -> Result<Option<usize>, Error> {
    let mut decoder = Decoder::with_limits(limits).with_line_policy(policy);
    let mut arrived = Vec::new();
    move |piece| {
        arrived.extend_from_slice(piece);
        Ok(decoder.decode(&arrived)?.map(|frame| frame.wire().len()))
    }
}

/// Decodes requests in a buffer that grows.
fn request(
    limits: Limits,
    policy: InlinePolicy,
) -> impl FnMut(&[u8]) -> Result<Option<usize>, Error> {
    let mut decoder = CommandDecoder::with_limits(limits).with_inline_policy(policy);
    let mut arrived = Vec::new();
    move |piece| {
        arrived.extend_from_slice(piece);
        Ok(decoder.decode(&arrived)?.map(|request| request.wire().len()))
    }
}

/// Reads the answer to `PSYNC` or `SYNC` up to its end.
fn synchronisation(_: Limits) -> impl FnMut(&[u8]) -> Result<Option<usize>, Error> {
    let (mut decoder, mut taken) = (SyncDecoder::new(), 0);
    move |mut piece| loop {
        let progress = decoder.advance(piece)?;
        let used = progress.taken;
        taken += used;
        match progress.event {
            Some(Event::Commands | Event::DualChannelSync | Event::RefusalEnd) => {
                return Ok(Some(taken));
            }
            Some(_) => piece = &piece[used..],
            None => return Ok(None),
        }
    }
}

#[test]
fn every_reply_on_the_page_gets_its_verdict() {
    check("reply", "ok", |limits| reply(limits, LinePolicy::Strict));
    check(AS_SENT, "ok", |limits| reply(limits, LinePolicy::AsSent));
}

#[test]
fn every_request_on_the_page_gets_its_verdict() {
    check("request", "ok", |limits| request(limits, InlinePolicy::Accept));
    check("request without inline commands", "ok", |limits| request(limits, InlinePolicy::Refuse));
}

#[test]
fn every_synchronisation_on_the_page_gets_its_verdict() {
    check("synchronisation", "ends at", synchronisation);
}

/// The bytes before an error could still have become a frame.
#[test]
fn the_bytes_before_an_error_are_incomplete() {
    let strict = rows("reply").into_iter().map(|row| (row, LinePolicy::Strict));
    let as_sent = rows(AS_SENT).into_iter().map(|row| (row, LinePolicy::AsSent));
    for (Row { line, limits, input, verdict }, policy) in strict.chain(as_sent) {
        let Some((_, offset)) = verdict.rsplit_once(" at offset ") else { continue };
        let offset: usize = offset.parse().expect("an offset");
        // A frame that reaches its limit is too long whatever comes next.
        if offset < input.len() {
            assert_eq!(reply(limits, policy)(&input[..offset]), Ok(None), "line {line}");
        }
    }
}

#[test]
fn every_table_is_read() {
    let page = include_str!("../docs/GRAMMAR.md");
    let rows_of_verdicts = |line: &&str| {
        let verdicts = ["ok ", "incomplete", "error: ", "ends at "];
        cells(line).last().is_some_and(|cell| verdicts.iter().any(|start| cell.starts_with(start)))
    };
    let columns =
        ["reply", AS_SENT, "request", "request without inline commands", "synchronisation"];
    let read: usize = columns.iter().map(|column| rows(column).len()).sum();
    assert_eq!(read, page.lines().filter(rows_of_verdicts).count());
    assert!(read > 130, "only {read} rows");
}

#[test]
fn the_default_limits_on_the_page_match_the_crate() {
    for (limits, bulk) in [(Limits::new(), 1 << 30), (Limits::requests(), 512 << 20)] {
        assert_eq!((limits.depth(), limits.bulk(), limits.frame()), (128, bulk, 1 << 30));
        assert_eq!(limits, limits.with_elements((1 << 31) - 1));
    }
    let expected = Limits::new().with_elements(10).with_bulk(16_384).with_frame(1 << 20);
    assert_eq!(Limits::unauthenticated(), expected);
}
