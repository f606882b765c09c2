"""What a role may do with S3 Vectors: the policies that IAM has for it, evaluated by the engine.

The access key identifies the caller of a request; signatures are not checked.
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
from s3vectors_local.arns import Caller, parse_account
from s3vectors_local.errors import AccessDeniedException, AuthenticationError, ServiceError
from s3vectors_local.iam import BucketPolicy, Need, Policies

ACCOUNT: Final = "123456789012"
REGION: Final = "us-east-1"

_OWNER: Final = CREDENTIALS["AWS_ACCESS_KEY_ID"]
_KEY: Final[Mapping[str, tuple[str, ...]]] = {
    "s3vectors:CreateVectorBucket": ("kms:GenerateDataKey",),
    "s3vectors:CreateIndex": ("kms:Decrypt", "kms:GenerateDataKey"),
    **{
        f"s3vectors:{operation}": ("kms:Decrypt",)
        for operation in (
            "DeleteVectors",
            "GetVectors",
            "ListVectors",
            "PutVectors",
            "QueryVectors",
        )
    },
}
"""What a caller also needs of a customer key, which S3 Vectors uses for it.

Of operations on vectors AWS's page says so; of CreateIndex, CloudFormation's handlers:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-data-encryption.html
"""


class Role(NamedTuple):
    """A role and its account."""

    account: str
    name: str


_OWNER_ROLE: Final = Role("", "")

_role: ContextVar[Role | None] = ContextVar("_role", default=None)
"""None: nobody's request, but what CloudFormation does for who deploys."""


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
    """Decides each request by its role's policies; the deployer may do everything."""

    def __init__(self) -> None:
        super().__init__()
        self.decisions: list[Decision] = []
        self.deployer: Role | None = None
        """As whom CloudFormation makes what a stack has; None: who may do all."""
        self.key_of: Callable[[str], str | None] = lambda _: None
        """The customer key of an index by its ARN."""
        self.check_key: Callable[[Need, Caller], None] = lambda *_: None
        """Refuses a caller of another account unless the key's policy allows it what it needs."""
        self._read: dict[Role, tuple[str, Policies]] = {}

    def check(
        self, needs: Sequence[Need], caller: Caller, bucket_policy: BucketPolicy | None = None
    ) -> None:
        """Refuse a request unless the role's policies allow all that it needs."""
        role = _role.get() or self.deployer
        if role in (None, _OWNER_ROLE):
            return
        policies = self.read_policies(role)
        session = replace(
            caller, account=role.account, identity=f"assumed-role/{role.name}/function"
        )
        for need in (*needs, *self._complete_needs(needs, caller.region)):
            self.decisions.append(Decision(role.name, need.action, need.resource, allowed=True))
            try:
                self._check(policies, need, session, bucket_policy)
            except AccessDeniedException:
                self.decisions[-1] = self.decisions[-1]._replace(allowed=False)
                raise

    def list_decisions(self, role: str) -> list[Decision]:
        """What was decided about a role, in its order."""
        return [decision for decision in self.decisions if decision.role == role]

    def _check(
        self,
        policies: Policies,
        need: Need,
        session: Caller,
        bucket_policy: BucketPolicy | None,
    ) -> None:
        if not need.action.startswith("kms:"):
            policies.check([need], session, bucket_policy)
            return
        # What the role itself may; then what the key's policy says of another account
        policies.check([need], replace(session, account=parse_account(need.resource) or ACCOUNT))
        if session.account != parse_account(need.resource):
            self.check_key(need, session)

    def _complete_needs(self, needs: Sequence[Need], region: str) -> Iterator[Need]:
        actions = dict.fromkeys(a for need in needs for a in _KEY.get(need.action, ()))
        key_arn = needs[0].context.get("s3vectors:kmskeyarn")
        key = (key_arn[0] if key_arn else self.key_of(needs[0].resource)) if actions else None
        if key is not None:
            context = {"kms:viaservice": [f"s3vectors.{region}.amazonaws.com"]}
            yield from (Need(action, key, context) for action in actions)

    def read_policies(self, role: Role) -> Policies:
        """The policies of a role as they are now; read anew when they have changed."""
        documents = list(_list_documents(role))
        text = json.dumps(documents, sort_keys=True)
        if self._read.get(role, ("",))[0] != text:
            self._read[role] = (text, Policies(*documents))
        return self._read[role][1]


def _list_documents(role: Role) -> Iterator[Any]:
    """Those that stand in it, and those that are attached."""
    backend = iam_backends[role.account]["aws"]
    role_object = backend.get_role(role.name)
    if role_object.permissions_boundary:
        raise NotEvaluatedError(f"the permissions boundary of the role {role.name}")
    for document in role_object.policies.values():
        yield json.loads(document)
    for attached in backend.list_attached_role_policies(role.name)[0]:
        versions = backend.managed_policies[attached.arn].versions
        yield json.loads(next(each for each in versions if each.is_default).document)


def find_acting_account() -> str:
    """The account of who makes the request."""
    role = _role.get()
    return role.account if role and role.account else ACCOUNT


@contextmanager
def act_as(access_key: str) -> Iterator[None]:
    """Requests inside are made with these credentials; outside, by CloudFormation.

    moto's CloudFormation makes what a stack has outside, in this process.

    Raises:
        AuthenticationError: they are neither a role's nor those of who deploys.
        NotEvaluatedError: a role was assumed with a session policy.
    """
    token = _role.set(_OWNER_ROLE if access_key == _OWNER else _find_assumed_role(access_key))
    try:
        yield
    finally:
        _role.reset(token)


def _find_assumed_role(access_key: str) -> Role:
    """The role that has these credentials."""
    backends = [sts_backends[account]["aws"] for account in sts_backends]
    roles = (backend.get_assumed_role_from_access_key(access_key) for backend in backends)
    assumed = next(filter(None, roles), None)
    if assumed is None:
        raise AuthenticationError(
            "UnrecognizedClientException", "The security token included in the request is invalid."
        )
    name: str = assumed.role_arn.rpartition("/")[2]
    if assumed.policy:
        raise NotEvaluatedError(f"the session policy with which the role {name} was assumed")
    return Role(assumed.role_arn.split(":")[4], name)
