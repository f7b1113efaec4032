#!/usr/bin/env python3
"""Records known traffic with a server on loopback: record.py PROGRAM.

Writes session.pcap, a capture of whole connections, middle.pcap, which begins when a connection is already in use, and
replica.pcap, a replica's full and partial synchronisation.
Needs tcpdump, and the right to capture. The tests in ../inspect/captures.rs know the commands.
"""

import pathlib
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Client:
    def __init__(self, port):
        self.stream = socket.create_connection(("127.0.0.1", port), timeout=10)

    def send(self, *commands):
        """Sends commands in one write, and waits until what the server says has arrived."""
        wire = b""
        for command in commands:
            wire += b"*%d\r\n" % len(command)
            for argument in command:
                argument = argument if isinstance(argument, bytes) else argument.encode()
                wire += b"$%d\r\n%s\r\n" % (len(argument), argument)
        self.stream.sendall(wire)
        time.sleep(0.15)
        self.stream.setblocking(False)
        try:
            while self.stream.recv(1 << 20):
                pass
        except BlockingIOError:
            pass
        self.stream.setblocking(True)


def capture(port, name):
    """Starts tcpdump, and returns once it captures."""
    command = ["tcpdump", "-i", "lo", "--immediate-mode", "-U", "-w", str(HERE / name), f"tcp port {port}"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if "listening on" in line:
            time.sleep(0.5)
            return process
    raise SystemExit("tcpdump does not capture")


def stop(process):
    time.sleep(0.5)
    process.terminate()
    process.wait()


def main(program):
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        options = ["--port", str(port), "--dir", folder, "--save", ""]
        server = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)
        time.sleep(1)
        try:
            tcpdump = capture(port, "session.pcap")
            session(port)
            stop(tcpdump)
            client = Client(port)
            client.send(["SET", "before", "1"])
            tcpdump = capture(port, "middle.pcap")
            client.send(["INCR", "n"])
            client.send(["GET", "before"], ["NOSUCH"])
            stop(tcpdump)
            tcpdump = capture(port, "replica.pcap")
            synchronise(program, port, client)
            stop(tcpdump)
        finally:
            server.terminate()
            server.wait()


def synchronise(program, port, primary):
    """Runs a replica: it synchronises, loses its connection, and continues where it was."""
    with tempfile.TemporaryDirectory() as folder:
        options = ["--port", str(free_port()), "--dir", folder, "--save", "", "--replicaof", "127.0.0.1", str(port)]
        replica = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)
        try:
            # The primary waits before it makes a snapshot, for other replicas.
            time.sleep(8)
            primary.send(["SET", "while", "linked"])
            time.sleep(0.5)
            primary.send(["CLIENT", "KILL", "TYPE", "replica"], ["SET", "while", "away"])
            time.sleep(3)
            primary.send(["INCR", "n"])
            time.sleep(1.5)
        finally:
            replica.terminate()
            replica.wait()


def session(port):
    first = Client(port)
    first.send(["SET", "key", b"\xff\x00"])
    first.send(["GET", "key"], ["INCR", "n"], ["INCR", "key"], ["GET", "missing"])
    first.send(["MULTI"], ["INCR", "n"], ["LPUSH", "list", "a", "b"], ["EXEC"])
    first.send(["SET", "large", "x" * 70_000])
    first.send(["GET", "large"])
    subscriber = Client(port)
    subscriber.send(["SUBSCRIBE", "c1", "c2"])
    first.send(["PUBLISH", "c1", "hello"])
    subscriber.send(["UNSUBSCRIBE"])
    subscriber.send(["PING"])
    first.send(["HELLO", "3"])
    first.send(["CLIENT", "TRACKING", "ON"], ["GET", "key"])
    other = Client(port)
    other.send(["CLIENT", "REPLY", "SKIP"], ["SET", "key", "2"], ["GET", "key"])
    other.send(["CLIENT", "REPLY", "OFF"], ["DEL", "key"])
    other.send(["CLIENT", "REPLY", "ON"], ["DBSIZE"])
    first.send(["HGETALL", "missing"])
    first.stream.close()
    time.sleep(0.2)


main(*sys.argv[1:])
