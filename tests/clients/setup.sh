#!/usr/bin/env bash
# Installs the clients that are tested: those of npm beside this file, those of PyPI in the folder that is named.
# package.json pins msgpackr-extract, an optional helper of a queue that the tests do not use, to its last version
# without packages of its own for each platform: registries do not all have them, and then `npm ci` refuses the lock file.
set -euo pipefail
venv=${1:?usage: tests/clients/setup.sh FOLDER-FOR-PYTHON}
cd "$(dirname "$0")"

if ! cmp -s package-lock.json node_modules/.installed-lock; then
  npm ci --ignore-scripts --no-audit --no-fund
  cp package-lock.json node_modules/.installed-lock
fi
if ! cmp -s requirements.txt "$venv/installed-requirements"; then
  python3 -m venv --clear "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r requirements.txt
  cp requirements.txt "$venv/installed-requirements"
fi
