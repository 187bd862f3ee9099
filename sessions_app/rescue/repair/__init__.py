"""Repair in place: a store of the file era shows its lost sessions in its own program again. Pure: no database of ours.

`repair_plan` reads and says what would be done, `repair_apply` makes a backup and does it, `repair_undo` brings everything back. Each may
be stopped anywhere: a second `repair_apply` goes on, and `repair_undo` works from every state.
"""

from __future__ import annotations

from sessions_app.rescue.repair.applying import repair_apply
from sessions_app.rescue.repair.planning import repair_plan
from sessions_app.rescue.repair.undoing import repair_undo
from sessions_app.rescue.repair.wish import RepairWish

__all__ = ["RepairWish", "repair_apply", "repair_plan", "repair_undo"]
