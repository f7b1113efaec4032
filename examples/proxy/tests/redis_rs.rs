//! Sessions of `redis-rs`, with a blocking connection and with one that tasks share, in both protocols.

mod support;

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, Connection, ErrorKind, PushInfo, PushKind, RedisResult, Script,
    ServerErrorKind, Value, cmd, pipe,
};
use support::{Daemon, PATIENCE, Server, pattern, proxy_of};

const PROTOCOLS: [&str; 2] = ["resp2", "resp3"];

/// A server, and a proxy that connects to it.
struct Scene {
    proxy: Daemon,
    redis: Server,
}

impl Scene {
    fn start() -> Option<Self> {
        let redis = Server::start()?;
        Some(Self { proxy: proxy_of([&redis]), redis })
    }

    fn client(&self, protocol: &str) -> Client {
        let url = format!("redis://{}/?protocol={protocol}", self.proxy.address());
        Client::open(url).expect("an address")
    }

    fn connect(&self, protocol: &str) -> Connection {
        let connection = self.client(protocol).get_connection_with_timeout(PATIENCE);
        let connection = connection.expect("a connection");
        connection.set_read_timeout(Some(PATIENCE)).expect("a valid timeout");
        connection
    }
}

/// Sends a command; returns the reply as a `T`.
fn ask<T: redis::FromRedisValue>(connection: &mut Connection, line: &str) -> RedisResult<T> {
    let mut words = line.split(' ');
    let mut command = cmd(words.next().unwrap_or_default());
    words.for_each(|word| _ = command.arg(word));
    command.query(connection)
}

#[test]
fn idle_clients_share_connections() -> RedisResult<()> {
    for protocol in PROTOCOLS {
        let Some(scene) = Scene::start() else { return Ok(()) };
        let mut clients: Vec<_> = (0..20).map(|_| scene.connect(protocol)).collect();
        for client in &mut clients {
            assert_eq!(ask::<Option<String>>(client, "GET nokey")?, None);
        }
        let list = support::Client::new(scene.redis.connect()).answer("CLIENT LIST");
        // One is the client that asks.
        let count = list.matches("id=").count() - 1;
        assert!(count <= 2, "{protocol}: {list}");
    }
    Ok(())
}

#[test]
fn a_blocking_connection_works() -> RedisResult<()> {
    let Some(scene) = Scene::start() else { return Ok(()) };
    for protocol in PROTOCOLS {
        let mut connection = scene.connect(protocol);
        ask::<()>(&mut connection, "FLUSHALL")?;
        assert_eq!(ask::<String>(&mut connection, "SET k v")?, "OK");
        assert_eq!(ask::<Option<String>>(&mut connection, "GET k")?.as_deref(), Some("v"));
        assert_eq!(ask::<Option<String>>(&mut connection, "GET nokey")?, None);
        assert_eq!(ask::<i64>(&mut connection, "HSET h f v g w")?, 2);
        let hash: Vec<(String, String)> = ask(&mut connection, "HGETALL h")?;
        assert_eq!(hash, [("f".into(), "v".into()), ("g".into(), "w".into())]);
        ask::<()>(&mut connection, "ZADD z 1.5 a inf b")?;
        assert_eq!(ask::<Option<f64>>(&mut connection, "ZSCORE z b")?, Some(f64::INFINITY));
        let error = ask::<i64>(&mut connection, "INCR h").expect_err("the key is not a number");
        assert_eq!(error.code(), Some("WRONGTYPE"));
        let value = pattern::bytes(1, 3 << 20);
        cmd("SET").arg("large").arg(&value).exec(&mut connection)?;
        assert!(cmd("GET").arg("large").query::<Vec<u8>>(&mut connection)? == value);
        let values: Vec<Option<i64>> = pipe()
            .cmd("SET")
            .arg("n")
            .arg(1)
            .ignore()
            .cmd("INCR")
            .arg("n")
            .cmd("GET")
            .arg("nokey")
            .cmd("GET")
            .arg("n")
            .query(&mut connection)?;
        assert_eq!(values, [Some(2), None, Some(2)]);
    }
    Ok(())
}

