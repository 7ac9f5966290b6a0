"""
Serve a transcript to whoever connects, and show how it goes.

    make play FILE=tests/transcripts/one-refused-recipient.txt

A transcript is a play: `S:` is what the server says, `C:` what the client is expected to say; what follows is not
colour but the exact line. Lines that begin with anything else are stage directions and are shown only. Where the client
says another thing than the play has, both lines are shown and the play goes on.
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
        print(f"Playing {arguments[0]} on smtp://{host}:{port}?tls=none to each who comes; Ctrl-C ends it.", flush=True)
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
            speaker, words = line[:2], line[3:]
            if speaker == "S:":
                stream.write(words.encode() + b"\r\n")
                stream.flush()
            elif speaker == "C:":
                heard = stream.readline()
                if not heard:
                    print(f"-- the client hung up instead of: {words}", flush=True)
                    return
                said = heard.rstrip(b"\r\n").decode("utf-8", "backslashreplace")
                if said != words:
                    print(f"C: {said}\n-- expected: {words}", flush=True)
                    continue
            print(line, flush=True)
        print("-- the end", flush=True)
    except OSError as broken:
        print(f"-- the line broke: {broken}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
