# shellcheck shell=bash
# Installing system packages. Sourced, not run.

# Prints a line for people; standard output is for the answer alone.
say() { printf '%s\n' "$*" >&2; }

# Runs a command as root: directly, or through sudo when that asks no password. Returns 1 when there is neither.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    sudo -n "$@"
  else
    return 1
  fi
}

# Installs packages with apt-get. It asks nothing, and starts no service that a package brings.
apt_install() {
  local policy=/usr/sbin/policy-rc.d ours=0 status=0
  as_root apt-get update -qq >&2 || return 1
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
    ours=1
  fi
  as_root env DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1 apt-get install -y -qq --no-install-recommends \
    -o Dpkg::Options::=--force-confold "$@" </dev/null >&2 || status=1
  if [ "$ours" -eq 1 ]; then as_root rm -f "$policy"; fi
  return "$status"
}

# install_package APT DNF BREW: installs the package by the name that it has with the package manager found here.
# Returns 1, with a line that says what to do, when nothing here may install packages.
install_package() {
  local apt=$1 dnf=$2 brew=$3
  if command -v brew >/dev/null; then
    brew install --quiet "$brew" >&2
  elif ! as_root true; then
    say "No right to install packages: needs root, or sudo that asks no password."
    return 1
  elif command -v apt-get >/dev/null; then
    apt_install "$apt"
  elif command -v dnf >/dev/null; then
    as_root dnf install -y -q "$dnf" >&2
  else
    say "None of apt-get, dnf and brew is here."
    return 1
  fi
}
