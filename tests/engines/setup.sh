#!/usr/bin/env bash
# Installs the engines that read a lake beside weir in the folder that is named. Does nothing where they are there already.
set -euo pipefail
venv=${1:?usage: tests/engines/setup.sh FOLDER-FOR-PYTHON}
cd "$(dirname "$0")"

if ! cmp -s requirements.txt "$venv/installed-requirements"; then
  python3 -m venv --clear "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r requirements.txt
  cp requirements.txt "$venv/installed-requirements"
fi
