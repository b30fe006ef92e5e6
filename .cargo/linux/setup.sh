#!/usr/bin/env bash
# Makes plain `cargo build|test|run|clippy` work on Linux (Debian/Ubuntu, x86-64
# and aarch64), where mlx-sys's own build script cannot: it prepares MLX once
# under the user's cache folder and writes .cargo/config.toml, which replaces
# that build script (Cargo's "links" override). Does nothing when all is there.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
repo=$(cd "$here/../.." && pwd)
config=$repo/.cargo/config.toml
target=$(uname -m)-unknown-linux-gnu
bindgen_version=0.72.1

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { printf 'setup: error: %s\n' "$*" >&2; exit 1; }

[ "$(uname -s)" = Linux ] || exit 0
case $(uname -m) in
  x86_64 | aarch64) ;;
  *) fail "unsupported processor $(uname -m): x86_64 and aarch64 are supported" ;;
esac
command -v cargo >/dev/null || fail "cargo not found: install Rust from https://rustup.rs and run this again"

# One folder for each state of these inputs, so that a change makes a new one.
key=$({ cat "$here"/*; grep -A 2 '^name = "mlx-sys"' "$repo/Cargo.lock"; } | sha256sum | cut -c1-16)
prefix=${XDG_CACHE_HOME:-$HOME/.cache}/vlm-test/mlx-$key

openblas() { ldconfig -p 2>/dev/null | grep -q 'libopenblas\.so\.0' || /sbin/ldconfig -p | grep -q 'libopenblas\.so\.0'; }

install_packages() {
  local missing=()
  command -v g++ >/dev/null || missing+=(g++)
  command -v make >/dev/null || missing+=(make)
  command -v python3 >/dev/null || missing+=(python3)
  python3 -m pip --version >/dev/null 2>&1 || missing+=(python3-pip)
  openblas || missing+=(libopenblas0-pthread)
  [ ${#missing[@]} -eq 0 ] && return
  local sudo=
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || fail "missing packages: ${missing[*]}; ask an administrator to run: apt-get install ${missing[*]}"
    sudo=sudo
  fi
  command -v apt-get >/dev/null || fail "missing ${missing[*]}, and there is no apt-get to install them with"
  say "installing Debian packages: ${missing[*]}"
  $sudo apt-get -qq update >&2
  DEBIAN_FRONTEND=noninteractive $sudo apt-get -qq install -y --no-install-recommends "${missing[@]}" >&2
}

fetch_wheels() { # $1: folder to unpack into
  say "fetching MLX 0.32.2 (CPU), cmake, ninja and libclang wheels, pinned by hash"
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
    --requirement "$here/wheels.txt" --dest "$1/wheels" >&2
  local wheel
  for wheel in "$1"/wheels/*.whl; do python3 -m zipfile -e "$wheel" "$1/python"; done
  rm -r "$1/wheels"
  find "$1/python" -type f \( -name cmake -o -name ninja \) -exec chmod +x {} +
}

mlx_c_source() {
  cargo metadata --format-version 1 --locked --manifest-path "$repo/Cargo.toml" |
    python3 -c 'import json, os, sys
for package in json.load(sys.stdin)["packages"]:
    if package["name"] == "mlx-sys":
        print(os.path.join(os.path.dirname(package["manifest_path"]), "src", "mlx-c"))'
}

build_mlx_c() { # $1: work folder  $2: mlx-c source
  say "building mlx-c"
  local ninja cmake
  cmake=$(find "$1/python" -path '*/bin/cmake' -type f)
  ninja=$(find "$1/python" -name ninja -type f)
  "$cmake" -G Ninja -S "$2" -B "$1/build" -DCMAKE_MAKE_PROGRAM="$ninja" -DCMAKE_BUILD_TYPE=Release \
    -DMLX_C_USE_SYSTEM_MLX=ON -DMLX_C_BUILD_EXAMPLES=OFF -DCMAKE_PREFIX_PATH="$1/python/mlx" \
    -DCMAKE_CXX_FLAGS="-include $here/format.h -include $here/half.h" >"$1/build.log" 2>&1 &&
    "$cmake" --build "$1/build" >>"$1/build.log" 2>&1 || { tail -n 30 "$1/build.log" >&2; fail "mlx-c did not build"; }
  mkdir -p "$1/lib"
  cp "$1/build/libmlxc.a" "$1/lib/"
  cc -O2 -c "$here/mach_time.c" -o "$1/mach_time.o"
  ar rcs "$1/lib/libmach_time.a" "$1/mach_time.o"
}

generate_bindings() { # $1: work folder  $2: mlx-c source
  say "building bindgen $bindgen_version and generating bindings"
  cargo install --quiet --locked --root "$1/tools" --target-dir "$1/build/bindgen" --version "=$bindgen_version" bindgen-cli >&2
  local all=$1/mlx_c.h header
  for header in "$2"/mlx/c/*.h; do printf '#include "%s"\n' "$header"; done >"$all"
  mkdir -p "$1/bindings"
  LIBCLANG_PATH=$(dirname "$(find "$1/python" -name libclang.so)") "$1/tools/bin/bindgen" "$all" --rust-target 1.73 \
    --blocklist-function malloc --blocklist-function realloc --output "$1/bindings/bindings.rs" -- \
    -include "$here/half.h" -I "$2" -I "$(gcc -print-file-name=include)"
}

prepare() {
  install_packages
  mkdir -p "$(dirname "$prefix")"
  local source
  work=$(mktemp -d "$prefix.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  fetch_wheels "$work"
  source=$(mlx_c_source)
  build_mlx_c "$work" "$source"
  generate_bindings "$work" "$source"
  mkdir -p "$work/done/python"
  mv "$work/lib" "$work/bindings" "$work/done/"
  mv "$work/python/mlx" "$work/python/mlx_cpu.libs" "$work/done/python/"
  # A set-up running beside this one may have finished first: its result is the same.
  mv -T "$work/done" "$prefix" 2>/dev/null || [ -e "$prefix/bindings/bindings.rs" ] || fail "could not write $prefix"
  say "MLX is ready in $prefix"
}

write_config() {
  local flags="\"-C\", \"link-arg=-Wl,-rpath,$prefix/python/mlx/lib\", \"-C\", \"link-arg=-Wl,--no-as-needed,-l:libopenblas.so.0,--as-needed\""
  cat <<TOML
# Written by .cargo/linux/setup.sh; run it again after moving the repository.
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

[ -e "$prefix/bindings/bindings.rs" ] && openblas || prepare
wanted=$(write_config)
[ "$wanted" = "$(cat "$config" 2>/dev/null)" ] || printf '%s\n' "$wanted" >"$config"
