"""Runs a program for wasm32-wasip1 in Wasmtime, which PyPI has as `wasmtime`. Cargo runs tests with it; see
`tools/machines.sh`. The program sees the environment, and the current folder if paths are absolute."""

import os
import sys

from wasmtime import Config, Engine, ExitTrap, Linker, Module, Store, WasiConfig

arguments = sys.argv[1:]
config = Config()
config.cache = True
engine = Engine(config)
wasi = WasiConfig()
wasi.argv = arguments
wasi.env = list(os.environ.items())
wasi.inherit_stdout()
wasi.inherit_stderr()
wasi.preopen_dir(os.getcwd(), os.getcwd())
store = Store(engine)
store.set_wasi(wasi)
linker = Linker(engine)
linker.define_wasi()
instance = linker.instantiate(store, Module.from_file(engine, arguments[0]))
try:
    instance.exports(store)["_start"](store)
except ExitTrap as exit:
    sys.exit(exit.code)
