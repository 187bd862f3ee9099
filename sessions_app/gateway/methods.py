"""The methods of the protocol: from parameters to a selector or a verb. One table, for sockets and for `/rpc`.

The trigger is set here from the way in, never believed from the wire.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from sessions_app.errors import InvalidParamsError, TextInvalidError, UnknownMethodError
from sessions_app.gateway import operator_params as op
from sessions_app.gateway import params as p
from sessions_app.gateway import reading_params as rp
from sessions_app.gateway import search_params as sp
from sessions_app.runtime import status
from sessions_app.runtime.compaction import Wanted
from sessions_app.selectors import (
    accounting,
    archives,
    audit,
    checkpoints,
    compare,
    conversations,
    events,
    hooks,
    moves,
    sessions,
    transcript,
)
from sessions_app.selectors import search as searching
from sessions_app.selectors.where import where
from sessions_app.services import branches, reset, restart, restore, turn_control, turns
from sessions_app.services import checkpoints as checkpoint_verbs
from sessions_app.services import conversations as conversation_verbs
from sessions_app.services import hooks as hook_verbs
from sessions_app.services import reading as reading_verbs
from sessions_app.values import Actor, ActorKind, Call, Command, Json, Trigger, Verb


@dataclass(frozen=True, slots=True)
class Method:
    """One method: its parameters, and either a read or a verb.

    Attributes:
        name: e.g. `chat.send`.
        params: model of its parameters.
        summary: one sentence for docs/protocol.md.
        read: a selector over (actor, parameters).
        verb: a verb; parameters but the request id become its own.
        compacts: an agent writes a summary first; `wanted` says of what, and `runtime.compaction` carries it out.
        request_id: name of the parameter that makes a repeat safe.
    """

    name: str
    params: type[BaseModel]
    summary: str
    read: Callable[[Actor, Json], Json] | None = None
    verb: Verb | None = None
    compacts: bool = False
    request_id: str = "request_id"

    def command(self, actor: Actor, values: Json) -> Command:
        """The verb call for these parameters; `commandText` is believed from people only, who typed it into the page."""
        assert self.verb is not None
        rest = {name: value for name, value in values.items() if name != self.request_id}
        if "command_text" in rest and actor.kind is not ActorKind.USER:
            rest["command_text"] = ""
        trigger = Trigger.RPC if actor.kind is ActorKind.TOKEN else Trigger.UI_BUTTON
        if rest.get("command_text"):
            trigger = Trigger.SLASH_COMMAND
        return Command(self.verb, Call(actor, trigger, values.get(self.request_id) or ""), rest)

    def wanted(self, actor: Actor, values: Json) -> Wanted:
        """What a call of a method that compacts asks for."""
        trigger = Trigger.RPC if actor.kind is ActorKind.TOKEN else Trigger.UI_BUTTON
        return Wanted(Call(actor, trigger, values[self.request_id]), values["session_key"], values["session_id"])


def method_named(name: str) -> Method:
    """A method of the table.

    Raises:
        UnknownMethodError: there is none of this name.
    """
    try:
        return METHODS[name]
    except KeyError:
        raise UnknownMethodError(
            f"There is no method {name[:80]!r}. docs/protocol.md lists them.", method=name[:80]
        ) from None


def params_parse(model: type[BaseModel], raw: Json) -> Json:
    """Check parameters.

    Returns:
        Values by the verbs' names.

    Raises:
        TextInvalidError: a string holds half of a surrogate pair.
        InvalidParamsError: anything else does not fit; details name each field.
    """
    try:
        parsed = model.model_validate(raw)
    except ValidationError as error:
        problems = [
            {"field": ".".join(map(str, e["loc"])), "problem": e["msg"]} for e in error.errors(include_input=False)
        ]
        first = problems[0]
        if any(e["type"] == "string_unicode" for e in error.errors(include_input=False)):
            raise TextInvalidError(f"{first['field']} holds a broken character.", problems=problems) from error
        raise InvalidParamsError(f"{first['field']}: {first['problem']}", problems=problems) from error
    return {name: getattr(parsed, name) for name in type(parsed).model_fields}


def _plain(selector: Callable[..., Json]) -> Callable[[Actor, Json], Json]:
    """A selector that takes the parameters by their names."""
    return lambda actor, values: selector(actor, **values)


def _session_or_conversation(actor: Actor, values: Json) -> Json:
    if values["session_id"] is not None:
        return sessions.session_get(actor, session_id=values["session_id"])
    if values["session_key"] is None:
        raise InvalidParamsError("Give sessionKey or sessionId.", field="sessionKey")
    return conversations.conversation_get(actor, session_key=values["session_key"])


def _audit_list(actor: Actor, values: Json) -> Json:
    return audit.audit_list(actor, actor_label=values.pop("actor"), **values)


def _no_params(selector: Callable[[Actor], Json]) -> Callable[[Actor, Json], Json]:
    return lambda actor, _values: selector(actor)


_TABLE: list[Any] = [
    Method("chat.send", p.ChatSend, "Send a message.", verb=turns.turn_submit, request_id="idempotency_key"),
    Method("chat.history", p.ChatHistory, "One page of a transcript.", read=_plain(transcript.history)),
    Method("chat.abort", p.ChatAbort, "Stop an answer, or withdraw a waiting message.", verb=turn_control.run_abort),
    Method("chat.retry", p.ChatRetry, "Try a turn again.", verb=turn_control.turn_retry),
    Method(
        "events.sync",
        p.EventsSync,
        "Events after a cursor; over a socket also those to come.",
        read=_plain(events.events_since),
    ),
    Method(
        "sessions.list", p.SessionsList, "Conversations, last used first.", read=_plain(conversations.conversation_list)
    ),
    Method(
        "sessions.get", p.SessionsGet, "A conversation by key, or any session by id.", read=_session_or_conversation
    ),
    Method(
        "sessions.open", rp.SessionsOpen, "Say why you read somebody else's session.", verb=reading_verbs.session_open
    ),
    Method(
        "access.list",
        rp.AccessList,
        "Who opened, exported, reset or restored what you own.",
        read=_plain(accounting.access_list),
    ),
    Method("sessions.create", p.SessionsCreate, "Make a conversation.", verb=conversation_verbs.conversation_create),
    Method("sessions.patch", p.SessionsPatch, "Change title, pin or lock.", verb=conversation_verbs.conversation_patch),
    Method(
        "sessions.reset.preview", p.KeyOnly, "What a reset would do, and its token.", read=_plain(reset.reset_preview)
    ),
    Method("sessions.reset", p.SessionsReset, "Archive the session, start a new one.", verb=reset.session_reset),
    Method("sessions.compact", p.SessionsCompact, "Summarise older messages for the agent.", compacts=True),
    Method(
        "sessions.moves", rp.SessionsMoves, "What happened under a key, newest first.", read=_plain(moves.session_moves)
    ),
    Method(
        "sessions.compare",
        rp.SessionsCompare,
        "Two positions of any two sessions side by side.",
        read=_plain(compare.positions_compare),
    ),
    Method("archives.list", p.ArchivesList, "Archived sessions.", read=_plain(archives.archive_list)),
    Method("archives.preview", p.ArchivesPreview, "What a restore would do.", read=_plain(archives.archive_preview)),
    Method(
        "archives.restore", p.ArchivesRestore, "Make an archived session current again.", verb=restore.archive_restore
    ),
    Method("checkpoints.create", p.CheckpointsCreate, "Bookmark an entry.", verb=checkpoint_verbs.checkpoint_create),
    Method(
        "checkpoints.list",
        p.CheckpointsList,
        "Checkpoints of a conversation.",
        read=_plain(checkpoints.checkpoint_list),
    ),
    Method(
        "checkpoints.preview",
        p.CheckpointsPreview,
        "What restoring it would do.",
        read=_plain(checkpoints.checkpoint_preview),
    ),
    Method("checkpoints.restore", p.CheckpointsRestore, "Continue from a checkpoint.", verb=restore.checkpoint_restore),
    Method(
        "checkpoints.branch",
        p.CheckpointsBranch,
        "Start another conversation from it.",
        verb=branches.checkpoint_branch,
    ),
    Method(
        "gateway.restart.preview",
        p.NoParams,
        "What a restart would interrupt, and its token.",
        read=_no_params(restart.restart_preview),
    ),
    Method("gateway.restart", op.GatewayRestart, "Drain and start again.", verb=restart.gateway_restart),
    Method("audit.list", op.AuditList, "The audit log.", read=_audit_list),
    Method("audit.verify", p.NoParams, "Prove the audit chain.", read=_no_params(audit.audit_verify)),
    Method("hooks.list", op.HooksList, "Deliveries of lifecycle hooks.", read=_plain(hooks.hook_delivery_list)),
    Method("hooks.redeliver", op.HooksRedeliver, "Send a delivery again.", verb=hook_verbs.hook_redeliver),
    Method("search.query", sp.SearchQuery, "Find what was said, archives too.", read=_plain(searching.search)),
    Method("search.where", sp.SearchWhere, "Where a chat went, with its history.", read=_plain(where)),
    Method("gateway.status", p.NoParams, "How the server is, in numbers.", read=_no_params(status.gateway_status)),
]
METHODS: dict[str, Method] = {method.name: method for method in _TABLE}
