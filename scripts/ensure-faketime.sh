#!/usr/bin/env bash
# Installs libfaketime, by which a test gives each node another time of day, when it is missing and packages can be
# installed. Without it that test is left out, and says so; in continuous integration it fails.
set -euo pipefail
# shellcheck source=scripts/lib/packages.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/packages.sh"

if compgen -G '/usr/lib*/faketime/libfaketime.so.1' >/dev/null ||
  compgen -G '/usr/lib/*/faketime/libfaketime.so.1' >/dev/null; then exit 0; fi
if [ "$(uname)" != Linux ]; then exit 0; fi

say "libfaketime is not installed; installing it."
if ! install_package libfaketime libfaketime libfaketime; then
  say "Could not install libfaketime; the test of clocks that are apart will be left out."
fi
