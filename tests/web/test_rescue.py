"""The Rescue pages: asking, watching, reading, adopting; what a form may not do, and what names of files cannot do to a page."""

from __future__ import annotations

import json
import re
import uuid
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from sessions_app.errors import DrainingError
from sessions_app.models import AuditEvent, User
from sessions_app.runtime.rescue_jobs.job import (
    OUTCOME_NAME,
    Job,
    JobState,
    job_moved,
    job_read,
    jobs_all,
    jobs_folder,
    json_read,
)
from sessions_app.runtime.rescue_jobs.progress import ProgressTold
from sessions_app.runtime.rescue_jobs.working import job_work
from tests.rescue.making import REAL, STORES, Made, talk
from tests.support.world import World
from tests.web.conftest import SignedIn, hidden_fields
from tests.web.test_pages import INLINE

pytestmark = pytest.mark.django_db
STORE = STORES / REAL[0]
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir(mode=0o700)
    monkeypatch.setattr(settings, "DATA_DIR", data_dir)


@pytest.fixture
def admin(world: World, signed_in: SignedIn) -> Client:
    """A browser of the administrator."""
    return signed_in(world.admin)


def form(**fields: object) -> dict[str, object]:
    return {"request_id": str(uuid.uuid4()), **fields}


def newest() -> Job:
    return jobs_all()[0]


def done(job: Job) -> Job:
    """Carried out in this process, where the database of the test is."""
    assert job_work(job_moved(job, JobState.RUNNING).id)
    return job_moved(job, JobState.DONE)


def scanned(admin: Client, path: Path = STORE) -> str:
    """A store that was looked at; the address of its page."""
    answer = admin.post("/rescue/scan/", form(path=str(path)))
    assert answer.status_code == 302
    done(newest())
    return str(answer["Location"])


def html_of(browser: Client, address: str) -> str:
    """A page, checked against the strict policy."""
    answer = browser.get(address)
    assert answer.status_code == 200
    html = answer.content.decode()
    assert not INLINE.search(html)
    return html


class TestAsking:
    def test_the_page_stands_in_the_navigation_of_who_may_open_it(self, world, admin, signed_in):
        assert 'href="/rescue/" aria-current="page"' in html_of(admin, "/rescue/")
        assert "/rescue/" not in html_of(signed_in(world.operator), "/operations/")

    def test_a_wrong_path_is_said_above_the_form_and_stays_in_it(self, admin):
        answer = admin.post("/rescue/scan/", form(path="/no/such/place"))
        html = answer.content.decode()
        assert (answer.status_code, jobs_all()) == (400, [])
        assert "There is no directory /no/such/place" in html
        assert 'value="/no/such/place"' in html
        assert 'aria-invalid="true" aria-describedby="path-error path-help"' in html
        assert 'href="/rescue/" aria-current="page"' in html

    @pytest.mark.parametrize("address", ["/rescue/scan/", "/rescue/upload/"])
    def test_an_address_of_a_form_leads_to_the_page_it_stands_on(self, admin, address):
        answer = admin.get(address)
        assert (answer.status_code, answer["Location"]) == (302, "/rescue/")

    def test_an_upload_becomes_a_job(self, admin):
        archive = SimpleUploadedFile("../../etc/store.tgz", b"content of an archive")
        answer = admin.post("/rescue/upload/", form(archive=archive))
        job = newest()
        assert answer["Location"] == f"/rescue/{job.id}/"
        assert (job.upload, (job.folder / "upload").read_bytes()) == ("store.tgz", b"content of an archive")
        assert (job.folder / "upload").stat().st_mode & 0o777 == 0o600
        assert list(jobs_folder().glob("incoming-*")) == []

    def test_an_upload_that_is_too_large_is_refused_and_leaves_nothing(self, admin, monkeypatch):
        monkeypatch.setattr(settings, "RESCUE_UPLOAD_MAX_BYTES", 1000)
        for size in (1001, 200_000):  # one is found while it comes, one by what it says of itself
            archive = SimpleUploadedFile("store.tgz", b"x" * size)
            answer = admin.post("/rescue/upload/", form(archive=archive))
            assert answer.status_code == 413
            assert "An upload may have" in answer.content.decode()
        assert [path.name for path in jobs_folder().iterdir() if path.name != "busy.lock"] == []

    @pytest.mark.parametrize("fields", [{}, {"other": SimpleUploadedFile("a.tgz", b"x")}, {"archive": "text"}])
    def test_a_form_without_an_archive_is_said_so(self, admin, fields):
        assert admin.post("/rescue/upload/", form(**fields)).status_code == 400
        assert jobs_all() == []

    def test_an_upload_needs_the_token_of_the_page(self, world):
        browser = Client(enforce_csrf_checks=True)
        browser.force_login(User.objects.get(username="admin"))
        archive = SimpleUploadedFile("store.tgz", b"x")
        assert browser.post("/rescue/upload/", form(archive=archive)).status_code == 403
        assert jobs_all() == []
        assert list(jobs_folder().glob("incoming-*")) == []
        fields = hidden_fields(browser.get("/rescue/").content.decode(), 'action="/rescue/upload/"')
        archive = SimpleUploadedFile("store.tgz", b"x")
        assert browser.post("/rescue/upload/", {**fields, "archive": archive}).status_code == 302
        assert len(jobs_all()) == 1


