#!/usr/bin/env bash
# Installs the stand-ins for AWS that are tested against: moto (S3) in the folder that is named, kinesis-local beside this
# file. Does nothing where they are there already.
set -euo pipefail
venv=${1:?usage: tests/aws/setup.sh FOLDER-FOR-PYTHON}
cd "$(dirname "$0")"

if ! cmp -s requirements.txt "$venv/installed-requirements"; then
  python3 -m venv --clear "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r requirements.txt
  cp requirements.txt "$venv/installed-requirements"
fi
if ! cmp -s package-lock.json node_modules/.installed-lock; then
  npm ci --ignore-scripts --no-audit --no-fund
  cp package-lock.json node_modules/.installed-lock
fi
