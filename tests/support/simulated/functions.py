"""A deployed function: its configuration and package, and whether it can run."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

from moto.awslambda.exceptions import UnknownFunctionException
from moto.awslambda.models import lambda_backends
from moto.iam.models import iam_backends

from .resource_policies import allows
from .roles import ACCOUNT, REGION

Configuration: TypeAlias = Mapping[str, Any]
"""The response of GetFunctionConfiguration. It has the code's hash and the time of the change."""

ARCHITECTURE: Final = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
"""This machine's processor architecture, as Lambda names it."""

_PRINT_RUNTIME: Final = "import sys; print('python{}.{}'.format(*sys.version_info))"


class RefusedError(Exception):
    """A function cannot run. The message says why."""


def find_function(name: str) -> Configuration | None:
    """Return the configuration of a function by its name or ARN, or None if there is none."""
    try:
        function = lambda_backends[ACCOUNT][REGION].get_function(name)
    except UnknownFunctionException:
        return None
    configuration: Configuration = function.get_configuration()
    return configuration


def read_package(configuration: Configuration) -> bytes:
    """Return the function's package, a zip file."""
    function = lambda_backends[ACCOUNT][REGION].get_function(configuration["FunctionArn"])
    packed: bytes = function.code_bytes
    return packed


def check_function(configuration: Configuration, python: Path) -> None:
    """Refuse a function that Lambda may not run, or that this machine cannot.

    Args:
        configuration: the configuration of the function.
        python: the Python that runs functions.

    Raises:
        RefusedError: its role does not trust Lambda, or it is for another Python or processor.
    """
    role = iam_backends[ACCOUNT]["aws"].get_role_by_arn(configuration["Role"])
    trust = role.assume_role_policy_document
    if not allows(trust, "lambda.amazonaws.com", "sts:AssumeRole", {}):
        raise RefusedError("The role defined for the function cannot be assumed by Lambda.")
    declared = configuration["Runtime"], *configuration["Architectures"]
    available = _to_runtime(python), ARCHITECTURE
    if declared != available:
        raise RefusedError(
            f"{configuration['FunctionName']} is built for {' on '.join(declared)}, but this "
            f"machine runs {' on '.join(available)}. Deploy it for that."
        )


@cache
def _to_runtime(python: Path) -> str:
    """Return the version of a Python as the name of Lambda's runtime."""
    command: list[str | Path] = [python, "-c", _PRINT_RUNTIME]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    return result.stdout.strip()
