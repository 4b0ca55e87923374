#!/usr/bin/env bash
# Prints the folder of redis-server, after installing it when it is missing. Only the benchmarks need it.
#
#   scripts/ensure-redis.sh              find or install
#   scripts/ensure-redis.sh --find-only  find; exit 1 without a word when there is none
set -euo pipefail
# shellcheck source=scripts/lib/packages.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/packages.sh"

# Prints the first folder that has a server: PATH, then Homebrew's.
find_server() {
  local found bin
  if found=$(command -v redis-server); then
    dirname "$found"
    return 0
  fi
  for bin in /usr/bin /opt/homebrew/bin /usr/local/bin /home/linuxbrew/.linuxbrew/bin; do
    if [ -x "$bin/redis-server" ]; then
      printf '%s\n' "$bin"
      return 0
    fi
  done
  return 1
}

if find_server; then exit 0; fi
if [ "${1:-}" = --find-only ]; then exit 1; fi

say "Redis is not installed; installing it."
if install_package redis-server redis redis && find_server; then exit 0; fi

say "Could not install Redis. Install redis-server (7 or later) and run this again:"
say "  Debian, Ubuntu   apt-get install redis-server"
say "  Fedora           dnf install redis"
say "  macOS            brew install redis"
exit 1
