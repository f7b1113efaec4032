#!/usr/bin/env python3
"""Runs the tests of servers and of clients on a server, directly and through the proxy, and prints what differs.

    cargo build --release -p zresp-proxy
    tools/servers.sh target/servers
    python3 examples/proxy/suites.py target/servers [SUITE...]

A suite is valkey, redis (their Tcl suites, on a server that runs already), redis-py, redis-rs or hiredis, with `-resp3`
after it for the other protocol (not hiredis); by default all run. The sources come from Debian, PyPI and crates.io, and
stay in the folder of the servers. A Tcl suite takes about ten minutes. Needs tclsh, and a C compiler for hiredis.
"""
import json
import os
import pathlib
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROXY = ROOT / "target/release/zresp-proxy"
REDIS_PY = "8.1.0"
# The longest time for one run, in seconds.
LIMIT = 1800
# Programs, and the folders of the servers that `tools/servers.sh` unpacks.
SERVERS = {"valkey": "valkey-9.1", "redis": "redis-8.6"}
SERVER_OPTIONS = """--bind 127.0.0.1 --save --enable-debug-command yes --enable-protected-configs yes
    --enable-module-command yes --loglevel warning""".split()


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
    """Returns a fresh copy of the sources in an archive, in a folder that goes away at the end."""
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

    def __init__(self, servers, name, through):
        self.folder = tempfile.mkdtemp(prefix="zresp-suite-")
        self.port = self.server = free_port()
        command = [servers / SERVERS[name] / f"{name}-server", "--port", str(self.server), "--dir", self.folder]
        self.processes = [subprocess.Popen([*command, *SERVER_OPTIONS], stdout=subprocess.DEVNULL)]
        wait_for(self.server)
        if through:
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


