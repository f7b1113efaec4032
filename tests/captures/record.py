#!/usr/bin/env python3
"""Records what a real redis-server sends, for the tests to decode.

    python3 record.py            record everything again, then check it
    python3 record.py --check    only decode the files that are there

Each scenario gets a server of its own, on a free loopback port and in a temporary directory, and
writes NAME.requests (bytes sent) and NAME.replies (bytes received) next to this script, as they
were on the wire. Helper connections, such as a publisher's, are not recorded.
"""

import ast
import contextlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
TIMEOUT = 10  # seconds until a read, a start or a poll gives up: nothing may hang for ever


# --- Reading: just enough RESP to know where a frame ends -----------------------------------------

class Failure(bytes):
    """An error reply; a value rather than an exception, since most of them are wanted."""


class Push(list):
    """An out-of-band frame, which is not the reply to a command."""


class Reader:
    """Reads values from bytes, which it keeps, and gets further ones from `more` (b"" at the end)."""

    def __init__(self, data=b"", more=lambda: b""):
        self.data, self.more, self.at = bytearray(data), more, 0

    def fill(self):
        piece = self.more()
        if not piece:
            raise EOFError(f"the bytes end inside a frame, at {len(self.data)}")
        self.data += piece

    def finished(self):
        return self.at == len(self.data)

    def take(self, length):
        while len(self.data) < self.at + length:
            self.fill()
        self.at += length
        return bytes(self.data[self.at - length:self.at])

    def until(self, mark):
        while (end := self.data.find(mark, self.at)) < 0:
            self.fill()
        taken = self.take(end - self.at)
        self.take(len(mark))
        return taken

    def bulk(self, length):
        if length < 0:
            return None
        payload = self.take(length)
        if self.take(2) != b"\r\n":
            raise ValueError(f"no CRLF after a bulk, at {self.at - 2}")
        return payload

    def values(self, count):
        """Reads `count` values. A push among them does not count: when a connection publishes to
        itself inside EXEC, Redis 7.0 puts the message there and does not count it."""
        found = []
        while len(found) < count:
            value = self.value()
            if not isinstance(value, Push):
                found.append(value)
        return found

    def value(self):
        start = self.at
        kind, line = self.take(1), self.until(b"\r\n")
        match kind:
            case b"+": return line
            case b"-": return Failure(line)
            case b":" | b"(": return int(line)
            case b",": return float(line)
            case b"#": return {b"t": True, b"f": False}[line]
            case b"_": return None
            case b"$" | b"=": return self.bulk(int(line))
            case b"!": return Failure(self.bulk(int(line)))
            case b"*" | b"~": return None if line == b"-1" else self.values(int(line))
            case b"%": return self.values(2 * int(line))
            case b">": return Push(self.values(int(line)))
            case b"|":
                self.values(2 * int(line))
                return self.value()
        raise ValueError(f"unexpected first byte {kind} at {start}")

    def command(self):
        """Reads a command of a replication stream, past the bare LFs that keep the link alive."""
        while (first := self.take(1)) == b"\n":
            pass
        self.at -= len(first)
        return self.value()

    def snapshot(self):
        """Reads the payload after +FULLRESYNC, in either of its two forms."""
        while (first := self.take(1)) == b"\n":
            pass
        header = first + self.until(b"\r\n")
        return self.until(header[5:]) if header[:5] == b"$EOF:" else self.take(int(header[1:]))


# --- The server and its clients -------------------------------------------------------------------

def split(text):
    """Yields the commands in `text`, which end at a line's end or at ` ; `. A line that starts with
    # is a comment; "…" has Python's escapes."""
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        command = []
        for token in re.findall(r'"(?:\\.|[^"\\])*"|\S+', line) + [";"]:
            if token != ";":
                command.append(ast.literal_eval("b" + token) if token[0] == '"' else token.encode())
            elif command:
                yield command
                command = []


def encode(*arguments):
    arguments = [a if isinstance(a, bytes) else str(a).encode() for a in arguments]
    return b"*%d\r\n" % len(arguments) + b"".join(b"$%d\r\n%b\r\n" % (len(a), a) for a in arguments)


