//! The keys of commands are those that live servers find.
#![cfg(all(feature = "commands", feature = "std"))]

use std::collections::BTreeSet;

use zresp::command::PartialCommand;
use zresp::commands::{
    Access, KeysError, PartialKeys, keys, of, partial_keys, partial_shard_channels, shard_channels,
};
use zresp::{Arguments, CommandDecoder, CommandRef, EncodeCommand, ReplyRef};
use zresp_testing::drive::keys;
use zresp_testing::drive::keys::{command, encoded, loaded};
use zresp_testing::drive::live_server::Server;

/// Command lines of all kinds, with keys and without.
const LINES: &str = include_str!("command_lines.txt");

/// The lines of the file. Some servers do not know those that begin with a plus.
fn lines() -> impl Iterator<Item = &'static str> {
    LINES.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

#[test]
fn keys_match_those_of_servers() {
    for server in Server::all() {
        let plain = |line: &'static str| line.strip_prefix("+ ").unwrap_or(line);
        let requests: Vec<_> =
            lines().map(|line| encoded(&format!("COMMAND GETKEYS {}", plain(line)))).collect();
        let loaded = loaded(&server, "2");
        let (mut compared, mut names) = (0, BTreeSet::new());
        for (line, frame) in lines().zip(server.replies(&requests)) {
            let bytes = encoded(plain(line));
            let command = command(&bytes);
            let found = keys(&command).map(|keys| keys.map(|key| key.key).collect::<Vec<_>>());
            let info = of(&command).unwrap_or_else(|| panic!("{line}"));
            if loaded.lookup(info.name.as_bytes()).is_none_or(|info| !info.accepts(command.len())) {
                // The server knows no such command, or fewer forms of it.
                assert!(line.starts_with('+') || found.is_err(), "{line}");
                continue;
            }
            // A table from the server itself finds the same keys.
            let own = loaded.keys(&command).map(|keys| keys.map(|key| key.key).collect::<Vec<_>>());
            assert_eq!(own, found, "{line}");
            match frame.reply() {
                // Some commands that may have no keys give the same answer for contradictory counts.
                ReplyRef::Array(expected) if expected.is_empty() => {
                    assert!(found.is_err() || found.unwrap().is_empty(), "{line}");
                }
                ReplyRef::Array(expected) => {
                    let expected: Vec<_> = expected.map(|key| key.as_bytes().unwrap()).collect();
                    assert_eq!(found.as_deref(), Ok(&*expected), "{line}");
                }
                // The server may not know an option of the command.
                ReplyRef::Error(_) if line.starts_with('+') => continue,
                ReplyRef::Error(message) => {
                    let message = message.escape_ascii();
                    assert!(found.is_err() || found.unwrap().is_empty(), "{line}: {message}");
                }
                other => panic!("{line}: {other:?}"),
            }
            compared += 1;
            names.insert(info.name.clone());
        }
        assert!(compared >= 220, "{compared} lines");
        assert!(names.len() >= 150, "{} commands", names.len());
    }
}

#[test]
fn options_are_read_as_servers_read_them() {
    for (line, expected) in [
        ("SORT src STORE by STORE dst", &["src", "dst"][..]),
        ("SORT src STORE get STORE dst", &["src", "dst"]),
        ("SORT src STORE limit STORE dst DESC", &["src", "dst"]),
        ("SORT src BY store GET store LIMIT store store STORE store", &["src", "store"]),
        ("SORT store", &["store"]),
        ("SORT_RO k BY store GET store", &["k"]),
        ("GEORADIUS g 15 37 200 km STORE a STORE b", &["g", "b"]),
        ("GEORADIUS g 15 37 200 km STORE a STOREDIST b", &["g", "b"]),
        ("GEORADIUS g 15 37 200 km STOREDIST store STORE storedist", &["g", "storedist"]),
        ("GEORADIUS g 15 37 200 km COUNT 1 ANY ASC STORE count", &["g", "count"]),
        ("GEORADIUSBYMEMBER g store 200 km STOREDIST a STOREDIST b", &["g", "b"]),
        ("XREAD COUNT 1 STREAMS STREAMS STREAMS 0 0", &["STREAMS", "STREAMS"]),
        ("XREAD BLOCK 0 COUNT streams STREAMS k 0", &["k"]),
        ("XREADGROUP COUNT 1 GROUP STREAMS c STREAMS k >", &["k"]),
        ("XREADGROUP NOACK GROUP g STREAMS STREAMS k >", &["k"]),
        ("XREADGROUP GROUP STREAMS STREAMS STREAMS STREAMS >", &["STREAMS"]),
        ("XREADGROUP GROUP g c CLAIM 9 STREAMS k >", &["k"]),
        ("MIGRATE h 1 '' 0 9 KEYS a KEYS b", &["a", "KEYS", "b"]),
        ("MIGRATE h 1 '' 0 9 KEYS a AUTH b", &["a", "AUTH", "b"]),
        ("MIGRATE h 1 '' 0 9 AUTH2 KEYS KEYS KEYS a", &["a"]),
        ("MIGRATE h 1 KEYS 0 9 REPLACE COPY", &["KEYS"]),
        ("MIGRATE h 1 '' 0 9 KEYS", &[]),
        ("PFMERGE d", &["d"]),
        ("ZRANK k m WITHSCORE", &["k"]),
    ] {
        let bytes = encoded(line);
        let found: Vec<_> = keys(&command(&bytes))
            .unwrap_or_else(|error| panic!("{line}: {error}"))
            .map(|key| key.key.escape_ascii().to_string())
            .collect();
        assert_eq!(found, expected, "{line}");
    }
}

