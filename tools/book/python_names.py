"""Reference of the Python names: a page for each export, with its signature, members and errors."""

from __future__ import annotations

import ast
import enum
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from plan import GENERATED, Language

import courriel
import courriel.errors
import courriel.types
import courriel.wlangage
from courriel.wlangage.structures.names import TABLE

INTEGRATIONS = (
    "courriel.integrations.celery",
    "courriel.integrations.django",
    "courriel.integrations.flask",
    "courriel.integrations.logging",
    "courriel.integrations.otel",
    "courriel.integrations.prometheus",
    "courriel.integrations.smtplib_errors",
    "courriel.integrations.starlette",
    "courriel.integrations.tasks",
    "courriel.testing",
)
"""Public modules beside the front door, whose names have a page together."""

FROM_DOCSTRINGS = {"en": "", "fr": "*Ces textes sont ceux du code, en anglais.*\n\n"}
_NAMES_ONE_BY_ONE = {"en": "", "fr": "En français, par thème : [Votre code WLangage, le même en Python](wlangage.md)."}
_RAISES = "Raises"
_ALSO = "It is also a"
_ERRORS = frozenset(name for name in courriel.errors.__all__ if isinstance(getattr(courriel.errors, name), type))


@dataclass(frozen=True, slots=True)
class Generated:
    """A generated page: its name below the folder of the reference, and its Markdown."""

    name: str
    text: str


def python_pages(language: Language) -> Iterator[Generated]:
    """Pages of the exports of `courriel`, of `courriel.types`, of the errors, the integrations and the WLangage."""
    _configure_django()
    exports = [name for name in sorted(courriel.__all__) if name not in _ERRORS]
    yield from _group("python", "courriel", exports, language, INTEGRATIONS)
    yield from _group("types", "courriel.types", sorted(courriel.types.__all__), language)
    yield from _group("exceptions", "courriel.errors", sorted(_ERRORS), language)
    for module in INTEGRATIONS:
        yield Generated(f"python/{module}", _module_page(module, language))
    yield Generated("names", _wlangage_page(language))


# The steps.


def _configure_django() -> None:
    """A project of nothing: Django's modules are imported within one."""
    import django
    from django.conf import settings

    if not settings.configured:
        settings.configure(INSTALLED_APPS=["django.contrib.contenttypes", "courriel.integrations.django"])
        django.setup()


def _group(
    folder: str, module: str, names: Iterable[str], language: Language, further: Iterable[str] = ()
) -> Iterator[Generated]:
    home = importlib.import_module(module)
    title = GENERATED[language][folder]
    lines = [f"# {title}", "", FROM_DOCSTRINGS[language].strip(), "", "| | |", "| --- | --- |"]
    for name in names:
        value = getattr(home, name)
        lines.append(f"| [`{name}`]({folder}/{name}.md) | {_cell(_summary(value))} |")
        yield Generated(f"{folder}/{name}", _export_page(f"{module}.{name}", name, value, language))
    lines.extend(
        f"| [`{name}`]({folder}/{name}.md) | {_cell(_summary(importlib.import_module(name)))} |" for name in further
    )
    lines.append("")
    yield Generated(folder, "\n".join(lines))


def _export_page(path: str, name: str, value: object, language: Language) -> str:
    lines = [f"# {name}", "", f"`{path}`", "", FROM_DOCSTRINGS[language].strip(), "", *_described(name, value)]
    if isinstance(value, type):
        lines += _members(name, value)
    return "\n".join(lines) + "\n"


def _module_page(module: str, language: Language) -> str:
    home = importlib.import_module(module)
    lines = [f"# {module}", "", FROM_DOCSTRINGS[language].strip(), "", _doc(home), ""]
    names = getattr(home, "__all__", None) or [
        name
        for name, value in vars(home).items()
        if not name.startswith("_") and getattr(value, "__module__", "") == module and callable(value)
    ]
    for name in names:
        value = getattr(home, name)
        lines += [f"## {name}", "", *_described(name, value)]
        if isinstance(value, type):
            lines += _members(name, value, "###")
    return "\n".join(lines) + "\n"


def _wlangage_page(language: Language) -> str:
    lines = [f"# {GENERATED[language]['names']}", "", FROM_DOCSTRINGS[language].strip(), ""]
    lines += [_NAMES_ONE_BY_ONE[language], ""]
    for name in TABLE:
        if name.kind in ("property", "method"):
            continue
        value = getattr(courriel.wlangage, name.french)
        lines += [f"## {name.french}", ""]
        if name.english != name.french:
            lines += [f"`{name.english}`", ""]
        if (callable(value) and not isinstance(value, type) and name.kind == "function") or name.kind == "type":
            lines += _described(name.french, value)
        elif name.kind == "constant":
            lines += [f"`{value!r}`" if isinstance(value, (int, str)) else name.kind, ""]
        else:
            lines += [_doc(value) if name.kind != "variable" else name.kind, ""]
    by_home: dict[str, list[str]] = {}
    for name in TABLE:
        if name.kind in ("property", "method"):
            by_home.setdefault(name.home, []).append(f"| `{name.french}` | `{name.english}` | {name.kind} |")
    for home, rows in by_home.items():
        lines += [f"## {home}.…" if home in lines else f"## {home}: ", "", "| | | |", "| --- | --- | --- |", *rows, ""]
    return "\n".join(lines) + "\n"


def _described(name: str, value: object) -> list[str]:
    """Signature in a code block, docstring, and links to the errors that it names."""
    lines = []
    signature = _signature(name, value)
    if signature:
        lines += ["```python", signature, "```", ""]
    text = _doc(value)
    if text:
        lines += [text, ""]
    lines += _raised(text)
    return lines


