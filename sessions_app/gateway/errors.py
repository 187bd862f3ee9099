"""From error code to what a program is told: the frame, and the HTTP status of `/rpc`. A test keeps the table complete."""

from __future__ import annotations

import logging
from http import HTTPStatus

from sessions_app.errors import ErrorCode, HoldfastError, InternalError
from sessions_app.logs import error_logged
from sessions_app.runtime.metrics import refusal_counted
from sessions_app.values import Json

logger = logging.getLogger(__name__)

HTTP_STATUS: dict[ErrorCode, HTTPStatus] = {
    ErrorCode.INVALID_FRAME: HTTPStatus.BAD_REQUEST,
    ErrorCode.INVALID_PARAMS: HTTPStatus.BAD_REQUEST,
    ErrorCode.UNKNOWN_METHOD: HTTPStatus.NOT_FOUND,
    ErrorCode.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    ErrorCode.FORBIDDEN: HTTPStatus.FORBIDDEN,
    ErrorCode.NOT_FOUND: HTTPStatus.NOT_FOUND,
    ErrorCode.SESSION_MOVED: HTTPStatus.CONFLICT,
    ErrorCode.SESSION_CONTROL_REQUIRED: HTTPStatus.UNPROCESSABLE_ENTITY,
    ErrorCode.CONFIRMATION_REQUIRED: HTTPStatus.PRECONDITION_REQUIRED,
    ErrorCode.CONFIRMATION_STALE: HTTPStatus.CONFLICT,
    ErrorCode.REASON_REQUIRED: HTTPStatus.PRECONDITION_REQUIRED,
    ErrorCode.CONVERSATION_LOCKED: HTTPStatus.LOCKED,
    ErrorCode.RUN_IN_FLIGHT: HTTPStatus.CONFLICT,
    ErrorCode.QUEUE_FULL: HTTPStatus.TOO_MANY_REQUESTS,
    ErrorCode.REQUEST_CONFLICT: HTTPStatus.CONFLICT,
    ErrorCode.RATE_LIMITED: HTTPStatus.TOO_MANY_REQUESTS,
    ErrorCode.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    ErrorCode.DRAINING: HTTPStatus.SERVICE_UNAVAILABLE,
    ErrorCode.STORAGE_UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    ErrorCode.AGENT_FAILED: HTTPStatus.BAD_GATEWAY,
    ErrorCode.TEXT_INVALID: HTTPStatus.UNPROCESSABLE_ENTITY,
    ErrorCode.INTERNAL: HTTPStatus.INTERNAL_SERVER_ERROR,
}


def error_json(error: HoldfastError) -> Json:
    """The error object of a frame: {code, message, retryable, details}."""
    return {"code": str(error.code), "message": error.message, "retryable": error.retryable, "details": error.details}


def as_holdfast(error: Exception, doing: str) -> HoldfastError:
    """The error itself if it is one of ours; anything else is logged under an id, and only the id is told. Counted either way."""
    if isinstance(error, HoldfastError):
        refusal_counted(error)
        logger.info("refused %s: %s", doing, error.code)
        return error
    error_id = error_logged(logger, doing, error)
    words = f"Something went wrong on our side; nothing was changed. Error id {error_id}."
    internal = InternalError(words, errorId=error_id)
    refusal_counted(internal)
    return internal
