"""
The default outbox location; all programs of one user that configure nothing share it.

1. COURRIEL_OUTBOX, or the file that COURRIEL_OUTBOX_FILE names: a path, or a postgresql:// URL 2. `outbox = "…"` in
courriel.toml or [tool.courriel], here or in a folder above; then in the user's courriel.toml 3. a file in the user's
data folder, by the conventions of the platform
"""

from __future__ import annotations

from courriel._dataclass import dataclass
from courriel.delivery.settings.locations import named_outbox
from courriel.delivery.settings.profiles import own_variable
from courriel.delivery.state_folder import own_folder


@dataclass(frozen=True, slots=True)
class DefaultLocation:
    """A path or URL of an outbox, and the setting that it comes from."""

    place: str
    source: str


def default_location(*, create: bool = True) -> DefaultLocation:
    """Find the default outbox; with `create` the user's data folder is created when missing.

    Raises UsageError for an invalid setting, OSError.
    """
    by_environment = own_variable("COURRIEL_OUTBOX")
    if by_environment is not None:
        return DefaultLocation(*by_environment)
    by_file = named_outbox()
    if by_file is not None:
        return DefaultLocation(*by_file)
    folder = own_folder()
    if create:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return DefaultLocation(str(folder / "outbox.db"), "default")
