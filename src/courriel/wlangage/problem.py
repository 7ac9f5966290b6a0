"""The last error as data, with texts in French and English; and the error for wrong arguments."""

from __future__ import annotations

from courriel import errors
from courriel._dataclass import dataclass, field
from courriel.errors import CourrielError
from courriel.failures import Failure, Language, Text, language
from courriel.failures.sentences import french
from courriel.wlangage.remedies import remedy, warning


class ErreurWLangage(errors.UsageError):
    """Error of the program, such as a wrong argument: raised, while runtime failures return Faux."""

    def __init__(self, fr: str, en: str) -> None:
        super().__init__(fr if language() == "fr" else en)
        self.wording = Text(fr, en)


class UnknownProperty(ErreurWLangage, AttributeError):
    """A property that the type does not have."""


class Impossible(CourrielError):
    """A runtime failure worded by this module; `because` is the underlying error, if any."""

    def __init__(self, fr: str, en: str, *, because: CourrielError | None = None, hint_id: str = "") -> None:
        super().__init__(en, stage="compose", hint_id=hint_id or (because.hint_id if because else ""))
        self.wording = Text(fr, en)
        self.because = because


@dataclass(frozen=True, slots=True)
class Problem:
    """Data of ErreurInfo. Texts only: an exception would keep passwords in the locals of its frames."""

    headline: Text
    failure: Failure | None = None
    server: str = ""
    user: str = ""
    technical: str = ""
    reply: str = ""
    protocol: str = ""
    is_error: bool = True
    notices: tuple[Text, ...] = field(default=())

    @classmethod
    def of(cls, error: CourrielError) -> Problem:
        """Make it from an error."""
        because = error.because if isinstance(error, Impossible) else None
        return cls(
            headline=_headline(error),
            failure=error.failure,
            server=error.server,
            user=error.user,
            technical=because.detail if because else "" if isinstance(error, Impossible) else error.detail,
            reply=str(error.reply or ""),
            protocol=error.protocol or (because.protocol if because else ""),
        )

    @classmethod
    def notice(cls, *texts: Text) -> Problem:
        """Make a warning for the program's author, which is no error."""
        return cls(headline=texts[0], is_error=False, notices=texts[1:])

    def message(self, spoken: Language) -> str:
        """One or two sentences on what happened, with the server's reply."""
        sentences = [self._filled(each, spoken) for each in (self.headline, *self.notices)]
        if self.reply and self.reply not in sentences[0]:
            sentences.append(_SERVER_SAID.in_(spoken).replace("{server}", self.server).replace("{reply}", self.reply))
        elif self.server and self.server not in sentences[0]:
            sentences.insert(0, f"{self.server} : " if spoken == "fr" else f"{self.server}: ")
            sentences[:2] = ["".join(sentences[:2])]
        return " ".join(sentences)

    def complete(self, spoken: Language) -> str:
        """The message with remedy, what to avoid, and technical details."""
        lines = [self.message(spoken)]
        if self.failure is not None:
            for label, text in ((_TO_DO, remedy(self.failure, self.protocol)), (_TO_AVOID, warning(self.failure))):
                if text:
                    lines.append(f"{label.in_(spoken)}{self._filled(text, spoken)}")
        technical = french(self.technical) if spoken == "fr" else self.technical
        if technical and technical not in lines[0]:
            lines.append(f"{_TECHNICAL.in_(spoken)}{technical}")
        if self.code:
            lines.append(f"{_CODE.in_(spoken)}{self.code}")
        return "\n".join(lines)

    @property
    def code(self) -> str:
        """Id of the failure, constant across languages and versions; empty when it has none."""
        return self.failure.id if self.failure else ""

    def _filled(self, text: Text, spoken: Language) -> str:
        host, _, port = self.server.rpartition(":")
        return text.in_(
            spoken,
            host=host.strip("[]"),
            port=int(port) if port.isdigit() else None,
            user=self.user,
            protocol=self.protocol,
        )


def shown(text: str, *, path: bool = False) -> str:
    """A text shortened, with control characters escaped; of a long path the end is kept."""
    short = text if len(text) <= 80 else "..." + text[-77:] if path else text[:77] + "..."
    return "".join(each if each.isprintable() else f"\\x{ord(each):02x}" for each in short)


# The steps.

_SERVER_SAID = Text("Le serveur {server} a répondu : {reply}", "The server {server} answered: {reply}")
_TO_DO = Text("À faire : ", "Fix: ")
_TO_AVOID = Text("À éviter : ", "Avoid: ")
_TECHNICAL = Text("Détail technique : ", "Technical detail: ")
_CODE = Text("Code : ", "Code: ")


def _headline(error: CourrielError) -> Text:
    if isinstance(error, ErreurWLangage | Impossible):
        return error.wording
    if error.in_doubt and error.failure:
        return error.failure.cause
    if isinstance(error, errors.RecipientsRefused):
        recipients = ", ".join(f"{name} ({reply})" for name, reply in error.refused.items())
        return Text(
            f"Personne n'a reçu le message, car le serveur {error.server} a refusé : {recipients}.",
            f"Nobody received the message, because the server {error.server} refused: {recipients}.",
        )
    if error.failure:
        return error.failure.cause
    if error.reply:
        return Text("Le serveur a refusé.", "The server refused.")
    return Text(f"L'opération a échoué : {error}", f"The operation failed: {error}")
