"""Import of sources and HTML pages, and checks of addresses: without a session."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from courriel import Letter, Sandbox, errors
from courriel import wlangage as wl
from courriel.wlangage import Email

SOURCE = (
    "From: Ada <ada@example.org>\r\nTo: bob@example.org\r\nSubject: =?utf-8?q?=C3=89t=C3=A9?=\r\n"
    "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nBonjour.\r\n"
    "--b\r\nContent-Type: text/csv; name=a.csv\r\n\r\na;b\r\n--b--\r\n"
)


# Sources.


@pytest.mark.parametrize("how", ["function", "function with a variable", "method"])
def test_a_source_fills_the_other_properties(how: str) -> None:
    mail = Email(Source=SOURCE) if how != "function" else Email
    mail.Source = SOURCE

    read = {
        "function": wl.EmailImporteSource,
        "function with a variable": lambda: wl.EmailImportSource(mail),
        "method": mail.ImporteSource,
    }[how]()

    assert read is True
    assert (mail.Sujet, mail.Expéditeur, mail.AdresseExpéditeur) == ("Été", "Ada", "ada@example.org")
    assert mail.Message == "Bonjour."
    assert [each.Contenu for each in mail.Attache if isinstance(each, wl.emailAttache)] == [b"a;b"]
    assert mail.Source == SOURCE


def test_what_was_imported_can_be_built_again() -> None:
    Email.Source = SOURCE
    wl.EmailImporteSource()

    assert wl.EmailConstruitSource(), wl.ErreurInfo()

    again = Letter.parse(Email.Source.encode())
    assert (again.subject, again.text, again.attachments[0].content) == ("Été", "Bonjour.", b"a;b")


def test_an_empty_source_is_an_error_and_leaves_the_mail_as_it_is() -> None:
    Email.Sujet = "Bonjour"

    assert wl.EmailImporteSource() is False

    assert wl.ErreurDétectée
    assert Email.Sujet == "Bonjour"


def test_a_source_that_is_no_mail_is_read_as_far_as_it_goes() -> None:
    Email.Source = "\udcff nonsense \0"

    assert wl.EmailImporteSource() is True
    assert "nonsense" in Email.Message


@pytest.mark.parametrize("arguments", [("x",), (Email(), "x"), (1,)])
def test_arguments_that_fit_no_form_are_raised(arguments: tuple[object, ...]) -> None:
    with pytest.raises(wl.ErreurWLangage):
        wl.EmailImporteSource(*arguments)


# Pages.


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A page with images beside it, and a file outside its folder."""
    folder = tmp_path / "site"
    (folder / "img").mkdir(parents=True)
    (folder / "img" / "logo été.png").write_bytes(b"\x89PNG")
    (tmp_path / "secret.png").write_bytes(b"secret")
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    return folder


def page(site: Path, html: str, encoding: str = "utf-8") -> Path:
    path = site / "page.html"
    path.write_bytes(html.encode(encoding))
    return path


def test_a_page_becomes_the_html_and_its_images_are_attached(site: Path) -> None:
    file = page(site, "<p>Été</p><img alt='x' src='img/logo%20%C3%A9t%C3%A9.png'><IMG SRC=\"img/logo été.png?v=2\">")

    assert wl.EmailImporteHTML(str(file)), wl.ErreurInfo()

    (image,) = (each for each in Email.Attache if isinstance(each, wl.emailAttache))
    assert (image.Nom, image.Contenu) == ("logo été.png", b"\x89PNG")
    assert Email.HTML.count(f'"cid:{image.Identifiant}"') == 2
    assert "img/" not in Email.HTML


def test_a_page_of_a_variable_is_sent_with_its_images(site: Path) -> None:
    file = page(site, '<img src="img/logo été.png">')
    mail = Email(
        Expéditeur="ada@example.org", Destinataire="bob@example.org", Attache=wl.emailAttache(Nom="x", Contenu="y")
    )

    assert wl.EmailImportHTML(mail, file), wl.ErreurInfo()

    with Sandbox() as sandbox:
        assert wl.EmailOuvreSessionSMTP("ada", "127.0.0.1", sandbox.port)
        assert wl.EmailEnvoieMessage("ada", mail), wl.ErreurInfo()
        wl.EmailFermeSession("ada")
        letter = Letter.parse(sandbox.letters[0].content)
    image = next(each for each in letter.attachments if each.inline)
    assert image.content == b"\x89PNG"
    assert f"cid:{image.content_id}" in letter.html


@pytest.mark.parametrize(
    "source",
    [
        "../secret.png",
        "img/../../secret.png",
        "..%2fsecret.png",
        "link.png",
        "/etc/hostname",
        "file:///etc/hostname",
        "http://example.org/x.png",
        "//example.org/x.png",
        "data:image/png;base64,AAAA",
        "cid:already",
        "\\\\host\\share\\x.png",
        "C:\\x.png",
        "#top",
        "",
        "%00",
    ],
)
def test_an_image_that_is_anywhere_else_is_left_as_it_stands(source: str, site: Path) -> None:
    html = f'<img src="{source}">'

    assert wl.EmailImporteHTML(page(site, html)), wl.ErreurInfo()

    assert html == Email.HTML
    assert len(Email.Attache) == 0


