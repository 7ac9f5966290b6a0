"""The pages on IMAP name what there is: every word of theirs is one of the session's."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

import courriel
from courriel import AsyncImapSession, FolderPosition, ImapSession, Message, Password, Sandbox, Search, SyncMark
from courriel.session.imap.watch import Watch

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("page", ["docs/imap.md", "docs/imap.fr.md"])
def test_the_page_can_be_compiled_and_names_what_there_is(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    code = re.findall(r"```python\n(.*?)```", text, re.DOTALL)

    for block in code:
        compile(block, page, "exec")
    called = set(re.findall(r"\bmailbox\.(\w+)\(", "\n".join(code) + text)) - {"mailbox"}
    assert called >= {"search", "flag", "append", "special", "find", "watch"}
    assert all(hasattr(ImapSession, word) and hasattr(AsyncImapSession, word) for word in called)
    assert all(hasattr(Watch, word) for word in re.findall(r"\bwatch\.(\w+)", text) if word != "mark")
    wanted = {
        word for call in re.findall(r"search\(([^)]*)\)", "\n".join(code)) for word in re.findall(r"(\w+)=", call)
    }
    assert wanted <= set(Search.__match_args__)
    assert all(hasattr(courriel, name) for name in ("ReadLimits", "FolderPosition", "Search", "Timeouts", "mailbox"))


@pytest.mark.slow
@pytest.mark.parametrize("page", ["docs/imap.md", "docs/imap.fr.md"])
def test_the_examples_run_with_the_practice_server(
    page: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    invoice = Message(sender="bob@example.org", to="ada@example.org", subject="invoice, facture", text="x").with_data(
        b"%PDF", "a.pdf"
    )
    reading, watching, synchronising, following = re.findall(
        r"```python\n(.*?)```", (ROOT / page).read_text("utf-8"), re.DOTALL
    )
    seen: list[object] = []
    names = {
        "folder": tmp_path, "secret": "any", "SyncMark": SyncMark, "FolderPosition": FolderPosition,
        "remember": seen.append,
    }  # fmt: skip
    with Sandbox() as sandbox, ImapSession(sandbox.imap_server(), Password("ada", "any")) as mailbox:
        mailbox.append(invoice, "INBOX", flags=())
        exec(re.sub(r'"(imap\.example\.\w+)"', "server", reading), names | {"server": sandbox.imap_server()})

        names["mailbox"] = mailbox
        with mailbox.watch() as watch:
            mailbox.append(invoice, "INBOX", flags=())
            names["deal_with"] = lambda letter: (seen.append(letter.subject), watch.stop())
            names["mailbox"] = SimpleNamespace(watch=lambda: watch)
            exec(watching, names)

        names |= {"mailbox": mailbox, "deal_with": lambda *words: seen.append(words[:2])}
        before = mailbox.sync()
        assert len(list(before)) == 2
        names["remembered"] = str(before.mark)
        mailbox.select()
        mailbox.flag(2, "flagged")
        exec(synchronising, names)

        with mailbox.watch_changes(since=before.mark) as changes:
            names["deal_with"] = lambda folder, *words: (seen.append((folder, *words[:2])), changes.stop())
            names["mailbox"] = SimpleNamespace(watch_changes=lambda since: changes)
            exec(following, names)

    assert "invoice" in capsys.readouterr().out
    assert (tmp_path / "a.pdf").read_bytes() == b"%PDF"
    assert seen[0] == "invoice, facture"
    assert seen[-4][0].value == "changed"  # type: ignore[index]
    assert seen[-2][0] == "INBOX"  # type: ignore[index]
    assert seen[-2][1].value == "changed"  # type: ignore[index]


def test_both_pages_say_the_same() -> None:
    english, french = ((ROOT / f"docs/imap{mark}.md").read_text("utf-8") for mark in ("", ".fr"))

    def words(text: str) -> list[str]:
        return sorted(set(re.findall(r"`([A-Za-z_]+)", text)))

    assert words(english) == words(french)


def test_both_colours_have_the_same_words() -> None:
    def public(kind: type) -> set[str]:
        return {name for name in dir(kind) if not name.startswith("_")}

    assert public(ImapSession) == public(AsyncImapSession)
