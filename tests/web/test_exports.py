"""Copies to keep: sessions as Markdown and JSON lines, the audit log as CSV and JSON lines."""

from __future__ import annotations

import csv
import io
import json
from typing import Any
from uuid import UUID

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client

from sessions_app.models import Conversation, Session, User
from sessions_app.services.restore import position_restore
from tests.support.rows import grow, transcript
from tests.support.world import World
from tests.web.conftest import SignedIn
from tests.web.test_moves import reset

pytestmark = pytest.mark.django_db


def text(answer: Any) -> str:
    """The whole of a streamed file."""
    assert answer.status_code == 200
    assert answer.streaming
    return b"".join(answer.streaming_content).decode()


def lines(answer: Any) -> list[dict[str, Any]]:
    """The documents of a file of JSON lines."""
    return [json.loads(line) for line in text(answer).splitlines()]


def test_a_session_as_json_lines_holds_every_entry_of_its_lineage(world: World, ana: Client) -> None:
    world.talk("one", "two")
    trunk = world.current
    world.do(position_restore, session_key=world.key, session_id=trunk, seq=1, expected_current_session_id=trunk)
    world.talk("other", "way")
    answer = ana.get(f"/sessions/{world.current}/export.jsonl")
    short = str(world.current)[:8]
    assert answer["Content-Disposition"] == f'attachment; filename="holdfast-agent-main-ana-{short}.jsonl"'
    head, *entries = lines(answer)
    assert head["type"] == "session"
    assert head["sessionId"] == str(world.current)
    stored = [(entry.seq, entry.text, str(entry.session_id)) for entry in transcript(world.current)]
    assert [(entry["seq"], entry["text"], entry["sessionId"]) for entry in entries] == stored


def test_a_long_session_is_read_in_pages(world: World, ana: Client) -> None:
    grow(world.current, 450)
    _, *entries = lines(ana.get(f"/sessions/{world.current}/export.jsonl"))
    assert [entry["seq"] for entry in entries] == list(range(1, 451))


def test_a_session_as_markdown_can_be_read(world: World, ana: Client) -> None:
    world.talk("where were we?", "At the **parser**:\n\n```python\nparse()\n```")
    old = UUID(reset(ana, world, reason="enough"))
    answer = ana.get(f"/sessions/{old}/export.md")
    assert answer["Content-Type"] == "text/markdown; charset=utf-8"
    markdown = text(answer)
    assert markdown.startswith("# Release planning\n")
    assert f"`{old}`" in markdown
    assert "## ana, " in markdown
    assert "## Agent, " in markdown
    assert "At the **parser**" in markdown
    fresh = text(ana.get(f"/sessions/{world.current}/export.md"))
    assert "Reset by ana · button" in fresh
    assert "“enough”" in fresh


HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)> [x](javascript:alert(1)) </style><b>"


def test_a_session_as_one_html_file_needs_nothing_else_and_runs_nothing(world: World, ana: Client) -> None:
    User.objects.filter(username="ana").update(first_name=HOSTILE)
    Conversation.objects.filter(key=world.key).update(title=HOSTILE)
    world.talk(HOSTILE, f"{HOSTILE}\n\n```python\nparse()\n```")
    answer = ana.get(f"/sessions/{world.current}/export.html")
    assert answer["Content-Disposition"].endswith('.html"')
    html = text(answer)
    assert html.startswith("<!doctype html>")
    assert html.rstrip().endswith("</html>")
    for loads in ("<script", "<link", "<img", "<button", 'href="javascript', "url(", "@import", 'src="'):
        assert loads not in html
    assert html.count("<style>") == html.count("</style>") == 1
    assert html.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 3
    assert str(world.current) in html
    assert "--paper:" in html
    assert ".document" in html


