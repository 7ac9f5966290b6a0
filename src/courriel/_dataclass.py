"""
Frozen dataclasses with slots that are cheap to define: a program defines forty before it sends its first mail.

    from courriel._dataclass import dataclass, field, replace

    @dataclass(frozen=True, slots=True)
    class Fate:
        recipient: str
        outcome: Outcome
        reply: Reply | None = None

Type checkers see the standard library's `dataclass`, `field` and `replace`, and at run time these behave the same, as
far as the package uses them. `dataclasses` costs 10 ms to import and 1 ms a class, because it generates and compiles
six methods of each. Here a class costs 30 µs, and only its `__init__` is generated, after the first 20 values; until
then the slots are filled directly. The standard library's functions (`dataclasses.replace`, `fields`, `asdict`) accept
these classes. A class with an `__init__` of its own fills its values by a `Filler`.
"""

from __future__ import annotations

from functools import partial
from operator import attrgetter

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from dataclasses import dataclass, field, replace
    from typing import TypeVar

    T = TypeVar("T")

__all__ = ["Filler", "dataclass", "field", "replace"]

_FIRST = 20  # values of one class; beyond that, compiling a function for the class pays
_FEW = 4  # fields; up to that, slot by slot is as fast as switching the class to one without guards and back


class _Missing:
    def __repr__(self) -> str:
        return "<factory>"  # what help() shows where a default is made anew each time


_MISSING = _Missing()
"""Marker for "no default", since None can be a default."""


class _Field:
    """Options of one field, with the names of `dataclasses.field`."""

    __slots__ = ("compare", "default", "default_factory", "init", "repr", "type")

    def __init__(
        self,
        *,
        default: object = _MISSING,
        default_factory: object = _MISSING,
        init: bool = True,
        repr: bool = True,  # noqa: A002 - theirs
        compare: bool = True,
    ) -> None:
        self.default, self.default_factory = default, default_factory
        self.init, self.repr, self.compare = init, repr, compare
        self.type = ""  # the annotation, as source text

    @property
    def optional(self) -> bool:
        return self.default is not _MISSING or self.default_factory is not _MISSING

    def made(self) -> object:
        """Default value of the field; a `default_factory` is called."""
        return self.default if self.default_factory is _MISSING else self.default_factory()  # type: ignore[operator]  # pyright: ignore[reportCallIssue]


def _dataclass(
    *,
    frozen: bool,
    slots: bool,
    init: bool = True,
    repr: bool = True,  # noqa: A002 - theirs
) -> Callable[[type], type]:
    if not (frozen and slots):
        raise TypeError("a value is frozen and has slots; the standard library makes the others")
    return lambda plain: _made(plain, init=init, shown=repr)


def _replace(value: T, /, **changes: object) -> T:
    fields: Mapping[str, _Field] | None = getattr(value, "_value_fields", None)
    if fields is None:
        from dataclasses import replace as replace_theirs  # noqa: PLC0415 - a dataclass of the standard library, which is imported already

        return replace_theirs(value, **changes)  # type: ignore[type-var]  # it raises for anything else
    for name, about in fields.items():
        if about.init:
            if name not in changes:
                changes[name] = getattr(value, name)
        elif name in changes:
            raise ValueError(f"field {name} is made by {type(value).__name__} itself: it cannot be replaced")
    return type(value)(**changes)


if not TYPE_CHECKING:
    dataclass, field, replace = _dataclass, _Field, _replace


class Filler:
    """Fill new values of a class that writes its own `__init__`, or makes values without it."""

    def __init__(self, made: type) -> None:
        self._made = made
        self._calls = 0
        self.fill: Callable[..., None] = self._fill_one_by_one
        """Set the fields of a value: `fill(value, *fields)`, the fields in their order."""

    def _fill_one_by_one(self, value: object, *parts: object) -> None:
        self._calls += 1
        fields = _fields_of(self._made)
        if self._calls > _FIRST:
            self.fill = _compiled(self._made, "fill", list(fields), _filling({name: name for name in fields}), {})
        for name, part in zip(fields, parts, strict=True):
            vars(self._made)[name].__set__(value, part)


# The steps.


def _made(plain: type, *, init: bool, shown: bool) -> type:
    """Recreate the class with slots, which cannot be added to an existing class."""
    if plain.__bases__ != (object,):
        raise TypeError(f"{plain.__qualname__}: a value descends from nothing")
    body = dict(plain.__dict__)
    fields = _take_fields(body)
    for name, method in _methods(fields, shown).items():
        # Python sets __hash__ to None in a class that defines __eq__ alone.
        if body.get(name) is None:
            body[name] = _named(method, plain)
    del body["__dict__"], body["__weakref__"]
    body["__slots__"] = tuple(fields)
    body["__match_args__"] = tuple(name for name, about in fields.items() if about.init)
    body["__dataclass_fields__"], body["__dataclass_params__"] = _Theirs(), _Theirs()
    body["__replace__"] = _replace  # what copy.replace asks for
    body["_value_fields"] = fields
    made: type = type(plain)(plain.__name__, (), {**body, "__qualname__": plain.__qualname__})
    _guard(made, fields)
    if init and "__init__" not in body:
        setattr(made, "__init__", Init(made))  # noqa: B010 - type checkers would not let us
    return made