class Client:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), TIMEOUT)
        self.sent = bytearray()
        self.reader = Reader(more=lambda: self.socket.recv(65536))

    def send(self, *arguments):
        self.sent += encode(*arguments)
        self.socket.sendall(encode(*arguments))

    def receive(self, frames=1):
        return [self.reader.value() for _ in range(frames)]

    def call(self, *arguments):
        """Sends one command and returns its reply, reading past the pushes before it."""
        self.send(*arguments)
        while isinstance(reply := self.reader.value(), Push):
            pass
        return reply

    def run(self, text):
        for command in split(text):
            self.call(*command)

    def until(self, done, *arguments):
        """Repeats a command until `done` accepts its reply: something has happened in the server."""
        deadline = time.monotonic() + TIMEOUT
        while not done(reply := self.call(*arguments)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{arguments} still answers {reply}")


class Server:
    def __init__(self, options):
        program = shutil.which("redis-server") or sys.exit("redis-server is not on the PATH")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.directory = Path(tempfile.mkdtemp()).resolve()
        self.clients = []
        self.process = subprocess.Popen(
            [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
             "--appendonly", "no", "--enable-debug-command", "yes", *options],
            cwd=self.directory, env={"LC_ALL": "C", "TZ": "UTC"},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def client(self):
        deadline = time.monotonic() + TIMEOUT
        while True:
            try:
                self.clients.append(Client(self.port))
                return self.clients[-1]
            except ConnectionRefusedError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)  # it does not listen yet, and there is no sign of when it does

    def stop(self):
        for client in self.clients:
            client.socket.close()
        self.process.terminate()
        try:
            self.process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()  # a script that has written and never ends ignores SIGTERM
            self.process.wait()

    def mask(self, data):
        """Masks values that describe the machine, byte for byte, so that lengths stay the same."""
        path = str(self.directory).encode()
        data = bytes(data).replace(path, b"/" + b"x" * (len(path) - 1))
        fields = rb"os|executable|config_file|gcc_version|monotonic_clock|total_system_memory\w*"
        pattern = rb"(?m)^((?:%b):)([^\r\n]+)" % fields
        return re.sub(pattern, lambda found: found[1] + b"x" * len(found[2]), data)

    def save(self, name, data):
        (HERE / name).write_bytes(self.mask(data))


@contextlib.contextmanager
def serve(*options):
    server = Server(options)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(server.directory)


# --- Scenarios ------------------------------------------------------------------------------------

SESSION = r"""
PING ; PING "" ; ECHO "a\r\nb\x00c" ; CLIENT GETNAME ; CLIENT SETNAME zresp ; CLIENT GETNAME ; TIME
# Strings: empty, binary, long, missing
SET s hello ; GET s ; SET empty "" ; GET empty ; SET bin "\x00\r\n\xff$5\r\n" ; GET bin
GET missing ; SET n 10 ; INCR n ; DECRBY n 20 ; INCRBYFLOAT n 0.5 ; APPEND s " world" ; STRLEN s
GETRANGE s 0 -7 ; SETRANGE long 4999 "!" ; GET long ; GETSET s new ; SET s x GET ; SET s y NX
SET fresh z NX GET ; MSET a 1 b 2 ; MSETNX a 1 zz 2 ; MGET a missing b empty ; GETDEL a ; GETDEL a
EXISTS a b b ; SET l1 ohmytext ; SET l2 mynewtext ; LCS l1 l2 ; LCS l1 l2 LEN ; LCS l1 l2 IDX
LCS l1 l2 IDX MINMATCHLEN 4 WITHMATCHLEN ; LCS missing l2 ; LCS missing l2 IDX
# Expiry
SETEX t 100 v ; TTL t ; PTTL t ; EXPIRETIME t ; EXPIRE b 100 ; EXPIRE b 50 GT ; PERSIST b ; TTL b
TTL missing ; GETEX t PERSIST ; GETEX missing EX 5 ; PEXPIREAT t 4102444800000 ; PEXPIRETIME t
# Bits
SETBIT bits 7 1 ; GETBIT bits 7 ; BITCOUNT bits ; BITPOS bits 1 ; BITOP NOT inverse bits
BITFIELD bf SET u8 0 255 GET i4 0 INCRBY u2 100 1 ; BITFIELD bf OVERFLOW FAIL INCRBY u8 0 1
BITFIELD_RO bf GET u8 0
# Hashes
HSET h f 1 g 2.5 e "" ; HGET h f ; HGET h missing ; HGET missing f ; HMGET h f missing ; HGETALL h
HGETALL missing ; HKEYS h ; HVALS h ; HLEN h ; HEXISTS h f ; HINCRBY h f 5 ; HINCRBYFLOAT h g 1.25
HSTRLEN h g ; HRANDFIELD h ; HRANDFIELD h 5 WITHVALUES ; HRANDFIELD missing ; HRANDFIELD missing 2
HSCAN h 0 ; HSETNX h f 1 ; HDEL h f
# Lists, and every null a pop can give
RPUSH l a b "" "c\r\n" ; LRANGE l 0 -1 ; LRANGE missing 0 -1 ; LLEN l ; LINDEX l 0 ; LINDEX l 99
LPOS l a ; LPOS l zz ; LPOS l zz COUNT 0 ; LPOS l a COUNT 0 ; LINSERT l BEFORE a 0 ; LSET l 0 z
LREM l 1 z ; LTRIM l 0 9 ; LPOP missing ; LPOP missing 2 ; LPOP l 0 ; LPOP l 1 ; RPOP l
LMPOP 1 l LEFT ; LMPOP 1 missing LEFT ; RPUSH l x y ; LMOVE l l LEFT RIGHT ; RPOPLPUSH missing l
BLPOP l 1 ; BLPOP missing 0.01 ; BRPOPLPUSH missing l 0.01 ; BLMOVE missing l LEFT LEFT 0.01
BLMPOP 0.01 1 missing LEFT ; BLMPOP 1 1 l LEFT
# Sets
SADD set 1 2 3 ; SADD other 3 4 ; SMEMBERS set ; SMEMBERS missing ; SISMEMBER set 1
SMISMEMBER set 1 9 ; SINTER set other ; SUNION set other ; SDIFF set other ; SINTERCARD 2 set other
SINTERSTORE into set other ; SMOVE set other 1 ; SPOP set 1 ; SPOP missing ; SPOP missing 1
SRANDMEMBER set ; SRANDMEMBER missing ; SRANDMEMBER missing 3 ; SSCAN set 0 ; SCARD set
# Sorted sets: fractions, infinities, numbers that need an exponent
ZADD z 1 a 1.5 b 3.0000000000000004 c inf d -inf e 1e300 f 1e-7 g -0.0 h ; ZCARD z ; ZSCORE z b
ZSCORE z d ; ZSCORE z missing ; ZMSCORE z a missing e ; ZRANGE z 0 -1 ; ZRANGE z 0 -1 WITHSCORES
ZRANGE z (1 +inf BYSCORE LIMIT 0 2 WITHSCORES ; ZRANGEBYLEX z - + ; ZREVRANGE z 0 1 WITHSCORES
ZRANK z b ; ZRANK z missing ; ZINCRBY z 0.1 a ; ZADD z XX INCR 1 a ; ZADD z NX INCR 1 a
ZADD z XX CH 9 a ; ZCOUNT z -inf +inf ; ZRANDMEMBER z ; ZRANDMEMBER z 2 WITHSCORES
ZRANDMEMBER missing ; ZSCAN z 0 ; ZADD y 2 a 3 q ; ZUNION 2 z y WITHSCORES ; ZINTER 2 z y
ZDIFF 2 y z WITHSCORES ; ZINTERCARD 2 z y ; ZPOPMIN y ; ZPOPMIN missing ; ZPOPMAX z 2 ; BZPOPMIN y 1
BZPOPMAX missing 0.01 ; ZMPOP 1 z MAX COUNT 2 ; ZMPOP 1 missing MIN ; BZMPOP 0.01 1 missing MIN
# Streams
XADD st 1-1 f v ; XADD st 2-1 f "" g "\r\n" ; XADD st 3-* n 1 ; XADD none NOMKSTREAM * f v ; XLEN st
XRANGE st - + ; XREVRANGE st + - COUNT 1 ; XRANGE missing - + ; XREAD STREAMS st missing 1-1 0
XREAD STREAMS st 99 ; XREAD BLOCK 10 STREAMS st $ ; XGROUP CREATE st grp 0
XGROUP CREATECONSUMER st grp bob ; XREADGROUP GROUP grp alice COUNT 2 STREAMS st >
XREADGROUP GROUP grp alice STREAMS st 0 ; XPENDING st grp ; XPENDING st grp - + 10 ; XACK st grp 1-1
XCLAIM st grp bob 0 2-1 ; XCLAIM st grp bob 0 2-1 JUSTID ; XREADGROUP GROUP grp alice STREAMS st >
XREADGROUP GROUP grp alice STREAMS st > ; XDEL st 2-1 ; XREADGROUP GROUP grp bob STREAMS st 0
XAUTOCLAIM st grp carol 0 0 ; XAUTOCLAIM st grp carol 0 0 JUSTID ; XTRIM st MAXLEN 1
XINFO STREAM st ; XGROUP CREATE st idle $ ; XPENDING st idle ; XSETID st 9-9
# Geography and cardinality
GEOADD geo 13.361389 38.115556 Palermo 15.087269 37.502669 Catania ; GEODIST geo Palermo Catania km
GEODIST geo Palermo Rome ; GEOPOS geo Palermo Rome ; GEOHASH geo Palermo Rome
GEOSEARCH geo FROMLONLAT 15 37 BYRADIUS 200 km ASC WITHCOORD WITHDIST WITHHASH ; PFADD hll a b c
PFCOUNT hll ; PFMERGE hll2 hll
# Scripts: nesting, and the types a script can name in RESP3
EVAL "return {1,2.9,'s','',{3,{4,{}}},false,true,redis.status_reply('FINE')}" 0
EVAL "return {1,nil,3}" 0 ; EVAL "return nil" 0 ; EVAL "return {err='MY own error'}" 0
EVAL "return {KEYS,ARGV}" 1 k "a\r\n" ; EVAL "return redis.call('HGETALL',KEYS[1])" 1 h
EVAL "redis.setresp(3) return {true,{double=0.1},{map={a=1}},{set={b=true}},{big_number='9'}}" 0
EVAL "redis.setresp(3) return redis.call('ZRANGE',KEYS[1],0,0,'WITHSCORES')" 1 z
EVAL "redis.setresp(3) return {{double=1/0},{double=0/0},{double=tonumber('-0')}}" 0
EVAL "return {verbatim_string={string='some text',format='mkd'}}" 0 ; SCRIPT LOAD "return 1"
EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0
SCRIPT EXISTS e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0
# Keys
TYPE s ; TYPE st ; TYPE missing ; OBJECT ENCODING set ; OBJECT REFCOUNT s ; OBJECT IDLETIME s
OBJECT ENCODING missing ; OBJECT HELP ; COPY s copied ; COPY missing x ; RENAME copied moved
DUMP s ; DUMP missing ; RPUSH nums 3 1 2 ; SET w_1 one ; SORT nums DESC ; SORT nums GET # GET w_*
SORT missing ; SORT nums ALPHA STORE sorted ; SCAN 0 ; SCAN 0 MATCH no*
SCAN 0 COUNT 100 TYPE stream ; KEYS s* ; TOUCH s missing ; MOVE s 1 ; DBSIZE ; UNLINK moved
WAIT 0 10 ; LASTSAVE ; SELECT 1 ; RANDOMKEY ; FLUSHALL ; RANDOMKEY ; SCAN 0 ; LOLWUT VERSION 5 1 1 1
RESET ; QUIT
"""

INTROSPECTION = r"""
CONFIG SET slowlog-log-slower-than 0 slowlog-max-len 12 latency-monitor-threshold 1 ; SET k v
SET "bin\r\n\x00\xff" "\"quoted\"" ; ZADD z 1.5 m ; RPUSH l 1 2 3 ; HSET h f v ; GET missing
MSET a 0 b 1 c 2 d 3 e 4 f 5 g 6 h 7 i 8 j 9 k 10 l 11 m 12 n 13 o 14 p 15 q 16 r 17 s 18
XADD st 1-1 f v ; XADD st 2-1 f v ; XGROUP CREATE st grp 0 ; XGROUP CREATE st idle $
XREADGROUP GROUP grp alice COUNT 1 STREAMS st > ; XINFO STREAM st ; XINFO STREAM st FULL
XINFO GROUPS st ; XINFO CONSUMERS st grp ; XINFO CONSUMERS st idle ; XINFO HELP ; SLOWLOG LEN
SLOWLOG GET ; SLOWLOG GET 2 ; SLOWLOG RESET ; SLOWLOG HELP ; DEBUG SLEEP 0.005 ; LATENCY LATEST
LATENCY HISTORY command ; LATENCY GRAPH command ; LATENCY DOCTOR ; LATENCY HISTOGRAM
LATENCY HISTOGRAM set nosuch ; LATENCY RESET ; LATENCY DOCTOR
CONFIG SET slowlog-log-slower-than 10000 latency-monitor-threshold 0 ; MEMORY STATS ; MEMORY DOCTOR
MEMORY USAGE k ; MEMORY USAGE missing ; MEMORY PURGE ; MEMORY HELP
FUNCTION LOAD "#!lua name=lib\nredis.register_function{function_name='one', callback=function(keys, args) return 1 end, flags={'no-writes'}, description='Returns one'}\nredis.register_function('two', function() return 2 end)"
FUNCTION LIST ; FUNCTION LIST WITHCODE ; FCALL one 0 ; FCALL_RO one 0 ; FUNCTION STATS
FUNCTION DUMP ; FUNCTION LIST LIBRARYNAME nosuch ; ACL WHOAMI ; ACL LIST ; ACL USERS
ACL GETUSER default ; ACL GETUSER nosuch
ACL SETUSER alice on ">pw" ~a:* &ch:* +@read -get "(%R~b:* +set)" ; ACL GETUSER alice
ACL DRYRUN alice set c:1 v ; AUTH alice wrong ; ACL LOG ; ACL LOG RESET ; ACL LOG ; ACL CAT
ACL CAT hash ; ACL GENPASS ; ACL DELUSER alice ; CLIENT ID ; CLIENT SETNAME zresp ; CLIENT INFO
CLIENT LIST ; CLIENT LIST TYPE pubsub ; CLIENT TRACKINGINFO ; CLIENT GETREDIR ; CLIENT NO-EVICT on
CLIENT HELP ; DEBUG OBJECT k ; DEBUG OBJECT st ; DEBUG DIGEST ; DEBUG DIGEST-VALUE k missing
DEBUG SDSLEN "bin\r\n\x00\xff" ; DEBUG HTSTATS 0 ; DEBUG HELP ; MODULE LIST ; ROLE ; PUBSUB CHANNELS
PUBSUB NUMSUB a b ; PUBSUB NUMPAT ; COMMAND COUNT ; COMMAND INFO GET
COMMAND INFO nosuch EVAL xgroup|create ; COMMAND LIST FILTERBY PATTERN x*
COMMAND GETKEYS MSET a 1 b 2 ; COMMAND GETKEYSANDFLAGS EVAL "return 1" 2 k1 k2 a
COMMAND DOCS get nosuch ; CONFIG GET * ; CONFIG GET maxmemory nosuch* ; INFO ; INFO everything
INFO nosuch
"""

COMMANDS = "COMMAND ; COMMAND LIST ; COMMAND DOCS"

DEBUG_PROTOCOL = "".join(f"DEBUG PROTOCOL {kind} ; " for kind in (
    "string integer double null array set map attrib push verbatim true false bignum".split()))

ERRORS = r"""
NOSUCHCOMMAND a "b\r\nc\x00" ; "bad\r\nname" ; GET ; GET a b ; CONFIG NOSUCH ; CONFIG GET ; OBJECT
SET s text ; RPUSH l x ; INCR s ; LPUSH s x ; GET l ; HSET l f v ; ZADD s 1 m ; XADD s * f v
PFADD s x ; SET s v EX ; SET s v EX 0 ; SET s v NX XX ; SET s v EX abc ; EXPIRE s 1 NX GT
SETRANGE s -1 x ; SET big 9223372036854775807 ; INCR big ; INCRBYFLOAT s 1 ; SETBIT s -1 1
BITFIELD s GET u64 0 ; LSET l 99 x ; LSET missing 0 x ; LINSERT l NEAR a b ; LPOP l -1 ; SELECT 99
SELECT x ; RENAME missing x ; ZADD z nan m ; ZADD z INCR 1 a 2 b ; ZADD z NX GT 1 a
ZRANGEBYLEX z a b ; ZADD z inf i ; ZINCRBY z -inf i ; GEOADD g 200 100 x ; HINCRBY h f x ; HSET h f
SCAN x ; SORT l BY w_* GET ; COPY s s ; BLPOP l -1 ; BLPOP l x ; OBJECT FREQ s ; RESTORE s 0 x
RESTORE fresh 0 "not a dump" ; DEBUG NOSUCH ; XADD st 1-1 f v ; XADD st 1-1 f v ; XADD st 0-0 f v
XADD st x f v ; XADD st 5-1 f ; XREAD STREAMS st ; XGROUP CREATE missing grp 0
XGROUP CREATE st grp 0 ; XGROUP CREATE st grp 0 ; XREADGROUP GROUP nosuch c STREAMS st >
XREAD STREAMS st > ; XPENDING st nosuch ; XINFO STREAM missing ; XAUTOCLAIM st nosuch c 0 0
EVALSHA ffffffffffffffffffffffffffffffffffffffff 0 ; EVAL "return" x ; EVAL "this is not lua" 0
EVAL "return redis.call('INCR',KEYS[1])" 1 s ; EVAL "error('on purpose')" 0 ; EVAL "return x" 0
EVAL "return redis.call('NOSUCH')" 0 ; EVAL "return redis.error_reply('CUSTOM two\\r\\nlines')" 0
EVAL "return {1,redis.pcall('INCR',KEYS[1]),{redis.error_reply('DEEP inside')}}" 1 s
EVAL_RO "return redis.call('SET','a','b')" 0 ; SCRIPT KILL ; FUNCTION KILL ; FCALL nosuch 0
FUNCTION LOAD "not a library" ; FUNCTION LOAD "#!lua name=l\nerror('x')" ; FUNCTION DELETE nosuch
EXEC ; DISCARD ; MULTI ; MULTI ; WATCH s ; DISCARD ; MULTI ; SET s ; NOSUCH ; SET s v ; EXEC
HELLO 4 ; HELLO x ; HELLO 3 NOSUCH ; CLIENT KILL 1.2.3.4:5 ; CLIENT KILL ID 0 ; CLIENT NOSUCH
CLIENT SETNAME "with space" ; CLIENT CACHING YES ; CLIENT TRACKING ON REDIRECT 999
CLIENT UNBLOCK 999 ; CLIENT REPLY ; CONFIG SET nosuch x ; CONFIG SET dir x ; CONFIG SET maxmemory x
CONFIG REWRITE ; CLUSTER INFO ; MODULE LOAD x ; FAILOVER ; REPLICAOF x y ; SWAPDB 0 99
ACL SETUSER u +nosuch ; ACL DELUSER default ; MEMORY NOSUCH ; LATENCY HISTORY
DEBUG ERROR "MADE up by DEBUG ERROR" ; AUTH pw ; AUTH nosuch pw
# Permissions; the default user needs no password to come back
ACL SETUSER limited on nopass ~app:* &news +get +subscribe +multi +exec ; AUTH limited x ; GET app:1
GET other ; DEL app:1 ; CONFIG GET x ; SUBSCRIBE secret ; MULTI ; SET app:1 v ; EXEC
AUTH default x
# A full memory, too few replicas, and a replica of a port where nothing listens
CONFIG SET maxmemory 1 ; SET k v ; EVAL "return redis.call('SET','k','v')" 0
CONFIG SET maxmemory 0 ; CONFIG SET min-replicas-to-write 1 ; SET k v
CONFIG SET min-replicas-to-write 0 ; REPLICAOF 127.0.0.1 1 ; SET k v
CONFIG SET replica-serve-stale-data no ; GET k ; REPLICAOF NO ONE
# RESET forgets the login (and RESP3)
CONFIG SET requirepass secret ; RESET ; GET k ; HELLO 3 ; AUTH wrong ; AUTH default wrong
HELLO 3 AUTH default wrong ; HELLO PROTOCOL AUTH default secret ; CONFIG SET requirepass "" ; PING
"""

TRANSACTION = r"""
SET s text ; MULTI ; PING ; SET n 1 ; INCR s ; LPOP missing ; LPOP missing 2 ; ZADD z 0.5 a inf b
ZRANGE z 0 -1 WITHSCORES ; ZSCORE z b ; HSET h f v ; HGETALL h ; SMEMBERS missing ; GET s
EVAL "return {1,{2,{false}}}" 0 ; EVAL "return redis.call('NOSUCH')" 0 ; XRANGE missing - + ; EXEC
MULTI ; EXEC ; MULTI ; SET n 2 ; DISCARD ; GET n ; MULTI ; GET ; SET n 3 ; EXEC ; GET n ; WATCH n
UNWATCH ; WATCH n ; MULTI ; INCR n ; EXEC
"""

# Many of these are stored in another form: relative expiries become absolute, random and floating
# point results are spelled out, blocking commands lose the wait, multiple effects gain a MULTI.
WRITES = r"""
SET k v ; SET bin "\x00\r\n\xff*1\r\n" ; SET empty "" ; SET ex v EX 1000 ; SET ex v KEEPTTL
SETEX ex2 1000 v ; PSETEX ex3 1000000 v ; EXPIRE k 1000 ; PERSIST k ; GETEX k EX 1000 ; GETDEL empty
APPEND k w ; SETRANGE k 1 x ; INCR n ; INCRBY n 10 ; DECR n ; INCRBYFLOAT n 0.1 ; MSET a 1 b 2 c 3
HSET h f v g 1 ; HINCRBYFLOAT h g 0.5 ; HDEL h f ; RPUSH l a b c d ; LPOP l 2 ; LMOVE l l LEFT RIGHT
BLPOP l 1 ; LINSERT l BEFORE d x ; LTRIM l 0 0 ; SADD set 1 2 3 4 5 ; SPOP set ; SPOP set 2
SADD set x ; SREM set x ; ZADD z 1.5 a inf b ; ZINCRBY z 0.1 a ; ZPOPMIN z ; ZUNIONSTORE z2 1 z
SETBIT bits 100 1 ; BITFIELD bits SET u8 0 7 ; PFADD hll a b
GEOADD geo 13.361389 38.115556 Palermo ; SORT l ALPHA STORE sorted ; XADD st 1-1 f v ; XADD st * f v
XADD st MAXLEN ~ 10 * f v ; XGROUP CREATE st grp 0 ; XREADGROUP GROUP grp alice COUNT 1 STREAMS st >
XACK st grp 1-1 ; XDEL st 1-1 ; XTRIM st MAXLEN 1 ; COPY a copied ; RENAME b renamed ; UNLINK c
DEL a ; MOVE renamed 2 ; SELECT 2 ; SET other db ; SELECT 0
EVAL "redis.call('SET','e1',1) redis.call('EXPIRE','e1',1000) return redis.call('INCR','e1')" 0
EVAL "return redis.call('SET',KEYS[1],ARGV[1])" 1 e2 "\r\n" ; EVAL "return redis.call('GET','k')" 0
FUNCTION LOAD "#!lua name=lib\nredis.register_function('put', function(k, a) return redis.call('SET', k[1], a[1]) end)"
FCALL put 1 e3 v ; MULTI ; SET m 1 ; EXPIRE m 1000 ; GET m ; SELECT 3 ; SET m 3 ; EXEC ; SELECT 0
MULTI ; GET k ; EXEC ; MULTI ; SET never v ; DISCARD ; SWAPDB 2 3 ; SET short v PX 1
"""



def errors(server, client, other):
    client.run(ERRORS.replace("PROTOCOL", str(client.protocol)))
    # MISCONF: a save cannot succeed while a directory has the name of its file.
    (server.directory / "dump.rdb").mkdir()
    other.run('CONFIG SET save "3600 1" ; BGSAVE')
    other.until(lambda info: b"last_bgsave_status:err" in info, "INFO", "persistence")
    client.run('SET k v ; CONFIG SET save ""')

    def run_script(script):
        """Starts a script on one connection, and waits until another one is told BUSY."""
        other.send("EVAL", script, 0)
        probe.until(lambda reply: isinstance(reply, Failure) and reply[:4] == b"BUSY", "PING")

    probe = server.client()
    other.call("CONFIG", "SET", "busy-reply-threshold", 1)
    run_script("while true do end")
    client.run("GET k ; FUNCTION KILL ; SCRIPT KILL")
    other.receive()
    # UNKILLABLE comes last: after a write nothing but SHUTDOWN ends the script.
    run_script("redis.call('SET','k','v') while true do end")
    client.run("SCRIPT KILL")
    probe.send("SHUTDOWN", "NOSAVE")


def transaction(server, client, other):
    client.run(TRANSACTION)
    client.call("WATCH", "n")
    other.call("SET", "n", "changed")
    client.run("MULTI ; INCR n ; EXEC ; GET n")


def pubsub(server, client, other):
    def expect(frames, *command):
        client.send(*command)
        client.receive(frames)

    def publish(frames, *command):
        other.call(*command)
        client.receive(frames)

    expect(3, "SUBSCRIBE", "news", "empty", "bin\r\n\x00")
    expect(1, "PSUBSCRIBE", "n?ws")
    expect(2, "SSUBSCRIBE", "shard", "shard2")
    publish(2, "PUBLISH", "news", "once by name and once by pattern")
    publish(1, "PUBLISH", "empty", "")
    publish(1, "PUBLISH", "bin\r\n\x00", b"\xff\r\n+OK\r\n")
    publish(1, "SPUBLISH", "shard", "to a shard channel")
    publish(2, "EVAL", "redis.call('PUBLISH','empty',1) redis.call('PUBLISH','empty',2)", 0)
    client.run(r'PING ; PING "a\r\nb" ; GET k')  # subscribed, RESP2 allows no GET
    if client.protocol == 3:
        client.run("SET k v ; GET k ; PUBSUB CHANNELS ; PUBSUB SHARDNUMSUB shard")
        expect(3, "PUBLISH", "news", "to itself: pushes before the reply")
        for turn in range(5):  # without waiting, so that replies and pushes mix
            client.send("INCR", "turn")
            other.call("PUBLISH", "empty", turn)
        client.receive(10)
    expect(1, "UNSUBSCRIBE", "news")
    expect(1, "UNSUBSCRIBE", "never-subscribed")
    expect(2, "UNSUBSCRIBE")
    expect(1, "PUNSUBSCRIBE")
    expect(2, "SUNSUBSCRIBE")
    expect(1, "UNSUBSCRIBE")  # from nothing: one frame with a null channel
    client.run("PING ; GET k")
    if client.protocol == 2:  # here changed keys arrive as messages, by redirection
        identity = client.call("CLIENT", "ID")
        expect(1, "SUBSCRIBE", "__redis__:invalidate")
        other.call("CLIENT", "TRACKING", "ON", "REDIRECT", identity)
        other.call("GET", "k")
        publish(1, "SET", "k", "v")
        publish(1, "FLUSHALL")


def push_in_exec(server, client, other):
    client.send("SUBSCRIBE", "news")
    client.receive()
    client.run("MULTI ; SET k v ; PUBLISH news inside ; GET k ; EXEC ; PING")


def tracking(server, client, other):
    def invalidate(commands, frames=1):
        other.run(commands)
        client.receive(frames)

    client.run("CLIENT TRACKING ON ; CLIENT TRACKINGINFO ; CLIENT GETREDIR ; GET k ; MGET a b")
    invalidate("SET k v")
    invalidate("MSET a 1 b 2", 2)
    client.run("GET k")
    invalidate("PEXPIRE k 0")
    client.run("GET k ; GET a ; MULTI ; GET a ; SET a 2 ; GET a ; EXEC")
    client.receive()  # its own write comes back, after the reply
    client.run("GET a ; CLIENT TRACKING OFF ; CLIENT TRACKING ON NOLOOP OPTIN ; GET a ; SET a 3")
    client.run("CLIENT CACHING YES ; GET b")
    invalidate("SET a 4 ; SET b 5")  # only b was asked for
    client.run("CLIENT CACHING YES ; GET a")
    invalidate("FLUSHALL")  # null instead of a list of keys
    client.run("CLIENT TRACKING OFF ; CLIENT TRACKING ON BCAST PREFIX user: PREFIX bin")
    client.run("CLIENT TRACKINGINFO")
    invalidate(r'MSET user:1 a user:2 b other c "user:\r\n" d')
    invalidate(r'MULTI ; SET user:3 a ; SET "bin\x00\xff" b ; EXEC', 2)
    invalidate("FLUSHDB")
    client.run("CLIENT TRACKING OFF ; CLIENT TRACKINGINFO ; PING")


def monitor(server, client, other):
    client.run("MONITOR")
    other.run(r"""
        SET k "a \"quoted\" 'value'" ; SET "bin\r\n\x00\x07\x1b\xff" "back\\slash\ttab" ; GET ""
        SELECT 3 ; MULTI ; INCR n ; EXEC ; EVAL "redis.call('SET',KEYS[1],'v') return 1" 1 k
        NOSUCH ; SET utf8 "\xc3\xa9\xe2\x82\xac" ; PING""")
    other.call("SET", "long", "0123456789" * 400)
    other.call("ECHO", "the end")
    while not client.receive()[0].endswith(b'"the end"'):
        pass


# What to record, and in which protocols: a list of commands, or a function of two connections.
SCENARIOS = [
    ("session", (2, 3), SESSION),
    ("introspection", (2, 3), INTROSPECTION),
    ("commands", (2, 3), COMMANDS),
    ("debug-protocol", (2, 3), DEBUG_PROTOCOL),
    ("errors", (2, 3), errors),
    ("transaction", (2, 3), transaction),
    ("pubsub", (2, 3), pubsub),
    ("push-in-exec", (3,), push_in_exec),
    ("tracking", (3,), tracking),
    ("monitor", (2,), monitor),
]


def record_scenario(name, protocol, scenario):
    with serve() as server:
        client, other = server.client(), server.client()
        client.protocol = protocol
        if protocol == 3:
            client.call("HELLO", 3)
        if isinstance(scenario, str):
            client.run(scenario)
        else:
            scenario(server, client, other)
        if not client.reader.finished():
            raise ValueError(f"{name}: bytes left over at {client.reader.at}")
        server.save(f"resp{protocol}-{name}.requests", client.sent)
        # zresp refuses a push that an array's header does not count.
        suffix = "refused" if scenario is push_in_exec else "replies"
        server.save(f"resp{protocol}-{name}.{suffix}", client.reader.data)


# --- Files and streams of commands ----------------------------------------------------------------

def record_aof():
    with serve("--appendonly", "yes", "--aof-use-rdb-preamble", "no") as server:
        client = server.client()
        client.run(WRITES)
        client.until(lambda value: value is None, "GET", "short")  # the expiry is stored as a DEL
        client.call("RESTORE", "restored", 0, client.call("DUMP", "set"))
        client.run("FLUSHDB ASYNC ; SET last 1")
        server.stop()  # this writes what is still in memory
        directory = server.directory / "appendonlydir"
        # Lines of `file NAME seq 1 type i`; without a preamble the base file is empty or commands.
        names = (directory / "appendonly.aof.manifest").read_text().split()[1::6]
        server.save("appendonly.aof", b"".join((directory / name).read_bytes() for name in names))


def attach(server, *psync):
    """Connects as a replica does; returns the client, PSYNC's answer and its offset."""
    replica = server.client()
    replica.run("PING ; REPLCONF listening-port 6380 ; REPLCONF capa eof capa psync2")
    start = replica.reader.at
    replica.send("PSYNC", *psync)
    return replica, replica.reader.until(b"\r\n").split(), start


def record_replication(name, diskless):
    options = ["--repl-diskless-sync", diskless, "--repl-diskless-sync-delay", "0",
               "--repl-ping-replica-period", "1"]
    with serve(*options) as server:
        writer = server.client()
        writer.run(r"""SET k v ; SET bin "\x00\r\n\xff" ; RPUSH l a b ; HSET h f v ; ZADD z 1.5 a
            XADD st 1-1 f v ; SADD set 1 2 3 ; SET ex v EX 1000
            SELECT 1 ; SET other db ; SELECT 0""")
        writer.run(" ; ".join(f"SET fill:{i} {'x' * 40}" for i in range(20)))
        # Slow enough (microseconds a key) for the keep-alives of one second to show before $LEN.
        writer.call("CONFIG", "SET", "rdb-key-save-delay", 80_000 if diskless == "no" else 0)
        replica, (_, identity, offset), start = attach(server, "?", "-1")
        reader = replica.reader
        reader.snapshot()
        begin = reader.at - int(offset)  # from here on, a position minus `begin` is an offset

        def follow(last):
            while [word.upper() for word in reader.command()][:len(last)] != last:
                pass

        # After a diskless sync, the server sends no command until the replica is online and sends an ACK.
        writer.until(lambda info: b"state=online" in info, "INFO", "replication")
        replica.send("REPLCONF", "ACK", offset)
        writer.run(r"""SET k w ; MULTI ; INCR n ; RPUSH l "\r\n" ; EXEC ; DEL h ; EXPIRE k 1000
            SET t v PX 100000 ; XADD st 2-1 f v ; SELECT 1 ; APPEND other x ; SELECT 0 ; SPOP set
            EVAL "redis.call('SET','e',1) redis.call('INCR','e')" 0 ; HSET h2 f v""")
        writer.send("WAIT", 1, TIMEOUT * 1000)
        follow([b"REPLCONF", b"GETACK"])
        replica.send("REPLCONF", "ACK", reader.at - begin)
        writer.receive()
        follow([b"PING"])
        writer.call("SET", "end", 1)
        follow([b"SET", b"END"])
        server.save(name, reader.data[start:reader.at])
        if diskless == "yes":
            return

        # When the replica returns, it gets what it missed at once, and then the new commands.
        replica.socket.close()
        writer.run("SET away 1 ; MULTI ; INCR away ; DEL z ; EXEC ; SADD set 7 8")
        replica, _, start = attach(server, identity, reader.at - begin + 1)
        reader = replica.reader
        writer.run(r'SET back "\r\n" ; EXPIRE back 1000 ; LPUSH l z ; SELECT 1 ; DEL other')
        writer.call("SET", "end", 1)
        follow([b"SET", b"END"])
        server.save("replication-continue.stream", reader.data[start:reader.at])


# --- Checking, and recording everything -----------------------------------------------------------

def count_frames(path):
    """Decodes a whole capture; returns the number of its frames, without the answer to PSYNC."""
    reader, frames = Reader(path.read_bytes()), 0
    if path.suffix == ".stream":
        answer = reader.until(b"\r\n")
        if answer.startswith(b"+FULLRESYNC"):
            reader.snapshot()
    while not reader.finished():
        reader.command() if path.suffix == ".stream" else reader.value()
        frames += 1
    return frames


def check():
    suffixes = (".requests", ".replies", ".refused", ".aof", ".stream")
    files = sorted(path for path in HERE.iterdir() if path.suffix in suffixes)
    for path in files:
        data = path.read_bytes()
        for private in (tempfile.gettempdir(), str(Path.home())):
            if private.encode() + b"/" in data:
                raise ValueError(f"{path.name} contains {private}")
        print(f"{path.name:<32}{len(data):>9} bytes{count_frames(path):>6} frames")
    print(f"{'total':<32}{sum(path.stat().st_size for path in files):>9} bytes")


def record():
    for name, protocols, scenario in SCENARIOS:
        for protocol in protocols:
            record_scenario(name, protocol, scenario)
    record_aof()
    record_replication("replication-disk.stream", diskless="no")
    record_replication("replication-diskless.stream", diskless="yes")


if __name__ == "__main__":
    if sys.argv[1:] != ["--check"]:
        record()
    check()
