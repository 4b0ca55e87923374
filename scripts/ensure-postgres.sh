#!/usr/bin/env bash
# Prints the folder of the PostgreSQL server's programs (initdb, postgres), after installing them when they are missing.
#
#   scripts/ensure-postgres.sh              find or install
#   scripts/ensure-postgres.sh --find-only  find; exit 1 without a word when there is none
set -euo pipefail
# shellcheck source=scripts/lib/packages.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/packages.sh"

# Folders in which a server may be, best first: what the caller chose by PATH, then the newest installed.
candidates() {
  local found
  if found=$(command -v postgres); then dirname "$found"; fi
  if command -v pg_config >/dev/null; then pg_config --bindir; fi
  {
    printf '%s\n' /usr/lib/postgresql/*/bin /usr/pgsql-*/bin
    printf '%s\n' /opt/homebrew/opt/postgresql@*/bin /usr/local/opt/postgresql@*/bin
    printf '%s\n' /home/linuxbrew/.linuxbrew/opt/postgresql@*/bin
  } | sort -rV
}

# Prints the first candidate that has a server. Client packages bring pg_config and psql, hence the test.
find_server() {
  local bin
  while read -r bin; do
    if [ -x "$bin/initdb" ] && [ -x "$bin/postgres" ]; then
      printf '%s\n' "$bin"
      return 0
    fi
  done <<<"$(candidates)"
  return 1
}

# Debian creates and starts a cluster when a server is installed. Ours are made by the tests that need them.
forbid_default_cluster() {
  local settings=/etc/postgresql-common/createcluster.conf
  if ! command -v apt-get >/dev/null || command -v brew >/dev/null || ! as_root true; then return 0; fi
  apt_install postgresql-common || return 1
  if as_root grep -q '^ *create_main_cluster' "$settings"; then return 0; fi
  printf '\ncreate_main_cluster = false\n' | as_root tee -a "$settings" >/dev/null
  say "Set create_main_cluster = false in $settings."
}

if find_server; then exit 0; fi
if [ "${1:-}" = --find-only ]; then exit 1; fi

say "PostgreSQL is not installed; installing it."
if forbid_default_cluster && install_package postgresql postgresql-server postgresql@17 && find_server; then exit 0; fi

say "Could not install PostgreSQL. Install its server (14 or later) and run this again:"
say "  Debian, Ubuntu   apt-get install postgresql"
say "  Fedora           dnf install postgresql-server"
say "  macOS            brew install postgresql@17"
say "A server elsewhere is found when its folder is on PATH."
exit 1