def _take_fields(body: dict[str, object]) -> dict[str, _Field]:
    """Fields in their order; their defaults are removed from the class body, where the slots will be."""
    annotations: dict[str, str] = body.get("__annotations__", {})  # type: ignore[assignment]
    fields: dict[str, _Field] = {}
    optional = ""
    for name, annotation in annotations.items():
        if annotation.startswith("ClassVar"):
            continue
        given = body.pop(name, _MISSING)
        about = given if isinstance(given, _Field) else _Field(default=given)
        if type(about.default).__hash__ is None:
            raise ValueError(f"{name}: a default that can change would be shared by all; use default_factory")
        if about.init and optional and not about.optional:
            raise TypeError(f"{name}: a field without a default cannot follow {optional}, which has one")
        optional = name if about.init and about.optional else optional
        about.type = annotation
        fields[name] = about
    return fields


def _methods(fields: Mapping[str, _Field], shown: bool) -> dict[str, Callable[..., object]]:
    """Methods of every class of this kind, except `__init__` and the guards against changes."""
    everything = _reader(fields)
    compared = _reader(name for name, about in fields.items() if about.compare)
    shown_names = tuple(name for name, about in fields.items() if about.repr)

    def __repr__(self: object) -> str:  # noqa: N807 - the name that help() shows
        return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown_names)})"

    def __eq__(self: object, other: object) -> bool:  # noqa: N807 - the name that help() shows
        return compared(self) == compared(other) if other.__class__ is self.__class__ else NotImplemented

    def __hash__(self: object) -> int:  # noqa: N807 - the name that help() shows
        return hash(compared(self))

    # Pickling bypasses the guards against changes.

    def __getstate__(self: object) -> list[object]:  # noqa: N807 - the name that help() shows
        return list(everything(self))

    def __setstate__(self: object, state: list[object]) -> None:  # noqa: N807 - the name that help() shows
        for name, value in zip(fields, state, strict=True):
            object.__setattr__(self, name, value)

    methods: dict[str, Callable[..., object]] = {
        "__eq__": __eq__, "__hash__": __hash__, "__getstate__": __getstate__, "__setstate__": __setstate__
    }  # fmt: skip
    return methods | {"__repr__": __repr__} if shown else methods


def _reader(names: Iterable[str]) -> Callable[[object], tuple[object, ...]]:
    """Return a function that reads these fields of a value as a tuple."""
    match tuple(names):
        case ():
            return lambda _: ()
        case (alone,):
            return lambda value: (getattr(value, alone),)
        case several:
            return attrgetter(*several)


def _guard(made: type, fields: Mapping[str, _Field]) -> None:
    """Refuse every assignment and deletion. A subclass may have attributes of its own, and change those."""

    def __setattr__(self: object, name: str, value: object) -> None:  # noqa: N807 - the name that help() shows
        if type(self) is made or name in fields:
            raise _frozen(f"cannot assign to field {name!r}")
        object.__setattr__(self, name, value)

    def __delattr__(self: object, name: str) -> None:  # noqa: N807 - the name that help() shows
        if type(self) is made or name in fields:
            raise _frozen(f"cannot delete field {name!r}")
        object.__delattr__(self, name)

    setattr(made, "__setattr__", _named(__setattr__, made))  # noqa: B010 - type checkers would not let us
    setattr(made, "__delattr__", _named(__delattr__, made))  # noqa: B010


def _named(method: Callable[..., object], kind: type) -> Callable[..., object]:
    """The method, named as if it were written in this class: help() of Python 3.14 says where another one is from."""
    method.__module__, method.__qualname__ = kind.__module__, f"{kind.__qualname__}.{method.__name__}"
    return method


def _frozen(sentence: str) -> AttributeError:
    from dataclasses import FrozenInstanceError  # noqa: PLC0415 - a correct program never needs it

    return FrozenInstanceError(sentence)


def _fields_of(kind: type) -> Mapping[str, _Field]:
    fields: Mapping[str, _Field] = vars(kind)["_value_fields"]
    return fields


