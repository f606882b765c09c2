"""A script that transforms a SAM template, and prints it before and after as JSON.

It runs in the SAM CLI's own environment, which has the library that AWS uses for `Transform:`.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse


class _NoManagedPolicies:
    """The loader of AWS's managed policies. Our templates use none."""

    def load(self) -> dict[str, str]:
        """Return no policies."""
        return {}


def _set_code_locations(template: dict[str, Any]) -> dict[str, Any]:
    """Copy the template, and set each function's code to an object in S3, like `sam deploy`."""
    copy: dict[str, Any] = json.loads(json.dumps(template))
    for resource in copy["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            code = resource["Properties"]["CodeUri"]
            if not code.startswith("s3://"):
                resource["Properties"]["CodeUri"] = "s3://packaged/code.zip"
    return copy


def main() -> None:
    """Transform the template on standard input, with the parameters in the argument, as JSON."""
    source = json.loads(json.dumps(yaml_parse(sys.stdin.read()), default=str))
    parameters = json.loads(sys.argv[1])
    transformed = transform(_set_code_locations(source), parameters, _NoManagedPolicies())
    json.dump({"source": source, "transformed": transformed}, sys.stdout)


if __name__ == "__main__":
    main()
