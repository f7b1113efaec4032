//! Clients of today share connections, although they say who they are; and no client can forge the replies to another.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use support::{Client, PATIENCE, Server, array, command, proxy, proxy_of, scripted, until};

/// What libraries send on a new connection with their default settings.
const OPENINGS: [&[&str]; 7] = [
    // redis-py 8
    &[
        "HELLO 3",
        "CLIENT MAINT_NOTIFICATIONS ON moving-endpoint-type internal-ip",
        "CLIENT SETINFO LIB-NAME redis-py",
        "CLIENT SETINFO LIB-VER 8.1.0",
    ],
    // ioredis 6
    &["INFO", "CLIENT SETINFO LIB-VER 6.0.0", "CLIENT SETINFO LIB-NAME ioredis"],
    // node-redis 6
    &["HELLO 3", "CLIENT SETINFO LIB-NAME node-redis", "CLIENT MAINT_NOTIFICATIONS ON"],
    // redis-rs, and valkey-glide
    &["CLIENT SETINFO LIB-NAME redis-rs", "CLIENT SETINFO LIB-VER 1.0.0"],
    &["HELLO 3 SETNAME me", "CLIENT SETINFO LIB-NAME GlidePy"],
    &["CLIENT SETNAME me", "SELECT 0", "CLIENT GETNAME"],
    &["NO.SUCH command", "CLIENT NOSUCH", "FUNCTION LIST", "SCRIPT LOAD 'return 1'"],
];

/// Returns what the server says of its connections, one on each line.
fn connections(server: &Server) -> Vec<String> {
    let list = Client::new(server.connect()).answer("CLIENT LIST");
    let lines =
        list.lines().filter(|line| line.contains("id=") && !line.contains("cmd=client|list"));
    lines.map(str::to_owned).collect()
}

#[test]
fn clients_that_introduce_themselves_share_connections() {
    let Some(redis) = Server::start() else { return };
    for opening in OPENINGS {
        let proxy = proxy_of([&redis]);
        let clients: Vec<_> = (0..20)
            .map(|_| {
                let mut client = Client::new(proxy.connect());
                for line in opening {
                    client.answer(line);
                }
                assert!(["$-1\r\n", "_\r\n"].contains(&&*client.answer("GET nothing")));
                client
            })
            .collect();
        until("few connections", PATIENCE, || (connections(&redis).len() <= 2).then_some(()));
        drop((clients, proxy));
        until("no connections", PATIENCE, || connections(&redis).is_empty().then_some(()));
    }
}

#[test]
fn what_a_client_says_about_itself_is_told_to_it() {
    let (Some(first), Some(second)) = (Server::start(), Server::start()) else { return };
    for servers in [&[&first][..], &[&first, &second]] {
        let proxy = proxy_of(servers.iter().copied());
        let mut client = Client::new(proxy.connect());
        assert_eq!(client.answer("CLIENT GETNAME"), "$-1\r\n");
        for (line, expected) in [
            ("CLIENT SETNAME me", "+OK\r\n"),
            ("CLIENT SETINFO lib-name library", "+OK\r\n"),
            ("CLIENT SETINFO LIB-VER 1.2", "+OK\r\n"),
            ("CLIENT GETNAME", "$2\r\nme\r\n"),
            ("GET nothing", "$-1\r\n"),
        ] {
            assert_eq!(client.answer(line), expected, "{line}");
        }
        for line in
            ["CLIENT SETNAME 'a b'", "CLIENT SETINFO LIB-NAME \"a\\nb\"", "HELLO 2 SETNAME 'a b'"]
        {
            let answer = client.answer(line);
            assert!(
                answer.starts_with("-ERR ") && answer.contains("cannot contain spaces"),
                "{answer}"
            );
        }
        assert_eq!(Client::new(proxy.connect()).answer("CLIENT GETNAME"), "$-1\r\n");
        assert!(client.answer("HELLO 3 SETNAME other").starts_with("%7\r\n"));
        assert_eq!(client.answer("CLIENT GETNAME"), "$5\r\nother\r\n");
        let id = client.answer("CLIENT ID");
        let id = id.trim().trim_start_matches(':');
        let info = client.answer("CLIENT INFO");
        assert!(info.contains(&format!("id={id} ")) && info.contains(" name=other "), "{info}");
        // A subscription costs a connection, where the client has the same name.
        client.send(&array("SUBSCRIBE news"));
        client.receive();
    }
}

#[test]
fn a_refused_hello_does_not_change_the_protocol() {
    let Some(mut redis) = Server::start() else { return };
    let proxy = proxy_of([&redis]);
    let mut client = Client::new(proxy.connect());
    redis.kill();
    assert!(client.answer("HELLO 3").starts_with("-ERR upstream "));
    redis.restart();
    let answer = until("the server", PATIENCE, || {
        Some(client.answer("GET nothing")).filter(|answer| !answer.starts_with('-'))
    });
    assert_eq!(answer, "$-1\r\n");
    assert!(client.answer("HELLO 3").starts_with("%7\r\n"));
    assert_eq!(client.answer("GET nothing"), "_\r\n");
    assert!(client.answer("HELLO 4").starts_with("-NOPROTO "));
    assert_eq!(client.answer("GET nothing"), "_\r\n");
}

