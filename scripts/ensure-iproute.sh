#!/usr/bin/env bash
# Installs iproute2 and nsenter, by which tests give each node a network of its own and cut it, when they are missing and
# packages can be installed. Without them those tests are left out, and say so; in continuous integration they fail.
set -euo pipefail
# shellcheck source=scripts/lib/packages.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/packages.sh"

if [ "$(uname)" != Linux ]; then exit 0; fi
if command -v ip >/dev/null && command -v nsenter >/dev/null; then exit 0; fi

say "iproute2 is not installed; installing it."
if ! install_package iproute2 iproute iproute2 || ! install_package util-linux util-linux util-linux; then
  say "Could not install iproute2; the tests of networks that are cut will be left out."
fi
