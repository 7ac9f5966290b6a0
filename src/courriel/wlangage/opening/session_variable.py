"""Variables that describe a session: emailSessionSMTP, emailSessionPOP3, emailSessionIMAP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from courriel.wlangage.program_state import Half
from courriel.wlangage.structures.constants import SessionOption
from courriel.wlangage.structures.properties import NotThat, Property, Structure, flag, port, text

if TYPE_CHECKING:
    from courriel.wlangage.structures.email import EmailVariable


def _secret() -> Property[object, object]:
    return Property(str, lambda value: value)


def _option() -> Property[SessionOption, int]:
    return Property(lambda: SessionOption.DÉFAUT, lambda value: session_option(value))  # noqa: PLW0108 - it stands below


class SessionVariable(Structure):
    """Base of the three types: properties of a session, and the session opened with them."""

    __slots__ = ("session",)
    session: Half | None
    """The session opened with these properties; None when none is open."""

    AdresseServeur = ServerAddress = text()
    Nom = Name = text()
    MotDePasse = Password = _secret()
    Option = _option()
    JetonAuth = AuthToken = _secret()
    Port = port(0)

    def __init__(self, **values: object) -> None:
        super().__init__(**values)
        self.hold(None)

    def hold(self, session: Half | None) -> None:
        """Set the session opened with these properties, or None."""
        object.__setattr__(self, "session", session)

    def OuvreSession(self) -> bool:
        """Open the session; see EmailOuvreSession."""
        from courriel.wlangage.opening.functions import EmailOuvreSession

        return EmailOuvreSession(self)

    def FermeSession(self) -> None:
        """Close the session; see EmailFermeSession."""
        from courriel.wlangage.opening.functions import EmailFermeSession

        EmailFermeSession(self)

    StartSession = OuvreSession
    CloseSession = FermeSession

    def __iter__(self) -> Iterator[EmailVariable]:
        """The mails of an open session for reading, oldest first: `POUR TOUT unMail DE MaSession`.

        Headers are fetched at once, the rest of each mail when it is touched. Raises ErreurWLangage for a session that
        is not open, or only sends.
        """
        from courriel.wlangage.reading.functions import EmailRécupèreTout

        return iter(EmailRécupèreTout(self) or ())


class emailSessionSMTP(SessionVariable):
    """A session for sending, by its properties; methods `OuvreSession`, `EnvoieMessage` and `FermeSession`.

    `Nom` and `MotDePasse` are needed only to log in. `JetonAuth` is the result of AuthIdentifie, an OAuth 2 token,
    `login:NAME` for a login stored by `courriel login`, a TokenSource, or a callable that returns a token; the password
    is not used then.
    """

    __slots__ = ()
    wlangage_type = "emailSessionSMTP"

    Port = port(25)
    Asynchrone = Asynchronous = flag()

    def EnvoieMessage(self, *arguments: object) -> bool:
        """Send the structure `Email`, or a variable; see EmailEnvoieMessage."""
        from courriel.wlangage.sending.functions import EmailEnvoieMessage

        return EmailEnvoieMessage(self, *arguments)

    SendMessage = EnvoieMessage


class emailSessionPOP3(SessionVariable):
    """A session for reading by POP3, by its properties; the functions for reading accept it instead of a name.

    `JetonAuth` is the result of AuthIdentifie, an OAuth 2 token, `login:NAME` for a login stored by `courriel login`, a
    TokenSource, or a callable that returns a token; the password is not used then.
    """

    __slots__ = ()
    wlangage_type = "emailSessionPOP3"

    Port = port(110)


class emailSessionIMAP(SessionVariable):
    """A session for reading by IMAP; see emailSessionPOP3."""

    __slots__ = ()
    wlangage_type = "emailSessionIMAP"

    Port = port(143)


def session_option(value: object) -> SessionOption:
    """Check a session option. Raises ErreurWLangage for other values, sums included."""
    if isinstance(value, int) and not isinstance(value, bool) and value in set(SessionOption):
        return SessionOption(value)
    raise NotThat(
        "une option de session (emailOptionDéfaut, emailOptionSécuriséTLS ou OptionSSL) est attendue",
        "a session option (emailOptionDefault, emailOptionSecuredTLS or optionSSL) is expected",
    )
