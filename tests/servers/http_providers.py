"""
Microsoft Graph, Brevo and Mailjet on loopback with TLS, as their public documentation says that they behave.

Each checks what it documents: who asks, the shape of the request, sender, recipients, headers, sizes. `taken` are the
mails that it took, `heard` all requests. `story` replaces the next answers: an Answer, or a function that is handed the
Exchange and does what no documentation says.
"""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, TypeAlias

from .authority import Authority

LARGEST = {"graph": 4 * 1024 * 1024, "brevo": 20_000_000, "mailjet": 15_000_000}


@dataclass
class Answer:
    status: int = 200
    content: bytes = b""
    fields: dict[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, status: int, content: object, **fields: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in fields.items()}
        return cls(status, json.dumps(content).encode(), {"Content-Type": "application/json", **named})

    @property
    def octets(self) -> bytes:
        fields = {"Content-Length": str(len(self.content)), **self.fields}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return f"HTTP/1.1 {self.status} Said\r\n{head}\r\n".encode() + self.content


@dataclass
class Heard:
    """A request as it was heard."""

    method: str
    target: str
    fields: dict[str, str]
    body: bytes
    connection: int


@dataclass
class Exchange:
    """A request in the hands of a function of the story."""

    server: HttpProviderServer
    line: ssl.SSLSocket
    request: Heard

    def usual(self) -> Answer:
        """What the provider answers, after it has done what was asked."""
        return self.server.answer_to(self.request)

    def reset(self) -> None:
        """Hang up, so that the client is told by its system."""
        self.line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.line.close()


Part: TypeAlias = "Answer | Callable[[Exchange], object]"


@dataclass
class Taken:
    """A mail that a provider took: who gets it, and what it is."""

    provider: str
    recipients: list[str]
    mail: Any
    key: str = ""


