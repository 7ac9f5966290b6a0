"""Functions on files, below the folder of the program: texts, lines, INI files, paths."""

from __future__ import annotations

import configparser
import os
from pathlib import Path, PurePosixPath

from courriel.wlangage.errors_shown import email_call
from courriel.wlangage.language.functions.desk import LARGEST_FILE, Desk
from courriel.wlangage.language.functions.table import constant, function
from courriel.wlangage.language.values.operations import RC, to_integer, to_text
from courriel.wlangage.problem import ErreurWLangage, Impossible, shown

constant(os.sep, "fSep")
constant(1, "foLecture", "foRead")
constant(2, "foEcriture", "foWrite", "foÉcriture")
constant(3, "foLectureEcriture", "foReadWrite", "foLectureÉcriture")
constant(4, "foCréation", "foCreation", "foCréationSiInexistant", "foCreateIfNotExist")
constant(8, "foAjout", "foAdd")
constant(0, "foAnsi", "foUnicode", "foAnsiUtf8")
constant(1, "fDisque", "fDrive")
constant(2, "fRépertoire", "fDirectory")
constant(4, "fFichier", "fFile")
constant(8, "fExtension")


@function("fChargeTexte", "fLoadText", desk=True)
@email_call("")
def load(desk: Desk, path: object, *_: object) -> str:
    """The text of a file; empty, with ErreurDétectée, when it cannot be read."""
    found = desk.path(to_text(path))
    try:
        if found.stat().st_size > LARGEST_FILE:
            raise ErreurWLangage("ce fichier est trop grand pour un texte", "this file is too large for a text")
        return _decoded(found.read_bytes())
    except OSError as error:
        raise _failed(path, error) from None


@function("fSauveTexte", "fSaveText", desk=True)
@email_call(False)
def save(desk: Desk, path: object, text: object, *_: object) -> bool:
    """Write a text to a file, replacing it."""
    return _write(desk, path, text, "w")


@function("fAjouteTexte", "fAddText", desk=True)
@email_call(False)
def append(desk: Desk, path: object, text: object, *_: object) -> bool:
    """Append a text to a file."""
    return _write(desk, path, text, "a")


@function("fOuvre", "fOpen", desk=True)
def open_file(desk: Desk, path: object, mode: object = 1) -> int:
    """Open a file, and return its number; -1 when it cannot be opened."""
    wanted = to_integer(mode)
    how = "a" if wanted & 8 else "w" if wanted & 4 else "r+" if wanted & 2 else "r"
    found = desk.path(to_text(path))
    try:
        return desk.keep(found.open(how, encoding="utf-8", errors="replace", newline=""))  # type: ignore[arg-type]
    except OSError:
        return -1


@function("fLitLigne", "fReadLine", desk=True)
def read_line(desk: Desk, number: object) -> str:
    """The next line of a file; EOT at its end."""
    line = desk.file(to_integer(number)).readline(LARGEST_FILE)
    return line.rstrip("\r\n") if line else "\x04"


@function("fEcritLigne", "fWriteLine", "fÉcritLigne", desk=True)
def write_line(desk: Desk, number: object, text: object = "") -> bool:
    """Write a line to a file."""
    desk.file(to_integer(number)).write(to_text(text) + RC)
    return True


@function("fFerme", "fClose", desk=True)
def close_file(desk: Desk, number: object) -> bool:
    """Close a file."""
    desk.forget(to_integer(number))
    return True


@function("fFichierExiste", "fFileExist", "fFichierExist", desk=True)
def file_exists(desk: Desk, path: object) -> bool:
    """Whether there is such a file."""
    return desk.path(to_text(path)).is_file()


@function("fRépertoireExiste", "fDirectoryExist", desk=True)
def folder_exists(desk: Desk, path: object) -> bool:
    """Whether there is such a folder."""
    return desk.path(to_text(path)).is_dir()


@function("fTaille", "fSize", desk=True)
def file_size(desk: Desk, path: object) -> int:
    """The octets of a file; -1 when there is none."""
    found = desk.path(to_text(path))
    return found.stat().st_size if found.is_file() else -1


