"""A script of tools/ run in this process: a process of its own for each case costs a tenth of a second."""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import NamedTuple


class Ran(NamedTuple):
    """Exit status and output of a script, under the names that `subprocess.run` gives them."""

    returncode: int
    stdout: str
    stderr: str


def run(script: Path, *arguments: str) -> Ran:
    """Call the script's `main` with these arguments."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = _module(script).main([*arguments])
    return Ran(status, out.getvalue(), err.getvalue())


@cache
def _module(script: Path) -> ModuleType:
    spec = spec_from_file_location(script.stem, script)
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    sys.modules[script.stem] = module  # where dataclasses look for it
    spec.loader.exec_module(module)
    return module
