"""Functions of the standard library that programs about mail use: texts, numbers, dates, lists, files, dialogues.

Importing this package fills the table.
"""

from __future__ import annotations

from courriel.wlangage.language.functions import dates, dialogues, ending, lists, numbers, storage, texts
from courriel.wlangage.language.functions.table import CONSTANTS, FUNCTIONS

__all__ = ["CONSTANTS", "FUNCTIONS", "dates", "dialogues", "ending", "lists", "numbers", "storage", "texts"]
