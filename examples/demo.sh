#!/bin/sh
# From a bare machine to a running sync: installs what is missing, builds, runs
# the demo. With make at hand, `make demo` is the same.
set -eu
cd "$(dirname "$0")/.."
sh tests/deps.sh build
exec make --no-print-directory -j2 demo
