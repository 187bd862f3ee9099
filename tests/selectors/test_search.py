"""Search: the same contract on both engines."""

from __future__ import annotations

import contextlib
import datetime
import threading

import psycopg
import pytest
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sessions_app import access
from sessions_app.errors import ForbiddenError, InvalidParamsError, NotFoundError, StorageUnavailableError
from sessions_app.models import SearchRow, SearchState, Session
from sessions_app.selectors.search import search
from sessions_app.selectors.search_backlog import backlog, search_lag
from sessions_app.selectors.search_engines import search_engine
from sessions_app.services.conversations import conversation_create
from sessions_app.services.perform import perform
from sessions_app.services.reading import session_open
from sessions_app.services.restore import archive_restore
from sessions_app.services.search import search_clear, search_extend
from sessions_app.services.turns import turn_submit
from sessions_app.values import SYSTEM, Actor, Call, Command, Json, Trigger
from tests.support.rows import queries
from tests.support.world import World

pytestmark = pytest.mark.django_db

TEXTS = [
    "The parser forgets the last line",
    "Café Zürich, ａｂｃ and naïve plans",  # noqa: RUF001
    "東京タワーの計画を見直す",
    'Call agent:main:main at once -- NEAR(x) AND "y" * OR -z',
    "snake_case_name and 1,004 things 🎉",
    "한국어 문장과 ภาษาไทย",
    "release planning, release notes, released",
]


@pytest.fixture
def said(world: World) -> World:
    """Ana has said these, each answered with `hi`, and all is indexed."""
    for text in TEXTS:
        world.talk(text)
    indexed(world)
    return world


def indexed(world: World) -> None:
    """Bring the index up to what is stored."""
    while (step := backlog()).is_news:
        world.do(search_extend, SYSTEM, backlog=step)


def texts(actor: Actor, query: str, **filters: object) -> list[str]:
    """The texts found, put together from what is shown."""
    hits = search(actor, query=query, **filters)["hits"]  # type: ignore[arg-type]
    return ["".join(part["text"] for part in hit["snippet"]) for hit in hits]


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("parser", 0),
        ("PARSER line", 0),
        ('"last line"', 0),
        ("cafe zurich", 1),
        ("abc", 1),
        ("東京", 2),
        ("京タワ", 2),
        ("計", 2),
        ("す", 2),
        ('"タワーの計画"', 2),
        ("agent:main:main", 3),
        ('AND NEAR( OR "y" -z', 3),
        ("snake_case_name", 4),
        ("case", 4),
        ("1,004", 4),
        ("🎉", 4),
        ("한국어", 5),
        ("국", 5),
        ("ไทย", 5),
        ("releas*", 6),
        ("rel* notes", 6),
        ("release note*", 6),
        ('"release note*"', 6),
    ],
)
def test_what_was_said_is_found(said: World, query: str, number: int) -> None:
    assert texts(said.ana, query) == [TEXTS[number]]


@pytest.mark.parametrize(
    "query",
    ["pars", "pa*", "戸", '"line last"', "京東", "main:agent", "releases", "", " ", '"', "*", "-", "\x00", "?!"],
)
def test_what_was_not_said_is_not_found(said: World, query: str) -> None:
    assert texts(said.ana, query) == []


def test_the_newest_come_first_page_by_page(world: World) -> None:
    for number in range(7):
        world.talk(f"harbour number{number}", answer="harbour again" if number == 3 else "hi")
    indexed(world)
    found, cursor = [], ""
    while True:
        page = search(world.ana, query="harbour", limit=3, cursor=cursor)
        found += [(hit["role"], hit["seq"]) for hit in page["hits"]]
        cursor = page["nextCursor"]
        if cursor is None:
            break
    assert found == [
        ("user", 13),
        ("user", 11),
        ("user", 9),
        ("assistant", 8),
        *(("user", seq) for seq in (7, 5, 3, 1)),
    ]


def test_by_rank_the_best_of_the_newest_comes_first(world: World) -> None:
    world.talk("harbour harbour harbour lights")
    world.talk("a long way from any harbour, " + "with many other words in between " * 20)
    indexed(world)
    assert [hit["seq"] for hit in search(world.ana, query="harbour", order="rank")["hits"]] == [1, 3]
    assert [hit["seq"] for hit in search(world.ana, query="harbour")["hits"]] == [3, 1]


def test_filters_leave_out_what_does_not_fit(world: World) -> None:
    world.talk("first lantern", answer="lantern yes")
    first = world.current
    world.reset()
    world.talk("second lantern")
    other = world.do(conversation_create, title="Other", agent="main")["sessionKey"]
    moment = timezone.now()
    world.do(
        turn_submit,
        session_key=other,
        session_id=Session.objects.get(conversation__key=other).pk,
        message="third lantern",
    )
    indexed(world)

    def found(**filters: object) -> list[str]:
        return sorted(text.split()[0] for text in texts(world.ana, "lantern", **filters))

    assert found() == ["first", "lantern", "second", "third"]
    assert found(role="assistant") == ["lantern"]
    assert found(session_key=other) == ["third"]
    assert found(state="archived") == ["first", "lantern"]
    assert found(state="current") == ["second", "third"]
    assert found(after=moment) == ["third"]
    assert found(before=moment, role="user") == ["first", "second"]
    assert found(agent="main", session_key=world.key, state="current") == ["second"]
    assert found(agent="nobody") == []
    world.do(
        archive_restore, session_key=world.key, session_id=first, expected_current_session_id=world.current
    )  # no entry is indexed again
    assert found(state="current", session_key=world.key) == ["first", "lantern"]
    assert found(state="archived") == ["second"]


