#!/usr/bin/env python3
"""Compares the proxy with twemproxy, haproxy and no proxy, and prints a table with the targets.

    python3 figures.py             builds the proxy and measures it, in twelve minutes
    python3 figures.py --quick     three short rounds, to see that everything runs

Every program has one thread and listens on a free loopback port, for the same redis-server; for mixed
commands, for three of them. A round runs every load once on every program, in an order that rotates.
Ratios are taken within a round, because the speed of the machine varies from round to round; the table
has their medians. CPU time is that of the proxy alone, as the kernel counts it, so it is the figure that
other programs on the machine disturb least. For the others the machine must be idle. Progress goes to
stderr, the table to stdout.
"""

import argparse
import contextlib
import csv
import json
import operator
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from itertools import product
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent
TIMEOUT = 10  # seconds for a program to start, to stop, or to send the next bytes
DIRECT, TWEMPROXY, HAPROXY, ZRESP = "direct", "twemproxy", "haproxy", "zresp"
RIVALS = (TWEMPROXY, HAPROXY)
KEYS = 100_000
SMALL = b"x" * 64
LARGE = b"x" * 1_048_576
LARGE_KEY = b"key:__rand_int__"  # what redis-benchmark asks for without -r

# Options of redis-benchmark, and the number of requests in a trial run. From that follows how many
# requests a run of the wanted length has.
LOADS = {
    "-P 1": (f"-c 50 -d {len(SMALL)} -r {KEYS} -P 1", 20_000),
    "-P 16": (f"-c 50 -d {len(SMALL)} -r {KEYS} -P 16", 200_000),
    "-P 32": (f"-c 50 -d {len(SMALL)} -r {KEYS} -P 32", 200_000),
    "1 MiB": (f"-c 10 -d {len(LARGE)}", 200),
}
FETCH = "1 MiB, idle"  # one connection, one request at a time, timed by this script
MIXED = "mixed, 3 servers"  # pipelines of six commands, sent by this script
IDLE = "idle connections"  # each has done one GET
RATE, P99, CPU = "requests/s", "p99, ms", "CPU, µs/request"
FIRST, WHOLE, MEMORY = "first byte, ms", "whole reply, ms", "KiB each"
IDLE_CLIENTS = 9000  # haproxy has two sockets for each, and often only 20,000 files may be open

# For a load and a measure: a rival, and a bound on (zresp's figure / the rival's figure). Without a rival
# it is a bound on zresp's figure.
PIPELINED = {
    RATE: ((DIRECT, "≥", 1.0), (TWEMPROXY, "≥", 2.5)),
    P99: ((HAPROXY, "<", 1.0),),
    CPU: ((HAPROXY, "≤", 1.0),),
}
TARGETS = {
    ("-P 1", CPU): ((TWEMPROXY, "≤", 0.85), (HAPROXY, "≤", 0.55)),
    ("-P 1", P99): ((TWEMPROXY, "<", 1.0), (HAPROXY, "<", 1.0)),
    **{(load, measure): targets for load in ("-P 16", "-P 32") for measure, targets in PIPELINED.items()},
    ("1 MiB", RATE): ((HAPROXY, "≥", 1.0),),
    (FETCH, FIRST): ((HAPROXY, "≤", 1.1),),
    (MIXED, CPU): ((TWEMPROXY, "≤", 0.5),),
    (IDLE, MEMORY): ((None, "≤", 4.0),),
}
COMPARE = {"≥": operator.ge, "≤": operator.le, "<": operator.lt}

TWEMPROXY_CONFIG = """zresp:
  listen: 127.0.0.1:{listen}
  redis: true
  servers:
{servers}
"""
HAPROXY_CONFIG = """global
  nbthread 1
  maxconn 9600
listen zresp
  mode tcp
  bind 127.0.0.1:{listen}
  server redis 127.0.0.1:{redis}
  timeout connect 5s
  timeout client 1m
  timeout server 1m
"""


def encode(*arguments: bytes) -> bytes:
    return b"*%d\r\n" % len(arguments) + b"".join(b"$%d\r\n%b\r\n" % (len(a), a) for a in arguments)


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), TIMEOUT)


def receive(client: socket.socket, into: memoryview) -> None:
    """Fills `into`."""
    while into:
        into = into[client.recv_into(into) or sys.exit("a connection was closed inside a reply"):]


