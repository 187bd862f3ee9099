"""Restarting the server: who may, what is confirmed, what is recorded."""

from __future__ import annotations

import uuid

import pytest

from sessions_app.errors import ConfirmationRequiredError, ConfirmationStaleError, ForbiddenError
from sessions_app.models import AuditEvent
from sessions_app.runtime.settle import settle_alone
from sessions_app.services.instances import instance_start, instance_stop
from sessions_app.services.restart import gateway_restart, restart_preview
from sessions_app.values import SYSTEM, EndReason
from tests.support.world import command

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(world):
    """The id of a serving process, as the database knows it."""
    instance_id = uuid.uuid4()
    world.do(instance_start, SYSTEM, instance_id=instance_id, host="here", pid=1)
    return instance_id


def test_a_confirmed_restart_is_audited_and_asked_of_the_server(world, server):
    token = restart_preview(world.admin)["token"]
    settled = settle_alone(command(gateway_restart, world.admin, confirmation=token, reason="new agents.toml"))
    assert settled.result() == {"restarting": True, "instanceId": str(server), "auditId": AuditEvent.objects.count()}
    assert settled.effects.restart
    audit = AuditEvent.objects.order_by("-seq")[0]
    assert (audit.type, audit.outcome, audit.actor_label, audit.reason) == (
        "gateway.restarted",
        "ok",
        "admin",
        "new agents.toml",
    )


def test_without_a_token_nothing_happens_and_the_preview_is_told(world, server):
    world.say("waiting")
    settled = settle_alone(command(gateway_restart, world.admin))
    assert isinstance(settled.error, ConfirmationRequiredError)
    preview = settled.error.details["preview"]
    assert (preview["runsRunning"], preview["runsQueued"], preview["instanceId"]) == (0, 1, str(server))
    assert not settled.effects.restart


def test_a_token_is_good_for_one_person_and_one_life_of_the_server(world, server):
    token = restart_preview(world.admin)["token"]
    world.do(instance_stop, SYSTEM, instance_id=server, reason=EndReason.SHUTDOWN)
    world.do(instance_start, SYSTEM, instance_id=uuid.uuid4(), host="here", pid=2)
    with pytest.raises(ConfirmationStaleError):
        world.do(gateway_restart, world.admin, confirmation=token)


@pytest.mark.parametrize("role", ["ana", "operator", "auditor"])
def test_only_who_manages_the_server_may_restart_it(world, server, role):
    with pytest.raises(ForbiddenError):
        restart_preview(getattr(world, role))
    with pytest.raises(ForbiddenError):
        world.do(gateway_restart, getattr(world, role), confirmation="x")
    assert AuditEvent.objects.filter(type="gateway.restarted", outcome="refused").count() == 1


def test_a_repeat_gets_the_first_answer_and_no_second_restart(world, server):
    token = restart_preview(world.admin)["token"]
    again = command(gateway_restart, world.admin, "r1", confirmation=token)
    first, second = settle_alone(again), settle_alone(again)
    assert second.result() == first.result()
    assert (first.effects.restart, second.effects.restart) == (True, False)
