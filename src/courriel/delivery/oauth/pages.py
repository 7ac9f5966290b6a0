"""The two pages that the browser shows at the end of a login: succeeded, and refused with its cause. Self-contained.

The address of the page holds the authorization code, which is used up by then: a script takes it out of the address
bar and the history. Nothing else runs, and nothing is loaded.
"""

from __future__ import annotations

from courriel.failures import language

TYPE_CHECKING = False

if TYPE_CHECKING:
    from courriel.errors import CourrielError

_SCRIPT = 'history.replaceState(null, "", location.pathname)'

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-"

_TEXTS = {
    "fr": {
        "succeeded": "Vous êtes connecté",
        "go back": "Vous pouvez fermer cette fenêtre et revenir au programme&nbsp;: il vérifie maintenant le jeton.",
        "promise": "Le jeton reste sur cette machine et ne va qu'à vos serveurs de courrier. Rien n'a été envoyé.",
        "refused": "La connexion n'a pas abouti",
        "see there": "Vous pouvez fermer cette fenêtre&nbsp;; le programme en dit plus, et que faire.",
        "kept": "Rien n'a été enregistré.",
    },
    "en": {
        "succeeded": "You are logged in",
        "go back": "You may close this window, and go back to the program: it is checking the token now.",
        "promise": "The token stays on this machine, and goes to your mail servers only. Nothing was sent.",
        "refused": "The login did not succeed",
        "see there": "You may close this window; the program says more, and what to do.",
        "kept": "Nothing was stored.",
    },
}

_STYLE = """
:root { color-scheme: light dark; --page: #f3f4f6; --card: #fff; --text: #1f2430; --faint: #667085; --line: #e2e5ea; }
@media (prefers-color-scheme: dark) {
  :root { --page: #14171c; --card: #1e232b; --text: #e8eaee; --faint: #9aa3b2; --line: #2d343f; }
}
* { box-sizing: border-box; margin: 0 }
body { min-height: 100vh; display: grid; place-items: center; padding: 1.5rem; background: var(--page);
  color: var(--text); font: 1rem/1.55 system-ui, "Segoe UI", "Liberation Sans", "DejaVu Sans", sans-serif }
main { width: 100%; max-width: 32rem; padding: 2.25rem 2.5rem; background: var(--card); border: 1px solid var(--line);
  border-radius: .9rem; box-shadow: 0 .5rem 2rem rgb(0 0 0 / .07) }
header { display: flex; align-items: center; gap: .55rem; color: var(--faint); font-size: .9rem; letter-spacing: .02em }
header svg { width: 1.35rem; height: 1.35rem }
h1 { display: flex; align-items: center; gap: .7rem; margin: 1.4rem 0 .8rem; font-size: 1.45rem; line-height: 1.25 }
h1 svg { flex: none; width: 2rem; height: 2rem }
p + p { margin-top: .7rem }
.cause { padding: .7rem .9rem; border-left: .25rem solid #c0392b; border-radius: .3rem;
  background: rgb(192 57 43 / .08) }
footer { margin-top: 1.6rem; padding-top: 1rem; border-top: 1px solid var(--line); color: var(--faint);
  font-size: .88rem }
"""

_LETTER = (
    '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linejoin="round" '
    'aria-hidden="true"><rect x="2.5" y="5" width="19" height="14" rx="2"/><path d="m3 6.5 9 7 9-7"/></svg>'
)
_MARKS = {
    True: ("#1f8a4c", "m9.5 16.5 4.5 4.5 9-10"),
    False: ("#c0392b", "m11 11 10 10m0-10-10 10"),
}
_MARK = (
    '<svg viewBox="0 0 32 32" fill="none" stroke="#fff" stroke-width="3" stroke-linecap="round" '
    'stroke-linejoin="round" aria-hidden="true"><circle cx="16" cy="16" r="16" fill="{colour}" stroke="none"/>'
    '<path d="{path}"/></svg>'
)

_PAGE = """<!doctype html>
<html lang="{language}">
<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>courriel: {title}</title>
<style>{style}</style>
<main><header>{letter} courriel</header><h1>{mark}<span>{title}</span></h1>{body}<footer>{foot}</footer></main>
<script>{script}</script>
"""


def succeeded() -> str:
    """The page after a login that has its tokens, in the language of the program."""
    texts = _TEXTS[language()]
    return _page(texts["succeeded"], f"<p>{texts['go back']}</p>", texts["promise"], good=True)


def refused(error: CourrielError) -> str:
    """The page after a login without tokens, with the cause of the error when it is a known one.

    The cause is our own sentence; what a server or the address said is not repeated.
    """
    from html import escape

    texts = _TEXTS[language()]
    cause = error.failure.cause.in_(language(), host=error.server) if error.failure else ""
    body = f'<p class="cause">{escape(cause)}</p>' if cause else ""
    return _page(texts["refused"], f"{body}<p>{texts['see there']}</p>", texts["kept"], good=False)


def policy() -> str:
    """Content-Security-Policy of the pages: their own style, their one script, and nothing else."""
    from base64 import b64encode
    from hashlib import sha256

    digest = b64encode(sha256(_SCRIPT.encode()).digest()).decode()
    return _POLICY + digest + "'"


# The steps.


def _page(title: str, body: str, foot: str, *, good: bool) -> str:
    colour, path = _MARKS[good]
    return _PAGE.format(
        language=language(),
        title=title,
        style=_STYLE,
        letter=_LETTER,
        mark=_MARK.format(colour=colour, path=path),
        body=body,
        foot=foot,
        script=_SCRIPT,
    )
