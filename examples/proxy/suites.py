#!/usr/bin/env python3
"""Runs the tests of servers and of clients on a server, directly and through the proxy, and prints what differs.

    cargo build --release -p zresp-proxy
    tools/servers.sh target/servers
    python3 examples/proxy/suites.py target/servers [SUITE...]

A suite is valkey or redis (their Tcl suites, on a server that runs already), redis-py, redis-rs or hiredis, with
`-resp3` after it for the other protocol (not hiredis). The Tcl suites select database 9, and so each client has its own
connection; with `-shared` after it they use database 0. By default all run, for two hours. What differs is run once
more, so that a test that fails at times is not taken for a difference. The sources come from Debian, PyPI and
crates.io. They, and all that the tests print, stay in the folder of the servers. Needs tclsh, and a C compiler for
hiredis.
"""
import dataclasses
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROXY = ROOT / "target/release/zresp-proxy"
REDIS_PY = "8.1.0"
# The longest time for one run, in seconds.
LIMIT = 3600
# Programs, and the folders of the servers that `tools/servers.sh` unpacks.
SERVERS = {"valkey": "valkey-9.1", "redis": "redis-8.6"}
SERVER_OPTIONS = """--bind 127.0.0.1 --save --enable-debug-command yes --enable-protected-configs yes
    --enable-module-command yes --loglevel warning""".split()


@dataclasses.dataclass
class Run:
    """One run of a suite."""

    servers: pathlib.Path
    name: str
    through: bool
    # The units to run; if it is empty, all.
    only: tuple = ()

    @property
    def sources(self):
        return self.servers / "suites"

    @property
    def server(self):
        """The kind of server: the clients are tested on Redis."""
        return "valkey" if self.name.startswith("valkey") else "redis"

    @property
    def resp3(self):
        return self.name.endswith("-resp3")

    def output(self, part, command, **options):
        """Returns what a run prints, and keeps it; one that takes too long is cut off, and says so."""
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        process = subprocess.Popen(command, start_new_session=True, **streams, **options)
        try:
            printed, _ = process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            printed = process.communicate()[0] + b"\n[err]: the run took too long in the script\n"
        text = re.sub(r"\x1b\[[0-9;]*m", "", printed.decode(errors="replace"))
        way = "through the proxy" if self.through else "directly"
        log = self.sources / "logs" / self.name / f"{part.replace('/', '-')} {way}{' again' if self.only else ''}"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(text)
        return text


def run(command, **options):
    return subprocess.run(command, check=True, **options)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(port):
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"nothing listens on port {port}")


def fetch_sources(folder):
    """Downloads the sources of Debian's packages, without installing anything."""
    apt = folder / ".apt"
    for part in ("lists/partial", "cache/archives/partial"):
        (apt / part).mkdir(parents=True, exist_ok=True)
    (apt / "status").touch()
    lists = "cat /etc/apt/sources.list.d/*.sources /etc/apt/sources.list 2>/dev/null"
    known = subprocess.run(lists, shell=True, capture_output=True, text=True).stdout
    mirror = re.search(r"https?://\S*/debian/?(?=\s)", known)
    if not mirror:
        raise SystemExit("no mirror of Debian is configured")
    keys = "/usr/share/keyrings/debian-archive-keyring.gpg"
    (apt / "only.sources").write_text(
        f"Types: deb-src\nURIs: {mirror[0]}\nSuites: sid experimental\nComponents: main\nSigned-By: {keys}\n"
    )
    settings = {
        "Dir::Etc::sourcelist": apt / "only.sources",
        "Dir::Etc::sourceparts": "-",
        "Dir::State::lists": apt / "lists",
        "Dir::State::status": apt / "status",
        "Dir::Cache": apt / "cache",
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
    }
    options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
    run(["apt-get", "-qq", *options, "update"])
    packages = ["redis/experimental", "valkey/sid", "hiredis"]
    run(["apt-get", "-qq", *options, "source", "--download-only", *packages], cwd=folder)
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", "redis"]
    run([*pip, "-d", folder, f"redis=={REDIS_PY}"])


def unpack(sources, pattern):
    """Returns a fresh copy of the sources in an archive, in a folder that the caller removes."""
    archive = next(iter(sorted(sources.glob(pattern))), None)
    if archive is None:
        raise SystemExit(f"{pattern} is missing in {sources}")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="zresp-suite-"))
    run(["tar", "xzf", archive, "-C", folder, "--strip-components=1"])
    return folder


