"""Reads a SAM template and prints it as it is and as CloudFormation gets it, both as JSON.

Runs in the SAM CLI's own environment, which has what AWS runs behind `Transform:`.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse


class _NoManagedPolicies:
    """AWS's own policies, by name; our templates name none."""

    def load(self) -> dict[str, str]:
        """Nothing."""
        return {}


def _package(template: dict[str, Any]) -> dict[str, Any]:
    """The same with each function's code in S3, where `sam deploy` puts it, if it has not."""
    copy: dict[str, Any] = json.loads(json.dumps(template))
    for resource in copy["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            code = resource["Properties"]["CodeUri"]
            if not code.startswith("s3://"):
                resource["Properties"]["CodeUri"] = "s3://packaged/code.zip"
    return copy


def main() -> None:
    """Do so, with a template on standard input and parameters as JSON for argument."""
    source = json.loads(json.dumps(yaml_parse(sys.stdin.read()), default=str))
    parameters = json.loads(sys.argv[1])
    transformed = transform(_package(source), parameters, _NoManagedPolicies())
    json.dump({"source": source, "transformed": transformed}, sys.stdout)


if __name__ == "__main__":
    main()
