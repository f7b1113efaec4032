//! Commands are found by their names, in the built-in table and in those of live servers.
#![cfg(all(feature = "commands", feature = "std"))]

use zresp::commands::{
    Access, BeginSearch, CommandInfo, CommandTable, FindKeys, Flags, KeySpec, KeysError, keys,
    lookup, of,
};
use zresp_testing::drive::keys::{command, encoded, loaded};
use zresp_testing::drive::live_server::Server;

#[test]
fn the_table_covers_every_server() {
    /// The table has these flags only if all servers have them, the others if any server has them.
    const PERMISSIVE: Flags = Flags::READONLY
        .union(Flags::LOADING)
        .union(Flags::STALE)
        .union(Flags::FAST)
        .union(Flags::NO_AUTH)
        .union(Flags::ALLOW_BUSY);
    let places = |info: &CommandInfo| -> Vec<_> {
        info.key_specs.iter().map(|spec| (spec.begin.clone(), spec.find, spec.is_not_key)).collect()
    };
    for server in Server::all() {
        let table = loaded(&server, "2");
        assert!(table.commands().eq(loaded(&server, "3").commands()), "RESP3 says the same");
        assert!(table.commands().len() > 300, "{} commands", table.commands().len());
        for info in table.commands() {
            let name = &info.name;
            let known =
                lookup(name.as_bytes()).unwrap_or_else(|| panic!("{name} is not in the table"));
            assert_eq!(table.lookup(name.to_uppercase().as_bytes()), Some(info), "{name}");
            assert!(info.unknown.is_empty(), "{name} has {:?}", info.unknown);
            assert_eq!(known.is_container, info.is_container, "{name}");
            assert!(known.flags.contains(info.flags - PERMISSIVE), "{name}: {:?}", info.flags);
            assert!(info.flags.contains(known.flags & PERMISSIVE), "{name}: {:?}", info.flags);
            assert!(known.categories.contains(info.categories), "{name}: {:?}", info.categories);
            assert_eq!(places(known), places(info), "{name}");
            let least = info.arity.unsigned_abs() as usize;
            let most = if info.arity < 0 { least + 100 } else { least };
            assert!(known.accepts(least) && known.accepts(most), "{name}: {}", info.arity);
        }
    }
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
        assert_eq!(of(&command(&bytes)).map(|info| &*info.name), name, "{line}");
    }
    assert!(lookup(b"config").expect("a command").is_container);
    assert!(!lookup(b"config|get").expect("a command").is_container);
    for info in CommandTable::builtin().commands() {
        assert_eq!(lookup(info.name.as_bytes()), Some(info));
        assert_eq!(lookup(info.name.to_uppercase().as_bytes()), Some(info));
        for other in
            [format!("{} ", info.name), format!("{}\0", info.name), format!("{}x", info.name)]
        {
            assert!(lookup(other.as_bytes()).is_none_or(|found| found != info), "{other:?}");
        }
        // A byte that differs from a letter in the bit of letter case only is another byte.
        for at in (0..info.name.len()).filter(|at| !info.name.as_bytes()[*at].is_ascii_alphabetic())
        {
            let mut other = info.name.as_bytes().to_vec();
            other[at] ^= 0x20;
            assert_eq!(lookup(&other), None, "{}", other.escape_ascii());
        }
    }
    let eval = lookup(b"eval").expect("a command");
    assert!(eval.flags.contains(Flags::MOVABLEKEYS | Flags::NOSCRIPT));
}

/// A command with keys from one index to another.
fn ranged(name: &'static str, arity: i32, first: usize, last: i32) -> CommandInfo {
    let mut info = CommandInfo::new(name, arity);
    let find = FindKeys::Range { last, step: 1, limit: 0 };
    info.key_specs = vec![KeySpec::new(Access::READ, BeginSearch::Index(first), find)].into();
    info
}

