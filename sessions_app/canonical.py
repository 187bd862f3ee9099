"""Floor 0: one spelling for everything that is hashed or compared by digest."""

from __future__ import annotations

import hashlib
import json
from json.encoder import encode_basestring
from typing import Any

_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str).encode


def canonical(value: Any) -> str:
    """JSON with sorted keys, no spaces and no escapes; UUIDs and times as their text. No floats may be inside."""
    return _encode(value)


def digest(value: Any) -> str:
    """SHA-256 of the canonical form, 64 hex digits."""
    return digest_of_text(canonical(value))


def digest_of_text(text: str) -> str:
    """SHA-256 of a text that is in canonical form already."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def canonical_text(text: str) -> str:
    """The canonical form of a string."""
    return encode_basestring(text)


def entry_link(  # noqa: PLR0913, PLR0917 - one argument for each column; called for millions of rows
    previous: str, seq: int, kind: str, role: str, text: str, data: str, created_at: str, run: str | None = None
) -> str:
    """Link of a transcript's hash chain: the digest of the entry before, and all of this one.

    The digest of the list of all of them, which is written out here because a list would be encoded ten times as slowly.

    Args:
        previous: the link before; "" for the first entry.
        text: as `canonical_text` gives it.
        data: canonical JSON.
        created_at: ISO.
        run: its id in hex.
    """
    tail = f'"{run}"' if run else "null"
    return digest_of_text(f'["{previous}",{seq},"{kind!s}","{role!s}",{text},{data},{tail},"{created_at}"]')
