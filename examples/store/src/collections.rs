//! Commands on hashes, lists and sets, and the few on sorted sets that `redis-benchmark` needs.

use bytes::Bytes;
use zresp::{Protocol, Reply};

use crate::commands::{Call, in_pairs};
use crate::failure::{Answer, Failure, INTEGER, NO_KEY, OVERFLOW, SYNTAX};
use crate::keyspace::{Hash, List, Set, Sorted};
use crate::number::{float, integer, position, span};

/// Runs a command on hashes.
pub(crate) fn run_hash(call: Call<'_>) -> Answer {
    let Call { name, args, keys, .. } = call;
    let (key, args) = args.split_first().ok_or(Failure::Unknown)?;
    let copy = |bytes: &&[u8]| Bytes::copy_from_slice(bytes);
    Ok(match (name, args) {
        ("hset" | "hmset", pairs) => {
            let pairs = in_pairs(name, pairs)?;
            let hash = keys.get_or_create::<Hash>(key)?;
            let before = hash.len();
            hash.extend(pairs.iter().map(|[field, value]| (copy(field), copy(value))));
            if name == "hset" { (hash.len() - before).into() } else { Reply::simple("OK") }
        }
        ("hsetnx", [field, value]) => {
            let hash = keys.get_or_create::<Hash>(key)?;
            let before = hash.len();
            hash.entry(copy(field)).or_insert_with(|| copy(value));
            (hash.len() - before).into()
        }
        ("hincrby", [field, increment]) => {
            let increment = integer(increment)?;
            let value = keys.get::<Hash>(key)?.and_then(|hash| hash.get(*field));
            let before = value.map_or(Ok(0), |value| integer(value));
            let before = before.map_err(|_| Failure::of("ERR hash value is not an integer"))?;
            let sum = before.checked_add(increment).ok_or(OVERFLOW)?;
            keys.get_or_create::<Hash>(key)?.insert(copy(field), sum.to_string().into());
            sum.into()
        }
        ("hdel", fields) => {
            let remove = |hash: &mut Hash| {
                fields.iter().filter(|field| hash.swap_remove(**field).is_some()).count()
            };
            keys.shrink(key, remove)?.unwrap_or(0).into()
        }
        _ => {
            let empty = &mut Hash::new();
            let hash = keys.get::<Hash>(key)?.unwrap_or(empty);
            match (name, args) {
                ("hget", [field]) => hash.get(*field).cloned().into(),
                ("hmget", fields) => fields.iter().map(|field| hash.get(*field).cloned()).collect(),
                ("hlen", []) => hash.len().into(),
                ("hexists", [field]) => i64::from(hash.contains_key(*field)).into(),
                ("hkeys", []) => hash.keys().cloned().collect(),
                ("hvals", []) => hash.values().cloned().collect(),
                ("hgetall", []) => Reply::map(hash.clone()),
                _ => return Err(Failure::Unknown),
            }
        }
    })
}

/// Runs a command on lists.
pub(crate) fn run_list(call: Call<'_>) -> Answer {
    let Call { name, args, keys, client, .. } = call;
    let (key, args) = args.split_first().ok_or(Failure::Unknown)?;
    Ok(match (name, args) {
        ("lpush" | "rpush", elements) => {
            let push = if name == "lpush" { List::push_front } else { List::push_back };
            let list = keys.get_or_create::<List>(key)?;
            for element in elements {
                push(list, Bytes::copy_from_slice(element));
            }
            list.len().into()
        }
        ("lpop" | "rpop", count) => {
            let pop = if name == "lpop" { List::pop_front } else { List::pop_back };
            let wanted = pop_count(count, Failure::arity(name))?;
            let popped = keys.shrink(key, |list: &mut List| {
                (0..wanted.unwrap_or(1)).map_while(|_| pop(list)).collect::<Vec<_>>()
            })?;
            match popped {
                Some(popped) if wanted.is_some() => popped.into_iter().collect(),
                None if wanted.is_some() && client.protocol == Protocol::Resp2 => Reply::NullArray,
                popped => popped.and_then(|popped| popped.into_iter().next()).into(),
            }
        }
        ("llen", []) => keys.get::<List>(key)?.map_or(0, |list| list.len()).into(),
        ("lindex", [index]) => {
            let index = integer(index)?;
            let list = keys.get::<List>(key)?;
            list.and_then(|list| list.get(position(index, list.len())?)).cloned().into()
        }
        ("lrange", [start, stop]) => {
            let (start, stop) = (integer(start)?, integer(stop)?);
            let empty = &mut List::new();
            let list = keys.get::<List>(key)?.unwrap_or(empty);
            list.range(span(start, stop, list.len())).cloned().collect()
        }
        ("lset", [index, element]) => {
            let list = keys.get::<List>(key)?.ok_or(NO_KEY)?;
            let index = position(integer(index)?, list.len());
            let found = index.and_then(|index| list.get_mut(index));
            let found = found.ok_or(Failure::of("ERR index out of range"))?;
            *found = Bytes::copy_from_slice(element);
            Reply::simple("OK")
        }
        ("ltrim", [start, stop]) => {
            let (start, stop) = (integer(start)?, integer(stop)?);
            keys.shrink(key, |list: &mut List| {
                let kept = span(start, stop, list.len());
                list.truncate(kept.end);
                list.drain(..kept.start);
            })?;
            Reply::simple("OK")
        }
        _ => return Err(Failure::Unknown),
    })
}

