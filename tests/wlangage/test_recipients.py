"""Several recipients in one string: split where addresses end, never within a name or a list element."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courriel import Address
from courriel import wlangage as wl
from courriel.wlangage.sending.recipients import split_recipients
from wlangage.post_office import PostOffice


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("bob@example.org", ["bob@example.org"]),
        (
            "bob@example.org; cleo@example.org,dan@example.org",
            ["bob@example.org", "cleo@example.org", "dan@example.org"],
        ),
        ("Dupont, Jean <jean@x.fr>; bob@x.fr", ['"Dupont, Jean" <jean@x.fr>', "bob@x.fr"]),
        ("bob@x.fr, Dupont; Jean <jean@x.fr>", ["bob@x.fr", '"Dupont; Jean" <jean@x.fr>']),
        ('"A; B, C" <a@x.fr>, bob@x.fr', ['"A; B, C" <a@x.fr>', "bob@x.fr"]),
        ("Élodie <e@x.fr>;<b@x.fr>", ["Élodie <e@x.fr>", "<b@x.fr>"]),
        ("bob@x.fr;", ["bob@x.fr"]),
        ("bob@x.fr;;eve@x.fr", ["bob@x.fr", "", "eve@x.fr"]),
        ("nobody, bob@x.fr", ["nobody, bob@x.fr"]),
        ('"open, bob@x.fr; eve@x.fr', ['"open, bob@x.fr; eve@x.fr']),
        ("", [""]),
        ("a@x.fr;" * 6000, ["a@x.fr;" * 6000]),
    ],
)
def test_a_string_is_cut_where_addresses_end(text: str, cut: list[str]) -> None:
    assert split_recipients(text) == cut


@given(
    st.lists(st.sampled_from(["Ada <a@x.fr>", '"L, A" <a@x.fr>', "b@x.fr", '"x;y"@x.fr']), min_size=1, max_size=6),
    st.sampled_from([";", ",", " ; "]),
)
def test_what_is_joined_is_cut_again(addresses: list[str], separator: str) -> None:
    assert split_recipients(separator.join(addresses)) == addresses
    assert [Address.parse(each) for each in split_recipients(separator.join(addresses))]


@pytest.mark.parametrize("field", ["Destinataire", "Cc", "Cci"])
def test_a_scalar_holds_several_and_an_element_one(office: PostOffice, field: str) -> None:
    assert wl.EmailOuvreSessionSMTP("ada", "127.0.0.1", office.port)
    wl.Email.Expéditeur = "ada@example.org"
    setattr(wl.Email, field, "bob@example.org; cleo@example.org")
    assert getattr(wl.Email, field).Occurrence == 2

    assert wl.EmailEnvoieMessage("ada") is True
    assert office.letter.recipients == ["bob@example.org", "cleo@example.org"]
    sent = len(office.letters)
    for put in ("place", "Ajoute", "list"):
        setattr(wl.Email, field, "bob@example.org")
        match put:
            case "place":
                getattr(wl.Email, field)[1] = "x@example.org, eve@example.org"
            case "Ajoute":
                getattr(wl.Email, field).Ajoute("x@example.org; eve@example.org")
            case _:
                setattr(wl.Email, field, ["x@example.org, eve@example.org"])
        assert wl.EmailEnvoieMessage("ada") is False
    assert len(office.letters) == sent
