//! The table of replies decoded to a caller's types.

use std::collections::HashMap;
use std::fmt::Debug;
use std::hint::black_box;

use redis::{FromRedisValue, ParsingError, Value};
use rustis::resp::bench_support::bench_decode_to;
use serde::de::DeserializeOwned;

use crate::corpus::typed::{self, Record};
use crate::rounds::{self, Times};

impl FromRedisValue for Record {
    fn from_redis_value(value: Value) -> Result<Self, ParsingError> {
        let mut record = Self::default();
        let fields = value.into_map_iter().map_err(|_| "not a map")?;
        for (name, value) in fields {
            let Value::BulkString(name) = name else { return Err("not a name".into()) };
            match name.as_slice() {
                b"id" => record.id = String::from_redis_value(value)?,
                b"name" => record.name = String::from_redis_value(value)?,
                b"email" => record.email = String::from_redis_value(value)?,
                b"city" => record.city = String::from_redis_value(value)?,
                b"visits" => record.visits = i64::from_redis_value(value)?,
                b"balance" => record.balance = i64::from_redis_value(value)?,
                b"score" => record.score = f64::from_redis_value(value)?,
                b"ratio" => record.ratio = f64::from_redis_value(value)?,
                b"active" => record.active = bool::from_redis_value(value)?,
                b"note" => record.note = String::from_redis_value(value)?,
                _ => {}
            }
        }
        Ok(record)
    }
}

/// Prints the table: the least time of all rounds, because a turn is longer than a time slice of a busy machine.
///
/// `made alone` is what no parser can avoid: making the value from one that is known, with a check of each text, an
/// allocation for it, and a hash of each key. It reads no frame and no number.
pub fn print(rounds: usize) {
    println!("\n## Decoding to a type: least nanoseconds\n");
    println!(
        "| type | zresp | rustis | redis | made alone | rustis / zresp | redis / zresp | rustis / made | target |"
    );
    println!("|---{}|", "|---:".repeat(8));
    let made = |known: &Record| Record {
        id: text(&known.id),
        name: text(&known.name),
        email: text(&known.email),
        city: text(&known.city),
        note: text(&known.note),
        ..*known
    };
    row::<Record>(rounds, "struct of 10 fields", &typed::record(), made, 3.5);
    row::<Vec<i64>>(rounds, "`Vec<i64>` of 1,000", &typed::integers(), Vec::clone, 3.5);
    let made = |known: &Texts| known.iter().map(|(key, value)| (text(key), text(value))).collect();
    row::<Texts>(rounds, "`HashMap<String, String>` of 100", &typed::texts(), made, 1.8);
}

type Texts = HashMap<String, String>;

fn text(known: &str) -> String {
    std::str::from_utf8(black_box(known.as_bytes())).unwrap_or_default().to_owned()
}

/// Decodes a frame to a type.
type Decode<T> = fn(&[u8]) -> Option<T>;

fn row<T>(rounds: usize, name: &str, frame: &[u8], made: fn(&T) -> T, target: f64)
where
    T: DeserializeOwned + FromRedisValue + PartialEq + Debug,
{
    let contenders: [Decode<T>; 3] = [zresp, rustis, redis];
    let values = contenders.map(|decode| decode(frame));
    assert!(values[0].is_some() && values.iter().all(|value| *value == values[0]), "{values:?}");
    let [Some(known), ..] = &values else { return };
    let passes = contenders.map(|decode| move || drop(black_box(decode(black_box(frame)))));
    let made = || drop(black_box(made(black_box(known))));
    let [zresp, rustis, redis] = passes.each_ref().map(|pass| pass as &dyn Fn());
    let times = rounds::take(rounds, &[zresp, rustis, redis, &made]);
    print!("| {name} |");
    let least: Vec<f64> = times.iter().map(Times::least).collect();
    for time in &least {
        print!(" {time:.0} |");
    }
    let over = |one: usize, other: usize| least[one] / least[other];
    println!(" {:.1} | {:.1} | {:.1} | {target} |", over(1, 0), over(2, 0), over(1, 3));
}

fn zresp<T: DeserializeOwned>(frame: &[u8]) -> Option<T> {
    zresp::de::from_bytes(frame).ok()??.0.ok()
}

fn rustis<T: DeserializeOwned>(frame: &[u8]) -> Option<T> {
    bench_decode_to(frame).ok()
}

fn redis<T: FromRedisValue>(frame: &[u8]) -> Option<T> {
    redis::parse_redis_value(frame).ok().and_then(|value| T::from_redis_value(value).ok())
}
