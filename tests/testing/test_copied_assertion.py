"""The assertion that the sandbox's page has for copying: it runs with the plugin, and fits its own mail alone."""

from __future__ import annotations

import smtplib
from dataclasses import replace

import pytest

from courriel import Sandbox
from courriel.sandbox.letter import CapturedMessage
from courriel.sandbox.web.pages.as_code import as_test

pytest_plugins = ["pytester"]

INVOICE = b"""From: Ada <ada@example.org>\r
To: bob@example.org\r
Subject: =?utf-8?q?Invoice_42_=E2=82=AC?=\r
MIME-Version: 1.0\r
Content-Type: multipart/mixed; boundary=b\r
\r
--b\r
Content-Type: text/plain; charset=utf-8\r
\r
Hello,\r
your invoice is enclosed.\r
--b\r
Content-Type: application/pdf\r
Content-Disposition: attachment; filename="invoice \\"42\\".pdf"\r
\r
%PDF\r
--b--\r
"""
MAILS = {
    "invoice": INVOICE,
    "nothing": b"",
    "quotes": b'Subject: """ \' \\ {x} %s\r\n\r\n\'\'\'""" \\n {0} and so on\r\n',
    "controls": b"Subject: =?utf-8?b?YQpiDWMAZOKAqGXigK4=?=\r\n\r\nx\x00\x1b[31m and more text\r\n",
    "half a pair": b"Subject: =?utf-16?b?2ADYAA==?=\r\n\r\nx\r\n",
}
SENT = """    import smtplib
    with smtplib.SMTP(mail_outbox.host, mail_outbox.port, timeout=5) as line:
        line.sendmail("ada@example.org", ["bob@example.org", "eve@example.org"], {content!r})
"""


@pytest.fixture(scope="module")
def copied() -> dict[str, str]:
    """The code of the page for each mail."""
    found = {}
    with Sandbox() as sandbox:
        for name, content in MAILS.items():
            with smtplib.SMTP(sandbox.host, sandbox.port, timeout=5) as line:
                line.sendmail("ada@example.org", ["bob@example.org", "eve@example.org"], content)
            found[name] = as_test(_last(sandbox))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", MAILS)
def test_the_copied_test_passes_with_its_own_mail(pytester: pytest.Pytester, copied: dict[str, str], name: str) -> None:
    pytester.makepyfile(_sending(copied[name], MAILS[name]))

    pytester.runpytest("-p", "no:cacheprovider").assert_outcomes(passed=1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"=?utf-8?q?Invoice_42_=E2=82=AC?=", b"Invoice 43"),
        (b"is enclosed", b"is not enclosed"),
        (b"application/pdf", b"application/pdf; name=x.pdf\r\nContent-Disposition: inline\r\nX-Old: y"),
    ],
    ids=["subject", "text", "attachment"],
)
def test_the_copied_test_fails_with_another_mail(
    pytester: pytest.Pytester, copied: dict[str, str], old: bytes, new: bytes
) -> None:
    code = copied["invoice"].replace("subject=", "timeout=0.1, subject=")
    pytester.makepyfile(_sending(code, INVOICE.replace(old, new)))

    pytester.runpytest("-p", "no:cacheprovider").assert_outcomes(failed=1)


def test_a_mail_that_was_put_in_without_an_envelope_has_a_test_as_well() -> None:
    with Sandbox() as sandbox:
        with smtplib.SMTP(sandbox.host, sandbox.port, timeout=5) as line:
            line.sendmail("ada@example.org", ["bob@example.org"], b"Subject: x\r\n\r\ny")
        code = as_test(replace(_last(sandbox), recipients=()))

    compile(code, "copied", "exec")
    assert 'assert_mail(subject="x")' in code


# The steps.


def _last(sandbox: Sandbox) -> CapturedMessage:
    return sandbox.letters[-1]


def _sending(code: str, content: bytes) -> str:
    assert "    ...  # what sends it\n" in code
    return code.replace("    ...  # what sends it\n", SENT.format(content=content))
