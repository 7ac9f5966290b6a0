"""`python:package.module:name`: who may name a transport of a program, what it may be, and how long it lives."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

import courriel
from courriel import Message, Outbox, Receipt, Submission, Transcript, errors
from courriel._dataclass import replace
from courriel.delivery import provided
from courriel.delivery.local import KeptMessages, MemoryTransport, letters
from courriel.delivery.settings.profiles import resolve
from courriel.delivery.urls.route import Route
from courriel.types import Result

MAIL = Message(sender="ada@example.org", to="bob@example.org", subject="x", text="x")
_serial = count(1)

PROGRAM = """
from courriel.delivery.local import KeptMessages, MemoryTransport

class Counted(MemoryTransport):
    made = closed = 0
    answer_limit = 7.0
    def __init__(self):
        super().__init__(KeptMessages())
        type(self).made += 1
    def close(self):
        type(self).closed += 1

class Awaited:
    name, answer_limit, parallel = "awaited", 7.0, 1
    closed = 0
    def __init__(self):
        self.inner = MemoryTransport(KeptMessages())
    async def submit(self, submission):
        return self.inner.submit(submission)
    async def submit_many(self, submissions, *, window=100):
        for submission in submissions:
            yield await self.submit(submission)
    async def close(self):
        type(self).closed += 1

class Half:
    name = "half"
    def submit(self, submission): ...

whole = Counted()
awaited = Awaited()
nothing = 25
make = lambda: Counted()

async def make_awaited():
    return Awaited()

def refuse():
    raise OSError("no")

def again():
    import courriel
    return courriel.connect()

class inside:
    kept = whole
"""


@pytest.fixture(autouse=True)
def nobodys_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("COURRIEL_") or name in ("EMAIL_URL", "SMTP_URL"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(provided, "shared", provided.SharedTransports())
    letters.clear()


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Writes a module, and gives a setting that names something in it."""
    name = f"shop_{os.getpid()}_{next(_serial)}"
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    (folder / f"{name}.py").write_text(PROGRAM)
    (folder / f"{name}_broken.py").write_text("1 / 0")
    return lambda what: f"python:{name}{what if what.startswith('_') else f':{what}'}"


def module_of(setting: str) -> Any:
    return sys.modules[setting.removeprefix("python:").partition(":")[0]]


# What it may be.


@pytest.mark.parametrize("what", ["whole", "make", "Counted", "inside.kept"])
def test_an_object_or_what_a_function_makes_sends(program: Callable[[str], str], what: str) -> None:
    setting = program(what)

    receipts = [
        courriel.send(MAIL, via=setting),
        courriel.connect(setting).send(MAIL),
        asyncio.run(courriel.asend(MAIL, via=setting)),
    ]

    assert all(receipt.complete for receipt in receipts)


def test_what_is_made_is_shared_by_the_process_and_closed_when_it_ends(program: Callable[[str], str]) -> None:
    setting = program("make")
    courriel.send(MAIL, via=setting)
    with courriel.connect(setting) as transport:
        transport.send(MAIL)
        assert transport.answer_limit == 7.0
    counted = module_of(setting).Counted

    asyncio.run(courriel.asend(MAIL, via=setting))
    assert (counted.made - 1, counted.closed) == (1, 0), "one is made with the module"
    provided.shared.close()
    assert counted.closed == 1


@pytest.mark.parametrize("what", ["awaited", "Awaited", "make_awaited"])
def test_an_async_transport_is_for_asyncio(program: Callable[[str], str], what: str) -> None:
    setting = program(what)

    async def story() -> Receipt:
        async with await courriel.aconnect(setting) as transport:
            assert transport.name == "awaited"
            await courriel.asend(MAIL, via=transport)
        return await courriel.asend(MAIL, via=setting)

    assert asyncio.run(story()).complete
    assert module_of(setting).Awaited.closed == (0 if what == "awaited" else 2), "what was made for a call is closed"
    with pytest.raises(errors.UsageError, match="asend"):
        courriel.send(MAIL, via=setting)