class Init:
    """The `__init__` of a class for its first values, which replaces itself by a generated, faster one.

    A program that sends one mail makes one or two values of most classes. To compile a function for each class would
    cost it 3 ms; the first compilation of a program alone imports Python's syntax tree, 1 ms.
    """

    def __init__(self, made: type) -> None:
        self._made = made
        self._calls = 0

    def __get__(self, value: object, kind: type) -> object:
        self._calls += 1
        # `inspect.signature` of Python 3.13 binds to the class itself, as if it were an instance.
        if value is None or self._calls > _FIRST or isinstance(value, type):
            return self._write().__get__(value, kind)
        return partial(self._fill, value)

    def _fill(self, value: object, /, *given: object, **named: object) -> None:
        """Fill the slots as the generated `__init__` would. A wrong call is passed on to it, which raises TypeError."""
        fields = _fields_of(self._made)
        content = dict(zip((name for name, about in fields.items() if about.init), given, strict=False))
        wrong = len(given) > len(content) or not content.keys().isdisjoint(named)
        content.update(named)
        wrong = wrong or not all(name in fields and fields[name].init for name in named)
        for name, about in fields.items():
            if name not in content:
                if about.optional:
                    content[name] = about.made()
                else:
                    wrong = wrong or about.init
        if wrong:
            self._write()(value, *given, **named)
            return
        for name, part in content.items():
            vars(self._made)[name].__set__(value, part)
        if hasattr(self._made, "__post_init__"):
            value.__post_init__()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]

    def _write(self) -> Callable[..., None]:
        init = _written(self._made)
        setattr(self._made, "__init__", init)  # noqa: B010 - type checkers would not let us
        return init


def _written(made: type) -> Callable[..., None]:
    """Generate the `__init__`: named parameters, each stored in its slot, then `__post_init__`."""
    names: dict[str, object] = {"MISSING": _MISSING}
    fields = _fields_of(made)
    parameters: list[str] = []
    given: dict[str, str] = {}
    for name, about in fields.items():
        names[f"default_{name}"], names[f"make_{name}"] = about.default, about.default_factory
        if about.init:
            parameters.append(f"{name}=default_{name}" if about.optional else name)
        value = name if about.init else f"default_{name}"
        if about.default_factory is not _MISSING:
            value = f"make_{name}() if {value} is MISSING else {value}"
        if about.init or about.optional:
            given[name] = value
    steps = _filling(given)
    if hasattr(made, "__post_init__"):
        steps.append("self.__post_init__()")
    init = _compiled(made, "__init__", parameters, steps, names)
    init.__annotations__ = {name: about.type for name, about in fields.items() if about.init} | {"return": "None"}
    return init


def _filling(given: Mapping[str, str]) -> list[str]:
    """Source lines that store the arguments in the slots.

    Slot by slot goes around the guards. With many fields, the value's class is switched to one without guards
    meanwhile: plain attribute assignment takes a tenth of the time. A subclass may have another layout and cannot
    switch its class.
    """
    one_by_one = [f"put_{name}(self, {value})" for name, value in given.items()]
    if len(given) <= _FEW:
        return one_by_one
    at_once = [f"self.{name} = {value}" for name, value in given.items()]
    return [
        "if self.__class__ is GUARDED:",
        " put_class(self, UNGUARDED)",
        *(f" {line}" for line in at_once),
        " self.__class__ = GUARDED",
        "else:",
        *(f" {line}" for line in one_by_one),
    ]


def _compiled(
    made: type, name: str, parameters: list[str], steps: list[str], names: dict[str, object]
) -> Callable[..., None]:
    """Compile a method from these lines, with the slots' setters in its globals."""
    fields = _fields_of(made)
    names = {"__name__": made.__module__, **{f"put_{field}": vars(made)[field].__set__ for field in fields}, **names}
    if len(fields) > _FEW:
        open_to_all = {"__slots__": (), "__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
        names["GUARDED"], names["UNGUARDED"] = made, type(made)(made.__name__, (made,), open_to_all)
        names["put_class"] = vars(object)["__class__"].__set__
    text = f"def {name}({', '.join(['self', *parameters])}):\n " + "\n ".join(steps or ["pass"])
    # Compiled first: a Ctrl-C within the exec of a text ends the program by that signal in CPython, caught or not.
    exec(compile(text, f"<{made.__qualname__}>", "exec"), names)  # noqa: S102 - our own text
    method: Callable[..., None] = names[name]  # type: ignore[assignment]
    method.__qualname__ = f"{made.__qualname__}.{name}"
    return method


class _Theirs:
    """Attribute by which the standard library recognises its dataclasses, made at the first access."""

    def __set_name__(self, kind: type, name: str) -> None:
        self._kind, self._name = kind, name

    def __get__(self, value: object, kind: type) -> object:
        from dataclasses import field, make_dataclass  # noqa: PLC0415 - a caller that looks has it imported already

        specified: list[tuple[str, object, object]] = []
        for name, about in _fields_of(self._kind).items():
            words: dict[str, object] = {"init": about.init, "repr": about.repr, "compare": about.compare}
            if about.default_factory is not _MISSING:
                words["default_factory"] = about.default_factory
            elif about.default is not _MISSING:
                words["default"] = about.default
            specified.append((name, about.type, field(**words)))  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
        twin = make_dataclass(self._kind.__name__, specified, frozen=True)  # pyright: ignore[reportArgumentType, reportCallIssue]
        answer: object = getattr(twin, self._name)
        setattr(self._kind, self._name, answer)
        return answer
