"""The Principal element of a bucket policy: whom a statement is about.

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
    """Whom a statement names.

    Args:
        everyone: whether it names everybody.
        accounts: whole accounts, by their ids.
        names: ARNs of users, roles and sessions, and names of services.
    """

    everyone: bool
    accounts: frozenset[str]
    names: frozenset[str]

    def name(self, caller: Caller) -> bool:
        """Whether the caller itself is named, or everybody."""
        if self.everyone or caller.principal in self.names:
            return True
        if caller.identity == "root":
            return caller.account in self.accounts
        # A session does not say which path its role has, and a role's name is its account's own
        return caller.role is not None and _without_path(caller.role) in self._roles

    @cached_property
    def _roles(self) -> frozenset[str]:
        return frozenset(_without_path(name) for name in self.names if ":role/" in name)

    def include(self, caller: Caller) -> bool:
        """Whether the caller is named, or its account."""
        return self.name(caller) or (not caller.is_service and caller.account in self.accounts)


def _without_path(role: str) -> str:
    account, _, name = role.partition(":role/")
    return f"{account}:role/{name.split('/')[-1]}"


def parse_principals(name: str, told: Any) -> Principals:
    """Read a Principal element.

    Args:
        name: the statement's, for messages.
        told: the element.

    Raises:
        PolicyError: it is not a valid one.
    """
    if told == "*":
        return Principals(everyone=True, accounts=frozenset(), names=frozenset())
    if not isinstance(told, Mapping) or not told or told.keys() - {*_KINDS}:
        raise PolicyError(
            f'{name}: Invalid principal in policy: Principal must be "*" or an object with '
            f"{', '.join(_KINDS)}"
        )
    listed = {kind: _listed(name, kind, values) for kind, values in told.items()}
    aws, services = listed.get("AWS", []), listed.get("Service", [])
    for text in aws:
        if text != "*" and not _ACCOUNT.fullmatch(text) and not _ARN.fullmatch(text):
            raise PolicyError(
                f"{name}: Invalid principal in policy: {text} is not an account id, nor the ARN of "
                "an account, a user, a role or a session, nor *"
            )
    for text in services:
        if not is_service(text):
            raise PolicyError(
                f"{name}: Invalid principal in policy: {text} is not the name of a service, such "
                "as lambda.amazonaws.com"
            )
    accounts = [found.group(1) for text in aws if (found := _ACCOUNT.fullmatch(text))]
    return Principals("*" in aws, frozenset(accounts), frozenset(aws) | frozenset(services))


def _listed(name: str, kind: str, values: Any) -> Sequence[str]:
    listed = values if isinstance(values, list) else [values]
    if not listed or not all(isinstance(text, str) and text for text in listed):
        raise PolicyError(
            f"{name}: Invalid principal in policy: {kind} must be a string or a list of strings"
        )
    return listed
