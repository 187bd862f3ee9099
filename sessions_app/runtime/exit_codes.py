"""How a command ends, for scripts and service managers. README.md has the same table."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the number a process ends with means."""

    OK = 0
    FAILED = 1  # refused by a rule, or failed: stderr says why
    FINDINGS = 1  # `doctor` found something; `backup verify` found the backup broken
    USAGE = 2  # the command line itself is wrong (argparse's own number)
    NOT_CONFIRMED = 3  # a person was asked and did not say yes; nothing changed
    AUDIT_BROKEN = 4  # `audit verify` found the chain broken
    DATA_DIR_BUSY = 5  # another server serves this data directory
    PORT_BUSY = 6  # the address cannot be listened on
    RESTART = 75  # `serve` drained because a restart was asked for; whoever supervises it starts it again
    DATABASE_NEWER = 7  # the database was migrated by newer code
