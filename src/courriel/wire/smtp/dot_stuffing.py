"""Dot-stuffing: the end of a message and lines that begin with a dot (RFC 5321 4.5.2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

END = b".\r\n"
"""End of the content, at the beginning of a line; written nowhere else."""


def stuff(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Double the dot of each line that begins with one, wherever the content is cut into chunks.

    The content must have CRLF line ends only.
    """
    tail = b"\r\n"  # the content starts at the beginning of a line
    for chunk in chunks:
        if not chunk:
            continue
        stuffed = chunk.replace(b"\r\n.", b"\r\n..")
        if chunk.startswith(b".") and tail == b"\r\n":
            stuffed = b"." + stuffed
        elif chunk.startswith(b"\n.") and tail.endswith(b"\r"):
            stuffed = b"\n." + stuffed[1:]
        tail = (tail + chunk)[-2:]
        yield stuffed
