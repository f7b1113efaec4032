#!/usr/bin/env python3
"""Lists the calls in a library to functions that panic, with the source of each call.

    find.py LIBRARY FOLDER

Fails if a call comes from a source in FOLDER, wherever it was inlined, except for calls when out of memory. Also
fails if the library has no function that panics. Reads the output of `nm`, `readelf`, `objdump` and `addr2line` for
an x86-64 library with line tables.
"""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

MEMORY = re.compile(r"^alloc::raw_vec::(capacity_overflow|handle_error)|^alloc::alloc::handle_alloc_error")
PANICS = re.compile(
    r"^core::panicking::|^core::(option|result)::\w+_failed|^core::(slice|str)::.*_fail|::panic_\w+$|"
    + MEMORY.pattern
)


def lines(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


def panicking(library):
    """The functions that panic, by address."""
    symbols = (line.split(maxsplit=2) for line in lines("nm", "--demangle", library))
    return {int(s[0], 16): s[2] for s in symbols if len(s) == 3 and PANICS.search(s[2])}


def slots(library):
    """The functions whose addresses the loader writes into a table, by their place in it."""
    entries = (line.split() for line in lines("readelf", "--relocs", "--wide", library))
    return {int(e[0], 16): int(e[3], 16) for e in entries if len(e) == 4 and e[2] == "R_X86_64_RELATIVE"}


def calls(library):
    """The address of each instruction that calls or loads a panicking function, and both functions' names."""
    panics, table, function = panicking(library), slots(library), ""
    for line in lines("objdump", "--disassemble", "--demangle", "--no-show-raw-insn", library):
        if line.endswith(">:"):
            function = line[line.index("<") + 1 : -2]
        direct = re.match(r"\s*([0-9a-f]+):\s+(?:call|j\w+)\s+([0-9a-f]+) <", line)
        loaded = re.match(r"\s*([0-9a-f]+):\s.*\(%rip\).*# ([0-9a-f]+) <", line)
        if direct or loaded:
            address, target = (direct or loaded).groups()
            target = int(target, 16)
            callee = panics.get(target if direct else table.get(target))
            if callee and not PANICS.search(function):
                yield address, function, callee


def sources(library, address):
    """The place in a source that an instruction comes from, and the places into which that was inlined."""
    said = lines("addr2line", "--exe", library, "--inlines", "0x" + address)
    return [re.sub(r" \(discriminator.*", "", place) for place in said]


def origin(place, folder):
    """The crate that a source belongs to."""
    crate = re.search(r"/registry/src/[^/]+/([^/]+)-[^/-]+/", place)
    return crate[1] if crate else "zresp" if place.startswith(folder) else "the standard library"


def main(library, folder):
    folder, found, origins, own = str(Path(folder).resolve()) + "/", Counter(), Counter(), 0
    for address, function, callee in calls(library):
        places = sources(library, address)
        # A check in the standard library counts for its caller.
        place = next((place for place in places if "/library/" not in place), places[-1])
        out_of_memory = bool(MEMORY.search(callee))
        own += place.startswith(folder) and not out_of_memory
        origins[origin(place, folder), out_of_memory] += 1
        found[callee, re.sub(r"^.*/(registry/src/[^/]+/|(?=library/))", "", place.replace(folder, "src/")), function] += 1
    for (callee, place, function), count in sorted(found.items()):
        print(f"{count} x {callee}, at {place}, in {function}")
    for (crate, out_of_memory), count in sorted(origins.items()):
        print(f"{count:4} calls from {crate}" + ", when out of memory" * out_of_memory)
    if not panicking(library):
        sys.exit("no function panics: is this the right library?")
    if own:
        sys.exit(f"{own} of these calls come from {folder}")


if __name__ == "__main__":
    main(*sys.argv[1:])