def program(servers, name, tool):
    """Returns the text of a script that starts a program of an unpacked server."""
    folder = servers / SERVERS[name]
    text = (folder / f"{name}-server").read_text()
    target = f'--argv0 {name}-{tool} "{folder}/usr/bin/{name}-{tool}"'
    return text if tool == "server" else re.sub(r'--argv0 \S+ "[^"]*"', lambda _: target, text)


class Scene:
    """A server, and the proxy for it if wanted."""

    def __init__(self, run):
        self.folder = tempfile.mkdtemp(prefix="zresp-suite-")
        self.port = self.server = free_port()
        binary = run.servers / SERVERS[run.server] / f"{run.server}-server"
        command = [binary, "--port", str(self.server), "--dir", self.folder]
        self.processes = [subprocess.Popen([*command, *SERVER_OPTIONS], stdout=subprocess.DEVNULL)]
        wait_for(self.server)
        if run.through:
            self.port = free_port()
            addresses = ["--listen", f"[::]:{self.port}", "--upstream", f"127.0.0.1:{self.server}"]
            self.processes.append(subprocess.Popen([PROXY, *addresses, "--log", "error"], stdout=subprocess.DEVNULL))
            wait_for(self.port)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


# The suites want a setting of the server for RESP3, but a server that runs already need not have it. So their client
# switches the protocol whenever it has connected.
SWITCH = """
proc ::NAME::switch_protocol {id} {
    if {!$::force_resp3} return
    set fd $::NAME::fd($id)
    set readraw $::NAME::readraw($id)
    set ::NAME::readraw($id) 0
    puts -nonewline $fd "HELLO 3\\r\\n"
    flush $fd
    catch {::NAME::NAME_read_reply_logic $id $fd}
    set ::NAME::readraw($id) $readraw
}
"""


def switch_protocol(client, name):
    """Changes the suite's client."""
    text = client.read_text()
    made, made_again = r"interp alias \{\} ::\w+::\w+Handle\$id \{\} ::", r"set fd \$::\w+::fd\(\$id\)\n    }\n\n"
    for place in (made, made_again):
        text, count = re.subn(place, lambda found: f"::{name}::switch_protocol $id\n{found[0]}", text)
        if count != 1:
            raise SystemExit(f"{client} has changed")
    client.write_text(text + SWITCH.replace("NAME", name))


def tcl(run):
    folder = unpack(run.sources, f"{run.server}_*.orig.tar.gz")
    switch_protocol(folder / f"tests/support/{run.server}.tcl", run.server)
    for tool in ("server", "cli", "benchmark", "check-aof", "check-rdb"):
        path = folder / f"src/{run.server}-{tool}"
        path.write_text(program(run.servers, run.server, tool))
        path.chmod(0o755)
    tests = run.only or subprocess.check_output(["./runtest", "--list-tests"], cwd=folder, text=True).split()
    # The server sees only the proxy's address, so tests of IPv6 are left out.
    options = ["--host", "127.0.0.1", "--durable", "--timeout", "120", "--skiptest", "/IPv6"]
    options += ["--force-resp3"] * run.resp3 + ["--singledb"] * run.name.endswith("-shared")
    results = {}
    # Each file has its own server: one that fails would otherwise end the run.
    for test in tests:
        # The suite takes ports from here on, below those that the system gives to others.
        base = ["--baseport", str(random.randrange(12000, 22000))]
        with Scene(run) as scene:
            command = ["./runtest", *options, *base, "--port", str(scene.port), "--single", test]
            text = run.output(test, command, cwd=folder)
        for verdict, title in re.findall(r"^\[(ok|err|exception|TIMEOUT)\]: (.*?)(?: \(\d+ ms\))?$", text, re.M):
            title = "(between tests)" if "(context: " in title else re.sub(r" in tests/\S+$", "", title)
            title = f"{test}: {title}"
            while title in results:  # some tests of a file have the same title
                title += "'"
            results[title] = "ok" if verdict == "ok" else "err"
        if "The End" not in text:
            results[f"{test}: (ends early)"] = "err"
    shutil.rmtree(folder, ignore_errors=True)
    return results


