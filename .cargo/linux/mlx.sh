#!/usr/bin/env bash
# The recipe: builds in folder $1 what the crate `mlx-sys` needs on Linux, and
# leaves it in $1/done. Called by setup.sh, which owns packages, locks and paths.
# Any change to this file or to its neighbours makes a new prepared folder.
set -euo pipefail

work=$1 repo=$2
here=$(cd "$(dirname "$0")" && pwd)
log=$work/log
bindgen_version=0.72.1
mlx_version=$(sed -n 's/^mlx-cpu==\([0-9.]*\).*/\1/p' "$here/wheels.txt")

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { printf 'setup: error: %s\n' "$*" >&2; exit 1; }
# Runs a command in silence; shows the end of what it printed if it fails.
quietly() { # $1: what to say on failure  $2…: the command
  "${@:2}" >>"$log" 2>&1 || { tail -n 20 "$log" >&2; fail "$1"; }
}

fetch_wheels() {
  say "fetching MLX $mlx_version (CPU), cmake, ninja and libclang: 75 MB, pinned by hash"
  quietly "the wheels could not be fetched and checked: see above (set-up needs the network once)" \
    python3 -m pip download --disable-pip-version-check --progress-bar off --no-deps --only-binary=:all: \
    --require-hashes --requirement "$here/wheels.txt" --dest "$work/wheels"
  local wheel
  for wheel in "$work"/wheels/*.whl; do quietly "$wheel could not be unpacked" python3 -m zipfile -e "$wheel" "$work/python"; done
  cmake=$(find "$work/python" -path '*/bin/cmake' -type f)
  ninja=$(find "$work/python" -name ninja -type f)
  libclang=$(dirname "$(find "$work/python" -name libclang.so)")
  find "$(dirname "$cmake")" "$ninja" -type f -exec chmod +x {} +
}

find_mlx_c() {
  say "fetching the crates of Cargo.lock"
  quietly "cargo could not fetch the crates: see above (set-up needs the network once)" cargo fetch --locked --manifest-path "$repo/Cargo.toml"
  mlx_c=$(cargo metadata --offline --format-version 1 --locked --manifest-path "$repo/Cargo.toml" 2>>"$log" |
    python3 -c 'import json, os, sys
for package in json.load(sys.stdin)["packages"]:
    if package["name"] == "mlx-sys":
        print(os.path.join(os.path.dirname(package["manifest_path"]), "src", "mlx-c"))')
  [ -d "$mlx_c" ] || { tail -n 20 "$log" >&2; fail "the source of mlx-c was not found in the crate mlx-sys"; }
  grep -qF "v$mlx_version" "$mlx_c/CMakeLists.txt" ||
    fail "mlx-sys no longer pins MLX $mlx_version: change mlx-cpu in .cargo/linux/wheels.txt to the version in $mlx_c/CMakeLists.txt"
}

build_mlx_c() {
  say "building mlx-c (half a minute on two cores)"
  # Quoted twice: CMake hands the flags to a shell, and the paths may hold spaces.
  quietly "mlx-c could not be configured" "$cmake" -G Ninja -S "$mlx_c" -B "$work/build" \
    -DCMAKE_MAKE_PROGRAM="$ninja" -DCMAKE_BUILD_TYPE=Release \
    -DMLX_C_USE_SYSTEM_MLX=ON -DMLX_C_BUILD_EXAMPLES=OFF -DCMAKE_PREFIX_PATH="$work/python/mlx" \
    -DCMAKE_CXX_FLAGS="-include \"$here/format.h\" -include \"$here/half.h\""
  quietly "mlx-c did not build" "$cmake" --build "$work/build"
  quietly "mach_time.c did not build" cc -O2 -c "$here/mach_time.c" -o "$work/mach_time.o"
  quietly "mach_time.c did not build" ar rcs "$work/libmach_time.a" "$work/mach_time.o"
}

generate_bindings() {
  say "building bindgen $bindgen_version and generating the bindings (half a minute)"
  # It runs once, for a second: an unoptimised build costs half the time.
  CARGO_PROFILE_DEV_DEBUG=0 quietly "bindgen did not build: see above" cargo install --debug --locked --root "$work/tools" \
    --target-dir "$work/bindgen" --version "=$bindgen_version" --no-default-features --features runtime bindgen-cli
  local header
  for header in "$mlx_c"/mlx/c/*.h; do printf '#include "%s"\n' "$header"; done >"$work/mlx_c.h"
  LIBCLANG_PATH=$libclang quietly "the bindings could not be generated" \
    "$work/tools/bin/bindgen" "$work/mlx_c.h" --rust-target 1.73 \
    --blocklist-function malloc --blocklist-function realloc --output "$work/bindings.rs" -- \
    -include "$here/half.h" -I "$mlx_c" -I "$(gcc -print-file-name=include)"
}

collect() {
  mkdir -p "$work/done/lib" "$work/done/bindings" "$work/done/python"
  mv "$work/build/libmlxc.a" "$work/libmach_time.a" "$work/done/lib/"
  mv "$work/bindings.rs" "$work/done/bindings/"
  # libmlx.so finds its BLAS by a relative path: the folders stay side by side.
  mv "$work/python/mlx" "$work/python/mlx_cpu.libs" "$work/done/python/"
}

fetch_wheels
find_mlx_c
build_mlx_c
generate_bindings
collect