class TestWatching:
    def test_it_polls_with_script_and_reloads_without(self, admin):
        admin.post("/rescue/scan/", form(path=str(STORE)))
        job = newest()
        html = html_of(admin, f"/rescue/{job.id}/")
        assert "Waiting for its turn" in html
        assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in html
        assert f'hx-get="/rescue/{job.id}/progress/"' in html

    def test_the_part_says_how_far_and_ends_by_loading_the_page(self, admin, monkeypatch):
        admin.post("/rescue/scan/", form(path=str(STORE)))
        job = job_moved(newest(), JobState.RUNNING)
        monkeypatch.setattr("sessions_app.runtime.rescue_jobs.job.is_busy", lambda: True)
        ProgressTold(job.folder)("reading", 512, 1024, "agents/main/<b>.jsonl")
        part = admin.get(f"/rescue/{job.id}/progress/", headers=HTMX)
        html = part.content.decode()
        assert "HX-Refresh" not in part
        assert "Reading every file" in html
        assert 'value="50"' in html
        assert "agents/main/&lt;b&gt;.jsonl" in html
        job_moved(job, JobState.DONE)
        assert admin.get(f"/rescue/{job.id}/progress/", headers=HTMX)["HX-Refresh"] == "true"

    def test_the_badge_goes_with_what_changes_and_says_that_it_is_being_cancelled(self, admin, monkeypatch):
        admin.post("/rescue/scan/", form(path=str(STORE)))
        assert "badge-wait" in html_of(admin, f"/rescue/{newest().id}/")
        job = job_moved(newest(), JobState.RUNNING)
        monkeypatch.setattr("sessions_app.runtime.rescue_jobs.job.is_busy", lambda: True)
        part = admin.get(f"/rescue/{job.id}/progress/", headers=HTMX).content.decode()
        assert '<span class="badge" id="job-state" hx-swap-oob="true">Running</span>' in part
        assert "hx-swap-oob" not in html_of(admin, f"/rescue/{job.id}/")
        admin.post(f"/rescue/{job.id}/cancel/")
        html = html_of(admin, f"/rescue/{job.id}/")
        assert "Being cancelled" in html
        assert f'action="/rescue/{job.id}/cancel/"' not in html

    def test_an_archive_that_could_not_be_used_offers_another_upload(self, admin):
        place = admin.post("/rescue/upload/", form(archive=SimpleUploadedFile("a.tgz", b"no archive")))["Location"]
        job = job_moved(newest(), JobState.RUNNING)
        assert not job_work(job.id)
        job_moved(job, JobState.FAILED, json_read(job.folder / OUTCOME_NAME)["words"])
        html = html_of(admin, place)
        assert "This is no archive that can be read" in html
        assert "Upload another archive" in html
        assert "Start again" not in html
        assert admin.post(f"{place}again/").status_code == 400

    def test_an_interrupted_job_offers_to_start_again(self, admin):
        admin.post("/rescue/scan/", form(path=str(STORE)))
        job = job_moved(newest(), JobState.RUNNING)
        html = html_of(admin, f"/rescue/{job.id}/")
        assert "The server stopped meanwhile" in html
        assert admin.post(f"/rescue/{job.id}/again/").status_code == 302
        assert job_read(job.id).state is JobState.WAITING
        admin.post(f"/rescue/{job.id}/cancel/")
        assert "Somebody cancelled this" in html_of(admin, f"/rescue/{job.id}/")


