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
    queued = QueuedMessage(Envelope.of("ada@example.org", "bob@example.org"), Content((b"\r\n",), 2), "<1@example.org>")
    queue = SendQueue(MessageCount())
    queue.put(queued)
    queue.begin()
    queued.whole(CHUNKING)
    queued.note(("sender", "recipient"), (Reply(250), Reply(450)))

    queue.part_with(errors.ConnectionFailed("enough", reply=Reply(421)))

    assert not queue.waiting
    assert isinstance(queued.result, errors.RecipientsRefused)

    again = QueuedMessage(queued.envelope, queued.content, "<2@example.org>")
    queue.put(again)
    queue.begin()
    again.whole(CHUNKING)
    again.note(("sender",), (Reply(250),))
    queue.part_with(errors.ConnectionFailed("enough", reply=Reply(421)))

    assert list(queue.waiting) == [again]
    assert not again.begun
    assert not again.end_sent
