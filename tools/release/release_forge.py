"""Files for the forge, judged by others without network: by their schemas, and workflows by zizmor as well."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_BIN = Path(sys.executable).parent


def forge_findings(root: Path) -> dict[str, list[str]]:
    """What the judges say, by the name of the judge."""
    forge = root / ".github"
    workflows = sorted(map(str, forge.glob("workflows/*.yml")))
    forms = sorted(map(str, forge.glob("ISSUE_TEMPLATE/[0-9]*.yml")))
    return {
        "workflows, by schema": _asked("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *workflows),
        "issue forms, by schema": _asked("check-jsonschema", "--builtin-schema", "vendor.github-issue-forms", *forms),
        "workflows, by zizmor": _asked("zizmor", "--offline", "--no-progress", "--color=never", "--quiet", *workflows),
    }


# The steps.


def _asked(judge: str, *arguments: str) -> list[str]:
    ended = subprocess.run([str(_BIN / judge), *arguments], capture_output=True, text=True, check=False)
    return [] if ended.returncode == 0 else [*(ended.stdout + ended.stderr).strip().splitlines()] or [f"{judge} failed"]
