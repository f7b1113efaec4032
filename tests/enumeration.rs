//! Every input of up to `n` bytes gets the verdict of the naive decoder, whole and at every cut.
//!
//! The inputs are made of the bytes that mean something: the type bytes, three digits, CR, LF, a letter, and for
//! requests quotes, blanks and NUL. The variable `ZRESP_ENUMERATE` sets `n`; the default is 4. The counts are
//! printed:
//!
//! ```sh
//! ZRESP_ENUMERATE=6 cargo test --release --test enumeration -- --nocapture
//! ```
//!
//! A rejected input is not made longer, because rejected input stays rejected, at the same offset, whatever
//! follows. This promise is also tested here: on each rejected input with each further byte, with a few more, and
//! with as many as fast paths load at once. So is the promise that a whole frame stays the same.
//!
//! An unfinished input is also followed by more bytes than fast paths load at once, by each of six endings; inputs of
//! more than five bytes by one of the six, in turn. So the paths that read whole words see every beginning too.
//!
//! Token readers get the same inputs, all at once and byte by byte.

use std::fmt::Debug;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, iter, ops, thread};

use zresp::frames::{FrameTokenReader, Replies, Requests};
use zresp::{
    CommandDecoder, CommandTokenReader, Decoder, Error, Framer, InlinePolicy, TokenReader,
};
use zresp_testing::drive::tokens::{Seen, Shown};
use zresp_testing::drive::verdicts;
use zresp_testing::oracle::{self, request};

const REPLIES: &[u8] = b"+-*$%~>|:,(!=_#;.?019\r\nt";
const REQUESTS: &[u8] = b"x \"'\\*$-019?\r\n\0";
/// More bytes than any fast path loads at once.
const AT_ONCE: usize = 40;
/// Inputs of up to this length get all endings.
const SHORT: usize = 5;
/// What may follow an unfinished input, each with at least [`AT_ONCE`] bytes: payloads, digits, line ends, values.
const ENDINGS: [&[u8]; 6] = [
    b"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    b"1\r\n:1\r\n:2\r\n$1\r\nx\r\n+OK\r\n:3\r\n:4\r\n$0\r\n\r\n:5\r\n:6\r\n",
    b"\r\n$3\r\nfoo\r\n$12\r\nhello, world\r\n:-12345\r\n+OK\r\n:0\r\n:1\r\n",
    b"\n:0\r\n:1\r\n*2\r\n:1\r\n,1.5\r\n%1\r\n+a\r\n#t\r\n_\r\n.\r\n+OK\r\n",
    b"12345678901234567890123456789012345678901234\r\n",
    b"\n\r\n\r\r\n\n\r\n\r\r\n\n\r\n\r\r\n\n\r\n\r\r\n\n\r\n\r\r\n\n\r\n\r\r\n\n\r\n:1\r\n",
];

/// The length of the longest inputs by default.
const FEW: usize = 4;

fn longest() -> usize {
    env::var("ZRESP_ENUMERATE").map_or(FEW, |bytes| bytes.parse().expect("a number of bytes"))
}

/// The verdict of the naive decoder or of the crate on the first frame of some bytes.
#[derive(Debug, Clone, PartialEq)]
enum Verdict<V> {
    Complete(V, usize),
    Incomplete(usize),
    Failed(oracle::Failure, usize),
}

/// A grammar, with both of its decoders.
trait Grammar: Sync {
    type Direction: Shown;
    type Decoder: Clone;
    type Value: Debug + PartialEq;

    fn alphabet(&self) -> &'static [u8];
    /// The most bytes that a frame may have.
    fn limit(&self) -> usize;
    fn decoder(&self) -> Self::Decoder;
    fn framer(&self) -> Framer;
    fn reader(&self) -> FrameTokenReader<Self::Direction>;
    /// The tokens of a frame that a decoder has returned as whole.
    fn tokens(&self, frame: &[u8]) -> Vec<Seen>;
    fn naive(&self, bytes: &[u8]) -> Verdict<Self::Value>;
    fn decode(&self, decoder: &mut Self::Decoder, bytes: &[u8]) -> Verdict<Self::Value>;
}

