"""A deployment that comes and goes: to the simulated AWS, or with --aws to your account.

    python -m pytest --aws tests/deploy

needs credentials that may deploy, a region, and `cdk bootstrap` done there. It makes a stack of a
name that nobody has, which begins with `t-`, as do the names of all that is in it: a vector bucket
with three indexes, two tables, a function with its role and its log group, and three policies. All
of that is removed again, however the test ends, unless it is killed: then delete the stack by
hand. What stays are the CDK's assets, the template and the function's package, in the bucket that
bootstrapping made.
"""

from __future__ import annotations

import json
import uuid
from contextlib import contextmanager

import boto3
import pytest

import cdk_app
import command_line_flags
import deployables
import function_life
import stack_resources
from simulated import simulate_aws

pytestmark = pytest.mark.aws


@pytest.fixture
def account(monkeypatch):
    """An account that the CDK knows, and where: yours, or a simulated one that denies nothing."""
    if command_line_flags.AWS:
        yield boto3.Session()
        return
    with simulate_aws() as simulated:
        for name, value in simulated.where.items():
            monkeypatch.setenv(name, value)
        cdk_app.bootstrap("123456789012", "us-east-1")
        yield boto3.Session()
        assert simulated.policies.decisions
        assert all(decision.allowed for decision in simulated.policies.decisions)


class Invoked:
    """A function that Lambda runs."""

    def __init__(self, account, name):
        self._invoke = account.client("lambda").invoke
        self._name = name

    def invoke(self, event):
        """What it answers."""
        response = self._invoke(FunctionName=self._name, Payload=json.dumps(event))
        answer = json.loads(response["Payload"].read())
        assert "FunctionError" not in response, answer
        return answer


@contextmanager
def deployed(name, folder):
    """A stack of this name and prefix, with its data, for as long as it is used."""
    try:
        options = {"stack_name": name, "prefix": name, "retain": "false", **cdk_app.LOCAL_FUNCTION}
        cdk_app.deploy(folder, options)
        yield cdk_app.read_outputs(folder, name)
    finally:
        cdk_app.destroy(folder)


def test_what_is_deployed_works_and_leaves_nothing_behind(account, tmp_path):
    """The function lives its life; without retained data, each resource goes with the stack."""
    name = f"t-{uuid.uuid4().hex[:12]}"
    with deployed(name, tmp_path) as outputs:
        deployables.check_package(cdk_app.find_asset(tmp_path))
        function_life.exercise_function(Invoked(account, outputs["FunctionName"]))
        resources = stack_resources.list_resources(account, name)
        assert stack_resources.select_existing(account, resources) == resources != []

    left = stack_resources.select_existing(account, resources)
    assert left == [], left