@contextlib.contextmanager
def running(command: list[str], port: int, log: Path):
    """Runs a program while the block runs. The block starts when the program listens."""
    with log.open("wb") as output:
        # A new session, so that Ctrl-C reaches only this script, which then stops the programs.
        process = subprocess.Popen(command, cwd=log.parent, stdin=subprocess.DEVNULL, stdout=output,
                                   stderr=subprocess.STDOUT, start_new_session=True)
    try:
        deadline = time.monotonic() + TIMEOUT
        while process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(OSError), connect(port):
                break
            time.sleep(0.02)
        else:
            sys.exit(f"{command} does not listen")
        yield process
    finally:
        if process.poll() is not None:  # it ended too early
            print(log.read_text(errors="replace"), file=sys.stderr)
        process.terminate()
        try:
            process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def build() -> Path:
    """Builds the proxy, and returns its path."""
    command = "cargo build --release -p zresp-proxy --message-format json-render-diagnostics"
    built = subprocess.run(command.split(), cwd=HERE, stdout=subprocess.PIPE, check=True)
    messages = map(json.loads, built.stdout.splitlines())
    return Path(next(path for message in messages if (path := message.get("executable"))))


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        probes = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [probe.getsockname()[1] for probe in probes]


def server(port: int) -> list[str]:
    return ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]


def commands(proxy: Path, directory: Path, servers: list[int]) -> dict[str, tuple[int, list[str]]]:
    """Writes the configurations; returns the port and the command of each installed proxy."""
    twemproxy, haproxy, zresp, statistics = free_ports(4)
    files = {name: directory / f"{name}-{len(servers)}.conf" for name in RIVALS}
    listed = "\n".join(f"    - 127.0.0.1:{port}:1" for port in servers)
    files[TWEMPROXY].write_text(TWEMPROXY_CONFIG.format(listen=twemproxy, servers=listed))
    files[HAPROXY].write_text(HAPROXY_CONFIG.format(listen=haproxy, redis=servers[0]))
    upstreams = [word for port in servers for word in ("--upstream", f"127.0.0.1:{port}")]
    found = {
        TWEMPROXY: (twemproxy, ["nutcracker", "--stats-addr", "127.0.0.1", "--stats-port",
                                str(statistics), "--conf-file", str(files[TWEMPROXY])]),
        HAPROXY: (haproxy, ["haproxy", "-db", "-f", str(files[HAPROXY])]),
        ZRESP: (zresp, [str(proxy), "--listen", f"127.0.0.1:{zresp}", "--threads", "1", *upstreams]),
    }
    if len(servers) > 1:
        found.pop(HAPROXY)  # it does not know the keys
    for name in [name for name, (_, command) in found.items() if not shutil.which(command[0])]:
        _, (program, *_) = found.pop(name)
        print(f"{program} is not installed: no column for {name}", file=sys.stderr)
    return found