def redis_py(run):
    folder = unpack(run.sources, f"redis-{REDIS_PY}.tar.gz")
    venv = run.sources / "redis-py-venv"
    with Scene(run) as scene:
        marks = "not onlycluster and not redismod and not ssl and not replica and not cp_integration"
        command = [venv / "bin/python", "-m", "pytest", "-v", "--tb=short", "-p", "no:cacheprovider", "-m", marks]
        url = f"redis://127.0.0.1:{scene.port}/0"
        options = [f"--redis-url={url}", f"--protocol={3 if run.resp3 else 2}", "--continue-on-collection-errors"]
        tests = run.only or ["tests"]
        text = run.output("pytest", [*command, *options, *tests], cwd=folder, env={**os.environ, "PYTHONPATH": folder})
    words = {"PASSED": "ok", "FAILED": "err", "ERROR": "err"}
    found = re.findall(r"^(tests/\S+) (PASSED|FAILED|ERROR)", text, re.M)
    shutil.rmtree(folder, ignore_errors=True)
    return {title: words[verdict] for title, verdict in found}


def prepare_redis_py(servers):
    venv = servers / "suites/redis-py-venv"
    run([sys.executable, "-m", "venv", venv])
    needs = "pytest pytest-asyncio pytest-timeout packaging numpy xxhash pybreaker aiohttp redis-entraid"
    run([venv / "bin/pip", "install", "-q", "opentelemetry-sdk", *needs.split()])


def hiredis(run):
    folder = unpack(run.sources, "hiredis_*.orig.tar.gz")
    run_quietly = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "check": True}
    subprocess.run(["make", "-s", "hiredis-test"], cwd=folder, **run_quietly)
    with Scene(run) as scene:
        command = ["./hiredis-test", "-h", "127.0.0.1", "-p", str(scene.port), "-s", "/nowhere", "--skip-inherit-fd"]
        text = run.output("test", [*command, "--skip-throughput"], cwd=folder)
    shutil.rmtree(folder, ignore_errors=True)
    words = {"PASSED": "ok", "FAILED": "err"}
    return {title: words[verdict] for title, verdict in re.findall(r"^(#\d+ .*?): (PASSED|FAILED)", text, re.M)}


# Stands in for `redis-server`: starts it on another port, and the proxy on the one that was asked for. The server ends
# with the proxy.
STAND_IN = """#!/usr/bin/env python3
import ctypes, os, signal, socket, subprocess, sys, time
args = sys.argv[1:]
if "--port" not in args:
    os.execv("{server}", ["redis-server", *args])
at = args.index("--port") + 1
with socket.socket() as listener:
    listener.bind(("127.0.0.1", 0))
    port, args[at] = args[at], str(listener.getsockname()[1])
subprocess.Popen(["{server}", *args], preexec_fn=lambda: ctypes.CDLL(None).prctl(1, signal.SIGKILL))
for _ in range(100):
    try:
        socket.create_connection(("127.0.0.1", int(args[at]))).close()
        break
    except OSError:
        time.sleep(0.02)
addresses = ["--listen", "127.0.0.1:" + port, "--upstream", "127.0.0.1:" + args[at]]
os.execv("{proxy}", ["zresp-proxy", *addresses, "--log", "error"])
"""


def without_macro(text):
    """Replaces `#[async_test]`, whose crate is not published, by tests that call the function."""
    def tests(found):
        attributes, name, argument = found.groups()
        calls = {"": ""}
        if "bool" in argument:
            calls = {"_true": "true", "_false": "false"}
        elif argument:
            calls = {"_multiplexed": "TestContext::new().async_connection().await.unwrap()",
                     "_manager": "TestContext::new().client.get_connection_manager().await.unwrap()"}
        made = [f"#[test]\n{attributes}fn test_{name}{end}() {{ _ = block_on_all(async {{ {name}({value}).await }}, "
                "RuntimeType::Tokio); }\n" for end, value in calls.items()]
        return "".join(made) + attributes + f"async fn {name}({argument})"
    text = text.replace("use test_macros::async_test;", "")
    return re.sub(r"#\[async_test\]\n((?:\s*#\[.*\]\n)*)\s*async fn (\w+)\(([^()]*)\)", tests, text)


