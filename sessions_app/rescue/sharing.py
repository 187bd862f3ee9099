"""Content that several transcripts share is stored once: a trie of strands over the digests of their lines.

A strand that begins like another is walked along it as far as they agree; what remains begins a strand of its own at that position. So
a checkpoint's snapshot ends inside the transcript it was taken from, and a fork begins where it left its source.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from sessions_app.rescue.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Position:
    """Behind the line `index` of an owner; index 0 is its beginning."""

    owner: int
    index: int


@dataclass(slots=True)
class Owner:
    """A strand whose lines are stored, from `start` on: `lines` of them, after `skip` that others own."""

    strand: int
    start: Position | None
    skip: int
    lines: int
    first: bytes = b""


@dataclass(frozen=True, slots=True)
class Piece:
    """Lines `begin` + 1 to `begin` + `lines` of a strand are lines `index` + 1 … of an owner."""

    begin: int
    lines: int
    owner: int
    index: int


@dataclass
class Sharing:
    """The trie. Memory grows with strands, not with lines."""

    ledger: Ledger
    owners: dict[int, Owner] = field(default_factory=dict)
    pieces: dict[int, list[Piece]] = field(default_factory=dict)
    _joins: dict[bytes, Position] = field(default_factory=dict)
    _children: dict[Position | None, dict[bytes, int]] = field(default_factory=lambda: defaultdict(dict))

    def digests(self, strand: int, skip: int = 0) -> Iterator[bytes]:
        """The digests of a strand's lines, in order. Its own cursor, so that two may be walked side by side."""
        file = self.ledger.one("SELECT file FROM strand WHERE id = ?", strand)
        sql = "SELECT digest FROM line WHERE file = ? AND strand = ? ORDER BY no LIMIT -1 OFFSET ?"
        for (digest,) in self.ledger.db.execute(sql, (file, strand, skip)):
            yield digest

    def place(self, strand: int, lines: int, start: Position | None) -> Position | None:
        """Walk a strand along what is there.

        Args:
            strand: whose lines.
            lines: how many.
            start: where it begins; None at a root.

        Returns:
            Where its last shared line lies; None when nothing is shared. `pieces` says how its lines map; lines after the last
            piece are new and have no owner until `own` is called.
        """
        mine, done = self.digests(strand), 0
        pieces: list[Piece] = []
        digest = next(mine, None)
        at = start if start is not None or digest is None or digest in self._children[None] else self._joins.get(digest)
        while digest is not None:
            owner, index = self._next(at, digest)
            if owner is None:
                break
            begin, first, theirs = done, index, self.digests(owner.strand, owner.skip + index)
            for other in theirs:
                if digest is None or other != digest or index >= owner.lines:
                    break
                index, done, digest = index + 1, done + 1, next(mine, None)
            pieces.append(Piece(begin, done - begin, owner.strand, first))
            at = Position(owner.strand, index)
        self.pieces[strand] = pieces
        return at

    def join(self, strand: int, start: Position) -> None:
        """Remember where a slice begins: what begins like it, as its forks and snapshots do, begins there too."""
        for digest in self.digests(strand):
            self._joins.setdefault(digest, start)
            break

    def is_begun(self, strand: int) -> bool:
        """Whether some owner begins, at a root, with the first line of a strand."""
        return next(self.digests(strand), None) in self._children[None]

    def _next(self, at: Position | None, digest: bytes) -> tuple[Owner | None, int]:
        """The owner that goes on with a line at a position, and how many of its lines lie before."""
        child = self._children.get(at, {}).get(digest)
        if child is not None:
            return self.owners[child], 0
        if at is not None:
            owner = self.owners[at.owner]
            ahead = next(self.digests(owner.strand, owner.skip + at.index), None) if at.index < owner.lines else None
            if ahead == digest:
                return owner, at.index
        return None, 0

    def own(self, strand: int, lines: int, start: Position | None) -> Owner:
        """Make the lines of a strand that nobody shares its own."""
        shared = sum(piece.lines for piece in self.pieces.get(strand, ()))
        owner = Owner(strand, start, shared, lines - shared)
        self.owners[strand] = owner
        if owner.lines:
            owner.first = next(self.digests(strand, shared))
            self._children[start][owner.first] = strand
            self.pieces.setdefault(strand, []).append(Piece(shared, owner.lines, strand, 0))
        return owner

    def position(self, strand: int, index: int) -> Position | None:
        """Where the line number `index` of a placed strand lies; None when it is not stored."""
        for piece in self.pieces.get(strand, ()):
            if piece.begin < index <= piece.begin + piece.lines:
                return Position(piece.owner, piece.index + index - piece.begin)
        return None

    def unshared(self, strand: int) -> int:
        """How many lines of a strand lie in no owner, wherever. Builds an index over all lines when first asked."""
        self.ledger.db.execute("CREATE INDEX IF NOT EXISTS line_by_digest ON line(digest)")
        self.ledger.db.execute("CREATE TEMP TABLE IF NOT EXISTS owned(strand INTEGER PRIMARY KEY)")
        self.ledger.db.executemany("INSERT OR IGNORE INTO owned VALUES (?)", [(number,) for number in self.owners])
        file = self.ledger.one("SELECT file FROM strand WHERE id = ?", strand)
        sql = """SELECT count(*) FROM line l WHERE l.file = ? AND l.strand = ? AND NOT EXISTS (
            SELECT 1 FROM line o JOIN owned ON owned.strand = o.strand WHERE o.digest = l.digest AND o.strand <> l.strand)"""
        return int(self.ledger.one(sql, file, strand))
