"""What the doctor says: findings with what would be done about each, and the plan that all of them make."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from sessions_app.canonical import digest
from sessions_app.values import Json


class Severity(StrEnum):
    """How much a finding matters."""

    LOSS = "loss"  # something that was stored cannot be read
    BROKEN = "broken"  # something does not work, or soon will not
    UNTIDY = "untidy"  # nothing is lost and all works


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        code: stable name of the kind of finding.
        words: what is wrong, in plain words.
        severity: how much it matters.
        where: sessionKey, sessionId, seq, table, file and the like; part of the id.
        plan: what `--apply` would do, in plain words; "" when only a person can do something.
        repair: the same for `services/repairs.py`; part of the id.
    """

    code: str
    words: str
    severity: Severity
    where: Json = field(default_factory=dict)
    plan: str = ""
    repair: Json = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The same as long as the same is wrong at the same place."""
        return digest([self.code, self.where, self.repair])[:12]

    def as_json(self) -> Json:
        """{id, code, severity, words, where, plan}."""
        return {
            "id": self.id,
            "code": self.code,
            "severity": str(self.severity),
            "words": self.words,
            "where": self.where,
            "plan": self.plan,
        }


def plan_id(findings: Iterable[Finding]) -> str:
    """Names exactly these findings: `--apply` takes it, and refuses when they are others by then."""
    return digest(sorted(finding.id for finding in findings))[:12]
