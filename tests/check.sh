#!/bin/sh
# From a bare machine to a passed test suite: installs what is missing, builds,
# runs all tests. With make at hand, `make check` is the same.
set -eu
cd "$(dirname "$0")/.."
sh tests/deps.sh build check
exec make --no-print-directory -j2 check
