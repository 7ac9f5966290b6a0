"""Search of the site: its index has numbers, since `535` is what people look for, and unknown words do not end it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sphinx.search.en import SearchEnglish
from sphinx.search.fr import SearchFrench

if TYPE_CHECKING:
    from sphinx.application import Sphinx


class EnglishWithNumbers(SearchEnglish):
    """English words, and numbers."""

    def word_filter(self, word: str) -> bool:
        """Whether the word is in the index."""
        return word.isdigit() or super().word_filter(word)


class FrenchWithNumbers(SearchFrench):
    """French words, and numbers."""

    def word_filter(self, word: str) -> bool:
        """Whether the word is in the index."""
        return word.isdigit() or super().word_filter(word)


def add_search(app: Sphinx) -> None:
    """Use them; `static/search.js` is their other half, in the browser."""
    app.add_search_language(EnglishWithNumbers)
    app.add_search_language(FrenchWithNumbers)
