"""Where a sink is, as courriel is told."""

from __future__ import annotations

from courriel import Security, Server, Timeouts, Trust

from .player import Job


def server(job: Job) -> Server:
    if "security" not in job.options:
        binary = job.options.get("binary") == "1"
        return Server("127.0.0.1", job.port, Security.NONE, timeouts=Timeouts(total=None), binary=binary)
    security = Security.TLS if job.options["security"] == "tls" else Security.STARTTLS
    return Server("127.0.0.1", job.port, security, trust=Trust.file(job.options["ca"]))