#[test]
fn transactions_are_atomic() -> RedisResult<()> {
    const CLIENTS: usize = 4;
    const ROUNDS: usize = 25;
    let Some(scene) = Scene::start() else { return Ok(()) };
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let scene = &scene;
            scope.spawn(move || {
                let mut connection = scene.connect(PROTOCOLS[client % 2]);
                for _ in 0..ROUNDS {
                    // WATCH, GET, MULTI, SET, EXEC; repeated if another client came between.
                    let body = |connection: &mut Connection, pipe: &mut redis::Pipeline| {
                        let old: Option<i64> = cmd("GET").arg("sum").query(connection)?;
                        let new = old.unwrap_or_default() + 1;
                        pipe.cmd("SET").arg("sum").arg(new).ignore();
                        pipe.cmd("GET").arg("sum").query::<Option<(i64,)>>(connection)
                    };
                    let (_,) =
                        redis::transaction(&mut connection, &["sum"], body).expect("a transaction");
                }
            });
        }
    });
    let sum: usize = ask(&mut scene.connect("resp2"), "GET sum")?;
    assert_eq!(sum, CLIENTS * ROUNDS);
    Ok(())
}

#[test]
fn scripts_are_loaded_when_they_are_missing() -> RedisResult<()> {
    let Some(scene) = Scene::start() else { return Ok(()) };
    let script = Script::new("return {KEYS[1], ARGV[1], redis.call('INCRBY', KEYS[1], ARGV[1])}");
    for (round, protocol) in PROTOCOLS.into_iter().enumerate() {
        let mut connection = scene.connect(protocol);
        ask::<()>(&mut connection, "SCRIPT FLUSH")?;
        let missing = cmd("EVALSHA").arg(script.get_hash()).arg(0).query::<Value>(&mut connection);
        let kind = missing.expect_err("the script is not loaded").kind();
        assert_eq!(kind, ErrorKind::Server(ServerErrorKind::NoScript));
        let found: (String, i64, i64) = script.key("n").arg(20).invoke(&mut connection)?;
        assert_eq!(
            found,
            ("n".to_owned(), 20, 20 + 20 * i64::try_from(round).expect("a small number"))
        );
    }
    Ok(())
}

#[test]
fn groups_read_streams() -> RedisResult<()> {
    let Some(scene) = Scene::start() else { return Ok(()) };
    for protocol in PROTOCOLS {
        let mut connection = scene.connect(protocol);
        ask::<()>(&mut connection, "FLUSHALL")?;
        for id in ["1-1", "2-1", "3-1"] {
            assert_eq!(ask::<String>(&mut connection, &format!("XADD s {id} f {id}"))?, id);
        }
        ask::<()>(&mut connection, "XGROUP CREATE s readers 0")?;
        let read = "XREADGROUP GROUP readers me COUNT 2 STREAMS s >";
        let reply: redis::streams::StreamReadReply = ask(&mut connection, read)?;
        let ids: Vec<_> = reply.keys[0].ids.iter().map(|entry| entry.id.clone()).collect();
        assert_eq!(
            (reply.keys[0].key.as_str(), ids),
            ("s", vec!["1-1".to_owned(), "2-1".to_owned()])
        );
        assert_eq!(ask::<i64>(&mut connection, "XACK s readers 1-1")?, 1);
        let pending: redis::streams::StreamPendingReply =
            ask(&mut connection, "XPENDING s readers")?;
        assert_eq!(pending.count(), 1);
        // A reader waits for an entry that another client adds.
        let adder = thread::spawn({
            let mut other = scene.connect(protocol);
            move || {
                thread::sleep(Duration::from_millis(200));
                ask::<String>(&mut other, "XADD s 4-1 f late").expect("an id")
            }
        });
        ask::<()>(&mut connection, read)?;
        let waiting = "XREADGROUP GROUP readers me BLOCK 5000 STREAMS s >";
        let reply: redis::streams::StreamReadReply = ask(&mut connection, waiting)?;
        assert_eq!(reply.keys[0].ids[0].id, adder.join().expect("an id"));
    }
    Ok(())
}

#[test]
fn blocking_commands_block_nobody_else() -> RedisResult<()> {
    let Some(scene) = Scene::start() else { return Ok(()) };
    for protocol in PROTOCOLS {
        let mut waiting = scene.connect(protocol);
        let popped = thread::spawn(move || ask::<(String, String)>(&mut waiting, "BLPOP list 5"));
        let mut others = scene.connect(protocol);
        for count in 1..=200 {
            assert_eq!(ask::<i64>(&mut others, "INCR n")?, count);
        }
        ask::<()>(&mut others, "RPUSH list element")?;
        let popped = popped.join().expect("no panic")?;
        assert_eq!(popped, ("list".to_owned(), "element".to_owned()));
        assert_eq!(ask::<Option<String>>(&mut others, "BRPOP list 0.05")?, None);
        ask::<()>(&mut others, "DEL n")?;
    }
    Ok(())
}

