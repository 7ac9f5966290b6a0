"""ical.js, the calendar of Thunderbird, reads our invitations as the same events."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from courriel import Invitation
from servers.peers import NODE_MODULES, PROGRAMS, need_node

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(60)]


def read(invitation: Invitation) -> dict[str, Any]:
    """The event as ical.js reads it."""
    run = subprocess.run(
        [need_node("ical.js"), str(PROGRAMS / "read_calendar.mjs"), str(NODE_MODULES / "ical.js")],
        input=invitation.as_calendar().encode(), capture_output=True, check=True, timeout=30,
    )  # fmt: skip
    return json.loads(run.stdout)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "start",
    [
        datetime(2027, 1, 12, 14, tzinfo=ZoneInfo("Europe/Paris")),
        datetime(2027, 3, 28, 3, 30, tzinfo=ZoneInfo("Europe/Paris")),
        datetime(2027, 10, 31, 2, 30, tzinfo=ZoneInfo("Europe/Paris"), fold=1),
        datetime(2023, 7, 1, 10, tzinfo=ZoneInfo("America/Mexico_City")),
        datetime(2024, 3, 1, 10, tzinfo=ZoneInfo("Asia/Almaty")),
        datetime(2027, 7, 1, 10, tzinfo=UTC),
    ],
)
def test_the_event_is_the_same(start: datetime) -> None:
    invitation = Invitation(
        sender="Ada É <ada@example.org>", to='"Bob, b; c" <bob@example.org>', cc="zoe@example.org",
        subject="Review; a, b: é" * 5, start=start, duration=timedelta(minutes=90), key="42", location="Salle é, 4",
        text='Bonjour;\nà "tous"\\n',
    ).update(location="Salle 5")  # fmt: skip

    event = read(invitation)

    assert event == {
        "method": "REQUEST", "uid": invitation.uid, "sequence": 1, "wholeDays": False,
        "summary": "Review; a, b: é" * 5, "location": "Salle 5", "description": 'Bonjour;\nà "tous"\\n',
        "start": start.timestamp(), "end": start.timestamp() + 5400,
        "organizer": ["mailto:ada@example.org", "Ada É", ""],
        "attendees": [
            ["mailto:bob@example.org", "Bob, b; c", "REQ-PARTICIPANT"],
            ["mailto:zoe@example.org", "zoe@example.org", "OPT-PARTICIPANT"],
        ],
    }  # fmt: skip


def test_whole_days_and_a_cancellation() -> None:
    invitation = Invitation(
        sender="a@example.org", to="b@example.org", subject="x", start=date(2027, 5, 1), key="1"
    ).cancel()

    event = read(invitation)

    assert (event["wholeDays"], event["method"], event["sequence"]) == (True, "CANCEL", 1)
    assert event["end"] - event["start"] == 86_400