def _raised(text: str) -> list[str]:
    named = sorted({word for word in re.findall(r"\b[A-Z]\w+\b", text) if word in _ERRORS})
    if not named:
        return []
    return [f"{_RAISES}: " + " · ".join(f"[{word}](/reference/exceptions/{word}.md)" for word in named), ""]


def _members(owner: str, value: type, level: str = "##") -> list[str]:
    lines: list[str] = []
    if issubclass(value, enum.Enum):
        return ["| | |", "| --- | --- |", *(f"| `{each.name}` | `{each.value!r}` |" for each in value), ""]
    bases = [
        f"[{base.__name__}](/reference/exceptions/{base.__name__}.md)" if base.__name__ in _ERRORS else base.__name__
        for base in value.__mro__[1:]
        if base.__name__ in _ERRORS or (base.__module__ == "builtins" and issubclass(base, Exception))
    ]
    if issubclass(value, BaseException) and bases:
        lines += [f"{_ALSO} " + " · ".join(bases), ""]
    for name in _public_members(value):
        member = inspect.getattr_static(value, name, None)
        if isinstance(member, (staticmethod, classmethod)):
            member = member.__func__
        if _moved(member):
            continue
        lines += [f"{level} {owner}.{name}", ""]
        if callable(member):
            lines += _described(name, member)
        else:
            text = _field(value, name)
            if inspect.isdatadescriptor(member):
                text = text or _doc(member)
            lines += [text, "", *_raised(text)]
    return lines


def _moved(member: object) -> bool:
    """Whether it only says what another name is for."""
    return callable(member) and str(getattr(member, "__annotations__", {}).get("return", "")).endswith("NoReturn")


def _public_members(value: type) -> list[str]:
    found: dict[str, None] = {}
    for base in value.__mro__:
        if not base.__module__.startswith("courriel"):
            continue
        for name in (*vars(base), *getattr(base, "__annotations__", {})):
            if not name.startswith("_"):
                found.setdefault(name)
    return list(found)


def _field(value: type, name: str) -> str:
    """Type of a field, and the text below it in the source."""
    for base in value.__mro__:
        declared = vars(base).get("__annotations__", {}).get(name)
        if declared is not None:
            return "\n\n".join(part for part in (f"`{declared}`", _below_fields(base).get(name, "")) if part)
    return ""


@cache
def _below_fields(value: type) -> dict[str, str]:
    """Texts that stand below the fields of a class: Python does not keep them."""
    try:
        (defined,) = ast.parse(textwrap.dedent(inspect.getsource(value))).body
    except (OSError, TypeError, SyntaxError):
        return {}
    found = {}
    if isinstance(defined, ast.ClassDef):
        for field, below in pairwise(defined.body):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(below, ast.Expr)
                and isinstance(below.value, ast.Constant)
                and isinstance(below.value.value, str)
            ):
                found[field.target.id] = inspect.cleandoc(below.value.value)
    return found


def _signature(name: str, value: object) -> str:
    if isinstance(value, type) and issubclass(value, enum.Enum):
        return ""
    if not callable(value):
        return ""
    try:
        signature = str(inspect.signature(value))
    except (TypeError, ValueError):
        return ""
    if signature.startswith("(*arguments"):
        return ""  # the docstring has the forms of a WLangage function
    if isinstance(value, type):
        signature = re.sub(r" -> '?None'?$", "", signature)
    signature = re.sub(r"^\(self(, )?", "(", signature)
    whole = re.sub(r"(: |-> )'([^']*)'", r"\1\2", f"{name}{signature}")
    whole = re.sub(r"<factory>", "...", whole)
    whole = re.sub(r"<[^<>]*?([A-Za-z_.]+): [^<>]*>", r"\1", whole)
    return whole if len(whole) <= 100 else _on_lines(whole)


def _on_lines(signature: str) -> str:
    """A long signature with each parameter on a line of its own."""
    out, depth, position = [], 0, 0
    for index, letter in enumerate(signature):
        if letter in "([{":
            depth += 1
            if depth == 1:
                out.append(signature[position : index + 1] + "\n    ")
                position = index + 1
        elif letter in ")]}":
            depth -= 1
            if depth == 0:
                out.append(signature[position:index].rstrip() + ",\n" + signature[index:])
                return "".join(out)
        elif letter == "," and depth == 1:
            out.append(signature[position : index + 1] + "\n   ")
            position = index + 1
    return signature


def _doc(value: object) -> str:
    """The docstring as Markdown: it is plain text with code in backticks, and code blocks by indentation."""
    own = getattr(value, "__doc__", None)
    if not isinstance(own, str) or (isinstance(value, type) and value.__doc__ == getattr(value.__base__, "__doc__", 0)):
        return ""
    text = inspect.cleandoc(own)
    lines: list[str] = []
    code = False
    for line in text.split("\n"):
        if line.startswith("    ") and not code and (not lines or not lines[-1].strip()):
            lines.append("```python")
            code = True
        elif code and line.strip() and not line.startswith("    "):
            while not lines[-1].strip():
                lines.pop()
            lines += ["```", ""]
            code = False
        lines.append(line[4:] if code else re.sub(r"(?<!`)<(?=[a-zA-Z/])", r"\\<", line))
    if code:
        lines.append("```")
    return "\n".join(lines)


def _summary(value: object) -> str:
    return _doc(value).strip().split("\n\n")[0].replace("\n", " ")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
