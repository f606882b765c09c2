"""Whether a condition holds, as far as the engine can know. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final

from s3vectors_local.errors import UnevaluatedPolicyError
from s3vectors_local.iam import Need
from s3vectors_local.iam.conditions import OPERATORS, Condition, parse_conditions
from stache_ai_s3vectors.service import permissions
from stache_ai_s3vectors.tool.policy_files.source import Text

from .service import PREFIX, list_actions

_OPERATOR: Final = re.compile(r"((?:forallvalues|foranyvalue):)?(.+?)(ifexists)?", re.IGNORECASE)
_SPELLINGS: Final = {
    text.lower(): text for text in (*OPERATORS, "ForAllValues:", "ForAnyValue:", "IfExists")
}
_OWN_KEYS: Final = ("s3:", "s3vectors:", "aws:tagkeys", "aws:requesttag/", "aws:resourcetag/")
"""Prefixes of keys of which the engine knows the requests that have them."""

VIA_SERVICE: Final = permissions.VIA_SERVICE.lower()
"""A key that only requests of a service for the caller have."""

_STAND_IN: Final = "aws:PrincipalArn"
"""A key that the engine evaluates; it refuses to parse some others."""


@dataclass(frozen=True)
class WrittenCondition:
    """One operator on one condition key, as written; all conditions of a statement must hold."""

    operator: str
    key: Text
    values: tuple[str, ...]

    def evaluate(self, need: Need) -> bool | None:
        """Whether it holds for a request; None if that cannot be known."""
        parsed = self.parse()
        if parsed is None:
            return None
        if parsed.key in (*need.context, VIA_SERVICE):
            return parsed.holds(need.context)
        name = need.action.removeprefix(PREFIX)
        absent = name in list_actions() and self._is_absent(name)
        return parsed.holds({}) if absent else None

    def is_dead(self, names: Collection[str]) -> bool:
        """Whether it can never hold: it needs a key that no request of these actions has."""
        parsed = self.parse()
        if parsed is None or parsed.holds({}):
            return False
        return bool(names) and all(map(self._is_absent, names))

    def _is_absent(self, name: str) -> bool:
        key = self.key.lower()
        keys = {key, key.partition("/")[0] + "/"}
        return key.startswith(_OWN_KEYS) and not list_actions()[name].keys & keys

    def parse(self) -> Condition | None:
        """The engine's form of it, for any key; None if the engine does not evaluate it.

        Raises:
            PolicyError: IAM does not accept the operator or the values.
        """
        parts = _OPERATOR.fullmatch(self.operator)
        written = parts.groups(default="") if parts else (self.operator,)
        operator = "".join(_SPELLINGS.get(part.lower(), part) for part in written)
        try:
            [parsed] = parse_conditions(self.key, {operator: {_STAND_IN: list(self.values)}})
        except UnevaluatedPolicyError:
            return None
        return replace(parsed, key=self.key.lower())

    def __str__(self) -> str:
        values = " or ".join(f'"{value}"' for value in self.values)
        return f"{self.operator} {self.key} {values}"
