"""Mails in parts: recipients of several domains have several ways, and a mail has one row a way and one ticket."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from courriel import ByDomain, Message, Outbox, Route, Sandbox, State, errors
from courriel.outbox.store.standing import Standing
from outbox.reports import bounce

TO = ("a@gmail.com", "b@example.org", "c@googlemail.com", "d@example.com")
GOOGLE, REST = ("a@gmail.com", "c@googlemail.com"), ("b@example.org", "d@example.com")


def mail(*to: str, text: str = "Hello.") -> Message:
    return Message(sender="ada@example.org", to=to or TO, subject="Paid", text=text)


@pytest.fixture
def google() -> Iterator[Sandbox]:
    with Sandbox() as server:
        yield server


@pytest.fixture
def rest() -> Iterator[Sandbox]:
    with Sandbox() as server:
        yield server


@pytest.fixture
def parted(place: str, google: Sandbox, rest: Sandbox) -> Iterator[Outbox]:
    """An outbox whose lane "shop" is a table of two others."""
    table = ByDomain({"gmail.com": google.url, "googlemail.com": google.url}, rest.url)
    with Outbox(place, ways={"shop": table}) as outbox:
        yield outbox


def lane(server: Sandbox) -> str:
    return Route.parse(server.url).url


def recipients(server: Sandbox) -> list[tuple[str, ...]]:
    return [tuple(letter.recipients) for letter in server.letters]


def test_a_mail_has_one_row_a_way_and_one_ticket(parted: Outbox, google: Sandbox, rest: Sandbox) -> None:
    ticket = parted.put(mail(), via="shop")
    rows = [(info.lane, info.waiting) for info in parted.list()]

    parted.run_once()

    assert rows == [(lane(google), GOOGLE), (lane(rest), REST)]
    assert (recipients(google), recipients(rest)) == ([GOOGLE], [REST])
    assert ticket.status is State.SENT
    assert set(ticket.info.accepted) == set(TO)
    assert google.letters[0].content == rest.letters[0].content == ticket.content()
    assert parted.get(ticket.id) == parted.get(ticket.id[:10]) == ticket


def test_a_mail_with_one_way_has_one_row(parted: Outbox, google: Sandbox) -> None:
    ticket = parted.put(mail("a@gmail.com"), via="shop")

    assert [info.id for info in parted.list()] == [ticket.id]
    assert ticket.info.lane == lane(google)
    assert ticket.info.parts == ()


def test_all_or_nothing_across_ways_is_refused_before_anything_is_stored(parted: Outbox) -> None:
    with pytest.raises(errors.UsageError, match="abandon"):
        parted.put(mail(), via="shop", on_refused="abandon")
    parted.put(mail(*GOOGLE), via="shop", on_refused="abandon")

    assert len(list(parted.list())) == 1


def test_one_part_that_fails_is_seen_in_the_ticket(parted: Outbox, google: Sandbox, rest: Sandbox) -> None:
    google.answer("recipient", "550 5.1.1 nobody", times=2)
    ticket = parted.put(mail(), via="shop")

    parted.run_once()

    info = ticket.info
    assert info.state is State.FAILED
    assert info.standings == dict.fromkeys(GOOGLE, Standing.REFUSED) | dict.fromkeys(REST, Standing.ACCEPTED)
    assert recipients(rest) == [REST]


def test_a_mail_of_which_every_recipient_is_suppressed_is_refused(parted: Outbox) -> None:
    for each in TO:
        parted.suppressions.add(each, "complaint")

    with pytest.raises(errors.SuppressedRecipients) as refused:
        parted.put(mail(), via="shop")
    (one,) = parted.put_many([mail()], via="shop")

    assert set(refused.value.suppressed) == set(TO)
    assert len(list(parted.list())) == 2, "the parts of put_many"
    assert one.status is State.FAILED


@pytest.mark.parametrize("gone", [GOOGLE, REST])
def test_a_part_of_which_every_recipient_is_suppressed_keeps_no_other(
    parted: Outbox, google: Sandbox, rest: Sandbox, gone: tuple[str, ...]
) -> None:
    for each in gone:
        parted.suppressions.add(each, "complaint")

    ticket = parted.put(mail(), via="shop")
    parted.run_once()

    assert recipients(google) + recipients(rest) == [tuple(each for each in TO if each not in gone)]
    assert set(ticket.info.suppressed) == set(gone)


def test_the_ticket_waits_for_all_parts(parted: Outbox, google: Sandbox) -> None:
    google.answer("sender", "451 4.3.0 later", times=1)
    ticket = parted.put(mail(), via="shop")

    parted.run_once()

    assert ticket.status is State.READY
    assert ticket.info.standings["b@example.org"] is Standing.ACCEPTED
    with pytest.raises(errors.NotYet):
        ticket.wait(0.01)


@pytest.mark.parametrize(("action", "state"), [("cancel", State.CANCELED), ("hold", State.HELD)])
def test_an_action_is_one_on_all_parts(parted: Outbox, action: str, state: State) -> None:
    ticket = parted.put(mail(), via="shop")

    done = getattr(ticket, action)()

    assert done
    assert {info.state for info in parted.list()} == {state}
    assert ticket.status is state
    assert ticket.release() is (action == "hold")


def test_a_retry_concerns_the_parts_that_failed(parted: Outbox, google: Sandbox, rest: Sandbox) -> None:
    google.answer("recipient", "550 5.1.1 nobody", times=2)
    ticket = parted.put(mail(), via="shop")
    parted.run_once()

    assert ticket.retry_failed()
    parted.run_once()

    assert ticket.status is State.SENT
    assert (recipients(google), recipients(rest)) == ([GOOGLE], [REST])


@pytest.mark.slow
def test_a_known_key_stores_no_part_again(parted: Outbox, place: str, google: Sandbox, rest: Sandbox) -> None:
    large = "x" * 70 + "\n" + "y\n" * 1_000_000
    for key, text in (("small", "Hello."), ("large", large)):
        first = parted.put(mail(text=text), via="shop", key=key)
        again = parted.put(mail(text=text), via="shop", key=key)
        # The table was changed meanwhile: the mail is the same, and so are its rows.
        with Outbox(place, ways={"shop": ByDomain({"example.com": "null:"}, rest.url)}) as other:
            changed = other.put(mail(text=text), via="shop", key=key)

        assert again.existed
        assert changed.existed
        assert first.id == again.id == changed.id

    assert len(list(parted.list())) == 4
    with pytest.raises(errors.KeyReused, match="recipients"):
        parted.put(mail("a@gmail.com", "b@example.org"), via="shop", key="small")
    parted.run_once()
    assert len(google.letters) == len(rest.letters) == 2


@pytest.mark.slow
def test_many_mails_are_never_parted_between_two_commits(parted: Outbox, google: Sandbox, rest: Sandbox) -> None:
    tickets = parted.put_many([mail() for _ in range(150)], via="shop", keys=[f"k{n}" for n in range(150)])

    assert len(tickets) == 150
    assert len({ticket.id for ticket in tickets}) == 150
    assert len(list(parted.list())) == 300
    assert all(len(ticket.info.parts) == 2 for ticket in tickets)


def test_a_domain_without_a_way_is_refused_before_anything_is_stored(place: str, google: Sandbox) -> None:
    with Outbox(place, ways={"shop": ByDomain({"gmail.com": google.url})}) as outbox:
        with pytest.raises(errors.InvalidMessage, match="no way out"):
            outbox.put(mail(), via="shop")
        assert list(outbox.list()) == []


def test_a_table_may_be_given_itself_and_its_ways_may_be_lanes(place: str, google: Sandbox, rest: Sandbox) -> None:
    with Outbox(place, ways={"google": google.url, "rest": f"failover({rest.url} null:)"}) as outbox:
        ticket = outbox.put(mail(), via=ByDomain({"gmail.com": google.url}, rest.url))
        outbox.run_once()

    assert recipients(google) == [("a@gmail.com",)]
    assert len(recipients(rest)[0]) == 3
    assert ticket.id


@pytest.mark.slow
def test_a_profile_may_be_a_table(
    place: str, google: Sandbox, rest: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text(
        f'[profiles.shop]\nurl = "{rest.url}"\n[profiles.shop.by_domain]\n'
        '"gmail.com" = "google"\n"googlemail.com" = "google"\n'
        f'[profiles.google]\nurl = "{google.url}"\n'
    )
    settings.chmod(0o600)
    monkeypatch.setenv("COURRIEL_CONFIG", str(settings))

    with Outbox(place) as outbox:
        ticket = outbox.put(mail(), via="shop")
        lanes = [info.lane for info in outbox.list()]
        outbox.run_once()
        state = ticket.status
    with Outbox(place, elsewhere=True) as outbox:
        monkeypatch.delenv("COURRIEL_CONFIG")
        outbox.put(mail(), via="shop")  # whoever does not know the table
        monkeypatch.setenv("COURRIEL_CONFIG", str(settings))
        outbox.run_once()

    assert lanes == ["google", "shop"]
    assert state is State.SENT
    assert recipients(google) == [GOOGLE] * 2
    assert recipients(rest) == [REST] * 2


def test_in_a_transaction_of_the_caller_all_parts_come_and_go(tmp_path: Path, google: Sandbox, rest: Sandbox) -> None:
    place = tmp_path / "outbox.db"
    table = ByDomain({"gmail.com": google.url}, rest.url)
    with Outbox(place) as outbox:
        own = sqlite3.connect(place)
        outbox.put(mail(), via=table, key="once", conn=own)
        own.rollback()
        rolled_back = list(outbox.list())
        outbox.put(mail(), via=table, key="once", conn=own)
        own.commit()
        outbox.put(mail(), via=table, key="once", conn=own)
        own.commit()
        own.close()

        assert rolled_back == []
        assert len(list(outbox.list())) == 2


def test_pruned_parts_leave_the_others_readable(parted: Outbox, google: Sandbox) -> None:
    google.answer("sender", "451 4.3.0 later", times=1)
    ticket = parted.put(mail(), via="shop")
    parted.run_once()
    parted.prune(sent=0, failed=0)

    assert ticket.info.state is State.READY


# What comes back of one part.


@pytest.mark.slow
def test_a_bounce_of_any_part_returns_its_recipient(parted: Outbox, google: Sandbox, rest: Sandbox) -> None:
    ticket = parted.put(mail("a@gmail.com", "b@example.org"), via="shop")
    parted.run_once()

    for server, recipient in ((rest, "b@example.org"), (google, "a@gmail.com")):
        (said,) = [line.text for line in server.letters[-1].said.lines() if line.text.startswith("MAIL FROM")]
        parted.take_report(bounce(recipient=recipient, envid=said.partition(" ENVID=")[2], number=server.port))

    assert set(ticket.info.standings.values()) == {Standing.RETURNED}
    returned = [entry.recipient for entry in ticket.history if entry.event == "returned" and entry.proven]
    assert sorted(returned) == ["a@gmail.com", "b@example.org"]
    assert parted.suppressions.of("b@example.org") is not None


@pytest.mark.slow
def test_a_person_applies_a_report_about_any_part(parted: Outbox, google: Sandbox, rest: Sandbox) -> None:
    ticket = parted.put(mail("a@gmail.com", "b@example.org"), via="shop")
    parted.run_once()
    parted.take_report(bounce(recipient="b@example.org", message_id=ticket.info.message_id))
    before = dict(ticket.info.standings)

    assert ticket.apply_report("b@example.org")

    assert before["b@example.org"] is Standing.ACCEPTED
    assert ticket.info.standings == {"a@gmail.com": Standing.ACCEPTED, "b@example.org": Standing.RETURNED}
    with pytest.raises(errors.UsageError, match="was not sent to this address"):
        ticket.apply_report("eve@example.org")
