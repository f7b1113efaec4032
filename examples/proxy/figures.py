#!/usr/bin/env python3
"""Compares the proxy with twemproxy, haproxy and no proxy, and prints a table with the targets.

    python3 figures.py             builds the proxy and measures it, in eight minutes
    python3 figures.py --quick     three short rounds, to see that everything runs

Every program listens on a free loopback port, in front of the same redis-server. A round runs
every load once on every program, in an order that rotates. Ratios are taken within a round,
because the speed of the machine varies from round to round; the table has their medians. The
machine must be otherwise idle. Progress goes to stderr, the table to stdout.
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
    "-P 32": (f"-c 50 -d {len(SMALL)} -r {KEYS} -P 32", 200_000),
    "1 MiB": (f"-c 10 -d {len(LARGE)}", 200),
}
IDLE = "1 MiB, idle"  # one connection, one request at a time, timed by this script
RATE, P99, FIRST, WHOLE = "requests/s", "p99, ms", "first byte, ms", "whole reply, ms"

# For a load and a measure: a rival, and a bound on (zresp's figure / the rival's figure).
TARGETS = {
    ("-P 1", RATE): ((TWEMPROXY, "≥", 1.3), (HAPROXY, "≥", 1.5)),
    ("-P 1", P99): ((TWEMPROXY, "<", 1.0), (HAPROXY, "<", 1.0)),
    ("-P 32", RATE): ((TWEMPROXY, "≥", 2.0), (HAPROXY, "≥", 1.0)),
    ("-P 32", P99): ((TWEMPROXY, "<", 1.0), (HAPROXY, "<", 1.0)),
    ("1 MiB", RATE): ((HAPROXY, "≥", 1.0),),
    (IDLE, FIRST): ((HAPROXY, "≤", 1.2),),
}
COMPARE = {"≥": operator.ge, "≤": operator.le, "<": operator.lt}

TWEMPROXY_CONFIG = """zresp:
  listen: 127.0.0.1:{listen}
  redis: true
  servers:
    - 127.0.0.1:{redis}:1
"""
HAPROXY_CONFIG = """global
  nbthread 1
  maxconn 1000
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


def commands(proxy: Path, directory: Path) -> dict[str, tuple[int, list[str]]]:
    """Writes the configurations; returns the port and the command of each installed program."""
    with contextlib.ExitStack() as held:
        probes = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(5)]
        redis, twemproxy, haproxy, zresp, statistics = (at.getsockname()[1] for at in probes)
    files = {name: directory / f"{name}.conf" for name in RIVALS}
    files[TWEMPROXY].write_text(TWEMPROXY_CONFIG.format(listen=twemproxy, redis=redis))
    files[HAPROXY].write_text(HAPROXY_CONFIG.format(listen=haproxy, redis=redis))
    found = {
        DIRECT: (redis, ["redis-server", "--port", str(redis), "--bind", "127.0.0.1",
                         "--save", "", "--appendonly", "no"]),
        TWEMPROXY: (twemproxy, ["nutcracker", "--stats-addr", "127.0.0.1", "--stats-port",
                                str(statistics), "--conf-file", str(files[TWEMPROXY])]),
        HAPROXY: (haproxy, ["haproxy", "-db", "-f", str(files[HAPROXY])]),
        ZRESP: (zresp, [str(proxy), "--listen", f"127.0.0.1:{zresp}",
                        "--upstream", f"127.0.0.1:{redis}"]),
    }
    for name in [name for name, (_, command) in found.items() if not shutil.which(command[0])]:
        _, (program, *_) = found.pop(name)
        if name not in RIVALS:
            sys.exit(f"{program} is not installed")
        print(f"{program} is not installed: no column for {name}", file=sys.stderr)
    return found


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


def measure(ports: dict[str, int], options: argparse.Namespace) -> dict[tuple, dict]:
    """Returns rows by load, operation and measure: for each program, a figure from each round."""
    figures = defaultdict(lambda: defaultdict(list))
    runs = list(product([load for load in LOADS if load in options.only], ("GET", "SET")))
    requests = {(*run, name): int(benchmark(port, *run, LOADS[run[0]][1])[0] * options.seconds) + 1
                for run in runs for name, port in ports.items()}
    for turn in range(options.rounds):
        print(f"round {turn + 1} of {options.rounds}", file=sys.stderr)
        for index, run in enumerate(runs):
            for name in rotate(ports, turn + index):
                found = benchmark(ports[name], *run, requests[(*run, name)])
                for unit, figure in zip((RATE, P99), found):
                    figures[(*run, unit)][name].append(figure)
        if IDLE in options.only:
            for name, found in fetch_alternating(ports, turn).items():
                for unit, figure in zip((FIRST, WHOLE), found):
                    figures[IDLE, "GET", unit][name].append(figure)
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
        print(f"- {name}: {first_line(process.args[0], flag)}; threads: {threads}", flush=True)


def verdict(targets, ratios: dict[str, list[float]]) -> tuple[str, str]:
    """Returns the targets of a row, and whether the median ratios meet all of them."""
    wanted = ", ".join(f"{sign} {bound} × {rival}" for rival, sign, bound in targets)
    if not targets or any(rival not in ratios for rival, _, _ in targets):
        return wanted, "unknown" if targets else ""
    met = all(COMPARE[sign](median(ratios[rival]), bound) for rival, sign, bound in targets)
    return wanted, "yes" if met else "**no**"


def print_table(figures: dict[tuple, dict], programs: list[str]) -> None:
    rivals = [name for name in RIVALS if name in programs]
    print("\n| load | command | measure |", *(f"{name} |" for name in programs),
          *(f"zresp / {rival} |" for rival in rivals), "target | met |")
    print("|---|---|---|" + "---:|" * (len(programs) + len(rivals)) + "---|---|")
    for (load, operation, unit), row in figures.items():
        medians = [f"{median(row[name]):,.{0 if unit == RATE else 3}f}" for name in programs]
        ratios = {rival: [ours / theirs for ours, theirs in zip(row[ZRESP], row[rival])]
                  for rival in rivals}
        ranges = [f"{median(of):.2f} ({min(of):.2f}..{max(of):.2f})" for of in ratios.values()]
        targets = verdict(TARGETS.get((load, unit), ()), ratios)
        print("|", " | ".join([load, operation, unit, *medians, *ranges, *targets]), "|")


def parse() -> argparse.Namespace:
    names = [*LOADS, IDLE]
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
        found = commands(proxy, directory)
        processes = {name: stack.enter_context(running(command, port, directory / f"{name}.log"))
                     for name, (port, command) in found.items()}
        ports = {name: port for name, (port, _) in found.items()}
        preload(ports[DIRECT])
        describe(processes)
        print_table(measure(ports, options), list(ports))


if __name__ == "__main__":
    main()
