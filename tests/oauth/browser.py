"""A browser without a window: opens the address that it is given, and follows redirects to the end."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

if __name__ == "__main__":
    if "--child" in sys.argv:
        try:
            with urllib.request.urlopen(sys.argv[1], timeout=20) as page:
                shown = page.read().decode()
        except urllib.error.HTTPError as refused:
            with refused:
                shown = refused.read().decode()
        Path(os.environ["BROWSER_SHOWN"]).write_text(shown, encoding="utf-8")
    else:
        # A browser returns at once, and loads the page meanwhile.
        subprocess.Popen([sys.executable, __file__, sys.argv[1], "--child"])