struct ReplyGrammar(oracle::Limits);

impl Grammar for ReplyGrammar {
    type Direction = Replies;
    type Decoder = Decoder;
    type Value = oracle::Annotated;

    fn alphabet(&self) -> &'static [u8] {
        REPLIES
    }

    fn limit(&self) -> usize {
        self.0.frame
    }

    fn decoder(&self) -> Decoder {
        verdicts::decoder(&self.0)
    }

    fn framer(&self) -> Framer {
        Framer::replies(verdicts::limits(&self.0)).with_line_policy(verdicts::lines(&self.0))
    }

    fn reader(&self) -> TokenReader {
        let reader = TokenReader::with_limits(verdicts::limits(&self.0));
        reader.with_line_policy(verdicts::lines(&self.0))
    }

    fn tokens(&self, frame: &[u8]) -> Vec<Seen> {
        let mut decoder = self.decoder();
        Replies::shown_frame(&decoder.decode(frame).expect("valid").expect("whole"))
    }

    fn naive(&self, bytes: &[u8]) -> Verdict<oracle::Annotated> {
        of_reply(oracle::decode(bytes, &self.0))
    }

    fn decode(&self, decoder: &mut Decoder, bytes: &[u8]) -> Verdict<oracle::Annotated> {
        match decoder.decode(bytes) {
            Ok(None) => Verdict::Incomplete(decoder.needed()),
            result => of_reply(verdicts::verdict(result, 0)),
        }
    }
}

fn of_reply(verdict: oracle::Verdict) -> Verdict<oracle::Annotated> {
    match verdict {
        oracle::Verdict::Complete { value, consumed } => Verdict::Complete(value, consumed),
        oracle::Verdict::Incomplete { needed } => Verdict::Incomplete(needed),
        oracle::Verdict::Failed { failure, offset } => Verdict::Failed(failure, offset),
    }
}

struct RequestGrammar(oracle::Limits, InlinePolicy);

impl Grammar for RequestGrammar {
    type Direction = Requests;
    type Decoder = CommandDecoder;
    type Value = Vec<Vec<u8>>;

    fn alphabet(&self) -> &'static [u8] {
        REQUESTS
    }

    fn limit(&self) -> usize {
        self.0.frame
    }

    fn decoder(&self) -> CommandDecoder {
        CommandDecoder::with_limits(verdicts::limits(&self.0)).with_inline_policy(self.1)
    }

    fn framer(&self) -> Framer {
        Framer::requests(verdicts::limits(&self.0)).with_inline_policy(self.1)
    }

    fn reader(&self) -> CommandTokenReader {
        let mut reader = CommandTokenReader::with_limits(verdicts::limits(&self.0));
        reader.set_inline_policy(self.1);
        reader
    }

    fn tokens(&self, frame: &[u8]) -> Vec<Seen> {
        let mut decoder = self.decoder();
        Requests::shown_frame(&decoder.decode(frame).expect("valid").expect("whole"))
    }

    fn naive(&self, bytes: &[u8]) -> Verdict<Vec<Vec<u8>>> {
        of_request(request::decode(bytes, &self.0, self.1 == InlinePolicy::Accept))
    }

    fn decode(&self, decoder: &mut CommandDecoder, bytes: &[u8]) -> Verdict<Vec<Vec<u8>>> {
        match decoder.decode(bytes) {
            Ok(None) => Verdict::Incomplete(decoder.needed()),
            result => of_request(verdicts::request_verdict(result, 0)),
        }
    }
}

fn of_request(verdict: request::Verdict) -> Verdict<Vec<Vec<u8>>> {
    match verdict {
        request::Verdict::Complete { arguments, consumed } => {
            Verdict::Complete(arguments, consumed)
        }
        request::Verdict::Incomplete { needed } => Verdict::Incomplete(needed),
        request::Verdict::Failed { failure, offset } => Verdict::Failed(failure, offset),
    }
}

/// The number of inputs for each verdict.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    unfinished: u64,
    complete: u64,
    rejected: u64,
    /// The number of calls of the crate's decoders.
    decoded: u64,
}