def test_the_guard_of_a_submission_is_asked_in_the_event_loop(program: Callable[[str], str]) -> None:
    asked: list[object] = []

    async def story() -> list[Result]:
        loop = asyncio.get_running_loop()

        async def guard() -> bool:
            asked.append(asyncio.get_running_loop() is loop)
            return len(asked) < 2

        async with await courriel.aconnect("memory:") as transport:
            ready = courriel.ReadyMessage.parse(MAIL.as_bytes())
            one = Submission(ready.envelope(), ready.content, before_end=guard)
            return [result async for result in transport.submit_many(broken_between(one))]

    first, broken, second = asyncio.run(story())

    assert asked == [True, True]
    assert isinstance(first, Receipt)
    assert isinstance(broken, errors.UsageError)
    assert isinstance(second, errors.NotPermitted)
    assert len(letters) == 1


class broken_between:  # noqa: N801 - read as a participle
    def __init__(self, submission: Submission) -> None:
        self._left: list[Submission | Exception] = [submission, errors.UsageError("broken"), submission]

    def __iter__(self) -> Iterator[Submission]:
        return self

    def __next__(self) -> Submission:
        if not self._left:
            raise StopIteration
        found = self._left.pop(0)
        if isinstance(found, Exception):
            raise found
        return found


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ("nothing", "int has no name, answer_limit, parallel, submit, submit_many, hang_up, close"),
        ("Half", "Half has no answer_limit, parallel, submit_many, hang_up, close"),
        ("absent", "has no absent"),
        ("whole.absent", "has no whole.absent"),
        ("_absent:x", "No module named .*PYTHONPATH, and not in the current folder"),
        ("_broken:x", "failed .ZeroDivisionError."),
    ],
)
def test_anything_else_is_an_error_that_says_what_is_wrong(
    program: Callable[[str], str], what: str, sentence: str
) -> None:
    for send in (courriel.send, lambda *given, **named: asyncio.run(courriel.asend(*given, **named))):
        with pytest.raises(errors.UsageError, match=sentence):
            send(MAIL, via=program(what))


def test_what_a_function_raises_is_raised(program: Callable[[str], str]) -> None:
    with pytest.raises(OSError, match="no"):
        courriel.send(MAIL, via=program("refuse"))


