"""What text may be stored: as it was sent, or not at all."""

from __future__ import annotations

from sessions_app.errors import InvalidParamsError, SessionControlRequiredError, TextInvalidError, TooLargeError
from sessions_app.values import CONTROL_TEXT, TEXT_MAX_BYTES


def text_checked(text: str, *, name: str = "message", max_bytes: int = TEXT_MAX_BYTES) -> str:
    """The text, unchanged.

    Args:
        text: what somebody sent.
        name: what it is called in the error.
        max_bytes: limit of its UTF-8 form.

    Raises:
        TextInvalidError: it holds NUL or a lone surrogate, which one of the engines cannot store.
        TooLargeError: it is longer than the limit.
    """
    if "\x00" in text:
        raise TextInvalidError(f"The {name} holds a NUL character and cannot be stored as it is.", field=name)
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise TextInvalidError(
            f"The {name} holds half of a surrogate pair at position {error.start} and cannot be stored as it is.",
            field=name,
        ) from error
    if size > max_bytes:
        raise TooLargeError(
            f"The {name} has {size:,} bytes; at most {max_bytes:,} are taken.", maxBytes=max_bytes, bytes=size
        )
    return text


def line_checked(text: str, *, name: str, max_chars: int) -> str:
    """One line for a title, label or reason: stripped, without control characters.

    Raises:
        TextInvalidError, TooLargeError: as `text_checked`.
        InvalidParamsError: more characters than `max_chars`.
    """
    line = " ".join(text_checked(text, name=name).split())
    if len(line) > max_chars:
        raise InvalidParamsError(f"The {name} has {len(line):,} characters; at most {max_chars} are taken.", field=name)
    return line


def user_text_checked(text: str, session_key: str) -> str:
    """What a person says, unchanged: a message that is no command.

    Raises:
        SessionControlRequiredError: it is `/new` or `/reset`, with or without more (law 5).
        InvalidParamsError, TextInvalidError, TooLargeError: as `message_checked`.
    """
    message_checked(text)
    if CONTROL_TEXT.match(text):
        raise SessionControlRequiredError(sessionKey=session_key)
    return text


def message_checked(text: str) -> str:
    """A chat message, unchanged.

    Raises:
        InvalidParamsError: there is nothing in it.
        TextInvalidError, TooLargeError: as `text_checked`.
    """
    if not text.strip():
        raise InvalidParamsError("The message is empty.", field="message")
    return text_checked(text)