impl ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.unfinished += other.unfinished;
        self.complete += other.complete;
        self.rejected += other.rejected;
        self.decoded += other.decoded;
    }
}

/// The state of a frame in progress.
#[derive(Clone)]
struct Progress<G: Grammar> {
    /// Where the frame begins, after other frames.
    start: usize,
    /// For each cut, a decoder that has seen the frame up to it in one piece. The first ones have only seen the
    /// frames before it.
    decoders: Vec<G::Decoder>,
    /// A framer that has seen the bytes one by one.
    framer: Framer,
    /// A token reader that has seen them one by one.
    reader: Tokens<G::Direction>,
}

/// A token reader, and what it has read of the frame in progress.
#[derive(Clone)]
struct Tokens<D: Shown> {
    reader: FrameTokenReader<D>,
    /// Where the next token begins in the frame.
    at: usize,
    /// Where the frame begins, after what a request skips.
    skipped: usize,
    seen: Vec<Seen>,
}

impl<D: Shown> Tokens<D> {
    const fn new(reader: FrameTokenReader<D>) -> Self {
        Self { reader, at: 0, skipped: 0, seen: Vec::new() }
    }

    /// Reads the tokens of one frame, up to the end of `frame`. Returns whether the frame is whole.
    fn read(&mut self, frame: &[u8]) -> Result<bool, Error> {
        while let Some((token, size)) = self.reader.next(&frame[self.at..])? {
            self.at += size;
            match D::shown(token) {
                // A decoder does not tell of what a request skips, and counts its offsets from the first skipped byte.
                Seen::Skipped => self.skipped = self.at,
                token => {
                    self.seen.push(token);
                    if self.reader.is_between_frames() {
                        return Ok(true);
                    }
                }
            }
        }
        Ok(false)
    }
}

/// A walk through all inputs that begin with `input`.
struct Search<'a, G: Grammar> {
    grammar: &'a G,
    input: Vec<u8>,
    most: usize,
    counts: Counts,
}

