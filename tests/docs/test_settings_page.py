"""The pages on settings name every place, and what they show is read as they say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from courriel.delivery.settings import locations
from courriel.delivery.settings.profile_tables import KEYS
from courriel.delivery.settings.profiles import resolve

ROOT = Path(__file__).parent.parent.parent
PAGES = ["docs/settings.md", "docs/settings.fr.md"]


@pytest.mark.parametrize("page", PAGES)
def test_the_file_that_is_shown_is_one(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COURRIEL_URL", "COURRIEL_CONFIG", "COURRIEL_TRUST"):
        monkeypatch.delenv(name, raising=False)
    (block,) = re.findall(r"```toml\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    file = tmp_path / "courriel.toml"
    file.write_text(block, encoding="utf-8")
    file.chmod(0o600)
    monkeypatch.setenv("COURRIEL_CONFIG", str(file))

    assert str(resolve("billing").server) == "smtp.orange.fr:465"
    assert locations.named_outbox() == (str(tmp_path / "outbox.db"), str(file))


@pytest.mark.parametrize("page", PAGES)
def test_every_place_and_every_consent_is_named(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    code = "".join(
        (ROOT / "src/courriel/delivery/settings" / name).read_text(encoding="utf-8")
        for name in ("locations.py", "profile.py", "profile_tables.py", "files.py", "profiles.py")
    )
    variables = set(re.findall(r"\bCOURRIEL_[A-Z_]+\b", code)) - {"COURRIEL_CAPTURE", "COURRIEL_OUTBOX"}

    assert {"COURRIEL_CONFIG", "COURRIEL_TRUST"} < variables
    for word in (*variables, *KEYS, "outbox", "/etc/courriel/courriel.toml", "trusted.json", "--config",
                 "courriel config trust", "courriel config untrust", "courriel config show"):  # fmt: skip
        assert word in text, word