class HttpProviderServer:
    """State of the server; `place` is its host and port, as a URL has them."""

    def __init__(self) -> None:
        self.place = ""
        self.tokens = {"token-secret-1"}
        self.mailboxes = {"ada@contoso.example"}
        self.may_send_as: set[str] = set()
        self.rights = True
        self.keys = {"key-secret-1"}
        self.senders = {"ada@contoso.example"}
        self.credits = 1000
        self.story: list[Part] = []
        self.early: list[Callable[[Exchange], object]] = []
        """What happens after the header of the next requests, before their body is read."""
        self.heard: list[Heard] = []
        self.taken: list[Taken] = []
        self.connections = 0
        self.keys_seen: set[str] = set()
        self.arrived = threading.Condition()
        self.ends = threading.Event()

    def wait_for(self, requests: int) -> None:
        """Wait until so many requests have been heard."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.heard) >= requests, 20), self.heard

    def answer_to(self, request: Heard) -> Answer:
        """What the provider of this target answers."""
        if request.target.startswith("/v1.0/"):
            return self._graph(request)
        if request.target.startswith(("/v3/smtp/email", "/v3/account")):
            return self._brevo(request)
        if request.target.startswith(("/v3.1/send", "/v3/REST/sender")):
            return self._mailjet(request)
        return Answer(404, b"<html>not here</html>", {"Content-Type": "text/html"})

    # Microsoft Graph: https://learn.microsoft.com/graph/api/user-sendmail

    def _graph(self, request: Heard) -> Answer:
        number = f"request-{len(self.heard)}"
        if request.fields.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return _graph_error(
                401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.", number
            )
        if not self.rights:
            return _graph_error(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.", number)
        mailbox = request.target.removeprefix("/v1.0/users/").removesuffix("/sendMail").replace("%40", "@")
        if mailbox not in self.mailboxes:
            return _graph_error(404, "ErrorInvalidUser", f"The requested user '{mailbox}' is invalid.", number)
        if len(request.body) > LARGEST["graph"]:
            return _graph_error(413, "RequestEntityTooLarge", "The request is too large.", number)
        if request.fields.get("content-type") != "text/plain":
            return _graph_error(415, "UnsupportedMediaType", "Unsupported media type.", number)
        try:
            octets = base64.b64decode(request.body, validate=True)
        except ValueError:
            code, told = "ErrorMimeContentInvalidBase64String", "Invalid base64 string for MIME content."
            return _graph_error(400, code, told, number)
        mail: EmailMessage = message_from_bytes(octets, policy=policy.default)
        sender = mail["From"].addresses[0].addr_spec
        if sender not in {mailbox, *self.may_send_as}:
            told = (
                "The user account which was used to submit this request does not have the right to send mail on behalf"
            )
            return _graph_error(403, "ErrorSendAsDenied", f"{told} of the specified sending account.", number)
        recipients = [a.addr_spec for name in ("To", "Cc", "Bcc") if mail[name] for a in mail[name].addresses]
        if not recipients:
            return _graph_error(400, "ErrorInvalidRecipients", "At least one recipient is not valid.", number)
        del mail["Bcc"]
        self.taken.append(Taken("graph", recipients, mail))
        return Answer(202, b"", {"request-id": number})

    # Brevo: https://developers.brevo.com/reference/sendtransacemail

    def _brevo(self, request: Heard) -> Answer:
        if request.fields.get("api-key") not in self.keys:
            return Answer.json(401, {"message": "Key not found", "code": "unauthorized"})
        if request.target == "/v3/account":
            return Answer.json(200, {"email": "ada@contoso.example", "plan": []})
        mail = json.loads(request.body)
        if "htmlContent" not in mail or "subject" not in mail or not mail.get("to"):
            return Answer.json(400, {"code": "missing_parameter", "message": "htmlContent is missing"})
        if mail["sender"]["email"] not in self.senders:
            told = f"Sending has been rejected because the sender you used {mail['sender']['email']} is not valid."
            return Answer.json(400, {"code": "invalid_parameter", "message": told})
        recipients = [each["email"] for name in ("to", "cc", "bcc") for each in mail.get(name, [])]
        if len(recipients) > 99:
            return Answer.json(400, {"code": "invalid_parameter", "message": "too many recipients"})
        if self.credits < len(recipients):
            return Answer.json(402, {"code": "not_enough_credits", "message": "Not enough credit, upgrade your plan"})
        key = mail.get("headers", {}).get("idempotencyKey", "")
        if key in self.keys_seen:
            return Answer.json(400, {"code": "duplicate_parameter", "message": "idempotencyKey is used already"})
        self.keys_seen.add(key)
        self.taken.append(Taken("brevo", recipients, mail, key))
        return Answer.json(201, {"messageId": f"<2026.{len(self.taken)}@smtp-relay.mailin.fr>"})

    # Mailjet: https://dev.mailjet.com/email/guides/send-api-v31/

    def _mailjet(self, request: Heard) -> Answer:
        pair = base64.b64decode(request.fields.get("authorization", "").removeprefix("Basic ")).decode()
        public, _, secret = pair.partition(":")
        if public != "PUBLIC" or secret not in self.keys:
            told = "API key authentication/authorization failure. You may be unauthorized to access the API"
            return Answer.json(401, {"ErrorIdentifier": "x", "StatusCode": 401, "ErrorMessage": told})
        if request.target.startswith("/v3/REST/sender"):
            return Answer.json(200, {"Count": 1, "Data": [{"Email": "ada@contoso.example"}], "Total": 1})
        (mail,) = json.loads(request.body)["Messages"]
        forbidden = [
            name for name in mail.get("Headers", {}) if name.lower() in ("date", "message-id", "from", "list-id")
        ]
        if forbidden:
            return _mailjet_error(400, "send-0011", "Header cannot be customized", f'Headers["{forbidden[0]}"]')
        if mail["From"]["Email"] not in self.senders:
            told = f'"{mail["From"]["Email"]}" is not an authorized sender email address for your account.'
            return _mailjet_error(403, "send-0008", told, "From")
        people = {name: mail.get(name, []) for name in ("To", "Cc", "Bcc")}
        recipients = [each["Email"] for group in people.values() for each in group]
        wrong = next((each for each in recipients if each.endswith(".invalid")), "")
        if wrong:
            return _mailjet_error(400, "mj-0013", f'"{wrong}" is an invalid email address.', "To[0].Email")
        self.taken.append(Taken("mailjet", recipients, mail))
        told_of = {
            name: [{"Email": each["Email"], "MessageUUID": "u", "MessageID": 4000 + len(self.taken)} for each in group]
            for name, group in people.items()
        }
        return Answer.json(200, {"Messages": [{"Status": "success", "CustomID": "", **told_of}]})

    # Connections.

    def serve(self, line: ssl.SSLSocket, connection: int) -> None:
        """Answer the requests of one connection."""
        buffer = b""
        while True:
            while b"\r\n\r\n" not in buffer:
                more = line.recv(65536)
                if not more:
                    return
                buffer += more
            head, _, buffer = buffer.partition(b"\r\n\r\n")
            request = _parsed(head, connection)
            exchange = Exchange(self, line, request)
            if self.early:
                self.early.pop(0)(exchange)
                return
            length = int(request.fields.get("content-length", "0"))
            while len(buffer) < length:
                more = line.recv(65536)
                if not more:
                    return
                buffer += more
            request.body, buffer = buffer[:length], buffer[length:]
            with self.arrived:
                self.heard.append(request)
                self.arrived.notify_all()
            part = self.story.pop(0) if self.story else self.answer_to(request)
            said = part if isinstance(part, Answer) else part(exchange)
            if not isinstance(said, Answer):
                return
            line.sendall(said.octets)


def _parsed(head: bytes, connection: int) -> Heard:
    first, *lines = head.decode("ascii").split("\r\n")
    method, target, _ = first.split(" ")
    fields = dict(each.split(": ", 1) for each in lines)
    return Heard(method, target, {name.lower(): value for name, value in fields.items()}, b"", connection)


def _graph_error(status: int, code: str, message: str, number: str) -> Answer:
    inner = {"date": "2026-11-30T12:00:00", "request-id": number, "client-request-id": number}
    return Answer.json(status, {"error": {"code": code, "message": message, "innerError": inner}}, request_id=number)


def _mailjet_error(status: int, code: str, message: str, about: str) -> Answer:
    error = {"ErrorIdentifier": "f987008f", "ErrorCode": code, "StatusCode": status, "ErrorMessage": message}
    return Answer.json(status, {"Messages": [{"Status": "error", "Errors": [{**error, "ErrorRelatedTo": [about]}]}]})


@contextlib.contextmanager
def http_provider_server(authority: Authority) -> Iterator[HttpProviderServer]:
    """Run the server for as long as the block lasts."""
    state = HttpProviderServer()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.certificate, authority.key)
    context.num_tickets = 0  # so that a client can wait for what is said, and not for a ticket
    threads: list[threading.Thread] = []
    lines: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        state.place = f"localhost:{listening.getsockname()[1]}"

        def one(raw: socket.socket, number: int) -> None:
            with contextlib.suppress(OSError), context.wrap_socket(raw, server_side=True) as line:
                lines.append(line)
                state.serve(line, number)

        def accept() -> None:
            while True:
                try:
                    raw, _ = listening.accept()
                except OSError:
                    return
                if state.ends.is_set():
                    raw.close()
                    return
                state.connections += 1
                lines.append(raw)
                threads.append(threading.Thread(target=one, args=(raw, state.connections)))
                threads[-1].start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield state
        finally:
            state.ends.set()
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", int(state.place.rpartition(":")[2]))).close()
            accepting.join()
            for each in lines:
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(each, socket.SHUT_RDWR)
            for thread in threads:
                thread.join()
