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

from . import functions, repairs, types
from .gate import Gate
from .invocations import Application, Invocations
from .keys import KeyedEngine
from .roles import REGION, RolePolicies
from .runtime import POLL, Runtime, run_function

PYTHON: Final = Path(__file__).resolve().parents[3] / ".venv-lambda" / "bin" / "python"
"""A Python that has AWS's runtime client, and nothing of ours."""

_TRUST: Final = {"Version": "2012-10-17", "Statement": []}
"""Nobody: `assume_role` does not ask."""


@dataclass(frozen=True)
class Aws:
    """A simulated AWS that runs.

    Args:
        url: its endpoint, for every service.
        policies: which role may do what with them, and what was decided.
    """

    url: str
    policies: RolePolicies

    @property
    def where(self) -> dict[str, str]:
        """The environment of a command that is to use it."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
        }

    def make_client(self, service: str, environment: Mapping[str, str] | None = None) -> Any:
        """A client of who deploys, or of who has this environment."""
        session = boto3.Session()
        if environment is not None:
            session = boto3.Session(
                environment["AWS_ACCESS_KEY_ID"],
                environment["AWS_SECRET_ACCESS_KEY"],
                environment["AWS_SESSION_TOKEN"],
            )
        return session.client(
            service,  # type: ignore[call-overload]  # any of them
            region_name=REGION,
            endpoint_url=self.url,
        )

    @contextmanager
    def run_function(self, name: str, folder: Path) -> Iterator[Runtime]:
        """Run a function that is deployed, as its role.

        Args:
            name: the function's.
            folder: where its package is put.

        Raises:
            RefusedError: Lambda may not run it, or this machine cannot.
        """
        configuration = self.make_client("lambda").get_function_configuration(FunctionName=name)
        functions.check(configuration, PYTHON)
        with zipfile.ZipFile(io.BytesIO(functions.read_package(configuration))) as package:
            package.extractall(folder)
        environment = self.assume_role(configuration["Role"])
        with run_function(folder, configuration, environment, PYTHON) as runtime:
            yield runtime

    def assume_role(self, arn: str) -> dict[str, str]:
        """The environment in which a program runs as this role, whomever the role trusts."""
        assume = self.make_client("sts").assume_role
        credentials = assume(RoleArn=arn, RoleSessionName="function")["Credentials"]
        return {
            "AWS_ACCESS_KEY_ID": credentials["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": credentials["SecretAccessKey"],
            "AWS_SESSION_TOKEN": credentials["SessionToken"],
            **self.where,
        }

    def create_foreign_role_environment(
        self, arn: str, document: Mapping[str, Any]
    ) -> dict[str, str]:
        """Make a role in another account; the environment in which a program runs as it.

        Args:
            arn: the role's.
            document: its policy.
        """
        account, name = arn.split(":")[4], arn.rpartition("/")[2]
        iam = self.make_client(
            "iam", self.assume_role(f"arn:aws:iam::{account}:role/administrator")
        )
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(_TRUST))
        iam.put_role_policy(RoleName=name, PolicyName="its", PolicyDocument=json.dumps(document))
        return self.assume_role(arn)


@contextmanager
def simulate_aws(bucket_mode: BucketMode = "enhanced") -> Iterator[Aws]:
    """Run one on this machine; empty at the beginning. One at a time in a process.

    Args:
        bucket_mode: of vector buckets: as today's, or as those made before 2026-09-30.
    """
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # not a line for each request
    repairs.apply()
    moto_api_backend.reset()
    policies = RolePolicies()
    engine = KeyedEngine(policies, bucket_mode)

    def run(name: str, folder: Path) -> AbstractContextManager[Runtime]:
        return aws.run_function(name, folder)  # when the server has its address

    moto = DomainDispatcherApplication(create_backend_app)
    with (
        closing(engine),
        types.register_types(engine),
        Invocations(moto, run) as moto_and_lambda,
        _serve(Gate(moto_and_lambda, engine)) as url,
    ):
        aws = Aws(url, policies)
        yield aws


@contextmanager
def _serve(application: Application) -> Iterator[str]:
    """Serve it on this machine; its URL."""
    handler = MotoRequestHandler
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=handler)
    thread = threading.Thread(target=server.serve_forever, args=(POLL,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
