#!/usr/bin/env bash
# Makes sure that python3 is here and can make virtual environments, which Debian packages apart.
set -euo pipefail
# shellcheck source=scripts/lib/packages.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/packages.sh"

usable() { python3 -c 'import ensurepip, venv' 2>/dev/null; }

if usable; then exit 0; fi

say "Python 3 with venv is not installed; installing it."
if install_package python3-venv python3 python3 && usable; then exit 0; fi

say "Could not install Python 3 with venv. On Debian or Ubuntu: apt-get install python3-venv"
exit 1
