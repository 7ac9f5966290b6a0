"""Options of an envelope, as the outbox keeps them."""

from __future__ import annotations

import json

from hypothesis import given as given_some
from hypothesis import strategies as some

from courriel.model.address import Address
from courriel.model.envelope import STORED_OPTIONS, Envelope, Notify, Return

ADA, BOB = Address("ada", "example.org"), Address("bob", "example.org")


@given_some(
    notify=some.sampled_from([(), (Notify.NEVER,), (Notify.FAILURE, Notify.DELAY)]),
    ret=some.sampled_from([None, *Return]),
    envid=some.sampled_from(["", "QQ314159"]),
    require_tls=some.booleans(),
)
def test_options_come_back_from_json(
    notify: tuple[Notify, ...], ret: Return | None, envid: str, require_tls: bool
) -> None:
    envelope = Envelope(ADA, (BOB,), frozenset(notify), ret, envid, require_tls)

    kept = json.loads(json.dumps(envelope.options))

    assert Envelope.stored(ADA, (BOB,), kept | {"8bit": True}) == envelope
    assert len(kept) == sum(map(bool, (notify, ret, envid, require_tls)))


def test_every_option_is_kept() -> None:
    assert STORED_OPTIONS == ("notify", "ret", "envid", "require_tls")
