//! Key slots match those of a live server.
#![cfg(all(feature = "cluster", feature = "std"))]

use std::io::Write;

use zresp::ReplyRef;
use zresp::cluster::{SLOTS, key_slot};
use zresp::io::ReplyReader;
use zresp_testing::drive::live_server::Server;

#[test]
fn slots_match_those_of_a_server() {
    let Some(server) = Server::start_with(&["--cluster-enabled", "yes"]) else { return };
    let mut rng = fastrand::Rng::with_seed(16_384);
    let odd =
        ["", "{", "}", "{}", "a{}b", "{{a}}", "a{b", "a}b{c}", "{a}{b}", "{}{a}", "x{a}y{b}z"];
    let mut keys: Vec<Vec<u8>> = odd.iter().map(|key| key.as_bytes().to_vec()).collect();
    for length in 0..64 {
        for _ in 0..40 {
            let alphabet =
                if rng.bool() { &b"{}ab"[..] } else { b"abcdefghijklmnopqrstuvwxyz{}\0\xff" };
            keys.push((0..length).map(|_| *rng.choice(alphabet).unwrap()).collect());
        }
    }
    let mut stream = server.connect();
    for key in &keys {
        stream
            .write_all(
                format!("*3\r\n$7\r\nCLUSTER\r\n$7\r\nKEYSLOT\r\n${}\r\n", key.len()).as_bytes(),
            )
            .unwrap();
        stream.write_all(key).unwrap();
        stream.write_all(b"\r\n").unwrap();
    }
    let mut replies = ReplyReader::new(stream);
    for key in &keys {
        let frame = replies.read().unwrap().unwrap();
        let slot = key_slot(key);
        assert!(slot < SLOTS);
        assert_eq!(frame.reply(), ReplyRef::Integer(i64::from(slot)), "{}", key.escape_ascii());
    }
    assert!(keys.len() > 2_000);
}
