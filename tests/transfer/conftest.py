"""Exports and imports as tests ask for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sessions_app import access
from sessions_app.models import User
from sessions_app.runtime.transfer.giving import Giving
from sessions_app.runtime.transfer.package import destination
from sessions_app.runtime.transfer.planning import plan_made
from sessions_app.runtime.transfer.reading import package_opened
from sessions_app.runtime.transfer.taking import Wanted, chosen, package_write
from sessions_app.values import SYSTEM, Actor, Call, Json, Trigger


def exported(path: Path, actor: Actor = SYSTEM, *, with_sensitive: bool = True, **what) -> Json:
    """Write a package; its manifest."""
    wanted = Wanted(Call(actor, Trigger.CLI), with_sensitive=with_sensitive, **what)
    with destination(path) as sink:
        return package_write(chosen(wanted, "test"), sink, with_sensitive=with_sensitive)


def imported(path: Path, owner: str = "admin", *, dry_run: bool = False) -> Json:
    """Read a package in; the report."""
    actor = access.actor_for_user(User.objects.get(username="admin"))
    account = User.objects.get(username=owner)
    with package_opened(path) as package:
        plan = plan_made(package)
        report = plan.report(owner)
        return report if dry_run else report | Giving(package, plan, actor, account.pk).go()


@pytest.fixture
def packed(tmp_path) -> Callable[..., Path]:
    """Exports into a new file, each time another one."""
    made: list[Path] = []

    def pack(**what) -> Path:
        made.append(tmp_path / f"export-{len(made)}.tar.zst")
        exported(made[-1], **what)
        return made[-1]

    return pack
