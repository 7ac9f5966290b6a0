"""Our frozen dataclasses: what the standard library's do, judged by them."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from typing import Any

import pytest
from hypothesis import given as given_some
from hypothesis import strategies as some

from courriel import _dataclass
from courriel._dataclass import Filler, dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Ours:
    name: str
    secret: str = field(default="s3cret", repr=False)
    tags: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list, compare=False)
    length: int = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "length", len(self.name))


@dataclasses.dataclass(frozen=True, slots=True)
class Theirs:
    name: str
    secret: str = dataclasses.field(default="s3cret", repr=False)
    tags: tuple[str, ...] = ()
    notes: list[str] = dataclasses.field(default_factory=list, compare=False)
    length: int = dataclasses.field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "length", len(self.name))


@dataclass(frozen=True, slots=True)
class Empty:
    pass


@dataclass(frozen=True, slots=True)
class Alone:
    only: object


@dataclass(frozen=True, slots=True)
class Many:
    one: int
    two: int = 2
    three: int = 3
    four: list[int] = field(default_factory=list)
    five: int = field(default=5, init=False)
    six: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "six", self.one + 5)


@pytest.fixture(autouse=True, params=[0, 1_000_000], ids=["later", "first"])
def many_or_few(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What holds for the first values of a class holds for the later ones, whose `__init__` is written."""
    monkeypatch.setattr(_dataclass, "_FIRST", request.param)
    for kind in (Ours, Empty, Alone, Many):
        monkeypatch.setattr(kind, "__init__", _dataclass.Init(kind))


words = some.tuples(some.text(max_size=3), some.text(max_size=3), some.tuples(some.text(max_size=2)))


@given_some(words, words)
def test_they_look_compare_and_hash_as_theirs(one: Any, other: Any) -> None:
    ours, theirs = Ours(*one), Theirs(*one)

    assert repr(ours) == repr(theirs).replace("Theirs", "Ours")
    assert (ours == Ours(*other)) == (theirs == Theirs(*other))
    assert hash(ours) == hash(theirs)
    assert ours != theirs
    assert dataclasses.asdict(ours) == dataclasses.asdict(theirs)  # type: ignore[call-overload]


def test_a_secret_is_never_shown() -> None:
    assert "s3cret" not in repr(Ours("ada"))
    assert "s3cret" not in str(Ours("ada"))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_they_survive_pickling_and_copying(protocol: int) -> None:
    value = Ours("ada", notes=["heard"])

    if protocol >= 2:
        assert pickle.loads(pickle.dumps(value, protocol)) == value
    assert copy.copy(value) == copy.deepcopy(value) == value
    assert copy.deepcopy(value).notes is not value.notes


def test_they_do_not_change() -> None:
    value = Ours("ada")

    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'name'"):
        value.name = "bob"  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'name'"):
        del value.name
    with pytest.raises(dataclasses.FrozenInstanceError):
        value.other = 1  # type: ignore[attr-defined]
    assert not hasattr(value, "__dict__")


def test_a_class_of_a_user_may_descend_and_keep_more() -> None:
    class More(Ours):
        def __init__(self, name: str) -> None:
            super().__init__(name)
            self.extra = 1

    more = More("ada")
    more.extra = 2
    del more.extra

    with pytest.raises(dataclasses.FrozenInstanceError):
        more.name = "bob"  # type: ignore[misc]
    assert replace(Ours("ada"), name="eve").name == "eve"


@pytest.mark.parametrize(
    ("given", "named", "refusal"),
    [
        ((), {}, r"Ours.__init__\(\) missing 1 required positional argument: 'name'"),
        (("ada",), {"nmae": "x"}, "unexpected keyword argument 'nmae'"),
        (("ada",), {"length": 3}, "unexpected keyword argument 'length'"),
        (("ada",), {"name": "eve"}, "multiple values for argument 'name'"),
        (("ada", "", (), [], 3), {}, "takes from 2 to 5 positional arguments but 6 were given"),
    ],
)
def test_a_wrong_call_is_refused_as_any_function_refuses_it(given: Any, named: Any, refusal: str) -> None:
    with pytest.raises(TypeError, match=refusal):
        Ours(*given, **named)


def test_replacing_makes_a_new_value_and_checks_it_anew() -> None:
    value = Ours("ada", tags=("a",))

    assert replace(value, name="bobby") == Ours("bobby", tags=("a",))
    assert replace(value, name="bobby").length == 5
    with pytest.raises(ValueError, match="length"):
        replace(value, length=3)
    with pytest.raises(TypeError):
        replace(value, nmae="x")  # type: ignore[call-arg]


