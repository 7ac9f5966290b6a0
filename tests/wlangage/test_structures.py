"""The structure Email, its variables and lists: properties in every spelling, and no others."""

from __future__ import annotations

import asyncio
import threading

import pytest

from courriel import wlangage as wl
from courriel.wlangage import Email
from courriel.wlangage.structures import names
from courriel.wlangage.structures.email import EmailVariable
from courriel.wlangage.structures.properties import Property

TYPES = {
    "Email": EmailVariable,
    "emailAttache": wl.emailAttache,
    "emailSessionSMTP": wl.emailSessionSMTP,
    "emailSessionPOP3": wl.emailSessionPOP3,
    "emailSessionIMAP": wl.emailSessionIMAP,
}

SAME = {
    "ConfirmationLecture": "DispositionNotification",
    "MessageID": "ID",
    "TexteBrut": "Message",
    "AsynchronousEmailIdentifier": "IdentifiantMail",
}
"""Properties of the variable's type that are those of the structure under another name."""


@pytest.mark.parametrize("home", TYPES)
def test_the_table_of_names_and_the_type_know_the_same_properties(home: str) -> None:
    kind = TYPES[home]
    by_table = {
        name: SAME.get(row.french, row.french)
        for row in names.of_type(home)
        if row.kind == "property"
        for name in row.spellings
    }

    by_type = {name: getattr(kind, name).name for name in dir(kind) if isinstance(getattr(kind, name), Property)}

    assert by_type == by_table
    assert all(hasattr(kind, each) for row in names.of_type(home) for each in row.spellings)


def test_the_global_structure_is_a_value_and_a_type_under_one_name() -> None:
    Email.Sujet = "Bonjour"
    mail = Email(Subject="Autre")

    assert (Email.Subject, mail.Sujet) == ("Bonjour", "Autre")
    assert isinstance(mail, Email)
    assert isinstance(Email, Email)
    assert not isinstance("Bonjour", Email)


@pytest.mark.parametrize(("wrong", "meant"), [("Sujt", "Sujet"), ("Expediter", "Expéditeur"), ("sujet", "Sujet")])
def test_a_name_that_is_none_is_refused_at_once_with_the_nearest(wrong: str, meant: str) -> None:
    with pytest.raises(wl.ErreurWLangage, match=f"did you mean {meant}"):
        setattr(Email, wrong, "x")
    with pytest.raises(AttributeError, match=f"did you mean {meant}"):
        getattr(Email, wrong)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("Sujett", "vouliez-vous dire Sujet ?"),
        ("Recipent", "vouliez-vous dire Destinataire ?"),
        ("RépondreA", "n'a pas de propriété RépondreA"),
    ],
)
def test_in_french_the_name_proposed_is_a_french_one(wrong: str, said: str) -> None:
    wl.LangueErreur("fr")
    try:
        with pytest.raises(wl.ErreurWLangage) as refused:
            setattr(Email, wrong, "x")
    finally:
        wl.LangueErreur("en")

    assert str(refused.value).endswith(said)


@pytest.mark.parametrize(
    ("name", "value", "got"),
    [
        ("Sujet", 3, "3"),
        ("Sujet", None, "rien"),
        ("Sujet", ["x"], "une liste"),
        ("NbDestinataire", -1, "-1"),
        ("NbDestinataire", "secret", "une chaîne"),
        ("NbDestinataire", True, "Vrai"),
    ],
)
def test_in_french_what_was_given_has_a_french_name(name: str, value: object, got: str) -> None:
    wl.LangueErreur("fr")
    try:
        with pytest.raises(wl.ErreurWLangage) as refused:
            setattr(Email, name, value)
    finally:
        wl.LangueErreur("en")

    assert str(refused.value).endswith(f" ; reçu : {got}")


@pytest.mark.parametrize(
    ("name", "value"),
    [("Sujet", 3), ("Destinataire", [3]), ("NbDestinataire", -1), ("AccuséRéception", "oui"), ("Attache", [b"x"])],
)
def test_a_property_checks_the_type_of_its_value(name: str, value: object) -> None:
    with pytest.raises(wl.ErreurWLangage, match=f"Email.{name}"):
        setattr(Email, name, value)


def test_a_list_counts_from_one_and_grows_when_written_to() -> None:
    Email.Destinataire[1] = "bob@example.org"
    Email.Destinataire[2] = "cleo@example.org"
    Email.Recipient.Add("dan@example.org")

    assert Email.Destinataire[1] == "bob@example.org"
    assert list(Email.Destinataire) == ["bob@example.org", "cleo@example.org", "dan@example.org"]
    assert Email.Destinataire.Occurrence == 3
    del Email.Destinataire[1]
    assert Email.Destinataire == ["cleo@example.org", "dan@example.org"]


@pytest.mark.parametrize("place", [0, -1, True, slice(1, 2), 3])
def test_a_place_that_is_not_there_is_refused(place: object) -> None:
    Email.Destinataire = ["bob@example.org", "cleo@example.org"]

    with pytest.raises(wl.ErreurWLangage):
        Email.Destinataire[place]  # type: ignore[index]


def test_a_list_checks_the_type_of_every_item() -> None:
    with pytest.raises(wl.ErreurWLangage):
        Email.Destinataire[1] = 3
    with pytest.raises(wl.ErreurWLangage):
        Email.Destinataire.Ajoute(b"x")
    with pytest.raises(wl.ErreurWLangage):
        Email.Destinataire[10_000] = "bob@example.org"


def test_resetting_empties_the_structure() -> None:
    Email.Sujet, Email.Destinataire, Email.AccuséRéception = "Bonjour", "bob@example.org", wl.Vrai

    wl.EmailRAZ()

    assert (Email.Sujet, list(Email.Destinataire), Email.AccuséRéception) == ("", [], False)


def test_each_thread_has_a_structure_and_a_last_error_of_its_own() -> None:
    Email.Sujet = "Le mien"
    wl.EmailFermeSession("nobody")
    seen: list[object] = []

    def look() -> None:
        seen.extend((Email.Sujet, bool(wl.ErreurDétectée)))
        Email.Sujet = "Le tien"

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()

    assert seen == ["", False]
    assert (Email.Sujet, bool(wl.ErreurDétectée)) == ("Le mien", True)


@pytest.mark.slow
def test_each_task_has_a_structure_of_its_own_although_it_inherits_a_context() -> None:
    async def fill(subject: str, barrier: asyncio.Barrier) -> str:
        first = Email.Sujet
        Email.Sujet = subject
        await barrier.wait()
        return f"{first}{Email.Sujet}"

    async def together() -> list[str]:
        Email.Sujet = "le père"
        barrier = asyncio.Barrier(2)
        return [*await asyncio.gather(fill("a", barrier), fill("b", barrier)), Email.Sujet]

    assert asyncio.run(together()) == ["a", "b", "le père"]


@pytest.mark.slow
def test_a_task_that_calls_from_a_worker_thread_finds_its_own_structure_and_error_there() -> None:
    async def call() -> tuple[str, bool]:
        Email.Sujet = "le mien"
        subject = await asyncio.to_thread(lambda: Email.Sujet)
        await asyncio.to_thread(wl.EmailFermeSession, "nobody")
        return subject, bool(wl.ErreurDétectée)

    assert asyncio.run(call()) == ("le mien", True)
