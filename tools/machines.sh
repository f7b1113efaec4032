#!/usr/bin/env bash
# Runs the tests on other machines, and prints what ran where.
#
#   tools/machines.sh                    all of them, as below: hours on two cores
#   tools/machines.sh MACHINE…           these
#   tools/machines.sh --few [MACHINE…]   only the unit tests and a few others, as `.ci/run machines` does
#
#   i686      32 bits
#   s390x     big-endian, emulated by QEMU
#   aarch64   Arm, emulated by QEMU
#   wasm      WebAssembly (wasm32-wasip1) in Wasmtime
#   miri      Miri, which finds undefined behaviour, in dependencies too
#   bare      builds for machines without an operating system; nothing is run
#   words     this machine: functions that read a word at once get all words
#
# It installs what it needs with rustup, apt and pip. A machine that cannot be had is left out, with a loud warning.
set -uo pipefail
cd "$(dirname "$0")/.."

few=(enumeration grammar sizes)

# Files of tests that are not run: they need a server, measure time, or read the sources and nothing else.
everywhere='live live_* linear architecture documents'
# WebAssembly has no threads, sockets, processes or temporary files.
wasm_lacks='aof_files attacks codec deep enumeration one_shot'
# QEMU is slow, so generated inputs are fewer, and enumerated ones are shorter. These files have limits of time.
emulated_lacks=codec
# Miri takes a thousand times as long. These have no large inputs.
miri_runs='grammar errors conversions views trees patch segments shown sizes injection'

export RUST_BACKTRACE=0 PROPTEST_MAX_SHRINK_ITERS=50
folder=target/machines
mkdir -p "$folder"

i686() {
  install gcc libc6-dev-i386 "lib32gcc-$(gcc -dumpversion)-dev" || return "$left_out"
  cargo_test i686-unknown-linux-gnu
}

s390x() { emulated s390x s390x; }

aarch64() { emulated aarch64 arm64; }

emulated() { # MACHINE, and its name in Debian
  local target=$1-unknown-linux-gnu variable
  variable=CARGO_TARGET_${target^^}
  variable=${variable//-/_}
  install qemu-user "gcc-$1-linux-gnu" "libc6-dev-$2-cross" || return "$left_out"
  export "${variable}_LINKER=$1-linux-gnu-gcc" "${variable}_RUNNER=qemu-$1 -L /usr/$1-linux-gnu"
  ZRESP_ENUMERATE=${ZRESP_ENUMERATE-3} PROPTEST_CASES=${PROPTEST_CASES-64} cargo_test "$target" "$emulated_lacks"
}

wasm() {
  local python=$PWD/$folder/python
  install python3-venv && { [[ -x $python/bin/python ]] || python3 -m venv "$python"; } &&
    "$python/bin/pip" install -q wasmtime || return "$left_out"
  export CARGO_TARGET_WASM32_WASIP1_RUNNER="$python/bin/python $PWD/tools/wasm.py"
  cargo_test wasm32-wasip1 "$wasm_lacks"
}

miri() {
  local files name
  rustup component add miri rust-src --toolchain nightly || return "$left_out"
  for name in $miri_runs; do files+=(--test "$name"); done
  ((is_few)) && files=()
  MIRIFLAGS=-Zmiri-disable-isolation PROPTEST_CASES=4 \
    cargo +nightly miri test --no-fail-fast --target-dir "$folder/miri" --lib "${files[@]}"
}

bare() {
  local target needs
  for target in thumbv6m-none-eabi thumbv7em-none-eabi x86_64-unknown-none; do
    rustup target add "$target" || return "$left_out"
    # A target without compare-and-swap needs what the documentation says.
    needs='^(bytes|portable-atomic) = '
    [[ $target == thumbv6m* ]] || needs='^$'
    mkdir -p "$folder/$target/src"
    echo '#![no_std] pub use zresp::*;' >"$folder/$target/src/lib.rs"
    {
      printf '[package]\nname = "bare"\nedition = "2024"\n[workspace]\n[dependencies]\n'
      grep -E "$needs" src/lib.md
      echo 'zresp = { path = "../../..", default-features = false, features = ["cluster", "commands", "derive", "serde"] }'
    } >"$folder/$target/Cargo.toml"
    cargo "$([[ $is_few == 1 ]] && echo check || echo build)" --manifest-path "$folder/$target/Cargo.toml" \
      --target "$target" || return
  done
}

words() {
  ZRESP_EVERY_WORD=1 cargo test --release --lib -- lex:: crc16:: table::entry::
}

cargo_test() { # TARGET [FILES that are not run]
  local files=() file name
  rustup target add "$1" || return "$left_out"
  for file in tests/*.rs; do
    name=$(basename "$file" .rs)
    is_among "$name" "$everywhere ${2-}" && continue
    ((is_few)) && ! is_among "$name" "${few[*]}" && continue
    files+=(--test "$name")
  done
  cargo test --no-fail-fast --target "$1" --lib "${files[@]}"
}

is_among() { # NAME PATTERNS
  local pattern
  set -f
  for pattern in $2; do
    # shellcheck disable=SC2053
    [[ $1 == $pattern ]] && { set +f; return; }
  done
  set +f
  return 1
}

install() { # PACKAGE…: those of Debian that are missing
  dpkg -s "$@" >/dev/null 2>&1 ||
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; }
}

# The status of a machine that cannot be had.
left_out=75
is_few=0
if [[ ${1-} == --few ]]; then
  is_few=1
  shift
fi
mapfile -t all < <(sed -nE 's/^#   ([a-z0-9]+) {3,}.*/\1/p' tools/machines.sh)
machines=("${@:-${all[@]}}")
for machine in "${machines[@]}"; do
  is_among "$machine" "${all[*]}" || { echo "no machine $machine; there are ${all[*]}" >&2; exit 2; }
done

rows=() failed=0
for machine in "${machines[@]}"; do
  printf '\n== %s\n' "$machine"
  start=$SECONDS
  # A subshell, because a machine exports variables.
  ("$machine") 2>&1 | tee "$folder/$machine.log"
  status=${PIPESTATUS[0]}
  counts=$(awk '/^test result:/ { passed += $4; failed += $6 } END { printf "%6d %6d", passed, failed }' \
    "$folder/$machine.log")
  [[ $machine == bare ]] && counts=$(printf '%13s' 'only built')
  # A machine that ran no test has not passed.
  ((status)) || [[ $machine == bare || $counts =~ ^\ *[1-9] ]] || status=1
  case $status in
    0) verdict=ok ;;
    "$left_out")
      verdict='LEFT OUT'
      printf 'WARNING: %s\n' "$machine cannot be had here, so nothing was tested on it" >&2
      ;;
    *) verdict=FAILED failed=1 ;;
  esac
  rows+=("$(printf '%-9s %s %6d  %s' "$machine" "$counts" "$((SECONDS - start))" "$verdict")")
done

printf '\nmachine   passed failed    time, s\n'
printf '%s\n' "${rows[@]}"
printf 'Not run: %s; on wasm: %s; in QEMU: %s; under Miri all but %s\n' \
  "$everywhere" "$wasm_lacks" "$emulated_lacks" "$miri_runs"
((is_few)) && echo "Only a few: the unit tests, ${few[*]}"
exit "$failed"
