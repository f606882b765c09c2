"""Deployment of a template through CloudFormation's API, as the CDK CLI and the SAM CLI do it.

It is faster than the command lines, for tests of something else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_CAPABILITIES: Final = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]


def deploy(
    cloudformation: Any,
    body: str,
    parameters: Mapping[str, str] | None = None,
    stack: str = "stache",
) -> dict[str, Any]:
    """Create or update a stack, and return CloudFormation's description of it.

    Args:
        cloudformation: a boto3 client.
        body: the template.
        parameters: the parameters that differ from their defaults.
        stack: the name of the stack.
    """
    names = {each["StackName"] for each in cloudformation.describe_stacks()["Stacks"]}
    values = [
        {"ParameterKey": name, "ParameterValue": value}
        for name, value in (parameters or {}).items()
    ]
    change_set = cloudformation.create_change_set(
        StackName=stack,
        ChangeSetName="change",
        ChangeSetType="UPDATE" if stack in names else "CREATE",
        TemplateBody=body,
        Parameters=values,
        Capabilities=_CAPABILITIES,
    )["Id"]
    cloudformation.execute_change_set(ChangeSetName=change_set)
    [description] = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    stack_description: dict[str, Any] = description
    return stack_description
