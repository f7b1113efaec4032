//! The verdicts of the crate on some bytes, in the terms of the naive decoder.

use zresp::view::Elements;
use zresp::{
    Command, CommandDecoder, CommandRef, Decoded, Decoder, Error, ErrorKind, InlinePolicy, Kind,
    Limits, LinePolicy, ReplyRef, Request, Token,
};

use crate::oracle::{self, Annotated, Double, Failure, Value, Verdict, request};

/// The same limits for the crate.
pub fn limits(limits: &oracle::Limits) -> Limits {
    Limits::new()
        .with_depth(limits.depth)
        .with_bulk(limits.bulk)
        .with_elements(limits.elements)
        .with_frame(limits.frame)
}

/// The same policy for the crate.
pub fn lines(limits: &oracle::Limits) -> LinePolicy {
    if limits.lines_as_sent { LinePolicy::AsSent } else { LinePolicy::Strict }
}

/// A decoder with the same limits and the same policy.
pub fn decoder(naive: &oracle::Limits) -> Decoder {
    Decoder::with_limits(limits(naive)).with_line_policy(lines(naive))
}

/// The verdict of one call of a decoder.
pub fn whole(input: &[u8], mut decoder: Decoder) -> Verdict {
    let result = decoder.decode(input);
    verdict(result, decoder.needed())
}

/// The verdicts of one decoder on the frames of the input, up to the first that is not whole.
pub fn stream(mut input: &[u8], mut decoder: Decoder) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    loop {
        let result = decoder.decode(input);
        let size = result.as_ref().ok().and_then(|frame| Some(frame.as_ref()?.wire().len()));
        verdicts.push(verdict(result, decoder.needed()));
        match size {
            Some(size) => input = &input[size..],
            None => return verdicts,
        }
    }
}

/// The verdict of a decoder that is shown the input up to each of the cuts, then all of it.
pub fn in_pieces(
    input: &[u8],
    cuts: impl IntoIterator<Item = usize>,
    mut decoder: Decoder,
) -> Verdict {
    let mut seen = 0;
    for cut in cuts {
        seen = cut.clamp(seen, input.len());
        let result = decoder.decode(&input[..seen]);
        if !matches!(result, Ok(None)) {
            return verdict(result, 0);
        }
        let needed = decoder.needed();
        assert!(needed > 0, "nothing is needed after {seen} bytes of {}", input.escape_ascii());
    }
    let result = decoder.decode(input);
    verdict(result, decoder.needed())
}

/// A result of `decode` as a verdict.
pub fn verdict(result: Result<Option<Decoded<'_>>, Error>, needed: usize) -> Verdict {
    match result {
        Ok(Some(frame)) => {
            assert_flat_equals_nested(frame);
            Verdict::Complete { consumed: frame.wire().len(), value: annotated(frame) }
        }
        Ok(None) => Verdict::Incomplete { needed },
        Err(Error { kind, offset, .. }) => Verdict::Failed { failure: failure(kind), offset },
    }
}

fn failure(kind: ErrorKind) -> Failure {
    match kind {
        ErrorKind::Unexpected { .. } | ErrorKind::IntegerOverflow => Failure::Malformed,
        ErrorKind::NestedPush => Failure::NestedPush,
        ErrorKind::TooDeep { .. } => Failure::TooDeep,
        ErrorKind::BulkTooLong { .. } => Failure::BulkTooLong,
        ErrorKind::TooManyElements { .. } => Failure::TooManyElements,
        ErrorKind::FrameTooLong { .. } => Failure::FrameTooLong,
        ErrorKind::InlineTooLong { .. } => Failure::InlineTooLong,
        ErrorKind::UnbalancedQuotes => Failure::UnbalancedQuotes,
        ErrorKind::HttpRequest => Failure::Http,
        other => panic!("{other:?} is not a verdict of a decoder"),
    }
}

/// A value as the nested iterators show it.
pub fn annotated(decoded: Decoded<'_>) -> Annotated {
    Annotated {
        attributes: decoded.attributes().annotated().map(pair).collect(),
        value: value(decoded.reply()),
        wire: decoded.wire().to_vec(),
    }
}

fn pair((key, value): (Decoded<'_>, Decoded<'_>)) -> (Annotated, Annotated) {
    (annotated(key), annotated(value))
}

