//! Commands and their keys match those of a live server.
#![cfg(all(feature = "commands", feature = "std"))]

use std::collections::BTreeSet;
use std::io::Write;

use zresp::commands::{Access, Flags, KeysError, keys, lookup, of, partial_keys, shard_channels};
use zresp::io::ReplyReader;
use zresp::{Command, CommandDecoder, CommandRef, ReplyRef};
use zresp_testing::drive::keys;
use zresp_testing::drive::live_server::Server;

/// Command lines of all kinds, with keys and without.
const LINES: &str = include_str!("command_lines.txt");

/// A line as an array of bulk strings.
fn encoded(line: &str) -> Vec<u8> {
    let request = format!("{line}\n");
    let mut scratch = Vec::new();
    let request = zresp::requests(request.as_bytes()).next().expect("a request").expect(line);
    request.command().to_array(&mut scratch);
    scratch
}

fn command(bytes: &[u8]) -> CommandRef<'_> {
    match zresp::requests(bytes).next().expect("a request").expect("a command").command() {
        Command::Array(command) => command,
        Command::Inline(_) => panic!("an array"),
    }
}

fn lines() -> impl Iterator<Item = &'static str> {
    LINES.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

#[test]
fn keys_match_those_of_a_server() {
    let Some(server) = Server::start() else { return };
    let mut stream = server.connect();
    for line in lines() {
        stream.write_all(&encoded(&format!("COMMAND GETKEYS {line}"))).unwrap();
    }
    let mut replies = ReplyReader::new(stream);
    let (mut compared, mut names) = (0, BTreeSet::new());
    for line in lines() {
        let frame = replies.read().unwrap().expect("a reply");
        let bytes = encoded(line);
        let found = keys(&command(&bytes));
        match frame.reply() {
            // Some commands that may have no keys give the same answer for contradictory counts.
            ReplyRef::Array(expected) if expected.is_empty() => {
                assert!(found.is_err() || found.unwrap().count() == 0, "{line}");
            }
            ReplyRef::Array(expected) => {
                let expected: Vec<_> = expected.map(|key| key.as_bytes().unwrap()).collect();
                let found: Vec<_> = found
                    .unwrap_or_else(|error| panic!("{line}: {error}"))
                    .map(|key| key.key)
                    .collect();
                assert_eq!(found, expected, "{line}");
            }
            ReplyRef::Error(message) => {
                assert!(
                    found.is_err() || found.unwrap().count() == 0,
                    "{line}: {}",
                    message.escape_ascii()
                );
            }
            other => panic!("{line}: {other:?}"),
        }
        compared += 1;
        names.insert(of(&command(&bytes)).expect(line).name);
    }
    assert!(compared >= 150, "{compared} lines");
    assert!(names.len() >= 120, "{} commands", names.len());
}

#[test]
fn the_table_matches_a_server_of_the_same_version() {
    let Some(server) = Server::start() else { return };
    let mut stream = server.connect();
    stream.write_all(b"INFO server\r\nCOMMAND\r\n").unwrap();
    let mut replies = ReplyReader::new(stream);
    let info = replies.read().unwrap().unwrap().reply().to_bytes().unwrap().into_owned();
    let is_same = String::from_utf8_lossy(&info).contains("redis_version:7.0.");
    let frame = replies.read().unwrap().unwrap();
    let ReplyRef::Array(commands) = frame.reply() else { panic!("{:?}", frame.reply()) };
    let mut known = 0;
    for entry in commands {
        let ReplyRef::Array(mut fields) = entry else { panic!("{entry:?}") };
        let name = fields.next().unwrap().as_bytes().unwrap();
        let arity = fields.next().unwrap().as_i64().unwrap();
        let ReplyRef::Array(flags) = fields.next().unwrap() else { panic!("{entry:?}") };
        let Some(info) = lookup(name) else {
            assert!(!is_same, "{} is not in the table", name.escape_ascii());
            continue;
        };
        known += 1;
        if is_same {
            assert_eq!(i64::from(info.arity), arity, "{}", info.name);
            let names: BTreeSet<String> =
                info.flags.iter_names().map(|(name, _)| name.to_lowercase()).collect();
            let expected: BTreeSet<String> =
                flags.map(|flag| flag.as_str().unwrap().to_owned()).collect();
            assert_eq!(names, expected, "{}", info.name);
        }
    }
    assert!(known > 200, "{known} commands");
}

