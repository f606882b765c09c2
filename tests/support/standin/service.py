"""The methods of Terraform's plugin protocol that a provider implements."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Any, Final

from . import compute, data_sources, iam, kms, messages, s3vectors, schemas
from .checks import find_errors
from .clients import ProblemError, Provider
from .planning import plan
from .rules import RULES
from .wire_values import decode, encode, replace_unknown

_ERROR: Final = 1
_RESOURCES: Final[Mapping[str, Any]] = {
    "aws_cloudwatch_log_group": compute.LogGroup,
    "aws_dynamodb_table": compute.Table,
    "aws_iam_policy": iam.Policy,
    "aws_iam_role": iam.Role,
    "aws_iam_role_policy": iam.RolePolicy,
    "aws_iam_role_policy_attachment": iam.RolePolicyAttachment,
    "aws_kms_key": kms.Key,
    "aws_kms_key_policy": kms.KeyPolicy,
    "aws_lambda_alias": compute.Alias,
    "aws_lambda_function": compute.Function,
    "aws_s3vectors_index": s3vectors.Index,
    "aws_s3vectors_vector_bucket": s3vectors.VectorBucket,
    "aws_s3vectors_vector_bucket_policy": s3vectors.VectorBucketPolicy,
}
_DATA_SOURCES: Final[Mapping[str, Any]] = {
    "aws_caller_identity": data_sources.read_caller_identity,
    "aws_partition": data_sources.read_partition,
    "aws_region": data_sources.read_region,
}


class Service:
    """One provider. Each method takes a request and returns the response."""

    _provider: Provider

    def get_schemas(self, _: Any) -> Any:
        """Return every schema."""
        return schemas.build_response()

    def check_provider(self, _: Any) -> Any:
        """Check nothing: Terraform has checked the configuration against the schema."""
        return messages.CheckedProvider()

    def configure(self, request: Any) -> Any:
        """Read the provider block."""
        self._provider = Provider(decode(request.config))
        return messages.Checked()

    def check(self, request: Any) -> Any:
        """Check the configuration of a resource or data source."""
        errors = find_errors(request.type_name, decode(request.config))
        return messages.Checked(
            diagnostics=[
                _make_diagnostic("Invalid Attribute Value", f"{name} {reason}", name)
                for name, reason in errors
            ]
        )

    def upgrade(self, request: Any) -> Any:
        """Convert a stored state to the current schema."""
        stored = json.loads(request.raw_state.json)
        empty = schemas.make_empty_state(request.type_name)
        state = {name: stored.get(name, default) for name, default in empty.items()}
        return messages.State(state=encode(state))

    def read(self, request: Any) -> Any:
        """Read the current state of a resource."""
        state = self._make_handler(request).read(decode(request.current_state))
        return messages.State(state=encode(state))

    def read_data(self, request: Any) -> Any:
        """Read a data source."""
        state = _DATA_SOURCES[request.type_name](self._provider, decode(request.config))
        return messages.State(state=encode(state))

    def plan(self, request: Any) -> Any:
        """Plan a change."""
        proposed = decode(request.proposed_new_state)
        if proposed is None:
            return messages.Planned(planned_state=encode(None))
        prior, config = decode(request.prior_state), decode(request.config)
        planned, replaced = plan(request.type_name, prior, proposed, config, self._provider)
        return messages.Planned(
            planned_state=encode(planned),
            requires_replace=[_make_path(name) for name in replaced],
            legacy_type_system=RULES[request.type_name].uses_older_toolkit,
        )

    def apply(self, request: Any) -> Any:
        """Make the change."""
        prior, planned = decode(request.prior_state), decode(request.planned_state)
        older = RULES[request.type_name].uses_older_toolkit
        try:
            state = self._apply_change(self._make_handler(request), prior, planned)
        except ProblemError as problem:
            errors = [_make_diagnostic(problem.summary, problem.detail)]
            return messages.Applied(
                new_state=encode(prior), diagnostics=errors, legacy_type_system=older
            )
        return messages.Applied(new_state=encode(state), legacy_type_system=older)

    @staticmethod
    def _apply_change(handler: Any, prior: Any, planned: Any) -> Any:
        if planned is None:
            return handler.delete(prior)
        state = handler.create(planned) if prior is None else handler.update(prior, planned)
        return replace_unknown(state)

    def import_(self, request: Any) -> Any:
        """Return a state with the id only. Terraform reads the rest next."""
        empty = schemas.make_empty_state(request.type_name)
        region = {"region": self._provider.region} if "region" in empty else {}
        identity = {RULES[request.type_name].imported_by: request.id}
        state = encode({**empty, **region, **identity})
        imported = messages.Imported.Resource(type_name=request.type_name, state=state)
        return messages.Imported(imported_resources=[imported])

    def stop(self, _: Any) -> Any:
        """Do nothing: no operation runs in the background."""
        return messages.Empty()

    def _make_handler(self, request: Any) -> Any:
        return _RESOURCES[request.type_name](self._provider)


METHODS: Final[Mapping[str, tuple[str, str, str]]] = {
    "GetProviderSchema": ("get_schemas", "Empty", "Schemas"),
    "ValidateProviderConfig": ("check_provider", "ProviderConfig", "CheckedProvider"),
    "ConfigureProvider": ("configure", "Configuration", "Checked"),
    "ValidateResourceConfig": ("check", "TypedConfig", "Checked"),
    "ValidateDataResourceConfig": ("check", "TypedConfig", "Checked"),
    "UpgradeResourceState": ("upgrade", "Stored", "State"),
    "ReadResource": ("read", "Current", "State"),
    "ReadDataSource": ("read_data", "TypedConfig", "State"),
    "PlanResourceChange": ("plan", "Wanted", "Planned"),
    "ApplyResourceChange": ("apply", "Change", "Applied"),
    "ImportResourceState": ("import_", "Import", "Imported"),
    "StopProvider": ("stop", "Empty", "Empty"),
}
"""The protocol's methods: our method, and the messages of the request and the response."""


def make_method(method: Callable[[Any], Any], response: Any) -> Callable[[Any, Any], Any]:
    """Wrap a method for gRPC. Any error becomes a diagnostic, which Terraform shows."""

    def handle(request: Any, _: Any) -> Any:
        try:
            return method(request)
        except ProblemError as problem:
            return response(diagnostics=[_make_diagnostic(problem.summary, problem.detail)])
        except Exception as error:  # noqa: BLE001 - Terraform would only say that the plugin failed
            traceback.print_exc(file=sys.stderr)
            return response(
                diagnostics=[_make_diagnostic("the stand-in provider failed", repr(error))]
            )

    return handle


def _make_diagnostic(summary: str, detail: str = "", attribute: str | None = None) -> Any:
    path = _make_path(attribute) if attribute else None
    return messages.Diagnostic(severity=_ERROR, summary=summary, detail=detail, attribute=path)


def _make_path(name: str) -> Any:
    return messages.AttributePath(steps=[messages.AttributePath.Step(attribute_name=name)])
