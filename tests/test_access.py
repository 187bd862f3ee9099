"""Who may do what: the table by role, by scope and by standing; and that everybody is asked before anything is read or written."""

from __future__ import annotations

import ast
import inspect
import textwrap
from pathlib import Path

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone

from sessions_app import access
from sessions_app.access import RULES, Action
from sessions_app.errors import ForbiddenError, NotFoundError, UnauthenticatedError
from sessions_app.models import ApiToken, User
from sessions_app.services import perform as gate
from sessions_app.values import SYSTEM, Scope
from tests.services.cases import SYSTEM_VERBS
from tests.support.rows import queries

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).resolve().parents[1]
EVERYBODY = {Action.LIST}
OWN = {
    Action.VIEW,
    Action.CHAT,
    Action.CREATE,
    Action.CHANGE,
    Action.RESET,
    Action.COMPACT,
    Action.RESTORE,
    Action.CHECKPOINT,
    Action.BRANCH,
    Action.EXPORT,
}
# what a role may do with the conversations of others, and where there is no target
ROLES = {
    "bob": {Action.CREATE},
    "operator": {
        Action.CREATE,
        Action.VIEW,
        Action.RESET,
        Action.COMPACT,
        Action.RESTORE,
        Action.CHECKPOINT,
        Action.BRANCH,
    },
    "auditor": {Action.VIEW, Action.VIEW_AUDIT, Action.EXPORT},
    "admin": set(Action),
}


def _allowed(actor, owner_id):
    allowed = set()
    for action in Action:
        try:
            access.require(actor, action, owner_id)
        except ForbiddenError:
            continue
        allowed.add(action)
    return allowed


@pytest.mark.parametrize("role", ROLES)
def test_what_a_role_may_do_with_the_conversations_of_others(world, role):
    assert _allowed(getattr(world, role), world.ana.user_id) == ROLES[role] | EVERYBODY


@pytest.mark.parametrize("role", ["ana", "operator"])
def test_one_may_do_everything_of_ones_own_but_manage_and_audit(world, role):
    actor = getattr(world, role)
    assert _allowed(actor, actor.user_id) == OWN | EVERYBODY


def test_an_auditor_has_nothing_of_their_own(world):
    assert _allowed(world.auditor, world.auditor.user_id) == EVERYBODY | {Action.VIEW_AUDIT}


def test_every_action_has_a_rule():
    assert set(RULES) == set(Action)


def test_a_superuser_may_everything_without_a_group(world):
    User.objects.filter(username="bob").update(is_superuser=True)
    User.objects.get(username="bob").groups.clear()
    assert _allowed(world.bob, world.ana.user_id) == set(Action)


def test_a_permission_of_the_person_counts_as_one_of_their_group(world):
    permission = Permission.objects.get(codename="view_any", content_type__app_label="sessions_app")
    User.objects.get(username="bob").user_permissions.add(permission)
    assert _allowed(world.bob, world.ana.user_id) == {Action.CREATE, Action.VIEW} | EVERYBODY


def test_a_permission_of_the_same_name_elsewhere_does_not_count(world):
    kind = Permission.objects.exclude(content_type__app_label="sessions_app").first().content_type
    stray = Permission.objects.create(codename="manage", name="x", content_type=kind)
    User.objects.get(username="bob").user_permissions.add(stray)
    assert Action.MANAGE not in _allowed(world.bob, None)


def test_who_is_in_no_group_may_only_ask_for_lists(world):
    User.objects.get(username="ana").groups.clear()
    assert _allowed(world.ana, world.ana.user_id) == EVERYBODY


def test_the_system_may_what_must_be_done(world):
    assert _allowed(SYSTEM, world.ana.user_id) == set(Action)


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("role", ["ana", "admin"])
def test_a_disabled_account_may_nothing(world, role, action):
    actor = getattr(world, role)
    User.objects.filter(pk=actor.user_id).update(is_active=False)
    with pytest.raises(UnauthenticatedError):
        access.require(actor, action, actor.user_id)


def test_an_account_that_is_gone_may_nothing(world):
    ghost = access.actor_for_user(User(pk=10**6, username="ghost"))
    with pytest.raises(UnauthenticatedError):
        access.require(ghost, Action.LIST)


