"""Tables of URL schemes, their options, and the usual ports."""

from __future__ import annotations

from courriel._dataclass import dataclass
from courriel.model.servers.server import Dialect, Security


@dataclass(frozen=True, slots=True)
class Scheme:
    """A scheme for a server; `security` is None where `tls=` and the host decide."""

    security: Security | None
    dialect: Dialect = Dialect.SMTP


SERVERS = {
    "smtp": Scheme(None),
    "smtp+starttls": Scheme(Security.STARTTLS),
    "submission": Scheme(Security.STARTTLS),
    "submit": Scheme(Security.STARTTLS),
    "smtps": Scheme(Security.TLS),
    "submissions": Scheme(Security.TLS),
    "smtp+ssl": Scheme(Security.TLS),
    "lmtp": Scheme(None, Dialect.LMTP),
    "pop": Scheme(None, Dialect.POP3),
    "pop3": Scheme(None, Dialect.POP3),
    "pop3+starttls": Scheme(Security.STARTTLS, Dialect.POP3),
    "pops": Scheme(Security.TLS, Dialect.POP3),
    "pop3s": Scheme(Security.TLS, Dialect.POP3),
    "imap": Scheme(None, Dialect.IMAP),
    "imap+starttls": Scheme(Security.STARTTLS, Dialect.IMAP),
    "imaps": Scheme(Security.TLS, Dialect.IMAP),
}
HTTP = {"graph": "graph.microsoft.com", "brevo": "api.brevo.com", "mailjet": "api.mailjet.com"}
"""Providers that are spoken to by HTTPS requests, and the host of each."""
HTTP_AT_ONCE = 4
"""Requests at once: Graph takes four for one mailbox, and answers the fifth with 429."""
DIALECTS = (*(dialect.value for dialect in Dialect if dialect is not Dialect.HTTPS), *HTTP)
"""Kinds of routes to a server, named after the protocol, or after the provider whose own interface it is."""
READING_KINDS = ("pop3", "imap")
"""Kinds of routes for reading mail."""
KEPT = ("memory", "console", "null")
FOLDERS = ("file", "maildir")
PROGRAM = "python"
"""The scheme of a transport that a program provides: python:package.module:name."""
GROUPS = ("failover", "roundrobin")
"""Words before several URLs in brackets: failover(smtps://… smtps://…)."""
TABLE = "bydomain"
"""Kind of a profile with a table of ways by domain; it has no URL."""
LATER = {
    "sandbox": "sandbox:// (whichever practice server is running) is not there yet; give the URL that it prints",
    "sendmail": "sendmail: (the machine's own sendmail program) is not there yet; smtp://localhost reaches most",
}
AMBIGUOUS = {
    "smtp+tls": "smtp+tls means two things elsewhere: write smtp+starttls:// (587) or smtps:// (TLS at once, 465)",
}

TLS_OPTIONS = ("ca", "client_cert", "client_key", "pin", "name", "verify")
SERVER_OPTIONS = (
    "tls",
    *TLS_OPTIONS,
    "timeout",
    "connect_timeout",
    "total",
    "ehlo",
    "auth",
    "user",
    "password",
    "proxy",
    "proxy_password",
    "from",
    "allow_clear_credentials",
    "binary",
    "chunking",
    "compress",
    "pool",
    "rate",
    "max_messages",
    "redirect_to",
    "allowlist",
    "dkim",
)
"""Options of a server URL, in the order in which they are written."""
HTTP_OPTIONS = (
    "ca", "pin", "name", "timeout", "connect_timeout", "total", "user", "password", "proxy", "proxy_password", "from",
    "redirect_to", "allowlist",
)  # fmt: skip
"""Options of the URL of an HTTP provider. `verify=0` is none: the certificate is all that protects its key."""
POOL_OPTIONS = ("pool", "rate", "max_messages")
"""Limits for sending: sessions at once, messages per time, messages per session."""
SENDING_OPTIONS = ("ehlo", "from", "binary", "chunking", *POOL_OPTIONS, "redirect_to", "allowlist", "dkim")
IMAP_OPTIONS = ("compress",)
READING_OPTIONS = tuple(name for name in SERVER_OPTIONS if name not in SENDING_OPTIONS)
SEVERAL = ("ca", "pin")

PASSWORD_MECHANISMS = ("scram-sha-256-plus", "scram-sha-256", "cram-md5", "plain", "login")
TOKEN_MECHANISMS = ("oauthbearer", "xoauth2")
MECHANISMS = (*PASSWORD_MECHANISMS, *TOKEN_MECHANISMS, "external")
POP_MECHANISMS = (*MECHANISMS, "apop", "user")

ON_PORT = {
    25: (Security.STARTTLS, Security.NONE, Security.OPPORTUNISTIC),
    587: (Security.STARTTLS, Security.NONE),
    465: (Security.TLS,),
}
"""Usual TLS modes of a port."""
ON_READING_PORT = {
    110: (Security.STARTTLS, Security.NONE, Security.OPPORTUNISTIC),
    143: (Security.STARTTLS, Security.NONE, Security.OPPORTUNISTIC),
    993: (Security.TLS,),
    995: (Security.TLS,),
}
SPOKEN = {
    25: "mail between servers, STARTTLS at most",
    110: "STLS",
    143: "STARTTLS",
    465: "TLS from the first byte",
    587: "STARTTLS",
    993: "TLS from the first byte",
    995: "TLS from the first byte",
}
OTHER_PROTOCOLS = {
    80: "web pages", 110: "POP3", 143: "IMAP", 443: "web pages", 993: "IMAP", 995: "POP3", 4190: "ManageSieve",
}  # fmt: skip
PROTOCOLS = OTHER_PROTOCOLS | dict.fromkeys((25, 465, 587), "SMTP")
WORDS = {
    Security.TLS: "TLS from the first byte",
    Security.STARTTLS: "STARTTLS",
    Security.NONE: "no protection",
    Security.OPPORTUNISTIC: "STARTTLS where it is offered",
}


def usable_options(dialect: Dialect) -> tuple[str, ...]:
    """Options that a URL of this protocol may have."""
    if dialect is Dialect.IMAP:
        return READING_OPTIONS
    usable = READING_OPTIONS if dialect is Dialect.POP3 else SERVER_OPTIONS
    return tuple(name for name in usable if name not in IMAP_OPTIONS)


def every_scheme() -> list[str]:
    """All supported schemes, without the short names of providers."""
    return [*SERVERS, *HTTP, *KEPT, *FOLDERS, PROGRAM, *(f"{word}(…)" for word in GROUPS)]
