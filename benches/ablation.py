#!/usr/bin/env python3
"""Prints what the cache of the validator gains and costs.

    python3 benches/ablation.py [--only decode/,request/] [--rounds 21]

It builds `instructions.rs` with the cache and without it. Times
are nanoseconds per element: the least of all rounds, in which the builds take turns. In parentheses:
instructions per element.
"""

import argparse
import json
import os
import subprocess
import tempfile

from instructions import counts, listed

CACHES = ["command"]
BUILDS = {"all on": [], **{f"no {cache}": [cache] for cache in CACHES}}


def build(name, without):
    """Builds the bench with the cfg that switches the cache off. A wrapper sets it for this workspace
    alone, so that the dependencies are built only once."""
    wrapper = f"target/ablation/{name.replace(' ', '-')}"
    os.makedirs(os.path.dirname(wrapper), exist_ok=True)
    with open(wrapper, "w") as script:
        flags = [f"--cfg 'zresp_without=\"{cache}\"'" for cache in without]
        script.write(" ".join(['#!/bin/sh\nexec "$@"', *flags, "\n"]))
    os.chmod(wrapper, 0o755)
    command = ["cargo", "bench", "--all-features", "--no-run", "--bench", "instructions", "--message-format", "json"]
    environment = {**os.environ, "RUSTC_WORKSPACE_WRAPPER": os.path.abspath(wrapper)}
    result = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True)
    messages = map(json.loads, result.stdout.splitlines())
    return [message["executable"] for message in messages if message.get("executable")][-1]


def measure(program, name, file):
    """The nanoseconds of one round of a workload, and the number of values in the file."""
    result = subprocess.run([program, name, file, "time"], capture_output=True, text=True, check=True)
    nanoseconds, values = result.stdout.split()
    return float(nanoseconds) / int(values), int(values)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="decode/,request/", help="the first letters of the workloads, with commas")
    parser.add_argument("--rounds", type=int, default=21, help="how often each build takes its turn")
    options = parser.parse_args()
    programs = [build(name, without) for name, without in BUILDS.items()]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([programs[0], "--inputs", folder], check=True)
        works = [(name, os.path.join(folder, file)) for name, file in listed(programs[0])
                 if name.startswith(tuple(options.only.split(",")))]
        instructions = [counts(program, folder) for program in programs]
        print(f"| nanoseconds (instructions) an element | {' | '.join(BUILDS)} |\n|---|{'---:|' * len(BUILDS)}")
        for name, file in works:
            turns = [[measure(program, name, file) for program in programs] for _ in range(options.rounds)]
            cells = [f"{min(times)[0]:.2f} ({counted[name] / times[0][1]:.1f})"
                     for times, counted in zip(zip(*turns), instructions)]
            print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
