"""Whether a file that is only called `.jsonl` holds a conversation: workspaces and logs have such files too."""

from __future__ import annotations

import io

from sessions_app.rescue.lines import BrokenStreamError, Readable, Unpacked, parsed
from sessions_app.rescue.places import opened

_HEAD_BYTES = 256 << 10
_LINES = 50
_TYPES = frozenset(
    {"message", "compaction", "branch_summary", "custom_message", "model_change", "thinking_level_change"}
)


def looks_like_transcript(place: str | bytes, *, is_zstd: bool = False) -> bool:
    """Whether a header of a session, or an entry of one, stands near the beginning of a file.

    Raises:
        OSError: it cannot be read.
    """
    with opened(place) as stream:
        source: Readable = Unpacked(stream) if is_zstd else stream
        try:
            head = source.read(_HEAD_BYTES)
        except BrokenStreamError:
            return False
    return any(_is_of_transcript(raw) for raw, _ in zip(io.BytesIO(head), range(_LINES), strict=False))


def _is_of_transcript(raw: bytes) -> bool:
    value, problem = parsed(raw)
    if problem or not isinstance(value, dict):
        return False
    if value.get("type") == "session":
        return isinstance(value.get("id"), str)
    return value.get("type") in _TYPES and "id" in value and "parentId" in value
