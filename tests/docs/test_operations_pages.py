"""What the pages on running workers show is right: the unit by systemd itself, the Compose file in namespaces."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
import yaml

from courriel import Message, Outbox, State
from courriel.integrations import names
from courriel.outbox.attempts import Attempt
from courriel.outbox.metrics import LastError, Metrics, WorkerStatus
from courriel.outbox.work.health import Health
from servers.daemon import wait_until
from servers.packages import need

ROOT = Path(__file__).parent.parent.parent
PAGES = ["docs/operations.md", "docs/operations.fr.md"]
UNIT, COMPOSE = ROOT / "docs" / "courriel-worker.service", ROOT / "docs" / "compose.yaml"
ANALYZE = "/usr/bin/systemd-analyze"
CONTAINER = ("unshare", "--pid", "--mount", "--uts", "--ipc", "--net", "--fork", "--kill-child", "--mount-proc")
LONG = 60.0  # seconds that nothing here takes


@pytest.mark.parametrize("page", PAGES)
def test_nothing_that_people_meet_is_left_out(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    words = {
        *(name for kind in (Metrics, WorkerStatus, LastError, Attempt) for name in kind.__slots__),
        "alive", "gone", "on_attempt", "metrics",
        *(figure.name for figure in names.FIGURES), names.UP[0], names.OPERATION_COUNT, names.OPERATION_DURATION,
        *get_args(get_type_hints(Health)["state"]),
        "courriel-worker.service", "compose.yaml", "courriel outbox retry", "courriel outbox forget",
        "/live", "/metrics",
    }  # fmt: skip

    missing = {word for word in words if not re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text)}

    assert not missing


@pytest.mark.parametrize("page", PAGES)
def test_every_example_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)

    for block in blocks:
        exec(block, {})

    assert blocks


# systemd.


@pytest.mark.slow
def test_systemd_has_nothing_to_say_about_the_unit(tmp_path: Path) -> None:
    need(ANALYZE)
    unit = tmp_path / UNIT.name
    # The program is where this test has it, and not where a package would put it.
    unit.write_text(UNIT.read_text().replace("/usr/bin/courriel ", f"{Path(sys.executable).parent / 'courriel'} "))

    ran = subprocess.run([ANALYZE, "verify", str(unit)], capture_output=True, text=True, check=False, timeout=60)

    # What other units of this machine have wrong is not ours.
    said = [line for line in (ran.stdout + ran.stderr).splitlines() if UNIT.name in line or "courriel" in line]
    assert not said


def test_systemd_notices_what_is_wrong_with_a_unit(tmp_path: Path) -> None:
    need(ANALYZE)
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("Type=notify", "Type=notfy"))

    ran = subprocess.run([ANALYZE, "verify", str(unit)], capture_output=True, text=True, check=False, timeout=60)

    assert UNIT.name in ran.stdout + ran.stderr


@pytest.mark.slow
def test_the_command_of_the_unit_is_one_that_there_is() -> None:
    (command,) = re.findall(r"^ExecStart=/usr/bin/courriel (.*)$", UNIT.read_text(), re.MULTILINE)

    ran = subprocess.run([sys.executable, "-m", "courriel", *command.split(), "--help"], check=False, timeout=60)

    assert ran.returncode == 0
    assert re.search(r"^Type=notify$", UNIT.read_text(), re.MULTILINE)


# Containers.


def _may_unshare() -> bool:
    try:
        return not subprocess.run([*CONTAINER, "true"], capture_output=True, check=False, timeout=20).returncode
    except OSError:
        return False


@contextlib.contextmanager
def container(command: list[str]) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A command as the first process of namespaces of its own, and what its number is for us."""
    up = """
import fcntl, os, socket, struct, sys
with socket.socket() as line:
    fcntl.ioctl(line, 0x8914, struct.pack("16sh14x", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP: a loopback of its own
os.execv(sys.argv[1], sys.argv[1:])
"""
    started = subprocess.Popen(
        [*CONTAINER, sys.executable, "-c", up, *command], text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if not name.startswith("COURRIEL_")},
    )  # fmt: skip
    try:
        children = Path(f"/proc/{started.pid}/task/{started.pid}/children")
        assert wait_until(lambda: bool(children.read_text().split()), LONG)
        yield started, int(children.read_text().split()[0])
    finally:
        started.kill()
        started.communicate()


@pytest.mark.acceptance
@pytest.mark.skipif(not _may_unshare(), reason="no namespaces here")
def test_two_containers_share_one_volume_and_one_takes_over_from_the_other(tmp_path: Path) -> None:
    told = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    service = told["services"]["worker"]
    assert set(told["volumes"]) == {"outbox"}
    assert service["volumes"] == ["outbox:/var/lib/courriel"]
    place = str(tmp_path / "outbox.db")
    command = [place if word == "/var/lib/courriel/outbox.db" else word for word in service["command"]]
    assert place in command
    command[:1] = [sys.executable, "-m", "courriel"]
    kind, python, *check = service["healthcheck"]["test"]
    assert (kind, python) == ("CMD", "python")

    with Outbox(place, elsewhere=True) as outbox, container(command) as one, container(command) as other:
        for _, inside in (one, other):
            healthy(inside, [sys.executable, *check])
        until(lambda: outbox.metrics().alive == 2)
        outbox.put(MESSAGE, via=f"file://{tmp_path}/mails").wait(LONG)
        os.kill(one[1], signal.SIGKILL)
        until(lambda: outbox.metrics().alive == 1)
        assert outbox.put(MESSAGE, via=f"file://{tmp_path}/mails").wait(LONG).state is State.SENT

        os.kill(other[1], signal.SIGSTOP)
        assert not asked(other[1], [sys.executable, *check]), "one that is stopped does not answer"
        os.kill(other[1], signal.SIGCONT)
        os.kill(other[1], signal.SIGTERM)
        assert other[0].wait(LONG) == 0


MESSAGE = Message(sender="ada@example.org", to="bob@example.org", subject="x", text="x")


def asked(inside: int, check: list[str]) -> bool:
    """What the health check of the Compose file says, asked within the container."""
    command = ["nsenter", "--target", str(inside), "--net", *check]
    return not subprocess.run(command, capture_output=True, check=False, timeout=LONG).returncode


def healthy(inside: int, check: list[str]) -> None:
    until(lambda: asked(inside, check))


def until(holds: Callable[[], bool]) -> None:
    assert wait_until(holds, LONG)


def test_the_compose_file_waits_longer_than_a_worker_does() -> None:
    service = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]["worker"]

    assert int(service["stop_grace_period"].removesuffix("s")) > 30
    assert "/live" in COMPOSE.read_text(encoding="utf-8")
    json.dumps(service)  # plain values, no tags
