"""The plugin for pytest, in test suites of its own (`pytester`)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

PROCESSES = [
    pytest.param((), id="one process"),
    pytest.param(("-n", "2"), id="xdist", marks=pytest.mark.slow),
]

PROGRAM = """
    import smtplib
    from email.message import EmailMessage

    def mail(port, to="bob@example.org", subject="Invoice 42", text="Thank you.", html=""):
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = "ada@example.org", to, subject
        message.set_content(text)
        if html:
            message.add_alternative(html, subtype="html")
        message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="invoice.pdf")
        with smtplib.SMTP("127.0.0.1", port, timeout=5) as line:
            line.send_message(message)
"""


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    """A suite that has a program which sends mail, and warnings that are errors."""
    pytester.makeini("[pytest]\naddopts = -W error -p no:cacheprovider --strict-markers\n")
    pytester.makepyfile(program=PROGRAM)
    return pytester


# Looking at mails.


@pytest.mark.slow
def test_each_test_has_the_mails_that_were_sent_in_it(suite: pytest.Pytester) -> None:
    suite.makepyfile("""
        from program import mail

        def test_first(mail_outbox):
            mail(mail_outbox.port)
            found = mail_outbox.one()
            assert found.subject == "Invoice 42"
            assert found.recipients == ("bob@example.org",)
            assert found.message.get_content_type() == "multipart/mixed"
            assert [letter.subject for letter in mail_outbox] == ["Invoice 42"]
            assert mail_outbox.wait_for(to="bob@example.org") is found

        def test_second(mail_outbox):
            assert mail_outbox.letters == []
            mail(mail_outbox.port)
            mail(mail_outbox.port, subject="Invoice 43")
            assert len(mail_outbox.wait_for_count(2)) == len(mail_outbox) == 2
            assert mail_outbox[-1].subject == "Invoice 43"
            mail_outbox.clear()
            assert not mail_outbox.letters

        def test_third(mail_server):
            mail(mail_server.port)
            assert len(mail_server.letters) == 1

        def test_fourth(mail_outbox):
            assert not mail_outbox.letters
    """)

    suite.runpytest().assert_outcomes(passed=4)


@pytest.mark.slow
def test_a_program_that_reads_its_settings_sends_here_and_nowhere_else(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURRIEL_URL", "smtps://smtp.real.example")
    suite.makepyfile("""
        import os
        import courriel

        def test_it(mail_outbox):
            courriel.send(courriel.Message(sender="ada@example.org", to="bob@example.org", subject="x", text="y"))
            assert mail_outbox.one().subject == "x"

        def test_afterwards():
            assert os.environ["COURRIEL_URL"] == "smtps://smtp.real.example"
    """)

    suite.runpytest().assert_outcomes(passed=2)


@pytest.mark.slow
def test_coroutines_wait_for_mails(suite: pytest.Pytester) -> None:
    suite.makepyfile("""
        import asyncio
        import anyio
        import pytest
        from program import mail

        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        @pytest.mark.anyio
        async def test_anyio(mail_outbox):
            async with anyio.create_task_group() as group:
                group.start_soon(anyio.to_thread.run_sync, mail, mail_outbox.port)
                assert (await mail_outbox.awaited(to="bob@example.org")).subject == "Invoice 42"

        def test_asyncio(mail_outbox):
            async def both():
                waiting = asyncio.create_task(mail_outbox.awaited())
                await asyncio.to_thread(mail, mail_outbox.port)
                return await waiting
            assert asyncio.run(both()).subject == "Invoice 42"
    """)

    suite.runpytest().assert_outcomes(passed=2)


@pytest.mark.slow
@pytest.mark.parametrize("mails", ["", "mail(mail_outbox.port); mail(mail_outbox.port, subject='Invoice 43')"])
def test_one_is_neither_none_nor_two(suite: pytest.Pytester, mails: str) -> None:
    suite.makepyfile(f"""
        from program import mail

        def test_it(mail_outbox):
            {mails or "pass"}
            mail_outbox.one(timeout=0.1)
    """)

    result = suite.runpytest()

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*one mail was awaited; " + ("what came:" if mails else "nothing came")])


@pytest.mark.slow
def test_nobody_waits_for_mails_that_are_captured(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    suite.makepyfile("""
        def test_it(mail_outbox):
            pass
    """)
    monkeypatch.setenv("COURRIEL_CAPTURE", "1")

    result = suite.runpytest()

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*COURRIEL_CAPTURE=1 is set, so that no mail of courriel comes to mail_outbox*"])


# assert_mail.


@pytest.mark.slow
def test_the_mail_that_must_have_come_is_found(suite: pytest.Pytester) -> None:
    suite.makepyfile("""
        from program import mail

        def test_it(mail_outbox, assert_mail):
            mail(mail_outbox.port, subject="another")
            mail(mail_outbox.port, html="<p>Total: <b>42 €</b></p>")
            found = assert_mail(
                to=["BOB@example.org"], sender="ada@example.org", subject="Invoice 42", subject_contains="voice",
                text_contains="Thank", html_contains="<b>42 €</b>", attachment="invoice.pdf",
                header={"To": "bob@example.org"},
            )
            assert found is mail_outbox[1]
    """)

    suite.runpytest().assert_outcomes(passed=1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("to='eve@example.org'", "*to: wanted eve@example.org, it went to bob@example.org"),
        ("sender='eve@example.org'", "*sender: wanted eve@example.org, it is from ada@example.org"),
        ("subject='Invoice 43'", "*came   'Invoice 42'"),
        ("subject_contains='Rechnung'", "*subject_contains: 'Rechnung' is not in it; the nearest line:"),
        ("text_contains='Thank you!'", "*        Thank you."),
        ("html_contains='<b>'", "*html_contains: there is none"),
        ("attachment='bill.pdf'", "*attachment: wanted bill.pdf, it has invoice.pdf"),
        ("header={'X-Kind': 'bill'}", "*header X-Kind: wanted 'bill', it has none"),
    ],
)
def test_a_mail_that_differs_is_not_taken_for_it(suite: pytest.Pytester, asked: str, told: str) -> None:
    suite.makepyfile(f"""
        from program import mail

        def test_it(mail_outbox, assert_mail):
            mail(mail_outbox.port)
            assert_mail({asked}, timeout=0.1)
    """)

    result = suite.runpytest()

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([told])


@pytest.mark.slow
def test_the_nearest_mail_is_told_first_with_a_mark_where_it_differs(suite: pytest.Pytester) -> None:
    suite.makepyfile("""
        from program import mail

        def test_it(mail_outbox, assert_mail):
            mail(mail_outbox.port, to="eve@example.org", subject="far away")
            mail(mail_outbox.port, subject="Invoice 41")
            assert_mail(to="bob@example.org", subject="Invoice 42", timeout=0.1)
    """)

    result = suite.runpytest()

    result.stdout.fnmatch_lines(
        [
            "*no mail like this came within 0.1 s:",
            "*    to: bob@example.org",
            "*    subject: 'Invoice 42'",
            "*what came, the nearest first:",
            "*  2: Invoice 41 from ada@example.org to bob@example.org  (1 of 2 differs)",
            "*        wanted 'Invoice 42'",
            "*        came   'Invoice 41'",
            "*                         ^",
            "*  1: far away from ada@example.org to eve@example.org  (2 of 2 differ)",
        ]
    )


# Faults.


FAULTY = """
    import pytest
    import smtplib
    from program import mail

    @pytest.mark.mail_faults("GREYLISTED", "refuse-554", "cut-after-dot")
    def test_invoice(mail_outbox):
        try:
            mail(mail_outbox.port)
        except smtplib.SMTPRecipientsRefused:
            pass

    @pytest.mark.mail_faults("rate-limit-1", times=1)
    def test_newsletter(mail_outbox, mail_faults):
        assert mail_faults.name == "rate-limit-1"
        mail(mail_outbox.port)
        with pytest.raises(smtplib.SMTPSenderRefused):
            mail(mail_outbox.port)
        mail(mail_outbox.port)
        assert mail_faults.met == ["rate-limit-1"]

    @pytest.mark.mail_faults("M365-SMTP-AUTH-DISABLED")
    def test_login(mail_outbox):
        mail(mail_outbox.port)  # does not log in

    def test_plain(mail_outbox, mail_faults):
        mail_faults.refuse("bob@example.org")
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            mail(mail_outbox.port)

    def test_nothing_is_left(mail_outbox):
        mail(mail_outbox.port)