@function("fSupprime", "fDelete", desk=True)
def delete(desk: Desk, path: object, *_: object) -> bool:
    """Remove a file."""
    try:
        desk.path(to_text(path)).unlink()
    except OSError:
        return False
    return True


@function("fRepCrée", "fMakeDir", desk=True)
def make_folder(desk: Desk, path: object, *_: object) -> bool:
    """Make a folder."""
    try:
        desk.path(to_text(path)).mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return True


@function("fListeFichier", "fListFile", desk=True)
def list_files(desk: Desk, pattern: object, *_: object) -> str:
    """The files of a folder that fit a pattern such as `*.pdf`, one path per line, sorted."""
    written = to_text(pattern).replace("\\", "/")
    folder = desk.path(str(PurePosixPath(written).parent))
    name = PurePosixPath(written).name
    if not folder.is_dir() or "**" in name:
        return ""
    return RC.join(str(path) for path in sorted(folder.glob(name or "*")) if path.is_file())


@function("fRepEnCours", "fCurrentDir", "fRepExe", "fExeDir", "fRepDonnées", "fDataDir", desk=True)
def current_folder(desk: Desk) -> str:
    """The folder of the program."""
    return str(desk.folder)


@function("fRepTemp", "fTempDir", "fFichierTemp", "fTempFile", desk=True)
def temporary_folder(desk: Desk, *_: object) -> str:
    """A folder for temporary files, removed at the end."""
    return desk.temporary()


@function("fExtraitChemin", "fExtractPath")
def extract_path(path: object, parts: object) -> str:
    """The parts of a path that the sum of fDisque, fRépertoire, fFichier and fExtension names."""
    written = PurePosixPath(to_text(path).replace("\\", "/"))
    wanted = to_integer(parts)
    folder = str(written.parent).rstrip("/") + os.sep if wanted & 2 and str(written.parent) != "." else ""
    return folder + (written.stem if wanted & 4 else "") + (written.suffix if wanted & 8 else "")


@function("fCheminComplet", "fBuildPath", "ComplèteRep", "CompleteDir")
def joined_path(folder: object, name: object = "") -> str:
    """A path of a folder and a name."""
    begin = to_text(folder).rstrip("\\/")
    return begin + os.sep + to_text(name)


@function("INILit", "INIRead", desk=True)
def ini_read(desk: Desk, section: object, key: object, default: object, path: object) -> str:
    """A value of an INI file; the default when the file, the section or the key is missing."""
    values = _ini(desk.path(to_text(path)))
    return values.get(to_text(section), to_text(key), fallback=to_text(default))


@function("INIEcrit", "INIWrite", "INIÉcrit", desk=True)
def ini_write(desk: Desk, section: object, key: object, value: object, path: object) -> bool:
    """Set a value of an INI file."""
    found = desk.path(to_text(path))
    values = _ini(found)
    if not values.has_section(to_text(section)):
        values.add_section(to_text(section))
    values.set(to_text(section), to_text(key), to_text(value))
    with found.open("w", encoding="utf-8") as file:
        values.write(file, space_around_delimiters=False)
    return True


def _ini(path: Path) -> configparser.ConfigParser:
    values = configparser.ConfigParser(interpolation=None, strict=False, allow_no_value=True, default_section="\0")
    try:
        if path.is_file() and path.stat().st_size <= LARGEST_FILE:
            values.read_string(_decoded(path.read_bytes()))
    except (OSError, configparser.Error):
        raise ErreurWLangage(
            f"« {shown(str(path), path=True)} » n'est pas un fichier INI",
            f'"{shown(str(path), path=True)}" is no INI file',
        ) from None
    return values


def _write(desk: Desk, path: object, text: object, mode: str) -> bool:
    found = desk.path(to_text(path))
    try:
        with found.open(mode, encoding="utf-8", newline="") as file:
            file.write(to_text(text))
    except OSError as error:
        raise _failed(path, error) from None
    return True


def _decoded(octets: bytes) -> str:
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError:
        return octets.decode("cp1252", "replace")


def _failed(path: object, error: OSError) -> Impossible:
    name = shown(to_text(path), path=True)
    return Impossible(f"« {name} » : {error.strerror}", f'"{name}": {error.strerror}')