impl<G: Grammar> Search<'_, G> {
    /// Asserts the verdicts on the input with one more byte, and on all longer inputs that begin like this. Returns
    /// the length of the shortest of them that ends the frame in progress.
    fn descend(&mut self, byte: u8, before: &Progress<G>) -> Option<usize> {
        self.input.push(byte);
        let end = self.agreed(before).and_then(|progress| {
            let is_longest = self.input.len() == self.most;
            let next = if is_longest { &[] } else { self.grammar.alphabet() };
            let ends = next.iter().filter_map(|byte| self.descend(*byte, &progress)).min();
            if progress.start == self.input.len() {
                return Some(progress.start);
            }
            self.assert_can_end(&progress, ends);
            ends
        });
        self.input.pop();
        end
    }

    /// Asserts that an unfinished frame can end after the bytes that are needed, and not before.
    fn assert_can_end(&self, progress: &Progress<G>, end: Option<usize>) {
        let least = self.input.len().saturating_add(progress.framer.needed());
        let is_within = least <= self.most && least - progress.start <= self.grammar.limit();
        let fits = match end {
            Some(end) => end == least,
            None => !is_within,
        };
        assert!(fits, "{}: ends with {end:?} bytes, not {least}", self.shown());
    }

    /// Asserts that all decoders give the naive verdict on the frame in progress. Returns the new state unless the
    /// frame is rejected.
    fn agreed(&mut self, before: &Progress<G>) -> Option<Progress<G>> {
        let frame = &self.input[before.start..];
        let expected = self.grammar.naive(frame);
        let mut decoders = before.decoders.clone();
        for (cut, decoder) in decoders.iter_mut().enumerate() {
            let verdict = self.grammar.decode(decoder, frame);
            assert!(verdict == expected, "{}, {cut}: {verdict:?}, not {expected:?}", self.shown());
        }
        self.counts.decoded += decoders.len() as u64;
        let framer = self.framed(&before.framer, frame, &expected);
        let reader = self.read(&before.reader, frame, &expected);
        match expected {
            Verdict::Complete(_, size) => {
                assert_eq!(size, frame.len(), "{}: complete before its end", self.shown());
                self.counts.complete += 1;
                self.assert_stays(before, &expected);
                // Keep the decoder that saw the frame at once, and the one that had already seen all but the
                // last byte.
                let last = decoders.len() - 1;
                decoders = if last == 0 {
                    decoders
                } else {
                    vec![decoders.remove(0), decoders.remove(last - 1)]
                };
                let reader = Tokens::new(reader.reader);
                Some(Progress { start: self.input.len(), decoders, framer, reader })
            }
            Verdict::Incomplete(needed) => {
                assert!(needed > 0, "{}", self.shown());
                self.counts.unfinished += 1;
                self.assert_endings_agree(before, frame);
                let mut kept = before.decoders.clone();
                kept.push(decoders.swap_remove(0));
                Some(Progress { start: before.start, decoders: kept, framer, reader })
            }
            Verdict::Failed(..) => {
                self.counts.rejected += 1;
                self.assert_stays(before, &expected);
                None
            }
        }
    }

    /// Asserts that a framer gives the expected verdict, byte by byte and at once. Returns the one that goes byte by
    /// byte.
    fn framed(&self, before: &Framer, frame: &[u8], expected: &Verdict<G::Value>) -> Framer {
        let mut framer = before.clone();
        for (framer, bytes) in
            [(&mut framer, &frame[frame.len() - 1..]), (&mut self.grammar.framer(), frame)]
        {
            // A limit may be exceeded without a further byte.
            let result = framer.advance(bytes).and_then(|progress| {
                if progress.is_complete { Ok(progress) } else { framer.advance(&[]) }
            });
            let fits = match (expected, &result) {
                (Verdict::Complete(..), Ok(progress)) => {
                    progress.is_complete && progress.taken == bytes.len()
                }
                (Verdict::Incomplete(needed), Ok(progress)) => {
                    !progress.is_complete && framer.needed() == *needed
                }
                (Verdict::Failed(_, offset), Err(error)) => error.offset == *offset,
                _ => false,
            };
            assert!(fits, "{}: {result:?}, not {expected:?}", self.shown());
        }
        framer
    }

    /// Asserts that token readers give the expected verdict, byte by byte and at once, and the tokens of a whole
    /// frame. Returns the one that goes byte by byte.
    fn read(
        &self,
        before: &Tokens<G::Direction>,
        frame: &[u8],
        expected: &Verdict<G::Value>,
    ) -> Tokens<G::Direction> {
        let mut bytewise = before.clone();
        for tokens in [&mut bytewise, &mut Tokens::new(self.grammar.reader())] {
            let result = tokens.read(frame);
            let fits = match (expected, &result) {
                (Verdict::Complete(_, size), Ok(true)) => {
                    tokens.at == *size && tokens.seen == self.grammar.tokens(&frame[..*size])
                }
                (Verdict::Incomplete(needed), Ok(false)) => tokens.reader.needed() == *needed,
                (Verdict::Failed(_, offset), Err(error)) => {
                    tokens.skipped + error.offset == *offset
                }
                _ => false,
            };
            assert!(fits, "{}: {result:?} of tokens, not {expected:?}", frame.escape_ascii());
        }
        bytewise
    }

    /// Asserts that all decoders give the naive verdict on an unfinished frame with each of the endings, or with the
    /// next one. So do token readers.
    fn assert_endings_agree(&self, before: &Progress<G>, frame: &[u8]) {
        let turn = usize::try_from(self.counts.unfinished).expect("a count") % ENDINGS.len();
        let is_short = self.input.len() <= SHORT;
        for ending in if is_short { &ENDINGS[..] } else { &ENDINGS[turn..=turn] } {
            let longer = [frame, ending].concat();
            let expected = self.grammar.naive(&longer);
            for (cut, mut decoder) in before.decoders.iter().cloned().enumerate() {
                let verdict = self.grammar.decode(&mut decoder, &longer);
                let shown = longer.escape_ascii();
                assert!(verdict == expected, "{shown}, {cut}: {verdict:?}, not {expected:?}");
            }
            self.read(&before.reader, &longer, &expected);
        }
    }

    /// Asserts that a verdict stays the same whatever follows: each further byte, a few, and as many as fast paths
    /// load at once.
    fn assert_stays(&self, before: &Progress<G>, expected: &Verdict<G::Value>) {
        let alphabet = self.grammar.alphabet();
        let Counts { complete, rejected, .. } = self.counts;
        let turn = usize::try_from(complete + rejected).expect("a count");
        let other = |place: usize| alphabet[(turn / (place + 1)) % alphabet.len()];
        let tail = |count| (0..count).map(other).collect();
        let each = alphabet.iter().map(|byte| vec![*byte]).filter(|_| self.input.len() < self.most);
        for tail in [tail(1), tail(4), tail(AT_ONCE)].into_iter().chain(each) {
            let longer = [&self.input[before.start..], &tail].concat();
            let naive = self.grammar.naive(&longer);
            assert!(naive == *expected, "{}: {naive:?}", self.shown());
            // The first decoder has seen nothing of the frame, the others parts of it.
            let some = if tail.len() == AT_ONCE { before.decoders.len() } else { 1 };
            for (cut, mut decoder) in before.decoders.iter().take(some).cloned().enumerate() {
                let verdict = self.grammar.decode(&mut decoder, &longer);
                assert!(verdict == *expected, "{}, {cut}: {verdict:?}", self.shown());
            }
        }
    }

    fn shown(&self) -> String {
        self.input.escape_ascii().to_string()
    }
}