def test_the_print_view_holds_all_of_a_long_session_and_its_damage(world: World, ana: Client) -> None:
    grow(world.current, 450)
    Session.objects.filter(pk=world.current).update(damaged_from=449, damage="entry 449 cannot be read.")
    answer = ana.get(f"/sessions/{world.current}/print/")
    assert "Content-Disposition" not in answer
    html = text(answer)
    assert [f'id="e-{seq}"' in html for seq in (1, 225, 450)] == [True] * 3
    assert "Entry 449 cannot be read." in html
    assert "/static/css/document.css" in html
    assert "<style" not in html


def test_a_damaged_session_is_exported_with_its_damage_named(world: World, ana: Client) -> None:
    world.talk("one", "two")
    Session.objects.filter(pk=world.current).update(damaged_from=2, damage="Entry 2 is not readable.")
    _, *entries = lines(ana.get(f"/sessions/{world.current}/export.jsonl"))
    assert [(entry["seq"], entry["kind"]) for entry in entries] == [(1, "message"), (2, "damage")]
    assert "**Entry 2 cannot be read.**" in text(ana.get(f"/sessions/{world.current}/export.md"))


def test_own_sessions_and_those_of_others_need_other_permissions(
    world: World, ana: Client, signed_in: SignedIn
) -> None:
    address = f"/sessions/{world.current}/export.md"
    assert ana.get(address).status_code == 200
    assert signed_in(world.bob).get(address).status_code == 403
    assert signed_in(world.operator).get(address).status_code == 403
    auditor = signed_in(world.auditor)
    assert auditor.get(address).status_code == 428
    why = {"request_id": "why", "key": world.key, "session": str(world.current), "reason": "ticket 7", "next": address}
    assert auditor.post("/reading/", why)["Location"] == address
    assert auditor.get(address).status_code == 200
    assert ana.get(f"/sessions/{UUID(int=1)}/export.md").status_code == 404
    operator, page = signed_in(world.operator), f"/sessions/{world.current}/"
    assert operator.post("/reading/", {**why, "next": page})["Location"] == page
    assert "Export as Markdown" not in operator.get(page).content.decode()


def test_the_audit_log_is_exported_with_the_filters_of_the_page(world: World, ana: Client, signed_in: SignedIn) -> None:
    reset(ana, world, reason="because")
    auditor = signed_in(world.auditor)
    assert ana.get("/audit/export.csv").status_code == 403
    page = auditor.get("/audit/?type=session.reset").content.decode()
    assert 'href="/audit/export.csv?type=session.reset"' in page
    rows = lines(auditor.get("/audit/export.jsonl?type=session.reset"))
    assert [(row["type"], row["reason"]) for row in rows] == [("session.reset", "because")]
    whole = lines(auditor.get("/audit/export.jsonl"))
    assert len(whole) > len(rows)
    assert [row["id"] for row in whole] == sorted((row["id"] for row in whole), reverse=True)


@pytest.mark.parametrize(
    "reason", ['=HYPERLINK("https://elsewhere.example")', "+1+1", "-2", "@SUM(A1)", " =1", "\uff1d1"]
)
def test_a_cell_of_the_csv_is_never_a_formula(world: World, ana: Client, signed_in: SignedIn, reason: str) -> None:
    reset(ana, world, reason=reason)
    table = text(signed_in(world.auditor).get("/audit/export.csv?type=session.reset"))
    header, row = csv.reader(io.StringIO(table))
    cell = row[header.index("reason")]
    assert cell.startswith("'")
    assert cell.lstrip("'").strip() == reason.strip()


def test_under_asgi_it_is_sent_piece_by_piece_without_a_warning(world: World) -> None:
    grow(world.current, 2000)
    ana, current = User.objects.get(username="ana"), world.current

    async def pieces() -> list[bytes]:
        client = AsyncClient()
        await client.aforce_login(ana)
        answer: Any = await client.get(f"/sessions/{current}/export.jsonl")
        assert answer.is_async
        return [piece async for piece in answer]

    found = async_to_sync(pieces)()
    assert len(found) > 3
    assert b"".join(found).count(b"\n") == 2001
