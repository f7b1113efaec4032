#!/usr/bin/env python3
"""Counts the instructions of each workload of `instructions.rs` with valgrind, for one or two builds.

    cargo bench --all-features --no-run --bench instructions     # prints the program's path
    python3 benches/instructions.py BEFORE [AFTER] [--only decode/]

With two programs it prints the ratio after / before, and fails if one is above 1.03. The counts do
not depend on what else the machine does.
"""

import argparse
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

ROUNDS = 2


def instructions(program, name, rounds):
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program, name, str(rounds)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(re.search(r"Collected : (\d+)", result.stderr).group(1))


def count(program, name):
    """One round, without the making of the input and the first round, in which buffers grow."""
    return (instructions(program, name, 1 + ROUNDS) - instructions(program, name, 1)) / ROUNDS


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", nargs="+", help="built benches: before, and perhaps after")
    parser.add_argument("--only", default="", help="the beginning of the names to count")
    parser.add_argument("--limit", type=float, default=1.03, help="the greatest ratio that passes")
    options = parser.parse_args()
    listed = [set(subprocess.run([p, "--list"], capture_output=True, text=True, check=True).stdout.split())
              for p in options.programs]
    names = sorted(name for name in set.intersection(*listed) if name.startswith(options.only))
    slower = []
    with ThreadPoolExecutor(2) as pool:
        counts = {p: pool.map(lambda name, p=p: count(p, name), names) for p in options.programs}
        for name, *values in zip(names, *counts.values()):
            line = f"{name:32}" + "".join(f"{value:14,.0f}" for value in values)
            if len(values) == 2:
                ratio = values[1] / values[0]
                line += f"{ratio:8.3f}"
                if ratio > options.limit:
                    slower.append(f"{name} {ratio:.3f}")
                    line += "  slower"
            print(line, flush=True)
    if slower:
        sys.exit(f"{len(slower)} slower: " + ", ".join(slower))


main()
