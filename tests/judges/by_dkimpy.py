"""
A judge of DKIM in a process of Debian's Python, where dkimpy is: python3 by_dkimpy.py verify RECORDS.json FILE…

Prints one line of JSON for each file: whether each of its signatures is valid, or the error. `sign KEY FILE` prints the
mail with its signature by an RSA key (relaxed/simple, selector s1 of example.org).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import dkim  # type: ignore[import-not-found]


def verified(records: dict[str, str], mail: bytes) -> list[object]:
    def lookup(name: bytes, timeout: float = 5) -> bytes | None:
        text = records.get(name.decode().rstrip("."))
        return None if text is None else text.encode()

    found: list[object] = []
    for number in range(mail.split(b"\r\n\r\n", 1)[0].lower().count(b"dkim-signature:")):
        try:
            found.append(dkim.DKIM(mail).verify(idx=number, dnsfunc=lookup))
        except dkim.DKIMException as wrong:
            found.append(str(wrong))
    return found


def main(act: str, what: str, *files: str) -> None:
    for file in files:
        mail = Path(file).read_bytes()
        if act == "verify":
            print(json.dumps(verified(json.loads(Path(what).read_bytes()), mail)))
        else:
            signature = dkim.sign(
                mail, b"s1", b"example.org", Path(what).read_bytes(), canonicalize=(b"relaxed", b"simple")
            )
            sys.stdout.buffer.write(signature + mail)


if __name__ == "__main__":
    main(*sys.argv[1:])
