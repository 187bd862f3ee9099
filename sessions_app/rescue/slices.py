"""A session that the program cut into slices is put together again.

The automatic repair of 2026.5 copies the file to `<name>.jsonl.bak-<pid>-<ms>` before a message and lets it begin anew: the live file holds the last
exchange, each copy one before it, all under one session id. Where such copies follow each other in time they go on from each other, and
what the file is called now comes last.
"""

from __future__ import annotations

from collections import defaultdict

from sessions_app.rescue.ledger import Ledger
from sessions_app.rescue.names import FileKind, moment
from sessions_app.rescue.strands import Strand

# what a sliced session may end with, the nearest to what is shown first
_ENDS = [FileKind.TRANSCRIPT, FileKind.RESET, FileKind.DELETED, FileKind.IMPORTED, FileKind.BACKUP]


def slices_joined(ledger: Ledger, strands: list[Strand]) -> None:
    """Let slices of one session go on from each other, and note a finding for each session that has some."""
    groups: dict[tuple[str, str], list[Strand]] = defaultdict(list)
    for strand in strands:
        about = strand.about
        if strand.part == "main" and strand.lines and about.session_id and (_is_slice(strand) or about.kind in _ENDS):
            groups[about.agent, about.session_id].append(strand)
    for group in groups.values():
        if len(group) > 1 and any(_is_slice(each) for each in group):
            rest = sorted(group, key=_order)
            while rest:  # a copy of the whole, which a repair had made, must not stand in the way of the slices
                rest = _joined(ledger, rest)


def _order(strand: Strand) -> tuple[str, int, int]:
    about = strand.about
    return str(about.facts.get("firstAt")), -1 if _is_slice(strand) else _ENDS.index(about.kind), strand.number


def _is_slice(strand: Strand) -> bool:
    return strand.about.kind is FileKind.BACKUP and ".jsonl.bak-" in strand.about.path


def _joined(ledger: Ledger, group: list[Strand]) -> list[Strand]:
    """Join what goes on from the first of a group, and note that. Returns those that do not."""
    head, *others = group
    rest = []
    for strand in others:
        before = head.last
        if not (_is_slice(before) and _follows(strand, before)):
            rest.append(strand)
        else:
            strand.head, strand.before = head, before
            head.slices.append(strand)
            strand.turn = len(head.slices)
    if head.slices:
        about = head.last.about
        for each in [head, *head.slices]:  # one session is of one key: of that whose file is the last
            each.key = head.last.key
        detail = f"{len(head.slices) + 1} slices"
        ledger.finding("history-sliced", about.path, key=head.key, session_id=about.session_id, detail=detail)
    return rest


def _follows(strand: Strand, before: Strand) -> bool:
    """Whether a strand began after another had ended: a copy of the same lines began before."""
    ended, begun = moment(before.about.facts.get("lastAt")), moment(strand.about.facts.get("firstAt"))
    return ended is not None and begun is not None and ended <= begun
