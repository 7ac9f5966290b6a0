"""The variable that describes a session before it is opened: emailSessionSMTP."""

from __future__ import annotations

from courriel.wlangage.constants import SessionOption
from courriel.wlangage.desk import OpenSession
from courriel.wlangage.properties import NotThat, Property, Structure, flag, number, text


class emailSessionSMTP(Structure):
    """A session for sending, by its properties; `OuvreSession`, `EnvoieMessage` and `FermeSession` act on it.

    `Nom` and `MotDePasse` are needed only to log in. `JetonAuth` is an OAuth 2 token, or a callable that returns one;
    then the password is not used.
    """

    __slots__ = ("session",)
    session: OpenSession | None
    """What was opened from this description; None when nothing is open."""
    wlangage_type = "emailSessionSMTP"

    AdresseServeur = ServerAddress = text()
    Port = number(25)
    Nom = Name = text()
    MotDePasse = Password = Property[object, object](str, lambda value: value)
    Asynchrone = Asynchronous = flag()
    Option = Property[SessionOption, int](lambda: SessionOption.DÉFAUT, lambda value: session_option(value))  # noqa: PLW0108 - it stands below
    JetonAuth = AuthToken = Property[object, object](str, lambda value: value)

    def __init__(self, **values: object) -> None:
        super().__init__(**values)
        self.hold(None)

    def hold(self, session: OpenSession | None) -> None:
        """Remember the session that was opened from this description, or that there is none any more."""
        object.__setattr__(self, "session", session)

    def OuvreSession(self) -> bool:
        """Open the session; see EmailOuvreSession."""
        from courriel.wlangage.opening import EmailOuvreSession

        return EmailOuvreSession(self)

    def EnvoieMessage(self, *arguments: object) -> bool:
        """Send the structure `Email`, or a variable; see EmailEnvoieMessage."""
        from courriel.wlangage.sending import EmailEnvoieMessage

        return EmailEnvoieMessage(self, *arguments)

    def FermeSession(self) -> None:
        """Close the session; see EmailFermeSession."""
        from courriel.wlangage.opening import EmailFermeSession

        EmailFermeSession(self)

    StartSession = OuvreSession
    SendMessage = EnvoieMessage
    CloseSession = FermeSession


def session_option(value: object) -> SessionOption:
    """An option of a session. Raises ErreurWLangage for what is none, sums included."""
    if isinstance(value, int) and not isinstance(value, bool) and value in set(SessionOption):
        return SessionOption(value)
    raise NotThat(
        "une option de session (emailOptionDéfaut, emailOptionSécuriséTLS ou OptionSSL) est attendue",
        "a session option (emailOptionDefault, emailOptionSecuredTLS or optionSSL) is expected",
    )
