"""`connect_all`: an engine answers all clients of the process."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

import boto3
import botocore.session
import pytest
from botocore.config import Config
from botocore.credentials import DeferredRefreshableCredentials
from botocore.endpoint import Endpoint
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from botocore.httpsession import URLLib3Session
from botocore.session import Session
from botocore.signers import RequestSigner
from moto import mock_aws
from moto.s3vectors.models import s3vectors_backends

from s3vectors_local import Engine, Faults, Verifier, connect, connect_all

BUCKET = "my-bucket"
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def no_configuration(monkeypatch):
    """Remove all credentials, regions and profiles, as on a machine without AWS configuration."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def restored_methods():
    """Check that the patched methods of botocore are restored afterwards."""
    places = [
        (Session, "create_client"),
        (RequestSigner, "sign"),
        (Endpoint, "make_request"),
        (URLLib3Session, "send"),
    ]
    before = [getattr(owner, name) for owner, name in places]
    yield
    assert [getattr(owner, name) for owner, name in places] == before


def create_client(**options):
    return boto3.session.Session().client("s3vectors", **options)


def list_buckets(engine):
    return [
        each["vectorBucketName"] for each in engine.call("ListVectorBuckets", {})["vectorBuckets"]
    ]


def test_a_new_client_needs_neither_credentials_nor_a_region(no_configuration, restored_methods):
    """Whether it is one of boto3, of its default session, or of botocore."""
    del no_configuration, restored_methods
    with Engine() as engine, connect_all(engine):
        create_client().create_vector_bucket(vectorBucketName="bucket-1")
        boto3.client("s3vectors").create_vector_bucket(vectorBucketName="bucket-2")
        plain = botocore.session.get_session().create_client("s3vectors", "us-east-1")
        plain.create_vector_bucket(vectorBucketName="bucket-3")

        assert list_buckets(engine) == ["bucket-1", "bucket-2", "bucket-3"]


def test_existing_clients_are_connected_and_then_restored(no_configuration, restored_methods):
    """They may lack credentials. After the `with`, all use their endpoints again."""
    del no_configuration, restored_methods
    unsigned = create_client(region_name="us-east-1", endpoint_url=NOWHERE)
    signed = create_client(
        region_name="us-east-1",
        endpoint_url=NOWHERE,
        aws_access_key_id="any",
        aws_secret_access_key="any",
    )

    with Engine() as engine, connect_all(engine):
        unsigned.create_vector_bucket(vectorBucketName="bucket-1")
        signed.create_vector_bucket(vectorBucketName="bucket-2")
        assert list_buckets(engine) == ["bucket-1", "bucket-2"]

    with pytest.raises(NoCredentialsError):
        unsigned.list_vector_buckets()
    with pytest.raises(EndpointConnectionError):
        signed.list_vector_buckets()


def test_credentials_that_need_the_network_are_not_fetched(no_configuration, restored_methods):
    """Dummies replace the credentials of roles and profiles, which are fetched at signing."""
    del no_configuration, restored_methods

    def fetch():
        raise AssertionError("the credentials were fetched")

    session = botocore.session.get_session()
    session._credentials = DeferredRefreshableCredentials(fetch, "assume-role")
    client = session.create_client("s3vectors", "us-east-1", endpoint_url=NOWHERE)

    with Engine() as engine, connect_all(engine):
        assert client.list_vector_buckets()["vectorBuckets"] == []


def test_a_client_s_access_key_determines_its_account(
    no_configuration, restored_methods, monkeypatch
):
    """A key ID of 12 digits is an account, in the client or in the environment."""
    del no_configuration, restored_methods
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "111122223333")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    with Engine() as engine, connect_all(engine):
        by_environment = create_client().create_vector_bucket(vectorBucketName=BUCKET)
        keys = {"aws_access_key_id": "444455556666", "aws_secret_access_key": "any"}
        own = create_client(**keys).create_vector_bucket(vectorBucketName=BUCKET)

    assert ":111122223333:" in by_environment["vectorBucketArn"]
    assert ":444455556666:" in own["vectorBucketArn"]


def test_signatures_and_faults_work_as_with_connect(no_configuration, restored_methods):
    """As usual, botocore retries."""
    del no_configuration, restored_methods
    verifier = Verifier({"ID": "SECRET"})
    with Engine() as engine:
        with connect_all(engine, verifier=verifier):
            good = create_client(aws_access_key_id="ID", aws_secret_access_key="SECRET")
            assert good.list_vector_buckets()["vectorBuckets"] == []
            with pytest.raises(ClientError, match="UnrecognizedClientException"):
                create_client().list_vector_buckets()
        with connect_all(engine, faults=Faults({"503": 1})):
            with pytest.raises(ClientError, match="ServiceUnavailableException") as refused:
                create_client().list_vector_buckets()
            assert refused.value.response["ResponseMetadata"]["RetryAttempts"] > 0


