"""A private Rspamd that verifies DKIM, with keys from a list in place of the name service."""

from __future__ import annotations

import contextlib
import json
import urllib.request
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any

from .daemon import Daemon, private_folder, start_somewhere
from .packages import need
from .ports import LOOPBACK, free_ports

RSPAMD = "/usr/bin/rspamd"

CONFIGURATION = """\
options {{
  pidfile = "{folder}/pid"; tempdir = "{folder}"; filters = "dkim"; url_tld = "{folder}/tlds";
  control_socket = "{folder}/control mode=0600"; disable_hyperscan = true;
  dns {{ timeout = 1s; retransmits = 1; nameserver = ["{host}:{port}"]; fake_records = {records}; }}
}}
lang_detection {{ languages = "{folder}/languages"; }}
logging {{ type = "file"; filename = "{folder}/log"; level = "warning"; }}
worker "normal" {{ bind_socket = "{host}:{port}"; count = 1; }}
dkim {{ dkim_cache_size = 2k; check_local = true; check_authed = true; }}
metric {{ name = "default"; actions {{ reject = 100; }} }}
"""


@dataclass(frozen=True, slots=True)
class Rspamd:
    """A running Rspamd."""

    port: int

    def symbols(self, mail: bytes) -> dict[str, list[str]]:
        """What it finds in a mail, by name, with its options: R_DKIM_ALLOW, ["example.org:s=s1"]."""
        asked = urllib.request.Request(f"http://{LOOPBACK}:{self.port}/checkv2", mail, {"IP": "192.0.2.1"})
        with urllib.request.urlopen(asked, timeout=30) as answer:
            found: dict[str, Any] = json.load(answer)
        return {name: symbol.get("options", []) for name, symbol in found["symbols"].items()}


@contextlib.contextmanager
def rspamd(records: Mapping[str, str]) -> Generator[Rspamd]:
    """A running Rspamd that knows these records."""
    need(RSPAMD)

    def start() -> tuple[Daemon, int]:
        (port,) = free_ports(1)
        folder = private_folder("rspamd")
        (folder / "tlds").write_text("org\nexample\n", "ascii")
        (folder / "languages").mkdir()
        known = [{"name": name, "type": "txt", "replies": [text]} for name, text in records.items()]
        configuration = folder / "rspamd.conf"
        configuration.write_text(
            CONFIGURATION.format(folder=folder, host=LOOPBACK, port=port, records=json.dumps(known)), "ascii"
        )
        command = [RSPAMD, "-c", str(configuration), "-f", "-i"]
        return Daemon(command, folder=folder, log=folder / "log", ports=[port], patience=60), port

    started, port = start_somewhere(start)
    with started:
        yield Rspamd(port)
