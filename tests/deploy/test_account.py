"""Deploy the CDK app and delete it again, in the simulated AWS or, with --aws, in your account.

    python -m pytest --aws tests/deploy

This needs credentials that may deploy, a region, and `cdk bootstrap` done in it. The test creates
one stack, with a new name that begins with `t-`: a vector bucket with three indexes, two tables, a
function with its role and log group, and three policies, whose names begin with `t-` as well. It
deletes all of that, even if it fails. If it is killed, delete the stack yourself. The CDK's assets
(the template and the function's package) stay in the bootstrap bucket.
"""

from __future__ import annotations

import json
import uuid
from contextlib import contextmanager

import boto3
import pytest

from support import command_line_flags
from support.deployment import cdk_app, deployables, function_life, stack_resources
from support.simulated import simulate_aws

pytestmark = pytest.mark.aws


@pytest.fixture
def account(monkeypatch):
    """Yield a session: of your account, or of a simulated one, where no request may be denied."""
    if command_line_flags.AWS:
        yield boto3.Session()
        return
    with simulate_aws() as simulated:
        for name, value in simulated.environment.items():
            monkeypatch.setenv(name, value)
        cdk_app.bootstrap("123456789012", "us-east-1")
        yield boto3.Session()
        assert simulated.policies.decisions
        assert all(decision.allowed for decision in simulated.policies.decisions)


class FunctionClient:
    """Invokes a deployed function."""

    def __init__(self, account, name):
        self._invoke = account.client("lambda").invoke
        self._name = name

    def invoke(self, event):
        """Return the function's response."""
        response = self._invoke(FunctionName=self._name, Payload=json.dumps(event))
        answer = json.loads(response["Payload"].read())
        assert "FunctionError" not in response, answer
        return answer


@contextmanager
def deploy_stack(name, folder):
    """Deploy a stack with this name and prefix, and delete it with its data at the end."""
    try:
        options = {"stack_name": name, "prefix": name, "retain": "false", **cdk_app.LOCAL_FUNCTION}
        cdk_app.deploy(folder, options)
        yield cdk_app.read_outputs(folder, name)
    finally:
        cdk_app.destroy(folder)


@pytest.mark.long
def test_the_deployed_app_works_and_deleting_it_leaves_nothing(account, tmp_path):
    """Without retained data, every resource is deleted with the stack."""
    name = f"t-{uuid.uuid4().hex[:12]}"
    with deploy_stack(name, tmp_path) as outputs:
        deployables.check_package(cdk_app.find_asset(tmp_path))
        function_life.exercise_function(FunctionClient(account, outputs["FunctionName"]))
        resources = stack_resources.list_resources(account, name)
        assert stack_resources.select_existing(account, resources) == resources != []

    remaining = stack_resources.select_existing(account, resources)
    assert remaining == [], remaining
