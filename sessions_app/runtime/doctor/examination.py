"""One examination: every check, each on its own, so that what stops one is a finding and stops no other."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from django.conf import settings
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone

from sessions_app.runtime.bootstrap import DatabaseIsNewerError
from sessions_app.runtime.data_lock import is_served
from sessions_app.runtime.doctor import checks_database, checks_logs, checks_place, checks_pointers, checks_work
from sessions_app.runtime.doctor.checks_transcripts import transcripts
from sessions_app.runtime.doctor.findings import Finding, Severity, plan_id
from sessions_app.runtime.doctor.source import UNREADABLE, Source, json_of, opened, text_of
from sessions_app.selectors.wire import wire_time
from sessions_app.values import AuditType, Json

logger = logging.getLogger(__name__)

Check = Callable[[], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class Examination:
    """What one examination found.

    Attributes:
        findings: what is wrong.
        known: what is wrong, cannot be mended, and was written into the audit log by an earlier `--apply`.
        at: when it began, ISO 8601 UTC.
        seconds: how long it took.
        is_deep: whether digests and indexes were computed again.
    """

    findings: tuple[Finding, ...]
    known: tuple[Finding, ...]
    at: str
    seconds: float
    is_deep: bool

    @property
    def plan(self) -> str:
        """The id that `--apply` takes; "" when there is nothing to apply."""
        return plan_id(self.findings) if any(finding.repair for finding in self.findings) else ""

    def as_json(self) -> Json:
        """{ok, plan, findings, known, at, milliseconds, deep}."""
        return {
            "ok": not self.findings,
            "plan": self.plan or None,
            "findings": [finding.as_json() for finding in self.findings],
            "known": [finding.as_json() for finding in self.known],
            "at": self.at,
            "milliseconds": round(self.seconds * 1000),
            "deep": self.is_deep,
        }


def _nobody(_words: str) -> None:
    """Nobody wants to know."""


_last: Examination | None = None
_one_at_a_time = threading.Lock()


def examine(*, deep: bool = True, tell: Callable[[str], None] = _nobody) -> Examination:
    """Look at everything, change nothing. The result is kept for `last_examination`.

    Args:
        tell: told what is looked at next: `transcripts, 7 of 16`.
        deep: compute every digest again and compare indexes with tables; without it a large place takes seconds.

    Raises:
        FileNotFoundError: there is no database here.
        DatabaseIsNewerError: it was used by newer code; nothing else can be said of it.
    """
    global _last  # noqa: PLW0603 - one place, one last result
    with _one_at_a_time:
        began, at = time.monotonic(), wire_time(timezone.now()) or ""
        with opened() as source:
            _expect_our_tables(source)
            found = {finding.id: finding for finding in _all(source, deep=deep, tell=tell)}
            acknowledged = _acknowledged(source) if found else set()
        known = {key for key, finding in found.items() if key in acknowledged and _only_acknowledged(finding)}
        _last = Examination(
            findings=tuple(finding for key, finding in found.items() if key not in known),
            known=tuple(found[key] for key in found if key in known),
            at=at,
            seconds=time.monotonic() - began,
            is_deep=deep,
        )
        return _last


def last_examination() -> Examination | None:
    """The result of the last examination of this process; None when there was none yet."""
    return _last


def _all(source: Source, *, deep: bool, tell: Callable[[str], None]) -> Iterator[Finding]:
    tell("the file")
    yield from _guarded("disk", lambda: checks_place.disk(settings.DATA_DIR))
    yield from _guarded("rights", lambda: checks_place.rights(settings.DATA_DIR))
    broken = list(_guarded("integrity", lambda: checks_database.integrity(source, deep=deep)))
    yield from broken
    if any(finding.code == "index_broken" for finding in broken):
        return  # rows read by a broken index look as if they were missing
    if _is_older(source):
        words = (
            "This database was last used by an older version, so it cannot be examined yet. Start this version once."
        )
        yield Finding("migrations_pending", words, Severity.UNTIDY, {"table": "django_migrations"})
        return
    served = is_served(settings.DATA_DIR)
    checks: dict[str, Check] = {
        "guards": lambda: checks_database.guards(source),
        "references": lambda: checks_database.references(source),
        "values": lambda: checks_database.values(source),
        "pointers": lambda: checks_pointers.pointers(source),
        "archives": lambda: checks_pointers.archives(source),
        "counts": lambda: checks_pointers.counts(source),
        "transcripts": lambda: transcripts(source, deep=deep),
        "runs": lambda: checks_work.runs_without_owner(source, is_served=served),
        "spans": lambda: checks_work.spans_without_owner(source, is_served=served),
        "runs_in_archives": lambda: checks_work.runs_in_archives(source),
        "hooks": lambda: checks_work.hooks_dead(source),
        "audit": lambda: checks_logs.audit_chain(source),
        "events": lambda: checks_logs.events(source),
    }
    for number, (name, check) in enumerate(checks.items(), start=1):
        tell(f"{name.replace('_', ' ')}, {number} of {len(checks)}")
        yield from _guarded(name, check)


def _guarded(name: str, check: Check) -> Iterator[Finding]:
    """What a check finds; one that cannot go on is a finding itself."""
    try:
        yield from check()
    except Exception as error:  # noqa: BLE001 - a doctor that faints at the sight of damage helps nobody
        logger.warning("the check of %s could not go on: %s: %s", name, type(error).__name__, error)
        words = f"The check of {name.replace('_', ' ')} could not go on: {type(error).__name__}: {str(error)[:200]}"
        yield Finding("check_failed", words, Severity.BROKEN, {"check": name})


def _expect_our_tables(source: Source) -> None:
    """Refuse a database of other code.

    Raises:
        FileNotFoundError: it has no tables of ours.
        DatabaseIsNewerError: it has migrations we do not know.
    """
    try:
        if "sessions_app_conversation" not in source.names("table"):
            raise FileNotFoundError(settings.DATA_DIR)
        applied = [
            (text_of(app), text_of(name)) for app, name in source.rows("SELECT app, name FROM django_migrations")
        ]
    except UNREADABLE:
        return  # the check of integrity says more
    loader = MigrationLoader(None)
    assert loader.disk_migrations is not None
    known = loader.disk_migrations
    unknown = [f"{app}.{name}" for app, name in applied if app in loader.migrated_apps and (app, name) not in known]
    if unknown:
        raise DatabaseIsNewerError(unknown)


def _is_older(source: Source) -> bool:
    """Whether migrations of this code are missing in the database."""
    try:
        applied = {
            (text_of(app), text_of(name)) for app, name in source.rows("SELECT app, name FROM django_migrations")
        }
    except UNREADABLE:
        return False
    return any(leaf not in applied for leaf in MigrationLoader(None).graph.leaf_nodes("sessions_app"))


def _acknowledged(source: Source) -> set[str]:
    """Ids of findings that an earlier `--apply` has written into the audit log because nothing can be done about them."""
    try:
        rows = source.rows("SELECT data FROM sessions_app_auditevent WHERE type = ?", [str(AuditType.DOCTOR_APPLIED)])
    except UNREADABLE:
        return set()
    ids: set[str] = set()
    for (data,) in rows:
        try:
            ids.update(json_of(data).get("acknowledged", ()))
        except (ValueError, AttributeError, TypeError):
            continue  # that row is a finding of its own
    return ids


def _only_acknowledged(finding: Finding) -> bool:
    return finding.repair.get("do") == "acknowledge"
