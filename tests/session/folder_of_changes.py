"""A folder on a fake IMAP server that counts its changes (QRESYNC, CONDSTORE), or does not."""

from __future__ import annotations

import re
from collections.abc import Callable

from courriel.wire.imap.syntax import read_uid_set
from session.imap_stranger import Answer, imap_server
from session.stranger import Act, Phone

FLAGS = re.compile(r"UID FETCH (\d+):(\d+) \(FLAGS\)(?: \(CHANGEDSINCE (\d+)\))?")


class Folder:
    """A folder that counts its changes, or does not."""

    def __init__(self, *uids: int, capable: str = "", validity: int = 7) -> None:
        self.letters = dict.fromkeys(uids, ("", 1))  # flags, and number of the last change
        self.gone: list[int] = []
        self.modseq = 1
        self.next = max(uids, default=0) + 1
        self.validity = validity
        self.capable = capable
        self.heard: list[str] = []

    def put(self) -> None:
        self.flag(self.next, "")
        self.next += 1

    def flag(self, uid: int, flags: str) -> None:
        self.modseq += 1
        self.letters[uid] = flags, self.modseq

    def remove(self, uid: int) -> None:
        self.modseq += 1
        del self.letters[uid]
        self.gone.append(uid)

    def serve(self, **answers: Answer) -> Act:
        usual: dict[str, Answer] = {
            "CAPABILITY": f"* CAPABILITY IMAP4rev1 {self.capable}\n{{tag}} OK",
            "ENABLE": self.answer(lambda command: f"* ENABLED {command.split()[1]}\n"),
            "EXAMINE": self.answer(self.examine),
            "UID_SEARCH": self.answer(self.search),
            "UID_FETCH": self.answer(self.fetch),
        }
        return imap_server(**(usual | answers))

    def answer(self, act: Callable[[str], str]) -> Callable[[Phone, str, str], None]:
        def answer(phone: Phone, tag: str, command: str) -> None:
            self.heard.append(command)
            phone.say(f"{act(command)}{tag} OK done")

        return answer

    def examine(self, command: str) -> str:
        said = f"* {len(self.letters)} EXISTS\n* OK [UIDVALIDITY {self.validity}] x\n* OK [UIDNEXT {self.next}] x\n"
        if "QRESYNC" in self.capable or "CONDSTORE" in self.capable:
            said += f"* OK [HIGHESTMODSEQ {self.modseq}] x\n"
        if found := re.search(r"\(QRESYNC \((\d+) (\d+)\)\)", command):
            said += f"* VANISHED (EARLIER) {','.join(map(str, self.gone))},900:4294967295\n" if self.gone else ""
            said += self.flags(lambda uid, modseq: modseq > int(found[2]))
        return said

    def search(self, command: str) -> str:
        above = re.search(r"UID (\d+):\*", command)
        found = [uid for uid in self.letters if above is None or uid >= int(above[1])]
        return f"* SEARCH {' '.join(map(str, found))}\n"

    def fetch(self, command: str) -> str:
        if found := FLAGS.match(command):
            first, last, since = int(found[1]), int(found[2]), int(found[3] or 0)
            return self.flags(lambda uid, modseq: first <= uid <= last and modseq > since)
        numbers = [uid for uid in read_uid_set(command.split()[2].encode(), 1000) if uid in self.letters]
        return "".join(
            f"* 1 FETCH (UID {uid} FLAGS () BODY[HEADER] {{16}}\nSubject: {uid:03}\n\n)\n" for uid in numbers
        )

    def flags(self, wanted: Callable[[int, int], bool]) -> str:
        return "".join(
            f"* 1 FETCH (UID {uid} FLAGS ({flags} \\Recent) MODSEQ ({modseq}))\n"
            for uid, (flags, modseq) in self.letters.items()
            if wanted(uid, modseq)
        )
