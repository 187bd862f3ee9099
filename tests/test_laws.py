"""The laws of the house under any order of what people and the server may do (docs/architecture.md)."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from sessions_app.errors import InvalidParamsError, RunInFlightError
from sessions_app.models import AuditEvent, Checkpoint, Conversation, Entry, Run, Session
from sessions_app.selectors.audit import audit_verify
from sessions_app.selectors.compaction import compaction_plan
from sessions_app.selectors.context import context_messages
from sessions_app.selectors.reachable import reachable_counted
from sessions_app.selectors.search import search
from sessions_app.selectors.search_backlog import backlog
from sessions_app.selectors.timeline import timeline
from sessions_app.services.branches import checkpoint_branch
from sessions_app.services.checkpoints import checkpoint_create
from sessions_app.services.compaction import session_compact
from sessions_app.services.conversations import conversation_create
from sessions_app.services.reset import reset_preview, session_reset
from sessions_app.services.restore import archive_restore, checkpoint_restore, position_restore
from sessions_app.services.runs import partials_save
from sessions_app.services.search import search_extend
from sessions_app.services.turn_control import run_abort, turn_retry
from sessions_app.services.turns import turn_submit
from sessions_app.values import SYSTEM, RunState
from tests.support.emptied import emptied
from tests.support.replay import Client, all_entries, fresh_client
from tests.support.rows import chain_digest
from tests.support.world import World, world_made
from tests.transfer.conftest import exported, imported

which = st.integers(0, 1_000)
two = st.sampled_from([0, 1])
ends = st.sampled_from([RunState.DONE, RunState.FAILED, RunState.ABORTED, RunState.INTERRUPTED])


class House(RuleBasedStateMachine):
    """Two conversations of ana's, and all that may happen to them."""

    world: World

    @initialize()
    def _begin(self):
        other = self.world.do(conversation_create, title="Other")
        self.keys = [self.world.key, other["sessionKey"]]
        self.clients: dict[str, Client] = {key: fresh_client(self.world.ana, key) for key in self.keys}
        self.moves: list[tuple[str, UUID, UUID]] = []
        self.pointers = {key: self._current(key) for key in self.keys}
        self.seen: dict[UUID, dict[int, str]] = {}
        self.words = 0

    def _current(self, key):
        return Conversation.objects.get(key=key).current_session_id

    def _pick(self, rows, number):
        found = list(rows)
        return found[number % len(found)] if found else None

    def _moving(self, verb, key, *, stop, **params):
        """A verb that may move the pointer of this key, and only with an answer running when it says to stop it."""
        old = self._current(key)
        is_open = Run.objects.filter(session=old, state__in=["queued", "running"]).exists()
        if is_open and not stop:
            with pytest.raises(RunInFlightError):
                self.world.do(verb, session_key=key, **params)
            return
        answer = self.world.do(verb, session_key=key, stop_run=stop, **params)
        assert UUID(answer["oldSessionId"]) == old
        self.moves.append((key, old, UUID(answer["newSessionId"])))
        self.pointers[key] = UUID(answer["newSessionId"])

    @rule(n=two)
    def send(self, n):
        self.words += 1
        message = f"message {self.words}"
        self.world.do(turn_submit, session_key=self.keys[n], session_id=self._current(self.keys[n]), message=message)

    @rule(end=ends, text=st.sampled_from(["", "answer ✓"]))
    def claim_and_finish(self, end, text):
        for row in self.world.claim():
            self.world.finish(row["runId"], text, end)

    @rule()
    def claim_and_stream(self):
        for row in self.world.claim():
            self.world.do(partials_save, SYSTEM, partials={UUID(row["runId"]): "half of an answer"})

    @rule(end=ends)
    def finish_what_runs(self, end):
        for run_id in Run.objects.filter(state="running").values_list("pk", flat=True):
            self.world.finish(str(run_id), "the rest", end)

    @rule(n=two, stop=st.booleans(), message=st.sampled_from([None, "first words"]))
    def reset(self, n, stop, message):
        key = self.keys[n]
        token = reset_preview(self.world.ana, session_key=key)["token"]
        believed = {"session_id": self._current(key), "confirmation": token}
        self._moving(session_reset, key, stop=stop, message=message, **believed)

    @rule(n=two, number=which, stop=st.booleans())
    def restore(self, n, number, stop):
        key = self.keys[n]
        archived = Session.objects.filter(conversation__key=key, ended_at__isnull=False).order_by("ended_at", "pk")
        if (session := self._pick(archived, number)) is not None:
            wanted = {"session_id": session.pk, "expected_current_session_id": self._current(key)}
            self._moving(archive_restore, key, stop=stop, **wanted)
            session.refresh_from_db()
            assert chain_digest(session.pk, session.archived_seq) == session.archived_digest

    @precondition(lambda self: self.moves)
    @rule()
    def undo(self):
        key, old, _ = self.moves[-1]
        if self._current(key) != old:
            wanted = {"session_id": old, "expected_current_session_id": self._current(key)}
            self._moving(archive_restore, key, stop=True, **wanted)

    @rule(n=two, number=which, seq=which)
    def checkpoint(self, n, number, seq):
        sessions = Session.objects.filter(conversation__key=self.keys[n], last_seq__gt=0).order_by("started_at", "pk")
        if (session := self._pick(sessions, number)) is not None:
            wanted = {"session_id": session.pk, "seq": 1 + seq % session.last_seq}
            self.world.do(checkpoint_create, session_key=self.keys[n], **wanted)

    @rule(n=two, number=which, stop=st.booleans())
    def restore_checkpoint(self, n, number, stop):
        key = self.keys[n]
        made = Checkpoint.objects.filter(conversation__key=key).order_by("created_at", "pk")
        if (checkpoint := self._pick(made, number)) is not None:
            wanted = {"checkpoint_id": checkpoint.pk, "expected_current_session_id": self._current(key)}
            self._moving(checkpoint_restore, key, stop=stop, **wanted)

    @rule(n=two, number=which, seq=which, stop=st.booleans())
    def restore_position(self, n, number, seq, stop):
        key = self.keys[n]
        sessions = Session.objects.filter(conversation__key=key, last_seq__gt=0).order_by("started_at", "pk")
        if (session := self._pick(sessions, number)) is not None:
            wanted = {"session_id": session.pk, "expected_current_session_id": self._current(key)}
            self._moving(position_restore, key, stop=stop, seq=1 + seq % session.last_seq, **wanted)

    @rule(n=two, number=which)
    def branch(self, n, number):
        made = Checkpoint.objects.filter(conversation__key=self.keys[n]).order_by("created_at", "pk")
        if (checkpoint := self._pick(made, number)) is not None:
            done = self.world.do(checkpoint_branch, session_key=self.keys[n], checkpoint_id=checkpoint.pk)
            self.pointers[done["sessionKey"]] = UUID(done["sessionId"])
            if len(self.keys) < 4:  # a few branches live on, so that branches of branches come about
                self.keys.append(done["sessionKey"])
                self.keys[n], self.keys[-1] = self.keys[-1], self.keys[n]

    @rule(n=two, number=which)
    def retry(self, n, number):
        key, current = self.keys[n], self._current(self.keys[n])
        busy = Run.objects.filter(session=current, state__in=["queued", "running"]).values("input_seq")
        ended = Run.objects.filter(session=current).exclude(input_seq__in=busy).order_by("created_at", "pk")
        if (run := self._pick(ended, number)) is not None:
            self.world.do(turn_retry, session_key=key, session_id=current, run_id=run.pk)

    @rule(n=two, number=which)
    def abort(self, n, number):
        runs = Run.objects.filter(session__conversation__key=self.keys[n]).order_by("created_at", "pk")
        if (run := self._pick(runs, number)) is not None:
            self.world.do(run_abort, session_key=self.keys[n], run_id=run.pk)

    @rule(n=two)
    def compact(self, n):
        """Whatever is current: the summary takes the place of what it stands for, and of nothing else."""
        key, current = self.keys[n], self._current(self.keys[n])
        try:
            plan = compaction_plan(self.world.ana, session_key=key, max_bytes=lambda _name: 10**6)
        except InvalidParamsError:
            return
        before, _ = context_messages(current, 10**6, max_bytes=10**6)
        text = f"summary of {plan.covers_seq}"
        self.world.do(session_compact, session_key=key, session_id=current, covers_seq=plan.covers_seq, summary=text)
        after, _ = context_messages(current, 10**6, max_bytes=10**6)
        assert after[0].text.endswith(text)
        rest = [message.text for message in after[1:]]
        told = iter([message.text for message in before])
        assert all(text in told for text in rest)  # in the same order, and nothing else

    @rule()
    def leave_and_come_back(self):
        """Exported, imported into an empty place and exported again, everything is what it was, byte for byte."""
        with TemporaryDirectory() as place:
            first, second = Path(place) / "first.tar.zst", Path(place) / "second.tar.zst"
            exported(first)
            with emptied():
                report = imported(first)
                assert (report["failed"], report["renamed"], report["archived"]) == ([], [], [])
                exported(second)
            assert second.read_bytes() == first.read_bytes()
            assert imported(first)["new"] == 0  # here it is already, and stays as it is

    @rule(n=two)
    def open_a_page(self, n):
        self.clients[self.keys[n]] = fresh_client(self.world.ana, self.keys[n])

    @rule(
        asked=st.sampled_from(
            [("message", "message"), ("answ*", "answer"), ('"half of"', "half of"), ("rest the", "the rest")]
        )
    )
    def search_finds_what_is_stored_and_permitted(self, asked):
        query, words = asked
        while (step := backlog()).is_news:
            self.world.do(search_extend, SYSTEM, backlog=step)
        stored = set(Entry.objects.filter(text__contains=words).values_list("session_id", "seq"))
        for actor, expected in ((self.world.ana, stored), (self.world.operator, stored), (self.world.bob, set())):
            found, cursor = [], ""
            while cursor is not None:
                page = search(actor, query=query, limit=7, cursor=cursor)
                found += [(UUID(hit["sessionId"]), hit["seq"]) for hit in page["hits"]]
                cursor = page["nextCursor"]
            assert (set(found), len(found)) == (expected, len(expected))

    @invariant()
    def every_session_is_in_its_timeline_and_one_is_current(self):
        for key, pointer in self.pointers.items():
            items = timeline(self.world.ana, session_key=key, limit=200)["items"]
            shown = {item["sessionId"] for item in items if item["type"] == "session"}
            stored = Session.objects.filter(conversation__key=key)
            assert shown == {str(pk) for pk in stored.values_list("pk", flat=True)}
            assert [item["sessionId"] for item in items if item.get("isCurrent")] == [str(pointer)]
            assert list(stored.filter(ended_at=None).values_list("pk", flat=True)) == [pointer]
        assert reachable_counted(None)["lost"] == []

    @invariant()
    def no_entry_is_ever_lost_or_changed_and_the_digests_hold(self):
        for session in Session.objects.select_related("conversation"):
            entries = all_entries(SYSTEM, session.conversation.key, session.pk)
            texts = {entry["seq"]: f"{entry['kind']} {entry['text']} {entry['data']}" for entry in entries}
            assert self.seen.get(session.pk, {}).items() <= texts.items()
            self.seen[session.pk] = texts
            assert session.digest == chain_digest(session.pk)
            assert session.messages == sum(entry["role"] in {"user", "assistant"} for entry in entries)

    @invariant()
    def every_move_is_audited_and_marked(self):
        rows = AuditEvent.objects.filter(outcome="ok", type__in=["session.reset", "session.restored"]).order_by("seq")
        assert [(row.session_key, row.old_session_id, row.new_session_id) for row in rows] == self.moves
        markers = Entry.objects.filter(kind="marker").exclude(data__type="session.branched").order_by("pk")
        assert [entry.data["auditId"] for entry in markers] == [row.seq for row in rows]
        assert audit_verify(self.world.admin)["ok"] is True

    @invariant()
    def replayed_events_tell_what_a_fresh_read_tells(self):
        for key, client in self.clients.items():
            assert client.caught_up(self.world.ana, key, page=40) == fresh_client(self.world.ana, key)


@pytest.mark.django_db
def test_the_laws_hold_under_any_order_of_things():
    world = world_made()

    class InOneTransaction(House):
        """Each example begins in the same world, and leaves nothing behind."""

        def __init__(self):
            super().__init__()
            self.world = world
            self._block = transaction.atomic()
            self._block.__enter__()

        def teardown(self):
            transaction.set_rollback(True)
            self._block.__exit__(None, None, None)

    run_state_machine_as_test(
        InOneTransaction,
        settings=settings(
            max_examples=12,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
