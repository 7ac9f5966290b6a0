"""Signals that ask a command to end: the first asks, the second interrupts, and no third cuts short what that began."""

from __future__ import annotations

import signal

import pytest

from courriel.cli import signals


def test_a_key_that_is_held_down_does_not_interrupt_what_the_second_signal_began(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1000.0
    monkeypatch.setattr(signals, "monotonic", lambda: now)
    asked = []

    with signals.interrupted_in_time(lambda: asked.append(1), 3600):
        signal.raise_signal(signal.SIGINT)
        assert asked == [1]
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        now += 4.9
        signal.raise_signal(signal.SIGINT)
        now += 0.2
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)

    assert asked == [1]