#[test]
fn messages_reach_the_subscribers() -> RedisResult<()> {
    let Some(scene) = Scene::start() else { return Ok(()) };
    for protocol in PROTOCOLS {
        let mut connection = scene.connect(protocol);
        let mut subscriber = connection.as_pubsub();
        subscriber.set_read_timeout(Some(PATIENCE))?;
        subscriber.subscribe(&["news", "other"])?;
        subscriber.psubscribe("n*")?;
        // In RESP3 the client returns before all subscriptions are confirmed.
        let mut server = support::Client::new(scene.redis.connect());
        while !server.answer("PUBSUB NUMPAT").starts_with(":1") {
            thread::yield_now();
        }
        let mut publisher = scene.connect(protocol);
        assert_eq!(ask::<i64>(&mut publisher, "PUBLISH news hello")?, 2);
        let messages = [subscriber.get_message()?, subscriber.get_message()?];
        for message in &messages {
            assert_eq!(
                (message.get_channel_name(), message.get_payload::<String>()?),
                ("news", "hello".to_owned())
            );
        }
        assert_eq!(messages.iter().filter(|message| message.from_pattern()).count(), 1);
        subscriber.unsubscribe("news")?;
        assert_eq!(ask::<i64>(&mut publisher, "PUBLISH news again")?, 1);
        assert!(subscriber.get_message()?.from_pattern());
        drop(subscriber);
        assert_eq!(ask::<String>(&mut connection, "ECHO afterwards")?, "afterwards");
    }
    Ok(())
}

/// Runs a task, with a time limit.
fn run<T>(task: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let task = async { tokio::time::timeout(3 * PATIENCE, task).await.expect("it ends in time") };
    runtime.expect("a runtime").block_on(task)
}

#[test]
fn many_tasks_share_a_connection() -> RedisResult<()> {
    let Some(scene) = Scene::start() else { return Ok(()) };
    for protocol in PROTOCOLS {
        run(async {
            let connection = scene.client(protocol).get_multiplexed_async_connection().await?;
            let mut tasks = Vec::new();
            for number in 0..50_u64 {
                let mut connection: MultiplexedConnection = connection.clone();
                tasks.push(tokio::spawn(async move {
                    for turn in 0..40 {
                        let key = format!("{number}:{turn}");
                        let size = if turn % 10 == 0 { 100_000 } else { 100 };
                        let value = pattern::bytes(number * 100 + turn, size);
                        cmd("SET").arg(&key).arg(&value).exec_async(&mut connection).await?;
                        let found: Vec<u8> =
                            cmd("GET").arg(&key).query_async(&mut connection).await?;
                        assert!(found == value, "{key}");
                        let count: u64 =
                            cmd("INCR").arg(number).query_async(&mut connection).await?;
                        assert_eq!(count, turn + 1);
                    }
                    RedisResult::Ok(())
                }));
            }
            for task in tasks {
                task.await.expect("no panic")?;
            }
            let mut connection = connection;
            let (count, twice): (i64, i64) = pipe()
                .atomic()
                .cmd("INCR")
                .arg("atomic")
                .cmd("INCRBY")
                .arg("atomic")
                .arg(10)
                .query_async(&mut connection)
                .await?;
            assert_eq!((count, twice), (1, 11));
            let script = Script::new("return redis.call('GET', KEYS[1])");
            let found: i64 = script.key("atomic").invoke_async(&mut connection).await?;
            assert_eq!(found, 11);
            cmd("FLUSHALL").exec_async(&mut connection).await
        })?;
    }
    Ok(())
}

#[test]
fn a_shared_resp3_connection_gets_messages_between_replies() -> RedisResult<()> {
    let Some(scene) = Scene::start() else { return Ok(()) };
    let (sender, messages) = mpsc::channel();
    run(async {
        let push = move |push: PushInfo| sender.send(push).map_err(|_| redis::aio::SendError);
        let config = AsyncConnectionConfig::new().set_push_sender(push);
        let client = scene.client("resp3");
        let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        connection.subscribe("news").await?;
        let mut publisher = scene.client("resp2").get_multiplexed_async_connection().await?;
        for number in 0..100_i64 {
            let publish = cmd("PUBLISH").arg("news").arg(number).exec_async(&mut publisher).await;
            publish?;
            let count: i64 = cmd("INCR").arg("n").query_async(&mut connection).await?;
            assert_eq!(count, number + 1);
        }
        connection.unsubscribe("news").await
    })?;
    let messages = messages.try_iter().filter(|push| push.kind == PushKind::Message);
    let numbers = messages.map(|push| redis::from_redis_value::<i64>(push.data[1].clone()));
    let numbers: Vec<_> = numbers.collect::<Result<_, _>>().expect("numbers");
    assert_eq!(numbers, (0..100).collect::<Vec<_>>());
    Ok(())
}
