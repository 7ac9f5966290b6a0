"""
Make the pictures of docs/login.md again: what a browser shows at the end of `courriel login`, in both languages.

    .venv/bin/python tools/login_screenshots.py [FOLDER]

The login is a real one, at the authorization server of the tests, and the browser is Debian's Chromium without a
window. The folder is docs/images, if none is given.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

# mypy looks at the package and the tools, and not at the tests.
from servers.authority import Authority  # type: ignore[import-not-found,unused-ignore]
from servers.oauth import OAuthServer, oauth_server  # type: ignore[import-not-found,unused-ignore]

ROOT = Path(__file__).parent.parent
CHROMIUM = "/usr/bin/chromium"
LARGEST = 60_000  # bytes
SIZE = "760,480"
OPTIONS = (
    "--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --ignore-certificate-errors --hide-scrollbars "
    f"--force-color-profile=srgb --window-size={SIZE}"
)


def main(arguments: list[str]) -> int:
    folder = Path(arguments[0]) if arguments else ROOT / "docs" / "images"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        authority = Authority.in_folder(Path(place))
        with oauth_server(authority) as oauth:
            for language in ("en", "fr"):
                for consents, ending in ((True, "succeeded"), (False, "refused")):
                    oauth.consents = consents
                    picture = folder / f"login-{ending}{'' if language == 'en' else '.fr'}.png"
                    log_in(oauth, authority, Path(place), language, picture)
                    assert picture.stat().st_size < LARGEST, f"{picture}: {picture.stat().st_size} bytes"
                    print(picture, picture.stat().st_size)
    return 0


def log_in(oauth: OAuthServer, authority: Authority, place: Path, language: str, picture: Path) -> None:
    """Log in by the command; its browser takes the picture of the page on which it ends."""
    picture.unlink(missing_ok=True)
    browser = place / "browser"
    done = place / "done"
    done.unlink(missing_ok=True)
    # A browser returns at once, and loads the page meanwhile.
    browser.write_text(
        f"#!/bin/sh\n({CHROMIUM} {OPTIONS} --lang={language} --user-data-dir={place}/profile --screenshot={picture} "
        f'"$1" >/dev/null 2>&1; : > {done}) &\n'
    )
    browser.chmod(0o755)
    ran = subprocess.run(
        [sys.executable, "-m", "courriel", "login", "microsoft", "ada@firm.example", "--client-id", oauth.client_id,
         "--authority", oauth.url, "--no-try", "--lang", language],
        capture_output=True, text=True, timeout=100, check=False, cwd=place,
        env=os.environ | {
            "BROWSER": f"{browser} %s", "HOME": str(place), "XDG_STATE_HOME": str(place / "state"),
            "SSL_CERT_FILE": str(authority.ca_file), "COURRIEL_KEYRING": "0",
        },
    )  # fmt: skip
    assert ran.returncode in (0, 77), ran.stderr
    wait_for(done)


def wait_for(file: Path, seconds: float = 60) -> None:
    """Wait until the browser has ended."""
    import time

    ends = time.monotonic() + seconds
    while not file.exists():
        assert time.monotonic() < ends, "the browser did not end"
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