/// Runs a command on sets or sorted sets.
pub(crate) fn run_set(call: Call<'_>) -> Answer {
    let Call { name, args, keys, client, .. } = call;
    let (key, args) = args.split_first().ok_or(Failure::Unknown)?;
    Ok(match (name, args) {
        ("sadd", members) => {
            let set = keys.get_or_create::<Set>(key)?;
            let members = members.iter().map(|member| Bytes::copy_from_slice(member));
            members.filter(|member| set.insert(member.clone())).count().into()
        }
        ("srem", members) => {
            let remove =
                |set: &mut Set| members.iter().filter(|member| set.swap_remove(**member)).count();
            keys.shrink(key, remove)?.unwrap_or(0).into()
        }
        ("scard", []) => keys.get::<Set>(key)?.map_or(0, |set| set.len()).into(),
        ("sismember", [member]) => {
            let set = keys.get::<Set>(key)?;
            i64::from(set.is_some_and(|set| set.contains(*member))).into()
        }
        ("smembers", []) => Reply::set(keys.get::<Set>(key)?.cloned().unwrap_or_default()),
        ("spop", count) => {
            let wanted = pop_count(count, SYNTAX)?;
            let popped = keys.shrink(key, |set: &mut Set| {
                let pop = |_| set.swap_remove_index(fastrand::usize(..set.len().max(1)));
                (0..wanted.unwrap_or(1)).map_while(pop).collect::<Vec<_>>()
            })?;
            let mut popped = popped.unwrap_or_default().into_iter();
            if wanted.is_some() { Reply::set(popped) } else { popped.next().into() }
        }
        ("zadd", pairs) => {
            let pairs = in_pairs(name, pairs).map_err(|_| SYNTAX)?;
            let scores = pairs.iter().map(|[score, _]| float(score));
            let scores = scores.collect::<Result<Vec<_>, _>>()?;
            let sorted = keys.get_or_create::<Sorted>(key)?;
            let members = pairs.iter().map(|[_, member]| member).zip(scores);
            members.filter(|(member, score)| sorted.insert(member, *score)).count().into()
        }
        ("zpopmin", count) => {
            let wanted = pop_count(count, SYNTAX)?;
            let popped = keys.shrink(key, |sorted: &mut Sorted| {
                (0..wanted.unwrap_or(1)).map_while(|_| sorted.pop_first()).collect::<Vec<_>>()
            })?;
            let pairs = popped.unwrap_or_default().into_iter();
            let pairs = pairs.map(|(member, score)| [Reply::from(member), Reply::from(score)]);
            if wanted.is_some() && client.protocol == Protocol::Resp3 {
                pairs.map(Reply::array).collect()
            } else {
                pairs.flatten().collect()
            }
        }
        _ => return Err(Failure::Unknown),
    })
}

/// Reads the optional count of a command that pops.
fn pop_count(count: &[&[u8]], too_many: Failure) -> Result<Option<usize>, Failure> {
    match count {
        [] => Ok(None),
        [count] => {
            let count =
                integer(count).and_then(|count| usize::try_from(count).map_err(|_| INTEGER));
            count.map(Some).map_err(|_| Failure::of("ERR value is out of range, must be positive"))
        }
        _ => Err(too_many),
    }
}
