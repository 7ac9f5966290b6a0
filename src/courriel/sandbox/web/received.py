"""Mail that comes by the page or the API and not by SMTP: an `.eml` dropped in, or a mail made of JSON."""

from __future__ import annotations

from courriel.dialogue.server.handler import Delivery, ServerSession
from courriel.errors import CourrielError
from courriel.model.address import Address
from courriel.sandbox.letter import CapturedMessage
from courriel.sandbox.web.errors import BadRequest
from courriel.sandbox.web.site import Site
from courriel.wire.parse.letter import Letter
from courriel.wire.smtp.parameters import MailFrom, RcptTo

LARGEST = 32 * 1024 * 1024
"""Octets of one mail, as by SMTP."""
_MOST_RECIPIENTS = 1000


def take(site: Site, content: bytes, *, sender: str = "", recipients: tuple[str, ...] = ()) -> CapturedMessage:
    """Put a mail in; without an envelope, its addresses are those of the header. Raises BadRequest."""
    if len(content) > LARGEST:
        raise BadRequest(f"a mail has {LARGEST:,} octets at most")
    content = content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    letter = Letter.parse(content)
    if not letter.headers:
        raise BadRequest("this is no mail: it has no header")
    if not sender and letter.sender is not None:
        sender = letter.sender.spec
    to = recipients or tuple(each.spec for each in (*letter.to, *letter.cc, *letter.bcc))
    known = [address for each in dict.fromkeys(to[:_MOST_RECIPIENTS]) if (address := _address(each)) is not None]
    if not known:
        raise BadRequest("a mail has a recipient, and here is none that is an address")
    delivery = Delivery(MailFrom(_address(sender), eight_bit=True), tuple(map(RcptTo, known)), content)
    return site.captured.put(delivery, ServerSession(peer="page"))


# The steps.


def _address(text: str) -> Address | None:
    try:
        return Address.parse(text)
    except CourrielError:
        return None
