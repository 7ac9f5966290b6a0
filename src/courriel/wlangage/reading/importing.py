"""Import of sources and HTML, saving of attachments: EmailImporteSource, EmailImporteHTML, EmailSauveFichierAttaché."""

from __future__ import annotations

import os
import re
from pathlib import Path

from courriel.errors import InvalidMessage
from courriel.failures.sentences import french
from courriel.wlangage.errors_shown import email_call
from courriel.wlangage.opening.session_variable import SessionVariable
from courriel.wlangage.problem import ErreurWLangage, Impossible, shown
from courriel.wlangage.reading.received import import_source
from courriel.wlangage.structures.email import Email, EmailVariable, emailAttache

_CHARSET = re.compile(rb"<meta[^>]{0,200}charset=[\"']?([\w-]{1,40})", re.IGNORECASE)


def EmailImporteSource(*arguments: object) -> bool:
    """Read Email.Source, a complete mail, into the other properties; needs no session.

    EmailImporteSource([Email])

    A malformed mail is read as far as possible. Faux when the source is empty.
    """
    match arguments:
        case ():
            return import_source(Email)
        case (EmailVariable() as email,):
            return import_source(email)
        case _:
            pass
    raise ErreurWLangage(
        "attendu : EmailImporteSource([Email]), une variable Email",
        "expected: EmailImportSource([Email]), an Email variable",
    )


@email_call(False)
def EmailImporteHTML(*arguments: object) -> bool:
    """Import an HTML file into the mail, with its local images; Vrai when all of them could be read.

        EmailImporteHTML([Email,] FichierHTML)
        EmailImporteHTML([Email,] TexteHTML, Dossier)

    The second form takes the HTML itself, and the folder of its images. Images in the folder of the page or below are
    attached, and referenced by the HTML, style sheets there become part of it; others (on the web, in other folders)
    are left unchanged. Faux when the page or an image is missing; then nothing is changed.
    """
    match arguments:
        case (str() | os.PathLike() as page,):
            email: EmailVariable = Email
        case (EmailVariable() as email, str() | os.PathLike() as page):
            pass
        case (str() as page, str() | os.PathLike() as folder):
            return _import_html(Email, page, Path(folder))
        case (EmailVariable() as email, str() as page, str() | os.PathLike() as folder):
            return _import_html(email, page, Path(folder))
        case _:
            raise ErreurWLangage(
                "attendu : EmailImporteHTML([Email,] FichierHTML), ou EmailImporteHTML([Email,] TexteHTML, Dossier)",
                "expected: EmailImportHTML([Email,] HTMLFile), or EmailImportHTML([Email,] HTMLText, Folder)",
            )
    path = Path(page)
    return _import_html(email, _text(_read(path)), path.parent)


@email_call(False)
def EmailSauveFichierAttaché(*arguments: object) -> bool:
    """Save an attachment of a received mail; Vrai when it was written.

        EmailSauveFichierAttaché([Session,] [Email,] NomFichierAttaché, Chemin)

    When `Chemin` is a folder, or ends with a slash, the file is saved in that folder under its own name, sanitized, and
    numbered when a file of that name exists. Otherwise it is the complete path of the file, which is overwritten when
    it exists, since the program chose it. The session is optional, and ignored.
    """
    # An attachment itself stands for its name.
    named = tuple(each.Nom if isinstance(each, emailAttache) else each for each in arguments)
    given = named[1:] if named and _is_session(named) else named
    match given:
        case (str(name), str() | os.PathLike() as where):
            email: EmailVariable = Email
        case (EmailVariable() as email, str(name), str() | os.PathLike() as where):
            pass
        case _:
            raise ErreurWLangage(
                "attendu : EmailSauveFichierAttaché([Session,] [Email,] NomFichierAttaché, Chemin)",
                "expected: EmailSaveAttachment([Session,] [Email,] AttachmentName, Path)",
            )
    _save(_attached(email, name), os.fspath(where))
    return True


# The steps.


def _import_html(email: EmailVariable, page: str, folder: Path) -> bool:
    """Put HTML and the images of its folder into a mail."""
    from courriel.types import HtmlPage

    try:
        made = HtmlPage.of(page, folder, leave_outside=True)
    except InvalidMessage as wrong:
        raise Impossible(french(str(wrong)), str(wrong), because=wrong) from wrong
    email.HTML = made.html
    known = {each.Identifiant for each in email.Attache if isinstance(each, emailAttache)}
    email.Attache.extend(
        emailAttache(Nom=each.name, Contenu=each.read(), TypeContenu=each.content_type, Identifiant=each.content_id)
        for each in made.images
        if each.content_id not in known
    )
    return True


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (OSError, ValueError) as missing:
        reason = getattr(missing, "strerror", None) or missing
        raise Impossible(
            f"Le fichier « {shown(str(path), path=True)} » ne peut pas être lu : {reason}.",
            f'The file "{shown(str(path), path=True)}" cannot be read: {reason}.',
            hint_id="FILE-NOT-FOUND",
        ) from missing


def _text(octets: bytes) -> str:
    """HTML as text: in its declared charset, else UTF-8, else Windows-1252."""
    declared = _CHARSET.search(octets, 0, 2048)
    for charset in (declared[1].decode("ascii", "replace") if declared else "utf-8-sig", "utf-8-sig"):
        try:
            return octets.decode(charset)
        except (LookupError, ValueError):
            continue
    return octets.decode("cp1252", "replace")


def _is_session(arguments: tuple[object, ...]) -> bool:
    """Whether the first argument is a session: three texts start with one, or a text before a variable."""
    match arguments:
        case (SessionVariable(), *_):
            return True
        case (str(), EmailVariable(), *_) | (str(), str(), _):
            return True
        case _:
            return False


def _attached(email: EmailVariable, name: str) -> emailAttache:
    """The attachment of that name."""
    files = [each for each in email.Attache if isinstance(each, emailAttache)]
    for each in files:
        if each.Nom == name:
            return each
    names = ", ".join(each.Nom for each in files) or "-"
    raise Impossible(
        f"Aucun fichier attaché ne s'appelle « {shown(name)} » ; il y a : {names}.",
        f'No attached file is called "{shown(name)}"; there are: {names}.',
    )


def _save(file: emailAttache, where: str) -> None:
    from courriel import ReceivedAttachment

    content = file.Contenu or b""
    octets = content.encode() if isinstance(content, str) else content
    try:
        if where.endswith(("/", os.sep)) or Path(where).is_dir():
            Path(where).stat()  # as in the WLangage, a missing folder is not created
            ReceivedAttachment.named(file.Nom, octets).save(where)
        else:
            Path(where).write_bytes(octets)
    except (OSError, ValueError) as refused:
        reason = getattr(refused, "strerror", None) or refused
        raise Impossible(
            f"Le fichier attaché ne peut pas être enregistré dans « {shown(where, path=True)} » : {reason}.",
            f'The attached file cannot be saved to "{shown(where, path=True)}": {reason}.',
        ) from refused
