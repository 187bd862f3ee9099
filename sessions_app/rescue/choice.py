"""Which transcripts of a store somebody asked for."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from sessions_app.errors import NotFoundError
from sessions_app.rescue.scan import Store
from sessions_app.rescue.strands_of_file import unfiled_key
from sessions_app.rescue.transcripts import Transcript

_NAMES_SHOWN = 5


def wanted(
    store: Store, transcripts: list[Transcript], agent: str = "", key: str = "", keys: frozenset[str] = frozenset()
) -> list[Transcript]:
    """The transcripts of an agent, of a key, or of some keys; "" and none ask for all.

    Under a key that the store does not have, those go that nothing names a key of.

    Raises:
        NotFoundError: there is no such agent; no such key, and no transcript without one.
    """
    agents = {each.agent for each in transcripts} | {row.agent for row in store.rows}
    if agent and agent not in agents:
        raise NotFoundError(f"There is no agent {agent} in this directory. {_there(agent, agents)}")
    own = [each for each in transcripts if not agent or each.agent == agent]
    if keys:
        own = [each for each in own if _key_of(each) in keys]
    if not key:
        return own
    known = {_key_of(each) for each in own}
    if key in known:
        return [each for each in own if _key_of(each) == key]
    unfiled = [each for each in own if not each.key]
    if not unfiled:
        raise NotFoundError(f"There is no session key {key} in this directory. {_there(key, known)}")
    for each in unfiled:
        each.key, each.key_by = key, "asked"
    return unfiled


def _key_of(each: Transcript) -> str:
    return each.key or unfiled_key(each)


def _there(name: str, names: Iterable[str]) -> str:
    """What there is instead: the names most like it first."""
    near = get_close_matches(name, names := sorted(names), _NAMES_SHOWN, cutoff=0.0)
    more = len(names) - len(near)
    return f"There is: {', '.join(near) or 'nothing'}{f', and {more:,} more' if more else ''}."
