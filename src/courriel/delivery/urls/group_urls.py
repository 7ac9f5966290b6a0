"""
URLs of several ways out: failover(smtps://a.example.org smtps://b.example.net)?retry=30, and roundrobin(…).

The ways stand in brackets, with a space between them (a comma before it is allowed); each is a URL as it would stand
alone, or such a group again. A bracket in a password is percent-encoded, as Route writes it.
"""

from __future__ import annotations

from collections.abc import Iterator

from courriel import errors
from courriel.delivery.percent import LONGEST_URL, check_characters, refusal
from courriel.delivery.urls import option_values, schemes
from courriel.delivery.urls.route import Route, RouteKind
from courriel.delivery.urls.url_parts import UrlParts, parse_options

MOST_WAYS, DEEPEST = 16, 3
"""Ways of one group, and groups inside of each other, at most: a mail tries each, and none may take for ever."""


def group_route(url: str, depth: int = 1) -> Route:
    """The route of a group. Raises InvalidUrl; what may be a secret is not quoted."""
    if len(url) > LONGEST_URL:
        raise refusal(f"a URL of {len(url)} characters: {LONGEST_URL} are the most")
    word = next(each for each in schemes.GROUPS if url.startswith(each))
    if url[len(word)] != "(":
        raise refusal(
            f"{word} is written with brackets and spaces: {word}(smtps://a.example.org smtps://b.example.org)"
        )
    if depth > DEEPEST:
        raise refusal(f"{word}(…): groups inside of each other, {DEEPEST} deep at most")
    inside, rest = _split_at_end(url[len(word) + 1 :], word)
    ways = tuple(_way(each, word, number, depth) for number, each in enumerate(_parts(inside), start=1))
    if not ways:
        raise refusal(f"{word}(…): no way stands in the brackets")
    if len(ways) > MOST_WAYS:
        raise refusal(f"{word}(…): {len(ways)} ways, and {MOST_WAYS} are the most")
    if rest:
        check_characters(rest)
    options = parse_options(UrlParts(f"{word}(…)", None, "", rest), ("retry", "from"))
    sender = option_values.sender(options) or next((way.sender for way in ways if way.sender), None)
    return Route(_kind(word), ways=ways, sender=sender, retry=option_values.seconds(options, "retry") or 0.0)


# The steps.


def _split_at_end(text: str, word: str) -> tuple[str, str | None]:
    """Text before the bracket that closes the group, and the options behind it."""
    depth = 1
    for place, sign in enumerate(text):
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if not depth:
            rest = text[place + 1 :]
            if rest and not rest.startswith("?"):
                break
            return text[:place], rest[1:] if rest else None
    raise refusal(
        f"{word}(…): the brackets do not match, or something else than ?name=value follows them; in a password ( and )"
        " are written %28 and %29"
    )


def _parts(inside: str) -> Iterator[str]:
    """The ways as they are written: separated by spaces that are in no other brackets."""
    part, depth = "", 0
    for sign in inside:
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if sign == " " and not depth:
            yield from _without_comma(part)
            part = ""
        else:
            part += sign
    yield from _without_comma(part)


def _without_comma(part: str) -> Iterator[str]:
    part = part.removesuffix(",")
    if part:
        yield part


def _way(text: str, word: str, number: int, depth: int) -> Route:
    try:
        if text.startswith(tuple(f"{each}(" for each in schemes.GROUPS)):
            return group_route(text, depth + 1)
        if ":" not in text:
            raise refusal("this is no URL; in brackets stand URLs, and no names of profiles")
        way = Route.parse(text)
    except errors.InvalidUrl as wrong:
        also = " (a space stands between two ways, and not a comma)" if "," in text and "://" in text[8:] else ""
        raise refusal(f"{word}(…), way {number}: {wrong}{also}", wrong.hint_id) from None
    if way.reads:
        raise refusal(f"{word}(…), way {number}: {way.name} is for reading mail, and none leaves by it")
    return way


def _kind(word: str) -> RouteKind:
    return "failover" if word == "failover" else "roundrobin"
