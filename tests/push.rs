//! Pushes of RESP3 and the arrays that RESP2 has instead become types, whatever they contain.
//!
//! The subscriptions and invalidations are what Redis 7.0 and 8.6 and Valkey 9.1 have sent; `tests/live_push.rs` asks a
//! running server. The notices of maintenance are in the form that clients read.

use std::time::Duration;

use zresp::push::{Maintenance, MaintenanceEvent, Push};
use zresp::{ConversionError, ReplyRef};
use zresp_testing::drive::notation::wire;

/// Decodes a reply and passes its conversion to a function.
fn read<T>(text: &str, take: impl FnOnce(Result<Push<'_>, ConversionError>) -> T) -> T {
    let bytes = wire(text);
    let frame = zresp::decode(&bytes).expect(text).expect(text);
    assert_eq!(frame.wire().len(), bytes.len(), "{text}");
    take(frame.reply().to())
}

/// Pushes, and what they are, in RESP3 and in RESP2.
const PUSHES: [(&str, &str); 21] = [
    ("$message $a $hello", r#"Message["a", "hello"]"#),
    ("$pmessage $x* $xy $hi", r#"PatternMessage["x*", "xy", "hi"]"#),
    ("$smessage $sh $s", r#"ShardMessage["sh", "s"]"#),
    ("$subscribe $a :1", r#"Subscribed(Channel "a", 1)"#),
    ("$psubscribe $x* :3", r#"Subscribed(Pattern "x*", 3)"#),
    ("$ssubscribe $sh :1", r#"Subscribed(ShardChannel "sh", 1)"#),
    ("$unsubscribe $nothing :2", r#"Unsubscribed(Channel "nothing", 2)"#),
    ("$punsubscribe $x* :0", r#"Unsubscribed(Pattern "x*", 0)"#),
    ("$sunsubscribe $sh :0", r#"Unsubscribed(ShardChannel "sh", 0)"#),
    ("$unsubscribe _ :0", "Unsubscribed(Channel null, 0)"),
    ("$unsubscribe $-1 :0", "Unsubscribed(Channel null, 0)"),
    ("$pong $", r#"Pong[""]"#),
    ("$pong $hi", r#"Pong["hi"]"#),
    ("$invalidate *2 $k $l", r#"Invalidation(Array[Bulk("k"), Bulk("l")])"#),
    ("$invalidate _", "Invalidation(all keys)"),
    ("$message $__redis__:invalidate *1 $k", r#"Invalidation(Array[Bulk("k")])"#),
    ("$message $__redis__:invalidate $-1", "Invalidation(all keys)"),
    ("$message $__redis__:invalidate *-1", "Invalidation(all keys)"),
    ("$message $__redis__:invalidate $text", r#"Message["__redis__:invalidate", "text"]"#),
    ("+message =5 txt:a $x $more", r#"Message["a", "x"]"#),
    ("$subscribe $a $7", r#"Subscribed(Channel "a", 7)"#),
];

fn with_header(header: char, values: &str) -> String {
    let mut count = 0;
    let mut open: Vec<usize> = Vec::new();
    // A value of an aggregate is not a value of the push.
    for word in values.split_whitespace().filter(|word| !word.starts_with("txt:")) {
        match open.last_mut() {
            Some(left) => *left -= 1,
            None => count += 1,
        }
        if let Some(len) = word.strip_prefix('*').and_then(|len| len.parse().ok()) {
            open.push(len);
        }
        while open.last() == Some(&0) {
            open.pop();
        }
    }
    format!("{header}{count} {values}")
}

#[test]
fn pushes_and_the_arrays_of_resp2_are_read_alike() {
    for (values, expected) in PUSHES {
        for header in ['>', '*'] {
            read(&with_header(header, values), |push| {
                let push = push.unwrap_or_else(|error| panic!("{values}: {error}"));
                assert_eq!(format!("{push:?}"), expected, "{header}: {values}");
                let sent = values.split(' ').next().map(|word| &word.as_bytes()[1..]);
                let is_invalidation = matches!(push, Push::Invalidation { .. });
                let word = if is_invalidation { Some(&b"invalidate"[..]) } else { sent };
                assert_eq!(push.word(), word, "{header}: {values}");
            });
        }
    }
}

#[test]
fn notices_of_maintenance_are_read_with_simple_and_bulk_words() {
    for (values, expected) in [
        (
            "MOVING :7 :30 $10.0.0.2:6379",
            r#"7 Moving(30s, Some(Endpoint { host: Some("10.0.0.2"), port: 6379 }))"#,
        ),
        (
            "MOVING :7 :30 +::1:6379",
            r#"7 Moving(30s, Some(Endpoint { host: Some("::1"), port: 6379 }))"#,
        ),
        (
            "MOVING :7 :30 $[::1]:1",
            r#"7 Moving(30s, Some(Endpoint { host: Some("::1"), port: 1 }))"#,
        ),
        ("MOVING :7 :0 _", "7 Moving(0ns, None)"),
        ("MOVING :7 :30 $null", "7 Moving(30s, None)"),
        ("MOVING :7 :30", "7 Moving(30s, None)"),
        ("MIGRATING :8 :10 $1,2", r#"8 Migrating(10s, Some(Bulk("1,2")))"#),
        ("MIGRATING :8 :10 *2 $1 $2", r#"8 Migrating(10s, Some(Array[Bulk("1"), Bulk("2")]))"#),
        ("MIGRATING :8 :10", "8 Migrating(10s, None)"),
        ("MIGRATED :8 $1", r#"8 Migrated(Some(Bulk("1")))"#),
        ("MIGRATED :8", "8 Migrated(None)"),
        ("FAILING_OVER :9 :20 $3", r#"9 FailingOver(20s, Some(Bulk("3")))"#),
        ("FAILED_OVER :9 _", "9 FailedOver(None)"),
        (
            "SMIGRATING :10 $123,456,789-1000",
            "10 SlotsMigrating([123..=123, 456..=456, 789..=1000])",
        ),
        (
            "SMIGRATED :10 *1 *3 +a:1 +b:2 +5,7-16383",
            "10 SlotsMigrated([a:1 to b:2: [5..=5, 7..=16383]])",
        ),
        (
            "SMIGRATED :10 *2 *3 $a:1 $b:2 $0 *4 $a:1 $c:3 $1 $more",
            "10 SlotsMigrated([a:1 to b:2: [0..=0], a:1 to c:3: [1..=1]])",
        ),
        ("SMIGRATED :10 *0", "10 SlotsMigrated([])"),
    ] {
        for word in ['+', '$'] {
            let text = with_header('>', &format!("{word}{values}"));
            read(&text, |push| {
                let push = push.expect(&text);
                assert_eq!(push.word(), values.split(' ').next().map(str::as_bytes), "{text}");
                let Push::Maintenance(notice) = push else { panic!("{text}") };
                assert_eq!(format!("{} {:?}", notice.sequence, notice.event), expected, "{text}");
            });
        }
    }
}

#[test]
fn times_are_in_seconds_and_as_long_as_a_number_can_be() {
    for (seconds, expected) in
        [("0", 0), ("1", 1), ("9223372036854775807", 9_223_372_036_854_775_807)]
    {
        read(&format!(">3 +MIGRATING :1 :{seconds}"), |push| {
            let Push::Maintenance(Maintenance { event, .. }) = push.expect(seconds) else {
                panic!()
            };
            let MaintenanceEvent::Migrating { within, .. } = event else { panic!("{event:?}") };
            assert_eq!(within, Duration::from_secs(expected));
        });
    }
}

#[test]
fn unknown_pushes_are_kept_whole() {
    for (text, word) in [
        (">2 $tracking-redir-broken :11", Some("tracking-redir-broken")),
        (">2 $server-cpu-usage :42", Some("server-cpu-usage")),
        (">1 $MESSAGE", Some("MESSAGE")),
        (">1 =8 txt:word", Some("word")),
        (">1 :1", None),
        (">2 *1 $message $a", None),
        (">0", None),
        ("*0", None),
        ("*2 $moving :1", Some("moving")),
    ] {
        let bytes = wire(text);
        let reply = zresp::decode(&bytes).expect(text).expect(text).reply();
        assert_eq!(reply.to::<Push<'_>>(), Ok(Push::Other(reply)), "{text}");
        assert_eq!(Push::Other(reply).word(), word.map(str::as_bytes), "{text}");
    }
}

#[test]
fn malformed_pushes_are_errors_that_say_where() {
    for (text, message) in [
        ("+message", "expected a push or an array, found a simple string"),
        ("~1 $message", "expected a push or an array, found a set"),
        ("%1 $message $a", "expected a push or an array, found a map"),
        ("-ERR", "error reply: ERR"),
        ("_", "expected a push or an array, found null"),
        (">1 $message", "missing element 1"),
        (">2 $message $a", "missing element 2"),
        (">3 $message _ $a", "expected a string, found null at element 1"),
        (">3 $message $a _", "expected a string, found null at element 2"),
        (">3 $message $a *0", "expected a string, found an array at element 2"),
        (">3 $message $__redis__:invalidate %0", "expected a string, found a map at element 2"),
        (">3 $smessage $a :1", "expected a string, found an integer at element 2"),
        (">3 $pmessage $a $b", "missing element 3"),
        (">3 $subscribe *0 :1", "expected a string, found an array at element 1"),
        (
            ">3 $subscribe $a :-1",
            "expected an unsigned integer, found an integer that does not fit at element 2",
        ),
        (">2 $subscribe $a", "missing element 2"),
        (
            ">2 $invalidate $k",
            "expected an array, a set or a push, found a bulk string at element 1",
        ),
        (">1 $invalidate", "missing element 1"),
        (">1 $pong", "missing element 1"),
        (">1 $MOVING", "missing element 1"),
        (
            ">3 $MOVING $x :1",
            "expected an integer, found a bulk string that is not one at element 1",
        ),
        (
            ">3 $MOVING :1 :-1",
            "expected an unsigned integer, found an integer that does not fit at element 2",
        ),
        (">4 $MOVING :1 :1 :6379", "expected a string, found an integer at element 3"),
        (
            ">4 $MOVING :1 :1 $host",
            "expected a host and a port, found a bulk string that is not one at element 3",
        ),
        (
            ">4 $MOVING :1 :1 $h:65536",
            "expected a host and a port, found a bulk string that is not one at element 3",
        ),
        (
            ">4 $MOVING :1 :1 $h:-1",
            "expected a host and a port, found a bulk string that is not one at element 3",
        ),
        (">2 $MIGRATING :1", "missing element 2"),
        (">2 $SMIGRATING :1", "missing element 2"),
        (
            ">3 $SMIGRATING :1 $",
            "expected a list of slots, found a bulk string that is not one at element 2",
        ),
        (
            ">3 $SMIGRATING :1 $5-3",
            "expected a list of slots, found a bulk string that is not one at element 2",
        ),
        (
            ">3 $SMIGRATING :1 $16384",
            "expected a list of slots, found a bulk string that is not one at element 2",
        ),
        (
            ">3 $SMIGRATING :1 $1,,2",
            "expected a list of slots, found a bulk string that is not one at element 2",
        ),
        (
            ">3 $SMIGRATING :1 $1-2-3",
            "expected a list of slots, found a bulk string that is not one at element 2",
        ),
        (">3 $SMIGRATING :1 $-1", "expected a string, found a null bulk string at element 2"),
        (
            ">3 $SMIGRATED :1 $a:1",
            "expected an array, a set or a push, found a bulk string at element 2",
        ),
        (
            ">3 $SMIGRATED :1 *1 *2 $a:1 $5",
            "expected a host and a port, found a bulk string that is not one at element 2, element 0, element 1",
        ),
        (">3 $SMIGRATED :1 *1 *2 $a:1 $b:1", "missing element 2 at element 2, element 0"),
    ] {
        read(text, |push| {
            assert_eq!(push.expect_err(text).to_string(), message, "{text}");
        });
    }
}

/// Any word may stand where another does: nothing panics, and the output for logs is bounded and on one line.
#[test]
fn changed_pushes_are_refused_or_sound() {
    const KINDS: [&str; 19] = [
        "message",
        "pmessage",
        "smessage",
        "subscribe",
        "psubscribe",
        "ssubscribe",
        "unsubscribe",
        "punsubscribe",
        "sunsubscribe",
        "pong",
        "invalidate",
        "MOVING",
        "MIGRATING",
        "MIGRATED",
        "FAILING_OVER",
        "FAILED_OVER",
        "SMIGRATING",
        "SMIGRATED",
        "other",
    ];
    const VALUES: [&str; 20] = [
        "_",
        "$-1",
        "*-1",
        ":0",
        ":-1",
        ":9223372036854775807",
        "$",
        "$a",
        "$a:1",
        "$::1:7",
        "$?:7",
        "$1-2",
        "*0",
        "*1 $k",
        "*1 *3 $a:1 $b:1 $1",
        "%0",
        "#t",
        ",inf",
        "(123456789012345678901234567890",
        "$__redis__:invalidate",
    ];
    let mut rng = fastrand::Rng::with_seed(3);
    let mut accepted = [0; KINDS.len()];
    for _ in 0..40_000 {
        let kind = rng.usize(..KINDS.len());
        let count = rng.usize(..5);
        let values = (0..count).map(|_| VALUES[rng.usize(..VALUES.len())]);
        let values = values.collect::<Vec<_>>().join(" ");
        read(&format!(">{} ${} {values}", count + 1, KINDS[kind]), |push| {
            let text = format!("{push:?}");
            assert!(text.len() < 2_000 && !text.contains('\n'), "{text}");
            accepted[kind] += usize::from(push.is_ok());
        });
    }
    assert!(accepted.iter().all(|count| *count > 5), "{accepted:?}");
}

#[test]
fn pushes_are_shown_in_a_bounded_way() {
    let long = "a".repeat(100_000);
    let slots = vec!["1"; 1_000].join(",");
    let moves = " *3 $a:1 $b:1 $1".repeat(1_000);
    let keys = " $k".repeat(1_000);
    for text in [
        format!(">3 $message ${long} ${long}"),
        format!(">3 $subscribe ${long} :1"),
        format!(">2 ${long} ${long}"),
        format!(">2 $invalidate *1000{keys}"),
        format!(">3 $MIGRATED :1 ${long}"),
        format!(">3 $SMIGRATING :1 ${slots}"),
        format!(">3 $SMIGRATED :1 *1000{moves}"),
    ] {
        read(&text, |push| {
            let shown = format!("{:?}", push.expect("a push"));
            assert!(shown.len() < 4_000, "{} bytes: {shown}", shown.len());
        });
    }
}

#[test]
fn reading_messages_allocates_nothing() {
    let bytes = wire(">3 $message $a $hello");
    let reply = zresp::decode(&bytes).expect("a reply").expect("a whole reply").reply();
    let keys = wire(">2 $invalidate *2 $k $l");
    let keys = zresp::decode(&keys).expect("a reply").expect("a whole reply").reply();
    let read = |reply: ReplyRef<'_>| {
        matches!(reply.to(), Ok(Push::Message { .. } | Push::Invalidation { .. }))
    };
    let info = allocation_counter::measure(|| assert!(read(reply) && read(keys)));
    assert_eq!(info.count_total, 0);
}
