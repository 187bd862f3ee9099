"""Log lines say who and which request, and hold no secret and no text of anybody."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import subprocess
import sys

import pytest
from structlog.contextvars import bind_contextvars, bound_contextvars, clear_contextvars

from sessions_app.logs import LineFormatter, configuration, error_logged

SECRET = "the harbour at night"


@pytest.fixture
def lines():
    """What a logger writes as JSON, as it is written."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(LineFormatter("json"))
    logger = logging.getLogger("tests.logs")
    logger.addHandler(handler)
    clear_contextvars()  # another test's request may have bound its own
    yield logger, lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logger.removeHandler(handler)


def test_a_line_is_one_object_with_who_and_which_request(lines):
    logger, written = lines
    with bound_contextvars(request_id="r1", actor="user:7"):
        logger.warning("%s of %d", "one", 2)
    (line,) = written()
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "one of 2",
        "level": "warning",
        "logger": "tests.logs",
        "request_id": "r1",
        "actor": "user:7",
    }


def test_an_error_is_logged_under_the_id_that_is_told(lines):
    logger, written = lines
    try:
        raise ValueError("odd")
    except ValueError as error:
        told = error_logged(logger, "chat.send", error, verb_request_id="q1")
    (line,) = written()
    assert (line["error_id"], line["verb_request_id"]) == (told, "q1")
    assert told in line["event"]
    assert "ValueError: odd" in line["exception"]


def test_a_traceback_shows_no_local_variables(lines):
    logger, written = lines
    message = SECRET
    try:
        raise ValueError(len(message))
    except ValueError:
        logger.exception("odd")
    assert SECRET not in json.dumps(written())
    plain = LineFormatter().format(_record(message))
    assert "ValueError" in plain
    assert SECRET not in plain


def _record(message: str = SECRET) -> logging.LogRecord:
    try:
        raise ValueError(len(message))
    except ValueError:
        return logging.LogRecord("tests.logs", logging.ERROR, "", 1, "odd", None, sys.exc_info())


@pytest.mark.parametrize(
    "text",
    [
        f"Not Found: /signin/link/{'x' * 43}",
        f"token hf_{'x' * 43} was odd",
        f"rolled back: IntegrityError: null value\nDETAIL:  Failing row contains (1, {'x' * 43}\n, {'x' * 43}).",
    ],
)
def test_links_tokens_and_quoted_rows_are_left_out(lines, text):
    logger, written = lines
    logger.warning("%s", text)
    try:
        raise ValueError(text)
    except ValueError:
        logger.exception("odd")
    assert "xxx" not in json.dumps(written())
    assert "(left out)" in json.dumps(written())


def test_what_a_client_chose_cannot_draw_on_the_terminal():
    record = logging.LogRecord("a", logging.WARNING, "", 1, "refused %s", ("\x1b[2J\nfake line",), None)
    with bound_contextvars(frame="\x1b]0;title\x07"):
        line = LineFormatter().format(record)
    assert not {"\x1b", "\x07", "\n"} & set(line)
    assert "\\x1b[2J" in line


def test_libraries_that_would_write_prompts_down_stay_quiet():
    wanted = configuration(level="DEBUG", kind="json")
    assert wanted["loggers"]["openai"]["level"] == "WARNING"
    assert wanted["root"]["level"] == "DEBUG"


def test_a_task_keeps_its_own_circumstances(lines):
    logger, written = lines

    async def one(name: str) -> None:
        bind_contextvars(frame=name)
        await asyncio.sleep(0)
        logger.warning("here")

    async def both() -> None:
        await asyncio.gather(one("a"), one("b"))

    asyncio.run(both())
    assert [line["frame"] for line in written()] == ["a", "b"]


def test_a_command_that_logs_nothing_loads_no_structlog():
    code = "import django, sys; django.setup(); sys.exit('structlog' in sys.modules)"
    assert (
        subprocess.run(
            [sys.executable, "-c", code],
            check=False,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "controlui.settings"},
        ).returncode
        == 0
    )
