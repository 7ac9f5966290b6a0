#!/bin/sh
# Run every check, also when an earlier one fails, and say at the end which ones failed: check.sh BIN
set -u

bin=$1
failed=

check() {
    name=$1
    shift
    if output=$("$@" 2>&1); then
        printf 'ok      %s\n' "$name"
    else
        printf '%s\nFAILED  %s\n\n' "$output" "$name"
        failed="$failed, $name"
    fi
}

check "ruff" "$bin/ruff" check --output-format=concise .
check "ruff format" "$bin/ruff" format --check .
check "mypy --strict" "$bin/mypy" --no-error-summary
check "pyright" "$bin/pyright" --pythonpath "$bin/python"
check "imports go down" "$bin/lint-imports" --no-cache
check "yield from" "$bin/python" tools/check_yield_from.py
check "words" "$bin/python" tools/check_words.py

if [ -n "$failed" ]; then
    echo "failed checks: ${failed#, }"
    exit 1
fi