"""


@pytest.mark.slow
@pytest.mark.parametrize("processes", PROCESSES)
def test_a_test_runs_once_for_each_fault_and_the_summary_tells_which_were_mishandled(
    suite: pytest.Pytester, processes: tuple[str, ...]
) -> None:
    suite.makepyfile(FAULTY)

    result = suite.runpytest_subprocess(*processes)

    result.assert_outcomes(passed=5, failed=2)
    result.stdout.fnmatch_lines_random(
        [
            "*= mail faults =*",
            "test_a_test_runs_once_for_each_*.py::test_invoice: 2 of 3 handled; not: cut-after-dot (mishandled)",
            "test_a_test_runs_once_for_each_*.py::test_newsletter: 1 of 1 handled",
            "test_a_test_runs_once_for_each_*.py::test_login: 0 of 1 handled; not: M365-SMTP-AUTH-DISABLED (never met)",
            "*the fault M365-SMTP-AUTH-DISABLED was never met*",
        ]
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mark", "told"),
    [
        ("'hurricane'", "*'hurricane' cannot be played*"),
        ("", "*mail_faults takes names*"),
        ("'GREYLISTED', often=3", "*mail_faults takes names, and nth, times, when*"),
        ("'GREYLISTED', nth=0", "*nth and times count from 1*"),
    ],
)
def test_a_mark_that_makes_no_sense_is_an_error(suite: pytest.Pytester, mark: str, told: str) -> None:
    suite.makepyfile(f"""
        import pytest

        @pytest.mark.mail_faults({mark})
        def test_it(mail_outbox):
            pass
    """)

    result = suite.runpytest()

    assert result.ret != 0
    (
        result.stdout
        if any("mail_faults" in line or "played" in line or "count" in line for line in result.outlines)
        else result.stderr
    ).fnmatch_lines([told])


@pytest.mark.slow
@pytest.mark.parametrize(
    "test",
    [
        """
        import pytest, unittest

        class TestShop(unittest.TestCase):
            @pytest.mark.mail_faults("GREYLISTED")
            def test_it(self):
                pass
        """,
        """
        import pytest, unittest

        @pytest.mark.mail_faults("GREYLISTED")
        class TestShop(unittest.TestCase):
            def test_it(self):
                pass
        """,
    ],
    ids=["method", "class"],
)
def test_a_mark_that_makes_no_test_of_each_fault_is_an_error(suite: pytest.Pytester, test: str) -> None:
    suite.makepyfile(test)

    result = suite.runpytest()

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*the mark mail_faults is for test functions*"])


# Costs, and neighbours.


@pytest.mark.slow
def test_a_run_without_mail_imports_nothing(suite: pytest.Pytester) -> None:
    suite.makepyfile("""
        import sys

        def test_it():
            assert {name for name in sys.modules if name.split(".")[0] == "courriel"} == {
                "courriel", "courriel.testing", "courriel.testing.plugin"
            }
    """)

    suite.runpytest_subprocess().assert_outcomes(passed=1)


@pytest.mark.slow
def test_names_of_other_plugins_stay_theirs(suite: pytest.Pytester) -> None:
    suite.makepyfile("def test_it(): pass")

    listed = suite.runpytest_subprocess("--fixtures", "-q").stdout.str()

    ours = {line.split()[0] for line in listed.splitlines() if "courriel" in line and " -- " in line}
    assert ours == {"mail_server", "mail_outbox", "mail_faults", "assert_mail"}


# The report.


def _suite_of_invoices(suite: pytest.Pytester, amount: str, *, reminder: bool) -> None:
    suite.makepyfile(
        test_shop=f"""
        from program import mail

        def test_invoice(mail_outbox):
            mail(mail_outbox.port, html="<p>Total: <b>{amount} €</b></p><script>alert(1)</script>")

        def test_thanks(mail_outbox):
            mail(mail_outbox.port, subject="Thanks <b>")

        def test_reminder(mail_outbox):
            if {reminder}:
                mail(mail_outbox.port, subject="Reminder")

        def test_without_mail():
            pass
    """
    )


@pytest.mark.slow
@pytest.mark.parametrize("processes", PROCESSES)
def test_the_report_tells_what_differs_from_the_last_run(suite: pytest.Pytester, processes: tuple[str, ...]) -> None:
    folder = suite.path / "report"
    words = ("--mail-report", "report", *processes)
    _suite_of_invoices(suite, "42", reminder=True)
    first = suite.runpytest_subprocess(*words)
    second = suite.runpytest_subprocess(*words)
    _suite_of_invoices(suite, "43", reminder=False)

    third = suite.runpytest_subprocess(*words)

    page = (folder / "index.html").read_text(encoding="utf-8")
    assert "3 mails, 3 of them not as before" in first.stdout.str()
    assert "3 mails, 0 of them not as before" in second.stdout.str()
    assert "3 mails, 2 of them not as before" in third.stdout.str()
    assert [verdict for verdict in ("changed", "gone", "same", "new") if f'<section class="{verdict}">' in page] == [
        "changed", "gone", "same",
    ]  # fmt: skip
    assert "<del>-&lt;p&gt;Total: &lt;b&gt;42 €" in page
    assert "<ins>+&lt;p&gt;Total: &lt;b&gt;43 €" in page
    assert page.count("<iframe") == page.count('<iframe sandbox=""') == 4
    assert "<script" not in page
    assert "<h2>Thanks &lt;b&gt; <span" in page
    assert not (folder / "incoming").exists()


@pytest.mark.slow
def test_a_part_of_the_suite_leaves_the_other_mails_as_they_are(suite: pytest.Pytester) -> None:
    _suite_of_invoices(suite, "42", reminder=True)
    suite.runpytest_subprocess("--mail-report", "report")

    part = suite.runpytest_subprocess("--mail-report", "report", "-k", "invoice")
    whole = suite.runpytest_subprocess("--mail-report", "report")

    assert "1 mail, 0 of them not as before" in part.stdout.str()
    assert "3 mails, 0 of them not as before" in whole.stdout.str()


def test_a_folder_of_something_else_is_left_as_it_is(suite: pytest.Pytester) -> None:
    _suite_of_invoices(suite, "42", reminder=True)
    code = suite.mkdir("mails") / "models.py"
    code.write_text("class Mail: ...", encoding="utf-8")

    result = suite.runpytest("--mail-report", ".")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--mail-report: * holds something else; name a new or an empty folder"])
    assert code.exists()
    assert not {"index.html", "incoming"} & {each.name for each in suite.path.iterdir()}


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["program.py", "program.py/report", "/dev/null"])
def test_a_folder_that_cannot_be_is_told_before_the_tests(suite: pytest.Pytester, folder: str) -> None:
    _suite_of_invoices(suite, "42", reminder=True)

    result = suite.runpytest("--mail-report", folder)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--mail-report: *"])
    result.stderr.no_fnmatch_line("*Traceback*")


@pytest.mark.slow
def test_a_report_that_cannot_be_written_does_not_hide_the_results(suite: pytest.Pytester) -> None:
    suite.makepyfile("""
        from pathlib import Path
        from program import mail

        def test_it(mail_outbox):
            Path("report/index.html").mkdir()
            mail(mail_outbox.port)
    """)

    result = suite.runpytest("--mail-report", "report")

    result.assert_outcomes(passed=1)
    assert result.ret != 0
    result.stdout.fnmatch_lines(["not written: *index.html*"])


@pytest.mark.slow
@pytest.mark.parametrize("left", ["{", "[]", "[" * 100_000, '{"shape": 1, "fields": 3}'])
def test_a_record_that_a_killed_run_left_is_no_obstacle(suite: pytest.Pytester, left: str) -> None:
    _suite_of_invoices(suite, "42", reminder=True)
    suite.runpytest_subprocess("--mail-report", "report")
    next((suite.path / "report" / "mails").iterdir()).write_text(left, encoding="utf-8")

    again = suite.runpytest_subprocess("--mail-report", "report")

    again.assert_outcomes(passed=4)
    assert "3 mails, 1 of them not as before" in again.stdout.str()


@pytest.mark.slow
def test_the_plugin_costs_little_where_it_is_not_used(tmp_path: Path) -> None:
    looking = "import pytest, sys; before = set(sys.modules); import courriel.testing.plugin as _; "
    looking += "print(*sys.modules.keys() - before)"

    counted = subprocess.run(
        [sys.executable, "-c", looking],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": ""}, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip

    assert sorted(counted) == ["courriel", "courriel.testing", "courriel.testing.plugin"]
