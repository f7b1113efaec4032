#!/usr/bin/env python3
"""Counts the instructions of each workload of `instructions.rs` with valgrind, for one or two builds.

    cargo bench --all-features --no-run --bench instructions     # prints the program's path
    python3 benches/instructions.py BEFORE [AFTER] [--only decode/]

With two programs it prints the ratio after / before, and fails if one is above 1.03. Other load on
the machine does not change the counts. All workloads take about five minutes on two cores.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor


def instructions(program, name, file, rounds):
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program, name, file, str(rounds)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(re.search(r"Collected : (\d+)", result.stderr).group(1))


def count(program, name, file):
    """The instructions of the second round. In the first one, buffers still grow."""
    return instructions(program, name, file, 2) - instructions(program, name, file, 1)


def listed(program):
    result = subprocess.run([program, "--list"], capture_output=True, text=True, check=True)
    return [tuple(line.split()) for line in result.stdout.splitlines()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", nargs="+", help="the built benches: BEFORE, and optionally AFTER")
    parser.add_argument("--only", default="", help="count only workloads whose names start with this")
    parser.add_argument("--limit", type=float, default=1.03, help="the highest ratio that passes")
    options = parser.parse_args()
    slower = []
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        subprocess.run([options.programs[-1], "--inputs", folder], check=True)
        known = set.intersection(*(set(listed(program)) for program in options.programs))
        works = [work for work in listed(options.programs[0]) if work in known and work[0].startswith(options.only)]
        counts = [[pool.submit(count, program, name, os.path.join(folder, file)) for program in options.programs]
                  for name, file in works]
        for (name, _), values in zip(works, counts):
            values = [value.result() for value in values]
            line = f"{name:32}" + "".join(f"{value:14,}" for value in values)
            if len(values) == 2:
                ratio = values[1] / values[0]
                line += f"{ratio:8.3f}"
                if ratio > options.limit:
                    slower.append(f"{name} {ratio:.3f}")
                    line += "  slower"
            print(line, flush=True)
    if slower:
        sys.exit(f"{len(slower)} slower: " + ", ".join(slower))


if __name__ == "__main__":
    main()
