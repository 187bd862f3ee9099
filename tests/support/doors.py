"""Everybody at every door: who calls, what each method and page is asked, and how the answer reads in docs/permissions.md."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from sessions_app import access
from sessions_app.errors import HoldfastError, UnauthenticatedError
from sessions_app.models import ApiToken, User
from sessions_app.runtime.rescue_jobs.asking import jobs_of
from sessions_app.runtime.rescue_jobs.job import (
    Job,
    JobKind,
    JobState,
    job_forget,
    job_moved,
    job_read,
    jobs_folder,
    json_write,
)
from sessions_app.runtime.rescue_jobs.working import job_work
from sessions_app.services.checkpoints import checkpoint_create
from sessions_app.services.people import sign_in_link_create
from sessions_app.services.reading import session_open
from sessions_app.services.reset import reset_preview
from sessions_app.services.restart import restart_preview
from sessions_app.services.tokens import token_create
from sessions_app.values import Actor, RunState
from tests.support.world import World

ROLES = ["owner", "other user", "operator", "auditor", "admin", "read-only token", "disabled", "anonymous"]
STORE = Path(__file__).parents[1] / "rescue" / "stores" / "store-2026.4.21"
YES, NO, SIGN_IN, REASON = "yes", "no", "sign in", "reason"


@dataclass(frozen=True)
class Caller:
    """Somebody with a browser or a program; `actor` is None for nobody."""

    client: Client
    actor: Actor | None = None

    def rpc(self, method: str, params: dict[str, Any]) -> str:
        """Call a method; what became of it."""
        body = self.client.post(f"/rpc/{method}", json.dumps(params), content_type="application/json").json()
        code = "" if body["ok"] else body["error"]["code"]
        return {"": YES, "forbidden": NO, "unauthenticated": SIGN_IN, "reason_required": REASON}.get(code, code)

    def page(self, verb: str, address: str, form: dict[str, Any]) -> str:
        """Open a page or send a form; what became of it."""
        answer = getattr(self.client, verb.lower())(address, form)
        leads_to_sign_in = answer.status_code == 302 and answer["Location"].startswith("/signin/?next=")
        if leads_to_sign_in or answer.status_code == 401:
            return SIGN_IN
        is_open = answer.status_code < 400 or (address, answer.status_code) == ("/readyz", 503)  # no server runs here
        return YES if is_open else {403: NO, 428: REASON}.get(answer.status_code, f"{answer.status_code}")


@dataclass(frozen=True)
class Place:
    """Ana's conversation with something in it for every method."""

    world: World
    archived: str
    checkpoint: str
    failed_run: str

    @property
    def key(self) -> str:
        return self.world.key

    @property
    def current(self) -> str:
        return str(self.world.current)

    def open(self, actor: Actor | None) -> None:
        """Have this actor say why they read all of it."""
        for session in (self.archived, self.current):
            params = {"session_key": self.key, "session_id": UUID(session), "reason": "ticket 7"}
            self.world.do(session_open, actor, **params)

    def waiting_run(self) -> str:
        """A run that has not begun; any run where ana's account is disabled and she cannot send."""
        with contextlib.suppress(UnauthenticatedError):
            return str(self.world.say("fourth")["runId"])
        return self.failed_run

    def confirmation(self, actor: Actor | None) -> str:
        """A reset's token for this actor; none for who may not even look."""
        return _token(actor, lambda who: reset_preview(who, session_key=self.key))


def _token(actor: Actor | None, preview: Callable[[Actor], dict[str, Any]]) -> str:
    try:
        return str(preview(actor)["token"]) if actor else ""
    except HoldfastError:
        return ""


def place_made(world: World) -> Place:
    """An archived session with a checkpoint, and a current one whose newest answer failed."""
    world.talk("first", "one")
    made = world.do(checkpoint_create, session_key=world.key, session_id=world.current, label="here")
    archived = world.current
    world.reset()
    world.talk("second", "two")
    failed = world.say("third")["runId"]
    world.claim()
    world.finish(failed, state=RunState.FAILED)
    return Place(world, str(archived), made["checkpointId"], failed)