def test_a_transport_made_of_the_setting_that_names_it_is_an_error(
    program: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURRIEL_URL", program("again"))

    with pytest.raises(errors.UsageError, match="names it again") as failed:
        courriel.send(MAIL)
    assert "was set by COURRIEL_URL" in failed.value.__notes__[0]


@pytest.mark.parametrize(
    "url",
    ["python:", "python:shop", "python:shop:", "python::x", "python://shop:x", "python:shop.mail:x()", "python:1:x",
     "python:shop:x:y", "python:shop mail:x", "python:../shop:x", "python:shop:x?pool=2", "python:.shop:x"],
)  # fmt: skip
def test_an_invalid_name_is_refused(url: str) -> None:
    with pytest.raises(errors.InvalidUrl):
        Route.parse(url)


def test_a_route_is_written_back_as_it_was_read() -> None:
    route = Route.parse("python:shop.mail:transport?from=ada@example.org")

    assert (route.kind, route.target, str(route.sender)) == ("python", "shop.mail:transport", "ada@example.org")
    assert Route.parse(route.url) == route
    assert route.name == "python:shop.mail:transport"
    with pytest.raises(errors.InvalidUrl):
        replace(route, target="")
    with pytest.raises(errors.InvalidUrl):
        Route("memory", target="shop:x")


def test_asyncio_shares_what_blocks(program: Callable[[str], str]) -> None:
    setting = program("make")
    for _ in range(2):
        asyncio.run(courriel.asend(MAIL, via=setting))
    courriel.send(MAIL, via=setting)
    counted = module_of(setting).Counted

    assert (counted.made - 1, counted.closed) == (1, 0), "one is made with the module"


# Who may name it.


def test_the_environment_and_ones_own_file_may_name_one(
    program: Callable[[str], str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = tmp_path / "config" / "courriel" / "courriel.toml"
    own.parent.mkdir(parents=True)
    own.write_text(f'[profiles.billing]\nurl = "{program("whole")}"\n')
    monkeypatch.setenv("COURRIEL_URL", program("whole"))

    assert courriel.send(MAIL).complete
    assert courriel.send(MAIL, via="billing").complete


def test_a_projects_file_may_not_unless_it_is_agreed_to(
    program: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    setting = program("whole")
    Path("courriel.toml").write_text(f'url = "{setting}"\n[profiles.billing]\nurl = "{setting}"\n')

    for via in (None, "billing"):
        with pytest.raises(errors.InvalidUrl, match=r"python: is not taken .*the program that runs"):
            courriel.send(MAIL, via=via)
    assert setting.removeprefix("python:").partition(":")[0] not in sys.modules
    monkeypatch.setenv("COURRIEL_TRUST", str(Path("courriel.toml").absolute()))
    assert courriel.send(MAIL, via="billing").complete


def test_nothing_leaves_by_it_while_mail_is_captured(
    program: Callable[[str], str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COURRIEL_CAPTURE", "1")
    setting = program("refuse")

    assert resolve(setting).kind == "memory"
    courriel.send(MAIL, via=setting)
    with Outbox(tmp_path / "outbox.db", ways={"billing": setting}) as outbox:
        outbox.put(MAIL, via="billing")
        outbox.run_once()
    assert len(letters) == 2


# Everything that `connect` gives.


@pytest.mark.parametrize("setting", ["memory:", "null:", "console:", "file://{}", "maildir://{}"])
def test_connect_gives_local_transports(setting: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    setting = setting.format(tmp_path / "kept")

    async def story() -> Receipt:
        async with await courriel.aconnect(setting) as transport:
            return await transport.send(MAIL)

    with courriel.connect(setting) as transport:
        blocking = transport.send(MAIL)
    awaiting = asyncio.run(story())

    assert transport.name == setting
    assert blocking.complete
    assert awaiting.complete


def test_a_transcript_needs_a_server() -> None:
    with pytest.raises(errors.UsageError, match="memory: leads to no server"):
        courriel.connect("memory:", transcript=Transcript())
    with pytest.raises(errors.UsageError, match="memory: leads to no server"):
        asyncio.run(courriel.aconnect("memory:", transcript=Transcript()))


@pytest.mark.slow
def test_a_child_process_makes_its_own(program: Callable[[str], str], tmp_path: Path) -> None:
    setting = program("make")
    code = (
        "import os, sys, courriel\n"
        "mail = courriel.Message(sender='a@b.org', to='c@d.org', subject='x', text='x')\n"
        f"courriel.send(mail, via={setting!r})\n"
        "child = os.fork()\n"
        f"courriel.send(mail, via={setting!r})\n"
        f"counted = sys.modules[{setting!r}[7:].partition(':')[0]].Counted\n"
        "if child == 0: os._exit(counted.made)\n"
        "print(counted.made, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "path")},
    )  # fmt: skip

    assert ran.stdout.split() == ["2", "3"], "one with the module, one by send; another one in the child"


class Unlike(MemoryTransport):
    """A transport of this test, for what takes only a Transport."""

    def submit_many(
        self, submissions: Iterable[Submission], *, window: int | Callable[[], int] = 100
    ) -> Iterator[Result]:
        return map(self.submit, submissions)


def test_an_outbox_refuses_what_is_no_transport(tmp_path: Path) -> None:
    class Half:
        name = "half"

        def submit(self, submission: Submission) -> Receipt:
            raise NotImplementedError

    with Outbox(tmp_path / "outbox.db", ways={"own": Unlike(KeptMessages())}) as outbox:
        for wrong in (Half(), Unlike):
            with pytest.raises(errors.UsageError, match="Transport"):
                outbox.put(MAIL, via=wrong)  # type: ignore[arg-type]
            with pytest.raises(errors.UsageError):
                outbox.use("billing", wrong)  # type: ignore[arg-type]