#[test]
fn contradictory_command_lines_have_no_keys() {
    for (line, error) in [
        ("nothing k", KeysError::UnknownCommand),
        ("GET", KeysError::Arity),
        ("GET a b", KeysError::Arity),
        ("EVAL s 2 a", KeysError::Count { index: 2 }),
        ("EVAL s x a", KeysError::Count { index: 2 }),
        ("EVAL s -1 a", KeysError::Count { index: 2 }),
        ("EVAL s 18446744073709551615 a", KeysError::Count { index: 2 }),
        ("EVAL s 18446744073709551616 a", KeysError::Count { index: 2 }),
        ("ZUNIONSTORE d 3 a b", KeysError::Count { index: 2 }),
        ("ZUNIONSTORE d 0 a", KeysError::Count { index: 2 }),
        ("ZUNIONSTORE d 01 a", KeysError::Count { index: 2 }),
        ("ZUNIONSTORE d +1 a", KeysError::Count { index: 2 }),
        ("XREAD STREAMS a b 0", KeysError::Syntax),
        ("MIGRATE h 1 k 0 1 KEYS a b", KeysError::Syntax),
        ("MIGRATE h 1 '' 0 1 KEY a", KeysError::Syntax),
        ("XREAD STREAMS a 0 1", KeysError::Syntax),
        ("XREAD COUNT 1 STREAMS", KeysError::Syntax),
        ("XREAD COUNT 1 BLOCK 0", KeysError::Syntax),
        ("XREAD MORE 1 STREAMS a 0", KeysError::Syntax),
        ("XREAD NOACK STREAMS a 0", KeysError::Syntax),
        ("SORT k STORE", KeysError::Syntax),
        ("SORT k LIMIT 0", KeysError::Syntax),
        ("SORT k STORED d", KeysError::Syntax),
        ("SORT_RO k STORE d", KeysError::Syntax),
        ("GEORADIUS g 1 2 3 km STORE", KeysError::Syntax),
        ("GEORADIUS g 1 2 3 km WITHDISTS", KeysError::Syntax),
        ("VCARD", KeysError::Syntax),
        ("JSON.DEBUG FIELDS k", KeysError::UnknownCommand),
    ] {
        let bytes = encoded(line);
        let found = keys(&command(&bytes)).map(Iterator::count);
        assert_eq!(found, Err(error), "{line}");
    }
}

#[test]
fn keys_have_an_access_and_an_index() {
    let bytes = encoded("BITOP AND d a b");
    let found: Vec<_> =
        keys(&command(&bytes)).unwrap().map(|key| (key.index, key.access)).collect();
    let (read, write) = (Access::READ | Access::ACCESS, Access::WRITE | Access::UPDATE);
    assert_eq!(found, [(2, write), (3, read), (4, read)]);
    let bytes = encoded("SORT k BY w LIMIT 0 5 STORE d");
    let found: Vec<_> =
        keys(&command(&bytes)).unwrap().map(|key| (key.index, key.access)).collect();
    assert_eq!(found, [(1, read), (8, write)]);
    let bytes = encoded("MIGRATE h 1 k 0 9");
    let found: Vec<_> =
        keys(&command(&bytes)).unwrap().map(|key| (key.index, key.access)).collect();
    assert_eq!(found, [(3, read | Access::WRITE | Access::DELETE)]);
}

