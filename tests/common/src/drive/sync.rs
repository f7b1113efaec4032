//! A synchronisation as the crate decodes it, from chunks.

use zresp::Error;
use zresp::replication::{Event, SyncDecoder};

use crate::oracle::sync::{Announced, Sync};

/// Decodes a stream that arrives in the chunks between the cuts.
pub fn decode(stream: &[u8], cuts: &[usize]) -> Result<Sync, Error> {
    let mut decoder = SyncDecoder::new();
    let mut sync = Sync::default();
    let mut start = 0;
    for &end in cuts.iter().chain([&stream.len()]) {
        // Each chunk has its own allocation, so that the decoder cannot read from an earlier one.
        let chunk = stream[start..end].to_vec();
        let mut rest = chunk.as_slice();
        start = end;
        while sync.rest.is_none() {
            let progress = decoder.advance(rest)?;
            let used = progress.taken;
            match progress.event {
                None => {
                    assert_eq!(used, rest.len(), "no event, and not all taken");
                    break;
                }
                Some(Event::FullResync { id, offset }) => {
                    sync.answer = format!("full {} {offset}", id.escape_ascii());
                }
                Some(Event::Continue { id }) => {
                    let id = id.map_or_else(String::new, |id| id.escape_ascii().to_string());
                    sync.answer = format!("continue {id}");
                }
                Some(Event::DualChannelSync) => {
                    sync.answer = String::from("dual channel");
                    sync.rest = Some([&rest[used..], &stream[end..]].concat());
                }
                Some(Event::RdbChannelSync { client_id }) => {
                    sync.answer = format!("rdb channel {client_id}");
                }
                Some(Event::EndOffset { offset, id, database, client_id }) => {
                    let id = id.escape_ascii();
                    let database = database.map_or("-1".to_owned(), |number| number.to_string());
                    sync.answer = format!("end offset {offset} {id} {database} {client_id}");
                }
                Some(Event::Refusal(text)) => {
                    assert!(!text.is_empty());
                    sync.refusal.extend_from_slice(text);
                }
                Some(Event::RefusalEnd) => {
                    sync.is_refused = true;
                    sync.rest = Some([&rest[used..], &stream[end..]].concat());
                }
                Some(Event::PayloadStart { len }) => {
                    sync.announced = len.map_or(Announced::Mark, Announced::Length);
                }
                Some(Event::Payload(bytes)) => {
                    assert!(!bytes.is_empty());
                    sync.payload.extend_from_slice(bytes);
                }
                Some(Event::PayloadEnd) => sync.ended = true,
                Some(Event::Commands) => {
                    assert_eq!(used, 0);
                    sync.rest = Some([rest, &stream[end..]].concat());
                }
                Some(other) => panic!("{other:?}"),
            }
            rest = &rest[used..];
        }
    }
    Ok(sync)
}
