#!/usr/bin/env bash
# Installs the packages of packages.txt that are missing. Needs root (or sudo) only if one is.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mapfile -t wanted < <(awk '!/^#/ && NF {print $1}' "$here/packages.txt")
missing=()
for package in "${wanted[@]}"; do
  state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$state" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "install_deps: not root and no sudo; missing: ${missing[*]}" >&2; exit 3; }
  as_root=(sudo)
fi
echo "install_deps: installing ${missing[*]}" >&2
# Service packages must not start daemons of their own: the demo and the tests start theirs on free ports.
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
for try in 1 2 3; do
  if "${as_root[@]}" apt-get update -qq && "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
      apt-get install -y -qq --no-install-recommends "${missing[@]}"; then
    exit 0
  fi
  echo "install_deps: attempt $try failed" >&2
  sleep $((try * 5))
done
exit 3