#[test]
fn iterators_are_equal_if_they_return_the_same_keys() {
    let lines = ["GET a", "GET b", "SET a 1", "MGET a b"].map(encoded);
    let [get, others @ ..] = lines.each_ref().map(|bytes| keys(&command(bytes)).unwrap());
    assert!(get == get.clone());
    assert!(others.iter().all(|other| get != *other));
}

#[test]
fn the_keys_of_long_commands_are_found_in_one_walk() {
    let pairs = "$3\r\nkey\r\n$5\r\nvalue\r\n".repeat(20_000);
    let bytes = format!("*40001\r\n$4\r\nMSET\r\n{pairs}").into_bytes();
    assert_eq!(keys(&command(&bytes)).unwrap().count(), 20_000);
}

#[test]
fn sharded_channels_have_slots_and_are_not_keys() {
    let bytes = encoded("SSUBSCRIBE a b");
    assert_eq!(keys(&command(&bytes)).unwrap().count(), 0);
    let channels: Vec<_> = shard_channels(&command(&bytes)).unwrap().map(|key| key.key).collect();
    assert_eq!(channels, [b"a", b"b"]);
    let bytes = encoded("SUNSUBSCRIBE");
    assert_eq!(shard_channels(&command(&bytes)).unwrap().count(), 0);
    let bytes = encoded("CLUSTERSCAN 0");
    let info = of(&command(&bytes)).expect("a command of Valkey");
    assert!(info.key_specs[0].is_not_key, "its cursor belongs to a slot");
    assert_eq!(shard_channels(&command(&bytes)).unwrap().count(), 0, "but is not a channel");
    assert_eq!(keys(&command(&bytes)).unwrap().count(), 0);
    let bytes = encoded("GET k");
    assert_eq!(shard_channels(&command(&bytes)).unwrap().count(), 0);
}

#[test]
fn no_argument_is_a_key_and_a_channel() {
    for line in lines() {
        let bytes = encoded(line.trim_start_matches("+ "));
        let command = command(&bytes);
        let (Ok(keys), Ok(channels)) = (keys(&command), shard_channels(&command)) else { continue };
        let keys: Vec<usize> = keys.map(|key| key.index).collect();
        let shared: Vec<_> = channels.filter(|key| keys.contains(&key.index)).collect();
        assert!(shared.is_empty(), "{line}: {shared:?}");
    }
}

/// Returns the beginning of a command, up to the first byte of an argument that has not arrived.
fn beginning(bytes: &[u8], there: usize) -> &[u8] {
    &bytes[..command(bytes).arg_span(there).expect("an argument").start]
}

type Find = for<'a> fn(&PartialCommand<'a>) -> Result<PartialKeys<'a>, KeysError>;

/// Returns the indices of what is found after some arguments, and whether that is all.
fn known(find: Find, bytes: &[u8], there: usize) -> Result<(bool, Vec<usize>), KeysError> {
    let mut decoder = CommandDecoder::new();
    let begun = beginning(bytes, there);
    assert_eq!(decoder.decode(begun), Ok(None));
    let found = find(&decoder.partial(begun).expect("a command has begun"))?;
    let indices = found.known().map(|key| key.index).collect();
    Ok((matches!(found, PartialKeys::All(_)), indices))
}

/// Asserts what is known of a line, for each number of arguments that have arrived: the indices, with a dot if they
/// are all.
fn assert_known(find: Find, line: &str, expected: &str) {
    let bytes = encoded(line);
    let found: Vec<_> = (0..command(&bytes).len())
        .map(|there| {
            let (is_all, indices) = known(find, &bytes, there).expect(line);
            let indices: Vec<_> = indices.iter().map(ToString::to_string).collect();
            match (is_all, indices.join(",")) {
                (true, indices) => indices + ".",
                (false, indices) if indices.is_empty() => "-".to_owned(),
                (false, indices) => indices,
            }
        })
        .collect();
    assert_eq!(found.join(" "), expected, "{line}");
}

#[test]
fn all_channels_are_known_as_soon_as_the_rest_cannot_change_them() {
    for (line, expected) in [
        ("SPUBLISH c payload", "- - 1."),
        ("SSUBSCRIBE c", "- -"),
        ("SSUBSCRIBE a b c", "- - 1 1,2"),
        ("SUNSUBSCRIBE a b", "- - 1"),
        ("PUBLISH c payload", "- . ."),
        ("CLUSTERSCAN 0", "- ."),
        ("SET k v", "- . ."),
        ("EVAL s 1 k x", "- . . . ."),
        ("SORT k BY p STORE d", "- . . . . ."),
        ("CONFIG SET a b", "- - . ."),
    ] {
        assert_known(partial_shard_channels, line, expected);
    }
    for (line, there, error) in [
        ("SPUBLISH c", 1, KeysError::Arity),
        ("SPUBLISH c payload more", 1, KeysError::Arity),
        ("nothing c", 1, KeysError::UnknownCommand),
    ] {
        assert_eq!(known(partial_shard_channels, &encoded(line), there), Err(error), "{line}");
    }
}

