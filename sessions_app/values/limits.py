"""Named limits, with their unit in the name, and the two patterns of law 5 and of session keys."""

from __future__ import annotations

import re

TEXT_MAX_BYTES = 256 * 1024
TITLE_MAX_CHARS = 200
LABEL_MAX_CHARS = 200
REASON_MAX_CHARS = 500
KEY_MAX_CHARS = 200
REQUEST_ID_MAX_CHARS = 128
QUEUE_MAX_RUNS = 100
PAGE_MAX_ROWS = 200
EVENTS_MAX_ROWS = 500
CONFIRMATION_MAX_AGE_SECONDS = 120
SIGN_IN_LINK_MAX_AGE_SECONDS = 15 * 60

CONTROL_TEXT = re.compile(r"^\s*/(new|reset)(\s|$)", re.IGNORECASE)
SESSION_KEY = re.compile(r"^agent:[a-z0-9][a-z0-9._-]*:[a-z0-9][a-z0-9._:@-]*$")
