"""Which transcript somebody means, and which key it belongs to."""

from __future__ import annotations

from pathlib import Path

from sessions_app.rescue.names import TRANSCRIPTS, FileKind
from sessions_app.rescue.places import printable
from sessions_app.rescue.repair.desk import name_of
from sessions_app.rescue.repair.wish import RepairWish
from sessions_app.rescue.transcripts import Transcript

_SHORT_ID_CHARS = 8
_RANK = [
    FileKind.TRANSCRIPT,
    FileKind.RESET,
    FileKind.DELETED,
    FileKind.BACKUP,
    FileKind.CHECKPOINT,
    FileKind.COLD,
    FileKind.IMPORTED,
]


class RefusedError(Exception):
    """It cannot be planned: a stable code, and words."""

    def __init__(self, code: str, words: str) -> None:
        self.code, self.words = code, words
        super().__init__(words)


def transcript_meant(root: Path, transcripts: list[Transcript], wish: RepairWish) -> Transcript:
    """The transcript a file name, a path or a session id means; of several with one session the fullest.

    Raises:
        RefusedError: there is none, several are meant, or it cannot be restored.
    """
    meant = wish.restore.strip()
    found = _by_path(root, transcripts, meant) or _by_session(transcripts, meant)
    if not found:
        words = f"There is no transcript {printable(meant)} here, and no session of that id. Links are not followed."
        raise RefusedError("not-found", words)
    if len({(each.agent, each.session_id) for each in found}) > 1:
        some = ", ".join(sorted(each.path for each in found)[:5])
        raise RefusedError("ambiguous", f"{printable(meant)} means several transcripts: {some}. Give the path of one.")
    each = max(found, key=_fullness)
    if not each.facts.get("entries"):
        raise RefusedError("empty", f"{each.path} holds no line that can be read. There is nothing to restore.")
    if each.kind not in TRANSCRIPTS:
        raise RefusedError("no-transcript", f"{each.path} is a trace and no transcript. Adopt brings back its turns.")
    if name_of(each).endswith(".zst"):
        raise RefusedError("compressed", f"{each.path} is compressed. Unpack it beside itself first: zstd -d --keep.")
    return each


def _by_path(root: Path, transcripts: list[Transcript], meant: str) -> list[Transcript]:
    path = meant
    if meant.startswith(("/", "~")):
        try:
            path = str(Path(meant).expanduser().relative_to(root))
        except (ValueError, RuntimeError):
            return []
    path = path.removeprefix("./")
    exact = [each for each in transcripts if each.path == path]
    return exact or [each for each in transcripts if name_of(each) == path]


def _by_session(transcripts: list[Transcript], meant: str) -> list[Transcript]:
    wanted = meant.lower()
    whole = [each for each in transcripts if each.session_id.lower() == wanted and each.kind in TRANSCRIPTS]
    if whole or len(wanted) < _SHORT_ID_CHARS:
        return whole
    return [each for each in transcripts if each.session_id.lower().startswith(wanted) and each.kind in TRANSCRIPTS]


def _fullness(each: Transcript) -> tuple[bool, int, int, str]:
    """The most lines count, then how whole a file of that kind is, then the newest."""
    rank = _RANK.index(each.kind) if each.kind in _RANK else len(_RANK)
    packed = name_of(each).endswith(".zst")
    return (not packed, int(each.facts.get("entries", 0)), -rank, str(each.facts.get("lastAt")))


def newest_archive(transcripts: list[Transcript], key: str, session_id: str, base: str) -> Transcript | None:
    """What a row without its transcript should show: the newest file of its own session, else of its key, else of its name."""
    usable = [
        each
        for each in transcripts
        if each.kind in TRANSCRIPTS and each.facts.get("entries") and not name_of(each).endswith(".zst")
    ]
    own = [each for each in usable if each.session_id == session_id]
    same_key = [each for each in usable if each.key == key and not each.is_current]
    same_name = [each for each in usable if each.base == base]
    for found in (own, same_key, same_name):
        if found:
            return max(found, key=lambda each: (str(each.facts.get("lastAt")), _fullness(each)))
    return None
