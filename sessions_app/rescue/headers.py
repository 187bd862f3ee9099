"""Headers of files that open no session here: one that differs from those of all that do is kept with its file, so that no line is lost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sessions_app.rescue.ledger import Ledger
from sessions_app.rescue.reading import line_digest
from sessions_app.rescue.strands import Fate, Strand


@dataclass(frozen=True, slots=True)
class Headers:
    """Digests of headers that are stored: with a strand, or with a file that opened no session."""

    of_strands: frozenset[bytes] = frozenset()
    of_files: frozenset[bytes] = frozenset()


def headers_apart(ledger: Ledger, strands: Iterable[Strand], stored: Headers) -> tuple[dict[int, bytes], set[bytes]]:
    """The headers that are kept with their files, once each.

    Returns:
        Them by file, and the digests of those that are stored already.
    """
    there, apart = set(stored.of_strands), list[tuple[int, bytes, bytes]]()
    for strand in strands:
        if strand.part != "main" or not strand.about.facts.get("hasHeader"):
            continue
        header = ledger.one("SELECT header FROM file WHERE id = ?", strand.about.file)
        digest = line_digest(header)
        if strand.fate in (Fate.NEW, Fate.TRACE):
            there.add(digest)
        else:
            apart.append((strand.about.file, header, digest))
    kept, known = dict[int, bytes](), set[bytes]()
    for file, header, digest in apart:
        if digest not in there:
            there.add(digest)
            kept[file] = header
            known |= {digest} & stored.of_files
    return kept, known
