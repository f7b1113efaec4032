//! What a primary sends to its replica: the answer to `PSYNC` or `SYNC`, and then commands.

use std::mem;

use zresp::frames::{Replies, Requests};
use zresp::replication::{Event, SyncDecoder};

use crate::database::Database;
use crate::record::{Check, Snapshot};
use crate::resume;

use super::half::{Half, Trouble};

/// How many bytes of a refusal are shown.
const REFUSAL: usize = 256;

/// The server's side of a connection that has become a link to a replica.
pub(super) struct Primary {
    pub(super) half: Half<Requests>,
    /// The database of the next command.
    pub(super) database: Database,
    /// The answer, until the commands begin.
    answer: Option<Answer>,
}

/// An answer that has not ended.
#[derive(Default)]
struct Answer {
    decoder: SyncDecoder,
    /// The offset of the answer in the stream.
    start: u64,
    /// The offset of the payload, its first bytes and its size so far.
    payload: u64,
    head: Vec<u8>,
    size: u64,
    refusal: Vec<u8>,
}

/// What comes next in an answer.
pub(super) enum Step {
    /// It has not arrived.
    More,
    /// The whole payload, which began at this offset.
    Snapshot(u64, Snapshot),
    /// The primary sends a message in place of a payload.
    Refused(String),
    /// Something is wrong. What follows is not a part of the answer.
    Trouble(Trouble),
}

impl Primary {
    /// Returns the primary's side if an answer begins with this line and goes on with the next bytes of the server.
    pub(super) fn answering(server: &mut Half<Replies>, line: &[u8]) -> Option<Self> {
        let mut answer = Answer::default();
        let event = answer.decoder.advance(line).ok()?.event;
        // After these, the next answer comes only after another `PSYNC`.
        if let Some(Event::DualChannelSync | Event::Refusal(_) | Event::RefusalEnd) = event {
            return None;
        }
        answer.start = server.frames.offset() - line.len() as u64;
        Some(Self { answer: Some(answer), ..Self::sending(server) })
    }

    /// Returns the primary's side if its commands begin, or go on, with the next bytes of the server.
    pub(super) fn sending(server: &mut Half<Replies>) -> Self {
        let half = mem::replace(server, Half::new(resume::reply));
        Self { half: half.into_kind(resume::command), database: Database::default(), answer: None }
    }

    /// Returns what comes next in the answer, or `None` if it has ended and commands follow.
    pub(super) fn step(&mut self) -> Option<Step> {
        let frames = &mut self.half.frames;
        loop {
            let Answer { decoder, start, payload, head, size, refusal } = self.answer.as_mut()?;
            let progress = match decoder.advance(frames.rest()) {
                Ok(progress) => progress,
                Err(error) => {
                    let at = *start + error.offset as u64;
                    let line =
                        format!("offset {at}: {}, in the answer to PSYNC or SYNC", error.kind);
                    self.answer = None;
                    return Some(Step::Trouble(Trouble::Broken(line)));
                }
            };
            let mut step = None;
            match progress.event {
                None => {
                    frames.pass(progress.taken);
                    let Some(lost) = frames.lost() else { return Some(Step::More) };
                    self.answer = None;
                    return Some(Step::Trouble(lost));
                }
                Some(Event::PayloadStart { .. }) => {
                    *payload = frames.offset() + progress.taken as u64;
                }
                Some(Event::Payload(bytes)) => {
                    *size += bytes.len() as u64;
                    let room = Snapshot::HEAD.saturating_sub(head.len());
                    head.extend(bytes.iter().take(room));
                }
                Some(Event::PayloadEnd) => {
                    let snapshot = Snapshot::new(head, *size, Check::Skipped);
                    step = Some(Step::Snapshot(*payload, snapshot));
                }
                Some(Event::Refusal(text)) => {
                    let room = REFUSAL.saturating_sub(refusal.len());
                    refusal.extend(text.iter().take(room));
                }
                Some(Event::RefusalEnd) => {
                    step = Some(Step::Refused(String::from_utf8_lossy(refusal).into_owned()));
                }
                Some(Event::Commands) => {
                    self.answer = None;
                    return None;
                }
                Some(_) => {}
            }
            frames.pass(progress.taken);
            if step.is_some() {
                return step;
            }
        }
    }
}
