"""What is in a wheel: every file of the package and no other, the typed marker, and licences that are told whole."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable
from email import message_from_bytes
from email.message import Message
from pathlib import Path

# How the text of a licence begins, by its SPDX identifier: one that is named has to be there to be read.
LICENCE_TEXTS = {"MIT": b"MIT License", "MPL-2.0": b"Mozilla Public License Version 2.0"}

_MARK = re.compile(rb"SPDX-License-Identifier:\s*([A-Za-z0-9.+-]+)")
_MARKED_WITHIN = 400  # octets from the beginning of a file


def wheel_findings(wheel: Path, wanted: Iterable[str]) -> list[str]:
    """What is wrong with a wheel that should hold these files, and nothing else but its metadata."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        metadata = {name for name in names if name.split("/")[0].endswith(".dist-info")}
        found = [f"missing: {name}" for name in sorted(set(wanted) - names)]
        found += [f"not of the package: {name}" for name in sorted(names - metadata - set(wanted))]
        if "courriel/py.typed" not in names:
            found.append("py.typed is missing: type checkers would ignore our annotations (PEP 561)")
        return found + _licence_findings(archive, metadata)


def classifiers_of_pythons(wheel: Path) -> set[str]:
    """Versions of Python that the metadata claim: {"3.11", …}."""
    with zipfile.ZipFile(wheel) as archive:
        claims = _metadata(archive).get_all("Classifier", [])
    found = (re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", claim) for claim in claims)
    return {claim[1] for claim in found if claim}


# The steps.


def _metadata(archive: zipfile.ZipFile) -> Message:
    (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    return message_from_bytes(archive.read(name))


def _licence_findings(archive: zipfile.ZipFile, metadata: set[str]) -> list[str]:
    """The expression against what the files say of themselves, and against the texts that come along (PEP 639)."""
    headers = _metadata(archive)
    expression = headers.get("License-Expression", "")
    named = set(re.findall(r"[A-Za-z0-9.+-]+", expression)) - {"AND", "OR", "WITH"}
    found = [] if named else ["the metadata have no License-Expression"]

    marked: dict[str, str] = {}
    for name in archive.namelist():
        if name not in metadata and (mark := _MARK.search(archive.read(name)[:_MARKED_WITHIN])):
            marked[name] = mark[1].decode("ascii")
    found += [
        f"{name} is under {licence}, which License-Expression does not name ({expression})"
        for name, licence in sorted(marked.items())
        if licence not in named
    ]
    # What has no mark is under the licence of the whole.
    found += [f"no file is under {licence}" for licence in sorted(named - set(marked.values()) - {"MIT"})]

    texts: list[bytes] = []
    for told in headers.get_all("License-File", []):
        path = next((name for name in metadata if name.endswith(f".dist-info/licenses/{told}")), None)
        if path is None:
            found.append(f"License-File {told} is not in the wheel")
        else:
            texts.append(b" ".join(archive.read(path).split()))
    for licence in sorted(named):
        if not any(text.startswith(LICENCE_TEXTS.get(licence, b"\0")) for text in texts):
            found.append(f"the text of {licence} does not come along")
    return found
