#!/bin/sh
# Make the virtual environment, or bring it up to date: environment.sh FOLDER run|dev
#
# Called by the Makefile, which decides when (stamp files). PYTHON=… names the interpreter to use.
set -eu

folder=$1
wanted=$2
here=$(cd "$(dirname "$0")/.." && pwd)

say() { printf '%s\n' "$*" >&2; }

is_recent() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }
makes_environments() { "$1" -c 'import ensurepip, venv' >/dev/null 2>&1; }

# Print the interpreter to use. A name that is on PATH but does not run (a shim of pyenv) is passed over.
choose_python() {
    without_venv=
    for candidate in ${PYTHON:-python3.13 python3.12 python3.11 python3}; do
        is_recent "$candidate" || continue
        if makes_environments "$candidate"; then
            printf '%s\n' "$candidate"
            return
        fi
        without_venv=$candidate
    done
    if [ -n "$without_venv" ]; then
        say "$without_venv cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv"
    elif [ -n "${PYTHON:-}" ]; then
        say "PYTHON=$PYTHON does not run, or is older than Python 3.11."
    else
        say "courriel needs Python 3.11 or newer, and none was found. Name one: make PYTHON=/path/to/python3.12"
    fi
    return 1
}

# One at a time, where the system can: two makes in one folder would spoil each other's environment.
if [ -z "${COURRIEL_ENVIRONMENT_LOCKED:-}" ] && command -v flock >/dev/null 2>&1; then
    COURRIEL_ENVIRONMENT_LOCKED=1 exec flock -w 600 "$here/requirements/$wanted.txt" sh "$0" "$@"
fi

if ! "$folder/bin/python" -m pip --version >/dev/null 2>&1; then
    python=$(choose_python)
    say "Making $folder with $("$python" --version)"
    "$python" -m venv --clear "$folder"
fi

say "Installing requirements/$wanted.txt into $folder"
pip="$folder/bin/python -m pip --disable-pip-version-check --quiet --retries 5 --timeout 60"
# The list is whole: nothing beside it is wanted, and pip is not asked to find out. An older pip would take the newest
# release for a requirement with an extra (`coverage[toml]`) although the list pins one, and then miss its hash.
$pip install --no-deps --require-hashes --only-binary :all: -r "$here/requirements/$wanted.txt"
$pip install --no-deps --no-build-isolation --editable "$here"
$pip check >&2
touch "$folder/.$wanted"