class TestReading:
    def test_every_part_shows_and_the_sums_are_the_directory(self, admin):
        address = scanned(admin)
        html = html_of(admin, address)
        assert "Every one of 210 lines is accounted for" in html
        assert html.index(">Damage<") < html.index(">Out of sight<") < html.index(">Note<")
        for part in ("sessions", "files", "findings"):
            html_of(admin, f"{address}{part}/")
        report = json.loads(b"".join(admin.get(f"{address}report.json").streaming_content))
        assert report["totals"]["lines"] == 210

    def test_filters_live_in_the_url_and_pages_go_on(self, admin, tmp_path):
        made = Made(tmp_path / "store")
        for n in range(60):
            made.file(f"{uuid.UUID(int=n)}.jsonl", [b'{"type":"x"'])
        address = scanned(admin, tmp_path / "store")
        html = html_of(admin, f"{address}files/?kind=transcript&trouble=on")
        assert "Only with lines that are not adopted: <b>yes</b>" in html
        assert html.count('class="event"') == 50
        older = html.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0].replace("&amp;", "&")
        assert "kind=transcript" in older
        assert html_of(admin, older).count('class="event"') == 10
        assert "No file matches" in html_of(admin, f"{address}files/?kind=lock")

    def test_names_and_words_of_a_store_cannot_harm_a_page(self, admin, tmp_path):
        made = Made(tmp_path / "store")
        evil = "<script>alert(1)</script>"
        session = str(uuid.uuid4())
        made.row(f"agent:main:{evil}", session)
        made.file(f"{session}.jsonl", talk(session, [evil, "\u202e" + evil]))
        made.file("<img src=x>.jsonl", [evil.encode()])
        address = scanned(admin, tmp_path / "store")
        for part in ("", "sessions/", "files/", "findings/", "adopt/"):
            html = html_of(admin, address + part)
            assert evil not in html
            assert "<img" not in html

    def test_what_is_not_there_is_not_found(self, admin):
        for part in ("", "progress/", "sessions/", "files/", "findings/", "report.json", "adopt/", "repair/"):
            assert admin.get(f"/rescue/{uuid.uuid4()}/{part}").status_code == 404

    def test_a_directory_is_one_row_however_often_it_was_looked_at(self, admin):
        first = scanned(admin)
        admin.post(f"{first}adopt/", form(owner="ana", key="agent:main:aborted"))
        done(newest())
        second = scanned(admin)
        html = html_of(admin, "/rescue/")
        assert html.count('class="primary path"') == 1
        assert f'href="{second}"' in html
        assert "looked at 2 times" in html
        assert "Adopted in part" in html
        html = html_of(admin, second)
        assert "1 other look at this directory" in html
        assert f'href="{first}"' in html


class TestAdopting:
    def test_the_plan_the_sums_and_the_report_tell_the_same_number(self, admin):
        address = scanned(admin)
        assert "<b>139 new lines</b>" in html_of(admin, f"{address}adopt/")
        place = admin.post(f"{address}adopt/", form(owner="ana"))["Location"]
        done(newest())
        html = html_of(admin, place)
        assert "Adopted 15 sessions, 139 lines" in html
        assert "<dt>Adopted</dt><dd>139</dd>" in html

    def test_an_adoption_that_was_interrupted_tells_what_it_had_stored(self, admin, monkeypatch):
        address = scanned(admin)
        place = admin.post(f"{address}adopt/", form(owner="ana"))["Location"]
        job = job_moved(newest(), JobState.RUNNING)
        told = ProgressTold.__call__

        def stopped(self, phase, done=0, *rest, **more):
            if phase == "adopting" and done > 50:
                raise DrainingError
            told(self, phase, done, *rest, **more)

        with monkeypatch.context() as patch:
            patch.setattr(ProgressTold, "__call__", stopped)
            assert not job_work(job.id)
        job_moved(job, JobState.FAILED, "stopped")
        admin.post(f"{place}again/")
        done(newest())
        assert re.search(
            r"<b>Adopted [\d]+ sessions, [\d]+ lines, [\d]+ checkpoints?\.</b> [5-9]\d lines more were stored before",
            html_of(admin, place),
        )

    def test_the_plan_is_read_first_and_one_form_is_one_adoption(self, admin):
        address = scanned(admin)
        html = html_of(admin, f"{address}adopt/?key=agent:main:main&key=agent:main:aborted")
        assert "Adopt 2 session keys?" in html
        fields = hidden_fields(html, f'action="{address}adopt/"')
        sent = {**fields, "key": ["agent:main:main", "agent:main:aborted"], "owner": "ana"}
        places = {admin.post(f"{address}adopt/", sent)["Location"] for _ in range(2)}
        assert len(places) == 1
        job = done(newest())
        assert job.wish["keys"] == sent["key"]
        html = html_of(admin, places.pop())
        assert "Adopted 6 sessions" in html
        html = html_of(admin, f"/rescue/{job.id}/sessions/")
        assert html.count("Open archive") == 4
        assert html.count("Open chat") == 2
        assert "Adopted" in html_of(admin, "/rescue/")

    def test_these_without_a_tick_adopts_nothing(self, admin):
        address = scanned(admin)
        answer = admin.get(f"{address}adopt/?chosen=on", follow=True)
        assert answer.redirect_chain[-1][0] == f"{address}sessions/"
        assert "Nothing is ticked" in answer.content.decode()
        assert "Adopt 1 session key?" in html_of(admin, f"{address}adopt/?chosen=on&key=agent:main:main")

    def test_what_was_not_chosen_is_not_called_refused(self, admin):
        address = scanned(admin)
        place = admin.post(f"{address}adopt/", form(owner="ana", key="agent:main:aborted"))["Location"]
        done(newest())
        html = html_of(admin, place)
        assert "<dt>Not chosen</dt><dd>200</dd>" in html
        assert "<dt>Refused</dt><dd>0</dd>" in html
        assert "No file matches" in html_of(admin, f"{place}files/?trouble=on")

    def test_an_owner_who_is_not_there_is_said_so_in_the_form(self, admin):
        address = scanned(admin)
        answer = admin.post(f"{address}adopt/", form(owner="nobody"))
        assert answer.status_code == 404
        assert "There is no active account nobody." in answer.content.decode()
        assert 'value="nobody"' in answer.content.decode()

    def test_what_is_in_use_here_is_named_before(self, world, admin, tmp_path):
        made = Made(tmp_path / "store")
        made.live(world.key, str(uuid.uuid4()), ["one", "two"])
        world.talk()
        assert "In use here already" in html_of(admin, f"{scanned(admin, tmp_path / 'store')}adopt/")


