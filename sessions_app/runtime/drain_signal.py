"""The signal that asks a serving process to drain and end with ExitCode.RESTART; apart, so that commands need no reactor for it."""

from __future__ import annotations

import signal

RESTART_SIGNAL = signal.SIGUSR1
