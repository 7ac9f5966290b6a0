"""
Examination of the way mail takes: the server with each step of a session, and the records of the sender's domain.

    from courriel import doctor

    examination = doctor.examine("smtp+starttls://ada@smtp.example.org?password=env:MAIL", sender="ada@example.org")
    print(examination.verdict.en)
    for step in examination.steps:
        print(step.name, step.status, step.finding.en)

`examine` sends no mail unless it is given `send_to`; `probe` looks at a server without a login.
"""

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING:
    from courriel.doctor.examination import Examination as Examination
    from courriel.doctor.examining import examine as examine
    from courriel.doctor.probing import probe as probe
    from courriel.doctor.step import Step as Step

_HOMES = {"Examination": "examination", "Step": "step", "examine": "examining", "probe": "probing"}

__all__ = ["Examination", "Step", "examine", "probe"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'courriel.doctor' has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(f"courriel.doctor.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