def repaired(admin: Client, tmp_path: Path) -> tuple[str, str, Path]:
    """A store whose archive was restored in place: the addresses of its scan and of the repair, and the live file."""
    made, old = Made(tmp_path / "store"), str(uuid.uuid4())
    made.live("agent:main:main", str(uuid.uuid4()), ["new"])
    made.file(f"{old}.jsonl.reset.2026-11-20T15-59-30.000Z", talk(old, ["one", "two"]))
    address = scanned(admin, made.root)
    plan = admin.post(f"{address}repair/", form(restore=old, key="agent:main:main"))["Location"]
    done(newest())
    repair = admin.post(f"{plan}repair/apply/", form())["Location"]
    done(newest())
    return address, str(repair), made.sessions / f"{old}.jsonl"


class TestRepairing:
    def test_a_refused_plan_says_why_and_cannot_be_carried_out(self, admin):
        address = scanned(admin, STORES / REAL[2])
        assert "Fix missing…" not in html_of(admin, address), "the SQLite era is not repaired in place"
        place = admin.post(f"{address}repair/", form(fix_missing="true"))["Location"]
        done(newest())
        assert "sqlite-era" in html_of(admin, place)
        assert admin.post(f"{place}repair/apply/", form()).status_code == 400

    def test_a_scan_is_no_plan_and_nothing_to_undo(self, admin):
        address = scanned(admin)
        assert admin.post(f"{address}repair/apply/", form()).status_code == 400
        assert admin.post(f"{address}repair/undo/", form()).status_code == 400

    def test_an_undone_repair_says_so_and_is_undone_once(self, admin, tmp_path):
        address, repair, _ = repaired(admin, tmp_path)
        assert "it is as it should be" in html_of(admin, repair)
        assert "1 repair can still be undone from here" in html_of(admin, address)
        admin.post(f"{repair}repair/undo/", form())
        done(newest())
        html = html_of(admin, repair)
        assert "Undone by admin" in html
        assert "it is as it should be" not in html
        assert f'action="{repair}repair/undo/"' not in html
        assert "can still be undone" not in html_of(admin, address)
        assert admin.post(f"{repair}repair/undo/", form()).status_code == 400
        assert AuditEvent.objects.filter(type__startswith="store.").count() == 2

    def test_a_refused_undoing_leads_back_to_where_it_can_be_forced(self, admin, tmp_path):
        _, repair, restored = repaired(admin, tmp_path)
        with restored.open("a") as file:
            file.write("{}\n")
        undoing = admin.post(f"{repair}repair/undo/", form())["Location"]
        job = job_moved(newest(), JobState.RUNNING)
        assert not job_work(job.id)
        job_moved(job, JobState.FAILED, json_read(job.folder / OUTCOME_NAME)["words"])
        assert f'href="{repair}"' in html_of(admin, undoing)
        assert f'action="{repair}repair/undo/"' in html_of(admin, repair)

    def test_a_refused_plan_keeps_what_was_asked(self, admin, tmp_path):
        made = Made(tmp_path / "store")
        made.live("agent:main:main", str(uuid.uuid4()), ["new"])
        address = scanned(admin, tmp_path / "store")
        plan = admin.post(f"{address}repair/", form(restore="nothing-<b>", key="agent:main:x"))["Location"]
        done(newest())
        again = html_of(admin, plan).split("?again=")[1].split('"')[0]
        html = html_of(admin, f"{address}repair/?again={again}")
        assert 'value="nothing-&lt;b&gt;"' in html
        assert 'value="agent:main:x"' in html
