"""The Rescue pages: asking, watching, reading, adopting; what a form may not do, and what names of files cannot do to a page."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from sessions_app.models import User
from sessions_app.runtime.rescue_jobs.job import Job, JobState, job_moved, job_read, jobs_all, jobs_folder
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


class TestAdopting:
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
