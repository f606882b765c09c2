"""Deploy a template by CloudFormation's API: what the CDK's and SAM's command lines end in.

Tests whose subject is not the command line save its seconds.
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
    """Create a stack, or change it; what CloudFormation then says of it.

    Args:
        cloudformation: a client.
        body: the template.
        parameters: its parameters; the others have their defaults.
        stack: its name.
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