fn value(reply: ReplyRef<'_>) -> Value {
    match reply {
        ReplyRef::Simple(text) => Value::Simple(text.to_vec()),
        ReplyRef::Error(text) => Value::Error(text.to_vec()),
        ReplyRef::Integer(value) => Value::Integer(value),
        ReplyRef::Bulk(bytes) => Value::Bulk(bytes.to_vec()),
        ReplyRef::Streamed(chunks) => Value::Streamed(chunks.map(<[u8]>::to_vec).collect()),
        ReplyRef::NullBulk => Value::NullBulk,
        ReplyRef::NullArray => Value::NullArray,
        ReplyRef::Null => Value::Null,
        ReplyRef::Boolean(value) => Value::Boolean(value),
        ReplyRef::Double(value) => Value::Double(Double(value)),
        ReplyRef::BigNumber(text) => Value::BigNumber(text.to_vec()),
        ReplyRef::BulkError(text) => Value::BulkError(text.to_vec()),
        ReplyRef::Verbatim { format, text } => {
            Value::Verbatim { format: *format, text: text.to_vec() }
        }
        ReplyRef::Array(items) => {
            let (streamed, elements) = elements(items);
            Value::Array { streamed, elements }
        }
        ReplyRef::Set(items) => {
            let (streamed, elements) = elements(items);
            Value::Set { streamed, elements }
        }
        ReplyRef::Push(items) => Value::Push(elements(items).1),
        ReplyRef::Map(pairs) => {
            let streamed = pairs.len().is_none();
            Value::Map { streamed, pairs: pairs.annotated().map(pair).collect() }
        }
        other => panic!("{other:?} is not a value of the grammar"),
    }
}

fn elements(items: Elements<'_>) -> (bool, Vec<Annotated>) {
    let elements: Vec<_> = items.annotated().map(annotated).collect();
    let (least, most) = items.size_hint();
    assert!((least..=most.unwrap()).contains(&elements.len()), "{items:?}");
    assert_eq!(items.count(), elements.len(), "{items:?}");
    assert!(items.len().is_none_or(|len| len == elements.len()), "{items:?}");
    (items.len().is_none(), elements)
}

/// Asserts that the flat pass sees what the nested iterators see.
fn assert_flat_equals_nested(frame: Decoded<'_>) {
    let mut nested = Vec::new();
    push_tokens(frame, &mut nested);
    let nested = compared(nested);
    assert_eq!(compared(frame.tokens()), nested);
    let after_attributes = nested.len() - frame.reply().tokens().count();
    assert_eq!(compared(frame.reply().tokens()), nested[after_attributes..]);
}

/// Tokens in a form to compare: a NaN does not equal itself, and `Debug` shows only the start of a payload.
pub fn compared<'a>(tokens: impl IntoIterator<Item = Token<'a>>) -> Vec<Result<Value, Token<'a>>> {
    let compared = |token| match token {
        Token::Scalar(reply) => Ok(value(reply)),
        edge => Err(edge),
    };
    tokens.into_iter().map(compared).collect()
}

fn push_tokens<'a>(decoded: Decoded<'a>, tokens: &mut Vec<Token<'a>>) {
    let kind = decoded.reply().kind();
    push_attributes(decoded, tokens);
    match decoded.reply() {
        ReplyRef::Array(items) | ReplyRef::Set(items) | ReplyRef::Push(items) => {
            tokens.push(Token::Open { kind, len: items.len() });
            items.annotated().for_each(|item| push_tokens(item, tokens));
            tokens.push(Token::Close(kind));
        }
        ReplyRef::Map(pairs) => {
            tokens.push(Token::Open { kind, len: pairs.len() });
            pairs.annotated().for_each(|(key, value)| {
                push_tokens(key, tokens);
                push_tokens(value, tokens);
            });
            tokens.push(Token::Close(kind));
        }
        scalar => tokens.push(Token::Scalar(scalar)),
    }
}

