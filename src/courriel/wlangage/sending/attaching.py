"""The method ChargeFichierAttaché: a file read into an attachment of a mail."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from courriel.wlangage.errors_shown import email_call
from courriel.wlangage.problem import Impossible, shown

if TYPE_CHECKING:
    from courriel.wlangage.structures.email import EmailVariable


@email_call(False)
def load_attached(email: EmailVariable, file: str | os.PathLike[str], name: str) -> bool:
    """Read a file into a new attachment, named after the file unless another name is given."""
    from courriel.wlangage.structures.email import emailAttache

    path = Path(file)
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as missing:
        reason = getattr(missing, "strerror", None) or missing
        raise Impossible(
            f"Le fichier « {shown(str(path), path=True)} » ne peut pas être joint : {reason}.",
            f'The file "{shown(str(path), path=True)}" cannot be attached: {reason}.',
            hint_id="FILE-NOT-FOUND",
        ) from missing
    email.Attache.append(emailAttache(Nom=name or path.name, Contenu=content))
    return True
