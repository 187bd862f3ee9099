"""A small world for tests: people of every role, and conversations they talk in."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth.models import Group
from django.db import transaction

from sessions_app import access
from sessions_app.models import Conversation, Entry, Session, User
from sessions_app.runtime.bootstrap import rows_ready
from sessions_app.runtime.settle import settle_alone
from sessions_app.services.conversations import conversation_add
from sessions_app.services.reset import reset_preview, session_reset
from sessions_app.services.runs import runs_claim, turn_finish
from sessions_app.services.turns import turn_submit
from sessions_app.values import SYSTEM, Actor, Call, Command, Json, RunState, Trigger, Verb


def request_id() -> str:
    """A fresh one."""
    return uuid.uuid4().hex


def command(
    verb: Verb, actor: Actor, request: str | None = None, trigger: Trigger = Trigger.RPC, **params: Any
) -> Command:
    """A command with a fresh request id, unless one is given."""
    return Command(verb, Call(actor, trigger, request_id() if request is None else request), params)


@dataclass(frozen=True)
class World:
    """Actors by role, and the key of ana's conversation."""

    ana: Actor
    bob: Actor
    operator: Actor
    auditor: Actor
    admin: Actor
    key: str

    @property
    def conversation(self) -> Conversation:
        """Ana's conversation as it is stored now."""
        return Conversation.objects.get(key=self.key)

    @property
    def current(self) -> UUID:
        """The id of its current session."""
        current = self.conversation.current_session_id
        assert current is not None
        return current

    @property
    def session(self) -> Session:
        """Its current session as it is stored now."""
        return Session.objects.get(pk=self.current)

    def texts(self, session_id: UUID | None = None) -> list[str]:
        """The texts of the messages of a session's own entries, in order."""
        entries = Entry.objects.filter(session=session_id or self.current, kind="message").order_by("seq")
        return list(entries.values_list("text", flat=True))

    def do(self, verb: Verb, actor: Actor | None = None, **params: Any) -> Json:
        """Carry out a verb as ana, or somebody else."""
        return settle_alone(command(verb, actor or self.ana, **params)).result()

    def say(self, message: str = "hello") -> Json:
        """Ana sends a message; its run stays queued."""
        return self.do(turn_submit, session_key=self.key, session_id=self.current, message=message)

    def talk(self, message: str = "hello", answer: str = "hi") -> Json:
        """Ana sends a message and gets an answer."""
        sent = self.say(message)
        self.claim()
        self.finish(sent["runId"], answer)
        return sent

    def claim(self) -> list[Json]:
        """The system takes queued runs."""
        claimed: list[Json] = self.do(runs_claim, SYSTEM, instance_id=None, limit=100)["runs"]
        return claimed

    def finish(self, run_id: str, text: str = "hi", state: RunState = RunState.DONE) -> Json:
        """The system ends a running run."""
        return self.do(turn_finish, SYSTEM, run_id=UUID(run_id), state=state, text=text)

    def reset(self, actor: Actor | None = None, **params: Any) -> Json:
        """A confirmed reset."""
        preview = reset_preview(actor or self.ana, session_key=self.key)
        wanted = {"session_key": self.key, "session_id": UUID(preview["sessionId"]), "confirmation": preview["token"]}
        return self.do(session_reset, actor, **{**wanted, **params})


def person(username: str, *groups: str) -> Actor:
    """A new account in some groups."""
    user = User.objects.create_user(username, password="correct horse")
    user.groups.set(Group.objects.filter(name__in=groups))
    return access.actor_for_user(user)


def world_made() -> World:
    """Everybody, and one empty conversation of ana's."""
    rows_ready()
    ana = person("ana", "User")
    assert ana.user_id is not None
    with transaction.atomic():
        conversation_add(Call(ana, Trigger.RPC), key="agent:main:ana", owner_id=ana.user_id, title="Release planning")
    return World(
        ana=ana,
        bob=person("bob", "User"),
        operator=person("olga", "Operator"),
        auditor=person("andre", "Auditor"),
        admin=access.actor_for_user(User.objects.get(username="admin")),
        key="agent:main:ana",
    )
