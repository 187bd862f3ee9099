"""Who calls which verb under which circumstances, and what must be made known afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sessions_app.values.kinds import ALL_SCOPES, ActorKind, Scope, Trigger

if TYPE_CHECKING:
    from uuid import UUID

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is accountable; the label is copied into every record at write time.

    Attributes:
        kind: user, token or system.
        id: stable id inside its kind: the user's primary key, the token's id, or the name of a system part.
        label: what people read: the user name, `token "reporting" of ana`, `holdfast`.
        user_id: the account whose permissions count; None for the system.
        scopes: upper bound of what this way in may do; people have all scopes.
        token_id: set when a token came in, so that a revoked one stops at its next verb.
        at_machine: the command line of the server's own machine, where everything could be read anyway: no reason is asked.
    """

    kind: ActorKind
    id: str
    label: str
    user_id: int | None = None
    scopes: frozenset[Scope] = ALL_SCOPES
    token_id: int | None = None
    at_machine: bool = False

    @property
    def ref(self) -> str:
        """One string that names this actor for receipts and unique request ids, e.g. `user:7`."""
        return f"{self.kind}:{self.id}"


SYSTEM = Actor(kind=ActorKind.SYSTEM, id="holdfast", label="holdfast")


@dataclass(frozen=True, slots=True)
class Call:
    """The circumstances of one verb call: who, by which way, under which request id."""

    actor: Actor
    trigger: Trigger
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Effects:
    """What the writer must make known after COMMIT.

    Attributes:
        pokes: conversations whose watchers should look at the event log again.
        wake_runner: a run was queued.
        stop_runs: runs whose task must end now, because their rows say so.
        wake_hooks: a hook event was written.
        restart: the server shall drain and start again.
    """

    pokes: frozenset[UUID] = frozenset()
    wake_runner: bool = False
    stop_runs: frozenset[UUID] = frozenset()
    wake_hooks: bool = False
    restart: bool = False

    def __or__(self, other: Effects) -> Effects:
        """Both sets of effects as one."""
        return Effects(
            self.pokes | other.pokes,
            self.wake_runner or other.wake_runner,
            self.stop_runs | other.stop_runs,
            self.wake_hooks or other.wake_hooks,
            self.restart or other.restart,
        )


NO_EFFECTS = Effects()

Answer = tuple[Json, Effects]
Verb = Callable[..., Answer]


@dataclass(frozen=True, slots=True)
class Command:
    """One wanted write: a verb, its call and its parameters, ready for a writer."""

    verb: Verb
    call: Call
    params: Mapping[str, Any] = field(default_factory=dict)
