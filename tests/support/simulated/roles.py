"""The permissions of roles for S3 Vectors. The engine evaluates the policies that IAM has.

The access key identifies the caller of a request. Signatures are not checked.
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

from s3vectors_local.arns import Caller, parse_account
from s3vectors_local.errors import AccessDeniedException, AuthenticationError, ServiceError
from s3vectors_local.iam import BucketPolicy, Need, Policies
from support.processes.loopback import CREDENTIALS

ACCOUNT: Final = "123456789012"
REGION: Final = "us-east-1"

_OWNER: Final = CREDENTIALS["AWS_ACCESS_KEY_ID"]
_KMS_ACTIONS: Final[Mapping[str, tuple[str, ...]]] = {
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
"""The KMS actions that a caller also needs if a customer key encrypts the data.

AWS documents them for operations on vectors
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-data-encryption.html). For
CreateIndex, they are in the handlers of CloudFormation's resource type.
"""


class Role(NamedTuple):
    """A role and its account."""

    account: str
    name: str


_OWNER_ROLE: Final = Role("", "")

_role: ContextVar[Role | None] = ContextVar("_role", default=None)
"""The role of the current request. None: CloudFormation acts for the deployer."""


class Decision(NamedTuple):
    """A request that was evaluated, and the result."""

    role: str
    action: str
    resource: str
    allowed: bool


class NotEvaluatedError(ServiceError):
    """A role has a limit that this simulation ignores. A test with it would prove nothing."""

    status = 501

    def __init__(self, limit: str) -> None:
        super().__init__(f"The simulated AWS does not evaluate {limit}.")


class RolePolicies(Policies):
    """Decides each request by its role's policies; the deployer may do everything."""

    def __init__(self) -> None:
        super().__init__()
        self.decisions: list[Decision] = []
        self.deployer: Role | None = None
        """The role with which CloudFormation creates resources. None: no limits."""
        self.find_key: Callable[[str], str | None] = lambda _: None
        """Returns the customer key of an index by the index's ARN."""
        self.check_key: Callable[[Need, Caller], None] = lambda *_: None
        """Refuses a caller of another account unless the key policy allows the action."""
        self._cache: dict[Role, tuple[str, Policies]] = {}

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
        for need in (*needs, *self._list_kms_needs(needs, caller.region)):
            self.decisions.append(Decision(role.name, need.action, need.resource, allowed=True))
            try:
                self._check(policies, need, session, bucket_policy)
            except AccessDeniedException:
                self.decisions[-1] = self.decisions[-1]._replace(allowed=False)
                raise

    def list_decisions(self, role: str) -> list[Decision]:
        """Return the decisions about a role, in order."""
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
        # The role's own policies first, then the key policy for a role of another account
        policies.check([need], replace(session, account=parse_account(need.resource) or ACCOUNT))
        if session.account != parse_account(need.resource):
            self.check_key(need, session)

    def _list_kms_needs(self, needs: Sequence[Need], region: str) -> Iterator[Need]:
        actions = dict.fromkeys(a for need in needs for a in _KMS_ACTIONS.get(need.action, ()))
        key_arn = needs[0].context.get("s3vectors:kmskeyarn")
        key = (key_arn[0] if key_arn else self.find_key(needs[0].resource)) if actions else None
        if key is not None:
            context = {"kms:viaservice": [f"s3vectors.{region}.amazonaws.com"]}
            yield from (Need(action, key, context) for action in actions)

    def read_policies(self, role: Role) -> Policies:
        """Return the current policies of a role. They are parsed only if they changed."""
        documents = list(_list_documents(role))
        text = json.dumps(documents, sort_keys=True)
        if self._cache.get(role, ("",))[0] != text:
            self._cache[role] = (text, Policies(*documents))
        return self._cache[role][1]


def _list_documents(role: Role) -> Iterator[Any]:
    """Yield the inline policies of a role, and the attached ones."""
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
    """Return the account of the current request's caller."""
    role = _role.get()
    return role.account if role and role.account else ACCOUNT


@contextmanager
def act_as(access_key: str) -> Iterator[None]:
    """Attribute the requests inside the context to these credentials.

    Requests outside are CloudFormation's: moto's CloudFormation creates resources in this process.

    Raises:
        AuthenticationError: the credentials are neither a role's nor the deployer's.
        NotEvaluatedError: the role was assumed with a session policy.
    """
    token = _role.set(_OWNER_ROLE if access_key == _OWNER else _find_assumed_role(access_key))
    try:
        yield
    finally:
        _role.reset(token)


def _find_assumed_role(access_key: str) -> Role:
    """Return the role that has these credentials."""
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