class Programs:
    """Running servers and the proxies for them."""

    def __init__(self, stack: contextlib.ExitStack, proxy: Path, directory: Path, count: int):
        servers = free_ports(count)
        found = {f"{DIRECT} {port}": (port, server(port)) for port in servers} | commands(proxy, directory, servers)
        self.processes = {name: stack.enter_context(running(command, port, directory / f"{name}-{count}.log"))
                          for name, (port, command) in found.items()}
        self.ports = {name: port for name, (port, _) in found.items() if not name.startswith(DIRECT)}
        if count == 1:
            self.ports = {DIRECT: servers[0], **self.ports}

    def cpu(self, name: str) -> float:
        """Returns the microseconds for which a proxy has used a core."""
        if name == DIRECT:
            return 0.0
        tasks = Path(f"/proc/{self.processes[name].pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e3

    def memory(self, name: str) -> int:
        """Returns the KiB of memory that a proxy uses."""
        lines = Path(f"/proc/{self.processes[name].pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


def preload(port: int) -> None:
    """Stores every key that the loads read, so that every GET finds a value."""
    with connect(port) as client:
        keys = [(b"key:%012d" % key, SMALL) for key in range(KEYS)] + [(LARGE_KEY, LARGE)]
        for start in range(0, len(keys), 1000):  # few enough for the sockets to hold the replies
            batch = [encode(b"SET", *pair) for pair in keys[start:start + 1000]]
            client.sendall(b"".join(batch))
            receive(client, memoryview(bytearray(b"+OK\r\n" * len(batch))))


def benchmark(port: int, load: str, operation: str, requests: int) -> tuple[float, float]:
    """Runs redis-benchmark; returns requests a second and the 99th percentile in milliseconds."""
    command = ["redis-benchmark", "-p", str(port), *LOADS[load][0].split(),
               "-t", operation.lower(), "-n", str(requests), "--csv"]
    # If nothing listens any more it tries for ever, hence the timeout.
    done = subprocess.run(command, capture_output=True, text=True, timeout=6 * TIMEOUT)
    # It begins with CONFIG GET, where twemproxy closes the connection, and then goes on.
    complaints = done.stderr.replace("WARNING: Could not fetch server CONFIG\n", "")
    if done.returncode or complaints:
        sys.exit(f"{' '.join(command)}: status {done.returncode}\n{complaints}")
    row, = csv.DictReader(done.stdout.splitlines())
    return float(row["rps"]), float(row["p99_latency_ms"])


def fetch(client: socket.socket, reply: memoryview) -> tuple[float, float]:
    """Reads the large value; returns the milliseconds to the first byte and to the last."""
    start = time.perf_counter()
    client.sendall(encode(b"GET", LARGE_KEY))
    receive(client, reply[:1])
    first = time.perf_counter()
    receive(client, reply[1:])
    return 1e3 * (first - start), 1e3 * (time.perf_counter() - start)


def rotate(names, turn: int) -> list[str]:
    names, turn = list(names), turn % len(names)
    return names[turn:] + names[:turn]


def fetch_alternating(ports: dict[str, int], turn: int) -> dict[str, tuple[float, float]]:
    """Calls `fetch` for the programs, alternating; returns the median times of each."""
    reply = memoryview(bytearray(len(b"$%d\r\n\r\n" % len(LARGE)) + len(LARGE)))
    times = defaultdict(list)
    with contextlib.ExitStack() as stack:
        clients = {name: stack.enter_context(connect(port)) for name, port in ports.items()}
        for request in range(-5, 100):
            for name in rotate(clients, turn + request):
                pair = fetch(clients[name], reply)
                if request >= 0:  # the first ones let the buffers grow
                    times[name].append(pair)
    return {name: tuple(map(median, zip(*pairs))) for name, pairs in times.items()}


def mixed_commands() -> tuple[bytes, bytes]:
    """Returns commands that several servers are asked, and the replies."""
    asked, replies = [], []
    for number in range(10):
        key = b"mixed:%d" % number
        many = [b"mixed:%d:value" % (number + other) for other in range(10)]
        bulk = b"$%d\r\n%b\r\n" % (len(SMALL), SMALL)
        asked += [encode(b"SET", key + b":value", SMALL), encode(b"GET", key + b":value"),
                  encode(b"HGET", key + b":hash", b"field"), encode(b"ZADD", key + b":set", b"1", b"member"),
                  encode(b"MGET", *many), encode(b"EVAL", b"return ARGV[1]", b"1", key, SMALL)]
        replies += [b"+OK\r\n", bulk, bulk, b":0\r\n", b"*10\r\n" + bulk * 10, bulk]
    return b"".join(asked), b"".join(replies)


def run_mixed(port: int, seconds: float) -> tuple[float, int]:
    """Sends mixed commands on sixteen connections; returns requests a second, and how many there were."""
    asked, expected = mixed_commands()
    found = bytearray(len(expected))
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect(port)) for _ in range(16)]
        start, count = time.perf_counter(), 0
        while (elapsed := time.perf_counter() - start) < seconds:
            for client in clients:
                client.sendall(asked)
            for client in clients:
                receive(client, memoryview(found))
                if found != expected:
                    sys.exit(f"port {port} gives a wrong reply")
            count += 60 * len(clients)
    return count / elapsed, count


def preload_mixed(port: int) -> None:
    with connect(port) as client:
        for number in range(20):
            key = b"mixed:%d" % number
            client.sendall(encode(b"SET", key + b":value", SMALL) + encode(b"HSET", key + b":hash", b"field", SMALL)
                           + encode(b"ZADD", key + b":set", b"1", b"member"))
            receive(client, memoryview(bytearray(b"+OK\r\n:1\r\n:1\r\n")))


def idle_memory(programs: Programs, name: str) -> float:
    """Returns the KiB of memory that a proxy needs for each idle connection."""
    found = memoryview(bytearray(len(b"$64\r\n\r\n") + len(SMALL)))
    before = programs.memory(name)
    with contextlib.ExitStack() as stack:
        for _ in range(IDLE_CLIENTS):
            client = stack.enter_context(connect(programs.ports[name]))
            client.sendall(encode(b"GET", b"key:%012d" % 1))
            receive(client, found)
        return (programs.memory(name) - before) / IDLE_CLIENTS


