//! One pass of one workload, for a tool that counts instructions: see `instructions.py` beside this
//! file.
//!
//! `--list` prints the names. `NAME ROUNDS` runs a workload that many times; the difference between
//! two numbers of rounds is the workload alone, without the making of its input.

mod corpus;
#[path = "work/owning.rs"]
mod owning;
#[path = "work/requests.rs"]
mod requests;
mod work;

use std::hint::black_box;

use bytes::{Bytes, BytesMut};

type Workload = (String, Box<dyn FnMut()>);

/// A workload that passes over some bytes.
fn pass(group: &str, name: &str, bytes: &[u8], pass: fn(&[u8]) -> usize) -> Workload {
    let bytes = bytes.to_vec();
    (format!("{group}/{name}"), Box::new(move || _ = black_box(pass(black_box(&bytes)))))
}

fn chunked<const SIZE: usize>(bytes: &[u8]) -> usize {
    work::chunked(bytes, SIZE)
}

fn framed<const SIZE: usize>(bytes: &[u8]) -> usize {
    work::framed(bytes, SIZE)
}

fn workloads() -> Vec<Workload> {
    let mut workloads = Vec::new();
    for corpus in corpus::all() {
        let corpus::Corpus { name, bytes, .. } = corpus;
        workloads.push(pass("decode", name, &bytes, work::decode));
        workloads.push(pass("read", name, &bytes, work::read));
        workloads.push(pass("tokens", name, &bytes, work::tokens));
        let (mut buffer, all) = (BytesMut::new(), bytes.clone());
        let own = move || _ = black_box(owning::frames(&mut buffer, black_box(&all)));
        workloads.push((format!("own/frame/{name}"), Box::new(own)));
        let shared = Bytes::copy_from_slice(&bytes);
        let own = move || _ = black_box(owning::replies(black_box(&shared)));
        workloads.push((format!("own/reply/{name}"), Box::new(own)));
        workloads.push(pass("own/copy", name, &bytes, owning::copies));
    }
    for corpus in corpus::requests() {
        workloads.push(pass("request", corpus.name, &corpus.bytes, requests::decode));
        #[cfg(all(feature = "commands", feature = "cluster"))]
        workloads.push(pass("route", corpus.name, &corpus.bytes, requests::route));
    }
    let bulks = corpus::many_bulks();
    workloads.push(pass("chunked", "001400b", &bulks, chunked::<1_400>));
    workloads.push(pass("chunked", "016384b", &bulks, chunked::<16_384>));
    let mixed = corpus::mixed();
    workloads.push(pass("framer", "001400b", &mixed, framed::<1_400>));
    workloads.push(pass("framer", "262144b", &mixed, framed::<262_144>));
    for (name, frame) in [("ok", "+OK\r\n"), ("get", "*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n")] {
        let decode = |frame: &[u8]| usize::from(black_box(zresp::decode(frame)).is_ok());
        workloads.push(pass("latency", name, frame.as_bytes(), decode));
    }
    workloads.extend(written());
    #[cfg(feature = "serde")]
    workloads.extend(typed());
    workloads
}

/// Writes a command of a key and a value.
type Writer = fn(&[u8], &[u8], &mut Vec<u8>);

fn written() -> Vec<Workload> {
    let assignments = corpus::assignments();
    let writers: [(&str, Writer); 2] =
        [("arguments", owning::arguments), ("command-buf", owning::command_buf)];
    let mut workloads: Vec<Workload> = Vec::new();
    for (name, write) in writers {
        let (assignments, mut out) = (assignments.clone(), Vec::new());
        let all = move || {
            for (key, value) in black_box(&assignments) {
                write(key, value, &mut out);
            }
        };
        workloads.push((format!("write/set/{name}"), Box::new(all)));
    }
    let (bytes, mut out) = (corpus::maps().bytes, Vec::new());
    let shared = Bytes::copy_from_slice(&bytes);
    let view = move || _ = black_box(owning::downgrade(black_box(&bytes), &mut out));
    workloads.push(("write/downgrade/view".into(), Box::new(view)));
    let mut out = Vec::new();
    let tree = move || _ = black_box(owning::downgrade_trees(black_box(&shared), &mut out));
    workloads.push(("write/downgrade/tree".into(), Box::new(tree)));
    workloads
}

#[cfg(feature = "serde")]
fn typed() -> Vec<Workload> {
    use std::collections::BTreeMap;

    use corpus::typed::{Record, integers, record, texts};
    use serde::de::DeserializeOwned;

    fn read<T: DeserializeOwned>(frame: &[u8]) -> usize {
        let frame = zresp::decode(frame).ok().flatten().expect("a whole frame");
        usize::from(black_box(zresp::de::from_reply::<T>(frame.reply).ok()).is_some())
    }
    vec![
        pass("typed", "struct", &record(), read::<Record>),
        pass("typed", "vec-i64", &integers(), read::<Vec<i64>>),
        pass("typed", "map", &texts(), read::<BTreeMap<String, String>>),
    ]
}

fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    let (name, rounds) = (args.next().unwrap_or_default(), args.next());
    let rounds: u32 = rounds.map_or(1, |rounds| rounds.parse().expect("a number of rounds"));
    for (workload, mut run) in workloads() {
        if name == "--list" {
            println!("{workload}");
        } else if workload == name {
            (0..rounds).for_each(|_| run());
        }
    }
}
