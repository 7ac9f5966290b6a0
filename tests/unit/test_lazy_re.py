"""Regular expressions compiled late: they behave like `re.compile`'s, and none of ours is a mistake."""

from __future__ import annotations

import pkgutil
import re
from importlib import import_module

import pytest

import courriel
from courriel._lazy_re import expression


def test_a_late_expression_finds_what_a_compiled_one_finds() -> None:
    late = expression(r"(\d+)-(\d+)", re.ASCII)

    found = late.fullmatch("12-34")

    assert found is not None
    assert found.groups() == ("12", "34")
    assert late.sub(r"\2-\1", "1-2") == "2-1"
    assert late.flags == re.compile(r"(\d+)-(\d+)", re.ASCII).flags


def test_nothing_is_compiled_before_something_is_looked_for() -> None:
    late = expression("(")

    with pytest.raises(re.error):
        late.search("anything")


@pytest.mark.slow
def test_every_late_expression_of_ours_compiles() -> None:
    expressions = {}
    for module in pkgutil.walk_packages(courriel.__path__, "courriel."):
        # Modules for frameworks can be imported where those are set up only.
        if module.name.endswith("__main__") or module.name.startswith("courriel.integrations."):
            continue
        loaded = import_module(module.name)
        expressions |= {
            f"{module.name}.{name}": found
            for name, found in vars(loaded).items()
            if type(found) is type(expression(""))
        }

    assert len(expressions) > 40
    for name, late in expressions.items():
        assert late.pattern, name
