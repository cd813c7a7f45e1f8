#!/bin/sh
# SPDX-License-Identifier: MIT
#
# run.sh BUILD_DIR CXX: installs the library from BUILD_DIR into a temporary prefix, moves that, and
# builds and runs a consumer outside the tree: by find_package, by pkg-config, and linked statically
# as a whole. Then configures it as a subproject. Leaves nothing behind.
set -eu
build=$1
CXX=$2
export CXX
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# step NAME COMMAND...: silent unless it fails.
step() {
  name=$1
  shift
  "$@" >"$dir/log" 2>&1 || {
    cat "$dir/log"
    echo "install: $name failed" >&2
    exit 1
  }
  echo "install: $name: ok"
}

step "cmake --install" cmake --install "$build" --prefix "$dir/first" --component development
mv "$dir/first" "$dir/prefix"  # What is installed must not know where it was installed.
cp -r "$here/consumer" "$here/subproject" "$dir"

step "find_package: configure" cmake -G Ninja -S "$dir/consumer" -B "$dir/out" \
  -DCMAKE_PREFIX_PATH="$dir/prefix"
step "find_package: build" cmake --build "$dir/out"
step "find_package: run" "$dir/out/consumer"
for adapted in consumer_of_names consumer_of_buses consumer_of_rows consumer_of_pages; do
  [ ! -x "$dir/out/$adapted" ] || step "find_package: run $adapted" "$dir/out/$adapted"
done

pc=$(dirname "$(find "$dir/prefix" -name tocsin.pc)")
flags=$(PKG_CONFIG_PATH=$pc pkg-config --cflags --libs tocsin)
step "pkg-config: build" "$CXX" -std=c++23 "$dir/consumer/main.cpp" $flags -o "$dir/by_pkg_config"
step "pkg-config: run" "$dir/by_pkg_config"
step "static: build" "$CXX" -std=c++23 -static "$dir/consumer/main.cpp" $flags -o "$dir/static"
step "static: run" "$dir/static"

step "headers: none of tests" sh -c "! find '$dir/prefix' -name '*_testing.hpp' | grep ."
step "add_subdirectory: configure" cmake -G Ninja -S "$dir/subproject" -B "$dir/sub" \
  -DTOCSIN_SOURCE_DIR="$(cd "$here/../.." && pwd)"
