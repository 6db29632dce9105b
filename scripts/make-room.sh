#!/usr/bin/env bash
# Frees disk where builds are kept, if there is too little for another build: first what only speeds up the next small change,
# then what was built of weir itself. Dependencies stay, since they take longest.
#
#   scripts/make-room.sh FOLDER-OF-BUILDS
set -euo pipefail
folder=${1:?usage: scripts/make-room.sh FOLDER-OF-BUILDS}
cd "$(dirname "$0")/.."

# GiB. Seen: 11 for all dependencies, programs and tests from nothing.
enough=20
least=4

free() { df --output=avail -B1G "$folder" | tail -1 | tr -d ' '; }

mkdir -p "$folder"
if (($(free) < enough)); then
    rm -rf "$folder"/*/incremental
fi
if (($(free) < enough)); then
    CARGO_TARGET_DIR=$folder cargo clean --quiet --workspace
fi
if (($(free) < least)); then
    echo "error: $(free) GiB are free at $folder, and a build needs more than $least; remove something, or name another folder in CARGO_TARGET_DIR" >&2
    exit 1
fi
