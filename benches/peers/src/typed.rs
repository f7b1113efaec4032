//! The table of replies decoded to a caller's types.

use std::collections::HashMap;
use std::fmt::Debug;
use std::hint::black_box;

use redis::{FromRedisValue, ParsingError, Value};
use rustis::resp::bench_support::bench_decode_to;
use serde::de::DeserializeOwned;

use crate::corpus::typed::{self, Record};
use crate::rounds;

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

/// Prints the table.
pub fn print(rounds: usize) {
    println!("\n## Decoding to a type: nanoseconds\n");
    println!("| type | zresp | rustis | redis | rustis / zresp | redis / zresp | target |");
    println!("|---{}|", "|---:".repeat(6));
    row::<Record>(rounds, "struct of 10 fields", &typed::record());
    row::<Vec<i64>>(rounds, "`Vec<i64>` of 1,000", &typed::integers());
    row::<HashMap<String, String>>(rounds, "`HashMap<String, String>` of 100", &typed::texts());
}

/// Decodes a frame to a type.
type Decode<T> = fn(&[u8]) -> Option<T>;

fn row<T>(rounds: usize, name: &str, frame: &[u8])
where
    T: DeserializeOwned + FromRedisValue + PartialEq + Debug,
{
    let contenders: [Decode<T>; 3] = [zresp, rustis, redis];
    let values = contenders.map(|decode| decode(frame));
    assert!(values[0].is_some() && values.iter().all(|value| *value == values[0]), "{values:?}");
    let passes = contenders.map(|decode| move || drop(black_box(decode(black_box(frame)))));
    let times = rounds::take(rounds, &passes.each_ref().map(|pass| pass as &dyn Fn()));
    print!("| {name} |");
    for times in &times {
        print!(" {:.0} |", times.median());
    }
    println!(" {:.1} | {:.1} | 2 |", times[1].over(&times[0]), times[2].over(&times[0]));
}

fn zresp<T: DeserializeOwned>(frame: &[u8]) -> Option<T> {
    zresp::de::from_reply(zresp::decode(frame).ok()??.reply()).ok()
}

fn rustis<T: DeserializeOwned>(frame: &[u8]) -> Option<T> {
    bench_decode_to(frame).ok()
}

fn redis<T: FromRedisValue>(frame: &[u8]) -> Option<T> {
    redis::parse_redis_value(frame).ok().and_then(|value| T::from_redis_value(value).ok())
}