def caller(world: World, role: str) -> Caller:
    """Somebody of this role; a disabled account is the owner's, disabled after its browser had signed in."""
    if role == "anonymous":
        return Caller(Client())
    if role == "read-only token":
        made = world.do(token_create, world.ana, username="ana", name="reader", scopes=["read"])
        client = Client(headers={"Authorization": f"Bearer {made['token']}"})
        return Caller(client, access.actor_for_token(ApiToken.objects.select_related("user").get(pk=made["tokenId"])))
    people = {"owner": "ana", "disabled": "ana", "other user": "bob", "operator": "olga", "auditor": "andre"}
    user = User.objects.get(username=people.get(role, role))
    client = Client()
    client.force_login(user)
    if role == "disabled":
        User.objects.filter(pk=user.pk).update(is_active=False)
    return Caller(client, access.actor_for_user(user))


Params = dict[str, Any]
Case = Callable[[Place, Actor | None], Params]


def _key(place: Place, **more: Any) -> Params:
    return {"sessionKey": place.key, **more}


def _write(place: Place, **more: Any) -> Params:
    return _key(place, requestId=uuid4().hex, **more)


def _back(place: Place, **more: Any) -> Params:
    return _write(place, expectedCurrentSessionId=place.current, **more)


METHOD_CASES: dict[str, Case] = {
    "chat.send": lambda p, a: _key(p, sessionId=p.current, message="hi", idempotencyKey=uuid4().hex),
    "chat.history": lambda p, a: _key(p),
    "chat.abort": lambda p, a: _write(p, runId=p.waiting_run()),
    "chat.retry": lambda p, a: _write(p, sessionId=p.current, runId=p.failed_run),
    "events.sync": lambda p, a: _key(p),
    "sessions.list": lambda p, a: {},
    "sessions.get": lambda p, a: _key(p),
    "sessions.open": lambda p, a: _write(p, sessionId=p.current, reason="ticket 7"),
    "access.list": lambda p, a: {},
    "sessions.create": lambda p, a: {"title": "New", "requestId": uuid4().hex},
    "sessions.patch": lambda p, a: _write(p, title="Other"),
    "sessions.reset.preview": lambda p, a: _key(p),
    "sessions.compact": lambda p, a: _write(p, sessionId=p.current),
    "sessions.reset": lambda p, a: _write(p, sessionId=p.current, confirmation=p.confirmation(a)),
    "archives.list": lambda p, a: {},
    "archives.preview": lambda p, a: _key(p, sessionId=p.archived),
    "archives.restore": lambda p, a: _back(p, sessionId=p.archived),
    "checkpoints.create": lambda p, a: _write(p, sessionId=p.current),
    "checkpoints.list": lambda p, a: _key(p),
    "checkpoints.preview": lambda p, a: _key(p, checkpointId=p.checkpoint),
    "checkpoints.restore": lambda p, a: _back(p, checkpointId=p.checkpoint),
    "checkpoints.branch": lambda p, a: _write(p, checkpointId=p.checkpoint),
    "sessions.moves": lambda p, a: _key(p),
    "sessions.compare": lambda p, a: {"sessionId": str(p.current), "otherId": str(p.current)},
    "audit.list": lambda p, a: {},
    "audit.verify": lambda p, a: {},
    "gateway.restart.preview": lambda p, a: {},
    "gateway.restart": lambda p, a: {"confirmation": _token(a, restart_preview), "requestId": uuid4().hex},
    "hooks.list": lambda p, a: {},
    "hooks.redeliver": lambda p, a: {"dead": True, "requestId": uuid4().hex},
    "search.query": lambda p, a: {"query": "first", "sessionKey": p.key},
    "search.where": lambda p, a: {"query": p.key},
    "gateway.status": lambda p, a: {},
}


def _form(**fields: Any) -> Params:
    return {"request_id": uuid4().hex, **fields}


def _link(place: Place, _actor: Actor | None) -> Params:
    made = place.world.do(sign_in_link_create, place.world.admin, username="bob")
    return {"address": {"token": made["token"]}}


def _own_token(place: Place, actor: Actor | None) -> Params:
    owner = actor if actor and actor.label in {"ana", "bob", "olga", "andre", "admin"} else place.world.bob
    user = User.objects.get(username=owner.label)
    if not user.is_active:
        return _form(token_id=0)
    return _form(
        token_id=place.world.do(token_create, owner, username=owner.label, name="t", scopes=["read"])["tokenId"]
    )


