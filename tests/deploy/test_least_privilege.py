"""Each level's deployed policy allows what the level is for, and nothing else."""

from __future__ import annotations

import inspect
import re
from functools import partial
from importlib import import_module
from itertools import count

import pytest

from stache_ai_s3vectors import S3VectorsProvider
from stache_ai_s3vectors.service.permissions import LEVELS
from support import tool
from support.deployment import stores
from support.deployment.deployed_store import (
    DIALECTS,
    deploy_store,
    list_granted_actions,
    remove_action,
)
from support.deployment.role_view import Owner, RoleView
from support.permissions import iam_simulate, operation_requests, permission_table
from support.permissions.behaviors import BEHAVIORS, find_denied_action

ACTIONS = [
    (level, f"{service}:{action}")
    for level, actions in LEVELS.items()
    for service, names in {
        "s3vectors": (*actions.index, *actions.bucket),
        "kms": actions.key,
    }.items()
    for action in names
]
# A test shows that the tools deploy equal policies. So one tool deploys every level, and the others
# the level that most functions have
STORES = [
    (dialect, level)
    for dialect in DIALECTS
    for level in LEVELS
    if level == "read-write" or dialect == "Terraform"
]
_number = count()


@pytest.fixture(scope="module", params=DIALECTS)
def store(request, tmp_path_factory):
    """Deploy a store with a customer key, with each tool."""
    with deploy_store(request.param, tmp_path_factory.mktemp(request.param)) as store:
        yield store


@pytest.fixture(scope="module")
def owner(store):
    """Return the view of the store's deployer."""
    return Owner(store.owner)


@pytest.fixture
def view_as(store, owner, tmp_path, monkeypatch):
    """Return a function that creates a role and returns the role's view of the store."""
    monkeypatch.setattr(import_module("stache_ai_s3vectors.tool.commands.indexes"), "POLL", 0)

    def create_view(policy):
        name = f"role-{next(_number)}"
        decisions = partial(store.aws.policies.list_decisions, name)
        return RoleView(owner, store.create_role_environment(name, policy), decisions, tmp_path)

    return create_view


@pytest.mark.parametrize("store, level", STORES, indirect=["store"])
def test_a_level_allows_its_operations_only_as_the_page_s_table_shows(store, view_as, level):
    """Its operations use all of its permissions. Operations of other levels are denied."""
    view = view_as(level)

    own = {
        each.name: find_denied_action(each, view) is None
        for each in BEHAVIORS
        if each.needs_at_most(level)
    }
    used_actions = {decision.action for decision in view.list_decisions() if decision.allowed}
    others = {
        e.name: find_denied_action(e, view) is None for e in BEHAVIORS if not e.needs_at_most(level)
    }

    assert used_actions == {*list_granted_actions(store.read_policy(level))}
    assert find_disagreements(store.read_policy(level), view) == []
    assert (all(own.values()), any(others.values())) == (True, False)
    assert {**own, **others} == permission_table.read_page()[level]


def test_every_operation_and_every_command_declares_its_level():
    """Only those that send no requests need none."""
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
def test_a_deployed_policy_equals_that_of_permissions(store, level):
    """So what is proven for one tool's policy holds for the others."""
    assert stores.parse_statements(store.read_policy(level)) == stores.parse_statements(
        store.build_expected_policy(level)
    )


@pytest.mark.parametrize("store", ["Terraform"], indirect=True)
@pytest.mark.parametrize("level, action", ACTIONS)
def test_each_action_of_a_policy_is_needed(store, view_as, level, action):
    """If one action is missing, an operation of the level is denied."""
    view = view_as(remove_action(store.read_policy(level), action))

    # Start with the last, which the lower level does not have
    refused = (
        find_denied_action(each, view) for each in reversed(BEHAVIORS) if each.needs_at_most(level)
    )

    assert next(filter(None, refused), None) == action


@pytest.mark.parametrize("store, level", STORES, indirect=["store"])
def test_both_evaluators_deny_every_operation_that_is_not_granted(store, view_as, level):
    """The index is its own, or one of another store, bucket, account or region."""
    view, document = view_as(level), store.read_policy(level)
    requests = {
        where: store.build_operation_requests(where)
        for where in ("", "index", "bucket", "account", "region")
    }

    denied = {
        where: {name for name, request in them.items() if is_denied(view, name, request)}
        for where, them in requests.items()
    }

    assert requests[""].keys() == operation_requests.list_operations()
    own = {
        name for name in requests[""] if f"s3vectors:{name}" not in list_granted_actions(document)
    }
    assert denied == {where: {*them} for where, them in requests.items()} | {"": own}
    assert find_disagreements(document, view) == []


def find_disagreements(document, view):
    """Find the decisions about which the second evaluator disagrees."""
    decisions = [d[1:] for d in view.list_decisions() if d.action.startswith("s3vectors:")]
    assert decisions
    return iam_simulate.find_disagreements([document], decisions)


def is_denied(view, operation, request):
    """Whether the role's policies deny it; the engine can also deny for other reasons."""
    before = len(view.list_decisions())
    code = operation_requests.request_error_code(view.client, operation, request)
    refused = [
        decision.action for decision in view.list_decisions()[before:] if not decision.allowed
    ]
    return (code, refused) == ("AccessDeniedException", [f"s3vectors:{operation}"])
