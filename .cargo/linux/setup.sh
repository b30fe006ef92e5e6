#!/usr/bin/env bash
# Makes plain `cargo build|test|run|clippy|doc` work on Linux (Debian 12 and
# Ubuntu 22.04 or newer, x86-64 and aarch64), where mlx-sys's own build script
# cannot: mlx.sh prepares MLX once under the user's cache folder, and this script
# writes .cargo/config.toml, which replaces that build script (Cargo's "links"
# override). It does nothing on macOS, and nothing when all is there.
#
# Where RUSTFLAGS (for doc tests: RUSTDOCFLAGS) is set in the environment, Cargo
# ignores the flags of config.toml: unset it, or repeat those flags in it.
set -euo pipefail

[ "$(uname -s)" = Linux ] || exit 0
here=$(cd "$(dirname "$0")" && pwd)
repo=$(cd "$here/../.." && pwd)
config=$repo/.cargo/config.toml
machine=$(uname -m)
target=$machine-unknown-linux-gnu
first_line="# Written by .cargo/linux/setup.sh, which replaces it when its inputs change."

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { printf 'setup: error: %s\n' "$*" >&2; exit 1; }

case $machine in
  x86_64 | aarch64) ;;
  *) fail "unsupported processor $machine: x86_64 and aarch64 are supported" ;;
esac
case ${XDG_CACHE_HOME:-} in
  /*) cache=$XDG_CACHE_HOME/vlm-test ;;
  *) cache=${HOME:?set HOME to your home folder}/.cache/vlm-test ;;
esac
case $cache in
  *[,:\"\\\$]*) fail "the linker cannot take the path $cache: set XDG_CACHE_HOME to a folder without , : \" \\ or \$ in its name" ;;
esac

# One folder for each state of the recipe, so that a change makes a new one.
key=$({ cat "$here"/{mlx.sh,wheels.txt,*.[ch]}; grep -A 2 '^name = "mlx-sys"' "$repo/Cargo.lock"; } | sha256sum | cut -c1-16)
prefix=$cache/mlx-$machine-$key

prepared() { [ -e "$prefix/bindings/bindings.rs" ] && [ -e "$prefix/lib/libmlxc.a" ] && [ -e "$prefix/python/mlx/lib/libmlx.so" ]; }
# Reads all of ldconfig's list: with `grep -q` the closed pipe would count as a failure.
openblas() { PATH=$PATH:/usr/sbin:/sbin ldconfig -p | grep 'libopenblas\.so\.0' >/dev/null; }

check_toolchain() {
  local glibc host
  glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null) || fail "MLX for Linux needs glibc 2.35 or newer, and this system has another C library"
  glibc=${glibc#glibc }
  [ "$(printf '%s\n' 2.35 "$glibc" | sort -V | head -n 1)" = 2.35 ] ||
    fail "glibc $glibc is too old: MLX for Linux needs 2.35 or newer (Debian 12, Ubuntu 22.04)"
  command -v cargo >/dev/null || fail "cargo not found: install Rust (https://rustup.rs), open a new shell and run this again"
  host=$(rustc -vV | sed -n 's/^host: //p')
  [ "$host" = "$target" ] || fail "the Rust toolchain is for $host, and MLX for Linux needs $target: rustup default stable-$target"
}

missing_packages() {
  command -v g++ >/dev/null && command -v cc >/dev/null || echo g++
  command -v python3 >/dev/null || echo python3
  python3 -m pip --version >/dev/null 2>&1 || echo python3-pip
  openblas || echo libopenblas0-pthread
}

install_packages() {
  local missing sudo=()
  mapfile -t missing < <(missing_packages)
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null ||
    fail "this system lacks what Debian calls ${missing[*]}, and has no apt-get: install them and run this again"
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || fail "missing packages; as root run: apt-get install ${missing[*]}"
    sudo=(sudo)
  fi
  say "installing Debian packages${sudo:+ with sudo}: ${missing[*]}"
  { "${sudo[@]}" apt-get -q update &&
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "${missing[@]}"; } \
    >"$cache/apt.log" 2>&1 || { tail -n 20 "$cache/apt.log" >&2; fail "apt-get could not install ${missing[*]}"; }
}

prepare() {
  check_toolchain
  mkdir -p "$cache" || fail "cannot write $cache: set XDG_CACHE_HOME to a folder of yours"
  # One set-up at a time; the system drops the lock of a run that was killed.
  exec 9>"$cache/lock"
  flock --nonblock 9 || { say "waiting for another set-up to finish"; flock 9; }
  install_packages
  prepared && return
  local work=$cache/work started=$SECONDS
  rm -rf "$work" "$prefix" # left behind by a run that was killed, or damaged
  mkdir "$work"
  trap 'rm -rf "$cache/work"' EXIT
  bash "$here/mlx.sh" "$work" "$repo" || exit 1
  mv "$work/done" "$prefix"
  say "MLX is ready in $prefix ($((SECONDS - started)) s, done once)"
}

config_text() {
  local flags="\"-C\", \"link-arg=-Wl,-rpath,$prefix/python/mlx/lib\", \"-C\", \"link-arg=-Wl,--no-as-needed,-l:libopenblas.so.0,--as-needed\""
  cat <<TOML
$first_line
[target.$target.mlx]
rustc-link-search = ["native=$prefix/lib", "native=$prefix/python/mlx/lib"]
rustc-link-lib = ["static=mlxc", "static=mach_time", "dylib=mlx", "dylib=stdc++"]
rustc-env = { OUT_DIR = "$prefix/bindings" }

# OpenBLAS is found before the reference BLAS that the wheel carries. Doc tests
# are linked by rustdoc, which reads flags of its own.
[target.$target]
rustflags = [$flags]
rustdocflags = [$flags]
TOML
}

write_config() {
  local wanted current=
  wanted=$(config_text)
  [ ! -e "$config" ] || current=$(<"$config")
  [ "$wanted" != "$current" ] || return 0
  case $current in
    '' | '# Written by .cargo/linux/setup.sh'*) ;;
    *) fail "$config was not written by this script: move its contents to \$CARGO_HOME/config.toml and run this again" ;;
  esac
  printf '%s\n' "$wanted" >"$config.$$"
  mv "$config.$$" "$config" # at once: a cargo running beside this never sees half a file
}

prepared && openblas || prepare
write_config
