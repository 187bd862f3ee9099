"""What somebody wants repaired."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sessions_app.values import Json


@dataclass(frozen=True, slots=True)
class RepairWish:
    """What somebody asked for. Several may be asked for at once.

    Attributes:
        restore: a file of the directory (path or name) or a session id: its key shows it again.
        key: the session key for `restore`; "" for the one the records name.
        agent: only this agent's directory.
        fix_missing: rows without a transcript are relinked to their newest archive, or retired.
        adopt_orphans: transcripts without a row get one.
        force: go on although a gateway may be running on the directory.
        backup_to: where the backup is made; "" for beside the state directory.
    """

    restore: str = ""
    key: str = ""
    agent: str = ""
    fix_missing: bool = False
    adopt_orphans: bool = False
    force: bool = False
    backup_to: str = ""

    def as_json(self) -> Json:
        """As it stands in a plan."""
        return asdict(self)
