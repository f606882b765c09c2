"""Repairs of Lambda's SnapStart, versions and aliases, as far as a first deployment needs them."""

from __future__ import annotations

from functools import wraps
from typing import Any, Final

from moto.awslambda import models as functions
from moto.cloudformation.exceptions import UnformattedGetAttTemplateException
from moto.core.common_models import CloudFormationModel

_OFF: Final = {"ApplyOn": "None"}


def apply() -> None:
    """Apply the repairs."""
    _store_snap_start()
    _read_snap_start_from_templates()
    _add_version_attribute()


def _store_snap_start() -> None:
    """Moto ignores a function's SnapStart."""
    kind: Any = functions.LambdaFunction
    create, describe = kind.__init__, kind.get_configuration

    @wraps(create)
    def init(self: Any, account_id: str, spec: Any, *args: Any, **kwargs: Any) -> None:
        self.snap_start = spec.get("SnapStart", _OFF)
        create(self, account_id, spec, *args, **kwargs)

    @wraps(describe)
    def get_configuration(self: Any, *args: Any, **kwargs: Any) -> Any:
        published = str(self.version) != "$LATEST" and self.snap_start != _OFF
        status = {"OptimizationStatus": "On" if published else "Off"}
        return {**describe(self, *args, **kwargs), "SnapStart": {**self.snap_start, **status}}

    kind.__init__, kind.get_configuration = init, get_configuration


def _read_snap_start_from_templates() -> None:
    kind: Any = functions.LambdaFunction
    original = kind.create_from_cloudformation_json.__func__

    @wraps(original)
    def create_from_cloudformation_json(
        cls: Any, resource_name: str, cloudformation_json: Any, *args: Any, **kwargs: Any
    ) -> Any:
        function = original(cls, resource_name, cloudformation_json, *args, **kwargs)
        function.snap_start = cloudformation_json["Properties"].get("SnapStart", _OFF)
        return function

    kind.create_from_cloudformation_json = classmethod(create_from_cloudformation_json)


def _add_version_attribute() -> None:
    """In moto, Fn::GetAtt supports no attribute of a version."""
    kind: Any = functions.LambdaVersion

    def get_cfn_attribute(self: Any, attribute_name: str) -> str:
        if attribute_name == "Version":
            return str(self.version)
        raise UnformattedGetAttTemplateException

    kind.has_cfn_attr = classmethod(lambda _, attribute: attribute == "Version")
    kind.get_cfn_attribute = get_cfn_attribute


class Alias(CloudFormationModel):
    """AWS::Lambda::Alias. It is deleted with its function."""

    __module__ = "simulated.awslambda.versions"  # moto takes the service's name from it

    def __init__(self, arn: str) -> None:
        self.physical_resource_id = arn

    @staticmethod
    def cloudformation_type() -> str:
        """Return the resource type."""
        return "AWS::Lambda::Alias"

    @staticmethod
    def cloudformation_name_type() -> str:
        """Return the property that has the resource's name."""
        return "Name"

    def is_created(self) -> bool:
        """Whether the resource exists. It does as soon as this object does."""
        return True

    @classmethod
    def create_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
        **_: Any,
    ) -> Any:
        """Create the alias."""
        properties = cloudformation_json["Properties"]
        backend = functions.lambda_backends[account_id][region_name]
        names = (properties["FunctionName"], properties["FunctionVersion"])
        return cls(backend.create_alias(resource_name, *names, "", "").arn)
