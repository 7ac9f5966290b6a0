"""Configuration of Sphinx for both languages of the site; the environment says which one."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(ROOT / "src"), str(HERE)]

from search import add_search  # noqa: E402 - found by the line above

from courriel import __version__  # noqa: E402

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "courriel"
release = version = __version__
copyright = "courriel contributors"  # noqa: A001 - Sphinx's name
language = os.environ.get("COURRIEL_SITE_LANGUAGE", "en")

extensions = ["myst_parser"]
exclude_patterns = ["_files/**"]
myst_heading_anchors = 4
myst_links_external_new_tab = False
myst_enable_extensions = ["tasklist"]
suppress_warnings = ["misc.highlighting_failure"]  # samples of conversations are no program

html_theme = "furo"
html_title = "courriel"
html_copy_source = False
html_show_sphinx = False
html_static_path = [str(HERE / "static")]
html_css_files = ["site.css"]
html_favicon = str(HERE / "static/favicon.svg")
templates_path = [str(HERE / "templates")]
locale_dirs = [str(HERE / "locale")]
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/language.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}
html_context = {
    "other_language": "en" if language == "fr" else "fr",
    "other_language_name": "English" if language == "fr" else "Français",
}
# French typography puts a space before a colon; typographic quotes would change what one copies.
smartquotes = False
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"


def setup(app: Sphinx) -> None:
    """Add what is ours to Sphinx."""
    add_search(app)
