"""Runs the scenarios of tests/captures/record.py again, through a proxy or without one.

    python3 capture_through_proxy.py RECORD FOLDER [PROXY]

RECORD is the path of record.py; its files are written to FOLDER. With PROXY, a program, each
scenario's clients connect to a proxy in front of its server.
"""

import importlib.util
import subprocess
import sys
from pathlib import Path

script, folder, *proxy = sys.argv[1:]
specification = importlib.util.spec_from_file_location("record", script)
record = importlib.util.module_from_spec(specification)
specification.loader.exec_module(record)
record.HERE = Path(folder)


class ServerBehindProxy(record.Server):
    """A server whose first two clients come through a proxy."""

    def __init__(self, options):
        super().__init__(options)
        super().client()  # waits until the server answers
        self.clients.pop().socket.close()
        server = f"127.0.0.1:{self.port}"
        # One thread has asked all its questions before the first client, so MONITOR does not show them.
        command = [*proxy, "--listen", "127.0.0.1:0", "--upstream", server, "--threads", "1"]
        self.proxy = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        greeting = self.proxy.stdout.readline()
        self.proxy_port = int(greeting.split(": try")[0].rsplit(":")[-1])

    def client(self):
        # The third client finds out with a PING whether the server is busy. It must not use the
        # proxy, which answers PING itself.
        if len(self.clients) >= 2:
            return super().client()
        self.clients.append(record.Client(self.proxy_port))
        return self.clients[-1]

    def stop(self):
        super().stop()
        self.proxy.kill()
        self.proxy.wait()
        self.proxy.stdout.close()


if proxy:
    record.Server = ServerBehindProxy
for name, protocols, scenario in record.SCENARIOS:
    for protocol in protocols:
        try:
            record.record_scenario(name, protocol, scenario)
        except Exception as error:
            sys.exit(f"{name} in RESP{protocol}: {error!r}")
