"""`courriel send`: mail received, output, and exit status."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.conftest import LETTER, USERS, Ran
from courriel import Sandbox

Run = Callable[..., Ran]


def test_a_message_out_of_options_arrives_whole(courriel: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    figures = tmp_path / "chiffres.csv"
    figures.write_text("a;b\n")

    ran = courriel(
        "send", "--via", sandbox.url, *LETTER, "--cc", "carl@example.org, dora@example.org", "--bcc", "eve@example.org",
        "--reply-to", "office@example.org", "--text", "Ci-joint.", "--html", "<p>Ci-joint.</p>",
        "--attach", str(figures),
        "--header", "X-Invoice: 42", "--priority", "high",
    )  # fmt: skip

    assert ran.status == 0, ran
    (letter,) = sandbox.letters
    assert set(letter.recipients) == {
        "bob@example.org", "carl@example.org", "dora@example.org", "eve@example.org"
    }  # fmt: skip
    assert (letter.subject, letter.text.strip(), letter.html.strip()) == ("Été", "Ci-joint.", "<p>Ci-joint.</p>")
    assert [file.name for file in letter.attachments] == ["chiffres.csv"]
    assert letter.message["X-Invoice"] == "42"
    assert letter.message["Reply-To"] == "office@example.org"
    assert "eve@example.org" not in letter.content.decode()


def test_each_recipient_has_a_line_and_nobody_says_delivered(courriel: Run, sandbox: Sandbox) -> None:
    english = courriel("send", "--via", sandbox.url, *LETTER, "--to", "carl@example.org")
    french = courriel("send", "--via", sandbox.url, *LETTER, "--lang", "fr")

    place = f"127.0.0.1:{sandbox.port}"
    assert english.out.splitlines() == [
        f"{name}@example.org: accepted by {place} (250 2.0.0 Message taken)" for name in ("bob", "carl")
    ]
    assert french.out == f"bob@example.org : accepté par {place} (250 2.0.0 Message taken)\n"
    assert english.err == french.err == ""


@pytest.mark.slow
def test_the_text_comes_from_the_standard_input(process: Run, sandbox: Sandbox) -> None:
    ran = process("send", "--via", sandbox.url, *LETTER, stdin="Les chiffres de l'été.\n".encode())

    assert ran.status == 0, ran
    assert sandbox.letters[0].text.strip() == "Les chiffres de l'été."


def test_a_dash_means_the_standard_input_too(courriel: Run, sandbox: Sandbox) -> None:
    courriel("send", "--via", sandbox.url, *LETTER, "--text", "-", "--html", "<p>x</p>", stdin=b"piped\n")

    assert sandbox.letters[0].text.strip() == "piped"


def test_standard_input_is_ignored_with_html(courriel: Run, sandbox: Sandbox) -> None:
    courriel("send", "--via", sandbox.url, *LETTER, "--html", "<p>Hello</p>", stdin=b"piped\n")

    assert sandbox.letters[0].text.strip() == "Hello"


def test_texts_come_from_files(courriel: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("d'un fichier")
    (tmp_path / "html").write_text("<b>d'un fichier</b>")

    ran = courriel(
        "send",
        "--via",
        sandbox.url,
        *LETTER,
        "--text-file",
        str(tmp_path / "text"),
        "--html-file",
        str(tmp_path / "html"),
    )

    assert ran.status == 0, ran
    assert sandbox.letters[0].text.strip() == "d'un fichier"
    assert sandbox.letters[0].html.strip() == "<b>d'un fichier</b>"


def test_text_that_is_not_utf_8_is_refused_before_anything_is_sent(courriel: Run, sandbox: Sandbox) -> None:
    ran = courriel("send", "--via", sandbox.url, *LETTER, stdin="été".encode("latin-1"))

    assert ran.status == 65
    assert "not UTF-8" in ran.err
    assert sandbox.sessions == []


def letter_file(folder: Path, name: str, to: str = "bob@example.org") -> str:
    path = folder / name
    path.write_bytes(f"From: ada@example.org\r\nTo: {to}\r\nSubject: {name}\r\n\r\nHello.\r\n".encode())
    return str(path)


def test_finished_messages_go_one_after_the_other_over_one_session(
    courriel: Run, sandbox: Sandbox, tmp_path: Path
) -> None:
    files = [letter_file(tmp_path, name) for name in ("one.eml", "two.eml")]

    ran = courriel("send", *files, "--via", sandbox.url, "--json")

    assert ran.status == 0
    assert [each["file"] for each in ran.objects] == files
    assert [letter.subject for letter in sandbox.letters] == ["one.eml", "two.eml"]
    assert len(sandbox.sessions) == 1


def test_a_finished_message_comes_from_the_standard_input_and_goes_to_somebody_else(
    courriel: Run, sandbox: Sandbox
) -> None:
    raw = b"From: ada@example.org\nTo: bob@example.org\nSubject: piped\n\nHello.\n"

    ran = courriel(
        "send", "-", "--via", sandbox.url, "--to", "carl@example.org", "--from", "eve@example.org", stdin=raw
    )

    assert ran.status == 0, ran
    (letter,) = sandbox.letters
    assert (letter.sender, letter.recipients) == ("eve@example.org", ("carl@example.org",))
    assert letter.message["To"] == "bob@example.org"


def test_a_missing_file_does_not_stop_the_others(courriel: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    ran = courriel("send", str(tmp_path / "gone.eml"), letter_file(tmp_path, "there.eml"), "--via", sandbox.url)

    assert ran.status == 66
    assert "gone.eml" in ran.err
    assert "bob@example.org: accepted" in ran.out


def test_options_that_would_change_a_complete_message_are_refused(
    courriel: Run, sandbox: Sandbox, tmp_path: Path
) -> None:
    ran = courriel("send", letter_file(tmp_path, "a.eml"), "--via", sandbox.url, "--subject", "other")

    assert ran.status == 64
    assert "--subject" in ran.err
    assert sandbox.letters == []


@pytest.mark.slow
def test_a_login_works_with_each_tls_mode(courriel: Run, sandbox: Sandbox) -> None:
    user, password = next(iter(USERS.items()))

    for url in (sandbox.url, sandbox.starttls_url, sandbox.tls_url):
        ran = courriel("send", "--via", url.replace("//", f"//{user}:{password}@", 1), *LETTER)

        assert ran.status == 0, ran
    assert [letter.user for letter in sandbox.letters] == [user] * 3
    assert [bool(letter.tls_version) for letter in sandbox.letters] == [False, True, True]


@pytest.mark.slow
def test_a_wrong_password_is_explained_and_never_shown(courriel: Run, sandbox: Sandbox) -> None:
    url = sandbox.url.replace("//", "//ada:wrong-horse@", 1)

    for arguments in ((), ("--transcript",), ("--json", "--transcript"), ("--lang", "fr")):
        ran = courriel("send", "--via", url, *LETTER, *arguments)

        assert ran.status == 77
        assert "wrong-horse" not in ran.out + ran.err
        assert "d3JvbmctaG9yc2U" not in ran.out + ran.err  # the same in base64
        assert "LOGIN-REFUSED" in ran.out + ran.err
        assert "535" in ran.out + ran.err


def test_a_transcript_shows_the_conversation_on_the_error_stream(courriel: Run, sandbox: Sandbox) -> None:
    url = sandbox.url.replace("//", "//ada:sesame-ouvre-toi@", 1)

    ran = courriel("send", "--via", url, *LETTER, "--transcript")

    assert ran.status == 0
    assert "C: MAIL FROM:<ada@example.org>" in ran.err
    assert "S: 250" in ran.err
    assert "C: " not in ran.out
    assert "sesame" not in ran.err


def test_one_refused_recipient_is_told_apart_from_those_accepted(courriel: Run, sandbox: Sandbox) -> None:
    sandbox.refuse("gone@example.org")

    ran = courriel("send", "--via", sandbox.url, *LETTER, "--to", "gone@example.org")

    assert ran.status == 69
    assert ran.out.startswith("bob@example.org: accepted by")
    assert "gone@example.org: refused by" in ran.err
    assert "(550 5.1.1 no such user)" in ran.err
    assert "RECIPIENT-UNKNOWN" in ran.err
    assert len(sandbox.letters) == 1


def test_all_or_nothing_sends_to_nobody(courriel: Run, sandbox: Sandbox) -> None:
    sandbox.refuse("gone@example.org")

    ran = courriel("send", "--via", sandbox.url, *LETTER, "--to", "gone@example.org", "--on-refused", "abandon")

    assert ran.status == 67
    assert ran.out == ""
    assert "gone@example.org  550 5.1.1 no such user" in ran.err
    assert sandbox.letters == []


def test_a_temporary_refusal_ends_with_75(courriel: Run, sandbox: Sandbox) -> None:
    sandbox.answer("recipient", "451 4.7.1 Greylisted, try again later")

    ran = courriel("send", "--via", sandbox.url, *LETTER, "--json")

    assert ran.status == ran.json["sysexit"] == 75
    assert ran.json["retryable"] is True


def test_a_second_run_that_would_send_twice_is_never_asked_for(courriel: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.answer("recipient", "451 4.7.1 Greylisted, try again later", when="late@example.org")
    files = [letter_file(tmp_path, "now.eml"), letter_file(tmp_path, "late.eml", to="late@example.org")]

    one_message = courriel("send", "--via", sandbox.url, *LETTER, "--to", "late@example.org", "--json")
    two_messages = courriel("send", *files, "--via", sandbox.url)

    assert one_message.status == one_message.json["sysexit"] == 69
    assert one_message.json["retryable"] is False
    assert two_messages.status == 69


@pytest.mark.parametrize(
    ("language", "sentence"), [("en", "may have left; not resent"), ("fr", "peut-être parti ; il n'a pas été renvoyé")]
)
def test_an_uncertain_result_is_said_in_words_and_never_ends_with_75(
    courriel: Run, sandbox: Sandbox, language: str, sentence: str
) -> None:
    sandbox.answer("message", "hang up")

    spoken = courriel("send", "--via", sandbox.url, *LETTER, "--lang", language)
    data = courriel("send", "--via", sandbox.url, *LETTER, "--json")

    assert spoken.status == data.status == 69
    assert sentence in spoken.err
    assert "Message-ID" in spoken.err
    assert spoken.out == ""
    assert (data.json["in_doubt"], data.json["retryable"], data.json["ok"]) == (True, False, False)
    assert data.json["fates"] == [{"recipient": "bob@example.org", "outcome": "in doubt", "reply": None}]
    assert data.json["failure"] == "UNCERTAIN-RESULT"


def test_a_port_where_nothing_listens_is_explained(courriel: Run, closed_port: int) -> None:
    english = courriel("send", "--via", f"smtp://127.0.0.1:{closed_port}", *LETTER)
    french = courriel("send", "--via", f"smtp://127.0.0.1:{closed_port}", *LETTER, "--lang", "fr")

    assert english.status == french.status == 75
    assert "✗ Not sent: the connection to" in english.err
    assert "  Fix        " in english.err
    assert "✗ Non envoyé : la connexion à" in french.err
    assert "  À faire    " in french.err
    assert "  À éviter   " in french.err
    assert "CONNECTION-REFUSED" in english.err


def test_tls_asked_of_a_starttls_port_is_explained(courriel: Run, sandbox: Sandbox) -> None:
    ran = courriel("send", "--via", f"smtps://127.0.0.1:{sandbox.port}", *LETTER, "--json")

    assert (ran.status, ran.json["failure"], ran.json["stage"]) == (78, "TLS-PORT-MIXUP", "secure")
    assert f"smtp+starttls://127.0.0.1:{sandbox.port}" in ran.json["hint"]


def test_an_untrusted_certificate_is_refused(courriel: Run, sandbox: Sandbox) -> None:
    ran = courriel("send", "--via", sandbox.tls_url.partition("?")[0], *LETTER, "--json")

    assert (ran.status, ran.json["error"]) == (69, "TlsFailed")
    assert sandbox.letters == []


def test_a_silent_server_is_not_waited_for(courriel: Run, sandbox: Sandbox) -> None:
    sandbox.answer("hello", "silence")

    ran = courriel("send", "--via", sandbox.url, *LETTER, "--timeout", "0.2", "--json")

    assert (ran.status, ran.json["error"], ran.json["stage"]) == (75, "TimedOut", "hello")


def test_an_unknown_host_ends_with_68(courriel: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*arguments: object, **named: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    ran = courriel("send", "--via", "smtp+starttls://smtp.exmaple.org", *LETTER, "--json")

    assert (ran.status, ran.json["error"], ran.json["stage"]) == (68, "NameNotFound", "connect")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("--via", "smtps://exa mple"), 64),  # a host that is none
        (("--via", "gopher://127.0.0.1"), 64),
        (("--via", "no-such-profile"), 64),
        (("--from", "not an address"), 65),
        (("--to", "a@b@c"), 65),
        (("--subject", "one\nBcc: eve@example.org"), 65),
        (("--attach", "/no/such/file.pdf"), 66),
        (("--text-file", "/no/such/file.txt"), 66),
        (("--header", "no colon"), 64),
        (("--text", "a", "--text-file", "b"), 64),
        (("--priority", "urgent"), 64),
        (("--timeout", "soon"), 64),
        (("--timeout", "-1"), 64),
    ],
    ids=lambda value: str(value)[:40],
)
def test_mistakes_are_refused_before_anything_is_sent(
    courriel: Run, sandbox: Sandbox, arguments: tuple[str, ...], status: int
) -> None:
    given = dict(zip(LETTER[::2], LETTER[1::2], strict=True)) | {"--via": sandbox.url} | dict(
        zip(arguments[::2], arguments[1::2], strict=True)
    )  # fmt: skip

    for language in ("en", "fr"):
        ran = courriel("send", *(word for pair in given.items() for word in pair), "--lang", language)

        assert ran.status == status, ran
        assert ran.out == ""
        assert "Traceback" not in ran.err
    assert sandbox.letters == []


def test_a_missing_sender_or_recipient_names_the_option(courriel: Run, sandbox: Sandbox) -> None:
    nobody = courriel("send", "--via", sandbox.url, "--from", "ada@example.org")
    no_sender = courriel("send", "--via", sandbox.url, "--to", "ada@example.org")

    assert (nobody.status, no_sender.status) == (65, 65)
    assert "--to bob@example.org" in nobody.err
    assert "--from ada@example.org" in no_sender.err


def test_the_sender_of_the_route_is_the_default(courriel: Run, sandbox: Sandbox) -> None:
    ran = courriel("send", "--via", f"{sandbox.url}&from=office@example.org", "--to", "bob@example.org", "--text", "x")

    assert ran.status == 0, ran
    assert sandbox.letters[0].sender == "office@example.org"


def test_via_accepts_a_profile(courriel: Run, sandbox: Sandbox) -> None:
    Path("courriel.toml").write_text(f'[profiles.billing]\nurl = "{sandbox.url}"\nfrom = "bill@example.org"\n')

    ran = courriel("send", "--via", "billing", "--to", "bob@example.org", "--text", "x")

    assert ran.status == 0, ran
    assert sandbox.letters[0].sender == "bill@example.org"


def test_without_a_route_the_error_says_what_to_set(courriel: Run) -> None:
    ran = courriel("send", *LETTER)

    assert ran.status == 64
    assert "COURRIEL_URL" in ran.err


@pytest.mark.slow
def test_without_a_terminal_nothing_is_asked(process: Run, sandbox: Sandbox) -> None:
    url = sandbox.url.replace("//", "//ada@", 1)

    for asking in ("", "&password=prompt"):
        ran = process("send", "--via", url + asking, *LETTER)

        assert ran.status == 78, ran
        assert "PASSWORD-NOT-FOUND" in ran.err
    assert sandbox.letters == []


def test_on_a_terminal_the_password_is_asked_for_in_the_language_spoken(
    courriel: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions: list[str] = []

    def type_it(question: str) -> str:
        questions.append(question)
        return USERS["ada"]

    monkeypatch.setattr("courriel.cli.password_prompt._terminal", lambda: True)
    monkeypatch.setattr("getpass.getpass", type_it)
    url = sandbox.url.replace("//", "//ada@", 1)

    asked = courriel("send", "--via", f"{url}&password=prompt", *LETTER, "--lang", "fr", "--transcript")
    forbidden = courriel("send", "--via", f"{url}&password=prompt", *LETTER, "--no-input")

    assert asked.status == 0, asked
    assert questions == ["Mot de passe de ada sur 127.0.0.1 : "]
    assert sandbox.letters[0].user == "ada"
    assert USERS["ada"] not in asked.out + asked.err
    assert forbidden.status == 78


def test_a_session_that_broke_is_opened_again_for_the_next_message(
    courriel: Run, sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.answer("message", "hang up", times=1)

    ran = courriel(
        "send", *(letter_file(tmp_path, name) for name in ("1.eml", "2.eml")), "--via", sandbox.url, "--json"
    )

    assert ran.status == 69
    assert [(each["ok"], each["in_doubt"]) for each in ran.objects] == [(False, True), (True, False)]
    assert len(sandbox.sessions) == 2


def test_console_output_does_not_mix_with_json(courriel: Run) -> None:
    ran = courriel("send", "--via", "console:", *LETTER, "--json")

    assert ran.status == 0
    assert ran.json["server"] == "console:"
    assert "Bonjour." in ran.err


@pytest.mark.slow
def test_every_result_has_the_same_keys(courriel: Run, sandbox: Sandbox, closed_port: int) -> None:
    sandbox.refuse("gone@example.org")
    shapes = [
        courriel("send", "--via", sandbox.url, *LETTER, "--json"),
        courriel("send", "--via", sandbox.url, *LETTER, "--to", "gone@example.org", "--json"),
        courriel("send", "--via", f"smtp://127.0.0.1:{closed_port}", *LETTER, "--json"),
        courriel("send", "--nonsense", "--json"),
        courriel("send", "no-such.eml", "--via", sandbox.url, "--json"),
    ]

    wanted = {
        "ok", "stage", "error", "message", "failure", "cause", "hint", "not", "retryable", "in_doubt", "server",
        "reply", "fates", "notes", "message_id", "file", "preview_url", "sysexit",
    }  # fmt: skip
    assert [set(each.json) for each in shapes] == [wanted] * len(shapes)
    assert [each.json["ok"] for each in shapes] == [True, False, False, False, False]
    assert [each.json["sysexit"] for each in shapes] == [each.status for each in shapes] == [0, 69, 75, 64, 66]
    assert shapes[0].json["reply"] == {"code": 250, "text": "250 2.0.0 Message taken", "lines": ["2.0.0 Message taken"]}
    assert shapes[1].json["fates"][1]["reply"]["code"] == 550
    assert all(each.err == "" for each in shapes)


def test_recipients_are_split_at_commas_outside_quotes(courriel: Run, sandbox: Sandbox) -> None:
    typed = '"Lovelace, Ada" <ada@example.org>, carl@example.org'

    ran = courriel("send", "--via", sandbox.url, *LETTER, "--to", typed, "--bcc", "eve@example.org,dan@example.org")

    assert ran.status == 0
    assert list(sandbox.letters[-1].recipients) == [
        f"{name}@example.org" for name in ("bob", "ada", "carl", "eve", "dan")
    ]


@pytest.mark.parametrize("typed", ["", "a@example.org,,b@example.org", "a@example.org; b@example.org"])
def test_recipients_that_are_mistyped_send_nothing(courriel: Run, sandbox: Sandbox, typed: str) -> None:
    before = len(sandbox.letters)

    assert courriel("send", "--via", sandbox.url, *LETTER, "--to", typed).status != 0
    assert len(sandbox.letters) == before


def test_several_ways_are_one_way_out(
    courriel: Callable[..., Ran], sandbox: Sandbox, closed_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    via = f"failover(smtp://127.0.0.1:{closed_port} {sandbox.url})"
    settings = tmp_path / "courriel.toml"
    settings.write_text(f'[profiles.billing]\nurl = "{via}"\n')
    settings.chmod(0o600)
    monkeypatch.setenv("COURRIEL_CONFIG", str(settings))
    addressed = ("--from", "ada@example.org", "--to", "bob@example.org")

    by_url = courriel("send", "--via", via, *addressed, "--timeout", "5")
    by_profile = courriel("send", "--via", "billing", *addressed)
    nowhere = courriel(
        "send", "--via", f"failover(smtp://ada:gehe1m@127.0.0.1:{closed_port} null:)?retry=0", *addressed
    )
    doctor = courriel("doctor", "billing")

    assert (by_url.status, by_profile.status) == (0, 0)
    assert len(sandbox.letters) == 2
    assert nowhere.status in {64, 78}
    assert "gehe1m" not in nowhere.out + nowhere.err
    assert "Ways that work: 1 of 2" in doctor.out