def prepare_redis_rs(servers):
    metadata = subprocess.run(["cargo", "metadata", "--format-version", "1"], cwd=ROOT, capture_output=True, check=True)
    package = next(package for package in json.loads(metadata.stdout)["packages"] if package["name"] == "redis")
    folder = servers / "suites/redis-rs"
    shutil.copytree(pathlib.Path(package["manifest_path"]).parent, folder)
    for test in (folder / "tests").glob("*.rs"):
        if any(word in test.name for word in ("cluster", "module", "tls", "sentinel")):
            test.unlink()
        else:
            test.write_text(without_macro(test.read_text()))
    manifest = re.split(r"(?m)^(?=\[)", (folder / "Cargo.toml").read_text())
    path = r'path = "([^"]*)"'
    kept = [table for table in manifest if not table.startswith(("[[test]]", "[[bench]]"))
            or table.startswith("[[test]]") and (folder / re.search(path, table)[1]).exists()]
    added = '[dev-dependencies.redis-test]\nversion = "1"\n[patch.crates-io]\nredis = { path = "." }\n[workspace]\n'
    (folder / "Cargo.toml").write_text("".join(kept) + added)
    (folder / "Cargo.lock").unlink(missing_ok=True)
    server = servers / SERVERS["redis"] / "redis-server"
    stand_in = servers / "suites/redis-server"
    stand_in.write_text(STAND_IN.format(server=server, proxy=PROXY))
    stand_in.chmod(0o755)


def redis_rs(run):
    server = run.sources / "redis-server" if run.through else run.servers / SERVERS["redis"] / "redis-server"
    settings = {"REDISRS_SERVER_BIN": str(server), "PROTOCOL": "RESP3" if run.resp3 else "RESP2"}
    command = ["cargo", "test", "--no-fail-fast", "--tests", "--features", "tokio-comp,connection-manager"]
    # The tests of asynchronous connections watch for panics in the whole process, so one runs at a time.
    rest = ["--", "--test-threads=1", *(["--exact", *run.only] if run.only else [])]
    text = run.output("cargo", [*command, *rest], cwd=run.sources / "redis-rs", env={**os.environ, **settings})
    # A test may print something before its verdict.
    found = re.findall(r"^test (\S+)(?: - [\w ]+)? \.\.\. (?:(?!^test ).)*?(ok|FAILED)$", text, re.M | re.S)
    return {title: "ok" if verdict == "ok" else "err" for title, verdict in found}


SUITES = {f"{server}{kind}": tcl for server in SERVERS for kind in ("", "-resp3", "-shared")} | {
    "redis-py": redis_py,
    "redis-py-resp3": redis_py,
    "redis-rs": redis_rs,
    "redis-rs-resp3": redis_rs,
    "hiredis": hiredis,
}
PREPARATIONS = {"sources": lambda servers: fetch_sources(servers / "suites"), "redis-py": prepare_redis_py,
                "redis-rs": prepare_redis_rs}


def prepare(servers, names):
    """Does once what suites need that will run."""
    for name, work in PREPARATIONS.items():
        mark = servers / f"suites/{name}-is-ready"
        if not mark.exists() and (name == "sources" or any(suite.startswith(name) for suite in names)):
            mark.parent.mkdir(exist_ok=True)
            work(servers)
            mark.touch()


def both(servers, name, only=()):
    """Runs a suite directly and through the proxy, at the same time; returns both results."""
    runs = [Run(servers, name, through, only) for through in (False, True)]
    with ThreadPoolExecutor() as pool:
        return list(pool.map(SUITES[name], runs))


def differing(direct, through):
    return [title for title in {**direct, **through} if direct.get(title) != through.get(title)]


def main():
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    servers = pathlib.Path(sys.argv[1]).resolve()
    names = sys.argv[2:] or list(SUITES)
    prepare(servers, names)
    table = ["| suite | directly: passed, failed | through the proxy | differ | differ in one of two runs |",
             "|---|---:|---:|---:|---:|"]
    for name in names:
        results = both(servers, name)
        counts = [", ".join(str(list(way.values()).count(verdict)) for verdict in ("ok", "err")) for way in results]
        first = differing(*results)
        # A unit of a Tcl suite is a file.
        units = tuple(dict.fromkeys(title.split(": ")[0] for title in first))
        again = both(servers, name, units) if units else [{}, {}]
        still = [title for title in first if title in differing(*again)]
        for title in first:
            shown = ["/".join(str(result[way].get(title)) for result in (results, again)) for way in (0, 1)]
            print(f"{name}: {title}: {shown[0]} directly, {shown[1]} through the proxy", flush=True)
        table.append(f"| {name} | {counts[0]} | {counts[1]} | {len(still)} | {len(first) - len(still)} |")
        print(table[-1], flush=True)
    print("\n".join(table))


if __name__ == "__main__":
    main()