def test_the_innermost_of_nested_engines_answers(no_configuration, restored_methods):
    """After its block, the outer engine answers again."""
    del no_configuration, restored_methods
    client = create_client(region_name="us-east-1")
    with Engine() as outer, Engine() as inner, connect_all(outer):
        with connect_all(inner):
            client.create_vector_bucket(vectorBucketName="inner-bucket")
        client.create_vector_bucket(vectorBucketName="outer-bucket")

        assert (list_buckets(outer), list_buckets(inner)) == (["outer-bucket"], ["inner-bucket"])


def test_a_connected_client_stays_with_its_engine(no_configuration, restored_methods):
    """`connect` has precedence over `connect_all`."""
    del no_configuration, restored_methods
    with Engine() as own, Engine() as common:
        client = connect(
            create_client(
                region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="a"
            ),
            own,
        )
        with connect_all(common):
            client.create_vector_bucket(vectorBucketName=BUCKET)

        assert (list_buckets(own), list_buckets(common)) == ([BUCKET], [])


def test_threads_are_answered(no_configuration, restored_methods):
    """Each thread has its own clients, created before and inside the block."""
    del no_configuration, restored_methods
    old = create_client(region_name="us-east-1")
    with Engine() as engine, connect_all(engine), ThreadPoolExecutor(8) as pool:
        session = boto3.session.Session()

        def work(number):
            client = old if number % 2 else session.client("s3vectors")
            return client.create_vector_bucket(vectorBucketName=f"bucket-{number}")

        clients = [pool.submit(work, number) for number in range(1, 40, 2)]
        fresh_clients = [create_client() for _ in range(0, 40, 2)]
        even = [
            pool.submit(client.create_vector_bucket, vectorBucketName=f"bucket-{2 * n}")
            for n, client in enumerate(fresh_clients)
        ]
        assert all(each.result() for each in (*clients, *even))
        assert len(list_buckets(engine)) == 40


def get_moto_backends():
    """Return moto's backends of S3 Vectors."""
    return [backend for account in s3vectors_backends.values() for backend in account.values()]


@pytest.mark.parametrize("engine_first", [True, False])
def test_moto_answers_all_other_services(no_configuration, restored_methods, engine_first):
    """In both orders, only the engine executes S3 Vectors requests."""
    del no_configuration, restored_methods
    before = create_client(region_name="us-east-1")
    with Engine() as engine:
        managers = [connect_all(engine), mock_aws()]
        first, second = managers if engine_first else managers[::-1]
        with first:
            between = create_client(region_name="us-east-1")
            with second:
                inside = create_client(region_name="us-east-1")
                dynamodb = boto3.session.Session().client("dynamodb", "us-east-1")
                assert dynamodb.list_tables()["TableNames"] == []
                for number, client in enumerate((before, between, inside)):
                    client.create_vector_bucket(vectorBucketName=f"bucket-{number}")
                # moto does not have these operations
                client.put_vector_bucket_default_index_mode(
                    vectorBucketName="bucket-0", defaultIndexMode="ENHANCED"
                )
                assert list_buckets(engine) == ["bucket-0", "bucket-1", "bucket-2"]
                assert not any(backend.vector_buckets for backend in get_moto_backends())


def test_a_wrapper_of_another_library_stays(no_configuration, restored_methods, monkeypatch):
    """Our patch then passes everything on, and works again the next time."""
    del no_configuration, restored_methods
    calls = []
    with monkeypatch.context() as patch:
        with Engine() as engine, connect_all(engine):
            ours = Endpoint.make_request

            def wrapper(endpoint, *arguments):
                calls.append(1)
                return ours(endpoint, *arguments)

            patch.setattr(Endpoint, "make_request", wrapper)
            assert create_client().list_vector_buckets()["vectorBuckets"] == []
        client = create_client(region_name="us-east-1", endpoint_url=NOWHERE)
        with pytest.raises(NoCredentialsError):
            client.list_vector_buckets()
        with Engine() as engine, connect_all(engine):
            assert client.list_vector_buckets()["vectorBuckets"] == []
        assert len(calls) == 3
    # The wrapper is removed, and ours at the end of the next block
    with Engine() as engine, connect_all(engine):
        assert create_client().list_vector_buckets()["vectorBuckets"] == []


def test_a_request_that_bypasses_the_engine_is_not_sent(
    no_configuration, restored_methods, monkeypatch
):
    """This happens if a newer botocore emits no event before it sends."""
    del no_configuration, restored_methods
    monkeypatch.setattr("s3vectors_local.all_clients._Events.emit", lambda *_, **__: [])
    with (
        Engine() as engine,
        connect_all(engine),
        pytest.raises(RuntimeError, match="does not support .* Nothing was sent"),
    ):
        create_client().list_vector_buckets()