def test_defaults_are_made_anew_each_time() -> None:
    assert Ours("ada").notes is not Ours("ada").notes


def test_the_standard_library_takes_them_for_its_own() -> None:
    value = Ours("ada")

    assert dataclasses.is_dataclass(value)
    assert [(told.name, told.repr) for told in dataclasses.fields(value)] == [  # type: ignore[arg-type]
        ("name", True), ("secret", False), ("tags", True), ("notes", True), ("length", True),
    ]  # fmt: skip
    assert dataclasses.replace(value, name="bob") == Ours("bob")  # type: ignore[type-var]
    assert str(inspect.signature(Ours)).startswith("(name: 'str', secret: 'str' = 's3cret', tags: ")


def test_a_dataclass_of_the_standard_library_is_replaced_by_its_own_function() -> None:
    assert replace(Theirs("ada"), name="bob") == Theirs("bob")


def test_patterns_take_fields_in_their_order() -> None:
    match Ours("ada", "s", ("a",)):
        case Ours(name, _, (tag,)):
            pass
        case _:
            raise AssertionError

    assert (name, tag) == ("ada", "a")
    assert Ours.__match_args__ == ("name", "secret", "tags", "notes")


def test_values_with_one_field_or_none_work_as_well() -> None:
    assert Empty() == Empty()
    assert hash(Empty()) == hash(Empty())
    assert repr(Alone(Empty())) == "Alone(only=Empty())"
    assert Alone(1) == Alone(1) != Alone(2)
    assert pickle.loads(pickle.dumps(Alone(1))) == Alone(1)


def test_what_cannot_be_a_value_is_refused_when_it_is_written() -> None:
    with pytest.raises(ValueError, match="default_factory"):

        @dataclass(frozen=True, slots=True)
        class Shared:
            notes: list[str] = []  # noqa: RUF012

    with pytest.raises(TypeError, match="cannot follow first"):

        @dataclass(frozen=True, slots=True)
        class Unordered:
            first: int = 0
            second: int

    with pytest.raises(TypeError, match="frozen"):
        dataclass(frozen=False, slots=True)
    with pytest.raises(TypeError, match="descends"):

        @dataclass(frozen=True, slots=True)
        class Child(Alone):
            more: int


def test_what_a_class_says_itself_is_kept() -> None:
    @dataclass(frozen=True, slots=True)
    class Own:  # noqa: PLW1641
        name: str

        def __repr__(self) -> str:
            return "own"

        def __eq__(self, other: object) -> bool:
            return True

    assert repr(Own("a")) == "own"
    assert Own("a") == Own("b")
    assert hash(Own("a")) == hash(Own("a"))


def test_after_its_first_values_a_class_has_an_init_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_dataclass, "_FIRST", 2)

    made = [(Ours("ada", tags=("a",)), type(vars(Ours)["__init__"])) for _ in range(3)]

    assert [kind for _, kind in made] == [_dataclass.Init, _dataclass.Init, type(lambda: None)]
    assert made[0][0] == made[2][0]


def test_a_value_of_many_fields_is_guarded_as_any_other() -> None:
    value = Many(1, three=33)

    assert repr(value) == "Many(one=1, two=2, three=33, four=[], five=5, six=6)"
    assert type(value) is Many
    assert value.four is not Many(1).four
    assert pickle.loads(pickle.dumps(value)) == replace(value) == value
    with pytest.raises(dataclasses.FrozenInstanceError):
        value.one = 2  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        del value.one


def test_a_class_that_descends_from_one_of_many_fields_is_filled_too() -> None:
    class More(Many):
        pass

    more = More(1)
    more.extra = 7  # type: ignore[attr-defined]

    assert type(more) is More
    assert repr(more).endswith("More(one=1, two=2, three=3, four=[], five=5, six=6)")
    with pytest.raises(dataclasses.FrozenInstanceError):
        more.one = 2  # type: ignore[misc]


@pytest.mark.parametrize("kind", [Alone, Many])
def test_a_class_may_fill_its_values_itself(kind: type) -> None:
    fields = kind.__slots__  # type: ignore[attr-defined]
    value = object.__new__(kind)

    Filler(kind).fill(value, *range(len(fields)))

    assert [getattr(value, name) for name in fields] == list(range(len(fields)))
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, fields[0], 2)
