"""References to the private keys of DKIM: a key itself never stands in a setting."""

from __future__ import annotations

from courriel import errors
from courriel.delivery.percent import refusal
from courriel.delivery.secrets import SecretReference

FORMS = "file:/etc/courriel/s1.pem, env:NAME, cmd:program with its arguments, or keyring"
_KINDS = ("file", "env", "cmd", "keyring")


def key_reference(text: object) -> SecretReference:
    """The reference to a key; a key itself is refused, and not quoted. Raises InvalidUrl."""
    if isinstance(text, SecretReference):
        reference: SecretReference | None = text
    else:
        try:
            reference = SecretReference.parse(text) if isinstance(text, str) else None
        except errors.InvalidUrl:
            reference = None
    if reference is None or reference.kind not in _KINDS:
        raise refusal(
            f"a DKIM key is given by reference ({FORMS}), and this is something else; not shown, in case it is the key"
        )
    return reference
