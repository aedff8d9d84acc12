#!/bin/sh
# Installs, by name, the Debian packages that building and testing need and that are missing; prints
# the command instead where the caller may not install.
set -eu
packages="gcc g++ clang libclang-rt-14-dev make flex bison libcmocka-dev zlib1g-dev liblzma-dev libzip-dev libcsv-dev libpng-dev libjpeg-dev libcairo2-dev libcjson-dev graphviz mandoc python3 zsh fish dataset-fashion-mnist"

missing=
for package in $packages; do
  status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
  echo "These packages are missing. Install them, then run this again:" >&2
  echo "  sudo apt-get update && sudo apt-get install -y$missing" >&2
  exit 1
fi
echo "installing:$missing"
apt-get update -q
# shellcheck disable=SC2086 # a list of names
DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing
