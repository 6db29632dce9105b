#!/usr/bin/env bash
# Installs the Kinesis that is tested against, beside this file. Does nothing where it is there already.
set -euo pipefail
cd "$(dirname "$0")"

if ! cmp -s package-lock.json node_modules/.installed-lock; then
  npm ci --ignore-scripts --no-audit --no-fund
  cp package-lock.json node_modules/.installed-lock
fi
