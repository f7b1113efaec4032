"""A session of redis-py with the server on a local port: `python3 session.py PORT`."""

import sys
import threading
import time

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

PORT = int(sys.argv[1])
LARGE = bytes(range(256)) * 20_000  # five megabytes


def connect(**options):
    never = Retry(NoBackoff(), 0)
    return redis.Redis(port=PORT, socket_timeout=10, retry=never, **options)


def expect(found, wanted):
    assert found == wanted, f"{str(found)[:200]} instead of {str(wanted)[:200]}"


def values(client):
    expect(client.set("k", "v"), True)
    expect(client.get("k"), "v")
    expect(client.get("missing"), None)
    expect(client.mget("k", "missing", "k"), ["v", None, "v"])
    expect(client.incr("n"), 1)
    expect(client.hset("h", mapping={"f": "v", "g": "w"}), 2)
    expect(client.hgetall("h"), {"f": "v", "g": "w"})
    expect(client.sadd("s", 1, 2), 2)
    expect(client.smembers("s"), {"1", "2"})
    client.zadd("z", {"a": 1.5, "b": float("inf")})
    expect(client.zscore("z", "b"), float("inf"))
    try:
        client.incr("h")
    except redis.ResponseError as error:
        expect(str(error).split()[0], "WRONGTYPE")
    else:
        raise AssertionError("INCR of a hash succeeded")


def large_values(client):
    raw = connect()
    expect(raw.set("large", LARGE), True)
    expect(raw.get("large"), LARGE)
    pipeline = raw.pipeline(transaction=False)
    for _ in range(5):
        pipeline.get("large").strlen("large")
    expect(pipeline.execute(), [LARGE, len(LARGE)] * 5)
    client.delete("large")


def pipelines(client):
    pipeline = client.pipeline(transaction=False)
    for number in range(1000):
        pipeline.set(f"key:{number}", number)
    for number in range(1000):
        pipeline.get(f"key:{number}")
    expect(pipeline.execute()[1000:], [str(number) for number in range(1000)])


def transactions(client):
    pipeline = client.pipeline()
    expect(pipeline.set("a", 1).incr("a").get("missing").execute(), [True, 2, None])
    with client.pipeline() as pipeline:
        pipeline.watch("a")
        client.set("a", "changed")  # by another connection of the pool
        pipeline.multi()
        pipeline.set("a", "lost")
        try:
            pipeline.execute()
        except redis.WatchError:
            pass
        else:
            raise AssertionError("the watched key changed, but the transaction succeeded")
    expect(client.get("a"), "changed")

    def increment(pipeline):
        old = int(pipeline.get("sum") or 0)
        pipeline.multi()
        pipeline.set("sum", old + 1)

    def work():
        for _ in range(20):
            client.transaction(increment, "sum")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expect(client.get("sum"), "80")


def scripts(client):
    script = client.register_script("return {KEYS[1], ARGV[1], redis.call('INCR', KEYS[1])}")
    client.script_flush()
    expect(script(keys=["count"], args=["x"]), ["count", "x", 1])
    expect(script(keys=["count"], args=["y"]), ["count", "y", 2])


def streams(client):
    for number in range(1, 4):
        client.xadd("stream", {"number": number}, id=f"{number}-1")
    client.xgroup_create("stream", "group", id="0")
    reply = client.xreadgroup("group", "me", {"stream": ">"}, count=2)
    streams = dict(reply) if isinstance(reply, list) else {k: v[0] for k, v in reply.items()}
    expect([entry[0] for entry in streams["stream"]], ["1-1", "2-1"])
    expect(client.xack("stream", "group", "1-1"), 1)
    expect(client.xpending("stream", "group")["pending"], 1)


def blocking_pops(client):
    threading.Timer(0.2, lambda: client.rpush("list", "element")).start()
    start = time.monotonic()
    expect(tuple(client.blpop("list", timeout=5)), ("list", "element"))
    assert time.monotonic() - start > 0.1
    expect(client.brpop("list", timeout=0.05), None)


def pubsub(client):
    subscriber = client.pubsub(ignore_subscribe_messages=True)
    subscriber.subscribe("news")
    subscriber.psubscribe("n*")

    def messages(count):
        found = []
        deadline = time.monotonic() + 10
        while len(found) < count:
            assert time.monotonic() < deadline, f"only {found} arrived"
            message = subscriber.get_message(timeout=1)
            if message:
                found.append((message["type"], message["data"]))
        return sorted(found)

    deadline = time.monotonic() + 10
    while client.publish("news", "hello") < 2:
        assert time.monotonic() < deadline
    expect(client.pubsub_numpat(), 1)
    assert ("message", "hello") in messages(2)
    subscriber.unsubscribe("news")
    subscriber.close()


def state(client):
    first = connect(db=1, decode_responses=True, client_name="me")
    first.set("k", "of database 1")
    expect(client.get("k"), "v")
    expect(first.get("k"), "of database 1")
    expect(first.client_getname(), "me")
    with client.monitor() as monitor:
        client.set("seen", "v")
        while "seen" not in monitor.next_command()["command"]:
            pass
    first.flushdb()


def main():
    for protocol in (2, 3):
        client = connect(protocol=protocol, decode_responses=True)
        client.flushall()
        parts = (values, large_values, pipelines, transactions, scripts, streams, blocking_pops,
                 pubsub, state)
        for part in parts:
            try:
                part(client)
            except Exception as error:
                raise SystemExit(f"{part.__name__}, RESP{protocol}: {error!r}") from error
        print(f"RESP{protocol}: {len(parts)} parts")


main()
