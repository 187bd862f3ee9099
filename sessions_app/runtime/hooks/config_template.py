"""The hooks.toml that an empty data directory gets: nobody is told, everything stands there as comments to uncomment."""

from __future__ import annotations

HOOKS_TOML_TEMPLATE = """\
# Who is told when a session starts and ends. Restart the server after a change; a mistake is named with its line.
# One section per subscriber: [subscribers.NAME]. A subscriber that is new hears of what happens from then on.
# Try one without waiting for an event: manage.py hooks test NAME. docs/hooks.md has the events and the check of a signature.

# idle_seconds = 1800      # a session without a turn for so long has ended (reason "idle"); it stays where it is. Off without it

# [subscribers.notify]
# kind = "webhook"
# url = "https://example.org/holdfast"
# secret_env = "HOLDFAST_NOTIFY_SECRET"     # the environment variable of the server that holds the secret for signing
# events = ["session_start", "session_end"] # the default; there are also "before_reset" and "run_end"
# timeout_seconds = 10
# max_attempts = 8         # then it waits for `manage.py hooks redeliver`
# enabled = true           # false keeps what happens for later

# [subscribers.cleanup]
# kind = "command"
# argv = ["./cleanup.sh", "--quiet"]        # no shell; starts in this directory, the event is JSON on its standard input
"""
