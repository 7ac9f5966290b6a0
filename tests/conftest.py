"""What holds for every test: nothing leaves loopback, and a slow machine fails nobody."""

from __future__ import annotations

import gc
import ipaddress
import signal
import socket
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

import fast_part
import long_first
from courriel.session import server_memory


# A busy machine makes an example slow, not wrong: examples have no time limit, and pytest's own catches what hangs.
def pytest_configure(config: pytest.Config) -> None:
    """Try everything, or less of it in the fast part."""
    gc.disable()  # until the tests are collected: nothing of what is made for them is garbage
    settings.load_profile(fast_part.profile(config.option.markexpr, config.getoption("--hypothesis-profile")))
    if settings.get_current_profile_name() == "fast":
        fast_part.keep_files_in_memory()


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Import no file in the fast part of which it would run no test."""
    if settings.get_current_profile_name() == "fast" and fast_part.left_out_whole(collection_path):
        return True
    return None


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> Generator[None]:
    """Leave most cases of large matrices to the whole run."""
    yield
    if settings.get_current_profile_name() == "fast":
        fast_part.thin_out(metafunc)
    else:
        fast_part.keep_most(metafunc)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what takes long where processes share the tests."""
    if hasattr(config, "workerinput"):
        long_first.sort(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling | None:
    """Hand out files, the long ones first."""
    return long_first.LongFirst(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_runtest_setup() -> None:
    """Forget what was learnt of servers: the next test's server may get the same port."""
    server_memory.forget()


def pytest_collection_finish() -> None:
    """Spare every garbage collection the search through all tests that were collected."""
    gc.collect()
    gc.freeze()
    gc.enable()


# Where the tests run in the background (`make test &`) a shell has them ignore Ctrl-C, and all they start as well.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def stay_on_loopback(event: str, arguments: tuple[object, ...]) -> None:
    """Refuse, wherever it is tried in this process, to connect to another machine."""
    if event != "socket.connect":
        return
    line, address = arguments
    if isinstance(line, socket.socket) and line.family in {socket.AF_INET, socket.AF_INET6}:
        assert isinstance(address, tuple)
        host = str(address[0]).partition("%")[0]
        if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
            raise RuntimeError(f"a test tried to leave loopback, for {host}")


sys.addaudithook(stay_on_loopback)