def output(command, **options):
    """Returns what a run prints; one that takes too long is cut off, and says so."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT, **options)
        return done.stdout.decode(errors="replace")
    except subprocess.TimeoutExpired as late:
        return (late.stdout or b"").decode(errors="replace") + "\n[err]: the run took too long in the script\n"


def tcl(servers, sources, name, resp3, through):
    folder = unpack(sources, f"{name}_*.orig.tar.gz")
    for tool in ("server", "cli", "benchmark", "check-aof", "check-rdb"):
        path = folder / f"src/{name}-{tool}"
        path.write_text(program(servers, name, tool))
        path.chmod(0o755)
    tests = subprocess.run(["./runtest", "--list-tests"], cwd=folder, capture_output=True, text=True).stdout.split()
    # The suite takes ports from here on, below those that the system gives to others.
    base = str(random.randrange(12000, 22000))
    results = {}
    # Each file has its own server: one that fails would otherwise end the run.
    for test in tests:
        with Scene(servers, name, through) as scene:
            options = ["--host", "127.0.0.1", "--port", str(scene.port), "--baseport", base, "--skiptest", "/IPv6"]
            protocol = ["--force-resp3"] if resp3 else []
            text = output(["./runtest", *options, *protocol, "--single", test], cwd=folder)
        text = re.sub(r"\x1b\[[0-9;]*m", "", text)
        for verdict, title in re.findall(r"^\[(ok|err|exception|ignore|timeout)\]: (.*?)(?: \(\d+ ms\))?$", text, re.M):
            title = re.sub(r" in tests/\S+$", "", title)
            results[f"{test}: {title}"] = verdict
        if "[exception]" in text or "invoked from within" in text:
            results[f"{test}: (ends early)"] = "err"
    shutil.rmtree(folder, ignore_errors=True)
    return results


def redis_py(servers, sources, _, resp3, through):
    folder = unpack(sources, f"redis-{REDIS_PY}.tar.gz")
    venv = sources / "redis-py-venv"
    if not (venv / "is-complete").exists():
        run([sys.executable, "-m", "venv", venv])
        needs = "pytest pytest-asyncio pytest-timeout packaging numpy xxhash pybreaker aiohttp"
        run([venv / "bin/pip", "install", "-q", *needs.split()])
        (venv / "is-complete").touch()
    with Scene(servers, "redis", through) as scene:
        marks = "not onlycluster and not redismod and not ssl and not replica and not cp_integration"
        command = [venv / "bin/python", "-m", "pytest", "-q", "-rA", "--tb=no", "-m", marks, "-p", "no:cacheprovider"]
        url = f"redis://127.0.0.1:{scene.port}/0"
        options = [f"--redis-url={url}", f"--protocol={3 if resp3 else 2}", "--continue-on-collection-errors"]
        text = output([*command, *options, "tests"], cwd=folder, env={**os.environ, "PYTHONPATH": str(folder)})
    words = {"PASSED": "ok", "FAILED": "err", "ERROR": "err"}
    found = re.findall(r"^(PASSED|FAILED|ERROR) (\S+)", text, re.M)
    shutil.rmtree(folder, ignore_errors=True)
    return {title: words[verdict] for verdict, title in found}


def hiredis(servers, sources, _, __, through):
    folder = unpack(sources, "hiredis_*.orig.tar.gz")
    run(["make", "-s", "hiredis-test"], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with Scene(servers, "redis", through) as scene:
        command = ["./hiredis-test", "-h", "127.0.0.1", "-p", str(scene.port), "-s", "/nowhere", "--skip-inherit-fd"]
        text = output([*command, "--skip-throughput"], cwd=folder)
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
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


def redis_rs(servers, sources, _, resp3, through):
    """The published sources lack a crate that the asynchronous tests need, so only the others are run."""
    metadata = subprocess.run(["cargo", "metadata", "--format-version", "1"], cwd=ROOT, capture_output=True, check=True)
    package = next(package for package in json.loads(metadata.stdout)["packages"] if package["name"] == "redis")
    folder = sources / "redis-rs"
    if not folder.exists():
        shutil.copytree(pathlib.Path(package["manifest_path"]).parent, folder)
        for test in (folder / "tests").glob("*.rs"):
            text = test.read_text()
            if "async_test" in text or "cluster" in test.name or "module" in test.name or "tls" in test.name:
                test.unlink()
        manifest = re.split(r"(?m)^(?=\[)", (folder / "Cargo.toml").read_text())
        path = r'path = "([^"]*)"'
        kept = [table for table in manifest if not table.startswith(("[[test]]", "[[bench]]"))
                or table.startswith("[[test]]") and (folder / re.search(path, table)[1]).exists()]
        added = '[dev-dependencies.redis-test]\nversion = "1"\n[patch.crates-io]\nredis = { path = "." }\n[workspace]\n'
        (folder / "Cargo.toml").write_text("".join(kept) + added)
        (folder / "Cargo.lock").unlink(missing_ok=True)
    server = servers / SERVERS["redis"] / "redis-server"
    if through:
        stand_in = sources / "redis-server"
        stand_in.write_text(STAND_IN.format(server=server, proxy=PROXY))
        stand_in.chmod(0o755)
        server = stand_in
    settings = {"REDISRS_SERVER_BIN": str(server), "PROTOCOL": "RESP3" if resp3 else "RESP2"}
    command = ["cargo", "test", "--no-fail-fast", "--tests", "--", "--test-threads=2"]
    text = output(command, cwd=folder, env={**os.environ, **settings})
    found = re.findall(r"^test (\S+)(?: - \S+)? \.\.\. (ok|FAILED)", text, re.M)
    return {title: "ok" if verdict == "ok" else "err" for title, verdict in found}


SUITES = {
    "valkey": tcl,
    "valkey-resp3": tcl,
    "redis": tcl,
    "redis-resp3": tcl,
    "redis-py": redis_py,
    "redis-py-resp3": redis_py,
    "redis-rs": redis_rs,
    "redis-rs-resp3": redis_rs,
    "hiredis": hiredis,
}


def main():
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    servers = pathlib.Path(sys.argv[1]).resolve()
    names = sys.argv[2:] or list(SUITES)
    sources = servers / "suites"
    if not sources.exists():
        sources.mkdir()
        fetch_sources(sources)
    table = ["| suite | direct: passed, failed | through the proxy | differs |", "|---|---:|---:|---:|"]
    for name in names:
        both = [SUITES[name](servers, sources, name.split("-")[0], name.endswith("-resp3"), way) for way in (False, True)]
        counts = [", ".join(str(list(way.values()).count(verdict)) for verdict in ("ok", "err")) for way in both]
        titles = [title for title in {**both[0], **both[1]} if both[0].get(title) != both[1].get(title)]
        for title in titles:
            print(f"{name}: {title}: {both[0].get(title)} directly, {both[1].get(title)} through the proxy", flush=True)
        table.append(f"| {name} | {counts[0]} | {counts[1]} | {len(titles)} |")
        print(table[-1], flush=True)
    print("\n".join(table))


main()
