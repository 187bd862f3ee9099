"""A locked conversation moves only for somebody who types its key and says why."""

from __future__ import annotations

from uuid import UUID

import pytest

from sessions_app.errors import ConversationLockedError, ForbiddenError
from sessions_app.models import AuditEvent
from sessions_app.services.conversations import conversation_patch
from sessions_app.services.reset import session_reset
from sessions_app.services.restore import archive_restore, checkpoint_restore, position_restore
from sessions_app.values import AuditType
from tests.services.cases import PEOPLE

pytestmark = pytest.mark.django_db
MOVES = [case for case in PEOPLE if case.verb in (session_reset, archive_restore, checkpoint_restore, position_restore)]


@pytest.mark.parametrize("case", MOVES, ids=str)
def test_every_move_asks_for_the_key_and_a_reason(world, case):
    params = case.params(world)
    world.do(conversation_patch, session_key=world.key, locked=True)
    before = world.current
    for given, needs in [
        ({}, ["typedKey", "reason"]),
        ({"reason": "stuck"}, ["typedKey"]),
        ({"typed_key": world.key, "reason": " "}, ["reason"]),
        ({"typed_key": world.key[:-1], "reason": "stuck"}, ["typedKey"]),
    ]:
        with pytest.raises(ConversationLockedError) as refused:
            world.do(case.verb, **{**params, **given})
        assert refused.value.details == {"sessionKey": world.key, "needs": needs}
        refusal = AuditEvent.objects.order_by("-seq").first()
        assert (refusal.type, refusal.outcome, refusal.data["error"]["code"]) == (
            case.audit,
            "refused",
            "conversation_locked",
        )
    assert world.current == before
    moved = world.do(case.verb, **{**params, "typed_key": world.key, "reason": "stuck"})
    assert UUID(moved["newSessionId"]) == world.current != before
    assert AuditEvent.objects.get(pk=moved["auditId"]).reason == "stuck"


def test_owner_and_operator_lock_and_unlock_and_both_are_audited(world):
    for actor, locked in ((world.ana, True), (world.operator, False), (world.operator, True), (world.ana, False)):
        assert world.do(conversation_patch, actor, session_key=world.key, locked=locked)["locked"] is locked
        row = AuditEvent.objects.filter(type=AuditType.CONVERSATION_CHANGED).order_by("-seq")[0]
        assert (row.actor_label, row.data["after"]) == (actor.label, {"locked": locked})
    for stranger in (world.bob, world.auditor):
        with pytest.raises(ForbiddenError):
            world.do(conversation_patch, stranger, session_key=world.key, locked=True)
    with pytest.raises(ForbiddenError):
        world.do(conversation_patch, world.operator, session_key=world.key, locked=True, title="Mine")
