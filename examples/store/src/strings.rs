//! Commands on strings, counters among them.

use std::mem;

use bytes::BytesMut;
use zresp::Reply;

use crate::commands::{Call, in_pairs};
use crate::failure::{Answer, Failure, OVERFLOW, SYNTAX, TOO_LONG};
use crate::keys::moment;
use crate::keyspace::{Keyspace, Text};
use crate::number::{float, integer, span};

/// How long a string may be: as Redis's `proto-max-bulk-len`.
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
        // A value of another type is as good as none.
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
                // Here, and for no list, an end in front of the first byte is that byte.
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
            // In 64 bits, where Redis computes in 80.
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

/// Writes over a text from an offset on, in front of which there may be zeros to add.
fn overwrite(keys: &mut Keyspace, key: &[u8], offset: usize, value: &[u8]) -> Answer {
    let end = offset.checked_add(value.len()).filter(|end| *end <= LONGEST || value.is_empty());
    let end = end.ok_or(TOO_LONG)?;
    if value.is_empty() {
        return Ok(keys.get::<Text>(key)?.map_or(0, |text| text.len()).into());
    }
    let text = keys.get_or_create::<Text>(key)?;
    // Without copying, where no reply shares it.
    let mut bytes = BytesMut::from(mem::take(text));
    bytes.resize(end.max(bytes.len()), 0);
    bytes[offset..end].copy_from_slice(value);
    *text = bytes.freeze();
    Ok(text.len().into())
}

/// What `SET` and `GETEX` are told behind their arguments.
#[derive(Default)]
struct Options<'o> {
    /// `NX` or `XX`: whether there must be such a key.
    must_exist: Option<bool>,
    is_get: bool,
    expiry: Expiry<'o>,
}

#[derive(Default, PartialEq)]
enum Expiry<'o> {
    #[default]
    Unsaid,
    Keep,
    Persist,
    /// `EX` or the like, and its number.
    At(Vec<u8>, &'o [u8]),
}

impl<'o> Options<'o> {
    fn of(mut options: &'o [&'o [u8]]) -> Result<Self, Failure> {
        let mut told = Self::default();
        while let [option, rest @ ..] = options {
            options = rest;
            let option = option.to_ascii_uppercase();
            let expiry = match (&*option, rest) {
                (b"NX" | b"XX", _) => {
                    let must_exist = Some(option == b"XX");
                    if told.must_exist.is_some() && told.must_exist != must_exist {
                        return Err(SYNTAX);
                    }
                    told.must_exist = must_exist;
                    continue;
                }
                (b"GET", _) => {
                    told.is_get = true;
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
            if mem::replace(&mut told.expiry, expiry) != Expiry::Unsaid {
                return Err(SYNTAX);
            }
        }
        Ok(told)
    }
}

/// Returns the moment that a number stands for, which must be positive.
fn deadline(name: &str, keys: &Keyspace, unit: &[u8], number: &[u8]) -> Result<i64, Failure> {
    let number = integer(number)?;
    let moment = moment(unit, number, keys.now()).filter(|_| number > 0);
    moment.ok_or_else(|| Failure::expiry(name))
}

/// `SET key value [NX | XX] [GET] [EX seconds | PX milliseconds | EXAT … | PXAT … | KEEPTTL]`
fn set(name: &str, keys: &mut Keyspace, key: &[u8], value: &[u8], options: &[&[u8]]) -> Answer {
    let Options { must_exist, is_get, expiry } = Options::of(options)?;
    let mut until = match &expiry {
        Expiry::Unsaid | Expiry::Keep => None,
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
        Expiry::Unsaid => return get(keys, key),
        Expiry::Persist => None,
        Expiry::At(unit, number) => Some(deadline("getex", keys, &unit, number)?),
    };
    let value = get(keys, key)?;
    if let Some(entry) = keys.entry(key) {
        entry.deadline = until;
    }
    Ok(value)
}
