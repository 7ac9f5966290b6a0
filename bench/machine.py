"""What the figures were measured on."""

from __future__ import annotations

import datetime
import os
import platform
import ssl
import subprocess
from pathlib import Path

from .processes import ROOT, sink_command


def describe(core: int | None) -> dict[str, str]:
    """By name, what one has to know to compare these figures with others."""
    return {
        "When": f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC",
        "Commit": _commit(),
        "Processor": f"{_processor()}, {os.cpu_count()} cores",
        "Pinned": f"client and sink together on core {core}" if core is not None else "no: this system cannot",
        "Load when it began": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "System": f"{platform.system()} {platform.release()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "OpenSSL": ssl.OPENSSL_VERSION,
        "base64": "binascii, but where a row says pybase64 (extra `speed`)",
        "Own sink": "C (sink.c)" if len(sink_command()) == 1 else "Python (slow_sink.py): there is no C compiler",
    }


def _commit() -> str:
    shown = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return shown.stdout.strip() or "unknown"


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