def test_a_mock_that_removes_the_patches_sends_nothing(no_configuration):
    """A mock that starts before and ends inside restores botocore. The next block works."""
    del no_configuration
    client = create_client(
        region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="a"
    )
    original = Endpoint.make_request
    patched = mock.patch.object(Endpoint, "make_request", autospec=True, side_effect=original)
    patched.start()
    with Engine() as engine, connect_all(engine):
        assert client.list_vector_buckets()["vectorBuckets"] == []
        patched.stop()
        assert Endpoint.make_request is original
        with pytest.raises(RuntimeError, match="A mock has removed .* Nothing was sent"):
            client.list_vector_buckets()
    with Engine() as engine, connect_all(engine):
        assert client.list_vector_buckets()["vectorBuckets"] == []
    assert Endpoint.make_request is original


def test_a_method_stored_inside_works_afterwards(no_configuration, restored_methods):
    """Meanwhile, other services continue to work."""
    del no_configuration, restored_methods
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "a"}
    stop = threading.Event()
    failures = []
    config = Config(retries={"total_max_attempts": 1}, connect_timeout=1)
    s3 = boto3.session.Session().client(
        "s3", "us-east-1", endpoint_url=NOWHERE, config=config, **keys
    )

    def ask():
        while not stop.is_set():
            try:
                s3.list_buckets()
            except EndpointConnectionError:
                continue
            except Exception as error:  # noqa: BLE001 - any error is the result
                failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    with Engine() as engine:
        for _ in range(200):
            with connect_all(engine):
                make = botocore.session.get_session().create_client
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert make("s3", "us-east-1").meta.region_name == "us-east-1"


def test_profiles_and_empty_variables_are_not_used(
    no_configuration, restored_methods, monkeypatch, tmp_path
):
    """A profile may start a process or use instance metadata, so dummy credentials sign."""
    del no_configuration, restored_methods
    ran = tmp_path / "ran"
    config = tmp_path / "config"
    config.write_text(
        f"[profile p]\nregion = eu-west-1\ncredential_process = touch {ran}\n"
        "[profile m]\nrole_arn = arn:aws:iam::123456789012:role/r\n"
        "credential_source = Ec2InstanceMetadata\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    with Engine() as engine, connect_all(engine):
        for keys in ({}, {"AWS_ACCESS_KEY_ID": ""}, {"AWS_ACCESS_KEY_ID": "x"}, KEYS):
            for name, value in keys.items():
                monkeypatch.setenv(name, value)
            for profile in (None, "p", "m"):
                client = boto3.session.Session(profile_name=profile).client("s3vectors")
                assert client.list_vector_buckets()["vectorBuckets"] == []
                region = "eu-west-1" if profile == "p" else "us-east-1"
                assert client.meta.region_name == region
    assert not ran.exists()


KEYS = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y"}


def test_a_client_receives_its_arguments(no_configuration, restored_methods):
    """They may be positional, and a configuration may have the region."""
    del no_configuration, restored_methods
    with Engine() as engine, connect_all(engine):
        configured = create_client(config=Config(region_name="eu-west-1"))
        assert configured.meta.region_name == "eu-west-1"
        session = botocore.session.get_session()
        named = session.create_client("s3vectors", None)
        assert named.meta.region_name == "us-east-1"
        by_position = ("us-east-1", None, True, None, None, "444455556666", "SK")
        signed = session.create_client("s3vectors", *by_position)
        arn = signed.create_vector_bucket(vectorBucketName=BUCKET)["vectorBucketArn"]
        assert ":444455556666:" in arn


THEIRS = """
import boto3
OLD = boto3.client("s3vectors", region_name="us-east-1")

def deep_inside():
    return boto3.client("s3vectors").list_vector_buckets()["vectorBuckets"]

def test_mine(s3vectors_all_clients):
    OLD.create_vector_bucket(vectorBucketName="my-bucket")
    assert len(deep_inside()) == 1
    assert len(s3vectors_all_clients.call("ListVectorBuckets", {})["vectorBuckets"]) == 1

def test_each_test_has_an_empty_engine(s3vectors_all_clients):
    assert deep_inside() == []
"""


def test_a_fixture_connects_all_clients(no_configuration, tmp_path):
    """It helps with a program that creates its own client."""
    del no_configuration
    (tmp_path / "test_theirs.py").write_text(THEIRS)

    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)

    assert "2 passed" in result.stdout, result.stdout


def test_without_botocore_the_fixture_says_what_to_install(tmp_path):
    """The engine itself does not need botocore."""
    (tmp_path / "conftest.py").write_text("import sys\nsys.modules['botocore'] = None\n")
    (tmp_path / "test_theirs.py").write_text("def test_mine(s3vectors_all_clients): pass\n")

    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)

    assert "s3vectors_all_clients needs boto3: pip install" in result.stdout
