"""
The shop in one command: `python examples/django-shop/run.py`.

It starts the practice server, makes the database, runs the worker beside the site, and says where both are. With
`--once` it places an order and one that fails, shows what arrived, and ends: so the tests run it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from courriel import Sandbox

HERE = Path(__file__).resolve().parent
MANAGE = [sys.executable, str(HERE / "manage.py")]


def main() -> None:
    """Run the shop, or its demonstration."""
    once = "--once" in sys.argv
    with tempfile.TemporaryDirectory() as folder, Sandbox() as sandbox:
        database = str(Path(folder if once else HERE) / "shop.sqlite3")
        environment = {**os.environ, "SHOP_DATABASE": database, "COURRIEL_SHOP_URL": sandbox.url}
        subprocess.run([*MANAGE, "migrate", "-v0"], env=environment, check=True)
        if once:
            subprocess.run([*MANAGE, "demonstrate"], env=environment, check=True)
            for letter in sandbox.letters:
                print(f"arrived: {letter.subject} for {', '.join(letter.recipients)}")
            return
        subprocess.run([*MANAGE, "owner"], env=environment, check=True)
        print(
            f"The shop: http://127.0.0.1:8000/ · its mails: /admin/ (owner, owner) · the practice server: {sandbox.url}"
        )
        worker = subprocess.Popen([*MANAGE, "courriel_worker"], env=environment)
        try:
            subprocess.run([*MANAGE, "runserver", "--noreload"], env=environment, check=False)
        except KeyboardInterrupt:
            pass
        finally:
            worker.terminate()
            worker.wait()


if __name__ == "__main__":
    main()
