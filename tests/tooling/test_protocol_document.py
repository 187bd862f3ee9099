"""docs/protocol.md says what the code does."""

from __future__ import annotations

from pathlib import Path

from sessions_app.errors import ErrorCode
from sessions_app.gateway.errors import HTTP_STATUS
from sessions_app.gateway.methods import METHODS
from sessions_app.gateway.reference import ADVICE, document_with, reference
from sessions_app.values import EventType

DOCUMENT = Path(__file__).parents[2] / "docs" / "protocol.md"


def test_the_generated_part_is_up_to_date():
    text = DOCUMENT.read_text(encoding="utf-8")
    assert document_with(text, reference()) == text, "run: manage.py protocol --write"


def test_every_error_code_has_a_status_and_advice():
    assert set(HTTP_STATUS) == set(ADVICE) == set(ErrorCode)


def test_every_method_and_event_is_described():
    text = DOCUMENT.read_text(encoding="utf-8")
    assert [name for name in [*METHODS, *EventType] if f"`{name}`" not in text] == []