def test_many_sessions_are_filtered_by_looking_at_them(said: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sessions_app.selectors.search._SESSIONS_AS_MARKS", 0)
    assert texts(said.ana, "parser", state="current") == [TEXTS[0]]
    assert texts(said.ana, "parser", state="archived") == []


def test_a_page_looks_at_a_bounded_number_and_says_how_far(said: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sessions_app.selectors.search._SESSIONS_AS_MARKS", 0)
    monkeypatch.setattr("sessions_app.selectors.search.CANDIDATES_MAX", 3)
    said.reset()
    page = search(said.ana, query="hi", state="current", limit=1)
    assert (page["hits"], page["lookedBackTo"] is None) == ([], False)
    pages = 1
    while page["nextCursor"]:
        page, pages = search(said.ana, query="hi", state="current", limit=1, cursor=page["nextCursor"]), pages + 1
    assert (page["hits"], page["lookedBackTo"], pages) == ([], None, 2)


def test_nobody_finds_what_they_may_not_read(said: World) -> None:
    assert texts(said.bob, "parser") == []
    with pytest.raises(ForbiddenError):
        search(said.bob, query="parser", session_key=said.key)
    with pytest.raises(NotFoundError):
        search(said.ana, query="parser", session_key="agent:main:nowhere")


def test_an_operator_finds_all_and_reads_no_text_without_a_reason(said: World) -> None:
    hit = search(said.operator, query="parser")["hits"][0]
    assert (hit["sessionKey"], hit["sessionId"], hit["seq"], hit["role"]) == (said.key, str(said.current), 1, "user")
    assert (hit["owner"], hit["isWithheld"], hit["snippet"]) == ("ana", True, [])


def test_with_a_reason_an_operator_reads_the_hits_of_that_session(said: World) -> None:
    said.do(session_open, said.operator, session_key=said.key, session_id=said.current, reason="ticket 7")
    assert texts(said.operator, "parser") == [TEXTS[0]]
    assert search(said.admin, query="parser")["hits"][0]["isWithheld"]


def test_a_revoked_permission_counts_at_once(said: World) -> None:
    access.User.objects.get(username="olga").groups.clear()
    assert search(said.operator, query="parser")["hits"] == []


def test_the_matches_are_marked(said: World) -> None:
    snippet = search(said.ana, query='"last line" parser')["hits"][0]["snippet"]
    assert [part["text"] for part in snippet if part["isMatch"]] == ["parser", "last line"]
    far = "x " * 500 + "beacon" + " y" * 500
    said.talk(far)
    indexed(said)
    snippet = search(said.ana, query="beacon")["hits"][0]["snippet"]
    assert snippet[0]["text"] == "…"
    assert snippet[-1]["text"].endswith("…")
    assert len("".join(part["text"] for part in snippet)) < 300


def test_a_very_long_text_is_found_to_its_end(world: World) -> None:
    world.talk(" ".join(f"w{number}" for number in range(20_000)) + " the very end")
    indexed(world)
    for query in ("w19999", '"very end"', "w19998 ver*", '"w19999 the"'):
        assert [hit["seq"] for hit in search(world.ana, query=query)["hits"]] == [1]
    assert search(world.ana, query='"end very"')["hits"] == []


def test_what_is_not_indexed_yet_is_counted(world: World) -> None:
    world.talk("harbour")
    lag = search(world.ana, query="harbour")["lag"]
    assert lag["entries"] == 2
    indexed(world)
    assert search_lag() == {"entries": 0, "seconds": 0.0}
    assert not backlog().is_news


def test_the_same_batch_twice_is_indexed_once(world: World) -> None:
    world.talk("harbour")
    step = backlog()
    assert world.do(search_extend, SYSTEM, backlog=step) == {"indexed": 2}
    assert world.do(search_extend, SYSTEM, backlog=step) == {"indexed": 0}
    assert len(texts(world.ana, "harbour")) == 1


def test_thrown_away_and_made_again_it_finds_the_same(said: World) -> None:
    before = search(said.ana, query="hi", limit=100)["hits"]
    with pytest.raises(ForbiddenError):
        said.do(search_clear, said.ana)
    said.do(search_clear, said.admin)
    assert (search(said.ana, query="hi")["hits"], SearchRow.objects.count()) == ([], 0)
    indexed(said)
    assert search(said.ana, query="hi", limit=100)["hits"] == before
    SearchState.objects.all().delete()  # as a restored backup without it would be
    indexed(said)
    assert search(said.ana, query="hi", limit=100)["hits"] == before


def test_two_entries_of_one_moment_have_each_a_place(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sessions_app.selectors.search_backlog.position_at", lambda _: 0)
    monkeypatch.setattr("sessions_app.selectors.search_backlog.SECOND_SHIFT", 0)
    world.talk("harbour", answer="harbour")
    indexed(world)
    assert {hit["seq"] for hit in search(world.ana, query="harbour")["hits"]} == {1, 2}


def test_a_page_costs_a_bounded_number_of_queries(said: World) -> None:
    with queries() as cost:
        search(said.ana, query="hi", session_key=said.key, role="assistant", limit=5)
    assert len(cost.asked) <= 16


@pytest.mark.parametrize(
    "given_", [{"state": "gone"}, {"order": "best"}, {"role": "boss"}, {"limit": 0}, {"cursor": "x"}]
)
def test_a_wrong_filter_is_told(said: World, given_: Json) -> None:
    with pytest.raises(InvalidParamsError):
        search(said.ana, query="hi", **given_)


NASTY = [
    "AND",
    "OR",
    "NOT",
    "NEAR(",
    "NEAR/3",
    "*",
    "-",
    '"',
    "'",
    "\\",
    ":",
    "(",
    ")",
    "^",
    "&",
    "|",
    "!",
    "<->",
    "\x00",
    "\ud800",
    ".k",
    "<a",
    "東",
    "é",
    "agent:main:main",
    "a" * 10_000,
]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(st.sampled_from(NASTY), st.text(max_size=8)), max_size=12).map(" ".join))
def test_no_query_raises(said: World, query: str) -> None:
    search(said.ana, query=query)


ALPHABET = st.text(st.sampled_from("abé 東京タ-_*1"), min_size=1, max_size=12)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ALPHABET, ALPHABET)
def test_a_text_is_found_by_every_piece_of_it_in_quotes(world: World, before: str, after: str) -> None:
    """What the index knows and what the recheck knows agree: a phrase cut out at the ends of words is always found."""
    text = f"{before} middle {after}"
    sent = world.say(text)
    indexed(world)
    hits = search(world.ana, query=f'"{text.replace("*", " ")}"', limit=200)["hits"]
    assert sent["entrySeq"] in {hit["seq"] for hit in hits}


