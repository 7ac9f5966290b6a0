"""SASL mechanisms, client against server of this package; other servers judge the client elsewhere."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from courriel.wire.sasl import client_mechanisms
from courriel.wire.sasl.server_mechanisms import MECHANISMS, Claim, Login, decode, encode, scram_sha_256
from courriel.wire.smtp.server_syntax import Objection

CLIENTS: dict[str, Callable[[str, str], client_mechanisms.Mechanism]] = {
    "PLAIN": client_mechanisms.Plain,
    "LOGIN": client_mechanisms.Login,
    "CRAM-MD5": client_mechanisms.CramMd5,
    "SCRAM-SHA-256": client_mechanisms.ScramSha256,
    "XOAUTH2": client_mechanisms.XOAuth2,
    "OAUTHBEARER": lambda user, token: client_mechanisms.OAuthBearer(user, token, host="x.org", port=587),
}


class UserSecrets:
    """Store with the user Ada."""

    def check(self, user: str, secret: str) -> bool:
        return (user, secret) == ("ada", "sesame")

    def secret_of(self, user: str) -> str | None:
        return "sesame" if user == "ada" else None


def lead(server: Login, client: client_mechanisms.Mechanism) -> Claim:
    """Run client and server to the end."""
    challenge = next(server)
    said = client.start()
    try:
        while True:
            challenge = server.send(client.answer(challenge) if said is None else said)
            said = None
    except StopIteration as end:
        claim: Claim = end.value
        return claim


@pytest.mark.parametrize("name", MECHANISMS)
def test_the_right_secret_is_a_proof(name: str) -> None:
    client = CLIENTS[name]("ada", "sesame")

    claim = lead(MECHANISMS[name](UserSecrets()), client)

    assert claim == Claim("ada", proved=True)
    client.finish()


@pytest.mark.parametrize("name", MECHANISMS)
@pytest.mark.parametrize(("user", "secret"), [("ada", "wrong"), ("ada", ""), ("nobody", "sesame"), ("nobody", "")])
def test_any_other_secret_is_none(name: str, user: str, secret: str) -> None:
    if name in ("XOAUTH2", "OAUTHBEARER") and not secret:
        with pytest.raises(Objection):
            lead(MECHANISMS[name](UserSecrets()), CLIENTS[name](user, secret))
        return

    assert lead(MECHANISMS[name](UserSecrets()), CLIENTS[name](user, secret)) == Claim(user, proved=False)


@pytest.mark.parametrize(
    "first",
    [b"", b"n,,", b"n,,n=ada", b"n,,r=x,n=ada", b"n,,n=ada,r=",
     b"p=tls-unique,,n=ada,r=x", b"x,,n=ada,r=x", b"\xff", b"n,,n=\x07,r=x"],
)  # fmt: skip
def test_scram_begins_as_it_should_or_not_at_all(first: bytes) -> None:
    server = scram_sha_256(UserSecrets())
    next(server)

    with pytest.raises(Objection) as objected:
        server.send(first)

    assert objected.value.reply.code == 501


def test_scram_never_uses_a_nonce_or_a_salt_twice() -> None:
    def challenge() -> bytes:
        server = scram_sha_256(UserSecrets())
        next(server)
        return server.send(b"n,,n=ada,r=x")

    assert len({challenge() for _ in range(20)}) == 20


def test_a_user_cannot_act_for_another_one() -> None:
    server = scram_sha_256(UserSecrets())
    next(server)
    client = client_mechanisms.ScramSha256("ada", "sesame")
    client.gs2_header = b"n,a=bob,"
    said = client.start()

    with pytest.raises(StopIteration) as end:
        server.send(client.answer(server.send(client.answer(server.send(said)))))

    assert end.value.value == Claim("ada", proved=False)


@pytest.mark.parametrize("line", [b"a", b"a===", b"YQ", b"Y Q==", b"YQ==YQ==", b"\xff", b"YQ=\x00="])
def test_only_base64_is_base64(line: bytes) -> None:
    with pytest.raises(Objection):
        decode(line)


def test_challenges_and_answers_are_each_other_s_reverse() -> None:
    assert decode(encode(b"\0\xff sesame").encode()) == b"\0\xff sesame"
