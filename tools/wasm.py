"""Runs a program for wasm32-wasip1 in Wasmtime, which PyPI has as `wasmtime`. Cargo runs tests with it; see
`tools/machines.sh`. The program sees the current folder and the environment, except for `PATH`,
since it cannot start other programs."""

import os
import sys

from wasmtime import Config, Engine, ExitTrap, Linker, Module, Store, WasiConfig

arguments = sys.argv[1:]
config = Config()
config.cache = True
engine = Engine(config)
wasi = WasiConfig()
wasi.argv = arguments
wasi.env = [(name, value) for name, value in os.environ.items() if name != "PATH"]
wasi.inherit_stdout()
wasi.inherit_stderr()
for name in os.getcwd(), ".":
    wasi.preopen_dir(os.getcwd(), name)
store = Store(engine)
store.set_wasi(wasi)
linker = Linker(engine)
linker.define_wasi()
instance = linker.instantiate(store, Module.from_file(engine, arguments[0]))
try:
    instance.exports(store)["_start"](store)
except ExitTrap as exit:
    sys.exit(exit.code)
