"""The Principal element of a bucket policy.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from s3vectors_local.arns import Caller, is_service
from s3vectors_local.errors import PolicyError

_ACCOUNT: Final = re.compile(r"(?:arn:[a-z-]+:iam::)?(\d{12})(?::root)?")
_ARN: Final = re.compile(
    r"arn:[a-z-]+:(?:iam::\d{12}:(?:user|role)/|sts::\d{12}:(?:assumed-role|federated-user)/)"
    r"[\w+=,.@/-]+"
)
_KINDS: Final = ("AWS", "Service", "Federated", "CanonicalUser")


@dataclass(frozen=True)
class Principals:
    """The principals of a statement.

    Args:
        everyone: whether it is "*".
        accounts: account ids.
        names: ARNs of users, roles and sessions, and names of services.
    """

    everyone: bool
    accounts: frozenset[str]
    names: frozenset[str]

    def is_named(self, caller: Caller) -> bool:
        """Whether they name the caller itself, or everyone."""
        if self.everyone or caller.principal in self.names:
            return True
        if caller.identity == "root":
            return caller.account in self.accounts
        # A session has no path of its role, and a role name is unique in its account
        return caller.role is not None and _strip_path(caller.role) in self._roles

    @cached_property
    def _roles(self) -> frozenset[str]:
        return frozenset(_strip_path(name) for name in self.names if ":role/" in name)

    def is_named_or_in_account(self, caller: Caller) -> bool:
        """Whether they name the caller or its account."""
        return self.is_named(caller) or (not caller.is_service and caller.account in self.accounts)


def _strip_path(role: str) -> str:
    account, _, name = role.partition(":role/")
    return f"{account}:role/{name.split('/')[-1]}"


def parse_principals(name: str, element: Any) -> Principals:
    """Parse a Principal element.

    Args:
        name: the name of the statement, for errors.
        element: the element.

    Raises:
        PolicyError: it is not valid.
    """
    if element == "*":
        return Principals(everyone=True, accounts=frozenset(), names=frozenset())
    if not isinstance(element, Mapping) or not element or element.keys() - {*_KINDS}:
        raise PolicyError(
            f'{name}: Invalid principal in policy: Principal must be "*" or an object with '
            f"{', '.join(_KINDS)}"
        )
    listed = {kind: _parse_list(name, kind, values) for kind, values in element.items()}
    aws, services = listed.get("AWS", []), listed.get("Service", [])
    for text in aws:
        if text != "*" and not _ACCOUNT.fullmatch(text) and not _ARN.fullmatch(text):
            raise PolicyError(
                f"{name}: Invalid principal in policy: {text} is not an account id, the ARN of "
                "an account, user, role or session, or *"
            )
    for text in services:
        if not is_service(text):
            raise PolicyError(
                f"{name}: Invalid principal in policy: {text} is not a service like "
                "lambda.amazonaws.com"
            )
    accounts = [match.group(1) for text in aws if (match := _ACCOUNT.fullmatch(text))]
    return Principals("*" in aws, frozenset(accounts), frozenset(aws) | frozenset(services))


def _parse_list(name: str, kind: str, values: Any) -> Sequence[str]:
    listed = values if isinstance(values, list) else [values]
    if not listed or not all(isinstance(text, str) and text for text in listed):
        raise PolicyError(
            f"{name}: Invalid principal in policy: {kind} must be a string or a list of strings"
        )
    return listed
