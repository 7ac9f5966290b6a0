"""Texts for people in English and French, side by side; which one is shown says the language of the request."""

from __future__ import annotations

from typing import Any

from django.utils.functional import lazy
from django.utils.translation import get_language


def is_french() -> bool:
    """Whether the language of this request is French."""
    return (get_language() or "").partition("-")[0] == "fr"


def _chosen(english: str, french: str) -> str:
    return french if is_french() else english


pair: Any = lazy(_chosen, str)
"""A text in both languages (`pair("sent", "envoyé")`), chosen each time it is shown."""