def measure(programs: Programs, several: Programs, options: argparse.Namespace) -> dict[tuple, dict]:
    """Returns rows by load, operation and measure: for each program, a figure from each round."""
    figures = defaultdict(lambda: defaultdict(list))

    def note(load: str, operation: str, name: str, **found: float) -> None:
        for unit, figure in found.items():
            if unit != "CPU" or name != DIRECT:
                figures[load, operation, globals()[unit]][name].append(figure)

    ports = programs.ports
    if IDLE in options.only:
        # Once, while the programs have done nothing else: later, memory that they have freed would hide it.
        for name in filter(lambda name: name != DIRECT, ports):
            note(IDLE, "GET", name, MEMORY=idle_memory(programs, name))
    runs = list(product([load for load in LOADS if load in options.only], ("GET", "SET")))
    requests = {(*run, name): int(benchmark(port, *run, LOADS[run[0]][1])[0] * options.seconds) + 1
                for run in runs for name, port in ports.items()}
    for turn in range(options.rounds):
        print(f"round {turn + 1} of {options.rounds}", file=sys.stderr)
        for index, run in enumerate(runs):
            for name in rotate(ports, turn + index):
                count, before = requests[(*run, name)], programs.cpu(name)
                rate, p99 = benchmark(ports[name], *run, count)
                note(*run, name, RATE=rate, P99=p99, CPU=(programs.cpu(name) - before) / count)
        if FETCH in options.only:
            for name, (first, whole) in fetch_alternating(ports, turn).items():
                note(FETCH, "GET", name, FIRST=first, WHOLE=whole)
        if MIXED in options.only:
            for name in rotate(several.ports, turn):
                before = several.cpu(name)
                rate, count = run_mixed(several.ports[name], options.seconds)
                note(MIXED, "six", name, RATE=rate, CPU=(several.cpu(name) - before) / count)
    return figures


def first_line(*command: str) -> str:
    done = subprocess.run(command, cwd=HERE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=TIMEOUT)
    return done.stdout.partition("\n")[0] if done.returncode == 0 else "unknown"


def describe(processes: dict[str, subprocess.Popen]) -> None:
    """Prints the machine, the versions, and the threads of each program (one does the work)."""
    print(f"- {os.cpu_count()} cores with a load of {os.getloadavg()[0]:.2f} at the start, shared "
          "by client, proxy and server. So figures are noisy: trust ratios, and see their ranges.")
    print(f"- {first_line('redis-benchmark', '--version')}; "
          f"zresp at {first_line('git', 'describe', '--always', '--dirty')}")
    for name, process in processes.items():
        flag = {TWEMPROXY: "-V", HAPROXY: "-v"}.get(name, "--version")
        threads = len(os.listdir(f"/proc/{process.pid}/task"))
        print(f"- {name.split()[0]}: {first_line(process.args[0], flag)}; threads: {threads}", flush=True)


def verdict(targets, row: dict[str, list[float]], ratios: dict[str, list[float]]) -> tuple[str, str]:
    """Returns the targets of a row, and whether the medians meet all of them."""
    wanted = ", ".join(f"{sign} {bound} × {rival}" if rival else f"{sign} {bound}" for rival, sign, bound in targets)
    if not targets or any(rival and rival not in ratios for rival, _, _ in targets):
        return wanted, "unknown" if targets else ""
    met = all(COMPARE[sign](median(ratios[rival] if rival else row[ZRESP]), bound) for rival, sign, bound in targets)
    return wanted, "yes" if met else "**no**"


def print_table(figures: dict[tuple, dict], programs: list[str]) -> None:
    rivals = [name for name in programs if name != ZRESP]
    print("\n| load | command | measure |", *(f"{name} |" for name in programs),
          *(f"zresp / {rival} |" for rival in rivals), "target | met |")
    print("|---|---|---|" + "---:|" * (len(programs) + len(rivals)) + "---|---|")
    for (load, operation, unit), row in figures.items():
        medians = [f"{median(row[name]):,.{0 if unit == RATE else 3}f}" if row[name] else "" for name in programs]
        ratios = {rival: [ours / theirs for ours, theirs in zip(row[ZRESP], row[rival])]
                  for rival in rivals if row[rival]}
        ranges = [f"{median(of):.2f} ({min(of):.2f}..{max(of):.2f})" if (of := ratios.get(rival)) else ""
                  for rival in rivals]
        print("|", " | ".join([load, operation, unit, *medians, *ranges,
                               *verdict(TARGETS.get((load, unit), ()), row, ratios)]), "|")


def parse() -> argparse.Namespace:
    names = [*LOADS, FETCH, MIXED, IDLE]
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--proxy", type=Path, help="measure this program instead of building one")
    parser.add_argument("--rounds", type=int, default=7, help="how often each load is run")
    parser.add_argument("--seconds", type=float, default=2.5, help="approximate length of a run")
    parser.add_argument("--quick", action="store_true", help="3 rounds, runs of 0.3 seconds")
    parser.add_argument("--only", choices=names, nargs="+", default=names,
                        metavar="LOAD", help=f"some of {names}")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds = 3, 0.3
    return options


def main() -> None:
    options = parse()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit("interrupted"))  # this also stops the programs
    proxy = options.proxy.resolve() if options.proxy else build()
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        one, several = (Programs(stack, proxy, directory, count) for count in (1, 3))
        preload(one.ports[DIRECT])
        for port in several.ports.values():
            preload_mixed(port)
        describe(one.processes)
        print_table(measure(one, several, options), list(one.ports))


if __name__ == "__main__":
    main()
