"""Pages of a damaged session: everything that can be read, and in plain words what cannot."""

from __future__ import annotations

from django.test import Client

from sessions_app.models import Session
from tests.support.rows import entries_taken
from tests.support.world import World


def test_both_pages_show_what_lies_behind_the_damage_and_say_that_nobody_vouches_for_it(
    world: World, ana: Client
) -> None:
    for number in range(4):
        world.talk(f"question {number}", f"answer {number}")
    entries_taken(world.current, [3, 4])
    Session.objects.filter(pk=world.current).update(damaged_from=3, damage="entry 3 is missing.")
    for address in (f"/sessions/{world.current}/", f"/chat/{world.key}/"):
        html = ana.get(address).content.decode()
        assert "Entries 3 to 4 cannot be read." in html
        assert html.index("question 0") < html.index("Entries 3 to 4") < html.index("question 3")
        assert "nobody vouches for it" in html