def _store(place: Place, actor: Actor | None) -> Params:
    """A store that was looked at; made again when somebody deleted it."""
    del actor
    job_id = uuid5(NAMESPACE_URL, "a store for doors")
    if not (jobs_folder() / str(job_id) / "job.json").exists():
        user_id = place.world.admin.user_id
        assert user_id is not None
        job = Job(job_id, JobKind.SCAN, user_id, "admin", path=str(STORE), wish={"path": str(STORE)})
        job_work(job_moved(job, JobState.WAITING).id)
        job_moved(job, JobState.DONE)
    for each in jobs_of(job_read(job_id)):  # of doors before
        job_forget(each)
    return {"address": {"job": str(job_id)}}


def _repair(place: Place, actor: Actor | None, kind: JobKind, says: Params) -> Params:
    """A step of a repair of that store, finished; nothing was repaired."""
    scan = job_read(UUID(_store(place, actor)["address"]["job"]))
    job = Job(uuid5(NAMESPACE_URL, kind), kind, scan.user_id, "admin", path=scan.path, of=scan.id)
    json_write(job_moved(job, JobState.DONE).folder / "report.json", says)
    return {**_form(), "address": {"job": str(job.id)}}


PASSWORDS = {"new_password1": "a harbour in winter", "new_password2": "a harbour in winter"}
# "GET name" or "POST name": the form; what belongs into the address stands under "address"
PAGE_CASES: dict[str, Case] = {
    "GET livez": lambda p, a: {},
    "GET readyz": lambda p, a: {},
    "GET metrics": lambda p, a: {},
    "GET home": lambda p, a: {},
    "GET signin": lambda p, a: {},
    "POST signin": lambda p, a: {"username": "bob", "password": "correct horse"},
    "GET signin-link": _link,
    "POST signout": lambda p, a: {},
    "GET password": lambda p, a: {},
    "POST password": lambda p, a: _form(**PASSWORDS),
    "POST theme": lambda p, a: _form(theme="dark"),
    "GET own-account": lambda p, a: {},
    "GET own-access": lambda p, a: {},
    "GET reading": lambda p, a: {"key": p.key, "session": p.current},
    "POST reading": lambda p, a: _form(key=p.key, session=p.current, reason="ticket 7"),
    "POST token-create": lambda p, a: _form(name="mine", scopes=["read"]),
    "POST token-revoke": _own_token,
    "GET chat-list": lambda p, a: {},
    "POST chat-new": lambda p, a: _form(title="New"),
    "GET chat": lambda p, a: {},
    "GET chat-entries": lambda p, a: {},
    "GET entry-text": lambda p, a: {"address": {"session": p.current, "seq": 2}},
    "GET chat-timeline": lambda p, a: {},
    "GET chat-moves": lambda p, a: {},
    "POST chat-send": lambda p, a: _form(session_id=p.current, message="hi"),
    "POST conversation-patch": lambda p, a: _form(title="Other"),
    "POST run-abort": lambda p, a: _form(run_id=p.waiting_run()),
    "POST run-retry": lambda p, a: _form(session_id=p.current, run_id=p.failed_run),
    "GET chat-reset": lambda p, a: {},
    "POST chat-reset": lambda p, a: _form(session_id=p.current, confirmation=p.confirmation(a)),
    "POST compact": lambda p, a: _form(session_id=p.current),
    "POST restore": lambda p, a: _form(session_id=p.archived, expected_current_session_id=p.current),
    "POST position-restore": lambda p, a: _form(session_id=p.archived, seq=1, expected_current_session_id=p.current),
    "POST position-branch": lambda p, a: _form(session_id=p.archived, seq=1),
    "POST message-edit": lambda p, a: _form(session_id=p.current, seq=2),
    "POST checkpoint-create": lambda p, a: _form(session_id=p.current, label="now"),
    "POST checkpoint-rename": lambda p, a: _form(checkpoint_id=p.checkpoint, label="there"),
    "POST checkpoint-restore": lambda p, a: _form(checkpoint_id=p.checkpoint, expected_current_session_id=p.current),
    "POST checkpoint-branch": lambda p, a: _form(checkpoint_id=p.checkpoint),
    "GET checkpoint-preview": lambda p, a: {"address": {"checkpoint": p.checkpoint}},
    "GET archive-preview": lambda p, a: {"address": {"session": p.archived}},
    "GET archive-compare": lambda p, a: {"address": {"session": p.archived}},
    "GET compare": lambda p, a: {"one": p.archived, "other": p.current},
    "GET sessions": lambda p, a: {},
    "GET session": lambda p, a: {"address": {"session": p.current}},
    "GET session-markdown": lambda p, a: {"address": {"session": p.current}},
    "GET session-html": lambda p, a: {"address": {"session": p.current}},
    "GET session-trace": lambda p, a: {"address": {"session": p.current}},
    "GET session-print": lambda p, a: {"address": {"session": p.current}},
    "GET session-json-lines": lambda p, a: {"address": {"session": p.current}},
    "GET archives": lambda p, a: {},
    "GET search": lambda p, a: {"q": "first"},
    "GET where": lambda p, a: {"q": p.key},
    "GET audit": lambda p, a: {},
    "GET audit-csv": lambda p, a: {},
    "GET audit-json-lines": lambda p, a: {},
    "GET operations": lambda p, a: {},
    "POST operations-check": lambda p, a: {},
    "GET operations-check": lambda p, a: {},
    "POST plan-apply": lambda p, a: {"plan": "none"},
    "POST hook-redeliver": lambda p, a: _form(dead="true"),
    "GET restart": lambda p, a: {},
    "POST restart": lambda p, a: _form(confirmation=_token(a, restart_preview)),
    "GET rescue": lambda p, a: {},
    "POST rescue-scan": lambda p, a: _form(path=str(STORE)),
    "POST rescue-upload": lambda p, a: _form(archive=SimpleUploadedFile("store.zip", b"PK")),
    "GET rescue-job": _store,
    "GET rescue-progress": _store,
    "GET rescue-sessions": _store,
    "GET rescue-files": _store,
    "GET rescue-findings": _store,
    "GET rescue-report": _store,
    "POST rescue-cancel": _store,
    "POST rescue-again": _store,
    "POST rescue-delete": _store,
    "GET rescue-repair": _store,
    "POST rescue-repair": lambda p, a: {**_form(fix_missing="true"), **_store(p, a)},
    "POST rescue-repair-apply": lambda p, a: _repair(p, a, JobKind.REPAIR_PLAN, {"ok": True, "words": ["Do it."]}),
    "POST rescue-repair-undo": lambda p, a: _repair(p, a, JobKind.REPAIR, {"backup": "/nowhere"}),
    "GET rescue-adopt": _store,
    "POST rescue-adopt": lambda p, a: {**_form(owner="ana"), **_store(p, a)},
    "GET people": lambda p, a: {},
    "POST people": lambda p, a: _form(username="zoe", groups=["User"]),
    "GET person": lambda p, a: {"address": {"username": "bob"}},
    "POST person-change": lambda p, a: {**_form(groups=["User"]), "address": {"username": "bob"}},
    "POST person-link": lambda p, a: {**_form(), "address": {"username": "bob"}},
}


def page_names() -> dict[str, str]:
    """Every page of ours by name, with its route; Django's own admin pages and `/rpc` are not among them."""

    def walk(patterns: list[Any], before: str) -> dict[str, str]:
        found: dict[str, str] = {}
        for pattern in patterns:
            route = before + str(pattern.pattern)
            if isinstance(pattern, URLResolver) and pattern.app_name != "admin":
                found |= walk(pattern.url_patterns, route)
            elif isinstance(pattern, URLPattern) and pattern.name and pattern.name != "rpc":
                found[pattern.name] = f"/{route}"
        return found

    return walk(get_resolver().url_patterns, "")


def address_of(place: Place, name: str, more: dict[str, Any]) -> str:
    """The address of a page in this place."""
    needs_key = "<str:key>" in page_names()[name]
    return reverse(name, kwargs={**({"key": place.key} if needs_key else {}), **more})
