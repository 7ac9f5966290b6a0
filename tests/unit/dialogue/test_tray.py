"""Queue of messages: the result of each after a lost connection."""

from __future__ import annotations

from courriel import Envelope, errors
from courriel.dialogue.smtp.send_queue import QueuedMessage, SendQueue
from courriel.dialogue.smtp.session_limit import MessageCount
from courriel.model.content import Content
from courriel.reply import Reply
from courriel.wire.smtp.extensions import Extensions

CHUNKING = Extensions({"PIPELINING": "", "CHUNKING": ""})


def test_a_message_sent_again_keeps_no_reply_of_the_session_before() -> None:
    """After a 421 nothing is in doubt: on the next session the message starts from the beginning."""
    parcel = QueuedMessage(Envelope.of("ada@example.org", "bob@example.org"), Content((b"\r\n",), 2), "<1@example.org>")
    tray = SendQueue(MessageCount())
    tray.put(parcel)
    tray.begin()
    parcel.whole(CHUNKING)
    parcel.note(("sender", "recipient"), (Reply(250), Reply(450)))

    tray.part_with(errors.ConnectionFailed("enough", reply=Reply(421)))

    assert not tray.waiting
    assert isinstance(parcel.result, errors.RecipientsRefused)

    again = QueuedMessage(parcel.envelope, parcel.content, "<2@example.org>")
    tray.put(again)
    tray.begin()
    again.whole(CHUNKING)
    again.note(("sender",), (Reply(250),))
    tray.part_with(errors.ConnectionFailed("enough", reply=Reply(421)))

    assert list(tray.waiting) == [again]
    assert not again.begun
    assert not again.end_sent
