"""The conditions of a policy statement, on the keys of S3 Vectors and on who asks.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from s3vectors_local.errors import PolicyError, UnevaluatedPolicyError

from .needs import Context
from .patterns import matches, matches_arn, whole_arn

T = TypeVar("T")
R = TypeVar("R")

_KEYS: Final = re.compile(
    r"s3vectors:(ssetype|kmskeyarn|vectorbuckettag/.+)|aws:(tagkeys|(resource|request)tag/.+"
    r"|principal(arn|account|isawsservice|servicename)|requestedregion|resourceaccount"
    r"|securetransport|sourceaccount)|kms:viaservice"
)
_KEY_FORM: Final = re.compile(r"[\w-]+:.+")
_OPERATOR: Final = re.compile(r"(?:(ForAnyValue|ForAllValues):)?(\w+?)(IfExists)?")


def _same(wanted: str, value: str) -> bool:
    return wanted == value


def _same_ignoring_case(wanted: str, value: str) -> bool:
    return wanted.lower() == value.lower()


_COMPARISONS: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "StringEquals": _same,
    "StringEqualsIgnoreCase": _same_ignoring_case,
    "StringLike": matches,
    "ArnEquals": matches_arn,
    "ArnLike": matches_arn,
    "Bool": _same_ignoring_case,
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
"""Operators of IAM that are not evaluated here."""

OPERATORS: Final = frozenset({*_COMPARISONS, *_NEGATIONS, *_UNEVALUATED, "Null"})
"""All operators of IAM, without prefix and suffix."""


@dataclass(frozen=True)
class Condition:
    """One operator on one condition key.

    Args:
        key: in lower case.
        operator: without its prefix and suffix.
        values: what it is compared with; one of them must fit, or, negated, none.
        quantifier: ForAnyValue, ForAllValues or None.
        if_exists: whether a request without the key passes.
    """

    key: str
    operator: str
    values: tuple[str, ...]
    quantifier: str | None
    if_exists: bool

    def holds(self, context: Context) -> bool:
        """Whether a request passes."""
        have = context.get(self.key)
        if self.operator == "Null":
            return (have is None) is (self.values[0] == "true")
        negated = self.operator in _NEGATIONS
        if have is None:
            # A negated operator holds for a key that is not there, ForAllValues for no values
            return (
                self.if_exists
                or self.quantifier == "ForAllValues"
                or (negated and self.quantifier is None)
            )
        every = self.quantifier == "ForAllValues" or (negated and self.quantifier is None)
        return (all if every else any)(self._fits(value) is not negated for value in have)

    def _fits(self, value: str) -> bool:
        compare = _COMPARISONS[_NEGATIONS.get(self.operator, self.operator)]
        return any(compare(wanted, value) for wanted in self.values)


def parse_conditions(name: str, told: Any) -> tuple[Condition, ...]:
    """The conditions of a statement; all of them must hold.

    Raises:
        PolicyError: they are malformed.
        UnevaluatedPolicyError: they are valid, and one of them is not evaluated here.
    """
    if not isinstance(told, Mapping) or not all(isinstance(v, Mapping) for v in told.values()):
        raise PolicyError(f"{name}: Condition must be an object of objects")
    parsed = parse_each(told.items(), lambda pair: _conditions(name, *pair))
    return tuple(condition for conditions in parsed for condition in conditions)


def parse_each(items: Iterable[T], parse: Callable[[T], R]) -> list[R]:
    """Parse all items, so that a malformed one is found behind one that is not evaluated.

    Raises:
        PolicyError: an item is malformed.
        UnevaluatedPolicyError: none is malformed, and one is not evaluated.
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


def _conditions(name: str, text: str, keys: Mapping[Any, Any]) -> list[Condition]:
    found = _OPERATOR.fullmatch(text)
    quantifier, operator, suffix = found.groups() if found else (None, "", None)
    modified = quantifier is not None or suffix is not None
    unclear = (operator == "Null" and modified) or (quantifier and suffix)
    if operator not in OPERATORS:
        raise PolicyError(f"{name}: {text} is not a condition operator")
    if len({str(key).lower() for key in keys}) < len(keys):
        raise PolicyError(f"{name}: {text} has a condition key twice, in upper and lower case")
    quantified = quantifier is not None or operator == "Null"

    def condition(pair: tuple[Any, Any]) -> Condition:
        key, values = pair
        listed = _values(name, operator, values)
        if operator in _UNEVALUATED or unclear:
            raise UnevaluatedPolicyError(
                f"{name}: the condition operator {text} is not evaluated here"
            )
        return Condition(
            _key(name, key, quantified=quantified),
            operator,
            _evaluated(name, operator, listed),
            quantifier,
            suffix is not None,
        )

    return parse_each(keys.items(), condition)


def _key(name: str, key: Any, *, quantified: bool) -> str:
    if not isinstance(key, str) or not _KEY_FORM.fullmatch(key):
        raise PolicyError(f"{name}: {key} is not a condition key")
    if not _KEYS.fullmatch(key.lower()) or "${" in key:
        raise UnevaluatedPolicyError(
            f"{name}: the condition key {key} is not evaluated here, only those of S3 Vectors "
            "(s3vectors:sseType, s3vectors:kmsKeyArn, s3vectors:VectorBucketTag/KEY, "
            "aws:ResourceTag/KEY, aws:RequestTag/KEY, aws:TagKeys) and aws:PrincipalArn, "
            "aws:PrincipalAccount, aws:PrincipalIsAWSService, aws:PrincipalServiceName, "
            "aws:RequestedRegion, aws:ResourceAccount, aws:SecureTransport, aws:SourceAccount and "
            "kms:ViaService"
        )
    if key.lower() == "aws:tagkeys" and not quantified:
        raise UnevaluatedPolicyError(
            f"{name}: {key} has several values and needs ForAnyValue or ForAllValues"
        )
    return key.lower()


def _values(name: str, operator: str, values: Any) -> tuple[str, ...]:
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


def _evaluated(name: str, operator: str, texts: tuple[str, ...]) -> tuple[str, ...]:
    if any("${" in text for text in texts):
        raise UnevaluatedPolicyError(
            f"{name}: policy variables are not evaluated here: {', '.join(texts)}"
        )
    # AWS compares the six parts, which "*" alone does not have
    if operator.startswith("Arn") and not all(whole_arn(t) and t != "*" for t in texts):
        raise UnevaluatedPolicyError(
            f"{name}: the values of {operator} must be whole ARNs: {', '.join(texts)}"
        )
    return texts
