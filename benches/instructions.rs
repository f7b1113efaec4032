//! Runs workloads for a tool that counts instructions: see `instructions.py` in this folder.
//!
//! `--inputs DIR` writes the inputs, so that generating them is not counted. `--list` prints a line for
//! each workload: its name and its input. `--count DIR START` runs each workload whose name begins with
//! `START` and prints its name; only `counted` is to be counted. `NAME FILE time` prints the nanoseconds of
//! a round, and the number of values in the input: see `ablation.py`.

mod corpus;
#[path = "work/owning.rs"]
mod owning;
#[path = "work/requests.rs"]
mod requests;
mod work;

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

/// A round of a workload.
type Round = Box<dyn FnMut()>;

struct Workload {
    name: String,
    /// The name of its input.
    input: String,
    make: fn(Vec<u8>) -> Round,
}

/// Turns a pass over some bytes into a round.
macro_rules! pass {
    ($pass:expr) => {
        |bytes| Box::new(move || _ = black_box($pass(black_box(&bytes))))
    };
}

fn workloads() -> Vec<Workload> {
    let mut workloads = Vec::new();
    let mut add = |group: &str, name: &str, input: &str, make: fn(Vec<u8>) -> Round| {
        let name = format!("{group}/{name}");
        workloads.push(Workload { name, input: input.replace('/', "-"), make });
    };
    for name in corpus::NAMES {
        add("decode", name, name, pass!(work::decode));
        add("read", name, name, pass!(work::read));
        add("tokens", name, name, pass!(work::tokens));
        add("reader", name, name, pass!(work::reader));
        add("frame", name, name, own);
        add("reply", name, name, |bytes| {
            let bytes = Bytes::from(bytes);
            Box::new(move || _ = black_box(owning::replies(black_box(&bytes))))
        });
        add("copy", name, name, pass!(owning::copies));
    }
    for name in corpus::REQUEST_NAMES {
        add("request", name, name, pass!(requests::decode));
        add("shape", name, name, pass!(requests::shape));
        #[cfg(all(feature = "commands", feature = "cluster"))]
        add("route", name, name, pass!(requests::route));
        #[cfg(all(feature = "commands", feature = "cluster"))]
        add("route-loaded", name, name, |bytes| {
            let table = requests::loaded();
            Box::new(move || _ = black_box(requests::route_with(&table, black_box(&bytes))))
        });
    }
    #[cfg(feature = "commands")]
    {
        add("lookup", "get", "list/mixed", |_| lookup(vec![b"GET".to_vec(); 4_000]));
        add("lookup", "mixed", "list/mixed", |_| lookup(corpus::names()));
    }
    add("chunked", "001400b", "many-bulks", pass!(|bytes| work::chunked(bytes, 1_400)));
    add("chunked", "016384b", "many-bulks", pass!(|bytes| work::chunked(bytes, 16_384)));
    add("framer", "001400b", "mixed", pass!(|bytes| work::framed(bytes, 1_400)));
    add("framer", "262144b", "mixed", pass!(|bytes| work::framed(bytes, 262_144)));
    add("cold", "ok", "list/mixed", |_| cold(b"+OK\r\n"));
    add("cold", "get", "list/mixed", |_| cold(b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n"));
    add("write", "arguments", "list/mixed", |_| set(owning::arguments));
    add("write", "command-buf", "list/mixed", |_| set(owning::command_buf));
    add("write", "downgrade", "map/20-fields", |bytes| {
        let mut out = Vec::new();
        Box::new(move || _ = black_box(owning::downgrade(black_box(&bytes), &mut out)))
    });
    add("write", "downgrade-tokens", "map/20-fields", |bytes| {
        let mut out = BytesMut::new();
        Box::new(move || _ = black_box(owning::downgrade_tokens(black_box(&bytes), &mut out)))
    });
    add("write", "translate", "map/20-fields", |bytes| {
        let mut out = Vec::new();
        Box::new(move || _ = black_box(owning::translate(black_box(&bytes), &mut out)))
    });
    add("write", "translate-tokens", "map/20-fields", |bytes| {
        let mut out = BytesMut::new();
        Box::new(move || _ = black_box(owning::translate_tokens(black_box(&bytes), &mut out)))
    });
    #[cfg(feature = "serde")]
    typed(&mut add);
    workloads
}

/// One frame, decoded a thousand times by a parser that has seen nothing before.
fn cold(frame: &'static [u8]) -> Round {
    Box::new(move || {
        for _ in 0..1_000 {
            _ = black_box(zresp::decode(black_box(frame)));
        }
    })
}

#[cfg(feature = "commands")]
fn lookup(names: Vec<Vec<u8>>) -> Round {
    Box::new(move || _ = black_box(requests::lookups(black_box(&names))))
}

fn own(bytes: Vec<u8>) -> Round {
    let mut buffer = BytesMut::new();
    Box::new(move || _ = black_box(owning::frames(&mut buffer, black_box(&bytes))))
}

fn set(write: fn(&[u8], &[u8], &mut Vec<u8>)) -> Round {
    let (assignments, mut out) = (corpus::assignments(), Vec::new());
    Box::new(move || {
        for (key, value) in black_box(&assignments) {
            write(key, value, &mut out);
        }
    })
}

#[cfg(feature = "serde")]
fn typed(add: &mut impl FnMut(&str, &str, &str, fn(Vec<u8>) -> Round)) {
    use std::collections::BTreeMap;

    use corpus::typed::Record;
    use serde::de::DeserializeOwned;

    fn read<T: DeserializeOwned>(frame: &[u8]) -> usize {
        let found = zresp::de::from_bytes::<T>(frame).ok().flatten().expect("a whole frame");
        usize::from(black_box(found.0.ok()).is_some())
    }
    fn decode_and_read<T: DeserializeOwned>(frame: &[u8]) -> usize {
        let frame = zresp::decode(frame).ok().flatten().expect("a whole frame");
        usize::from(black_box(zresp::de::from_reply::<T>(frame.reply()).ok()).is_some())
    }
    add("typed", "struct", "record", pass!(read::<Record>));
    add("typed", "vec-i64", "integers", pass!(read::<Vec<i64>>));
    add("typed", "map", "texts", pass!(read::<BTreeMap<String, String>>));
    add("view-typed", "struct", "record", pass!(decode_and_read::<Record>));
    add("view-typed", "vec-i64", "integers", pass!(decode_and_read::<Vec<i64>>));
    add("view-typed", "map", "texts", pass!(decode_and_read::<BTreeMap<String, String>>));
}

fn write_inputs(folder: &Path) {
    let write = |name: &str, bytes: Vec<u8>| {
        let file = folder.join(name.replace('/', "-"));
        std::fs::write(file, bytes).expect("a writable folder");
    };
    for corpus in corpus::all().into_iter().chain(corpus::requests()) {
        write(corpus.name, corpus.bytes);
    }
    write("many-bulks", corpus::many_bulks());
    write("mixed", corpus::mixed());
    write("record", corpus::typed::record());
    write("integers", corpus::typed::integers());
    write("texts", corpus::typed::texts());
}

/// The nanoseconds of a round: the least of twenty turns of a millisecond, because anything else that
/// runs on the machine only adds to it.
fn least_time(round: &mut Round) -> f64 {
    let turn = |_| {
        let (start, mut rounds) = (Instant::now(), 0);
        while start.elapsed() < Duration::from_millis(1) {
            round();
            rounds += 1;
        }
        start.elapsed().as_secs_f64() * 1e9 / f64::from(rounds)
    };
    (0..20).map(turn).fold(f64::MAX, f64::min)
}

/// A round whose instructions are counted. `instructions.py` knows the name.
#[inline(never)]
fn counted(round: &mut Round) {
    round();
}

fn read(file: &Path) -> Vec<u8> {
    std::fs::read(file).expect("an input")
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["--inputs", folder] => write_inputs(Path::new(folder)),
        ["--list"] => {
            for Workload { name, input, .. } in workloads() {
                println!("{name} {input}");
            }
        }
        ["--count", folder, start] => {
            for Workload { name, input, make } in workloads() {
                if name.starts_with(start) {
                    println!("{name}");
                    let mut round = make(read(&Path::new(folder).join(input)));
                    // Buffers still grow in the first round.
                    round();
                    counted(&mut round);
                }
            }
        }
        [name, file, "time"] => {
            let found = workloads().into_iter().find(|workload| workload.name == name);
            let input = read(Path::new(file));
            let mut round = (found.expect("a workload").make)(input.clone());
            println!("{} {}", least_time(&mut round), corpus::values(&input));
        }
        _ => eprintln!("--list, --inputs DIR, --count DIR START, or NAME FILE time"),
    }
}
