#!/usr/bin/env bash
# Builds the programs for Lambda and puts each into a folder of its own:
#
#   TARGET/lambda-packages/ARCH/ingest-fn/bootstrap
#   TARGET/lambda-packages/ARCH/compact-fn/bootstrap
#   TARGET/lambda-packages/ARCH/weir/bootstrap, weir
#
# usage: infra/scripts/package.sh TARGET ARCH, with cargo-lambda on the PATH; CARGO names another cargo.
set -euo pipefail
usage="usage: infra/scripts/package.sh TARGET x86_64|arm64"
target=${1:?$usage}
arch=${2:?$usage}
cargo=${CARGO:-cargo}
here=$(cd "$(dirname "$0")" && pwd)

# Amazon Linux 2023 has this glibc, and a program that wants a newer one does not start there.
glibc=2.34

case "$arch" in
  x86_64) triple=x86_64-unknown-linux-gnu ;;
  arm64) triple=aarch64-unknown-linux-gnu ;;
  *) echo "$usage" >&2; exit 2 ;;
esac

built=$target/lambda-build/$arch
packages=$target/lambda-packages/$arch
build() { "$cargo" lambda build --target "$triple.$glibc" --lambda-dir "$built" "$@"; }

# The newest glibc that a program wants. Nothing at all would mean that nothing was looked at.
newest_glibc() { { readelf -V "$1" | grep -o 'GLIBC_[0-9.]*' || true; } | sort -Vu | tail -n 1 | cut -d_ -f2; }

check() {
  local wants
  wants=$(newest_glibc "$1")
  if [ -z "$wants" ]; then
    echo "$1: readelf finds no version of glibc; is it a program for Linux?" >&2
    exit 1
  fi
  if [ "$(printf '%s\n' "$wants" "$glibc" | sort -V | tail -n 1)" != "$glibc" ]; then
    echo "$1 wants glibc $wants, and Lambda has $glibc; build it with cargo lambda build --target $triple.$glibc" >&2
    exit 1
  fi
}

# Puts files into the place of a package, all of them or none.
place() { # place NAME FILE NAME-THERE [FILE NAME-THERE]
  local folder=$packages/$1 next
  next=$packages/.$1.next
  shift
  rm -rf "$next"
  mkdir -p "$next"
  while [ $# -gt 0 ]; do
    install -m 755 "$1" "$next/$2"
    shift 2
  done
  rm -rf "$folder"
  mv "$next" "$folder"
}

cd "$here/../.."
build --profile lambda -p ingest-fn -p compact-fn --bin ingest-fn --bin compact-fn
build --release -p query-cli --bin weir

for name in ingest-fn compact-fn weir; do
  check "$built/$name/bootstrap"
done
place ingest-fn "$built/ingest-fn/bootstrap" bootstrap
place compact-fn "$built/compact-fn/bootstrap" bootstrap
# cargo-lambda calls every program bootstrap. This one is called by a bootstrap of its own.
place weir "$built/weir/bootstrap" weir infra/functions/query/bootstrap bootstrap
du -sh "$packages"/*