#[test]
fn a_command_can_be_added_and_replaced() {
    let mut table = CommandTable::new();
    assert_eq!(table.lookup(b"get"), None);
    // Names of all lengths, in any letter case.
    let names: Vec<String> = (0..40).map(|length| "Ab-9.".repeat(8)[..length].to_owned()).collect();
    for name in &names {
        assert_eq!(table.insert(CommandInfo::new(name.clone(), -1)), Ok(None));
    }
    for name in &names {
        assert_eq!(table.lookup(name.to_uppercase().as_bytes()).unwrap().name, name.to_lowercase());
        assert_eq!(table.lookup(name.to_lowercase().as_bytes()).unwrap().name, name.to_lowercase());
    }
    assert_eq!(
        table.lookup(b"AB-9.AB-9.ab-9.ab_9."),
        None,
        "a long name that differs in the middle"
    );

    let mut table = CommandTable::builtin().clone();
    let error = table.insert(CommandInfo::new("my|sub", 2)).unwrap_err();
    assert_eq!(error.to_string(), "the container of a subcommand is missing");
    assert_eq!(table.insert(ranged("MY", -2, 1, 0)), Ok(None));
    let bytes = encoded("my SUB a b");
    let found = |table: &CommandTable| -> Result<Vec<usize>, KeysError> {
        Ok(table.keys(&command(&bytes))?.map(|key| key.index).collect())
    };
    assert_eq!(found(&table), Ok(vec![1]));
    assert_eq!(table.insert(ranged("my|Sub", -3, 2, -1)), Ok(None));
    assert_eq!(found(&table), Ok(vec![2, 3]), "it is a container now");
    let old = table.insert(ranged("my|sub", -3, 3, 0)).unwrap().expect("the one before");
    assert_eq!(old.key_specs[0].begin, BeginSearch::Index(2));
    assert_eq!(found(&table), Ok(vec![3]));
    let old = table.insert(CommandInfo::new("my", -1)).unwrap().expect("the container");
    assert!(old.is_container && table.lookup(b"my").unwrap().is_container);
    assert_eq!(found(&table), Ok(vec![3]), "it is still a container");
    assert_eq!(
        keys(&command(&bytes)),
        Err(KeysError::UnknownCommand),
        "the built-in table is as before"
    );
}

#[test]
fn keys_are_where_a_specification_says() {
    use BeginSearch::{Index, Keyword};
    let part = |step, limit| FindKeys::Range { last: -1, step, limit };
    let counted = FindKeys::Count { index: 1, first: 2, step: 1 };
    let one = FindKeys::Range { last: 0, step: 1, limit: 0 };
    let word = |from| Keyword { keyword: "word".into(), from };
    for (begin, find, line, expected) in [
        (Index(1), part(1, 2), "c a b 0 0", Ok(vec![1, 2])),
        (Index(1), part(1, 3), "c a b 0 0 0 0", Ok(vec![1, 2])),
        (Index(1), part(2, 2), "c a 1 b 2 0 0 0 0", Ok(vec![1, 3])),
        (Index(1), part(1, 2), "c a b 0", Err(KeysError::Syntax)),
        (Index(1), part(1, 2), "c", Err(KeysError::Syntax)),
        (word(1), part(1, 2), "c x word a 0", Ok(vec![3])),
        (word(1), part(1, 2), "c x", Ok(vec![])),
        (word(0), one, "c word a", Ok(vec![2])),
        (word(0), one, "c a word", Ok(vec![])),
        (word(-3), one, "c word a b c", Ok(vec![2])),
        (word(-3), one, "c word word b c", Ok(vec![3])),
        (word(-3), one, "c a b word c", Ok(vec![])),
        (Index(1), counted, "c x 2 a b 0", Ok(vec![3, 4])),
        (Index(1), counted, "c x", Err(KeysError::Count { index: 2 })),
        (Index(1), counted, "c", Err(KeysError::Count { index: 2 })),
    ] {
        let mut info = CommandInfo::new("c", -1);
        info.key_specs = vec![KeySpec::new(Access::READ, begin, find)].into();
        let mut table = CommandTable::new();
        table.insert(info).expect("a command");
        let bytes = encoded(line);
        let found = table.keys(&command(&bytes)).map(|keys| keys.map(|key| key.index).collect());
        assert_eq!(found, expected, "{line}: {find:?}");
    }
}

