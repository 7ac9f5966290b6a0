"""Opening of sessions for the WLangage functions, and warnings for the program's author."""

from __future__ import annotations

from typing import TYPE_CHECKING

from courriel.errors import AuthenticationRefused, InvalidServer, NotSupported, TlsFailed
from courriel.failures import Text
from courriel.wlangage.problem import Impossible, Problem, shown
from courriel.wlangage.program_state import OpenSession, here, program_state
from courriel.wlangage.structures.constants import SessionOption

if TYPE_CHECKING:
    from courriel import Server, Signed, SmtpSession, Trust
    from courriel.types import Credentials
    from courriel.wlangage.mailboxes.open_mailbox import OpenMailbox
    from courriel.wlangage.opening.request import Request


def connect(request: Request) -> OpenSession | OpenMailbox:
    """Connect and log in; warnings for the program's author are in ErreurInfo afterwards."""
    try:
        return _connected(request, None)
    except TlsFailed as failed:
        if failed.hint_id != "CERT-UNKNOWN-ISSUER" or program_state.mode is not None or not _have_bundled():
            raise
        return _with_bundled_roots(request, failed)


# The steps.


def _connected(request: Request, trust: Trust | None) -> OpenSession | OpenMailbox:
    """Connect with these authorities, None for those of emailParamètreMode."""
    return _open_to_send(request, trust) if request.protocol == "SMTP" else _open_to_read(request, trust)


def _have_bundled() -> bool:
    from importlib.util import find_spec

    return find_spec("certifi") is not None


def _with_bundled_roots(request: Request, failed: TlsFailed) -> OpenSession | OpenMailbox:
    """Connect by the bundled authorities, since the system's store does not know the issuer; with a warning.

    The page of EmailOuvreSessionSMTP: since version 23 Update 1 the mode that suits the session is chosen by itself.
    Raises the first error when the bundled ones do not know it either.
    """
    from courriel import Trust

    try:
        opened = _connected(request, Trust.bundled())
    except TlsFailed as again:
        raise (failed if again.hint_id == failed.hint_id else again) from None
    here_too = here().problem
    notice = Text(
        f"Attention : le magasin du système ne connaît pas l'autorité qui a signé le certificat de {request.host} ; "
        "les autorités fournies (certifi) la connaissent, et la session est ouverte.",
        f"Beware: the system's store does not know the authority that signed the certificate of {request.host}; the "
        "bundled authorities (certifi) do, and the session is open.",
    )
    others = () if here_too is None else (here_too.headline, *here_too.notices)
    here().problem = Problem.notice(notice, *others)
    return opened


_IN_CLEAR = {"PLAIN", "LOGIN", "USER", "XOAUTH2", "OAUTHBEARER"}
"""SASL mechanisms that send the secret itself."""

_OF_THE_PAGE = ("PLAIN", "LOGIN")
"""SASL mechanisms that WLangage programs rely on."""


def _open_to_send(request: Request, trust: Trust | None) -> OpenSession:
    from courriel import SmtpSession

    if (by_setting := _by_setting(request)) is not None:
        return by_setting
    server, credentials = _place_of(request, trust)
    notices: list[Text] = []
    session = SmtpSession(server, credentials)
    try:
        _ = session.open()
        _mind_the_clear_line(server, (session.mechanism,), notices)
    except AuthenticationRefused as refused:
        _mind_the_clear_line(server, refused.tried, notices)
        if not request.may_go_without_login:
            raise
        session = _as_the_page_has_it(server, credentials, refused, notices)
    except NotSupported as lacking:
        if not (request.may_go_without_login and lacking.hint_id == "AUTH-NOT-OFFERED"):
            raise
        session = _without_login(server, (), notices)
    if notices:
        here().problem = Problem.notice(*notices)
    try:
        way = session if program_state.elsewhere is None else program_state.elsewhere.signed(session)
    except BaseException:
        session.close()
        raise
    return _spooled(session, way, request) if request.asynchronous else OpenSession(session, way)


def _by_setting(request: Request) -> OpenSession | None:
    """The session by a profile, or by a setting in the place of all servers; None for the server of the program."""
    from courriel.wlangage.opening.by_setting import open_by_profile, open_by_route, profile_of

    if program_state.elsewhere is not None:
        route = program_state.elsewhere.route_to_send()
        return None if route is None else open_by_route(request, route)
    name = profile_of(request.host)
    return None if name is None else open_by_profile(request, name)


def _spooled(session: SmtpSession, way: SmtpSession | Signed, request: Request) -> OpenSession:
    """The session, with the outbox in front of it."""
    from courriel.wlangage.spool import SpooledSession, lane_of

    try:
        return SpooledSession(session, way, lane_of(request.name or session.server.host))
    except BaseException:
        session.close()
        raise


def _open_to_read(request: Request, trust: Trust | None) -> OpenMailbox:
    from courriel import ImapSession, PopSession
    from courriel.wlangage.mailboxes.imap_mailbox import ImapMailbox
    from courriel.wlangage.mailboxes.pop_mailbox import PopMailbox

    server, credentials = _place_of(request, trust)
    notices: list[Text] = []
    try:
        if request.protocol == "IMAP":
            session: ImapSession | PopSession = ImapSession(server, credentials).open()
        else:
            session = PopSession(server, credentials).open()
        _mind_the_clear_line(server, (session.mechanism,), notices)
    except AuthenticationRefused as refused:
        _mind_the_clear_line(server, refused.tried, notices)
        raise
    if notices:
        here().problem = Problem.notice(*notices)
    return ImapMailbox(session) if isinstance(session, ImapSession) else PopMailbox(session)


