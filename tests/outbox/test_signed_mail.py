"""Mail of an outbox that is signed: when it is put or when it leaves, once, with no key in its rows, whoever dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import courriel
from courriel import Message, Outbox, Sandbox, Signed, State, errors
from dkim_keys import key_files, settings, verdicts


def mail(text: str = "Hello.") -> Message:
    return Message(sender="ada@example.org", to="bob@example.org", subject="Signed", text=text)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's settings file."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "config" / "courriel" / "courriel.toml"
    file.parent.mkdir(parents=True)
    return file


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


def stored(place: Path) -> bytes:
    with Outbox(place) as outbox:
        (info,) = outbox.list()
        return b"".join(outbox.get(info.id).blocks())


@pytest.mark.parametrize(("when", "at_put"), [("", True), ('when = "put"\n', True), ('when = "leave"\n', False)])
@pytest.mark.parametrize("way", ["url", "pool", "profile", "way"])
def test_a_mail_is_signed_once_when_it_is_put_or_when_it_leaves(
    home: Path, place: Path, tmp_path: Path, when: str, at_put: bool, way: str
) -> None:
    with Sandbox() as sandbox:
        url = f"{sandbox.url}&dkim=example{'&pool=2' if way == 'pool' else ''}"
        home.write_text(settings(tmp_path, when) + f'[profiles.billing]\nurl = "{url}"\n')
        lane = url if way in ("url", "pool") else "billing"
        with Outbox(place, ways={"billing": url} if way == "way" else None) as outbox:
            outbox.put_many([mail()], via=lane)
            signed = verdicts(stored(place))
            outbox.run_once()
            (letter,) = sandbox.letters

    assert signed == (["pass", "pass"] if at_put else [])
    assert verdicts(letter.content) == ["pass", "pass"]
    assert b"PRIVATE KEY" not in place.read_bytes()
    if at_put:
        assert letter.content == stored(place)


@pytest.mark.parametrize("url", ["{0}", "{0}&pool=2"])
def test_a_signed_transport_of_the_program_signs_when_the_mail_is_put(place: Path, tmp_path: Path, url: str) -> None:
    with Sandbox() as sandbox:
        inner = courriel.connect(url.format(sandbox.url))
        signed = Signed(inner, domain="example.org", selector=("s1", "e1"), key=key_files(tmp_path))
        with signed, Outbox(place, ways={"billing": signed}) as outbox:
            outbox.put(mail(), via="billing")
            before = stored(place)
            outbox.run_once()
            (letter,) = sandbox.letters

    assert verdicts(before) == ["pass", "pass"]
    assert letter.content == before


def test_who_cannot_know_the_setting_leaves_the_signature_to_the_worker(
    home: Path, place: Path, tmp_path: Path
) -> None:
    with Sandbox() as sandbox:
        with Outbox(place, elsewhere=True) as outbox:
            outbox.put(mail(), via="billing")
        assert verdicts(stored(place)) == []

        home.write_text(settings(tmp_path) + f'[profiles.billing]\nurl = "{sandbox.url}"\ndkim = "example"\n')
        with Outbox(place) as outbox:
            outbox.run_once()
        (letter,) = sandbox.letters

    assert verdicts(letter.content) == ["pass", "pass"]


def test_a_key_that_cannot_be_read_is_an_error_before_anything_is_stored(
    home: Path, place: Path, tmp_path: Path
) -> None:
    home.write_text(settings(tmp_path))
    (tmp_path / "s1.pem").unlink()
    with Outbox(place) as outbox:
        with pytest.raises(errors.UsageError, match="No such file"):
            outbox.put(mail(), via="memory:?dkim=example")

        assert not list(outbox.list())


def test_a_key_that_is_gone_when_a_mail_leaves_keeps_it_and_sends_nothing(
    home: Path, place: Path, tmp_path: Path
) -> None:
    home.write_text(settings(tmp_path, 'when = "leave"\n'))
    key = tmp_path / "s1.pem"
    with Sandbox() as sandbox, Outbox(place) as outbox:
        ticket = outbox.put(mail(), via=f"{sandbox.url}&dkim=example")
        kept = key.read_bytes()
        key.unlink()
        outbox.run_once()
        assert ticket.status is State.READY
        assert not sandbox.letters

        key.write_bytes(kept)
        key.chmod(0o600)
        outbox.resume(f"{sandbox.url}&dkim=example")
        outbox.run_once()
        assert ticket.status is State.SENT
        assert [verdicts(letter.content) for letter in sandbox.letters] == [["pass", "pass"]]


def test_the_same_mail_under_its_key_is_the_same_although_it_is_signed_again(
    home: Path, place: Path, tmp_path: Path
) -> None:
    home.write_text(settings(tmp_path))
    with Outbox(place) as outbox:
        first = outbox.put(mail(), via="memory:?dkim=example", key="invoice-42")
        again = outbox.put(mail(), via="memory:?dkim=example", key="invoice-42")
        with pytest.raises(errors.KeyReused):
            outbox.put(mail("Other."), via="memory:?dkim=example", key="invoice-42")

    assert (again.id, again.existed) == (first.id, True)


@pytest.mark.slow
def test_a_large_mail_is_signed_without_being_held_in_memory(home: Path, place: Path, tmp_path: Path) -> None:
    home.write_text(settings(tmp_path))
    file = tmp_path / "large.bin"
    file.write_bytes(os.urandom(3_000_000))
    with Sandbox() as sandbox, Outbox(place) as outbox:
        outbox.put(mail().with_attachment(file), via=f"{sandbox.url}&dkim=example")
        outbox.run_once()
        (letter,) = sandbox.letters

    assert verdicts(letter.content) == ["pass", "pass"]


KILLED = """
import os, signal, sys
from courriel import Outbox
from courriel.outbox.work.sending import batch

place, point = sys.argv[1:]
if point == "before the mark":
    batch.Batch.before_end = lambda self, job: os.kill(os.getpid(), signal.SIGKILL)
else:
    real = batch.Batch.before_end
    def marked(self, job):
        real(self, job)
        os.kill(os.getpid(), signal.SIGKILL)
    batch.Batch.before_end = marked
with Outbox(place) as outbox:
    outbox.run_once()
"""


@pytest.mark.slow
@pytest.mark.parametrize("point", ["before the mark", "after the mark"])
@pytest.mark.parametrize("when", ["put", "leave"])
def test_a_worker_that_is_killed_neither_loses_a_signed_mail_nor_doubles_it(
    home: Path, place: Path, tmp_path: Path, when: str, point: str
) -> None:
    with Sandbox() as sandbox:
        lane = f"{sandbox.url}&dkim=example"
        home.write_text(settings(tmp_path, f'when = "{when}"\n'))
        with Outbox(place) as outbox:
            ticket = outbox.put(mail(), via=lane)
        died = subprocess.run([sys.executable, "-c", KILLED, str(place), point], check=False, timeout=60)
        assert died.returncode == -signal.SIGKILL
        assert not sandbox.letters
        with Outbox(place) as outbox:
            outbox.run_once()
            ticket = outbox.get(ticket.id)
            assert ticket.status is State.SENT
        arrived = [letter.content for letter in sandbox.letters]

    assert [verdicts(each) for each in arrived] == [["pass", "pass"]]
