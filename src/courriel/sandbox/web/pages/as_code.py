"""A mail as code: an assertion for pytest that it fulfils, and the Python that makes it again."""

from __future__ import annotations

from collections.abc import Iterable

from courriel.sandbox.letter import CapturedMessage

_LONGEST = 20_000  # characters of one text
_WORDS = 60  # characters of the text that the assertion looks for


def as_test(mail: CapturedMessage) -> str:
    """A test with the plugin's fixtures that waits for such a mail; its values are literals, whatever they hold."""
    words = next((line.strip() for line in mail.text.splitlines() if len(line.strip()) > 8), "")[:_WORDS]
    wishes = [f"to={_literal(mail.recipients[0])}"] if mail.recipients else []
    wishes += [f"subject={_literal(mail.subject)}"]
    wishes += [f"text_contains={_literal(words)}"] if words else []
    names = [file.name for file in mail.attachments if not file.inline]
    lines = [
        "def test_the_mail_is_sent(mail_outbox, assert_mail):",
        "    ...  # what sends it",
        "",
        f"    mail = assert_mail({', '.join(wishes)})",
        f"    assert mail.sender == {_literal(mail.sender)}",
        f"    assert list(mail.recipients) == {_list(mail.recipients)}",
        f"    assert [file.name for file in mail.attachments if not file.inline] == {_list(names)}",
    ]
    return "\n".join(lines) + "\n"


def as_python(mail: CapturedMessage) -> str:
    """Program that makes such a mail with courriel; attachments are read from files of their names."""
    letter = mail.letter
    sender = str(letter.sender) if letter.sender else mail.sender
    named = {each.spec.lower() for each in (*letter.to, *letter.cc)}
    hidden = [each for each in mail.recipients if each.lower() not in named]
    arguments = [("sender", _literal(sender)), ("to", _list(map(str, letter.to)))]
    arguments += [("cc", _list(map(str, letter.cc)))] if letter.cc else []
    arguments += [("bcc", _list(hidden))] if hidden else []
    if letter.header("reply-to"):
        arguments.append(("reply_to", _list(map(str, letter.reply_to))))
    arguments += [("subject", _literal(letter.subject)), ("text", _literal(letter.text[:_LONGEST]))]
    arguments += [("html", _literal(letter.html[:_LONGEST]))] if letter.html else []
    files = [file.name for file in letter.attachments if not file.inline]
    arguments += [("attachments", _list(files))] if files else []
    lines = "".join(f"    {name}={value},\n" for name, value in arguments)
    return f"from courriel import Message, send\n\nmessage = Message(\n{lines})\nsend(message)\n"


# The steps.


def _literal(text: str) -> str:
    """A literal of Python in double quotes where that is possible, on one line, with invisible characters escaped."""
    shown = repr(text)
    if shown.startswith("'") and '"' not in text:
        shown = '"' + shown[1:-1].replace("\\'", "'") + '"'
    return shown


def _list(values: Iterable[str]) -> str:
    return "[" + ", ".join(_literal(each) for each in values) + "]"