#[test]
fn a_reply_with_too_many_commands_or_specifications_is_refused_at_once() {
    let command = b"*6\r\n+a\r\n:1\r\n*0\r\n:0\r\n:0\r\n:0\r\n";
    let reply = [b"*4097\r\n".as_slice(), &command.repeat(4_097)].concat();
    let frame = zresp::decode(&reply).unwrap().unwrap();
    assert_eq!(
        CommandTable::from_reply(frame.reply()).unwrap_err().to_string(),
        "there are more than 4096 commands"
    );
    let head = b"*1\r\n*10\r\n+a\r\n:1\r\n*0\r\n:0\r\n:0\r\n:0\r\n*0\r\n*0\r\n*17\r\n";
    let reply = [head.as_slice(), &b"*0\r\n".repeat(17), b"*0\r\n"].concat();
    let frame = zresp::decode(&reply).unwrap().unwrap();
    let error = CommandTable::from_reply(frame.reply()).unwrap_err();
    assert_eq!(error.to_string(), r#"command 0 "a", key specifications: too many elements"#);
}

#[test]
fn a_table_has_at_most_4096_commands() {
    let mut table = CommandTable::new();
    for number in 0..4_096 {
        assert_eq!(table.insert(CommandInfo::new(format!("command{number}"), 1)), Ok(None));
    }
    let error = table.insert(CommandInfo::new("one more", 1)).unwrap_err();
    assert_eq!(error.to_string(), "there are more than 4096 commands");
    assert!(table.insert(CommandInfo::new("COMMAND9", 2)).unwrap().is_some(), "replaced");
    assert_eq!(table.lookup(b"Command4095").unwrap().arity, 1);
}

/// The table in a reply that is written with `'` for CRLF.
fn table_of(reply: &str) -> Result<CommandTable, String> {
    let bytes = reply.replace('\'', "\r\n").into_bytes();
    let frame = zresp::decode(&bytes).expect(reply).expect(reply);
    CommandTable::from_reply(frame.reply()).map_err(|error| error.to_string())
}

#[test]
fn servers_without_key_specifications_have_three_numbers() {
    let table = table_of(
        "*4'*6'+get':2'*1'+readonly':1':1':1'*7'+MSET':-3'*1'+write':1':-1':2'*1'+@odd'\
         *6'+eval':-3'*1'+movablekeys':0':0':0'*6'+new':-3'*1'+movablekeys':1':1':1'",
    )
    .unwrap();
    let found = |line| -> Result<Vec<usize>, KeysError> {
        let bytes = encoded(line);
        let command = command(&bytes);
        Ok(table.keys(&command)?.map(|key| key.index).collect())
    };
    assert_eq!(found("GET k"), Ok(vec![1]));
    assert_eq!(found("MSET a 1 b 2"), Ok(vec![1, 3]));
    assert_eq!(found("EVAL s 2 a b c"), Ok(vec![3, 4]), "as the built-in table says");
    assert_eq!(found("NEW a b"), Err(KeysError::Unspecified), "nothing says where the others are");
    assert_eq!(*table.lookup(b"mset").unwrap().unknown, ["@odd"]);
}

#[test]
fn what_a_reply_says_of_unknown_flags_is_kept() {
    let spec = "%3'+flags'~2'+RO'+odd'+begin_search'%2'+type'+far'+spec'%0'\
                +find_keys'%2'+type'+near'+spec'%0'";
    let table = table_of(&format!(
        "*1'*10'+New':-2'~2'+readonly'+quick':1':1':1'~2'+@read'+@odd'~1'+request_policy:any'\
         ~1'{spec}*1'*10'+sub':2'~0':0':0':0'~0'~0'~0'*0'",
    ))
    .unwrap();
    let info = table.lookup(b"NEW").unwrap();
    assert_eq!(*info.unknown, ["quick", "@odd", "key:odd"]);
    assert_eq!(info.flags, Flags::READONLY);
    assert_eq!(info.tip("request_policy"), Some("any"));
    assert_eq!(info.tip("request"), None);
    assert_eq!(info.key_specs[0].begin, BeginSearch::Unknown);
    assert_eq!(table.lookup(b"new|SUB").unwrap().arity, 2);
    let bytes = encoded("NEW a");
    assert_eq!(table.of(&command(&bytes)), None, "it has no such subcommand");
}

#[test]
fn what_is_no_table_is_an_error() {
    for (reply, message) in [
        ("+OK'", "the reply is not a list of commands"),
        ("_'", "the reply is not a list of commands"),
        ("-NOPERM no'", "the server answered with an error: NOPERM no"),
        ("!10'NOPERM\nno!'", r"the server answered with an error: NOPERM\nno!"),
        ("*1':1'", "command 0: not a list"),
        ("*1'*0'", "command 0: no name"),
        ("*2'*6'+get':2'*0':1':1':1'*1'+get'", r#"command 1 "get": fewer than six fields"#),
        ("*1'*6':1':2'*0':1':1':1'", "command 0, name: not text"),
        ("*1'*6'+g':4294967296'*0':1':1':1'", r#"command 0 "g", arity: out of range"#),
        ("*1'*6'+g'+x'*0':1':1':1'", r#"command 0 "g", arity: not an integer"#),
        ("*1'*6'+g':1':0':1':1':1'", r#"command 0 "g", flags: not a list"#),
        ("*1'*6'+g':1'*1':0':1':1':1'", r#"command 0 "g", flags: not text"#),
        ("*1'*6'+g':1'*0'+x':1':1'", r#"command 0 "g", first key: not an integer"#),
        ("*1'*6'+g':1'*0':1':9223372036854775807':1'", r#"command 0 "g", last key: out of range"#),
        ("*1'*6'+g':1'*0':1':1':-1'", r#"command 0 "g", step of keys: out of range"#),
        ("*1'*7'+g':1'*0':1':1':1':1'", r#"command 0 "g", categories: not a list"#),
        ("*1'*8'+g':1'*0':1':1':1'*0'+x'", r#"command 0 "g", tips: not a list"#),
        (
            "*1'*9'+g':1'*0':1':1':1'*0'*0'*1'*1'+flags'",
            r#"command 0 "g", key specifications: a field has no value"#,
        ),
        (
            "*1'*9'+g':1'*0':1':1':1'*0'*0'*1'*0'",
            r#"command 0 "g", begin_search: the field is missing"#,
        ),
        ("*1'*10'+g':1'*0':1':1':1'*0'*0'*0':1'", r#"command 0 "g", subcommands: not a list"#),
        (
            "*1'*6'+a|b':1'*0':1':1':1'",
            r#"command 0 "a|b": the container of a subcommand is missing"#,
        ),
        (
            "*2'*6'+b':1'*0':1':1':1'*10'+a':1'*0':1':1':1'*0'*0'*0'*1'*6'+b|c':1'*0':1':1':1'",
            r#"command 1 "b|c": a subcommand of another container"#,
        ),
        (
            "*1'*10'+a':1'*0':1':1':1'*0'*0'*0'*1'*6'+c'+x'*0':1':1':1'",
            r#"command 0 "a|c", arity: not an integer"#,
        ),
        (
            "*1'*10'+a':1'*0':1':1':1'*0'*0'*0'*1'*10'+b':1'*0':1':1':1'*0'*0'*0'*1'+c'",
            r#"command 0 "a|b", subcommands: a subcommand has some"#,
        ),
    ] {
        assert_eq!(table_of(reply).err().as_deref(), Some(message), "{reply}");
    }
    assert_eq!(table_of("*0'").unwrap().commands().len(), 0);
}

#[test]
fn an_error_keeps_what_the_server_answered() {
    let frame = zresp::decode(b"-NOPERM no\r\n").unwrap().unwrap();
    let error = CommandTable::from_reply(frame.reply()).unwrap_err();
    assert_eq!((error.error_reply(), error.command()), (Some(&b"NOPERM no"[..]), None));
    let frame = zresp::decode(b"*1\r\n*1\r\n+get\r\n").unwrap().unwrap();
    let error = CommandTable::from_reply(frame.reply()).unwrap_err();
    assert_eq!((error.error_reply(), error.command()), (None, Some(0)));
}

#[test]
fn names_that_a_server_does_not_know_are_left_out() {
    for null in ["*-1'", "$-1'", "_'"] {
        let table = table_of(&format!("*3'{null}*6'+get':2'*0':1':1':1'{null}")).unwrap();
        assert_eq!(table.commands().map(|info| &*info.name).collect::<Vec<_>>(), ["get"]);
    }
    for server in Server::all() {
        let lines = ["COMMAND INFO get no-such-command config", "COMMAND INFO config|get"];
        let replies = server.replies(&lines.map(encoded));
        let table = CommandTable::from_reply(replies[0].reply()).unwrap();
        let is_known = ["get", "config", "config|get"].map(|name| table.lookup(name.as_bytes()));
        assert!(is_known.iter().all(Option::is_some), "{is_known:?}");
        assert!(table.lookup(b"no-such-command").is_none());
        let error = CommandTable::from_reply(replies[1].reply()).unwrap_err().to_string();
        assert!(error.ends_with("the container of a subcommand is missing"), "{error}");
    }
}

#[test]
fn commands_that_reach_only_their_keys_are_those_with_complete_specifications() {
    const OTHERS: [&str; 8] =
        ["eval", "eval_ro", "evalsha", "evalsha_ro", "fcall", "fcall_ro", "sort", "sort_ro"];
    let (mut reach_more, mut only_keys) = (Vec::new(), 0);
    for info in CommandTable::builtin().commands() {
        let has_keys = info.key_specs.iter().any(|spec| !spec.is_not_key);
        if has_keys && !info.reaches_only_its_keys() {
            reach_more.push(&*info.name);
        }
        assert!(has_keys || !info.reaches_only_its_keys(), "{}", info.name);
        only_keys += usize::from(info.reaches_only_its_keys());
    }
    assert_eq!(reach_more, OTHERS);
    assert!(only_keys > 300, "{only_keys}");

    for server in Server::all() {
        for info in loaded(&server, "2").commands() {
            let known = lookup(info.name.as_bytes()).expect("a command");
            assert_eq!(
                info.reaches_only_its_keys(),
                known.reaches_only_its_keys(),
                "{}",
                info.name
            );
        }
    }

    // As Redis 5 describes them: without categories and specifications.
    let table = table_of(
        "*5'*6'+eval':-3'*2'+noscript'+movablekeys':0':0':0'*6'+sort':-2'*2'+write'+movablekeys':1':1':1'\
         *6'+xread':-4'*2'+noscript'+movablekeys':1':1':1'*6'+get':2'*1'+readonly':1':1':1'\
         *6'+new':-3'*1'+movablekeys':1':1':1'",
    )
    .unwrap();
    let found: Vec<_> = table.commands().map(CommandInfo::reaches_only_its_keys).collect();
    assert_eq!(found, [false, false, true, true, false]);

    let mut table = CommandTable::new();
    assert_eq!(table.insert(ranged("sort", -2, 1, 0)), Ok(None));
    assert_eq!(table.insert(ranged("mine", -2, 1, 0)), Ok(None));
    let found: Vec<_> = table.commands().map(CommandInfo::reaches_only_its_keys).collect();
    assert_eq!(found, [false, true], "the options of `SORT` are read in every table");
}

#[test]
fn commands_with_options_keep_their_rules_in_every_table() {
    for (line, expected) in [
        ("SORT k STORE d", &[1, 3][..]),
        ("SORT_RO k BY p", &[1]),
        ("GEORADIUS k 1 2 3 m STORE d", &[1, 7]),
        ("GEORADIUSBYMEMBER k 1 2 m STORE d", &[1, 6]),
        ("XREAD STREAMS k 0", &[2]),
        ("XREADGROUP GROUP g c STREAMS k 0", &[5]),
        ("MIGRATE h 1 '' 0 9 KEYS a b", &[7, 8]),
    ] {
        let mut table = CommandTable::new();
        let name = line.split(' ').next().expect("a name").to_owned();
        assert_eq!(table.insert(CommandInfo::new(name, -1)), Ok(None));
        let bytes = encoded(line);
        let found: Vec<_> =
            table.keys(&command(&bytes)).expect(line).map(|key| key.index).collect();
        assert_eq!(found, expected, "{line}");
    }
}