def _place_of(request: Request, trust: Trust | None) -> tuple[Server, Credentials | None]:
    """The server and the login of a request, or those in their place."""
    if program_state.elsewhere is not None:
        from courriel._dataclass import replace

        server, credentials = program_state.elsewhere.place_of(request)
        return replace(server, timeouts=program_state.timeouts), credentials
    return _server(request, trust), request.credentials


def _server(request: Request, trust: Trust | None) -> Server:
    from courriel import Dialect, Security, Server

    security = {
        SessionOption.DÉFAUT: Security.NONE,
        SessionOption.SÉCURISÉ_TLS: Security.STARTTLS,
        SessionOption.SSL: Security.TLS,
    }[request.option]
    if not 0 < request.port < 65536:
        raise Impossible(
            f"Le port {request.port} n'existe pas : un port est un nombre de 1 à 65535.",
            f"There is no port {request.port}: a port is a number from 1 to 65535.",
            hint_id="SETTING-MALFORMED",
        )
    try:
        # The WLangage default has no TLS, also for passwords; elsewhere in courriel that has to be enabled.
        return Server(
            request.host,
            request.port,
            security,
            trust=trust or program_state.trust,
            timeouts=program_state.timeouts,
            allow_clear_credentials=True,
            dialect=Dialect[request.protocol],
        )
    except InvalidServer as wrong:
        raise Impossible(
            f"« {shown(request.host)} » n'est pas le nom d'un serveur.",
            f'"{shown(request.host)}" is not the name of a server.',
            because=wrong,
        ) from wrong


def _as_the_page_has_it(
    server: Server, credentials: Credentials | None, refused: AuthenticationRefused, notices: list[Text]
) -> SmtpSession:
    """Try LOGIN and PLAIN after a stronger mechanism failed, also where courriel itself stops.

    A server that offers one of the two and refuses it makes opening fail; with one that offers neither the session is
    opened without a login. Raises AuthenticationRefused.
    """
    from courriel import SmtpSession
    from courriel._dataclass import replace

    known = [name for name in _OF_THE_PAGE if name in refused.offered]
    judged = any(name in refused.judged for name in known)
    untried = [name.lower() for name in known if name not in refused.tried]
    if judged or (known and refused.final) or refused.hint_id == "LOGIN-BINDING-REFUSED":
        raise refused
    if not untried:
        return _without_login(server, refused.tried, notices)
    session = SmtpSession(replace(server, auth=tuple(untried)), credentials)
    try:
        _ = session.open()
    except AuthenticationRefused as again:
        again.tried = (*refused.tried, *again.tried)
        notices.clear()
        _mind_the_clear_line(server, again.tried, notices)
        if again.judged or again.final:
            raise
        return _without_login(server, again.tried, notices)
    notices.clear()
    _mind_the_clear_line(server, (session.mechanism,), notices)
    return session


def _without_login(server: Server, tried: tuple[str, ...], notices: list[Text]) -> SmtpSession:
    """A session without a login, as the WLangage page specifies for such servers; with a warning."""
    from courriel import SmtpSession

    session = SmtpSession(server).open()
    names = ", ".join(tried)
    if names:
        why = Text(
            f"le serveur {server} a refusé l'authentification ({names}) et n'en connaît aucune qui envoie le mot de "
            "passe lui-même ; la session est ouverte sans authentification.",
            f"the server {server} refused the login ({names}) and knows none that sends the password itself; the "
            "session was opened without one.",
        )
    else:
        why = Text(
            f"le serveur {server} ne propose aucune authentification que ce mot de passe permette ; la session est "
            "ouverte sans authentification, et le mot de passe n'a pas été envoyé.",
            f"the server {server} offers no login that this password can serve; the session was opened without one, "
            "and the password was not sent.",
        )
    notices.append(Text(f"Attention : {why.fr}", f"Beware: {why.en}"))
    _warn("The session with %s was opened without a login", server, "session_without_login")
    return session


def _mind_the_clear_line(server: Server, mechanisms: tuple[str, ...], notices: list[Text]) -> None:
    """Warn when a password was sent without TLS. SCRAM and CRAM-MD5 do not send it."""
    from courriel import Security

    if server.security is not Security.NONE or server.local or not _IN_CLEAR & {*mechanisms}:
        return
    notices.append(
        Text(
            f"Attention : le mot de passe est parti en clair vers {server} ; emailOptionSécuriséTLS ou OptionSSL le "
            "protègent.",
            f"Beware: the password went to {server} in clear; emailOptionSecuredTLS or optionSSL protect it.",
        )
    )
    _warn("The password went to %s in clear", server, "password_in_clear")


def _warn(sentence: str, server: Server, action: str) -> None:
    import logging

    logging.getLogger("courriel.wlangage").warning(sentence, server, extra={"action": action, "server": str(server)})
