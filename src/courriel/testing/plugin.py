"""
Plugin of pytest (entry point `pytest11`): fixtures, the mark `mail_faults`, the option `--mail-report`.

    mail_server     a practice server for the whole run, on random ports of loopback
    mail_outbox     its mails for one test, empty at the beginning
    mail_faults     what the server does wrong in one test
    assert_mail     the mail that must have come

pytest imports this file in every run of everybody who has courriel: nothing else of courriel is imported before a
fixture is used, and hooks for single tests are registered with the first test that has the mark.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from courriel import Sandbox
    from courriel.testing.assertion import MailAssertion
    from courriel.testing.mail_faults import MailFaults
    from courriel.testing.mail_outbox import MailOutbox
    from courriel.testing.report.recorder import Recorder

_MARK = "mail_faults"
_HOOKS = "courriel-mail-faults"
_RECORDER = "courriel-mail-report"
_PLAYED: pytest.StashKey[MailFaults] = pytest.StashKey()


# Fixtures.


@pytest.fixture(scope="session")
def mail_server(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """A practice mail server (SMTP, POP3, TLS) on random ports of loopback, for the whole run: a `courriel.Sandbox`."""
    from courriel import Sandbox

    with Sandbox() as sandbox:
        yield sandbox
        _record(request.config, "after the last test", sandbox)


@pytest.fixture
def mail_outbox(mail_server: Sandbox, request: pytest.FixtureRequest) -> Iterator[MailOutbox]:
    """The mails that the program sends in this test; COURRIEL_URL leads here meanwhile."""
    from courriel.testing.mail_outbox import MailOutbox, refuse_capture

    refuse_capture()
    _record(request.config, "between tests", mail_server)
    mail_server.clear()
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("COURRIEL_URL_FILE", raising=False)
        environment.setenv("COURRIEL_URL", mail_server.url)
        yield MailOutbox(mail_server)
    _record(request.config, request.node.nodeid, mail_server)
    mail_server.clear()


@pytest.fixture
def mail_faults(mail_outbox: MailOutbox, request: pytest.FixtureRequest) -> MailFaults:
    """Faults of the server in this test; by the mark `mail_faults` the test runs once for each fault."""
    from courriel.testing.mail_faults import MailFaults

    faults = MailFaults(mail_outbox.sandbox)
    asked = getattr(request, "param", None)
    if asked is not None:
        name, where = asked
        faults.begin(name, **where)
        request.node.stash[_PLAYED] = faults
    return faults


@pytest.fixture
def assert_mail(mail_outbox: MailOutbox) -> MailAssertion:
    """Function that returns the mail which fits, or fails with what came instead, the nearest first."""
    from courriel.testing.assertion import MailAssertion

    return MailAssertion(mail_outbox.sandbox)


# Hooks.


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.getgroup("courriel", "mail that programs send").addoption(
        "--mail-report",
        metavar="DIR",
        default=None,
        help="write a page of every mail that the tests sent, compared with the run before, into this folder",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declare the mark, and begin the report when one is asked for."""
    config.addinivalue_line(
        "markers",
        "mail_faults(*names, when='', nth=1, times=None): run the test once for each fault of the mail server, by its "
        "name or its id in courriel's failure table; see docs/testing.md",
    )
    folder = config.getoption("--mail-report")
    if folder:
        from courriel.testing.report.recorder import Recorder

        config.pluginmanager.register(Recorder(config, folder), _RECORDER)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one test of each fault of the mark."""
    marks = list(metafunc.definition.iter_markers(_MARK))
    if not marks:
        return
    from courriel.testing.mail_faults import FaultHooks, named

    manager = metafunc.config.pluginmanager
    if not manager.has_plugin(_HOOKS):
        manager.register(FaultHooks(_PLAYED), _HOOKS)
    cases = [case for mark in reversed(marks) for case in named(mark, metafunc.definition.nodeid)]
    if "mail_faults" not in metafunc.fixturenames:
        metafunc.fixturenames.append("mail_faults")  # what may be parametrized; the hooks have it set up
    metafunc.parametrize("mail_faults", cases, ids=[name for name, _ in cases], indirect=True)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse the mark where no test was made of each fault: such a test would pass and prove nothing."""
    for item in items:
        if item.get_closest_marker(_MARK) and _MARK not in getattr(getattr(item, "callspec", None), "params", ()):
            raise pytest.UsageError(
                f"{item.nodeid}: the mark mail_faults is for test functions and for classes without unittest.TestCase; "
                "in a TestCase have a fixture that takes mail_faults, and call mail_faults.play(name)"
            )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell which faults the program mishandled."""
    ended = [report for kind in ("passed", "failed") for report in terminalreporter.getreports(kind)]
    if any(hasattr(report, "mail_fault") for report in ended):
        from courriel.testing.mail_faults import summarise

        summarise(terminalreporter, ended)


# The steps.


def _record(config: pytest.Config, test: str, sandbox: Sandbox) -> None:
    """Hand the mails of a test to the report, when there is one."""
    recorder: Recorder | None = config.pluginmanager.get_plugin(_RECORDER)
    if recorder is not None:
        recorder.add(test, sandbox.letters)
