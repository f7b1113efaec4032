//! Commands on strings, including counters.

use std::mem;

use bytes::BytesMut;
use zresp::Reply;

use crate::commands::{Call, in_pairs};
use crate::failure::{Answer, Failure, OVERFLOW, SYNTAX, TOO_LONG};
use crate::keys::time_of;
use crate::keyspace::{Keyspace, Text};
use crate::number::{float, integer, span};

/// The length of the longest string: the default of `proto-max-bulk-len` in Redis.
const LONGEST: usize = 512 * 1024 * 1024;

/// Runs a command on strings.
pub(crate) fn run(call: Call<'_>) -> Answer {
    let Call { name, args, keys, .. } = call;
    match (name, args) {
        ("get", [key]) => get(keys, key),
        ("set", [key, value]) => {
            keys.set(key, value, None);
            Ok(Reply::simple("OK"))
        }
        ("set", [key, value, options @ ..]) => set(name, keys, key, value, options),
        ("setnx", [key, value]) => {
            let is_free = keys.entry(key).is_none();
            if is_free {
                keys.set(key, value, None);
            }
            Ok(i64::from(is_free).into())
        }
        ("setex", [key, number, value]) => set(name, keys, key, value, &[b"EX", number]),
        ("psetex", [key, number, value]) => set(name, keys, key, value, &[b"PX", number]),
        ("getset", [key, value]) => set(name, keys, key, value, &[b"GET"]),
        ("getdel", [key]) => {
            let value = get(keys, key)?;
            keys.remove(key);
            Ok(value)
        }
        ("getex", [key, options @ ..]) => get_and_expire(keys, key, options),
        // A value of another type counts as missing.
        ("mget", wanted) => {
            Ok(wanted.iter().map(|key| get(keys, key).unwrap_or(Reply::Null)).collect())
        }
        ("mset", pairs) => {
            for [key, value] in in_pairs(name, pairs)? {
                keys.set(key, value, None);
            }
            Ok(Reply::simple("OK"))
        }
        ("append", [key, value]) => {
            let len = keys.get::<Text>(key)?.map_or(0, |text| text.len());
            overwrite(keys, key, len, value)
        }
        ("setrange", [key, offset, value]) => {
            let offset = usize::try_from(integer(offset)?);
            overwrite(
                keys,
                key,
                offset.map_err(|_| Failure::of("ERR offset is out of range"))?,
                value,
            )
        }
        ("strlen", [key]) => Ok(keys.get::<Text>(key)?.map_or(0, |text| text.len()).into()),
        ("getrange", [key, start, end]) => {
            let (start, mut end) = (integer(start)?, integer(end)?);
            let text = keys.get::<Text>(key)?.cloned().unwrap_or_default();
            if start >= 0 || end >= start {
                // Unlike in lists, an end before the first byte means the first byte.
                end = end.max(-i64::try_from(text.len()).unwrap_or(i64::MAX));
            }
            Ok(text.slice(span(start, end, text.len())).into())
        }
        ("incr", [key]) => add(keys, key, 1),
        ("decr", [key]) => add(keys, key, -1),
        ("incrby", [key, number]) => add(keys, key, integer(number)?),
        ("decrby", [key, number]) => {
            let overflow = Failure::of("ERR decrement would overflow");
            add(keys, key, integer(number)?.checked_neg().ok_or(overflow)?)
        }
        ("incrbyfloat", [key, number]) => {
            // In 64 bits; Redis computes in 80.
            let sum = keys.get::<Text>(key)?.map_or(Ok(0.0), |text| float(text))? + float(number)?;
            if !sum.is_finite() {
                return Err(Failure::of("ERR increment would produce NaN or Infinity"));
            }
            *keys.get_or_create::<Text>(key)? = sum.to_string().into();
            get(keys, key)
        }
        _ => Err(Failure::Unknown),
    }
}

fn get(keys: &mut Keyspace, key: &[u8]) -> Answer {
    Ok(keys.get::<Text>(key)?.cloned().into())
}

fn add(keys: &mut Keyspace, key: &[u8], increment: i64) -> Answer {
    let before = keys.get::<Text>(key)?.map_or(Ok(0), |text| integer(text))?;
    let sum = before.checked_add(increment).ok_or(OVERFLOW)?;
    *keys.get_or_create::<Text>(key)? = sum.to_string().into();
    Ok(sum.into())
}