def test_an_image_that_is_missing_is_an_error_and_changes_nothing(site: Path) -> None:
    Email.HTML = "before"

    assert wl.EmailImporteHTML(page(site, '<img src="img/none.png">')) is False

    assert "none.png" in wl.ErreurInfo()
    assert (Email.HTML, len(Email.Attache)) == ("before", 0)


def test_a_page_that_is_missing_is_an_error(site: Path) -> None:
    assert wl.EmailImporteHTML(site / "nothing.html") is False
    assert wl.ErreurInfo(wl.errCode) == "FILE-NOT-FOUND"


@pytest.mark.parametrize(
    ("html", "encoding"),
    [("été", "utf-8"), ("été", "utf-8-sig"), ("été", "cp1252"), ('<meta charset="koi8-r">привет', "koi8-r")],
)
def test_a_page_is_read_in_its_own_charset(html: str, encoding: str, site: Path) -> None:
    assert wl.EmailImporteHTML(page(site, html, encoding))

    assert html == Email.HTML


def test_a_charset_that_nobody_knows_does_not_keep_a_page_from_being_read(site: Path) -> None:
    assert wl.EmailImporteHTML(page(site, '<meta charset="klingon">été'))
    assert Email.HTML.endswith("été")


@pytest.mark.slow
@pytest.mark.timeout(20)
def test_a_page_of_nothing_but_beginnings_is_read_in_time(site: Path) -> None:
    assert wl.EmailImporteHTML(page(site, "<img " * 20_000 + "<img x='" * 20_001))


@pytest.mark.parametrize("arguments", [(), (1,), ("a", 2), ("a", "b", "c"), (Email(),)])
def test_a_page_with_arguments_that_fit_no_form_is_raised(arguments: tuple[object, ...]) -> None:
    with pytest.raises(wl.ErreurWLangage):
        wl.EmailImporteHTML(*arguments)


# Addresses.


@pytest.mark.parametrize(
    ("address", "verdict"),
    [
        ("ada@example.org", wl.emailAdresseValide),
        ("Ada <ada@example.org>", wl.emailAdresseValide),
        ("ada@société.fr", wl.emailAdresseValide),
        ("ada@[127.0.0.1]", wl.emailAdresseValide),
        ("ada", wl.emailAdresseSyntaxeIncorrecte),
        ("a@b@c.org", wl.emailAdresseSyntaxeIncorrecte),
        ("", wl.emailAdresseSyntaxeIncorrecte),
        ("a@b.org\r\nBcc: evil@x.com", wl.emailAdresseSyntaxeIncorrecte),
    ],
)
def test_the_grammar_of_an_address_is_checked_without_any_network(address: str, verdict: int) -> None:
    assert wl.EmailVérifieAdresse(address, wl.emailValideSyntaxe) == verdict
    assert bool(wl.ErreurDétectée) == (verdict != wl.emailAdresseValide)


@pytest.mark.parametrize(
    ("outcome", "verdict"),
    [
        (("mx.example.org",), wl.emailAdresseValide),
        (errors.NameNotFound("no such domain"), wl.emailAdresseRefusée),
        (errors.TimedOut("nobody answered"), wl.emailAdresseErreur),
        (errors.MissingExtra('pip install "courriel[dns]"', hint_id="EXTRA-MISSING"), wl.emailAdresseErreur),
    ],
)
def test_the_domain_is_asked_for_unless_told_otherwise(
    outcome: Any, verdict: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def mail_exchangers(domain: str, seconds: float) -> tuple[str, ...]:
        asked.append(domain)
        if isinstance(outcome, Exception):
            raise outcome
        found: tuple[str, ...] = outcome
        return found

    monkeypatch.setattr("courriel.delivery.domain.mail_exchangers", mail_exchangers)

    assert wl.EmailCheckAddress("ada@société.fr") == verdict
    assert asked == ["xn--socit-esab.fr"]
    assert bool(wl.ErreurInfo()) == (verdict != wl.emailAdresseValide)


def test_an_address_of_a_machine_has_no_domain_to_ask_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("courriel.delivery.domain.mail_exchangers", None)

    assert wl.EmailVérifieAdresse("ada@[127.0.0.1]") == wl.emailAdresseValide
    assert wl.EmailVérifieAdresse("ada") == wl.emailAdresseSyntaxeIncorrecte


@pytest.mark.parametrize("arguments", [(1,), ("ada@example.org", 99), ("ada@example.org", True)])
def test_a_check_with_arguments_that_fit_no_form_is_raised(arguments: Any) -> None:
    with pytest.raises(wl.ErreurWLangage):
        wl.EmailVérifieAdresse(*arguments)