/// Tests all inputs of up to `most` bytes, on all processors.
fn enumerate<G: Grammar>(name: &str, grammar: &G, most: usize) {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut search = Search { grammar, input: Vec::new(), most, counts: Counts::default() };
        let first = iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
        let first = first.map_while(|turn| grammar.alphabet().get(turn));
        for byte in first {
            let start = 0;
            let (decoders, framer) = (vec![grammar.decoder()], grammar.framer());
            let reader = Tokens::new(grammar.reader());
            search.descend(*byte, &Progress { start, decoders, framer, reader });
        }
        search.counts
    };
    let mut counts = Counts::default();
    thread::scope(|scope| {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let threads: Vec<_> = (0..processors).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            counts += thread.join().expect("every verdict agrees");
        }
    });
    let Counts { unfinished, complete, rejected, decoded } = counts;
    println!(
        "{name}, up to {most} bytes of {}: {complete} end with a whole frame, {unfinished} go on, \
         {rejected} are rejected and were not made longer; {decoded} calls",
        grammar.alphabet().len(),
    );
    assert!(unfinished > 0 && rejected > 0 && ENDINGS.iter().all(|end| end.len() >= AT_ONCE));
}

/// Limits that short inputs exceed. The longest inputs exceed the frame limit by one byte.
fn small() -> oracle::Limits {
    let naive = oracle::Limits::default();
    oracle::Limits { depth: 1, bulk: 1, elements: 1, frame: longest() - 1, ..naive }
}

#[test]
fn every_short_reply() {
    enumerate("replies", &ReplyGrammar(oracle::Limits::default()), longest());
}

#[test]
fn every_short_reply_with_small_limits() {
    enumerate("replies with small limits", &ReplyGrammar(small()), longest());
}

#[test]
fn every_short_reply_with_lines_as_sent() {
    let limits = oracle::Limits { lines_as_sent: true, ..oracle::Limits::default() };
    enumerate("replies with lines as sent", &ReplyGrammar(limits), longest());
}

#[test]
fn every_short_request() {
    let accepting = RequestGrammar(oracle::Limits::default(), InlinePolicy::Accept);
    enumerate("requests", &accepting, longest());
}

#[test]
fn every_short_request_without_inline_commands() {
    let refusing = RequestGrammar(oracle::Limits::default(), InlinePolicy::Refuse);
    // The shortest request has ten bytes, and few inputs get that far.
    enumerate("requests without inline commands", &refusing, longest() + 6);
}

#[test]
fn every_short_request_with_small_limits() {
    enumerate(
        "requests with small limits",
        &RequestGrammar(small(), InlinePolicy::Accept),
        longest(),
    );
}