#[test]
fn all_keys_are_known_as_soon_as_the_rest_cannot_change_them() {
    for (line, expected) in [
        ("GET k", "- -"),
        ("SET k v", "- - 1."),
        ("SET k v EX 9", "- - 1. 1. 1."),
        ("MSET a 1 b 2", "- - 1 1 1,3."),
        ("MGET a b c", "- - 1 1,2"),
        ("PFMERGE d", "- -"),
        ("PFMERGE d s", "- - 1"),
        ("LCS a b IDX", "- - 1 1,2."),
        // Counts.
        ("EVAL s 2 a b x", "- - - - 3 3,4."),
        ("EVAL s 0 x y", "- - - . ."),
        ("ZUNIONSTORE d 2 a b WEIGHTS 1 2", "- - 1 1 1,3 1,3,4. 1,3,4. 1,3,4."),
        ("BLMPOP 0 1 k LEFT", "- - - - 3."),
        // Keywords and subcommands.
        ("XGROUP CREATE k g 0", "- - - 2. 2."),
        ("OBJECT ENCODING k", "- - -"),
        ("CONFIG SET a b", "- - . ."),
        ("PING x", "- ."),
        // Options.
        ("SORT k", "- -"),
        ("SORT k ASC", "- - 1"),
        ("SORT k GET p", "- - 1 1."),
        ("SORT k STORE d", "- - 1 1"),
        ("SORT k STORE a STORE b", "- - 1 1 1 1"),
        ("SORT k STORE a LIMIT 0 1", "- - 1 1 1 1,3. 1,3."),
        ("SORT_RO k LIMIT 0 1", "- - 1 1. 1."),
        ("GEORADIUS k 1 2 3 m STOREDIST a STORE b", "- - 1 1 1 1 1 1 1 1"),
        ("GEORADIUS k 1 2 3 m STORE a COUNT 5", "- - 1 1 1 1 1 1 1 1,7."),
        ("XREAD COUNT 1 STREAMS a b 0 0", "- - - - - 4 4,5. 4,5."),
        ("XREADGROUP GROUP g c STREAMS a >", "- - - - - - 5."),
        ("MIGRATE h 1 k 0 9", "- - - - 3. 3."),
        ("MIGRATE h 1 k 0 9 COPY", "- - - - 3 3 3"),
        ("MIGRATE h 1 k 0 9 AUTH p", "- - - - 3 3 3 3."),
        ("MIGRATE h 1 '' 0 9 KEYS a b", "- - - - - - - - 7"),
        ("MIGRATE h 1 '' 0 9 COPY KEYS a b", "- - - - - - - - - 8"),
    ] {
        assert_known(partial_keys, line, expected);
    }
}

#[test]
fn an_error_is_reported_as_soon_as_the_rest_cannot_change_it() {
    for (line, there, error) in [
        ("nothing k", 1, KeysError::UnknownCommand),
        ("GET a b", 1, KeysError::Arity),
        ("CONFIG nothing k", 2, KeysError::UnknownCommand),
        ("EVAL s 9223372036854775807 a", 3, KeysError::Count { index: 2 }),
        ("EVAL s 9223372036854775808 a", 3, KeysError::Count { index: 2 }),
        ("EVAL s -1 a", 3, KeysError::Count { index: 2 }),
        ("EVAL s 01 a", 3, KeysError::Count { index: 2 }),
        ("EVAL s 2 a", 3, KeysError::Count { index: 2 }),
        ("ZUNIONSTORE d 0 a", 3, KeysError::Count { index: 2 }),
        ("XREAD STREAMS a b 0", 2, KeysError::Syntax),
        ("XREAD MORE 1 STREAMS a 0", 2, KeysError::Syntax),
        ("SORT k STORED d", 3, KeysError::Syntax),
        ("SORT k LIMIT 0", 3, KeysError::Syntax),
        ("MIGRATE h 1 k 0 1 KEYS a b", 7, KeysError::Syntax),
    ] {
        let bytes = encoded(line);
        assert_eq!(known(partial_keys, &bytes, there), Err(error), "{line}");
        let (is_all, _) = known(partial_keys, &bytes, there - 1).expect(line);
        assert!(!is_all, "{line}");
        assert!(keys(&command(&bytes)).is_err(), "{line}");
    }
}

