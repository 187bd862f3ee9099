"""What the Rescue pages call things. Tables for the `word` filter, as those of `words`."""

from __future__ import annotations

RESCUE_JOBS = {
    "scan": "Scan",
    "adopt": "Adoption",
    "repair-plan": "Plan of a repair",
    "repair": "Repair in place",
    "undo": "Undoing of a repair",
}
RESCUE_REPAIR_TITLES = {"repair-plan": "What would be done", "repair": "What was done", "undo": "What was brought back"}
RESCUE_STATES = {
    "waiting": "Waiting",
    "running": "Running",
    "done": "Done",
    "failed": "Failed",
    "cancelled": "Cancelled",
    "interrupted": "Interrupted",
}
RESCUE_STATE_COLOURS = {"waiting": "wait", "running": "live", "done": "ok", "failed": "bad", "interrupted": "wait"}
RESCUE_PHASES = {
    "unpacking": "Unpacking the archive",
    "reading": "Reading every file",
    "planning": "Working out what belongs together",
    "adopting": "Adopting",
    "repairing": "Repairing",
    "verifying": "Reading it again, to be sure",
}
RESCUE_FILES = {
    "transcript": "Transcript",
    "reset-archive": "Archive of a reset",
    "deleted-archive": "Deleted session",
    "backup": "Backup",
    "checkpoint": "Checkpoint snapshot",
    "cold-archive": "Cold archive",
    "imported-original": "Original of an import",
    "database": "Database",
    "database-side-file": "Side file of a database",
    "trajectory": "Trace of runs",
    "trajectory-pointer": "Pointer to a trace",
    "index": "Index",
    "index-backup": "Older index",
    "temporary": "Leftover temporary file",
    "lock": "Write lock",
    "cron-runs": "Log of a schedule",
    "cron": "Schedule",
    "other": "Other file",
    "branch": "Branch of a tree",
    "stretch": "Stretch before a reset",
    "recovered": "Recovered from a trace",
}
RESCUE_FATES = {
    "new": "To adopt",
    "extends": "Has more than here",
    "duplicate": "Here, or in another file",
    "trace": "Kept beside its session",
    "empty": "Empty",
}
RESCUE_FATES_DONE = {**RESCUE_FATES, "new": "Adopted", "extends": "Went on here"}
RESCUE_KEY_BY = {
    "row": "by the index",
    "checkpoint": "by a checkpoint",
    "name": "by its name",
    "record": "by a record of a run",
    "guess": "a guess: its next session began right after",
    "asked": "as somebody asked",
}
RESCUE_REFUSALS = {
    "empty-line": "empty",
    "line-too-long": "too long",
    "too-long": "too long",
    "failed": "not stored: see the report",
    "not-asked-for": "not asked for",
}
RESCUE_SEVERITIES = {"0": "Damage", "1": "Out of sight", "2": "Note"}
RESCUE_SEVERITY_STATES = {"0": "bad", "1": "wait", "2": "note"}
