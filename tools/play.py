"""
Serve a transcript to whoever connects, and show how it goes.

    make play FILE=tests/transcripts/one-refused-recipient.txt

A transcript is a play, written as the tests read it:

    S: said by the server, as a line              C: expected from the client, to the letter
    S! the same, with \\r \\n \\x00 escapes          C~ expected to begin so
       and no line end of its own
    ...  silence until the client gives up        ---  the server hangs up
    >>>  the handshake of TLS (this stage has no certificates: the play ends here)

Where the client says another thing than the play has, both are shown and the play goes on.
"""

from __future__ import annotations

import socket
import sys
from io import BufferedRWPair
from pathlib import Path

LIMIT = 60.0  # seconds of silence before a client is given up


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or not Path(arguments[0]).is_file():
        print(f"no transcript {' '.join(arguments)!r}; name one: make play FILE=tests/transcripts/…", file=sys.stderr)
        return 66
    lines = Path(arguments[0]).read_text(encoding="utf-8").splitlines()
    with socket.create_server(("127.0.0.1", 0)) as server:
        host, port = server.getsockname()
        scheme = "pop" if lines and lines[0].startswith(("S: +OK", "S: -ERR")) else "smtp"
        print(
            f"Playing {arguments[0]} on {scheme}://{host}:{port}?tls=none to each who comes; Ctrl-C ends it.",
            flush=True,
        )
        try:
            while True:
                line, _ = server.accept()
                with line, line.makefile("rwb") as stream:
                    line.settimeout(LIMIT)
                    perform(lines, stream)
        except KeyboardInterrupt:
            print()
            return 0


def perform(lines: list[str], stream: BufferedRWPair) -> None:
    """Play the transcript once, from the first line to the last or until the client leaves."""
    print("-- somebody connects", flush=True)
    try:
        for line in lines:
            print(line, flush=True)
            if not act(line, stream):
                break
        print("-- the end", flush=True)
    except OSError as broken:
        print(f"-- the line broke: {broken}", flush=True)


def act(line: str, stream: BufferedRWPair) -> bool:
    """Do what this line of the play says; False ends the play."""
    speaker, words = line[:2], line[3:]
    if speaker == "S:":
        stream.write(words.encode() + b"\r\n")
        stream.flush()
    elif speaker == "S!":
        stream.write(words.encode("latin-1", "backslashreplace").decode("unicode_escape").encode("latin-1"))
        stream.flush()
    elif speaker in {"C:", "C~"}:
        heard = stream.readline()
        if not heard:
            print("-- but the client hung up", flush=True)
            return False
        said = heard.rstrip(b"\r\n").decode("utf-8", "backslashreplace")
        if not (said == words or (speaker == "C~" and said.startswith(words))):
            print(f"-- but the client said: {said}", flush=True)
    elif line.startswith("..."):
        while stream.readline():
            pass
    elif line.startswith(("---", ">>>")):
        return False
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
