"""A store deployed to a simulated AWS by the CDK, SAM or Terraform, and roles that use it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from stache_ai_s3vectors.service.metadata_keys import KINDS, index_variable
from stache_ai_s3vectors.service.permissions import LEVELS, build_policy
from support.deployment import cdk_app, change_sets, sam, terraform
from support.permissions import operation_requests
from support.processes.loopback import CREDENTIALS
from support.simulated import Aws, simulate_aws

ACCOUNT: Final = terraform.ACCOUNT
REGION: Final = terraform.REGION
_TRUST: Final = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}


@dataclass(frozen=True)
class DeployedStore:
    """A deployed store.

    Args:
        dialect: the tool that deployed it: CDK, SAM or Terraform.
        aws: the simulated AWS that has it.
        environment: the environment variables of a function that uses it.
        policies: the ARN of the managed policy of each level.
    """

    dialect: str
    aws: Aws
    environment: Mapping[str, str]
    policies: Mapping[str, str]

    def read_policy(self, level: str) -> dict[str, Any]:
        """Read the policy of a level from IAM."""
        iam = self.aws.make_client("iam")
        policy = iam.get_policy(PolicyArn=self.policies[level])["Policy"]
        version = iam.get_policy_version(
            PolicyArn=self.policies[level], VersionId=policy["DefaultVersionId"]
        )
        document: dict[str, Any] = version["PolicyVersion"]["Document"]
        return document

    def build_expected_policy(self, level: str) -> dict[str, Any]:
        """Build the policy of a level with `permissions.py`."""
        return build_policy(level, self.build_arn(), self.indexes, [self.key])

    @property
    def key(self) -> str:
        """The ARN of the customer key that encrypts the bucket."""
        response = self.aws.make_client("s3vectors").get_vector_bucket(vectorBucketName=self.bucket)
        key_arn: str = response["vectorBucket"]["encryptionConfiguration"]["kmsKeyArn"]
        return key_arn

    @property
    def bucket(self) -> str:
        """The name of the vector bucket."""
        return self.environment["S3VECTORS_BUCKET_NAME"]

    @property
    def indexes(self) -> list[str]:
        """The names of the indexes."""
        return [self.environment[index_variable(kind)] for kind in KINDS]

    def build_arn(self, region: str = REGION, account: str = ACCOUNT, bucket: str = "") -> str:
        """Build the ARN of its vector bucket, or of another one."""
        return f"arn:aws:s3vectors:{region}:{account}:bucket/{bucket or self.bucket}"

    def build_operation_requests(self, other: str = "") -> dict[str, dict[str, Any]]:
        """Build a request of each operation on the index for documents.

        Args:
            other: `index`, `bucket`, `account` or `region`: the requests are on another one.
        """
        bucket = self.build_arn(
            "eu-west-1" if other == "region" else REGION,
            "999999999999" if other == "account" else ACCOUNT,
            "another-bucket" if other == "bucket" else "",
        )
        index = "another-index" if other == "index" else self.indexes[0]
        requests = operation_requests.build_requests(bucket, f"{bucket}/index/{index}")
        if other != "index":
            return dict(requests)
        # Requests on the bucket itself are the same for each of its indexes
        return {name: request for name, request in requests.items() if index in str(request)}

    def create_role_environment(self, name: str, policy: str | Mapping[str, Any]) -> dict[str, str]:
        """Create a role, and return the environment of a function that runs as it.

        Args:
            name: the name of the role.
            policy: the level of a managed policy, or a policy document.
        """
        iam = self.aws.make_client("iam")
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(_TRUST))["Role"]
        if isinstance(policy, str):
            iam.attach_role_policy(RoleName=name, PolicyArn=self.policies[policy])
        else:
            document = json.dumps(policy)
            iam.put_role_policy(RoleName=name, PolicyName="its", PolicyDocument=document)
        return self._make_environment(self.aws.assume_role(role["Arn"]))

    def create_foreign_role_environment(
        self, arn: str, document: Mapping[str, Any]
    ) -> dict[str, str]:
        """Create a role in another account. Its environment names the bucket by its ARN.

        Args:
            arn: the ARN of the role.
            document: its policy.
        """
        role = self.aws.create_foreign_role_environment(arn, document)
        bucket = {"S3VECTORS_BUCKET_NAME": self.build_arn(), "S3VECTORS_BUCKET": self.build_arn()}
        return self._make_environment(role) | bucket

    @property
    def owner(self) -> dict[str, str]:
        """The environment of the deployer, who has all permissions."""
        return self._make_environment({**self.aws.environment, **CREDENTIALS})

    def _make_environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        return {**self.environment, **variables, "EMBEDDING_PROVIDER": "word-hashing"}


def _deploy_by_cdk(aws: Aws, folder: Path, readers: Sequence[str]) -> DeployedStore:
    del folder  # no function is built
    body = cdk_app.synthesize_template(
        deploy_function=False, create_encryption_key=True, readers=",".join(readers)
    )
    change_sets.deploy(aws.make_client("cloudformation"), body, stack="Stache")
    return to_deployed_store("CDK", aws, read_outputs(aws, "Stache"))


def to_deployed_store(dialect: str, aws: Aws, outputs: Mapping[str, str]) -> DeployedStore:
    """Make the store from the outputs of a CloudFormation stack."""
    names = {level: f"{_to_output_name(level)}PolicyArn" for level in LEVELS}
    policies = {level: outputs[name] for level, name in names.items()}
    return DeployedStore(dialect, aws, json.loads(outputs["Environment"]), policies)


def _deploy_by_sam(aws: Aws, folder: Path, readers: Sequence[str]) -> DeployedStore:
    del folder  # no function is built
    parameters = {"DeployFunction": "false", "CreateKmsKey": "true"}
    parameters |= {"Readers": ",".join(readers)} if readers else {}
    change_sets.deploy(aws.make_client("cloudformation"), sam.TEMPLATE.read_text(), parameters)
    return to_deployed_store("SAM", aws, read_outputs(aws, "stache"))


def read_outputs(aws: Aws, stack: str) -> dict[str, str]:
    """Read the outputs of a stack from CloudFormation."""
    [description] = aws.make_client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in description["Outputs"]}


def _to_output_name(level: str) -> str:
    return "".join(word.title() for word in level.split("-"))


def _deploy_by_terraform(aws: Aws, folder: Path, readers: Sequence[str]) -> DeployedStore:
    store = terraform.make_workspace(folder, endpoints=terraform.point_everywhere(aws.url))
    outputs = store.set_variables({"create_kms_key": True, "readers": [*readers]}).apply()
    return DeployedStore("Terraform", aws, outputs["environment"], outputs["policy_arns"])


DIALECTS: Final[Mapping[str, Callable[[Aws, Path, Sequence[str]], DeployedStore]]] = {
    "CDK": _deploy_by_cdk,
    "SAM": _deploy_by_sam,
    "Terraform": _deploy_by_terraform,
}


@contextmanager
def deploy_store(
    dialect: str, folder: Path, readers: Sequence[str] = ()
) -> Iterator[DeployedStore]:
    """Deploy a store with a customer key to an account of its own.

    Its bucket is like one created before 2026-09-30. The indexes of such a bucket can be upgraded.

    Args:
        dialect: the tool that deploys it: CDK, SAM or Terraform.
        folder: a folder for files.
        readers: the ARNs of roles of other accounts that may search.
    """
    with simulate_aws("classic") as aws:
        yield DIALECTS[dialect](aws, folder, readers)


def remove_action(document: Mapping[str, Any], action: str) -> dict[str, Any]:
    """Return the policy without an action."""
    statements = [
        {**statement, "Action": remaining}
        for statement in document["Statement"]
        if (remaining := [each for each in _to_list(statement["Action"]) if each != action])
    ]
    return {**document, "Statement": statements}


def list_granted_actions(document: Mapping[str, Any]) -> list[str]:
    """Return the actions that a policy allows, with the service's prefix."""
    return sorted(a for statement in document["Statement"] for a in _to_list(statement["Action"]))


def _to_list(value: str | Sequence[str]) -> list[str]:
    return [value] if isinstance(value, str) else [*value]
