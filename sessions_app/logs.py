"""Log lines: how they look, whom they belong to, and what never stands in them.

Everything here logs through the standard library; structlog adds who and which request (`about`) and writes the line, in words on a
terminal or as JSON. It is loaded with the first line that is written: most commands write none.
"""

from __future__ import annotations

import functools
import logging
import re
import secrets
import sys
from typing import Any

JSON_FORMAT = "json"
# one-time links and tokens sign people in; what a database says of a failing row quotes it, message text and all
_SECRETS = re.compile(r"(/signin/link/)[^\s?'\"]+|\b(hf_)[\w-]{8,}")
_QUOTED_ROW = re.compile(r"(DETAIL:).*?(?=\n\n(?:The above|During handling)|\Z)", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_NAMED = {"error_id", "verb_request_id", "actor", "status_code"}  # of a record's `extra`; anything else stays out


class LineFormatter(logging.Formatter):
    """Lines of structlog, for every logger of the standard library.

    Args:
        kind: `json` for one object a line; anything else writes lines for people, in colour on a terminal.
    """

    def __init__(self, kind: str = "") -> None:
        super().__init__()
        self._kind = kind

    def format(self, record: logging.LogRecord) -> str:
        """One line, and the traceback when there is one."""
        return self._structured.format(record)

    @functools.cached_property
    def _structured(self) -> logging.Formatter:
        import structlog  # loads Twisted's logging: not for commands that write no line

        renderer: Any = structlog.processors.JSONRenderer(ensure_ascii=False)
        if self._kind != JSON_FORMAT:
            # the pretty tracebacks show local variables, which hold what people wrote
            plain = structlog.dev.plain_traceback
            renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)
        return structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.contextvars.merge_contextvars,
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.stdlib.ExtraAdder(allow=_NAMED),
                structlog.processors.TimeStamper(fmt="iso", utc=True),
            ],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _masked,
                renderer,
            ],
        )


def configuration(*, level: str, kind: str) -> dict[str, Any]:
    """LOGGING of the settings.

    Args:
        level: of everything; the libraries that would write down prompts, answers or keys stay at WARNING.
        kind: as `LineFormatter`.
    """
    quiet = ("openai", "httpx", "httpx2", "httpcore", "httpcore2", "django.db.backends")
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": LineFormatter, "kind": kind}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {name: {"level": "WARNING"} for name in quiet},
    }


def error_logged(logger: logging.Logger, doing: str, error: BaseException, **about: str) -> str:
    """Log a mistake of ours with its traceback.

    Args:
        logger: of the module that met it.
        doing: what was going on: a method, a verb, a run.
        error: what went wrong.
        about: `verb_request_id` and `actor`, where the log does not know them by itself.

    Returns:
        The id of the error: what a person is told, and what is in the line.
    """
    error_id = secrets.token_hex(6)
    logger.error("error %s in %s", error_id, doing, exc_info=error, extra={"error_id": error_id, **about})
    return error_id


def _masked(_logger: Any, _name: str, line: Any) -> Any:
    """Take out what must not be written down, and what would draw on the terminal: a client chooses its frames' ids."""
    for key, value in line.items():
        if isinstance(value, str):
            text = value if key == "exception" else _CONTROL.sub(lambda found: ascii(found[0])[1:-1], value)
            line[key] = _QUOTED_ROW.sub(r"\1 (left out)", _SECRETS.sub(r"\1\2(left out)", text))
    return line
