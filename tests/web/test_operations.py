"""The Operations page: what it shows to whom, and its forms: restart, deliver again, check, apply."""

from __future__ import annotations

import datetime
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone

from sessions_app.models import HookDelivery, Run, ServerInstance
from sessions_app.runtime.doctor import examination
from sessions_app.runtime.doctor.background import thorough_check
from sessions_app.services.hooks import deliveries_plan
from sessions_app.services.instances import instance_start, instance_stop
from sessions_app.services.restart import gateway_restart, restart_preview
from sessions_app.values import SYSTEM, DeliveryState, EndReason, RunState
from tests.support.rows import audits, queries
from tests.support.world import World
from tests.web.conftest import SignedIn, hidden_fields
from tests.web.test_pages import INLINE

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def admin(world: World, signed_in: SignedIn) -> Client:
    """A browser of the administrator."""
    return signed_in(world.admin)


@pytest.fixture(autouse=True)
def _unexamined(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What earlier tests found is not shown here, and no backup of theirs."""
    data_dir = tmp_path / "data"
    data_dir.mkdir(mode=0o700)
    monkeypatch.setattr(examination, "_last", None)
    monkeypatch.setattr(settings, "DATA_DIR", data_dir)


def page(browser: Client) -> str:
    """The page as text, checked against the strict policy."""
    html = browser.get("/operations/").content.decode()
    assert not INLINE.search(html)
    return html


def form(**fields: object) -> dict[str, object]:
    """A form as a page sends it."""
    return {"request_id": str(uuid.uuid4()), **fields}


def cut_off(world: World, text: str = "half of it") -> str:
    """An answer that a stop cut off; its run's id."""
    run_id = str(world.say("a long one")["runId"])
    world.claim()
    world.finish(run_id, text, state=RunState.INTERRUPTED)
    return run_id


def dead_deliveries(world: World) -> list[int]:
    """Deliveries to one subscriber that were given up."""
    world.do(deliveries_plan, SYSTEM, subscribers={"ledger": ["session_start", "session_end", "run_end"]})
    world.talk()
    world.reset()
    world.do(deliveries_plan, SYSTEM, subscribers={"ledger": ["session_start", "session_end", "run_end"]})
    HookDelivery.objects.update(state=DeliveryState.DEAD, attempts=10, last_error="HTTP 500")
    return list(HookDelivery.objects.values_list("pk", flat=True))


class TestSeeing:
    def test_operators_and_auditors_look_and_find_no_buttons(self, world: World, signed_in: SignedIn) -> None:
        dead_deliveries(world)
        for actor in (world.operator, world.auditor):
            html = page(signed_in(actor))
            assert "Given up" in html
            for words in ("Deliver again", "Check now", "Restart…", "Backups"):
                assert words not in html

    def test_the_navigation_names_it_for_who_may_open_it(self, ana: Client, admin: Client) -> None:
        assert "/operations/" not in ana.get("/sessions/").content.decode()
        assert ana.get("/operations/").status_code == 403
        assert 'href="/operations/" aria-current="page"' in page(admin)

    def test_it_says_in_words_why_it_is_not_ready(self, admin: Client) -> None:
        assert "No server runs behind this page" in page(admin)

    def test_the_lives_of_servers_say_how_each_ended(self, world: World, admin: Client) -> None:
        ids = [uuid.uuid4() for _ in range(3)]
        for number, pk in enumerate(ids):
            world.do(instance_start, SYSTEM, instance_id=pk, host="harbour", pid=100 + number)
            if number == 1:
                token = restart_preview(world.admin)["token"]
                world.do(gateway_restart, world.admin, confirmation=token, reason="new version")
            if number < 2:
                world.do(instance_stop, SYSTEM, instance_id=pk, reason=EndReason.RESTART)
        ServerInstance.objects.update(heartbeat_at=timezone.now() - datetime.timedelta(minutes=5))
        html = page(admin)
        words = [html.index(word) for word in ("Ended without a word", "Restarted", "Stopped")]
        assert words == sorted(words), "newest first"
        assert "“new version”" in html
        assert "100 on harbour" in html

    def test_loading_it_examines_nothing(self, admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: object, **__: object) -> None:
            raise AssertionError

        monkeypatch.setattr("sessions_app.runtime.doctor.overview.examine", fail)
        assert "Not checked since this server started" in page(admin)

    def test_its_queries_do_not_grow_with_what_is_open(
        self, world: World, admin: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sessions_app.selectors.reachable.KEPT_SECONDS", 600.0)
        cut_off(world)
        dead_deliveries(world)
        page(admin)  # counts what is reachable, and keeps that
        with queries() as few:
            page(admin)
        for _ in range(5):
            dead_deliveries(world)
        with queries() as more:
            page(admin)
        assert len(more.asked) == len(few.asked) <= 28


class TestInterrupted:
    def test_the_owner_and_an_administrator_may_go_on_others_look(
        self, world: World, admin: Client, signed_in: SignedIn
    ) -> None:
        cut_off(world)
        html = page(admin)
        assert "Release planning" in html
        assert ">Continue</button>" in html
        assert ">Retry</button>" in html
        assert ">Retry</button>" not in page(signed_in(world.operator))

    def test_continue_makes_an_attempt_that_goes_on_and_leads_to_the_chat(self, world: World, admin: Client) -> None:
        run_id = cut_off(world)
        action = f"/chat/{world.key}/runs/retry/"
        answer = admin.post(action, {**hidden_fields(page(admin), f'action="{action}"'), "continues": "true"})
        assert (answer.status_code, answer["Location"]) == (303, f"/chat/{world.key}/")
        attempt = Run.objects.get(retry_of_id=uuid.UUID(run_id))
        assert (attempt.continues, attempt.state) == (True, RunState.QUEUED)
        assert ">Retry</button>" not in page(admin)

    def test_the_chat_offers_both(self, world: World, ana: Client) -> None:
        run_id = cut_off(world)
        html = ana.get(f"/chat/{world.key}/").content.decode()
        assert f'form="act-continue" name="run_id" value="{run_id}"' in html
        assert f'form="act-retry" name="run_id" value="{run_id}"' in html
        fields = hidden_fields(html, 'id="act-continue"')
        assert ana.post(f"/chat/{world.key}/runs/retry/", {**fields, "run_id": run_id}).status_code == 303
        assert Run.objects.get(retry_of_id=uuid.UUID(run_id)).continues
        again = ana.post(
            f"/chat/{world.key}/runs/retry/",
            {**hidden_fields(html, 'id="act-retry"'), "run_id": run_id},
            headers=HTMX,
        )
        assert again.status_code == 400, "it is being answered already"

    def test_a_conversation_that_went_on_is_not_listed(self, world: World, admin: Client) -> None:
        cut_off(world)
        world.talk("never mind")
        assert "None. An answer that a stop cuts off" in page(admin)


class TestHooks:
    def test_one_or_all_are_delivered_again(self, world: World, admin: Client) -> None:
        dead = dead_deliveries(world)
        html = page(admin)
        assert "ledger" in html
        assert "HTTP 500" in html
        answer = admin.post("/operations/redeliver/", form(delivery_id=dead[0]))
        assert answer["Location"] == "/operations/#hooks"
        assert HookDelivery.objects.get(pk=dead[0]).state == DeliveryState.PENDING
        admin.post("/operations/redeliver/", form(dead="true"))
        assert not HookDelivery.objects.filter(state=DeliveryState.DEAD).exists()
        assert [row["trigger"] for row in audits(type="hook.redelivered")] == ["ui-button"] * 2

    def test_pressing_twice_is_one_delivery(self, world: World, admin: Client) -> None:
        sent = form(delivery_id=dead_deliveries(world)[0])
        for _ in range(2):
            admin.post("/operations/redeliver/", sent)
        assert len(audits(type="hook.redelivered")) == 1

    def test_one_that_is_not_there_is_said_so(self, admin: Client) -> None:
        assert admin.post("/operations/redeliver/", form(delivery_id=99)).status_code == 404
        assert admin.post("/operations/redeliver/", form(delivery_id="x")).status_code == 400


class TestRestart:
    def test_the_dialog_previews_and_cancel_has_the_focus(self, world: World, admin: Client) -> None:
        world.say()
        part = admin.get("/operations/restart/", headers=HTMX)
        assert part.templates[0].name == "_restart.html"
        html = part.content.decode()
        assert "1 message, answered after the restart" in html
        assert "data-close autofocus>Cancel" in html
        assert not audits(type="gateway.restarted")
        assert admin.get("/operations/restart/").templates[0].name == "restart.html"

    def test_a_confirmed_restart_is_audited_and_the_page_says_so(self, admin: Client) -> None:
        fields = hidden_fields(admin.get("/operations/restart/").content.decode(), 'action="/operations/restart/"')
        answer = admin.post("/operations/restart/", {**fields, "reason": "new version"})
        assert answer.status_code == 200
        html = answer.content.decode()
        assert "Restarting, back in a moment" in html
        assert not INLINE.search(html)
        (row,) = audits(type="gateway.restarted")
        assert (row["actor"], row["trigger"], row["reason"]) == ("admin", "ui-button", "new version")

    def test_without_a_good_token_it_asks_again(self, admin: Client) -> None:
        answer = admin.post("/operations/restart/", form(confirmation="made up", reason="why not"), headers=HTMX)
        assert (answer.status_code, answer["HX-Retarget"]) == (409, "#ask")
        assert 'value="why not"' in answer.content.decode()
        assert admin.post("/operations/restart/", form()).status_code == 409
        assert [row["outcome"] for row in audits(type="gateway.restarted")] == ["refused"] * 2

    def test_operators_may_not(self, world: World, signed_in: SignedIn) -> None:
        assert signed_in(world.operator).get("/operations/restart/").status_code == 403


@pytest.mark.django_db(transaction=True)  # the doctor reads by a connection of its own
@pytest.mark.skipif(connection.vendor != "sqlite", reason="backups of PostgreSQL are made by its own tools")
class TestDoctor:
    def test_check_now_finds_and_apply_repairs_after_a_backup(self, world: World, admin: Client) -> None:
        world.talk()
        settings.DATA_DIR.chmod(0o755)
        answer = admin.post("/operations/check/", follow=True)
        html = answer.content.decode()
        assert "finding" in html
        assert "Back up and apply the plan" in html
        assert "Messages" in html, "storage is measured with it"
        fields = hidden_fields(html, 'action="/operations/apply/"')
        html = admin.post("/operations/apply/", fields, follow=True).content.decode()
        assert "before-doctor-" in html, "the backup is listed"
        assert settings.DATA_DIR.stat().st_mode & 0o777 == 0o700
        assert audits(type="doctor.applied")[0]["trigger"] == "ui-button"

    def test_a_plan_of_yesterday_is_refused_in_words(self, admin: Client) -> None:
        settings.DATA_DIR.chmod(0o755)
        html = admin.post("/operations/apply/", {"plan": "other", "deep": "false"}, follow=True).content.decode()
        assert "What is wrong has changed since plan" in html
        assert settings.DATA_DIR.stat().st_mode & 0o777 == 0o755

    def test_a_thorough_check_that_cannot_be_done_says_why(
        self, admin: Client, tmp_path: Path, monkeypatch: Any
    ) -> None:
        monkeypatch.setattr(settings, "DATA_DIR", tmp_path)  # its process finds no database there
        html = admin.post("/operations/check/", {"deep": "true"}, follow=True).content.decode()
        assert "The thorough check has begun." in html
        until = time.monotonic() + 60
        while thorough_check.started_at and time.monotonic() < until:
            time.sleep(0.05)
        told = admin.get("/operations/check/", headers={"HX-Request": "true"})
        assert told["HX-Refresh"] == "true"
        assert "There is no Holdfast database in" in told.content.decode()

    def test_all_is_well_is_said(self, world: World, admin: Client) -> None:
        del world
        html = admin.post("/operations/check/", follow=True).content.decode()
        assert "Nothing is wrong" in html