def test_the_index_is_behind_one_interface(said: World) -> None:
    assert {name for name in dir(search_engine()) if not name.startswith("_")} == {"add", "clear", "find"}


def test_a_time_far_away_is_no_mistake(said: World) -> None:
    for year in (1, 1969, 9999):
        moment = datetime.datetime(year, 1, 1, tzinfo=datetime.UTC)
        search(said.ana, query="hi", after=moment)
        search(said.ana, query="hi", before=moment)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer")
@pytest.mark.django_db(transaction=True)
def test_an_entry_committed_after_a_younger_one_is_not_passed_over(world: World) -> None:
    """The transaction that took the lower id commits last; the index waits for it."""
    lower, done = threading.Event(), threading.Event()
    other = world.do(conversation_create, title="Other")["sessionKey"]

    def slow() -> None:
        with transaction.atomic():
            call = Call(world.ana, Trigger.RPC, "slow")
            params = {"session_key": world.key, "session_id": world.current, "message": "harbour slow"}
            perform(Command(turn_submit, call, params))
            lower.set()
            done.wait(10)
        connection.close()

    thread = threading.Thread(target=slow)
    thread.start()
    assert lower.wait(10)
    session_id = Session.objects.get(conversation__key=other).pk
    world.do(turn_submit, session_key=other, session_id=session_id, message="harbour quick")
    indexed(world)
    assert texts(world.ana, "harbour") == []
    done.set()
    thread.join()
    indexed(world)
    assert sorted(texts(world.ana, "harbour")) == ["harbour quick", "harbour slow"]


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer")
@pytest.mark.django_db(transaction=True)
def test_a_transaction_of_another_database_is_not_waited_for(world: World) -> None:
    kept = connection.settings_dict
    words = {"host": kept["HOST"], "port": kept["PORT"], "user": kept["USER"], "password": kept["PASSWORD"]}
    words = {name: value for name, value in words.items() if value}
    with psycopg.connect(dbname="postgres", **words) as elsewhere:
        elsewhere.execute("SELECT pg_current_xact_id()")  # and it stays open
        world.say("harbour lights")
        indexed(world)
        assert texts(world.ana, "harbour") == ["harbour lights"]


@pytest.mark.skipif(connection.vendor != "sqlite", reason="FTS5 is SQLite's")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "wound", ["DELETE FROM {}_data", "DELETE FROM {}_config", "UPDATE {}_data SET block = x'0011'"]
)
def test_an_index_that_is_damaged_is_made_again(world: World, wound: str) -> None:
    world.talk("the harbour lights")
    indexed(world)
    with connection.cursor() as cursor:
        cursor.execute(wound.format("sessions_app_searchtext"))
    connection.close()
    with contextlib.suppress(StorageUnavailableError):
        assert texts(world.ana, "harbour") == []
    connection.close()
    world.do(search_clear, world.admin)
    indexed(world)
    assert texts(world.ana, "harbour") == ["the harbour lights"]
