//! Clients that behave badly, for a soak: what they do to others is the others' errors, and none of them may get a
//! wrong reply.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use zresp::ReplyRef;
use zresp::io::ReplyReader;

use super::{Daemon, array, bulk, command, pattern};

/// The size of the values that a client asks for and does not read.
const LARGE: usize = 200_000;

/// What a client does, and its name.
pub(crate) type Deed = (&'static str, fn(TcpStream, &mut Rng) -> Option<()>);

/// What clients do that send no script. A deed ends early with `None` if its connection fails.
pub(crate) const DEEDS: [Deed; 5] = [
    ("reads slowly", |stream, random| {
        let value = pattern::bytes(1, LARGE);
        let mut replies = ReplyReader::new(stream);
        let count = random.usize(1..100);
        let commands =
            [command(&[b"SET", b"slow", &value]), array("GET slow").repeat(count)].concat();
        replies.get_mut().write_all(&commands).ok()?;
        thread::sleep(Duration::from_millis(random.u64(..3000)));
        for _ in 0..=count {
            let reply = replies.read().ok()??.reply();
            let is_right = match reply {
                ReplyRef::Bulk(found) => found == value,
                ReplyRef::Simple(text) => text == b"OK",
                // After a fault the value may be gone.
                _ => reply.is_error() || reply.is_null(),
            };
            assert!(is_right, "a slow reader got {reply:?}");
        }
        Some(())
    }),
    ("writes slowly", |mut stream, random| {
        let text = format!("trickle {}", random.u64(..));
        for byte in command(&[b"ECHO", text.as_bytes()]) {
            stream.write_all(&[byte]).ok()?;
            thread::sleep(Duration::from_millis(random.u64(..50)));
        }
        let reply = ReplyReader::new(stream).read().ok()??.wire().to_vec();
        assert_eq!(reply, bulk(text.as_bytes()), "{text}: {}", reply.escape_ascii());
        Some(())
    }),
    ("leaves inside a command", |mut stream, random| {
        let half = command(&[b"SET", b"half", &pattern::bytes(2, random.usize(..300_000))]);
        stream.write_all(&half[..random.usize(1..half.len())]).ok()
    }),
    ("leaves with replies due", |mut stream, random| {
        let commands = [
            array("GET slow").repeat(20),
            array("INCR left").repeat(200),
            [array("MULTI"), array("INCR left"), array("BLPOP nolist 0")].concat(),
            array("SUBSCRIBE news"),
        ];
        stream.write_all(&commands[random.usize(..commands.len())]).ok()?;
        if random.bool() {
            stream.read_exact(&mut [0; 4]).ok()?;
        }
        Some(())
    }),
    ("sends anything", |mut stream, random| {
        let starts: [&[u8]; 6] = [
            b"*1\r\n$-5\r\n",
            b"*99999999999\r\n",
            b"GET / HTTP/1.1\r\n",
            b"\x16\x03\x01",
            b"$3\r\nfoo\r\n",
            b"\r\n",
        ];
        let rest: Vec<u8> = (0..random.usize(..2000)).map(|_| random.u8(..)).collect();
        stream.write_all(&[starts[random.usize(..starts.len())], &rest].concat()).ok()?;
        thread::sleep(Duration::from_millis(random.u64(..500)));
        Some(())
    }),
];

/// Scripts that are unusual but allowed, for a server that runs them. Some replies are more than a protocol can say.
pub(crate) const SCRIPTS: [&str; 9] = [
    "return redis.error_reply('ODD reply')",
    "return {err='ERR two\\r\\n+lines'}",
    "return {ok='two\\r\\n$3\\r\\nlines'}",
    "local found = {} for at = 1, 20000 do found[at] = {at, {tostring(at)}} end return found",
    "return string.rep('x', 3000000)",
    "redis.setresp(3) return {map={a={double=1.5}, b={big_number='not a number'}}}",
    "redis.setresp(3) return {big_number='12345678901234567890'}",
    "local at = {} for _ = 1, 50 do at = {at} end return at",
    "error('it fails')",
];

/// Runs a script; the reply can be anything that is one.
pub(crate) fn run_script(stream: TcpStream, script: &str) -> Option<()> {
    let mut replies = ReplyReader::new(stream);
    replies.get_mut().write_all(&command(&[b"EVAL", script.as_bytes(), b"0"])).ok()?;
    replies.read().ok()??;
    replies.get_mut().write_all(&array("ECHO after")).ok()?;
    let reply = replies.read().ok()??.wire().to_vec();
    assert_eq!(reply, bulk(b"after"), "{script}: {}", reply.escape_ascii());
    Some(())
}

/// Lets clients misbehave until `ends` says so; returns what each did, in order.
pub(crate) fn misbehave(
    proxy: &Daemon,
    mut random: Rng,
    runs_scripts: bool,
    ends: impl Fn() -> bool,
) -> Vec<&'static str> {
    let mut done = Vec::new();
    while !ends() {
        let Ok(stream) = TcpStream::connect(proxy.address()) else { continue };
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a valid timeout");
        stream.set_write_timeout(Some(Duration::from_secs(60))).expect("a valid timeout");
        let pick = random.usize(..DEEDS.len() + usize::from(runs_scripts));
        if let Some((name, deed)) = DEEDS.get(pick) {
            deed(stream, &mut random);
            done.push(*name);
        } else {
            run_script(stream, SCRIPTS[random.usize(..SCRIPTS.len())]);
            done.push("runs a script");
        }
        thread::sleep(Duration::from_millis(random.u64(..300)));
    }
    done
}
