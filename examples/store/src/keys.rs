//! Commands on keys with values of any type.

use zresp::Reply;

use crate::commands::Call;
use crate::failure::{Answer, Failure, INTEGER, NO_KEY, SYNTAX};
use crate::glob;
use crate::keyspace::Keyspace;
use crate::number::integer;

/// Runs a command on keys.
pub(crate) fn run(call: Call<'_>) -> Answer {
    let Call { name, args, keys, .. } = call;
    Ok(match (name, args) {
        ("dbsize", []) => keys.len().into(),
        ("del" | "unlink", names) => {
            names.iter().filter(|key| keys.remove(key).is_some()).count().into()
        }
        ("exists" | "touch", names) => {
            names.iter().filter(|key| keys.entry(key).is_some()).count().into()
        }
        ("type", [key]) => {
            Reply::simple(keys.entry(key).map_or("none", |entry| entry.value.type_name()))
        }
        ("flushall" | "flushdb", how) => {
            let is_how = |how: &&[u8]| matches!(&*how.to_ascii_uppercase(), b"ASYNC" | b"SYNC");
            if how.len() > 1 || !how.iter().all(is_how) {
                return Err(SYNTAX);
            }
            keys.clear();
            Reply::simple("OK")
        }
        ("keys", [pattern]) => {
            let found = keys
                .scan(0)
                .filter(|(_, key, entry)| !keys.is_expired(entry) && glob::matches(pattern, key));
            found.map(|(_, key, _)| key.clone()).collect()
        }
        ("scan", [cursor, options @ ..]) => return scan(keys, cursor, options),
        ("rename", [from, to]) => {
            let entry = keys.remove(from).ok_or(NO_KEY)?;
            keys.put(to, entry);
            Reply::simple("OK")
        }
        ("expire" | "pexpire" | "expireat" | "pexpireat", [key, number, options @ ..]) => {
            if let [option, ..] = options {
                return Err([b"ERR Unsupported option ", *option].concat().into());
            }
            let unit = [b"PX".as_slice(), b"EX"][usize::from(name.starts_with('e'))];
            let unit = [unit, if name.ends_with("at") { b"AT" } else { b"" }].concat();
            let deadline = time_of(&unit, integer(number)?, keys.now());
            let deadline = deadline.ok_or_else(|| Failure::expiry(name))?;
            let expired = keys.entry(key).map(|entry| entry.deadline = Some(deadline));
            i64::from(expired.is_some()).into()
        }
        ("ttl" | "pttl", [key]) => {
            let now = keys.now();
            let left = match keys.entry(key).map(|entry| entry.deadline) {
                None => -2,
                Some(None) => -1,
                Some(Some(deadline)) if name == "ttl" => (deadline - now + 500) / 1000,
                Some(Some(deadline)) => deadline - now,
            };
            left.into()
        }
        ("persist", [key]) => {
            let deadline = keys.entry(key).and_then(|entry| entry.deadline.take());
            i64::from(deadline.is_some()).into()
        }
        _ => return Err(Failure::Unknown),
    })
}

/// Returns the time that a number after an option such as `EX` stands for, in milliseconds since 1970.
pub(crate) fn time_of(unit: &[u8], number: i64, now: i64) -> Option<i64> {
    let factor = if unit.starts_with(b"EX") { 1000 } else { 1 };
    let base = if unit.ends_with(b"AT") { 0 } else { now };
    number.checked_mul(factor)?.checked_add(base)
}

/// `SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]`
fn scan(keys: &Keyspace, cursor: &[u8], mut options: &[&[u8]]) -> Answer {
    let cursor = integer(cursor).ok().and_then(|cursor| usize::try_from(cursor).ok());
    let cursor = cursor.ok_or(Failure::of("ERR invalid cursor"))?;
    let (mut pattern, mut count, mut kind) = (b"*".as_slice(), 10, None);
    while let [option, rest @ ..] = options {
        let (value, rest) = rest.split_first().ok_or(SYNTAX)?;
        match &*option.to_ascii_uppercase() {
            b"MATCH" => pattern = value,
            b"TYPE" => kind = Some(value.to_ascii_lowercase()),
            b"COUNT" if integer(value)? < 1 => return Err(SYNTAX),
            b"COUNT" => count = usize::try_from(integer(value)?).map_err(|_| INTEGER)?,
            _ => return Err(SYNTAX),
        }
        options = rest;
    }
    // Keys are scanned downwards, so the next page begins below the last key of this one.
    let next = keys.scan(cursor).take(count).last().map_or(0, |(index, ..)| index);
    let found = keys.scan(cursor).take(count).filter(|(_, key, entry)| {
        let is_kind = kind.as_ref().is_none_or(|kind| kind == entry.value.type_name().as_bytes());
        is_kind && !keys.is_expired(entry) && glob::matches(pattern, key)
    });
    let found: Reply = found.map(|(_, key, _)| key.clone()).collect();
    Ok(Reply::array([Reply::from(next.to_string()), found]))
}
