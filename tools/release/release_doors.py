"""What shows that an extra is enough for what it promises: a few lines for each, which a plain installation cannot run.

Nothing here leaves the process: no name is looked up, and no server is asked.
"""

from __future__ import annotations

# A mail without any extra, by the transport that keeps it in memory.
PLAIN = """
import courriel
from courriel.delivery.local import letters
receipt = courriel.send(sender="ada@example.org", to="bob@example.org", subject="Hello", text="Hello", via="memory:")
assert [str(address) for address in receipt.accepted] == ["bob@example.org"], receipt
assert b"Subject: Hello" in letters[-1].content
"""

DOORS = {
    "bounces": """
import flufl.bounce
import courriel.wire.parse.reports.flufl
""",
    "bundled": """
from courriel.network.tls import ca_store
assert ca_store.certificates_at(ca_store.bundle())
""",
    "calendar": """
from courriel.wire.calendar.library import icalendar_library
icalendar_library()
""",
    "cli": """
from courriel.cli import program
assert program.run(["explain", "--help"]) == 0
""",
    "cryptography": """
from courriel import UsageError, MissingExtra
from courriel.delivery.oauth.assertions import Certificate
try:
    Certificate(b"none", b"none").assertion("client", "https://login.example.org", 0.0)
except MissingExtra:
    raise
except UsageError:
    pass    # asked for after the extra was there
""",
    "django": """
from django.conf import settings
settings.configure()
import courriel.integrations.django.backend
""",
    "dns": """
import dns.resolver
import courriel.network.mx
""",
    "doctor": """
from courriel.cli import program
assert program.run(["doctor", "--help"]) == 0
import cryptography.x509, dns.resolver
""",
    "flask": """
from courriel.integrations.flask import Mail
""",
    "html": """
from courriel import RichTemplate
template = RichTemplate(sender="ada@example.org", to="{{ to }}", subject="{{ a }}", inline_css=True,
                        html="<style>p{color:red}</style><p>{{ a }}")
assert b'style="color' in template.fill(to="bob@example.org", a="1").as_bytes()
""",
    "keyring": """
import keyring
from courriel.delivery import secrets
assert secrets.keyring_is_there()
""",
    "otel": """
import courriel.integrations.otel
""",
    "postgres": """
import courriel.outbox.store.postgres.connection
""",
    "prometheus": """
import courriel.integrations.prometheus
""",
    "sandbox": """
import courriel
with courriel.Sandbox() as sandbox:
    courriel.send(sender="ada@example.org", to="bob@example.org", subject="Hello", text="Hello", via=sandbox.tls_url)
    assert sandbox.wait_for(to="bob@example.org")
import courriel.sandbox.web.server
""",
    "sign": """
from courriel.wire.dkim.keys import SigningKey
key, _ = SigningKey.new("ed25519")
assert key.algorithm.startswith("ed25519")
""",
    "speed": """
import pybase64
from courriel.wire.mime import transfer
assert transfer.fastest_base64() is pybase64.b64encode
""",
    "starlette": """
import courriel.integrations.starlette
""",
    "web": """
import courriel.sandbox.web.app
import courriel.sandbox.web.server
import uvicorn
""",
    "wlangage": """
from courriel.wlangage.language.syntax.program import read_program
read_program('Trace("envoyé")')
from courriel.cli import program
assert program.run(["wlangage", "--help"]) == 0
""",
}
"""By extra; each fails in an installation without extras. `imap` brings nothing any more, and has none."""
