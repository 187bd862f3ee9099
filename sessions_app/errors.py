"""Everything Holdfast refuses or fails with, as types.

An error knows its code, its words and its typed details. It knows no HTTP and no frames: each transport has one table from
code to answer (`gateway/errors.py`, `web/errors.py`), and a test keeps both complete.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar


class ErrorCode(StrEnum):
    """The words a client may branch on (docs/protocol.md has the table)."""

    INVALID_FRAME = "invalid_frame"
    INVALID_PARAMS = "invalid_params"
    UNKNOWN_METHOD = "unknown_method"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    SESSION_MOVED = "session_moved"
    SESSION_CONTROL_REQUIRED = "session_control_required"
    CONFIRMATION_REQUIRED = "confirmation_required"
    CONFIRMATION_STALE = "confirmation_stale"
    REASON_REQUIRED = "reason_required"
    CONVERSATION_LOCKED = "conversation_locked"
    RUN_IN_FLIGHT = "run_in_flight"
    QUEUE_FULL = "queue_full"
    REQUEST_CONFLICT = "request_conflict"
    RATE_LIMITED = "rate_limited"
    TOO_LARGE = "too_large"
    DRAINING = "draining"
    STORAGE_UNAVAILABLE = "storage_unavailable"
    AGENT_FAILED = "agent_failed"
    TEXT_INVALID = "text_invalid"
    INTERNAL = "internal"


class HoldfastError(Exception):
    """Root of all refusals: a code, a sentence that says what to do, and details in the protocol's words.

    Args:
        message: one or two sentences for a person: what happened, what is safe, what to do.
        details: values a program can use; camelCase keys, JSON types only.
    """

    code: ClassVar[ErrorCode] = ErrorCode.INTERNAL
    retryable: ClassVar[bool] = False
    words: ClassVar[str] = "Something went wrong on our side. Nothing was changed."

    def __init__(self, message: str = "", **details: Any) -> None:
        self.message = message or self.words
        self.details = details
        super().__init__(self.message)


class InvalidFrameError(HoldfastError):
    """The frame is no JSON object of a known shape."""

    code = ErrorCode.INVALID_FRAME
    words = 'This is not a frame. Send a JSON object like {"type":"req","id":"1","method":"...","params":{}}.'


class InvalidParamsError(HoldfastError):
    """The method exists, its parameters do not fit its schema."""

    code = ErrorCode.INVALID_PARAMS
    words = "The parameters do not fit this method."


class UnknownMethodError(HoldfastError):
    """No such method."""

    code = ErrorCode.UNKNOWN_METHOD
    words = "There is no such method."


class UnauthenticatedError(HoldfastError):
    """Nobody is signed in, or the token is wrong, revoked or of a disabled account."""

    code = ErrorCode.UNAUTHENTICATED
    words = "Sign in first, or send a valid token."


class ForbiddenError(HoldfastError):
    """Signed in, but not allowed to do this here."""

    code = ErrorCode.FORBIDDEN
    words = "You may not do this here."


class NotFoundError(HoldfastError):
    """The named thing does not exist."""

    code = ErrorCode.NOT_FOUND
    words = "There is no such thing here."


class SessionMovedError(HoldfastError):
    """The caller believes in a session that is no longer the current one; nothing was written."""

    code = ErrorCode.SESSION_MOVED
    words = "This conversation moved to another session. Nothing was written; look at the new one first."


class SessionControlRequiredError(HoldfastError):
    """Chat text looks like a command; text is never a command."""

    code = ErrorCode.SESSION_CONTROL_REQUIRED
    words = "Chat text never starts or resets a session. Use New session, which asks first and keeps everything."


class ConfirmationRequiredError(HoldfastError):
    """A reset without a token; details carry the preview."""

    code = ErrorCode.CONFIRMATION_REQUIRED
    words = "A reset must be confirmed. Nothing was changed; confirm with the token of the preview."


class ConfirmationStaleError(HoldfastError):
    """The token is of another person, another state, used, or too old."""

    code = ErrorCode.CONFIRMATION_STALE
    words = (
        "This confirmation is no longer good, because time or the conversation moved on. Look again and confirm again."
    )


class ReasonRequiredError(HoldfastError):
    """Text of somebody else's session, and nobody was told why it is read; details name the sessions to open."""

    code = ErrorCode.REASON_REQUIRED
    words = "This is somebody else's session. Say why you read it (sessions.open), then ask again; its owner sees the reason."


class ConversationLockedError(HoldfastError):
    """A reset or restore of a locked conversation without its key typed and a reason."""

    code = ErrorCode.CONVERSATION_LOCKED
    words = "This conversation is locked. Type its key and give a reason, or unlock it first. Nothing was changed."


class RunInFlightError(HoldfastError):
    """An answer is running or queued in the session that would be put aside."""

    code = ErrorCode.RUN_IN_FLIGHT
    words = "An answer is still running. Wait for it, or stop it and keep what is there."


class QueueFullError(HoldfastError):
    """Too many messages wait for their answer."""

    code = ErrorCode.QUEUE_FULL
    retryable = True
    words = "Too many messages already wait for their answer. Send again when some are answered."


class RequestConflictError(HoldfastError):
    """The same request id came with other content."""

    code = ErrorCode.REQUEST_CONFLICT
    words = "This request id was already used for something else. Use a new one."


class RateLimitedError(HoldfastError):
    """Too many requests at once."""

    code = ErrorCode.RATE_LIMITED
    retryable = True
    words = "Too many requests at once. Wait a moment and try again."


class TooLargeError(HoldfastError):
    """Frame or text is larger than the limit."""

    code = ErrorCode.TOO_LARGE
    words = "This is too large."


class DrainingError(HoldfastError):
    """The server is stopping; a later try meets the next one."""

    code = ErrorCode.DRAINING
    retryable = True
    words = "Restarting, back in a moment. Nothing was lost; send again."


class StorageUnavailableError(HoldfastError):
    """The change could not be made durable, so it was not made."""

    code = ErrorCode.STORAGE_UNAVAILABLE
    retryable = True
    words = "The disk or database did not take this. It is not stored; try again, and tell the operator."


class AgentFailedError(HoldfastError):
    """The agent's backend could not answer."""

    code = ErrorCode.AGENT_FAILED
    retryable = True
    words = "The agent could not answer. Your message is stored; use Retry."


class TextInvalidError(HoldfastError):
    """Text that cannot be stored as it is: NUL, or half of a surrogate pair."""

    code = ErrorCode.TEXT_INVALID
    words = "This text holds a NUL or a broken character and cannot be stored as it is."


class InternalError(HoldfastError):
    """A mistake of ours; its id is in the log."""
