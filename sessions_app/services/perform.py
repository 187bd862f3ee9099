"""The one gate of every write: receipt, savepoint, verb, receipt, or the audit of a refusal.

Both writers call `perform` inside a transaction they opened and commit; whatever it returns may be told to the caller only after
that COMMIT. A verb may be run again, so it uses neither `on_commit` nor a durable block.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.utils import timezone

from sessions_app.canonical import digest
from sessions_app.errors import HoldfastError, InternalError, RequestConflictError
from sessions_app.logs import error_logged
from sessions_app.models import Receipt
from sessions_app.services.audit import audit_refusal
from sessions_app.values import NO_EFFECTS, Answer, AuditType, Command, Effects, Json, Outcome, Verb

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Settled:
    """How a command ended: an answer with its effects, or an error."""

    answer: Json | None = None
    effects: Effects = NO_EFFECTS
    error: Exception | None = None

    def result(self) -> Json:
        """The answer, or the error raised."""
        if self.error is not None:
            raise self.error
        assert self.answer is not None
        return self.answer


@dataclass(frozen=True, slots=True)
class VerbFacts:
    """What the gate must know of a verb.

    Attributes:
        name: stable name, stored in receipts.
        audit: the type under which refusals are audited; None for verbs that are not audited.
        keeps_receipt: False when the verb keeps its own (`turn_submit`: the run row is the receipt).
        digest_ignores: parameters that may differ in a repeat of the same request.
        stops_runs: the writer stores what running answers have so far before it runs this verb.
        many: the set-based twin: many commands of this verb in few statements.
    """

    name: str
    audit: AuditType | None
    keeps_receipt: bool
    digest_ignores: frozenset[str]
    stops_runs: bool
    many: Callable[[Sequence[Command]], list[Settled]] | None


_FACTS: dict[Verb, VerbFacts] = {}


def verb(
    *,
    audit: AuditType | None = None,
    keeps_receipt: bool = True,
    digest_ignores: Sequence[str] = (),
    stops_runs: bool = False,
    many: Callable[[Sequence[Command]], list[Settled]] | None = None,
) -> Callable[[Verb], Verb]:
    """Register a function as a verb; the arguments are the attributes of `VerbFacts`."""

    def register(function: Verb) -> Verb:
        _FACTS[function] = VerbFacts(
            function.__name__, audit, keeps_receipt, frozenset(digest_ignores), stops_runs, many
        )
        return function

    return register


def facts(function: Verb) -> VerbFacts:
    """What the gate knows of a verb.

    Raises:
        KeyError: the function was not registered.
    """
    return _FACTS[function]


def perform(command: Command) -> Settled:
    """Carry out one command inside the caller's transaction.

    Returns:
        Its answer and effects, or the error that refused it. A refusal of an audited verb is audited here, after the verb's own
        savepoint is rolled back; it counts once the caller's COMMIT is through.

    Raises:
        Exception: anything but a HoldfastError or an IntegrityError: the caller must roll back its whole transaction.
    """
    try:
        return _twice(command)
    except HoldfastError as error:
        return _refused(command, error, Outcome.REFUSED)
    except IntegrityError as error:
        failure = mistake(command, error, "The change contradicts what is stored, so nothing of it was made.")
        return _refused(command, failure, Outcome.FAILED)


def _twice(command: Command) -> Settled:
    """Run in a savepoint; once more when a constraint refused it.

    On PostgreSQL two connections can carry the same request at the same time: the second meets the first's unique row, and finds
    its receipt when it looks again.
    """
    for is_last in (False, True):
        try:
            with transaction.atomic():
                answer, effects = _with_receipt(command)
            return Settled(answer, effects)
        except IntegrityError:
            if is_last:
                raise
    raise AssertionError("unreachable")


def failed(command: Command, error: HoldfastError) -> Settled:
    """Audit a command that could not be carried out for a reason that is not its own. Needs its own transaction."""
    return _refused(command, error, Outcome.FAILED)


def mistake(command: Command, error: Exception, words: str) -> InternalError:
    """Log a mistake of ours, and make the error its caller is told.

    Args:
        command: what was being carried out.
        error: what went wrong.
        words: what the caller is told before the id.
    """
    call = command.call
    about = {"actor": call.actor.ref, "verb_request_id": call.request_id}
    error_id = error_logged(logger, facts(command.verb).name, error, **about)
    failure = InternalError(f"{words} Error id {error_id}.", errorId=error_id)
    failure.__cause__ = error
    return failure


def _with_receipt(command: Command) -> Answer:
    known = facts(command.verb)
    call = command.call
    run = functools.partial(command.verb, call, **command.params)
    if not (known.keeps_receipt and call.request_id):
        return run()
    content = digest([known.name, {k: v for k, v in command.params.items() if k not in known.digest_ignores}])
    receipt = Receipt.objects.filter(request_id=call.request_id, actor=call.actor.ref).first()
    if receipt is not None:
        if receipt.digest != content:
            raise RequestConflictError(requestId=call.request_id)
        return receipt.answer, NO_EFFECTS
    answer, effects = run()
    Receipt.objects.create(
        actor=call.actor.ref,
        request_id=call.request_id,
        verb=known.name,
        digest=content,
        answer=answer,
        created_at=timezone.now(),
    )
    return answer, effects


def _refused(command: Command, error: HoldfastError, outcome: Outcome) -> Settled:
    audit = facts(command.verb).audit
    if audit is not None:
        with transaction.atomic():
            words: Json = {"code": str(error.code), "message": error.message}
            audit_refusal(command.call, audit, outcome=outcome, params=command.params, error=words)
    return Settled(error=error)