#[test]
fn names_are_found_in_any_letter_case_and_subcommands_with_their_containers() {
    for (line, name) in [
        ("GET k", Some("get")),
        ("gEt k", Some("get")),
        ("CONFIG GET *", Some("config|get")),
        ("config SET a b", Some("config|set")),
        ("config", Some("config")),
        ("config nothing", None),
        ("config|get *", None),
        ("xgroup CREATE k g 0", Some("xgroup|create")),
        ("nothing", None),
        ("\"\"", None),
        ("a_name_that_is_longer_than_that_of_any_command_that_there_is x", None),
        ("config a_name_that_is_longer_than_that_of_any_command_that_there_is", None),
        ("\"g\\xe9t\" k", None),
    ] {
        let bytes = encoded(line);
        assert_eq!(of(&command(&bytes)).map(|info| info.name), name, "{line}");
    }
    let config = lookup(b"config").expect("a container");
    assert!(config.subcommands.contains(&"config|get"));
    assert!(config.subcommands.iter().all(|name| lookup(name.as_bytes()).is_some()));
    let eval = lookup(b"eval").expect("a command");
    assert!(eval.flags.contains(Flags::MOVABLEKEYS | Flags::NOSCRIPT));
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
        ("SORT k STORE", KeysError::Syntax),
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
    let bytes = encoded("GET k");
    assert_eq!(shard_channels(&command(&bytes)).unwrap().count(), 0);
}

#[test]
fn no_argument_is_a_key_and_a_channel() {
    for line in lines() {
        let bytes = encoded(line);
        let command = command(&bytes);
        let (Ok(keys), Ok(channels)) = (keys(&command), shard_channels(&command)) else { continue };
        let keys: Vec<usize> = keys.map(|key| key.index).collect();
        let shared: Vec<_> = channels.filter(|key| keys.contains(&key.index)).collect();
        assert!(shared.is_empty(), "{line}: {shared:?}");
    }
}

#[test]
fn the_keys_of_an_arriving_command_are_found_as_they_arrive() {
    for (line, least) in [("MSET a 1 b 2", 2), ("EVAL s 2 a b x", 3), ("XGROUP CREATE k g 0", 4)] {
        let bytes = encoded(line);
        let all: Vec<_> = keys(&command(&bytes)).unwrap().map(|key| key.key.to_vec()).collect();
        let mut decoder = CommandDecoder::new();
        for end in 0..bytes.len() {
            assert!(decoder.decode(&bytes[..end]).unwrap().is_none());
            let Some(partial) = decoder.partial(&bytes[..end]) else { continue };
            let Ok(found) = partial_keys(&partial) else {
                assert!(partial.args().count() < least, "{line}, {end} bytes");
                continue;
            };
            let found: Vec<_> = found.map(|key| key.key.to_vec()).collect();
            assert!(all.starts_with(&found), "{line}, {end} bytes");
            let arrived =
                all.iter().take_while(|key| partial.args().any(|arg| arg == key.as_slice()));
            assert_eq!(found.len(), arrived.count(), "{line}, {end} bytes");
        }
    }
}

#[test]
fn keys_are_arguments_and_stay_the_same_as_the_command_arrives() {
    for line in lines() {
        let bytes = encoded(line);
        keys::assert_agree(zresp::requests(&bytes).next().expect("a request").expect("a command"));
    }
}

#[test]
fn keys_that_later_arguments_can_change_are_not_found() {
    for (line, there, found) in [
        ("MIGRATE h 1 '' 0 9 KEYS a b", 6, &[][..]),
        ("MIGRATE h 1 '' 0 9 COPY KEYS a b", 7, &[]),
        ("MIGRATE h 1 '' 0 9 KEYS a b", 8, &[7]),
        ("MIGRATE h 1 k 0 9 COPY", 6, &[3]),
        ("SORT k STORE a STORE b", 4, &[1]),
        ("SORT k STORE a STORE b", 5, &[1]),
        ("GEORADIUS k 1 2 3 m STOREDIST a STORE b", 8, &[1, 7]),
        ("GEORADIUS k 1 2 3 m STOREDIST a STORE b", 9, &[1, 7]),
    ] {
        let bytes = encoded(line);
        let mut decoder = CommandDecoder::new();
        let end = (0..bytes.len())
            .rev()
            .find(|end| {
                let mut decoder = CommandDecoder::new();
                assert!(decoder.decode(&bytes[..*end]).unwrap().is_none());
                decoder
                    .partial(&bytes[..*end])
                    .is_some_and(|partial| partial.args().count() == there)
            })
            .expect("a cut after this number of arguments");
        assert!(decoder.decode(&bytes[..end]).unwrap().is_none());
        let partial = decoder.partial(&bytes[..end]).expect("a command has begun");
        let indices: Vec<_> = partial_keys(&partial).unwrap().map(|key| key.index).collect();
        assert_eq!(indices, found, "{line}, {there} arguments");
    }
}