/// Returns the command with its arguments from this one on replaced by random ones: numbers, words of options, and
/// others.
fn continued(command: CommandRef<'_>, there: usize, rng: &mut fastrand::Rng) -> Vec<u8> {
    const WORDS: [&str; 24] = [
        "0",
        "1",
        "2",
        "3",
        "01",
        "-1",
        "9223372036854775807",
        "STORE",
        "storedist",
        "KEYS",
        "streams",
        "GROUP",
        "COUNT",
        "BLOCK",
        "AUTH",
        "auth2",
        "COPY",
        "BY",
        "get",
        "LIMIT",
        "ASC",
        "k",
        "HELP",
        "",
    ];
    let mut args: Vec<&[u8]> = command.args().collect();
    args[there..].fill_with(|| WORDS[rng.usize(..WORDS.len())].as_bytes());
    Arguments(&args).to_wire().expect("a name").to_vec()
}

#[test]
fn what_is_known_of_the_keys_of_an_arriving_command_holds_for_the_whole() {
    let mut rng = fastrand::Rng::with_seed(0x6b65_7973);
    let (mut all, mut changed) = (0, 0);
    for line in lines() {
        let bytes = encoded(line.trim_start_matches("+ "));
        let assert_agree = |bytes: &[u8]| {
            keys::assert_agree(zresp::requests(bytes).next().expect("one").expect("a command"))
        };
        all += assert_agree(&bytes);
        for there in 1..command(&bytes).len() {
            for _ in 0..20 {
                changed += assert_agree(&continued(command(&bytes), there, &mut rng));
            }
        }
    }
    assert!(all > 300 && changed > 10_000, "{all} and {changed} cuts after which all are known");
}

#[test]
fn counts_that_servers_refuse_are_errors() {
    const COUNTS: [&str; 24] = [
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "18446744073709551617",
        "4294967296",
        "4294967297",
        "-1",
        "-0",
        "00",
        "01",
        "+1",
        "+0",
        "1.0",
        "1e0",
        "0x1",
        "' 1'",
        "'1 '",
        "\"1\\x00\"",
        "''",
        "inf",
        "3",
        "a",
    ];
    for before in [
        "EVAL s",
        "FCALL f",
        "ZUNION",
        "ZUNIONSTORE d",
        "LMPOP",
        "BLMPOP 0",
        "SINTERCARD",
        "MSETEX",
    ] {
        let index = before.split(' ').count();
        for count in COUNTS {
            let bytes = encoded(&format!("{before} {count} a LEFT"));
            let found = keys(&command(&bytes)).map(Iterator::count);
            assert_eq!(found, Err(KeysError::Count { index }), "{before} {count}");
        }
        let bytes = encoded(&format!("{before} 0 a LEFT"));
        let found = keys(&command(&bytes)).map(Iterator::count);
        let allows_none = matches!(before, "EVAL s" | "FCALL f");
        let expected = if allows_none { Ok(0) } else { Err(KeysError::Count { index }) };
        assert_eq!(found, expected, "{before} 0");
    }
}

#[test]
fn the_keys_of_any_table_hold_as_the_command_arrives() {
    let mut rng = fastrand::Rng::with_seed(0x7461_626c);
    let (mut found, mut unspecified, mut all) = (0, 0, 0);
    for _ in 0..30_000 {
        let choices: Vec<u8> = (0..60).map(|_| rng.u8(..)).collect();
        let (table, _) = keys::table_of(&choices);
        let words = ["A", "b", "C", "d", "k", "K", "0", "1", "2", "3", "9223372036854775807", "x"];
        let line: Vec<_> = (0..rng.usize(1..9)).map(|_| words[rng.usize(..words.len())]).collect();
        let bytes = encoded(&format!("{} {}", words[rng.usize(0..4)], line.join(" ")));
        let assert_agree = |bytes: &[u8]| {
            let request = zresp::requests(bytes).next().expect("a request").expect("a command");
            keys::assert_agree_in(&table, request)
        };
        all += assert_agree(&bytes);
        for there in 1..command(&bytes).len() {
            assert_agree(&continued(command(&bytes), there, &mut rng));
        }
        let keys = table.keys(&command(&bytes));
        unspecified += usize::from(keys == Err(KeysError::Unspecified));
        found += keys.map_or(0, Iterator::count);
    }
    assert!(
        found > 1_500 && unspecified > 1_000 && all > 5_000,
        "{found} keys, {unspecified} unspecified, {all} cuts after which all are known"
    );
}
