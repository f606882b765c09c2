"""What a role may do with S3 Vectors: the policies that IAM has for it, evaluated by the engine.

Who a request is from is told by its access key; signatures are not checked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Any, Final, NamedTuple

from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

from loopback import CREDENTIALS
from s3vectors_local.arns import Caller
from s3vectors_local.errors import AccessDeniedException, AuthenticationError, ServiceError
from s3vectors_local.iam import BucketPolicy, Need, Policies

ACCOUNT: Final = "123456789012"
REGION: Final = "us-east-1"

_OWNER: Final = CREDENTIALS["AWS_ACCESS_KEY_ID"]
_KEY: Final[Mapping[str, tuple[str, ...]]] = {
    "s3vectors:CreateIndex": ("kms:Decrypt", "kms:GenerateDataKey"),
    "s3vectors:PutVectors": ("kms:GenerateDataKey",),
    "s3vectors:GetVectors": ("kms:Decrypt",),
    "s3vectors:ListVectors": ("kms:Decrypt",),
    "s3vectors:QueryVectors": ("kms:Decrypt",),
}
"""What a caller needs of a customer key, too: to write new data keys, to read the old."""

_role: ContextVar[str | None] = ContextVar("_role", default=None)


class Decision(NamedTuple):
    """What was asked of a role's policies, and what they said."""

    role: str
    action: str
    resource: str
    allowed: bool


class NotEvaluatedError(ServiceError):
    """What would limit a role is there, and would be passed over: so nothing would be proven."""

    status = 501

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} is not evaluated here")


class RolePolicies(Policies):
    """Judges each request by the role that makes it; who deploys may do all."""

    def __init__(self) -> None:
        super().__init__()
        self.decisions: list[Decision] = []
        self.key_of: Callable[[str], str | None] = lambda _: None
        """The customer key of an index by its ARN."""
        self._read: dict[str, tuple[str, Policies]] = {}

    def check(
        self, needs: Sequence[Need], caller: Caller, bucket_policy: BucketPolicy | None = None
    ) -> None:
        """Refuse a request unless the role's policies allow all that it needs."""
        role = _role.get()
        if role is None:
            return
        policies = self.of(role)
        session = replace(caller, identity=f"assumed-role/{role}/function")
        for need in (*needs, *self._of_keys(needs)):
            self.decisions.append(Decision(role, need.action, need.resource, allowed=True))
            try:
                policies.check([need], session, bucket_policy)
            except AccessDeniedException:
                self.decisions[-1] = self.decisions[-1]._replace(allowed=False)
                raise

    def of_role(self, role: str) -> list[Decision]:
        """What was decided about a role, in its order."""
        return [decision for decision in self.decisions if decision.role == role]

    def _of_keys(self, needs: Sequence[Need]) -> Iterator[Need]:
        actions = dict.fromkeys(a for need in needs for a in _KEY.get(need.action, ()))
        key = self.key_of(needs[0].resource) if actions else None
        if key is not None:
            yield from (Need(action, key, {}) for action in actions)

    def of(self, role: str) -> Policies:
        """The policies of a role as they are now; read anew when they have changed."""
        documents = list(_documents(role))
        text = json.dumps(documents, sort_keys=True)
        if self._read.get(role, ("",))[0] != text:
            self._read[role] = (text, Policies(*documents))
        return self._read[role][1]


def _documents(role: str) -> Iterator[Any]:
    """Those that stand in it, and those that are attached."""
    backend = iam_backends[ACCOUNT]["aws"]
    found = backend.get_role(role)
    if found.permissions_boundary:
        raise NotEvaluatedError(f"the permissions boundary of the role {role}")
    for document in found.policies.values():
        yield json.loads(document)
    for attached in backend.list_attached_role_policies(role)[0]:
        versions = backend.managed_policies[attached.arn].versions
        yield json.loads(next(each for each in versions if each.is_default).document)


@contextmanager
def acting_as(access_key: str) -> Iterator[None]:
    """Requests inside are made with these credentials; outside, by who deploys.

    moto's CloudFormation makes what a stack has outside, in this process.

    Raises:
        AuthenticationError: they are neither a role's nor those of who deploys.
        NotEvaluatedError: a role was assumed with a session policy.
    """
    token = _role.set(None if access_key == _OWNER else _assumed(access_key))
    try:
        yield
    finally:
        _role.reset(token)


def _assumed(access_key: str) -> str:
    """The name of the role that has these credentials."""
    assumed = sts_backends[ACCOUNT]["aws"].get_assumed_role_from_access_key(access_key)
    if assumed is None:
        raise AuthenticationError(
            "UnrecognizedClientException", "The security token included in the request is invalid."
        )
    name: str = assumed.role_arn.rpartition("/")[2]
    if assumed.policy:
        raise NotEvaluatedError(f"the session policy with which the role {name} was assumed")
    return name
