"""The methods of Terraform's plugin protocol that a provider answers."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Any, Final

from . import compute, data, iam, kms, messages, s3vectors, schemas
from .checks import find_refusals
from .clients import ProblemError, Provider
from .planning import plan
from .rules import RULES
from .values import decode, encode, settle

_ERROR: Final = 1
_KINDS: Final[Mapping[str, Any]] = {
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
_DATA: Final[Mapping[str, Any]] = {
    "aws_caller_identity": data.read_caller_identity,
    "aws_partition": data.read_partition,
    "aws_region": data.read_region,
}


class Service:
    """One provider; each method is given a request and returns the answer to it."""

    _provider: Provider

    def schemas(self, _: Any) -> Any:
        """Every schema."""
        return schemas.build_response()

    def check_provider(self, _: Any) -> Any:
        """The schema has checked all there is."""
        return messages.CheckedProvider()

    def configure(self, request: Any) -> Any:
        """Take the provider block."""
        self._provider = Provider(decode(request.config))
        return messages.Checked()

    def check(self, request: Any) -> Any:
        """A resource's or data source's configuration."""
        wrong = find_refusals(request.type_name, decode(request.config))
        return messages.Checked(
            diagnostics=[
                _make_diagnostic("Invalid Attribute Value", f"{name} {why}", name)
                for name, why in wrong
            ]
        )

    def upgrade(self, request: Any) -> Any:
        """A stored state, in today's schema."""
        stored = json.loads(request.raw_state.json)
        empty = schemas.make_empty_state(request.type_name)
        state = {name: stored.get(name, nothing) for name, nothing in empty.items()}
        return messages.State(state=encode(state))

    def read(self, request: Any) -> Any:
        """A resource's state now."""
        state = self._find_kind(request).read(decode(request.current_state))
        return messages.State(state=encode(state))

    def read_data(self, request: Any) -> Any:
        """A data source."""
        state = _DATA[request.type_name](self._provider, decode(request.config))
        return messages.State(state=encode(state))

    def plan(self, request: Any) -> Any:
        """What a change will do."""
        proposed = decode(request.proposed_new_state)
        if proposed is None:
            return messages.Planned(planned_state=encode(None))
        prior, config = decode(request.prior_state), decode(request.config)
        planned, replaced = plan(request.type_name, prior, proposed, config, self._provider)
        return messages.Planned(
            planned_state=encode(planned),
            requires_replace=[_make_path(name) for name in replaced],
            legacy_type_system=RULES[request.type_name].older,
        )

    def apply(self, request: Any) -> Any:
        """Make the change."""
        prior, planned = decode(request.prior_state), decode(request.planned_state)
        older = RULES[request.type_name].older
        try:
            state = self._changed(self._find_kind(request), prior, planned)
        except ProblemError as problem:
            wrong = [_make_diagnostic(problem.summary, problem.detail)]
            left = encode(prior)
            return messages.Applied(new_state=left, diagnostics=wrong, legacy_type_system=older)
        return messages.Applied(new_state=encode(state), legacy_type_system=older)

    @staticmethod
    def _changed(kind: Any, prior: Any, planned: Any) -> Any:
        if planned is None:
            return kind.delete(prior)
        return settle(kind.create(planned) if prior is None else kind.update(prior, planned))

    def import_(self, request: Any) -> Any:
        """A resource known by its id only; Terraform reads the rest next."""
        empty = schemas.make_empty_state(request.type_name)
        place = {"region": self._provider.region} if "region" in empty else {}
        named = {RULES[request.type_name].imported_by: request.id}
        state = encode({**empty, **place, **named})
        imported = messages.Imported.Resource(type_name=request.type_name, state=state)
        return messages.Imported(imported_resources=[imported])

    def stop(self, _: Any) -> Any:
        """Nothing runs on."""
        return messages.Empty()

    def _find_kind(self, request: Any) -> Any:
        return _KINDS[request.type_name](self._provider)


METHODS: Final[Mapping[str, tuple[str, str, str]]] = {
    "GetProviderSchema": ("schemas", "Empty", "Schemas"),
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
"""Terraform's name of each method: ours, and the messages of question and answer."""


def make_method(method: Callable[[Any], Any], answer: Any) -> Callable[[Any, Any], Any]:
    """The method as gRPC calls it; whatever goes wrong is shown by Terraform."""

    def answered(request: Any, _: Any) -> Any:
        try:
            return method(request)
        except ProblemError as problem:
            return answer(diagnostics=[_make_diagnostic(problem.summary, problem.detail)])
        except Exception as error:  # noqa: BLE001 - Terraform would only say that the plugin failed
            traceback.print_exc(file=sys.stderr)
            return answer(
                diagnostics=[_make_diagnostic("the stand-in provider failed", repr(error))]
            )

    return answered


def _make_diagnostic(summary: str, detail: str = "", attribute: str | None = None) -> Any:
    where = _make_path(attribute) if attribute else None
    return messages.Diagnostic(severity=_ERROR, summary=summary, detail=detail, attribute=where)


def _make_path(name: str) -> Any:
    return messages.AttributePath(steps=[messages.AttributePath.Step(attribute_name=name)])
