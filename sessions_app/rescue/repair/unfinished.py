"""Repairs that were interrupted: a backup with a manifest that was neither finished nor undone."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from sessions_app.errors import HoldfastError
from sessions_app.rescue.repair.backup import DONE, MANIFEST, UNDONE, manifest_read
from sessions_app.values import Json


def unfinished_plan(state: Path, backup_to: str) -> Json | None:
    """The plan that ends an interrupted repair of a state directory; None when there is none to end."""
    home = Path(backup_to) if backup_to else state.parent
    with suppress(OSError):
        for backup in sorted(home.glob(f"{_escaped(state.name)}.holdfast-repair-*")):
            if not (backup / MANIFEST).is_file() or (backup / DONE).exists() or (backup / UNDONE).exists():
                continue
            with suppress(HoldfastError):
                manifest = manifest_read(backup)
                if manifest["state"] == str(state):
                    words = [
                        f"An earlier repair was interrupted; end it first, from {backup}.",
                        *manifest["plan"]["words"],
                    ]
                    return {**manifest["plan"], "resumes": str(backup), "backup": str(backup), "words": words}
    return None


def _escaped(name: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)
