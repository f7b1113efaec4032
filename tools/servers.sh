#!/usr/bin/env bash
# Unpacks newer servers from the packages of Debian into a folder. Nothing is installed.
#
#   tools/servers.sh FOLDER      prints the program of each server, as ZRESP_SERVERS wants them
#
# A server takes about 15 s and 41 MB, and is unpacked once. One that cannot be had is left out, with a loud warning.
set -u
folder=$(mkdir -p "$1" && realpath "$1")

# Name, program, suite, and a second suite for libraries. The suites move on; the names say what they had.
servers='redis-8.0 redis trixie
redis-8.6 redis experimental sid
valkey-8.0 valkey bookworm-backports bookworm
valkey-8.1 valkey trixie
valkey-9.1 valkey sid'

unpack() ( # NAME PROGRAM SUITE [SUITE]: makes FOLDER/NAME/PROGRAM-server
  set -eu
  name=$1 program=$2 suite=$3 second=${4:-}
  root=$folder/$name apt=$folder/$name/.apt
  rm -rf "$root"
  mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
  : >"$apt/status"
  mirror=$(cat /etc/apt/sources.list.d/*.sources /etc/apt/sources.list 2>/dev/null |
    grep -oE 'https?://[^ ]*/debian/?( |$)' | head -n 1)
  [[ $mirror ]]
  printf 'Types: deb\nURIs: %s\nSuites: %s %s\nComponents: main\nSigned-By: %s\n' "$mirror" "$suite" "$second" \
    /usr/share/keyrings/debian-archive-keyring.gpg >"$apt/only.sources"
  options=(-qq -o "Dir::Etc::sourcelist=$apt/only.sources" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$apt/lists"
    -o "Dir::Cache=$apt/cache" -o "Dir::State::status=$apt/status" -o "APT::Sandbox::User=$(id -un)"
    -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false -o Acquire::Languages=none)
  apt-get "${options[@]}" update
  # The libraries that the program needs, down to the C library, but not those of tools that only the packages need.
  libraries=$(apt-cache "${options[@]}" depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks \
    --no-replaces --no-enhances "$program-tools" | grep -E '^(lib[a-z0-9.+-]+|zlib1g|gcc-[0-9]+-base)$' |
    grep -vE '^lib(pam|selinux|semanage|apparmor|fdisk|mount|blkid|smartcols|seccomp|audit|bpf|dw|elf|c-bin|c-l10n|text|db|crypt)' |
    sort -u)
  cd "$apt/cache/archives"
  # shellcheck disable=SC2086
  apt-get "${options[@]}" -t "$suite" download "$program-tools" "$program-server" $libraries
  for package in *.deb; do dpkg-deb -x "$package" "$root"; done
  loader=$(find "$root" -name ld-linux-x86-64.so.2 | head -n 1)
  # The server is a link to another program of its package, which the link may name by an absolute path.
  binary=$(ls "$root/usr/bin/$program-check-rdb" "$root/usr/bin/$program-server" 2>/dev/null | tail -n 1)
  cat >"$root/$program-server" <<X
#!/bin/sh
exec "$loader" --library-path "$root/usr/lib/x86_64-linux-gnu:$root/lib/x86_64-linux-gnu" \
  --argv0 $program-server "$binary" "\$@"
X
  chmod +x "$root/$program-server"
  "$root/$program-server" --version
  rm -rf "$apt"
)

found=()
while read -r name program suite second; do
  at=$folder/$name/$program-server
  if [[ -x $at ]] || unpack "$name" "$program" "$suite" $second >&2; then
    found+=("$at")
  else
    rm -rf "${folder:?}/$name"
    echo "WARNING: $name cannot be had from Debian $suite, so nothing is tested with it" >&2
  fi
done <<<"$servers"
IFS=:
echo "${found[*]-}"
