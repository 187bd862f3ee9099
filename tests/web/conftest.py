"""Browsers without a browser: Django's test client, signed in as somebody of the world."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from sessions_app.models import User
from sessions_app.values import Actor
from tests.support.world import World

SignedIn = Callable[[Actor], Client]
HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')


@pytest.fixture
def signed_in(world: World) -> SignedIn:
    """Makes a client that is signed in as an actor of the world."""

    def made(actor: Actor) -> Client:
        client = Client()
        client.force_login(User.objects.get(username=actor.label))
        return client

    return made


@pytest.fixture
def ana(world: World, signed_in: SignedIn) -> Client:
    """A browser of ana, who owns the conversation of the world."""
    return signed_in(world.ana)


def hidden_fields(html: str, form: str) -> dict[str, Any]:
    """The hidden fields of the form whose opening tag holds some text.

    Args:
        html: of a page or a partial.
        form: text of the opening tag, e.g. `id="act-restore"`.
    """
    start = html.index(form)
    return dict(HIDDEN.findall(html[start : html.index("</form>", start)]))
