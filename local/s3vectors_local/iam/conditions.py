"""The conditions of a policy statement, on the keys that S3 Vectors defines.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from s3vectors_local.errors import PolicyError

from .needs import Context
from .patterns import matches, matches_arn, whole_arn

_KEYS: Final = re.compile(
    r"s3vectors:(ssetype|kmskeyarn|vectorbuckettag/.+)|aws:(tagkeys|(resource|request)tag/.+)"
)
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
}
_NEGATIONS: Final = {
    name.replace(kind, f"{kind}Not"): name
    for name in _COMPARISONS
    for kind in ("String", "Arn")
    if name.startswith(kind)
}


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
        PolicyError: one of them cannot be evaluated here.
    """
    if not isinstance(told, Mapping) or not all(isinstance(v, Mapping) for v in told.values()):
        raise PolicyError(f"{name}: Condition must be an object of objects")
    return tuple(
        condition for text, keys in told.items() for condition in _conditions(name, text, keys)
    )


def _conditions(name: str, text: str, keys: Mapping[Any, Any]) -> list[Condition]:
    found = _OPERATOR.fullmatch(text)
    quantifier, operator, suffix = found.groups() if found else (None, "", None)
    modified = quantifier is not None or suffix is not None
    unclear = (operator == "Null" and modified) or (quantifier and suffix)
    if operator not in {*_COMPARISONS, *_NEGATIONS, "Null"} or unclear:
        raise PolicyError(f"{name}: the condition operator {text} is not evaluated here")
    if len({str(key).lower() for key in keys}) < len(keys):
        raise PolicyError(f"{name}: {text} has a condition key twice, in upper and lower case")
    return [
        Condition(
            _key(name, key, quantified=quantifier is not None or operator == "Null"),
            operator,
            _values(name, operator, values),
            quantifier,
            suffix is not None,
        )
        for key, values in keys.items()
    ]


def _key(name: str, key: Any, *, quantified: bool) -> str:
    if not isinstance(key, str) or not _KEYS.fullmatch(key.lower()) or "${" in key:
        raise PolicyError(
            f"{name}: the condition key {key} is not evaluated here, only those of S3 Vectors: "
            "s3vectors:sseType, s3vectors:kmsKeyArn, s3vectors:VectorBucketTag/KEY, "
            "aws:ResourceTag/KEY, aws:RequestTag/KEY and aws:TagKeys"
        )
    if key.lower() == "aws:tagkeys" and not quantified:
        raise PolicyError(f"{name}: {key} has several values and needs ForAnyValue or ForAllValues")
    return key.lower()


def _values(name: str, operator: str, values: Any) -> tuple[str, ...]:
    listed: Sequence[Any] = values if isinstance(values, list) else [values]
    texts = tuple(str(v).lower() if isinstance(v, bool) else v for v in listed)
    if not texts or not all(isinstance(text, str) for text in texts):
        raise PolicyError(f"{name}: the values of {operator} must be strings")
    if any("${" in text for text in texts):
        raise PolicyError(f"{name}: policy variables are not evaluated here: {listed}")
    if operator == "Null":
        texts = tuple(text.lower() for text in texts)
        if texts not in (("true",), ("false",)):
            raise PolicyError(f"{name}: the value of Null must be true or false")
    # AWS compares the six parts, which "*" alone does not have
    if operator.startswith("Arn") and not all(whole_arn(t) and t != "*" for t in texts):
        raise PolicyError(f"{name}: the values of {operator} must be whole ARNs: {listed}")
    return texts
