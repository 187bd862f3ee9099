"""Django's admin: the audit log and history are for looking, whoever looks."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth.models import AnonymousUser
from django.test import Client, RequestFactory

from sessions_app.models import AuditEvent, User
from tests.support.world import World

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("model", ["auditevent", "conversation", "session", "checkpoint", "user"])
def test_a_superuser_can_look_and_nothing_else(world: World, model: str) -> None:
    root = User.objects.create_superuser("root")
    client = Client()
    client.force_login(root)
    world.talk()
    assert client.get(f"/admin/sessions_app/{model}/").status_code == 200
    assert client.get(f"/admin/sessions_app/{model}/add/").status_code == 403
    for registered, page in admin.site._registry.items():
        if registered._meta.model_name == model:
            request = RequestFactory().get("/")
            request.user = root
            assert page.has_view_permission(request)
            assert not page.has_add_permission(request)
            assert not page.has_change_permission(request)
            assert not page.has_delete_permission(request)


def test_an_audit_event_cannot_be_changed_or_deleted_by_url(world: World) -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    world.talk()
    event = AuditEvent.objects.latest("seq")
    assert client.get(f"/admin/sessions_app/auditevent/{event.pk}/change/").status_code == 200
    assert client.post(f"/admin/sessions_app/auditevent/{event.pk}/change/", {"reason": "x"}).status_code == 403
    assert client.post(f"/admin/sessions_app/auditevent/{event.pk}/delete/", {"post": "yes"}).status_code == 403


def test_nobody_sees_nothing() -> None:
    request = RequestFactory().get("/")
    request.user = AnonymousUser()
    assert not any(page.has_view_permission(request) for page in admin.site._registry.values())
