"""The generated half of docs/protocol.md: error codes, methods and the JSON Schema of their parameters.

`manage.py protocol` prints it; `--write` puts it into the document between its two marks. A test keeps both equal.
"""

from __future__ import annotations

import json
from pathlib import Path

from sessions_app.errors import ErrorCode, HoldfastError
from sessions_app.gateway.errors import HTTP_STATUS
from sessions_app.gateway.methods import METHODS, Method
from sessions_app.services.perform import facts

BEGIN = "<!-- generated: begin (manage.py protocol --write) -->"
END = "<!-- generated: end -->"

# code: (are its refusals in the audit log, what the caller should do)
ADVICE: dict[ErrorCode, tuple[str, str]] = {
    ErrorCode.INVALID_FRAME: ("no", "Mend the frame. The socket stays open."),
    ErrorCode.INVALID_PARAMS: ("audited verbs, once past the schema", "Mend the named field."),
    ErrorCode.UNKNOWN_METHOD: ("no", "Look at the list of methods."),
    ErrorCode.UNAUTHENTICATED: ("audited verbs", "Sign in, or connect with a valid token."),
    ErrorCode.FORBIDDEN: (
        "audited verbs",
        "Ask somebody who may; `details.permission` or `details.scope` says what is missing.",
    ),
    ErrorCode.NOT_FOUND: ("audited verbs", "Check the key or id."),
    ErrorCode.SESSION_MOVED: (
        "audited verbs, never `chat.send`",
        "Show the new session (`details.newSessionId`), then ask the person.",
    ),
    ErrorCode.SESSION_CONTROL_REQUIRED: ("no", "Open the reset dialog; keep the rest of the text as a draft."),
    ErrorCode.CONFIRMATION_REQUIRED: (
        "yes",
        "Show `details.preview`, then call again with its token as `confirmation`.",
    ),
    ErrorCode.CONFIRMATION_STALE: ("yes", "Preview again and ask again."),
    ErrorCode.REASON_REQUIRED: (
        "audited verbs",
        "Say why you read another's session: `sessions.open` for each of `details.sessionIds`, then ask again.",
    ),
    ErrorCode.CONVERSATION_LOCKED: (
        "yes",
        "Send `typedKey` (the session key, typed by the person) and `reason`, or unlock it first.",
    ),
    ErrorCode.RUN_IN_FLIGHT: ("audited verbs", "Wait for the answer, or repeat with `stopRun: true`."),
    ErrorCode.QUEUE_FULL: ("no", "Send again when some messages are answered."),
    ErrorCode.REQUEST_CONFLICT: ("audited verbs", "Use a new request id for new content."),
    ErrorCode.RATE_LIMITED: ("no", "Wait `details.retryAfterMs`."),
    ErrorCode.TOO_LARGE: ("audited verbs", "Send less; `details.maxBytes` says how much is taken."),
    ErrorCode.DRAINING: ("no", "Reconnect and send again with the same request id."),
    ErrorCode.STORAGE_UNAVAILABLE: ("when the database takes that", "It is not stored. Try again; tell the operator."),
    ErrorCode.AGENT_FAILED: ("no", "`chat.retry`; the message is stored."),
    ErrorCode.TEXT_INVALID: ("audited verbs", "Take NUL and broken characters out."),
    ErrorCode.INTERNAL: ("audited verbs", "Tell the operator the error id in `details.errorId`."),
}


def reference() -> str:
    """The generated text, in Markdown."""
    return "\n".join([BEGIN, "", *_errors(), "", *_methods(), "", END])


def document_with(text: str, generated: str) -> str:
    """A document with the text between its marks replaced.

    Raises:
        ValueError: the document has no marks.
    """
    head, mark, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not mark or not end:
        raise ValueError("docs/protocol.md has lost its marks of the generated part")
    return head + generated + tail


def document_write(path: Path) -> None:
    """Put the generated text into a document."""
    path.write_text(document_with(path.read_text(encoding="utf-8"), reference()), encoding="utf-8")


def _errors() -> list[str]:
    classes = {kind.code: kind for kind in _all_kinds(HoldfastError)}
    rows = [
        f"| `{code}` | {'yes' if classes[code].retryable else 'no'} | {HTTP_STATUS[code].value} | {ADVICE[code][0]} | {ADVICE[code][1]} |"
        for code in ErrorCode
    ]
    return [
        "## Error codes",
        "",
        "| code | retryable | HTTP | audited | what to do |",
        "| --- | --- | --- | --- | --- |",
        *rows,
    ]


def _all_kinds(root: type[HoldfastError]) -> list[type[HoldfastError]]:
    direct = [kind for kind in root.__subclasses__() if kind.__module__ == HoldfastError.__module__]
    return [*direct, root]


def _methods() -> list[str]:
    lines = ["## Methods and their parameters"]
    for method in METHODS.values():
        schema = json.dumps(method.params.model_json_schema(by_alias=True), indent=1, ensure_ascii=False)
        kind = "read" if method.read else "write"
        audited = f", audited as `{audit}`" if (audit := _audit(method)) else ""
        summary = "<details><summary>JSON Schema of params</summary>"
        lines += [
            "",
            f"### `{method.name}`",
            "",
            f"{method.summary} ({kind}{audited})",
            "",
            summary,
            "",
            "```json",
            schema,
            "```",
            "</details>",
        ]
    return lines


def _audit(method: Method) -> str:
    audit = facts(method.verb).audit if method.verb else None
    return str(audit) if audit else ""
