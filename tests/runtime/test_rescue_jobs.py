"""Jobs of the Rescue page: files that survive, processes that are ended without harm, one at a time."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
import uuid
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from sessions_app.errors import ForbiddenError, InvalidParamsError, NotFoundError, StorageUnavailableError
from sessions_app.models import AuditEvent, Entry
from sessions_app.runtime.rescue_jobs import job as jobs
from sessions_app.runtime.rescue_jobs.adopt_plan import adoption_planned
from sessions_app.runtime.rescue_jobs.asking import (
    adopt_ask,
    incoming_path,
    job_again,
    job_cancel,
    job_delete,
    jobs_seen,
    repair_ask,
    scan_ask,
    upload_ask,
)
from sessions_app.runtime.rescue_jobs.job import Job, JobKind, JobState, busy_lock, job_moved, job_read, jobs_all
from sessions_app.runtime.rescue_jobs.progress import ProgressTold, progress_read
from sessions_app.runtime.rescue_jobs.repairing import repair_facts
from sessions_app.runtime.rescue_jobs.report_pages import (
    report_files,
    report_findings,
    report_keys,
    report_overview,
)
from sessions_app.runtime.rescue_jobs.supervisor import Supervisor
from sessions_app.runtime.rescue_jobs.working import job_work
from tests.rescue.making import REAL, STORES, Made
from tests.runtime.test_rescue_unpacking import member, tar_of

pytestmark = pytest.mark.django_db
STORE = STORES / REAL[0]


@pytest.fixture(autouse=True)
def _own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir(mode=0o700)
    monkeypatch.setattr(settings, "DATA_DIR", data_dir)


def asked(world, path: Path | str = STORE) -> Job:
    return scan_ask(world.admin, path=str(path), request_id=uuid.uuid4().hex)


def worked(job: Job) -> Job:
    """Carried out in this process, where the database of the test is."""
    is_good = job_work(job_moved(job, JobState.RUNNING).id)
    return job_moved(job, JobState.DONE if is_good else JobState.FAILED)


def contents(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def words_of(job: Job) -> str:
    return str(json.loads((job.folder / jobs.OUTCOME_NAME).read_text())["words"])


class TestAsking:
    def test_a_job_is_private_files_and_waits(self, world):
        job = asked(world)
        assert (job.state, job.kind, job.by) == (JobState.WAITING, JobKind.SCAN, "admin")
        assert job_read(job.id) == job
        assert job.folder.stat().st_mode & 0o777 == 0o700
        assert (job.folder / "job.json").stat().st_mode & 0o777 == 0o600

    def test_a_form_sent_twice_is_one_job(self, world):
        for _ in range(2):
            scan_ask(world.admin, path=str(STORE), request_id="the same")
        assert len(jobs_seen(world.admin)) == 1

    def test_only_who_manages_may_ask_or_look(self, world):
        for actor in (world.ana, world.operator, world.auditor):
            with pytest.raises(ForbiddenError):
                scan_ask(actor, path=str(STORE), request_id="x")
            with pytest.raises(ForbiddenError):
                jobs_seen(actor)
        assert jobs_all() == []

    @pytest.mark.parametrize("path", ["", "  ", "/nowhere/at/all", __file__, "a\0b"])
    def test_what_is_no_directory_is_refused_at_once(self, world, path):
        with pytest.raises((NotFoundError, InvalidParamsError)):
            asked(world, path)
        assert jobs_all() == []

    def test_a_job_that_is_not_finished_is_not_deleted(self, world):
        job = asked(world)
        with pytest.raises(InvalidParamsError, match="not finished"):
            job_delete(world.admin, job.id)
        assert job_cancel(world.admin, job.id).state is JobState.CANCELLED
        job_delete(world.admin, job.id)
        assert not job.folder.exists()

    def test_adopting_needs_a_finished_scan_and_an_owner(self, world):
        job = asked(world)
        with pytest.raises(InvalidParamsError, match="Scan this store first"):
            adopt_ask(world.admin, job, wish={"owner": "ana"}, request_id="a")
        with pytest.raises(NotFoundError, match="nobody"):
            adopt_ask(world.admin, worked(job), wish={"owner": "nobody"}, request_id="a")


class TestReport:
    def test_a_scan_leaves_a_report_whose_sums_are_the_directory(self, world):
        job = worked(asked(world))
        found = report_overview(job)
        totals = found["totals"]
        assert totals["lines"] == sum(totals[n] for n in ("adopted", "duplicate", "unreadable", "refused")) == 210
        assert sum(found["kinds"].values()) == len([p for p in STORE.rglob("*") if p.is_file()])
        assert [row["severity"] for row in found["findings"]] == sorted(row["severity"] for row in found["findings"])

    def test_thousands_of_files_come_in_pages_that_miss_none(self, world, tmp_path):
        made = Made(tmp_path / "store")
        for n in range(120):
            made.file(f"{uuid.UUID(int=n)}.jsonl", [b'{"type":"x"'])
        job, paths, codes, cursors = worked(asked(world, tmp_path / "store")), [], [], ["", ""]
        while cursors[0] is not None:
            page = report_files(job, given={}, cursor=cursors[0])
            paths += [row["path"] for row in page["files"]]
            cursors[0] = page["nextCursor"]
        while cursors[1] is not None:
            page = report_findings(job, given={}, cursor=cursors[1])
            codes += [(row["severity"], row["code"], row["path"]) for row in page["findings"]]
            cursors[1] = page["nextCursor"]
        assert len(paths) == len(set(paths)) == 120
        assert len(codes) == len(set(codes)) == report_overview(job)["findingCount"]

    def test_filters_narrow_lists(self, world):
        job = worked(asked(world))
        assert {row["kind"] for row in report_files(job, given={"kind": "backup"})["files"]} == {"backup"}
        assert [g["sessionKey"] for g in report_keys(job, given={"key": "agent:main:main"})["keys"]] == [
            "agent:main:main"
        ]
        codes = {row["code"] for row in report_findings(job, given={"code": "header-missing"})["findings"]}
        assert codes == {"header-missing"}
        assert report_files(job, given={"q": "no such thing"})["files"] == []
        assert report_keys(job, given={"q": "%"})["keys"] == []

    def test_current_comes_first_and_orphans_are_named(self, world):
        group = report_keys(worked(asked(world)), given={"key": "agent:main:checkpoints"})["keys"][0]
        assert [(row["isCurrent"], row["isOrphan"]) for row in group["sessions"]] == [(True, False), (False, True)]

    def test_a_cursor_of_somebody_elses_is_refused(self, world):
        with pytest.raises(InvalidParamsError):
            report_files(worked(asked(world)), given={}, cursor="nonsense")


class TestAdopting:
    def test_all_arrives_and_a_repeat_adds_nothing(self, world):
        scan = worked(asked(world))
        first = worked(adopt_ask(world.admin, scan, wish={"owner": "bob"}, request_id="1"))
        assert report_overview(first)["made"]["sessions"] == 15
        before = Entry.objects.count()
        again = worked(adopt_ask(world.admin, scan, wish={"owner": "bob"}, request_id="2"))
        assert report_overview(again)["made"] == {"sessions": 0, "checkpoints": 0, "lines": 0}
        assert Entry.objects.count() == before
        rows = AuditEvent.objects.filter(type="session.adopted")
        assert set(rows.values_list("actor_label", "trigger")) == {("admin", "import")}

    def test_some_keys_are_those_keys_and_no_other(self, world):
        scan = worked(asked(world))
        keys = ["agent:main:truncated", "agent:main:aborted"]
        plan = adoption_planned(world.admin, scan, keys=keys)
        assert (plan["count"], plan["sessions"], [row["isUsed"] for row in plan["keys"]]) == (2, 4, [False, False])
        done = worked(adopt_ask(world.admin, scan, wish={"owner": "ana", "keys": keys}, request_id="1"))
        assert sorted(g["sessionKey"] for g in report_keys(done, given={})["keys"]) == sorted(keys)
        totals = report_overview(done)["totals"]
        assert totals["lines"] == sum(totals[n] for n in ("adopted", "duplicate", "unreadable", "refused"))
        assert totals["refused"] > 0, "what was not asked for is accounted for"
        assert all(row["isUsed"] is False for row in adoption_planned(world.admin, scan, keys=keys)["keys"])

    def test_the_plan_knows_where_somebody_wrote_already(self, world, tmp_path):
        made = Made(tmp_path / "store")
        made.live(world.key, str(uuid.uuid4()), ["one", "two"])
        scan = worked(asked(world, tmp_path / "store"))
        assert adoption_planned(world.admin, scan, keys=[])["keys"][0]["isUsed"] is False
        world.talk()
        assert adoption_planned(world.admin, scan, keys=[])["keys"][0]["isUsed"] is True


class TestUploads:
    def upload(self, world, content: bytes, name: str = "store.tgz") -> Job:
        path = incoming_path(uuid.uuid4())
        path.write_bytes(content)
        return upload_ask(world.admin, uploaded=path, name=name, request_id=uuid.uuid4().hex)

    def test_an_upload_is_unpacked_read_and_adopted_under_its_own_name(self, world):
        files = [(p.relative_to(STORE), p.read_bytes()) for p in sorted(STORE.rglob("*")) if p.is_file()]
        archive = tar_of(*(member(f".openclaw/{path}", content) for path, content in files), mode="w:gz")
        scan = worked(self.upload(world, archive, "C:\\My Files\\store.tgz"))
        assert (scan.upload, report_overview(scan)["root"]) == ("store.tgz", "store.tgz")
        assert report_overview(scan)["totals"]["lines"] == 210
        assert not (scan.folder / "upload").exists(), "what it held is enough"
        done = worked(adopt_ask(world.admin, scan, wish={"owner": "ana"}, request_id="1"))
        assert report_overview(done)["made"]["sessions"] == 15
        job_delete(world.admin, scan.id)
        assert jobs_all() == []
        assert Entry.objects.exists()

    def test_a_hostile_one_fails_in_words_and_leaves_nothing(self, world):
        job = worked(self.upload(world, tar_of(member("../../out"))))
        assert job.state is JobState.FAILED
        assert "outside of itself" in words_of(job)
        assert sorted(p.name for p in job.folder.iterdir()) == ["job.json", "outcome.json", "progress.json"]
        assert not (settings.DATA_DIR / "out").exists()

    def test_an_upload_that_broke_off_is_swept_away(self, world):
        left = incoming_path(uuid.uuid4())
        left.write_bytes(b"half")
        os.utime(left, (1, 1))
        incoming_path(uuid.uuid4())
        assert not left.exists()


class TestRepairs:
    def test_a_plan_is_confirmed_carried_out_recorded_and_undone(self, world, tmp_path):
        shutil.copytree(STORE, tmp_path / "store")
        before = contents(tmp_path / "store")
        scan = worked(asked(world, tmp_path / "store"))
        archive = next(row for row in report_files(scan, given={"kind": "reset-archive"})["files"])
        wish = {"restore": archive["path"], "force": True}
        plan = worked(repair_ask(world.admin, JobKind.REPAIR_PLAN, scan, wish=wish, request_id="p"))
        assert repair_facts(plan)["ok"], repair_facts(plan)
        assert contents(tmp_path / "store") == before, "a plan changes nothing"
        done = worked(repair_ask(world.admin, JobKind.REPAIR, scan, wish={"plan": str(plan.id)}, request_id="r"))
        assert repair_facts(done)["verified"] is True
        shown = repair_facts(done)["shown"][0]
        assert (shown["key"], shown["sessionId"]) == (archive["sessionKey"], archive["sessionId"])
        wish = {"backup": repair_facts(done)["backup"]}
        worked(repair_ask(world.admin, JobKind.UNDO, scan, wish=wish, request_id="u"))
        assert contents(tmp_path / "store") == before
        rows = AuditEvent.objects.filter(type__startswith="store.").order_by("seq")
        assert list(rows.values_list("type", "actor_label", "trigger")) == [
            ("store.repaired", "admin", "ui-button"),
            ("store.repair_undone", "admin", "ui-button"),
        ]

    def test_a_repair_that_was_cut_off_goes_on_when_started_again(self, world, tmp_path, monkeypatch):
        shutil.copytree(STORE, tmp_path / "store")
        scan = worked(asked(world, tmp_path / "store"))
        archive = next(row for row in report_files(scan, given={"kind": "reset-archive"})["files"])
        wish = {"restore": archive["path"], "force": True}
        plan = worked(repair_ask(world.admin, JobKind.REPAIR_PLAN, scan, wish=wish, request_id="p"))
        job = repair_ask(world.admin, JobKind.REPAIR, scan, wish={"plan": str(plan.id)}, request_id="r")
        steps = iter(range(3))

        def cut_off(self, phase, *_rest, **_more):
            if next(steps, None) is None:
                raise StorageUnavailableError("cut off")

        with monkeypatch.context() as patch:
            patch.setattr(ProgressTold, "__call__", cut_off)
            assert worked(job).state is JobState.FAILED
        done = worked(job_again(world.admin, job.id))
        assert (done.state, repair_facts(done)["verified"]) == (JobState.DONE, True)

    def test_an_upload_is_not_repaired(self, world):
        scan = worked(TestUploads().upload(world, tar_of(member("sessions.json", b"{}"))))
        with pytest.raises(InvalidParamsError, match="An upload is a copy"):
            repair_ask(world.admin, JobKind.REPAIR_PLAN, scan, wish={"fix_missing": True}, request_id="p")


class TestProgress:
    def test_it_tells_how_far_and_how_long(self, world, monkeypatch):
        job = asked(world)
        now = time.time()
        told = ProgressTold(job.folder)
        told("reading", 0, 1000, "a.jsonl")
        monkeypatch.setattr(time, "time", lambda: now + 10)
        told("reading", 250, 1000, "b\udcff.jsonl")
        found = progress_read(job)
        assert (found["percent"], found["secondsLeft"], found["what"]) == (25, 30, "b\\xff.jsonl")

    def test_work_ends_when_its_server_is_gone(self, world):
        job = asked(world)
        assert job_work(job_moved(job, JobState.RUNNING).id, parent=os.getppid() + 1_000_000) is False
        assert "server" in words_of(job)


class TestStates:
    def test_a_job_of_a_server_that_was_killed_is_interrupted_and_starts_again(self, world):
        job = job_moved(asked(world), JobState.RUNNING)
        found = job_read(job.id)
        assert (found.state, "start it again" in found.words) == (JobState.INTERRUPTED, True)
        assert job_again(world.admin, job.id).state is JobState.WAITING
        assert worked(job_read(job.id)).state is JobState.DONE

    def test_while_somebody_works_it_is_running(self, world):
        job = job_moved(asked(world), JobState.RUNNING)
        lock = busy_lock()
        assert lock is not None
        assert job_read(job.id).state is JobState.RUNNING
        assert busy_lock() is None, "one at a time"
        os.close(lock)

    def test_a_done_job_is_not_started_again(self, world):
        job = worked(asked(world))
        assert job_again(world.admin, job.id).state is JobState.DONE

    def test_a_broken_job_file_is_no_job(self, world):
        job = asked(world)
        (job.folder / "job.json").write_text('{"kind": "sca')
        with pytest.raises(NotFoundError):
            job_read(job.id)
        assert jobs_all() == []


@pytest.mark.skipif(connection.vendor != "sqlite", reason="the process has a database of its own, an empty one")
class TestSupervisor:
    """With real processes. Theirs is another place, where nobody asked for anything, so they fail; what matters is how they end."""

    def test_each_job_is_carried_out_and_its_end_recorded(self, world):
        first, second = asked(world), asked(world)
        Supervisor().run_waiting()
        for job in (first, second):
            found = job_read(job.id)
            assert (found.state, bool(found.words)) == (JobState.FAILED, True)
            assert found.times["began"] <= found.times["ended"]
        assert job_read(first.id).times["ended"] <= job_read(second.id).times["began"], "one at a time, in order"

    def test_cancel_and_stop_end_a_process_within_a_moment(self, world, monkeypatch):
        monkeypatch.setattr("sessions_app.runtime.rescue_jobs.supervisor._command", lambda job: ["sleep", "60"])
        cancelled = asked(world)
        supervisor = Supervisor()
        supervisor.start()
        self._until(lambda: job_read(cancelled.id).state is JobState.RUNNING)
        job_cancel(world.admin, cancelled.id)
        self._until(lambda: job_read(cancelled.id).state is JobState.CANCELLED)
        stopped, waiting = asked(world), asked(world)
        supervisor.wake()
        self._until(lambda: job_read(stopped.id).state is JobState.RUNNING)
        supervisor.stop()
        assert job_read(stopped.id).state is JobState.INTERRUPTED
        assert job_read(waiting.id).state is JobState.WAITING
        assert not [t for t in threading.enumerate() if t.name == "rescue-jobs"]

    def _until(self, holds) -> None:
        until = time.monotonic() + 60
        while not holds():
            assert time.monotonic() < until
            time.sleep(0.02)
