"""Each level's deployed policy is enough for what it is for, and for nothing else."""

from __future__ import annotations

import inspect
import re
from functools import partial
from importlib import import_module
from itertools import count

import pytest

import operation_requests
import permission_table
import second_opinion
import stores
import tool
from behaviors import BEHAVIORS, find_denied_action
from deployed_store import DIALECTS, deploy_store, list_granted_actions, remove_action
from role_view import Owner, RoleView
from stache_ai_s3vectors import S3VectorsProvider
from stache_ai_s3vectors.service.permissions import LEVELS

ACTIONS = [
    (level, f"{service}:{action}")
    for level, actions in LEVELS.items()
    for service, names in {
        "s3vectors": (*actions.index, *actions.bucket),
        "kms": actions.key,
    }.items()
    for action in names
]
_number = count()


@pytest.fixture(scope="module", params=DIALECTS)
def store(request, tmp_path_factory):
    """A store with a customer key, deployed in each dialect."""
    with deploy_store(request.param, tmp_path_factory.mktemp(request.param)) as store:
        yield store


@pytest.fixture(scope="module")
def owner(store):
    """Who deployed it."""
    return Owner(store.owner)


@pytest.fixture
def view_as(store, owner, tmp_path, monkeypatch):
    """Returns the store as a new role with this policy sees it."""
    monkeypatch.setattr(import_module("stache_ai_s3vectors.tool.commands.indexes"), "POLL", 0)

    def create_view(policy):
        name = f"role-{next(_number)}"
        decisions = partial(store.aws.policies.list_decisions, name)
        return RoleView(owner, store.create_role_environment(name, policy), decisions, tmp_path)

    return create_view


@pytest.mark.parametrize("level", LEVELS)
def test_a_level_is_enough_and_uses_all_of_it_and_the_page_s_table_says_so(store, view_as, level):
    """In every dialect. What is of a higher level, or of none, is denied."""
    view = view_as(level)

    own = {
        each.name: find_denied_action(each, view) is None
        for each in BEHAVIORS
        if each.is_for(level)
    }
    used = {decision.action for decision in view.decisions() if decision.allowed}
    others = {e.name: find_denied_action(e, view) is None for e in BEHAVIORS if not e.is_for(level)}

    assert used == {*list_granted_actions(store.read_policy(level))}
    assert disagreements(store.read_policy(level), view) == []
    assert (all(own.values()), any(others.values())) == (True, False)
    assert {**own, **others} == permission_table.read_page()[level]


def test_every_operation_and_every_command_declares_its_level():
    """But those that call nobody."""
    operations = {
        name
        for name in dir(S3VectorsProvider)
        if not name.startswith("_") and inspect.isfunction(getattr(S3VectorsProvider, name))
    }
    commands = {f"stache-s3vectors {words}" for words, _ in tool.list_commands()}
    commands_offline = {f"stache-s3vectors {c}" for c in ("policy", "policy check", "serve")}
    offline = {"get_name", "preload", *commands_offline}

    declared = {re.split(r",| --", behavior.name)[0] for behavior in BEHAVIORS}

    assert declared == (operations | commands) - offline


@pytest.mark.parametrize("level", LEVELS)
def test_a_deployed_policy_is_that_of_the_table_of_permissions(store, level):
    """So what is shown of one of them holds for those of the other dialects, too."""
    assert stores.parse_statements(store.read_policy(level)) == stores.parse_statements(
        store.build_expected_policy(level)
    )


@pytest.mark.parametrize("store", ["Terraform"], indirect=True)
@pytest.mark.parametrize("level, action", ACTIONS)
def test_without_any_one_action_something_is_denied(store, view_as, level, action):
    """So none is granted for nothing."""
    view = view_as(remove_action(store.read_policy(level), action))

    # Those that the lower level does not have come last
    refused = (find_denied_action(each, view) for each in reversed(BEHAVIORS) if each.is_for(level))

    assert next(filter(None, refused), None) == action


@pytest.mark.parametrize("level", LEVELS)
def test_both_evaluators_deny_every_operation_that_is_not_granted(store, view_as, level):
    """Asked on its own index, and on another's, of another bucket, account, region."""
    view, document = view_as(level), store.read_policy(level)
    requests = {
        where: store.build_operation_requests(where)
        for where in ("", "index", "bucket", "account", "region")
    }

    denied_ones = {
        where: {name for name, request in them.items() if is_denied(view, name, request)}
        for where, them in requests.items()
    }

    assert requests[""].keys() == operation_requests.list_operations()
    own = {
        name for name in requests[""] if f"s3vectors:{name}" not in list_granted_actions(document)
    }
    assert denied_ones == {where: {*them} for where, them in requests.items()} | {"": own}
    assert disagreements(document, view) == []


def disagreements(document, view):
    """What somebody else decides otherwise of what was asked."""
    decided = [d[1:] for d in view.decisions() if d.action.startswith("s3vectors:")]
    assert decided
    return second_opinion.find_disagreements([document], decided)


def is_denied(view, operation, request):
    """By the role's policies: the engine has other reasons to deny, such as another account."""
    before = len(view.decisions())
    code = operation_requests.request_error_code(view.client, operation, request)
    refused = [decision.action for decision in view.decisions()[before:] if not decision.allowed]
    return (code, refused) == ("AccessDeniedException", [f"s3vectors:{operation}"])