/// Overwrites a string from an offset on, and fills a gap before the offset with zeros.
fn overwrite(keys: &mut Keyspace, key: &[u8], offset: usize, value: &[u8]) -> Answer {
    let end = offset.checked_add(value.len()).filter(|end| *end <= LONGEST || value.is_empty());
    let end = end.ok_or(TOO_LONG)?;
    if value.is_empty() {
        return Ok(keys.get::<Text>(key)?.map_or(0, |text| text.len()).into());
    }
    let text = keys.get_or_create::<Text>(key)?;
    // This copies only if a reply shares the string.
    let mut bytes = BytesMut::from(mem::take(text));
    bytes.resize(end.max(bytes.len()), 0);
    bytes[offset..end].copy_from_slice(value);
    *text = bytes.freeze();
    Ok(text.len().into())
}

/// The options of `SET` and `GETEX`.
#[derive(Default)]
struct Options<'o> {
    /// `false` for `NX`, `true` for `XX`.
    must_exist: Option<bool>,
    is_get: bool,
    expiry: Expiry<'o>,
}

#[derive(Default, PartialEq)]
enum Expiry<'o> {
    #[default]
    Unspecified,
    Keep,
    Persist,
    /// `EX`, `PX`, `EXAT` or `PXAT`, with its number.
    At(Vec<u8>, &'o [u8]),
}

impl<'o> Options<'o> {
    fn of(mut options: &'o [&'o [u8]]) -> Result<Self, Failure> {
        let mut parsed = Self::default();
        while let [option, rest @ ..] = options {
            options = rest;
            let option = option.to_ascii_uppercase();
            let expiry = match (&*option, rest) {
                (b"NX" | b"XX", _) => {
                    let must_exist = Some(option == b"XX");
                    if parsed.must_exist.is_some() && parsed.must_exist != must_exist {
                        return Err(SYNTAX);
                    }
                    parsed.must_exist = must_exist;
                    continue;
                }
                (b"GET", _) => {
                    parsed.is_get = true;
                    continue;
                }
                (b"KEEPTTL", _) => Expiry::Keep,
                (b"PERSIST", _) => Expiry::Persist,
                (b"EX" | b"PX" | b"EXAT" | b"PXAT", [number, rest @ ..]) => {
                    options = rest;
                    Expiry::At(option, number)
                }
                _ => return Err(SYNTAX),
            };
            if mem::replace(&mut parsed.expiry, expiry) != Expiry::Unspecified {
                return Err(SYNTAX);
            }
        }
        Ok(parsed)
    }
}

/// Returns the time that a number stands for. It must be positive.
fn deadline(name: &str, keys: &Keyspace, unit: &[u8], number: &[u8]) -> Result<i64, Failure> {
    let number = integer(number)?;
    let time = time_of(unit, number, keys.now()).filter(|_| number > 0);
    time.ok_or_else(|| Failure::expiry(name))
}

/// `SET key value [NX | XX] [GET] [EX seconds | PX milliseconds | EXAT … | PXAT … | KEEPTTL]`
fn set(name: &str, keys: &mut Keyspace, key: &[u8], value: &[u8], options: &[&[u8]]) -> Answer {
    let Options { must_exist, is_get, expiry } = Options::of(options)?;
    let mut until = match &expiry {
        Expiry::Unspecified | Expiry::Keep => None,
        Expiry::Persist => return Err(SYNTAX),
        Expiry::At(unit, number) => Some(deadline(name, keys, unit, number)?),
    };
    let before = if is_get { get(keys, key)? } else { Reply::Null };
    let entry = keys.entry(key);
    if must_exist.is_some_and(|must_exist| must_exist != entry.is_some()) {
        return Ok(before);
    }
    if expiry == Expiry::Keep {
        until = entry.and_then(|entry| entry.deadline);
    }
    keys.set(key, value, until);
    Ok(if is_get { before } else { Reply::simple("OK") })
}

/// `GETEX key [EX seconds | PX milliseconds | EXAT … | PXAT … | PERSIST]`
fn get_and_expire(keys: &mut Keyspace, key: &[u8], options: &[&[u8]]) -> Answer {
    let options = Options::of(options)?;
    let until = match options.expiry {
        _ if options.must_exist.is_some() || options.is_get => return Err(SYNTAX),
        Expiry::Keep => return Err(SYNTAX),
        Expiry::Unspecified => return get(keys, key),
        Expiry::Persist => None,
        Expiry::At(unit, number) => Some(deadline("getex", keys, &unit, number)?),
    };
    let value = get(keys, key)?;
    if let Some(entry) = keys.entry(key) {
        entry.deadline = until;
    }
    Ok(value)
}
