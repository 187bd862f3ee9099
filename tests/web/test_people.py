"""The People page and one's own account: accounts, groups, links shown once, tokens, sign-ins."""

from __future__ import annotations

import re
import uuid

import pytest
from django.test import Client

from sessions_app.models import ApiToken, SignInLink, User
from tests.support.rows import audits
from tests.support.world import World
from tests.web.conftest import SignedIn
from tests.web.test_pages import INLINE

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


def form(**fields: object) -> dict[str, object]:
    """A form as a page sends it."""
    return {"request_id": str(uuid.uuid4()), **fields}


@pytest.fixture
def admin(world: World, signed_in: SignedIn) -> Client:
    """A browser of the administrator."""
    return signed_in(world.admin)


def test_people_is_for_those_who_manage(world: World, ana: Client, admin: Client, signed_in: SignedIn) -> None:
    for client in (ana, signed_in(world.operator), signed_in(world.auditor)):
        assert client.get("/people/").status_code == 403
        assert client.get("/people/ana/").status_code == 403
        assert client.post("/people/ana/link/", form()).status_code == 403
    assert "/people/" not in ana.get("/sessions/").content.decode()
    html = admin.get("/people/").content.decode()
    assert not INLINE.search(html)
    assert all(name in html for name in ("ana", "bob", "olga", "andre", "Operator", "never"))


def test_people_are_found_by_name_group_and_state(world: World, admin: Client) -> None:
    User.objects.filter(username="bob").update(is_active=False)
    assert "/people/ana/" not in admin.get("/people/?q=OLG").content.decode()
    assert "/people/olga/" in admin.get("/people/?group=Operator").content.decode()
    disabled = admin.get("/people/?state=disabled").content.decode()
    assert "/people/bob/" in disabled
    assert "/people/ana/" not in disabled
    assert "Nobody matches" in admin.get("/people/?q=nobody").content.decode()


def test_many_people_go_over_pages_and_back(world: World, admin: Client) -> None:
    User.objects.bulk_create(User(username=f"person{number:03}") for number in range(60))
    first = admin.get("/people/").content.decode()
    older = re.search(r'href="(/people/\?c=[^"]+)" rel="next"', first)
    assert older
    second = admin.get(older[1]).content.decode()
    assert "/people/person059/" in second
    assert "/people/ana/" not in second
    assert 'href="/people/" rel="prev"' in second


def test_an_account_is_created_with_groups_and_has_a_page(world: World, admin: Client) -> None:
    made = admin.post("/people/", form(username="zoe", groups=["User", "Auditor"]))
    assert (made.status_code, made["Location"]) == (303, "/people/zoe/")
    assert sorted(User.objects.get(username="zoe").groups.values_list("name", flat=True)) == ["Auditor", "User"]
    html = admin.get("/people/zoe/").content.decode()
    assert "never" in html
    assert not INLINE.search(html)


def test_a_name_that_is_taken_is_said_beside_the_form_and_what_was_typed_stays(world: World, admin: Client) -> None:
    answer = admin.post("/people/", form(username="ana", groups=["Auditor"]))
    html = answer.content.decode()
    assert answer.status_code == 400
    assert "The name ana is taken." in html or "already exists" in html
    assert 'value="ana"' in html
    assert 'value="Auditor" checked' in html


def test_a_sign_in_link_is_shown_once_and_works_once(world: World, admin: Client) -> None:
    answer = admin.post("/people/ana/link/", form())
    link = re.search(r"http://testserver(/signin/link/[\w-]+)", answer.content.decode())
    assert link
    assert "no-store" in answer["Cache-Control"]
    assert answer["Referrer-Policy"] == "no-referrer"
    assert link[1].rsplit("/", 1)[1] not in admin.get("/people/ana/").content.decode()
    assert SignInLink.objects.get().token_hash not in link[1]
    browser = Client()
    assert browser.get(link[1])["Location"] == "/"
    assert Client().get(link[1]).status_code == 404
    assert "One-time link" in admin.get("/people/ana/").content.decode()


def test_a_link_made_in_the_page_opens_in_its_dialog(world: World, admin: Client) -> None:
    answer = admin.post("/people/ana/link/", form(), headers=HTMX)
    assert answer["HX-Retarget"] == "#ask"
    assert "data-copy=" in answer.content.decode()


def test_groups_are_set_and_the_change_is_audited(world: World, admin: Client) -> None:
    admin.post("/people/ana/change/", form(groups=["Operator", "User"]))
    assert 'value="Operator" checked' in admin.get("/people/ana/").content.decode()
    assert audits(type="user.changed")[-1]["data"]["groups"] == ["Operator", "User"]


def test_a_disabled_account_is_signed_out_at_its_next_step_and_can_be_enabled(
    world: World, ana: Client, admin: Client
) -> None:
    admin.post("/people/ana/change/", form(active="false"))
    assert ana.get("/sessions/")["Location"].startswith("/signin/")
    assert "Enable account" in admin.get("/people/ana/").content.decode()
    admin.post("/people/ana/change/", form(active="true"))
    assert User.objects.get(username="ana").is_active


def test_nobody_disables_themselves(world: World, admin: Client) -> None:
    assert "Disable account" not in admin.get("/people/admin/").content.decode()
    assert admin.post("/people/admin/change/", form(active="false")).status_code == 400


def test_a_token_of_ones_own_is_made_shown_once_and_revoked(world: World, ana: Client) -> None:
    answer = ana.post("/account/tokens/", form(name="backup script", scopes=["read", "write"]))
    secret = re.search(r"hf_[\w-]{20,}", answer.content.decode())
    assert secret
    html = ana.get("/account/").content.decode()
    assert not INLINE.search(html)
    assert "backup script" in html
    assert secret[0] not in html
    assert secret[0][:12] in html
    row = ApiToken.objects.get()
    assert row.scopes == "read,write"
    assert ana.post("/account/tokens/revoke/", form(token_id=row.pk)).status_code == 303
    assert ApiToken.objects.get().revoked_at
    assert "revoked" in ana.get("/account/").content.decode()


def test_a_token_without_a_name_is_refused_beside_the_form(world: World, ana: Client) -> None:
    answer = ana.post("/account/tokens/", form(name=" ", scopes=["write"]))
    assert answer.status_code == 400
    assert 'value="write" checked' in answer.content.decode()
    assert ana.post("/account/tokens/", form(name="x", scopes=[]), headers=HTMX)["HX-Retarget"] == "#toasts"


def test_tokens_of_others_are_for_those_who_manage(
    world: World, ana: Client, admin: Client, signed_in: SignedIn
) -> None:
    ana.post("/account/tokens/", form(name="mine", scopes=["read"]))
    token_id = ApiToken.objects.get().pk
    assert signed_in(world.bob).post("/account/tokens/revoke/", form(token_id=token_id)).status_code == 403
    answer = admin.post("/account/tokens/revoke/", form(token_id=token_id, next="/people/ana/"))
    assert answer["Location"] == "/people/ana/"


def test_ones_own_sign_ins_are_seen_without_the_audit_permission(world: World) -> None:
    Client().post("/signin/", {"username": "ana", "password": "correct horse"})
    browser = Client()
    browser.post("/signin/", {"username": "ana", "password": "correct horse"})
    html = browser.get("/account/").content.decode()
    assert html.count("<span>Password</span>") == 2
    assert browser.get("/audit/").status_code == 403
    assert [row["data"] for row in audits(type="user.signed_in")] == [{"by": "password"}] * 2
