//! A second writer of values, recursive and plain, for the fast one to agree with. In RESP2 it follows the table
//! in the documentation of `Encode`.

use super::{Annotated, Value};

/// How integers and doubles are written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Numbers {
    /// As the sender wrote them.
    OfTheSender,
    /// With the fewest digits, in the shape of `%.17g`.
    Shortest,
}

/// The value in RESP2, without any attributes.
pub fn in_resp2(annotated: &Annotated, numbers: Numbers) -> Vec<u8> {
    let sent = text_of_the_sender(annotated);
    let all = |values: Vec<&Annotated>| {
        let header = format!("*{}\r\n", values.len()).into_bytes();
        values.iter().fold(header, |wire, value| [wire, in_resp2(value, numbers)].concat())
    };
    match &annotated.value {
        Value::Simple(text) => line(b'+', text),
        Value::Error(text) => line(b'-', text),
        Value::Integer(_) if numbers == Numbers::OfTheSender => line(b':', sent),
        Value::Integer(value) => line(b':', value.to_string().as_bytes()),
        Value::Bulk(payload) | Value::BigNumber(payload) => bulk(payload),
        Value::Verbatim { text, .. } => bulk(text),
        Value::Streamed(chunks) => bulk(&chunks.concat()),
        Value::NullBulk | Value::Null => b"$-1\r\n".to_vec(),
        Value::NullArray => b"*-1\r\n".to_vec(),
        Value::Boolean(value) => line(b':', if *value { b"1" } else { b"0" }),
        Value::Double(_) if numbers == Numbers::OfTheSender => bulk(sent),
        Value::Double(value) => bulk(shortest(value.0).as_bytes()),
        Value::BulkError(message) => {
            let spaced = message.iter().map(|byte| match byte {
                b'\r' | b'\n' => b' ',
                byte => *byte,
            });
            line(b'-', &spaced.collect::<Vec<_>>())
        }
        Value::Array { elements, .. } | Value::Set { elements, .. } | Value::Push(elements) => {
            all(elements.iter().collect())
        }
        Value::Map { pairs, .. } => {
            all(pairs.iter().flat_map(|(key, value)| [key, value]).collect())
        }
    }
}

/// The value in RESP3 with its attributes. Only numbers have more than one accepted form.
pub fn in_resp3(annotated: &Annotated, numbers: Numbers) -> Vec<u8> {
    let sent = text_of_the_sender(annotated);
    let all = |kind, streamed, count, values: Vec<&Annotated>| {
        let header = if streamed { format!("{kind}?\r\n") } else { format!("{kind}{count}\r\n") };
        let end = if streamed { b".\r\n".as_slice() } else { b"" };
        let written = values.iter().flat_map(|value| in_resp3(value, numbers)).collect::<Vec<_>>();
        [header.as_bytes(), &written, end].concat()
    };
    let value = match &annotated.value {
        Value::Simple(text) => line(b'+', text),
        Value::Error(text) => line(b'-', text),
        Value::Integer(_) if numbers == Numbers::OfTheSender => line(b':', sent),
        Value::Integer(value) => line(b':', value.to_string().as_bytes()),
        Value::Double(_) if numbers == Numbers::OfTheSender => line(b',', sent),
        Value::Double(value) => line(b',', shortest(value.0).as_bytes()),
        Value::BigNumber(text) => line(b'(', text),
        Value::Bulk(payload) => bulk(payload),
        Value::BulkError(message) => sized(b'!', message),
        Value::Verbatim { format, text } => sized(b'=', &[format, b":".as_slice(), text].concat()),
        Value::Streamed(chunks) => {
            let chunks = chunks.iter().flat_map(|chunk| sized(b';', chunk)).collect::<Vec<_>>();
            [b"$?\r\n", chunks.as_slice(), b";0\r\n"].concat()
        }
        Value::NullBulk => b"$-1\r\n".to_vec(),
        Value::NullArray => b"*-1\r\n".to_vec(),
        Value::Null => b"_\r\n".to_vec(),
        Value::Boolean(value) => line(b'#', if *value { b"t" } else { b"f" }),
        Value::Array { streamed, elements } => {
            all('*', *streamed, elements.len(), elements.iter().collect())
        }
        Value::Set { streamed, elements } => {
            all('~', *streamed, elements.len(), elements.iter().collect())
        }
        Value::Push(elements) => all('>', false, elements.len(), elements.iter().collect()),
        Value::Map { streamed, pairs } => {
            let flat = pairs.iter().flat_map(|(key, value)| [key, value]).collect();
            all('%', *streamed, pairs.len(), flat)
        }
    };
    [attributes_in_resp3(annotated, numbers), value].concat()
}

