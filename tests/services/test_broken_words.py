"""Characters that an engine cannot store, in places where nobody expects them: refused, on record, and the writer lives on."""

from __future__ import annotations

import pytest

from sessions_app.errors import HoldfastError
from sessions_app.services.conversations import conversation_patch
from sessions_app.services.turns import turn_submit
from tests.services.cases import PEOPLE
from tests.support.rows import audits, everything
from tests.support.world import command

BROKEN = {"nul": "a\x00b", "surrogate": "a\ud83db", "very long": "x" * 100_000}


@pytest.mark.parametrize("words", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("case", [case for case in PEOPLE if case.verb is not conversation_patch], ids=str)
def test_a_key_that_cannot_be_is_refused_and_the_writer_lives_on(world, perform, case, words):
    params, before_all = case.params(world), len(audits())
    before = everything()
    with pytest.raises(HoldfastError):
        perform(command(case.verb, world.ana, **{**params, "session_key": words}))
    assert everything() == before
    if case.audit:
        assert [row["outcome"] for row in audits()[before_all:]] in (["refused"], ["failed"])
    assert perform(command(conversation_patch, world.ana, session_key=world.key, title="still here"))["title"]


@pytest.mark.parametrize("words", [BROKEN["nul"], BROKEN["surrogate"]], ids=["nul", "surrogate"])
@pytest.mark.parametrize("case", PEOPLE, ids=str)
def test_a_request_id_that_cannot_be_is_refused_and_the_writer_lives_on(world, perform, case, words):
    params = case.params(world)
    before = everything()
    try:
        perform(command(case.verb, world.ana, words, **params))
    except HoldfastError:
        assert everything() == before
    world.do(turn_submit, session_key=world.key, session_id=world.current, message="still here")
