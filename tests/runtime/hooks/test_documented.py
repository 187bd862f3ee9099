"""docs/hooks.md is true: its examples have the fields that are sent, and its check of a signature works."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from sessions_app.models import HookEvent
from sessions_app.runtime.hooks.config import CommandSettings, WebhookSettings
from sessions_app.runtime.hooks.webhook import signature
from sessions_app.services.compaction import session_compact
from sessions_app.values import HookType

DOCUMENT = (Path(__file__).parents[3] / "docs" / "hooks.md").read_text(encoding="utf-8")
EXAMPLES = {
    example["type"]: example for example in map(json.loads, re.findall(r"```json\n(.*?)```", DOCUMENT, re.DOTALL))
}


def block(language: str) -> str:
    """The code of the document in a language."""
    found: list[str] = re.findall(rf"```{language}\n(.*?)```", DOCUMENT, re.DOTALL)
    return found[0]


@pytest.mark.django_db
def test_each_example_has_the_fields_that_are_sent(world):
    world.talk()
    compact = {"session_key": world.key, "session_id": world.current, "covers_seq": 2, "summary": "They said hello."}
    world.do(session_compact, **compact)
    world.reset(reason="done with it")
    sent = {event.type: event.payload for event in HookEvent.objects.all()}
    assert {kind: set(payload) for kind, payload in sent.items()} == {kind: set(e) for kind, e in EXAMPLES.items()}
    assert set(EXAMPLES) == set(HookType)


def test_every_key_is_described():
    keys = {*WebhookSettings.model_fields, *CommandSettings.model_fields, "idle_seconds"}
    assert [key for key in sorted(keys) if not re.search(rf"\b{key}\b", DOCUMENT)] == []


def test_the_check_of_a_signature_works():
    names: dict[str, Any] = {}
    exec(block("python"), names)
    is_from_holdfast, now = names["is_from_holdfast"], str(int(time.time()))
    signed = signature("s", now, b"{}")
    assert is_from_holdfast("s", now, signed, b"{}")
    assert not is_from_holdfast("s", now, signed, b"{ }")
    assert not is_from_holdfast("t", now, signed, b"{}")
    old = str(int(time.time()) - 3600)
    assert not is_from_holdfast("s", old, signature("s", old, b"{}"), b"{}")


def test_the_shell_check_is_the_one_that_is_tested():
    script = block("sh").strip()
    tested = (Path(__file__).parent / "test_senders.py").read_text(encoding="utf-8")
    assert script in tested
