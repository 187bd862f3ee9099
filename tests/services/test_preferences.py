"""What a person chooses for their own pages."""

from __future__ import annotations

import pytest

from sessions_app.errors import InvalidParamsError, RequestConflictError, UnauthenticatedError
from sessions_app.models import User
from sessions_app.services.preferences import theme_set
from tests.support.rows import audits, everything


def _theme(username="ana"):
    return User.objects.get(username=username).theme


@pytest.mark.parametrize("theme", ["dark", "light", "system"])
def test_a_theme_is_chosen_for_oneself(world, act, theme):
    seen = len(audits())
    assert act(theme_set, world.ana, theme=theme) == {"theme": theme}
    assert (_theme(), _theme("bob"), len(audits())) == (theme, "system", seen)


def test_an_unknown_theme_and_a_disabled_account_are_refused(world, act):
    with pytest.raises(InvalidParamsError):
        act(theme_set, world.ana, theme="neon")
    User.objects.filter(username="ana").update(is_active=False)
    before = everything()
    with pytest.raises(UnauthenticatedError):
        act(theme_set, world.ana, theme="dark")
    assert everything() == before


def test_a_repeat_is_safe(world, act):
    act(theme_set, world.ana, "key-1", theme="dark")
    world.do(theme_set, theme="light")
    assert act(theme_set, world.ana, "key-1", theme="dark") == {"theme": "dark"}
    assert _theme() == "light"
    with pytest.raises(RequestConflictError):
        act(theme_set, world.ana, "key-1", theme="light")
