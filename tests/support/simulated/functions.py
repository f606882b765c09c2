"""A deployed function: as it is now, and whether Lambda would run it, and this machine can."""

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

from .consent import allows
from .roles import ACCOUNT, REGION

Configuration: TypeAlias = Mapping[str, Any]
"""As GetFunctionConfiguration tells it, with the code's hash and when it was changed."""

ARCHITECTURE: Final = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
"""This machine's, as Lambda calls it."""

_VERSION: Final = "import sys; print('python{}.{}'.format(*sys.version_info))"


class RefusedError(Exception):
    """A function that is not run; the text says why."""


def find_function(name: str) -> Configuration | None:
    """A function's configuration, by its name or ARN; of one that is there."""
    try:
        function = lambda_backends[ACCOUNT][REGION].get_function(name)
    except UnknownFunctionException:
        return None
    configuration: Configuration = function.get_configuration()
    return configuration


def read_package(configuration: Configuration) -> bytes:
    """Its package, zipped."""
    function = lambda_backends[ACCOUNT][REGION].get_function(configuration["FunctionArn"])
    packed: bytes = function.code_bytes
    return packed


def check(configuration: Configuration, python: Path) -> None:
    """Refuse a function that Lambda may not run, or that this machine cannot.

    Args:
        configuration: the function's.
        python: what runs functions here.

    Raises:
        RefusedError: its role trusts somebody else, or it is for another Python or processor.
    """
    role = iam_backends[ACCOUNT]["aws"].get_role_by_arn(configuration["Role"])
    trust = role.assume_role_policy_document
    if not allows(trust, "lambda.amazonaws.com", "sts:AssumeRole", {}):
        raise RefusedError("The role defined for the function cannot be assumed by Lambda.")
    declared = configuration["Runtime"], *configuration["Architectures"]
    available = _to_runtime(python), ARCHITECTURE
    if declared != available:
        raise RefusedError(
            f"{configuration['FunctionName']} is for {' on '.join(declared)}; functions run here "
            f"by {' on '.join(available)}: deploy it for that"
        )


@cache
def _to_runtime(python: Path) -> str:
    """A Python's, as Lambda calls its runtimes."""
    result = subprocess.run([python, "-c", _VERSION], capture_output=True, text=True, check=True)
    return result.stdout.strip()
