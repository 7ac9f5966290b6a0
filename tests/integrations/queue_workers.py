"""Fixtures of the tests with workers of task queues: an empty Redis, a practice server, an outbox, tasks to import."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from courriel import Message, Outbox, Sandbox
from servers.redis import redis

HERE = Path(__file__).parent / "queues"
BIN = Path(sys.executable).parent
MESSAGE = Message(sender="ada@example.org", to="bob@example.org", subject="x", text="x")

Loading = Callable[[str], ModuleType]


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with redis() as url:
        yield url


@pytest.fixture
def broker(redis_url: str) -> str:
    """The URL of a Redis that holds nothing: what one test leaves behind is not the next one's."""
    from redis import Redis

    with Redis.from_url(redis_url) as connection:
        connection.flushall()
    return redis_url


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def settings(sandbox: Sandbox, tmp_path: Path) -> dict[str, str]:
    """The environment of a worker; a test adds its broker or database before it imports tasks."""
    return {"COURRIEL_URL": sandbox.url, "COURRIEL_OUTBOX": str(tmp_path / "outbox.db"), "PYTHONPATH": str(HERE)}


@pytest.fixture
def outbox(settings: dict[str, str]) -> Iterator[Outbox]:
    with Outbox(settings["COURRIEL_OUTBOX"]) as opened:
        yield opened


@pytest.fixture
def load(settings: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Loading:
    """Imports a module of tasks as the program that puts them does."""

    def act(name: str) -> ModuleType:
        for variable, value in settings.items():
            monkeypatch.setenv(variable, value)
        spec = spec_from_file_location(name, HERE / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        return module

    return act
