#!/usr/bin/env bash
# Installs what building (`setup.sh build`) and testing (`setup.sh test`) need beyond Rust, Node, Python and make.
# Does nothing where it is there already.
set -euo pipefail

packages=()
need() { # need COMMAND PACKAGE...
  local command=$1
  shift
  command -v "$command" >/dev/null 2>&1 || packages+=("$@")
}

missing() { # missing COMMAND HINT
  command -v "$1" >/dev/null 2>&1 || { echo "setup: $1 is not installed: $2" >&2; exit 1; }
}

case "${1:-}" in
  build)
    missing cargo "weir needs Rust 1.95 or newer, see https://rustup.rs"
    missing npm "the page needs Node 20 or newer, see https://nodejs.org"
    need cc build-essential
    ;;
  test)
    need chromium chromium fonts-noto-cjk fonts-noto-color-emoji
    python3 -c 'import ensurepip' 2>/dev/null || packages+=(python3-venv)
    ;;
  *)
    echo "usage: scripts/setup.sh build|test" >&2
    exit 2
    ;;
esac

if [ ${#packages[@]} -gt 0 ]; then
  sudo=""
  [ "$(id -u)" = 0 ] || sudo=sudo
  echo "setup: installing ${packages[*]}" >&2
  $sudo apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
fi
