"""The conditions of a policy statement.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from s3vectors_local.errors import PolicyError, UnevaluatedPolicyError

from .needs import Context
from .patterns import is_complete_arn, matches, matches_arn

T = TypeVar("T")
R = TypeVar("R")

_EVALUATED_KEYS: Final = re.compile(
    r"s3vectors:(ssetype|kmskeyarn|vectorbuckettag/.+)|aws:(tagkeys|(resource|request)tag/.+"
    r"|principal(arn|account|isawsservice|servicename)|requestedregion|resourceaccount"
    r"|securetransport|sourceaccount)|kms:viaservice"
)
_KEY_FORM: Final = re.compile(r"[\w-]+:.+")
_OPERATOR: Final = re.compile(r"(?:(ForAnyValue|ForAllValues):)?(\w+?)(IfExists)?")


def _equals(operand: str, value: str) -> bool:
    return operand == value


def _equals_ignoring_case(operand: str, value: str) -> bool:
    return operand.lower() == value.lower()


_COMPARISONS: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "StringEquals": _equals,
    "StringEqualsIgnoreCase": _equals_ignoring_case,
    "StringLike": matches,
    "ArnEquals": matches_arn,
    "ArnLike": matches_arn,
    "Bool": _equals_ignoring_case,
}
_NEGATIONS: Final = {
    name.replace(kind, f"{kind}Not"): name
    for name in _COMPARISONS
    for kind in ("String", "Arn")
    if name.startswith(kind)
}
_NUMBERS: Final = ("Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan")
_UNEVALUATED: Final = {
    *(f"{kind}{how}" for kind in ("Numeric", "Date") for how in (*_NUMBERS, "GreaterThanEquals")),
    "BinaryEquals",
    "IpAddress",
    "NotIpAddress",
}
"""Operators of IAM that the engine does not evaluate."""

OPERATORS: Final = frozenset({*_COMPARISONS, *_NEGATIONS, *_UNEVALUATED, "Null"})
"""All operators of IAM, without prefix and suffix."""


@dataclass(frozen=True)
class Condition:
    """One operator on one condition key.

    Args:
        key: the condition key, in lower case.
        operator: the operator without prefix and suffix.
        values: one of them must match; with a negated operator, none may match.
        quantifier: ForAnyValue, ForAllValues or None.
        if_exists: whether the operator has the suffix IfExists.
    """

    key: str
    operator: str
    values: tuple[str, ...]
    quantifier: str | None
    if_exists: bool

    def holds(self, context: Context) -> bool:
        """Whether the condition is true for a request."""
        values = context.get(self.key)
        if self.operator == "Null":
            return (values is None) is (self.values[0] == "true")
        negated = self.operator in _NEGATIONS
        if values is None:
            # A negated operator is true for a missing key, ForAllValues for no values
            return (
                self.if_exists
                or self.quantifier == "ForAllValues"
                or (negated and self.quantifier is None)
            )
        every = self.quantifier == "ForAllValues" or (negated and self.quantifier is None)
        return (all if every else any)(self._matches_any(value) is not negated for value in values)

    def _matches_any(self, value: str) -> bool:
        compare = _COMPARISONS[_NEGATIONS.get(self.operator, self.operator)]
        return any(compare(pattern, value) for pattern in self.values)


def parse_conditions(name: str, element: Any) -> tuple[Condition, ...]:
    """Parse the Condition element of a statement; all conditions must be true.

    Raises:
        PolicyError: they are malformed.
        UnevaluatedPolicyError: they are valid, but the engine does not evaluate one of them.
    """
    if not isinstance(element, Mapping) or not all(
        isinstance(v, Mapping) for v in element.values()
    ):
        raise PolicyError(f"{name}: Condition must be an object of objects")
    parsed = parse_each(element.items(), lambda pair: _parse_operator(name, *pair))
    return tuple(condition for conditions in parsed for condition in conditions)


def parse_each(items: Iterable[T], parse: Callable[[T], R]) -> list[R]:
    """Parse all items: a malformed one is reported before one that is not evaluated.

    Raises:
        PolicyError: an item is malformed.
        UnevaluatedPolicyError: no item is malformed, but one is not evaluated.
    """
    parsed: list[R] = []
    unevaluated: UnevaluatedPolicyError | None = None
    for item in items:
        try:
            parsed.append(parse(item))
        except UnevaluatedPolicyError as error:  # noqa: PERF203 - a few items, read once
            unevaluated = unevaluated or error
    if unevaluated is not None:
        raise unevaluated
    return parsed


def _parse_operator(name: str, text: str, keys: Mapping[Any, Any]) -> list[Condition]:
    match = _OPERATOR.fullmatch(text)
    quantifier, operator, suffix = match.groups() if match else (None, "", None)
    modified = quantifier is not None or suffix is not None
    unclear = (operator == "Null" and modified) or (quantifier and suffix)
    if operator not in OPERATORS:
        raise PolicyError(f"{name}: {text} is not a condition operator")
    if len({str(key).lower() for key in keys}) < len(keys):
        raise PolicyError(f"{name}: {text} repeats a condition key in another case")
    quantified = quantifier is not None or operator == "Null"

    def parse(pair: tuple[Any, Any]) -> Condition:
        key, values = pair
        listed = _parse_values(name, operator, values)
        if operator in _UNEVALUATED or unclear:
            raise UnevaluatedPolicyError(
                f"{name}: s3vectors-local does not evaluate the condition operator {text}"
            )
        return Condition(
            _parse_key(name, key, quantified=quantified),
            operator,
            _check_evaluated(name, operator, listed),
            quantifier,
            suffix is not None,
        )

    return parse_each(keys.items(), parse)


def _parse_key(name: str, key: Any, *, quantified: bool) -> str:
    if not isinstance(key, str) or not _KEY_FORM.fullmatch(key):
        raise PolicyError(f"{name}: {key} is not a condition key")
    if not _EVALUATED_KEYS.fullmatch(key.lower()) or "${" in key:
        raise UnevaluatedPolicyError(
            f"{name}: s3vectors-local does not evaluate the condition key {key}. It evaluates "
            "those of S3 Vectors (s3vectors:sseType, s3vectors:kmsKeyArn, "
            "s3vectors:VectorBucketTag/KEY, aws:ResourceTag/KEY, aws:RequestTag/KEY, aws:TagKeys) "
            "and aws:PrincipalArn, aws:PrincipalAccount, aws:PrincipalIsAWSService, "
            "aws:PrincipalServiceName, aws:RequestedRegion, aws:ResourceAccount, "
            "aws:SecureTransport, aws:SourceAccount and kms:ViaService"
        )
    if key.lower() == "aws:tagkeys" and not quantified:
        raise UnevaluatedPolicyError(
            f"{name}: {key} has several values and needs ForAnyValue or ForAllValues"
        )
    return key.lower()


def _parse_values(name: str, operator: str, values: Any) -> tuple[str, ...]:
    listed: Sequence[Any] = values if isinstance(values, list) else [values]
    numbers = operator.startswith("Numeric")
    texts = tuple(
        str(v).lower() if isinstance(v, bool) or (numbers and isinstance(v, (int, float))) else v
        for v in listed
    )
    if not texts or not all(isinstance(text, str) for text in texts):
        raise PolicyError(f"{name}: the values of {operator} must be strings")
    if operator in ("Null", "Bool"):
        texts = tuple(text.lower() for text in texts)
        if texts not in (("true",), ("false",)):
            raise PolicyError(f"{name}: the value of {operator} must be true or false")
    return texts


def _check_evaluated(name: str, operator: str, texts: tuple[str, ...]) -> tuple[str, ...]:
    if any("${" in text for text in texts):
        raise UnevaluatedPolicyError(
            f"{name}: s3vectors-local does not evaluate policy variables: {', '.join(texts)}"
        )
    # AWS compares the six parts of an ARN, which "*" does not have
    if operator.startswith("Arn") and not all(is_complete_arn(t) and t != "*" for t in texts):
        raise UnevaluatedPolicyError(
            f"{name}: the values of {operator} must be complete ARNs: {', '.join(texts)}"
        )
    return texts
