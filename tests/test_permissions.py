"""docs/permissions.md is true: every method and every page, asked by everybody.

A new method or page fails here until it has a case in tests/support/doors.py and a row in the document. The failure prints the row.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import transaction

from sessions_app.access import RULES
from sessions_app.gateway.methods import METHODS
from sessions_app.gateway.rate import rate_limits_reset
from sessions_app.runtime.bootstrap import ALL_PERMISSIONS, GROUPS
from sessions_app.runtime.rescue_jobs.job import job_forget, jobs_all
from tests.support.doors import METHOD_CASES, PAGE_CASES, REASON, ROLES, YES, address_of, caller, page_names, place_made
from tests.support.world import World

DOCUMENT = Path(__file__).parents[1] / "docs" / "permissions.md"


@pytest.fixture(autouse=True)
def _nothing_waits() -> Iterator[None]:
    """Work that was asked for is not done: a server that a later test starts would begin it."""
    yield
    for job in jobs_all():
        if job.is_open:
            job_forget(job)


def table(heading: str) -> dict[str, dict[str, str]]:
    """The table under a heading of the document: rows by their first cell, cells by their column."""
    section = DOCUMENT.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    head = rows[0][1:]
    return {row[0].strip("`"): dict(zip(head, row[1:], strict=True)) for row in rows[2:]}


def row(name: str, cells: dict[str, str]) -> str:
    """A row as it stands in the document."""
    return f"| `{name}` | {' | '.join(cells[role] for role in ROLES)} |"


def asked_by_everybody(world: World, ask) -> dict[str, str]:
    """What becomes of a question, by role; each role finds the place as it was."""
    rate_limits_reset()
    place, found = place_made(world), {}
    for role in ROLES:
        with transaction.atomic():
            who = caller(world, role)
            found[role] = ask(place, who)
            if found[role] == REASON:  # is that all that stands in the way?
                place.open(who.actor)
                then = ask(place, who)
                found[role] = REASON if then == YES else then
            transaction.set_rollback(True)
    return found


def test_the_groups_are_as_documented():
    rows = table("Groups")
    assert list(rows) == list(ALL_PERMISSIONS)
    assert {group: {permission for permission in rows if rows[permission][group] == "yes"} for group in GROUPS} == {
        group: set(permissions) for group, permissions in GROUPS.items()
    }


def test_the_actions_are_as_documented():
    written = {
        name: (cells["scope"], cells["on one's own"].strip("`"), cells["on another's"].strip("`"))
        for name, cells in table("Actions").items()
    }
    assert written == {
        str(action): (str(rule.scope), rule.own or "-", rule.others or "-") for action, rule in RULES.items()
    }


def test_every_method_has_a_case_and_a_row():
    assert set(METHODS) == set(METHOD_CASES) == set(table("Methods"))


def test_every_page_has_a_case_and_a_row():
    assert {case.partition(" ")[2] for case in PAGE_CASES} == set(page_names())
    assert set(table("Pages")) == set(PAGE_CASES)


@pytest.mark.django_db
@pytest.mark.parametrize("method", METHODS)
def test_a_method_is_open_to_whom_the_document_says(world, method):
    found = asked_by_everybody(world, lambda place, who: who.rpc(method, METHOD_CASES[method](place, who.actor)))
    assert found == table("Methods").get(method), row(method, found)


@pytest.mark.django_db
@pytest.mark.parametrize("case", PAGE_CASES)
def test_a_page_is_open_to_whom_the_document_says(world, case):
    verb, _, name = case.partition(" ")

    def ask(place, who):
        form = PAGE_CASES[case](place, who.actor)
        return who.page(verb, address_of(place, name, form.pop("address", {})), form)

    found = asked_by_everybody(world, ask)
    assert found == table("Pages").get(case), row(case, found)
