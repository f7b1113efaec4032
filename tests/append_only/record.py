#!/usr/bin/env python3
"""Records the append-only files of a server: record.py PROGRAM NAME.

NAME.aof is what a server before Redis 7 writes, the folder NAME what later ones write. They are small, so that tests can
cut them at every place. Times and sizes in the snapshots differ from one recording to the next.
"""

import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent

BEFORE = ["SET gone 1", "DEL gone", "SET zeros \"\\xff\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\"", "RPUSH list a b c"]
AFTER = [
    "SET key \"*3\\r\\n$3\\r\\nSET\\r\\n\"",
    "MULTI", "INCR n", "INCR n", "EXEC",
    "SELECT 3", "HSET hash field \"\\xff\\x00\"", "SET empty \"\"", "EXPIRE hash 100000",
]


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def ask(port, commands):
    """Sends inline commands, and returns the replies as bytes."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as stream:
        for command in [*commands, "QUIT"]:
            stream.sendall(command.encode() + b"\r\n")
        return b"".join(iter(lambda: stream.recv(4096), b""))


def wait(condition):
    for _ in range(100):
        try:
            if condition():
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise SystemExit("the server does not answer")


def main(program, name):
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
        options = ["--port", str(port), "--dir", folder, "--save", "", "--appendonly", "yes"]
        options += ["--appendfsync", "always"]
        if "v=6." not in version:
            # History files are kept.
            options += ["--aof-timestamp-enabled", "yes", "--aof-disable-auto-gc", "yes"]
        log = subprocess.DEVNULL
        with subprocess.Popen([program, *options], stdout=log, stderr=log) as server:
            wait(lambda: b"PONG" in ask(port, ["PING"]))
            ask(port, BEFORE)
            ask(port, ["BGREWRITEAOF"])
            wait(lambda: b"aof_rewrite_in_progress:0" in ask(port, ["INFO persistence"])
                 and b"aof_rewrite_scheduled:0" in ask(port, ["INFO persistence"]))
            # A timestamp is written once a second.
            time.sleep(1.1)
            ask(port, AFTER)
            server.terminate()
        written = pathlib.Path(folder)
        if (written / "appendonlydir").is_dir():
            shutil.rmtree(HERE / name, ignore_errors=True)
            shutil.copytree(written / "appendonlydir", HERE / name)
        else:
            shutil.copyfile(written / "appendonly.aof", HERE / f"{name}.aof")


if __name__ == "__main__":
    main(*sys.argv[1:])
