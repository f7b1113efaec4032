//! Arbitrary trees for fuzzers and property tests. Each of them can be encoded, and then decoded.

use alloc::vec::Vec;

use arbitrary::{Arbitrary, Result, Unstructured};
use bytes::Bytes;

use super::{Annotated, Entries, Items, Reply, StreamedString};

/// How many levels a tree may have. Bounded, because generating recurses.
const DEPTH: usize = 16;

impl<'a> Arbitrary<'a> for Reply {
    /// Returns a reply that can be encoded and decoded again, nested up to sixteen levels deep.
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        reply(u, DEPTH)
    }
}

fn reply(u: &mut Unstructured<'_>, depth: usize) -> Result<Reply> {
    let variants = if depth == 0 { 13 } else { 21 };
    Ok(match u.int_in_range(0..=variants - 1)? {
        0 => Reply::Bulk(bytes(u)?),
        1 => Reply::Simple(line(u)?),
        2 => Reply::Error(line(u)?),
        3 => Reply::Integer(u.arbitrary()?),
        4 => Reply::Streamed(u.arbitrary_iter::<Vec<u8>>()?.collect::<Result<StreamedString>>()?),
        5 => Reply::NullBulk,
        6 => Reply::NullArray,
        7 => Reply::Null,
        8 => Reply::Boolean(u.arbitrary()?),
        9 => Reply::Double(u.arbitrary()?),
        10 => {
            let value = u.arbitrary::<i128>()?;
            Reply::BigNumber(Bytes::copy_from_slice(itoa::Buffer::new().format(value).as_bytes()))
        }
        11 => Reply::BulkError(bytes(u)?),
        12 => Reply::Verbatim { format: u.arbitrary()?, text: bytes(u)? },
        13 => Reply::Array(items(u, depth)?),
        14 => Reply::Set(items(u, depth)?),
        15 => Reply::Push(push(u, depth)?),
        16 => Reply::Map(entries(u, depth)?),
        17 => Reply::Array(items(u, depth)?.streamed()),
        18 => Reply::Set(items(u, depth)?.streamed()),
        19 => Reply::Map(entries(u, depth)?.streamed()),
        _ => Reply::Annotated(Annotated::new(entries(u, depth)?, reply(u, depth - 1)?)),
    })
}

fn bytes(u: &mut Unstructured<'_>) -> Result<Bytes> {
    Ok(u.arbitrary::<Vec<u8>>()?.into())
}

/// A text without CR and LF.
fn line(u: &mut Unstructured<'_>) -> Result<Bytes> {
    let mut text = u.arbitrary::<Vec<u8>>()?;
    text.retain(|byte| !matches!(byte, b'\r' | b'\n'));
    Ok(text.into())
}

fn items(u: &mut Unstructured<'_>, depth: usize) -> Result<Items> {
    let mut values = Vec::new();
    while u.arbitrary()? {
        values.push(reply(u, depth - 1)?);
    }
    Ok(values.into())
}

/// The elements of a push that a decoder accepts inside another value.
fn push(u: &mut Unstructured<'_>, depth: usize) -> Result<Items> {
    let words =
        ["subscribe", "unsubscribe", "psubscribe", "punsubscribe", "ssubscribe", "sunsubscribe"];
    let word = *u.choose(&words)?;
    let word = if u.arbitrary()? { Reply::simple(word) } else { Reply::bulk(word) };
    let rest = items(u, depth)?;
    Ok([word].into_iter().chain(rest).collect())
}

fn entries(u: &mut Unstructured<'_>, depth: usize) -> Result<Entries> {
    let mut entries = Entries::default();
    while u.arbitrary()? {
        entries.push(reply(u, depth - 1)?, reply(u, depth - 1)?);
    }
    Ok(entries)
}