/// The attributes of a value, each with as many pairs as its header says.
fn push_attributes<'a>(decoded: Decoded<'a>, tokens: &mut Vec<Token<'a>>) {
    let mut pairs = decoded.attributes().annotated();
    let mut wire = decoded.attributes().wire();
    while let Some(header) = wire.strip_prefix(b"|") {
        let digits = header.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let count: usize = std::str::from_utf8(&header[..digits]).unwrap().parse().unwrap();
        tokens.push(Token::Open { kind: Kind::Attribute, len: Some(count) });
        wire = &header[digits + 2..];
        for (key, value) in pairs.by_ref().take(count) {
            push_tokens(key, tokens);
            push_tokens(value, tokens);
            wire = &wire[key.wire().len() + value.wire().len()..];
        }
        tokens.push(Token::Close(Kind::Attribute));
    }
    assert!(wire.is_empty() && pairs.next().is_none());
}

pub fn request_verdict(
    result: Result<Option<Request<'_>>, Error>,
    needed: usize,
) -> request::Verdict {
    match result {
        Ok(Some(request)) => {
            let consumed = request.wire().len();
            request::Verdict::Complete { arguments: arguments(&request), consumed }
        }
        Ok(None) => request::Verdict::Incomplete { needed },
        Err(Error { kind, offset, .. }) => {
            request::Verdict::Failed { failure: failure(kind), offset }
        }
    }
}

/// Returns the arguments, and asserts that all ways of reading them agree.
pub fn arguments(request: &Request<'_>) -> Vec<Vec<u8>> {
    assert!(request.wire().ends_with(request.command().wire()));
    let mut scratch = Vec::new();
    let array = request.command().to_array(&mut scratch);
    let arguments: Vec<Vec<u8>> = array.args().map(<[u8]>::to_vec).collect();
    assert_array(array, &arguments);
    match request.command() {
        Command::Array(command) => {
            assert_eq!(command, array);
            assert_array(command, &arguments);
        }
        Command::Inline(line) => {
            let borrowed: Vec<Vec<u8>> = line.args().map(|argument| argument.to_vec()).collect();
            assert_eq!(borrowed, arguments);
            assert_eq!(line.name(), arguments[0]);
        }
    }
    arguments
}

fn assert_array(command: CommandRef<'_>, arguments: &[Vec<u8>]) {
    assert_eq!(command.len(), arguments.len());
    assert_eq!(command.name(), arguments[0]);
    for (index, argument) in arguments.iter().enumerate() {
        assert_eq!(command.arg(index), Some(&argument[..]));
        assert_eq!(command.wire()[command.arg_span(index).unwrap()], argument[..]);
    }
    assert_eq!(command.arg(arguments.len()), None);
    assert_eq!(command.arg_span(usize::MAX), None);
    assert_eq!(command.index().to_vec(), arguments);
}

/// The verdicts of one decoder on the requests of the input, up to the first that is not whole. The decoder is
/// shown the input up to each of the cuts, then all of it.
pub fn requests(
    input: &[u8],
    cuts: impl IntoIterator<Item = usize>,
    limits: Limits,
    policy: InlinePolicy,
) -> Vec<request::Verdict> {
    let mut decoder = CommandDecoder::with_limits(limits).with_inline_policy(policy);
    let mut verdicts = Vec::new();
    let (mut at, mut seen) = (0, 0);
    for cut in cuts.into_iter().chain([input.len()]) {
        seen = cut.clamp(seen, input.len());
        loop {
            let result = decoder.decode(&input[at..seen]);
            let size = match result {
                Ok(Some(request)) => request.wire().len(),
                Ok(None) if seen < input.len() => {
                    assert!(decoder.needed() > 0);
                    assert_partial(&decoder, &input[at..seen]);
                    break;
                }
                _ => {
                    verdicts.push(request_verdict(result, decoder.needed()));
                    return verdicts;
                }
            };
            verdicts.push(request_verdict(result, 0));
            at += size;
        }
    }
    verdicts
}

/// Asserts that the arguments that have arrived are in the bytes, and are fewer than the command will have.
fn assert_partial(decoder: &CommandDecoder, seen: &[u8]) {
    let Some(partial) = decoder.partial(seen) else { return };
    let arrived: Vec<&[u8]> = partial.args().collect();
    assert!(arrived.len() < partial.len());
    for (index, argument) in arrived.iter().enumerate() {
        assert_eq!(partial.arg(index), Some(*argument));
        let span = partial.arg_span(index).expect("an argument");
        assert_eq!(&partial.wire()[span], *argument);
    }
    assert!(seen.ends_with(partial.wire()) && partial.wire().starts_with(b"*"));
    assert_eq!((partial.arg(arrived.len()), partial.arg_span(arrived.len())), (None, None));
}