/// The attributes of a value. Only the header of each says how many pairs it has.
fn attributes_in_resp3(annotated: &Annotated, numbers: Numbers) -> Vec<u8> {
    let (mut wire, mut pairs) = (annotated.wire.as_slice(), annotated.attributes.as_slice());
    let mut written = Vec::new();
    while let Some(header) = wire.strip_prefix(b"|") {
        let digits = header.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let count = std::str::from_utf8(&header[..digits]).expect("digits");
        let (own, others) = pairs.split_at(count.parse().expect("a count"));
        let sizes = own.iter().map(|(key, value)| key.wire.len() + value.wire.len());
        wire = &header[digits + 2 + sizes.sum::<usize>()..];
        pairs = others;
        written.extend(format!("|{}\r\n", own.len()).bytes());
        let values = own.iter().flat_map(|(key, value)| [key, value]);
        written.extend(values.flat_map(|value| in_resp3(value, numbers)));
    }
    written
}

/// The shortest digits of a double, in the shape of `%.17g`.
pub fn shortest(value: f64) -> String {
    let scientific = format!("{value:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else {
        return scientific.to_lowercase();
    };
    let exponent: i32 = exponent.parse().expect("an exponent is a number");
    // The number of digits after the first.
    let after = digits.bytes().filter(u8::is_ascii_digit).count() - 1;
    let fraction = i32::try_from(after).expect("few digits") - exponent;
    if (-4..17).contains(&exponent) && fraction > 0 {
        return format!("{value:.*}", usize::try_from(fraction).expect("it is positive"));
    }
    // If two texts are equally near, the even one is taken. But below a power of two the numbers lie closer
    // together, so the nearest text there may belong to another number.
    let rounded = format!("{value:.after$e}");
    let is_the_same = rounded.parse::<f64>().is_ok_and(|read| read.to_bits() == value.to_bits());
    let nearest = if is_the_same { &rounded } else { &scientific };
    let (digits, _) = nearest.split_once('e').expect("as above");
    if (-4..17).contains(&exponent) {
        return digits.replace('.', "") + &"0".repeat(usize::try_from(-fraction).expect("zeros"));
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// The last line of the value on the wire, without its type byte. For a number, that is its text.
fn text_of_the_sender(annotated: &Annotated) -> &[u8] {
    let line = annotated.wire.rsplit(|byte| *byte == b'\n').nth(1).unwrap_or_default();
    line.get(1..line.len().saturating_sub(1)).unwrap_or_default()
}

fn line(type_byte: u8, text: &[u8]) -> Vec<u8> {
    [&[type_byte], text, b"\r\n"].concat()
}

fn bulk(payload: &[u8]) -> Vec<u8> {
    sized(b'$', payload)
}

fn sized(type_byte: u8, payload: &[u8]) -> Vec<u8> {
    let header = format!("{}{}\r\n", char::from(type_byte), payload.len());
    [header.as_bytes(), payload, b"\r\n"].concat()
}

/// The same value without its bytes on the wire.
pub fn without_wire(annotated: Annotated) -> Annotated {
    let all = |values: Vec<Annotated>| values.into_iter().map(without_wire).collect();
    let pair = |(key, value)| (without_wire(key), without_wire(value));
    let value = match annotated.value {
        Value::Array { streamed, elements } => Value::Array { streamed, elements: all(elements) },
        Value::Set { streamed, elements } => Value::Set { streamed, elements: all(elements) },
        Value::Push(elements) => Value::Push(all(elements)),
        Value::Map { streamed, pairs } => {
            Value::Map { streamed, pairs: pairs.into_iter().map(pair).collect() }
        }
        scalar => scalar,
    };
    let attributes = annotated.attributes.into_iter().map(pair).collect();
    Annotated { attributes, value, wire: Vec::new() }
}
