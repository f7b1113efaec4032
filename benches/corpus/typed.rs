//! Replies that decode to a caller's type. Each is one frame.

use fastrand::Rng;

use super::{array, bulk, repeated, text, word};

/// The names of the fields of [`record`].
pub const FIELDS: [&str; 10] =
    ["id", "name", "email", "city", "visits", "balance", "score", "ratio", "active", "note"];

/// The type that [`record`] decodes to.
#[derive(Debug, Default, PartialEq, serde::Deserialize)]
pub struct Record {
    pub id: String,
    pub name: String,
    pub email: String,
    pub city: String,
    pub visits: i64,
    pub balance: i64,
    pub score: f64,
    pub ratio: f64,
    pub active: bool,
    pub note: String,
}

/// A map of ten fields: five texts, two integers, two doubles, and a boolean.
pub fn record() -> Vec<u8> {
    let mut rng = Rng::with_seed(10);
    let rng = &mut rng;
    let fields = FIELDS.iter().flat_map(|name| {
        let value = match *name {
            "visits" | "balance" => format!(":{}\r\n", rng.i32(..)).into_bytes(),
            "score" | "ratio" => {
                format!(",{}\r\n", f64::from(rng.i32(..100_000)) / 100.0).into_bytes()
            }
            "active" => b"#t\r\n".to_vec(),
            _ => bulk(&word(rng, 4..24)),
        };
        [bulk(name.as_bytes()), value].concat()
    });
    [b"%10\r\n".to_vec(), fields.collect()].concat()
}

/// An array of a thousand integers.
pub fn integers() -> Vec<u8> {
    let mut rng = Rng::with_seed(1_000);
    array(&text(1_000, || format!(":{}\r\n", rng.i64(..) % 10i64.pow(rng.u32(1..=18)))), 1_000)
}

/// A map from a hundred different short keys to texts.
pub fn texts() -> Vec<u8> {
    let mut rng = Rng::with_seed(100);
    let rng = &mut rng;
    let mut number = 0;
    let pairs = repeated(100, || {
        number += 1;
        [bulk(format!("field:{number}").as_bytes()), bulk(&word(rng, 1..40))].concat()
    });
    [b"%100\r\n".to_vec(), pairs].concat()
}
