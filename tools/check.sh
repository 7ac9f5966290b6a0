#!/bin/sh
# Run every check, side by side, also when one fails, and say at the end which ones failed: check.sh BIN
set -u

bin=$1
outputs=$(mktemp -d)
trap 'rm -rf "$outputs"' EXIT
names=

# Start a check; its output waits until it is its turn to be shown.
check() {
    file=$outputs/$1
    names="$names $1"
    shift
    { "$@" >"$file" 2>&1; echo $? >"$file.status"; } &
}

# The longest first. A name has no space: it is a file's.
check mypy--strict "$bin/mypy" --no-error-summary
check pyright "$bin/pyright" --pythonpath "$bin/python"
check imports-go-down "$bin/lint-imports" --no-cache
check ruff "$bin/ruff" check --output-format=concise .
check ruff-format "$bin/ruff" format --check .
check yield-from "$bin/python" tools/check_yield_from.py
check words "$bin/python" tools/check_words.py
wait

failed=
for name in $names; do
    if [ "$(cat "$outputs/$name.status")" = 0 ]; then
        printf 'ok      %s\n' "$name"
    else
        cat "$outputs/$name"
        printf 'FAILED  %s\n\n' "$name"
        failed="$failed, $name"
    fi
done

if [ -n "$failed" ]; then
    echo "failed checks: ${failed#, }"
    exit 1
fi
