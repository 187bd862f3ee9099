"""Which transcript each row of the index shows, and what is wrong between rows and files."""

from __future__ import annotations

from collections import defaultdict

from sessions_app.rescue.index import Row, leaves_directory, short_id
from sessions_app.rescue.locks import lock_is_live
from sessions_app.rescue.names import TRANSCRIPTS, FileKind, milliseconds, moment
from sessions_app.rescue.scan import Store
from sessions_app.rescue.transcripts import Transcript


def currents_marked(store: Store, found: list[Transcript]) -> None:
    """Mark the transcript each primary row shows, and note findings about rows."""
    transcripts = _Transcripts([e for e in found if e.kind in TRANSCRIPTS and e.part in ("", *_parts(e))])
    taken, twice = dict[int, str](), set[int]()
    newest = _newest_rows(store, transcripts)
    for row in sorted((row for row in store.rows if row.is_primary), key=lambda row: (":run:" in row.key, row.key)):
        file = transcripts.shown_by(row)
        about = {"key": row.key, "session_id": short_id(row)}
        if file is None:
            _without_file(store, row, transcripts)
        elif newest[row.agent, row.key] is not row:
            twice.add(file.file)
            store.ledger.finding("row-twice", file.path, **about)
        elif file.file in taken:
            store.ledger.finding("shared-transcript", file.path, detail=f"with {taken[file.file]}", **about)
        else:
            taken[file.file] = row.key
            file.is_current, file.key, file.key_by = True, row.key, "row"
            if file.session_id and file.session_id != short_id(row):
                store.ledger.finding("row-header-differs", file.path, **about)
        _row_findings(store, row)
    _file_findings(store, found, twice)


def _parts(each: Transcript) -> tuple[str, ...]:
    return (each.part,) if each.part.startswith("transcript_events/") else ()


def _newest_rows(store: Store, transcripts: _Transcripts) -> dict[tuple[str, str], Row]:
    """Of each key the row that counts: of those that show something, the newest. A half migrated directory has two."""
    rows = [row for row in store.rows if row.is_primary]
    rows.sort(
        key=lambda row: (
            transcripts.shown_by(row) is not None,
            milliseconds(row.entry.get("updatedAt")),
            row.is_of_database,
        )
    )
    return {(row.agent, row.key): row for row in rows}


class _Transcripts:
    """The transcripts of a store by what rows know of them."""

    def __init__(self, found: list[Transcript]) -> None:
        self.keys = {(each.agent, each.key) for each in found}
        self._by_base: dict[tuple[str, str], Transcript] = {}
        self._by_part: dict[tuple[str, str], Transcript] = {}
        self._by_session: dict[tuple[str, str], list[Transcript]] = defaultdict(list)
        for each in found:
            if each.kind is FileKind.TRANSCRIPT:
                where = self._by_part if each.part else self._by_base
                where.setdefault((each.agent, each.session_id if each.part else each.base), each)
            if each.kind is not FileKind.CHECKPOINT:
                self._by_session[each.agent, each.session_id].append(each)

    def shown_by(self, row: Row) -> Transcript | None:
        """The live file a row names; else the newest file that holds the row's own session, whatever it was renamed to."""
        named, session = (row.agent, row.base), (row.agent, short_id(row))
        live = self._by_part.get(session) if row.is_of_database else None
        live = live or self._by_base.get(named) or self._by_part.get(session)
        if live is not None and live.facts.get("entries"):
            return live
        same = [each for each in self._by_session.get(session, []) if each.facts.get("entries")]
        # a repair that was killed leaves the live file empty; one that has nothing but a header is a new session
        return max(same, key=lambda each: _nearness(each, row), default=live)


def _nearness(each: Transcript, row: Row) -> tuple[bool, bool, str, str]:
    """How near a file that holds a row's session is to the one the row names: live, of its name, the newest, put aside last."""
    aside = each.stamp.isoformat() if each.stamp else ""
    return each.kind is FileKind.TRANSCRIPT, each.base == row.base, str(each.facts.get("lastAt")), aside


def _without_file(store: Store, row: Row, transcripts: _Transcripts) -> None:
    archived = (row.agent, row.key) in transcripts.keys
    begun = row.entry.get("systemSent") or row.entry.get("totalTokens")
    code = "row-without-file" if archived or begun else "row-before-transcript"
    store.ledger.finding(code, key=row.key, session_id=short_id(row))


def _row_findings(store: Store, row: Row) -> None:
    file, about = row.entry.get("sessionFile"), {"key": row.key, "session_id": short_id(row)}
    if isinstance(file, str) and file:
        if leaves_directory(file):
            store.ledger.finding("path-leaves-directory", **about)
        elif not file.startswith(str(store.root)):
            store.ledger.finding("path-moved", **about)
    if row.entry.get("status") == "running":
        store.ledger.finding("running-without-process", **about)


def _file_findings(store: Store, found: list[Transcript], twice: set[int]) -> None:
    by_base: dict[tuple[str, str], set[str]] = defaultdict(set)
    eras, named = set(), {(row.agent, row.base) for row in store.rows if row.is_primary}
    for each in found:
        if each.kind not in TRANSCRIPTS:
            continue
        is_live = each.kind is FileKind.TRANSCRIPT and not each.part
        eras.add("sqlite" if each.part.startswith("transcript_events/") else "files" if is_live else "")
        if each.facts.get("hasHeader"):
            by_base[each.agent, each.base].add(each.session_id)
        if is_live and each.facts.get("hasHeader") and each.session_id not in each.base.lower():
            store.ledger.finding("name-differs", each.path, session_id=each.session_id)
        # that a row has an empty file is told elsewhere
        is_named = not each.facts.get("entries") and (each.agent, each.base) in named
        if is_live and not each.is_current and not is_named and each.file not in twice:
            code = "left-behind" if each.key_by == "checkpoint" else "file-without-row"
            store.ledger.finding(code, each.path, key=each.key, session_id=each.session_id)
        if each.is_current and each.kind is not FileKind.TRANSCRIPT:
            store.ledger.finding("row-has-archive", each.path, key=each.key, session_id=each.session_id)
    for (_, base), ids in sorted(by_base.items()):
        if len(ids) > 1:
            store.ledger.finding("one-name-two-sessions", detail=f"{base}: {', '.join(sorted(ids))}")
    if {"sqlite", "files"} <= eras:
        store.ledger.finding("half-migrated")
    _newer_archives(store, found)
    _lone_files(store)


def _newer_archives(store: Store, found: list[Transcript]) -> None:
    live = {each.key: each for each in found if each.is_current}
    for each in found:
        current = live.get(each.key)
        if each.kind not in (FileKind.RESET, FileKind.DELETED, FileKind.BACKUP) or current is None or each is current:
            continue
        mine, its = moment(each.facts.get("lastAt")), moment(current.facts.get("lastAt"))
        if mine and its and mine > its:
            store.ledger.finding("archive-newer", each.path, key=each.key, session_id=each.session_id)


def _lone_files(store: Store) -> None:
    sql = "SELECT path, kind, place, modified FROM file WHERE kind IN (?, ?) ORDER BY id"
    for path, kind, place, modified in list(store.ledger.rows(sql, str(FileKind.LOCK), str(FileKind.TEMP))):
        if kind == FileKind.TEMP:
            store.ledger.finding("leftover-temp", path)
        else:
            store.ledger.finding("live-lock" if lock_is_live(place, modified) else "stale-lock", path)
