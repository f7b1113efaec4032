#!/usr/bin/env python3
"""Lists the calls in a library to functions that panic, with the source of each call.

    find.py LIBRARY FOLDER

Fails if a call comes from a source in FOLDER, wherever it was inlined, except when out of memory and in UNREACHED. Also
fails if it finds no such call when out of memory, because there always are some. Reads the output of `nm`, `readelf`,
`objdump` and `addr2line` for an x86-64 library with line tables.
"""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

MEMORY = re.compile(
    r"^alloc::raw_vec::(capacity_overflow|handle_error)|^alloc::alloc::handle_alloc_error|::BytesMut::reserve_inner$"
)
PANICS = re.compile(
    r"^core::panicking::|^core::(option|result)::\w+_failed|^core::(slice|str)::.*_fail|::panic_\w+$|"
    + MEMORY.pattern
)
# Whether these panic depends on their arguments, so one that calls a function that panics is such a function, too.
# Searches and `format` are not among them: they check only their own logic, and what a `Display` returns.
CHECKS = re.compile(r"^<?(alloc(?!::fmt)|bytes|core::slice(?!::memchr)|core::str(?!::pattern))::")
# The sources of those, if they are inlined.
CHECKED = re.compile(r"/library/|/registry/src/[^/]+/bytes-")
# A function that panics if a buffer has no room, and one that calls it after making room.
UNREACHED = {("bytes::panic_advance", "zresp::encode::late::LateHeaders::insert")}


def lines(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


def functions(library):
    """The names of the functions, by address."""
    symbols = (line.split(maxsplit=2) for line in lines("nm", "--demangle", library))
    return {int(s[0], 16): s[2] for s in symbols if len(s) == 3}


def slots(library):
    """The functions whose addresses the loader writes into a table, by their place in it."""
    entries = (line.split() for line in lines("readelf", "--relocs", "--wide", library))
    return {int(e[0], 16): int(e[3], 16) for e in entries if len(e) == 4 and e[2] == "R_X86_64_RELATIVE"}


def calls(library):
    """The address of each instruction that calls or loads a function that panics, and both functions' names."""
    names, table, function, found = functions(library), slots(library), "", []
    for line in lines("objdump", "--disassemble", "--demangle", "--no-show-raw-insn", library):
        if line.endswith(">:"):
            function = names.get(int(line.split()[0], 16), "")
        direct = re.match(r"\s*([0-9a-f]+):\s+(?:call|j\w+)\s+([0-9a-f]+) <", line)
        loaded = re.match(r"\s*([0-9a-f]+):\s.*\(%rip\).*# ([0-9a-f]+) <", line)
        if direct or loaded:
            address, target = (direct or loaded).groups()
            target = int(target, 16)
            found.append((address, function, names.get(target if direct else table.get(target), "")))
    panics = {name for name in names.values() if PANICS.search(name)}
    more = panics
    while more:
        more = {caller for _, caller, callee in found if callee in panics and CHECKS.search(caller)
                and not MEMORY.search(callee)} - panics
        panics |= more
    return [call for call in found if call[2] in panics and call[1] not in panics]


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
        # A check of its arguments counts for its caller.
        place = next((place for place in places if not CHECKED.search(place)), places[-1])
        out_of_memory = bool(MEMORY.search(callee))
        own += place.startswith(folder) and not out_of_memory and (callee, function) not in UNREACHED
        origins[origin(place, folder), out_of_memory] += 1
        found[callee, re.sub(r"^.*/(registry/src/[^/]+/|(?=library/))", "", place.replace(folder, "src/")), function] += 1
    for (callee, place, function), count in sorted(found.items()):
        print(f"{count} x {callee}, at {place}, in {function}")
    for (crate, out_of_memory), count in sorted(origins.items()):
        print(f"{count:4} calls from {crate}" + ", when out of memory" * out_of_memory)
    if not origins["zresp", True]:
        sys.exit(f"no call from {folder} when out of memory: are the library and the disassembler the right ones?")
    if own:
        sys.exit(f"{own} of these calls come from {folder}")


if __name__ == "__main__":
    main(*sys.argv[1:])
