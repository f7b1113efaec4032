#!/usr/bin/env python3
"""Counts the instructions of each workload of `instructions.rs` with valgrind, for one or two builds.

    cargo bench --all-features --no-run --bench instructions     # prints the program's path
    python3 benches/instructions.py BEFORE [AFTER] [--only decode/]

With two programs it prints the ratio after / before, and fails if one is above 1.03. Other load on
the machine does not change the counts. All workloads take about half a minute on two cores.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

COUNTED = "instructions::counted"
# The fewest workloads that must be compared, unless `--only` selects some.
FEWEST = 150


def counts(program, inputs, only=""):
    """The instructions of the second round of each workload, by name. In the first one, buffers still grow."""
    with tempfile.TemporaryDirectory() as folder:
        dumps = Path(folder, "dump")
        # Counting begins and ends with this function, and each of its ends makes a file.
        options = [f"--toggle-collect={COUNTED}", f"--dump-after={COUNTED}", f"--callgrind-out-file={dumps}"]
        command = ["valgrind", "--tool=callgrind", *options, program, "--count", inputs, only]
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode:
            sys.exit(f"{program} failed:\n{result.stderr}")
        names = result.stdout.split()
        texts = [Path(f"{dumps}.{number}").read_text() for number in range(1, len(names) + 1)]
    return {name: int(re.search(r"^totals: (\d+)", text, re.M)[1]) for name, text in zip(names, texts)}


def listed(program):
    result = subprocess.run([program, "--list"], capture_output=True, text=True, check=True)
    return [tuple(line.split()) for line in result.stdout.splitlines()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", nargs="+", help="the built benches: BEFORE, and optionally AFTER")
    parser.add_argument("--only", default="", help="count only workloads whose names start with this")
    parser.add_argument("--limit", type=float, default=1.03, help="the highest ratio that passes")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as inputs, ThreadPoolExecutor(2) as pool:
        subprocess.run([options.programs[-1], "--inputs", inputs], check=True)
        results = list(pool.map(lambda program: counts(program, inputs, options.only), options.programs))
    slower = []
    for name in dict.fromkeys(name for result in results for name in result):
        values = [result.get(name) for result in results]
        line = f"{name:32}" + "".join(f"{value:14,}" if value else f"{'-':>14}" for value in values)
        if len(values) == 2 and all(values):
            ratio = values[1] / values[0]
            line += f"{ratio:8.3f}"
            if ratio > options.limit:
                slower.append(f"{name} {ratio:.3f}")
                line += "  slower"
        print(line)
    compared = len(set.intersection(*map(set, results)))
    if slower:
        sys.exit(f"{len(slower)} of {compared} are slower: " + ", ".join(slower))
    if compared < FEWEST and not options.only:
        sys.exit(f"only {compared} workloads, and there should be {FEWEST}")


if __name__ == "__main__":
    main()
