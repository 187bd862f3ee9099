"""Carrying out commands in transactions, so that nothing is told before it is durable. Both writers settle here.

Only a refusal or a broken constraint fails a single command of a batch. On anything else, and when SQLite has rolled back on its own
(disk full does, and Django's outer block then ends without raising), and when COMMIT fails: all is rolled back, and each command
is carried out alone to find out which can live.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Sequence

from django.db import DatabaseError, IntegrityError, OperationalError, connection, transaction

from sessions_app.errors import HoldfastError, StorageUnavailableError
from sessions_app.services.perform import Settled, facts, failed, mistake, perform
from sessions_app.values import Command

logger = logging.getLogger(__name__)

_RETRY_SQLSTATES = {"40001", "40P01"}  # serialisation failure, deadlock
_RETRY_PAUSES_SECONDS = (0.01, 0.05, 0.2)


class TransactionGoneError(DatabaseError):
    """The engine rolled the transaction back on its own; what was done in it is not stored."""


def settle_batch(commands: Sequence[Command]) -> list[Settled]:
    """Carry out commands in one transaction; if that fails, each in its own.

    Args:
        commands: in the order they came.

    Returns:
        How each ended, in the same order. An answer is durable: its COMMIT is through.
    """
    if len(commands) > 1 or facts(commands[0].verb).many is not None:
        try:
            with transaction.atomic():
                settled = _perform_all(commands)
                _expect_transaction()
        except Exception as error:  # noqa: BLE001 - whatever it was, nothing is stored and nobody was told
            # no %r: that of an encoding error quotes the whole text
            words = "a batch of %d was rolled back and is carried out one by one: %s: %s"
            logger.warning(words, len(commands), type(error).__name__, error)
            _connection_mended()
        else:
            return settled
    return [settle_alone(command) for command in commands]


def settle_alone(command: Command) -> Settled:
    """Carry out one command in its own transaction.

    Returns:
        Its answer; or its refusal; or StorageUnavailableError when the database did not take it; or InternalError for a mistake
        of ours, whose id is in the log. The attempt of an audited verb is audited in all cases, if the database takes that.
    """
    failure: HoldfastError
    try:
        return _attempt(command)
    except IntegrityError as error:  # foreign keys are deferred, so COMMIT found it; another try would find it again
        failure = mistake(command, error, "The change contradicts what is stored, so nothing of it was made.")
    except (DatabaseError, OSError) as error:
        logger.error("storage refused %s: %r", facts(command.verb).name, error)
        failure = StorageUnavailableError()
        failure.__cause__ = error
    except Exception as error:  # noqa: BLE001 - it is logged, and the caller is told its id
        failure = mistake(command, error, "Something went wrong on our side; nothing was changed.")
    _connection_mended()
    try:
        with transaction.atomic():
            settled = failed(command, failure)
            _expect_transaction()
    except Exception as error:  # noqa: BLE001 - the caller is told why the command failed; the writer must live on
        logger.error("the failed %s could not be audited: %r", facts(command.verb).name, error)
        _connection_mended()
        return Settled(error=failure)
    return settled


def _attempt(command: Command) -> Settled:
    """One command, again after a deadlock or a serialisation failure."""
    for pause in (*_RETRY_PAUSES_SECONDS, None):
        try:
            with transaction.atomic():
                settled = perform(command)
                _expect_transaction()
        except OperationalError as error:
            if pause is None or getattr(error.__cause__, "sqlstate", None) not in _RETRY_SQLSTATES:
                raise
            time.sleep(pause)
        else:
            return settled
    raise AssertionError("unreachable")


def _perform_all(commands: Sequence[Command]) -> list[Settled]:
    """All commands in the caller's transaction; neighbours of one verb that has a set-based twin go through it together."""
    settled: list[Settled] = []
    for function, group in itertools.groupby(commands, key=lambda command: command.verb):
        same = list(group)
        many = facts(function).many
        if many is not None and len(same) == len(commands):
            return many(same)  # no savepoint: if it fails, the caller's transaction is rolled back and each goes alone
        if many is not None:
            try:
                with transaction.atomic():
                    settled += many(same)
                continue
            except DatabaseError as error:
                logger.warning("a set of %d %s goes one by one: %r", len(same), facts(function).name, error)
        settled += [perform(command) for command in same]
    return settled


def _expect_transaction() -> None:
    """Notice that SQLite has ended the transaction, before Django's block ends as if all were well.

    Raises:
        TransactionGoneError: nothing of this transaction will be stored.
    """
    if connection.vendor == "sqlite" and not connection.connection.in_transaction:
        raise TransactionGoneError("the engine rolled back on its own")


def _connection_mended() -> None:
    """Leave a broken connection behind; the next query opens another. Inside a caller's block it is the caller's."""
    if not connection.in_atomic_block:
        connection.close_if_unusable_or_obsolete() if connection.vendor == "sqlite" else connection.close()