def _token(username, *scopes):
    user = User.objects.get(username=username)
    return ApiToken.objects.create(
        user=user,
        name="ci",
        token_hash=username + ",".join(scopes),
        prefix="hf_",
        scopes=",".join(scopes),
        created_at=timezone.now(),
    )


@pytest.mark.parametrize(
    ("scopes", "wanted"),
    [
        (["read"], {action for action in Action if RULES[action].scope is Scope.READ}),
        (["write"], {action for action in Action if RULES[action].scope is Scope.WRITE}),
        (["admin"], {Action.MANAGE}),
        (["read", "write", "admin"], set(Action)),
        ([], set()),
    ],
    ids=["read", "write", "admin", "all", "none"],
)
def test_a_token_may_what_both_its_scopes_and_its_person_may(world, scopes, wanted):
    of_admin = access.actor_for_token(_token("admin", *scopes))
    assert _allowed(of_admin, world.ana.user_id) == wanted
    of_bob = access.actor_for_token(_token("bob", *scopes))
    assert _allowed(of_bob, world.ana.user_id) == wanted & (ROLES["bob"] | EVERYBODY)


def test_reset_and_restore_need_the_scope_write():
    assert {RULES[action].scope for action in (Action.RESET, Action.RESTORE, Action.CHAT)} == {Scope.WRITE}


def test_a_revoked_token_may_nothing_though_its_person_may(world):
    token = _token("ana", "read", "write")
    program = access.actor_for_token(token)
    assert access.require(program, Action.CHAT, world.ana.user_id).is_active
    token.revoked_at = timezone.now()
    token.save()
    with pytest.raises(UnauthenticatedError):
        access.require(program, Action.CHAT, world.ana.user_id)
    assert access.require(world.ana, Action.CHAT, world.ana.user_id).is_active


def test_an_unknown_key_is_not_found_for_who_may_ask_at_all(world):
    for actor in (world.ana, world.admin):
        with pytest.raises(NotFoundError):
            access.conversation(actor, Action.VIEW, "agent:main:nowhere")
    User.objects.filter(username="ana").update(is_active=False)
    with pytest.raises(UnauthenticatedError):
        access.conversation(world.ana, Action.VIEW, "agent:main:nowhere")


def test_the_query_counts_are_as_documented(world):
    program = access.actor_for_token(_token("ana", "read", "write"))
    for actor, extra in ((world.ana, 0), (program, 1), (SYSTEM, -1)):
        with queries() as asking:
            access.require(actor, Action.VIEW, world.ana.user_id)
        assert len(asking.asked) == 1 + extra
        with queries() as asking:
            access.conversation(actor, Action.VIEW, world.key)
        assert len(asking.asked) == 2 + extra


# ---------------------------------------------------------------- law 12: who may, is asked where it is done
ASKS = ("access.", "_account_for(", "_run_of(", "_checked(", "turns_submit(")
ASKS_NOBODY = {
    # verbs: they are how one becomes somebody
    "sign_in_link_use",
    "sign_in_link_create",
    "user_create",
    # it refuses everybody who is somebody
    "lockout_record",
}


def _asks(function):
    return any(word in inspect.getsource(function) for word in ASKS)


def test_every_verb_that_people_call_asks_first():
    ours = [
        verb for verb in gate._FACTS if verb.__module__.startswith("sessions_app.")
    ]  # tests make verbs of their own
    silent = {verb.__name__ for verb in ours if verb not in SYSTEM_VERBS and not _asks(verb)}
    assert silent - ASKS_NOBODY == set()


def test_no_transport_names_a_verb_of_the_system():
    names = {verb.__name__ for verb in SYSTEM_VERBS}
    for folder in ("gateway", "web", "management"):
        for path in (ROOT / "sessions_app" / folder).rglob("*.py"):
            used = {node.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)}
            assert used & names == set(), path


def test_every_selector_that_takes_an_actor_asks_before_it_reads():
    found = []
    for path in sorted((ROOT / "sessions_app/selectors").glob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                names = [argument.arg for argument in node.args.args]
                if names[:1] == ["actor"]:
                    found.append(node.name)
                    body = [
                        line for line in node.body if not isinstance(line, ast.Expr) or isinstance(line.value, ast.Call)
                    ]
                    first = textwrap.dedent(ast.unparse(ast.Module(body[:2], [])))
                    assert "access." in first, f"{path.name}: {node.name}"
    assert len(found) >= 12
