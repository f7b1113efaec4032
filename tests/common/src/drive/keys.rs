//! Properties of the keys of every command.

use zresp::command::PartialCommand;
use zresp::commands::{
    Access, BeginSearch, CommandInfo, CommandTable, FindKeys, Flags, Key, KeySpec, Keys, KeysError,
    PartialKeys,
};
use zresp::{Command, CommandDecoder, CommandRef, Request};

use super::live_server::Server;

/// Returns a line as an array of bulk strings.
pub fn encoded(line: &str) -> Vec<u8> {
    let request = format!("{line}\n");
    let mut scratch = Vec::new();
    let request = zresp::requests(request.as_bytes()).next().expect("a request").expect(line);
    request.command().to_array(&mut scratch);
    scratch
}

/// Returns the command of an encoded line.
pub fn command(bytes: &[u8]) -> CommandRef<'_> {
    match zresp::requests(bytes).next().expect("a request").expect("a command").command() {
        Command::Array(command) => command,
        Command::Inline(_) => panic!("an array"),
    }
}

/// Returns the table in a server's answer, in this version of the protocol.
pub fn loaded(server: &Server, protocol: &str) -> CommandTable {
    let replies = server.replies(&[encoded(&format!("HELLO {protocol}")), encoded("COMMAND")]);
    CommandTable::from_reply(replies[1].reply()).expect("a table")
}

/// Asserts that the keys and sharded channels of a request are some of its arguments, each of them once, and that what
/// is known of them while the request arrives holds for the whole request. Returns after how many cuts all keys are
/// known.
pub fn assert_agree(request: Request<'_>) -> usize {
    let table = CommandTable::builtin();
    let mut scratch = Vec::new();
    let command = request.command().to_array(&mut scratch);
    for found in [table.keys(&command), table.shard_channels(&command)].into_iter().flatten() {
        let all: Vec<Key<'_>> = found.collect();
        for (at, key) in all.iter().enumerate() {
            assert!(key.index > 0 && all[..at].iter().all(|other| other.index != key.index));
        }
    }
    assert_agree_in(table, request)
}

/// Asserts the same of any table, where a key may be found twice, and the name may be a key.
pub fn assert_agree_in(table: &CommandTable, request: Request<'_>) -> usize {
    let mut scratch = Vec::new();
    let command = request.command().to_array(&mut scratch);
    let (keys, channels) = (table.keys(&command), table.shard_channels(&command));
    assert_eq!(keys == Err(KeysError::UnknownCommand), table.of(&command).is_none());
    for found in [&keys, &channels].into_iter().flatten() {
        assert_are_arguments(command, found.clone());
    }
    assert_hold_while_arriving(command, &channels, |command| table.partial_shard_channels(command));
    assert_hold_while_arriving(command, &keys, |command| table.partial_keys(command))
}

/// Asserts that what is known of a command's keys, or of its channels, while it arrives holds for the whole command.
/// Returns after how many cuts all are known.
fn assert_hold_while_arriving<'a>(
    command: CommandRef<'a>,
    whole: &Result<Keys<'a>, KeysError>,
    known: impl Fn(&PartialCommand<'a>) -> Result<PartialKeys<'a>, KeysError>,
) -> usize {
    let whole = whole.clone().map(Iterator::collect::<Vec<_>>);
    let mut decoder = CommandDecoder::new();
    let (mut before, mut all) = (0, 0);
    for there in 0..command.len() {
        let seen = &command.wire()[..command.arg_span(there).expect("an argument").start];
        assert_eq!(decoder.decode(seen), Ok(None));
        let partial = decoder.partial(seen).expect("a command has begun");
        assert_eq!(partial.args().count(), there);
        let context = || format!("{whole:?} after {there} arguments of {command:?}");
        match known(&partial) {
            Err(error) => assert!(whole.is_err(), "{error} but {}", context()),
            Ok(PartialKeys::All(found)) => {
                assert_eq!(Ok(found.collect()), whole, "{}", context());
                all += 1;
            }
            Ok(PartialKeys::First(found)) => {
                assert_eq!(all, 0, "{}", context());
                let found: Vec<_> = found.collect();
                assert!(before <= found.len(), "{}", context());
                before = found.len();
                let holds = whole.as_ref().is_ok_and(|whole| whole.starts_with(&found));
                assert!(holds || whole.is_err(), "{found:?} but {}", context());
            }
        }
    }
    all
}

fn assert_are_arguments(command: CommandRef<'_>, mut found: Keys<'_>) {
    let all: Vec<Key<'_>> = found.clone().collect();
    for key in &all {
        assert_eq!(command.arg(key.index), Some(key.key));
    }
    assert!(found.by_ref().eq(all) && found.next().is_none());
}

/// Returns a table of commands `A`, `B`, … whose keys are at places that the bytes choose, and the bytes that are left.
pub fn table_of(bytes: &[u8]) -> (CommandTable, &[u8]) {
    let mut bytes = bytes.iter();
    let mut next = |below: u8| bytes.next().map_or(0, |byte| byte % below);
    let mut table = CommandTable::new();
    for name in b'a'..=b'a' + next(4) {
        let arity = i32::from(next(5)) - 4;
        let mut info = CommandInfo::new(char::from(name).to_string(), arity);
        info.flags =
            Flags::from_bits_truncate(u32::from(next(2)) * Flags::NO_MANDATORY_KEYS.bits())
                | Flags::from_bits_truncate(u32::from(next(2)) * Flags::PUBSUB.bits());
        let mut specs = Vec::new();
        for _ in 0..next(4) {
            let begin = match next(16) {
                0 => BeginSearch::Unknown,
                1 => BeginSearch::Keyword { keyword: "k".into(), from: i32::from(next(8)) - 4 },
                2 => BeginSearch::Index(usize::MAX),
                _ => BeginSearch::Index(usize::from(next(5))),
            };
            let mut number = || match next(9) {
                7 => usize::MAX,
                8 => usize::MAX / 2,
                number => usize::from(number),
            };
            let find = match number() {
                0..4 => FindKeys::Range {
                    last: i32::try_from(number()).map_or(i32::MIN, |last| last - 3),
                    step: number(),
                    limit: number(),
                },
                4 => FindKeys::Unknown,
                _ => FindKeys::Count { index: number(), first: number(), step: number() },
            };
            let mut spec = KeySpec::new(Access::READ, begin, find);
            spec.is_not_key = next(8) == 7;
            spec.is_incomplete = next(16) == 15;
            specs.push(spec);
        }
        info.key_specs = specs.into();
        assert_eq!(table.insert(info), Ok(None));
    }
    (table, bytes.as_slice())
}