#[test]
fn an_error_that_repeats_line_breaks_reaches_only_its_own_client() {
    // Like Valkey 9.1.2, which repeats an argument of `FUNCTION LIST`.
    let faulty = scripted::start(|command| match command.name().to_ascii_lowercase().as_slice() {
        b"ping" => b"+PONG\r\n".to_vec(),
        b"get" => b"$5\r\nright\r\n".to_vec(),
        b"command" if command.len() > 1 => b"*1\r\n*-1\r\n".to_vec(),
        b"command" => b"-ERR not allowed\r\n".to_vec(),
        _ => [b"-ERR ", command.args().last().expect("the name"), b"\r\n"].concat(),
    });
    let proxy = proxy(&["--upstream", &faulty.to_string()]);
    let (mut liar, mut victim) = (Client::new(proxy.connect()), Client::new(proxy.connect()));
    for words in [
        &[&b"FUNCTION"[..], b"LIST"][..],
        &[b"SCRIPT", b"EXISTS"],
        &[b"SCRIPT", b"NOSUCH"],
        &[b"NOSUCH"],
        &[b"OBJECT", b"NOSUCH"],
    ] {
        let words = [words, &[b"x\r\n$6\r\nforged\r\n-y"]].concat();
        liar.send(&command(&words));
        victim.send(&array("GET key"));
        assert_eq!(victim.receive(), b"$5\r\nright\r\n");
        let answer = liar.receive();
        assert!(answer.starts_with(b"-ERR x"), "{}", answer.escape_ascii());
        assert_eq!(victim.answer("GET key"), "$5\r\nright\r\n");
        liar = Client::new(proxy.connect());
    }
}

#[test]
fn the_table_of_commands_is_that_of_the_upstream() {
    const TABLE: &[u8] = b"*1\r\n*6\r\n$6\r\nmy.get\r\n:2\r\n*1\r\n+readonly\r\n:1\r\n:1\r\n:1\r\n";
    let is_loaded = Arc::new(AtomicBool::new(false));
    let server = |name: &'static str, is_loaded: &Arc<AtomicBool>| {
        let is_loaded = Arc::clone(is_loaded);
        scripted::start(move |command| match command.name().to_ascii_lowercase().as_slice() {
            b"ping" => b"+PONG\r\n".to_vec(),
            b"command" if !is_loaded.load(Ordering::Relaxed) => b"*0\r\n".to_vec(),
            b"command" => TABLE.to_vec(),
            b"my.get" if is_loaded.load(Ordering::Relaxed) => format!("+{name}\r\n").into_bytes(),
            name => [b"-ERR unknown command ", name, b"\r\n"].concat(),
        })
    };
    let servers = ["first", "second"].map(|name| server(name, &is_loaded).to_string());
    let proxy = proxy(&["--upstream", &servers[0], "--upstream", &servers[1]]);
    let mut client = Client::new(proxy.connect());
    assert_eq!(client.answer("MY.GET foo"), "-ERR unknown command my.get\r\n");
    // A module is loaded. Its keys are spread like all others.
    is_loaded.store(true, Ordering::Relaxed);
    assert_eq!(client.answer("MY.GET foo"), "+second\r\n");
    assert_eq!(client.answer("MY.GET bar"), "+first\r\n");
    assert_eq!(client.answer("MY.GET"), "-ERR wrong number of arguments for 'my.get' command\r\n");
}

#[test]
fn connections_of_one_protocol_serve_clients_of_the_other() {
    let Some(redis) = Server::start() else { return };
    let mut direct = Client::new(redis.connect());
    for (shared, own) in [("2", "3"), ("3", "2")] {
        let address = redis.address().to_string();
        let proxy = proxy(&["--upstream", &address, "--protocol", shared]);
        let mut client = Client::new(proxy.connect());
        let hello = format!("HELLO {own}");
        assert_eq!(client.answer(&hello)[..2], direct.answer(&hello)[..2]);
        for line in ["FLUSHALL", "HSET h a 1 b 2", "ZADD z 1.5 a 2 b", "XADD s 1-1 f v"] {
            client.answer(line);
        }
        for line in [
            "HGETALL h",
            "ZRANGE z 0 -1 WITHSCORES",
            "ZSCORE z a",
            "MGET nothing h",
            "LPOP nothing 2",
            "LPOP nothing",
            "SPOP h",
            "EVAL 'return {1, false}' 0",
            "EVAL \"redis.setresp(3) return redis.call('hgetall', KEYS[1])\" 1 h",
            "XREAD STREAMS s 0",
        ] {
            assert_eq!(client.answer(line), direct.answer(line), "{line} with --protocol {shared}");
        }
        let shares = |line: &String| {
            line.contains("cmd=xread ") && format!("{line} ").contains(&format!(" resp={shared} "))
        };
        assert!(connections(&redis).iter().any(shares), "{:?}", connections(&redis));
    }
}
