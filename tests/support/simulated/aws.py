"""The simulated AWS itself."""

from __future__ import annotations

import io
import json
import logging
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import boto3
from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server

from s3vectors_local.engine.state import BucketMode
from support import ROOT

from . import functions, repairs, types
from .invocations import Application, Invocations
from .keys import KeyedEngine
from .roles import REGION, RolePolicies
from .router import Router
from .runtime import POLL_SECONDS, Runtime, run_function

PYTHON: Final = ROOT / ".venv-lambda" / "bin" / "python"
"""A Python that has AWS's runtime client and none of our packages."""

_EMPTY_TRUST_POLICY: Final = {"Version": "2012-10-17", "Statement": []}
"""Trusts nobody. `assume_role` does not check it."""


@dataclass(frozen=True)
class Aws:
    """A running simulated AWS.

    Args:
        url: the endpoint of every service.
        policies: the policies of roles, and the decisions made with them.
    """

    url: str
    policies: RolePolicies

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables of a command that uses it, without credentials."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
        }

    def make_client(self, service: str, environment: Mapping[str, str] | None = None) -> Any:
        """Make a client with the deployer's credentials, or with those in `environment`."""
        session = boto3.Session()
        if environment is not None:
            session = boto3.Session(
                environment["AWS_ACCESS_KEY_ID"],
                environment["AWS_SECRET_ACCESS_KEY"],
                environment["AWS_SESSION_TOKEN"],
            )
        return session.client(
            service,  # type: ignore[call-overload]  # any service
            region_name=REGION,
            endpoint_url=self.url,
        )

    @contextmanager
    def run_function(self, name: str, folder: Path) -> Iterator[Runtime]:
        """Run a deployed function with the permissions of its role.

        Args:
            name: the name of the function.
            folder: where to unpack its package.

        Raises:
            RefusedError: Lambda may not run it, or this machine cannot.
        """
        configuration = self.make_client("lambda").get_function_configuration(FunctionName=name)
        functions.check_function(configuration, PYTHON)
        with zipfile.ZipFile(io.BytesIO(functions.read_package(configuration))) as package:
            package.extractall(folder)
        environment = self.assume_role(configuration["Role"])
        with run_function(folder, configuration, environment, PYTHON) as runtime:
            yield runtime

    def assume_role(self, arn: str) -> dict[str, str]:
        """Return the environment of a program that runs as this role. Its trust is not checked."""
        assume = self.make_client("sts").assume_role
        credentials = assume(RoleArn=arn, RoleSessionName="function")["Credentials"]
        return {
            "AWS_ACCESS_KEY_ID": credentials["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": credentials["SecretAccessKey"],
            "AWS_SESSION_TOKEN": credentials["SessionToken"],
            **self.environment,
        }

    def create_foreign_role_environment(
        self, arn: str, document: Mapping[str, Any]
    ) -> dict[str, str]:
        """Create a role in another account. Return the environment of a program that runs as it.

        Args:
            arn: the ARN of the role.
            document: its policy.
        """
        account, name = arn.split(":")[4], arn.rpartition("/")[2]
        iam = self.make_client(
            "iam", self.assume_role(f"arn:aws:iam::{account}:role/administrator")
        )
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(_EMPTY_TRUST_POLICY))
        iam.put_role_policy(RoleName=name, PolicyName="its", PolicyDocument=json.dumps(document))
        return self.assume_role(arn)


@contextmanager
def simulate_aws(bucket_mode: BucketMode = "enhanced") -> Iterator[Aws]:
    """Run an empty simulated AWS on this machine. Only one can run in a process at a time.

    Args:
        bucket_mode: the mode of vector buckets: today's, or that of buckets created before
            2026-09-30.
    """
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # no line for each request
    repairs.apply()
    moto_api_backend.reset()
    policies = RolePolicies()
    engine = KeyedEngine(policies, bucket_mode)

    def run(name: str, folder: Path) -> AbstractContextManager[Runtime]:
        return aws.run_function(name, folder)  # called later, when `aws` exists

    moto = DomainDispatcherApplication(create_backend_app)
    with (
        closing(engine),
        types.register_types(engine),
        Invocations(moto, run) as moto_and_lambda,
        _serve(Router(moto_and_lambda, engine)) as url,
    ):
        aws = Aws(url, policies)
        try:
            yield aws
        finally:
            moto_api_backend.reset()  # moto keeps everything in the process


@contextmanager
def _serve(application: Application) -> Iterator[str]:
    """Serve the application on this machine, and yield its URL."""
    handler = MotoRequestHandler
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=handler)
    thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
