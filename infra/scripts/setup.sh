#!/usr/bin/env bash
# Installs what builds programs for Lambda in the folder that is named: cargo-lambda, and zig, which links against an older glibc than
# this machine has. Does nothing where they are there already.
set -euo pipefail
venv=${1:?usage: infra/scripts/setup.sh FOLDER-FOR-PYTHON}
cd "$(dirname "$0")"

if ! cmp -s requirements.txt "$venv/installed-requirements"; then
  python3 -m venv --clear "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r requirements.txt
  cp requirements.txt "$venv/installed-requirements"
fi
