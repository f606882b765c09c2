"""Clients: one engine per path and process, and errors that say what to do."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing

import pytest

from s3vectors_local import Engine
from stache_ai_s3vectors import (
    AccessDeniedError,
    ConfigurationError,
    NotFoundError,
    RejectedError,
    S3VectorsError,
    UnavailableError,
)
from support import TESTS, providers
from support.endpoints import serve


def test_providers_of_one_path_share_an_engine(tmp_path):
    """Stache builds three providers; two spellings of a path are one path."""
    endpoint = f"local:{tmp_path}/data"
    documents = providers.create_provider("documents", s3vectors_endpoint_url=endpoint)
    summaries = providers.create_provider("summaries", s3vectors_endpoint_url="local:data")

    documents.insert([[1, 2, 3, 4]], ["t"])
    summaries.insert([[1, 2, 3, 4]] * 2, ["t"] * 2)

    assert documents.client is summaries.client
    assert (documents.count_by_filter({}), summaries.count_by_filter({})) == (1, 2)


def test_the_next_process_reads_what_is_stored_on_disk(tmp_path):
    """The first process creates the bucket and the index."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from support import providers; "
        "provider = providers.create_provider(s3vectors_endpoint_url='local:data'); "
        "provider.insert([[1, 2, 3, 4]], ['t'], ids=['a'])"
    )
    subprocess.run([sys.executable, "-c", code, TESTS], check=True, cwd=tmp_path)

    provider = providers.create_provider(s3vectors_endpoint_url=f"local:{tmp_path}/data")

    assert [row["text"] for row in provider.get_by_ids(["a"])] == ["t"]


def test_nothing_is_called_before_it_is_needed():
    """Stache constructs providers at a cold start."""
    provider = providers.create_provider()
    seen = providers.record_calls(provider.client)

    providers.create_provider("summaries")
    assert seen == []
    provider.insert([[1, 2, 3, 4]], ["t"])
    provider.insert([[1, 2, 3, 4]], ["t"])

    assert seen == [
        "GetIndex",
        "CreateVectorBucket",
        "GetVectorBucket",
        "CreateIndex",
        "GetIndex",
        "PutVectors",
        "PutVectors",
    ]


def test_a_directory_in_use_by_another_engine_is_named(tmp_path):
    """The other engine can be a server on the same data."""
    owner = Engine(tmp_path)

    with pytest.raises(ConfigurationError, match="belongs to a running engine"):
        providers.create_provider(s3vectors_endpoint_url=f"local:{tmp_path}").count_by_filter({})

    owner.close()


def test_without_the_engine_installed_the_error_says_what_to_install():
    """The error is one line; the engine is an extra."""
    code = (
        "import sys; sys.modules['s3vectors_local'] = None\n"
        "from stache_ai_s3vectors import S3VectorsProvider, Settings\n"
        "settings = Settings(s3vectors_bucket='my-bucket', s3vectors_endpoint_url='local:')\n"
        "try: S3VectorsProvider(settings).count_by_filter({})\n"
        "except Exception as error: print(type(error).__name__, error)"
    )

    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert result.stdout == (
        "ConfigurationError the endpoint local: needs the local engine; in a clone of the "
        "repository: pip install './local[fast]'\n"
    )


@pytest.mark.parametrize("call", ["insert", "search", "count", "info", "get", "delete"])
def test_a_missing_index_is_named_with_region_endpoint_and_what_creates_it(call):
    """Whichever call comes first raises this error."""
    vector = [1, 2, 3, 4]
    with serve() as url:
        provider = providers.create_provider(
            s3vectors_endpoint_url=url, s3vectors_region="eu-west-1"
        )
        calls = {
            "insert": lambda: provider.insert([vector], ["t"]),
            "search": lambda: provider.search(vector),
            "count": lambda: provider.count_by_filter({}),
            "info": provider.get_collection_info,
            "get": lambda: provider.get_by_ids(["a"]),
            "delete": lambda: provider.delete(["a"]),
        }

        with closing(provider.client), pytest.raises(NotFoundError) as refused:
            calls[call]()

    text = str(refused.value)
    assert f"my-bucket/documents in region eu-west-1 at {url}" in text
    assert (
        "aws s3vectors create-vector-bucket --vector-bucket-name my-bucket --region eu-west-1 "
        f"--endpoint-url {url}." in text
    )
    assert "this index on first use: S3VECTORS_CREATE_INDEX=true" in text
    assert (
        "stache-s3vectors indexes create --dimension 4 --bucket my-bucket "
        f"--endpoint {url} --region eu-west-1" in text
    )


def test_a_missing_local_index_is_named_with_the_setting_that_forbids_it():
    """The error does not propose the AWS CLI, which cannot create it."""
    provider = providers.create_provider(s3vectors_create_index=False)

    with pytest.raises(NotFoundError, match="unless S3VECTORS_CREATE_INDEX is false"):
        provider.count_by_filter({})


def test_the_endpoint_of_boto3s_own_variable_is_named(monkeypatch):
    """The error names the endpoint, which is not AWS."""
    with serve() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3VECTORS", url)
        provider = providers.create_provider(s3vectors_endpoint_url=None)

        with closing(provider.client), pytest.raises(NotFoundError, match=f"us-east-1 at {url}: "):
            provider.count_by_filter({})


def test_other_credentials_get_another_client(monkeypatch):
    """The client of the first provider is not reused."""
    first = providers.create_provider(s3vectors_endpoint_url="http://127.0.0.1:1").client
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "other")

    second = providers.create_provider(s3vectors_endpoint_url="http://127.0.0.1:1").client

    assert first is not second


def test_local_data_does_not_depend_on_the_environment(monkeypatch):
    """Buckets belong to a region: in another region, a directory would look empty."""
    providers.create_provider(s3vectors_endpoint_url="local:data").insert([[1, 2, 3, 4]], ["t"])
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_PROFILE", "nope")

    assert providers.create_provider(s3vectors_endpoint_url="local:data").count_by_filter({}) == 1


def test_on_a_server_a_missing_index_is_created_on_request_but_never_a_bucket():
    """S3VECTORS_CREATE_INDEX creates indexes; buckets belong to the infrastructure."""
    with serve() as url:
        provider = providers.create_provider(
            s3vectors_endpoint_url=url, s3vectors_create_index=True
        )
        with closing(provider.client) as client:
            with pytest.raises(
                NotFoundError, match=f"GetVectorBucket .* {url}: .*To create the bucket"
            ):
                provider.count_by_filter({})

            client.create_vector_bucket(vectorBucketName="my-bucket")

            assert provider.count_by_filter({}) == 0


@pytest.mark.parametrize(
    "code, kind",
    [
        ("AccessDeniedException", AccessDeniedError),
        ("TooManyRequestsException", UnavailableError),
        ("ServiceQuotaExceededException", RejectedError),
        ("ValidationException", RejectedError),
    ],
)
def test_the_services_errors_become_ours(code, kind):
    """They have the service's text, its code and its error as the cause."""
    provider = providers.create_provider()
    provider.get_collection_info()
    error = {"Error": {"Code": code, "Message": "the reason"}, "ResponseMetadata": {}}
    provider.client.meta.events.register(
        "before-call.s3vectors", lambda **_: (providers.UNAVAILABLE, error)
    )

    with pytest.raises(
        kind, match=f"GetVectors on index my-bucket/documents .*: the reason .{code}"
    ):
        provider.get_by_ids(["a"])


@pytest.mark.parametrize("operation", ["PutVectors", "GetVectors"])
def test_a_page_of_another_server_is_an_error(operation):
    """Botocore accepts any 200: an insert would seem to be stored."""
    provider = providers.create_provider()
    provider.get_collection_info()
    providers.lose_responses(provider.client, operation, 1, response=providers.WEB_PAGE)
    call = {
        "PutVectors": lambda: provider.insert([[1, 2, 3, 4]], ["t"], ids=["a"]),
        "GetVectors": lambda: provider.get_by_ids(["a"]),
    }

    with pytest.raises(S3VectorsError, match=f"{operation}: the response is not from S3 Vectors"):
        call[operation]()


def test_what_botocore_refuses_to_send_is_an_error_of_ours():
    """Our own checks refuse such input first; a handler of the user's may not."""
    provider = providers.create_provider()
    provider.get_collection_info()
    provider.client.meta.events.register(
        "provide-client-params.s3vectors.GetVectors", lambda params, **_: {**params, "keys": 7}
    )

    with pytest.raises(S3VectorsError, match="GetVectors on index .*: Parameter validation failed"):
        provider.get_by_ids(["a"])


def test_a_server_that_does_not_run_is_unavailable():
    """The error names the endpoint."""
    endpoint = "http://127.0.0.1:1"
    provider = providers.create_provider(s3vectors_endpoint_url=endpoint, s3vectors_max_attempts=1)

    with pytest.raises(UnavailableError, match="http://127.0.0.1:1"):
        provider.count_by_filter({})


def test_without_credentials_the_error_says_how_to_set_them(monkeypatch):
    """A local server, which accepts any credentials, needs some as well."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    provider = providers.create_provider(s3vectors_endpoint_url="http://127.0.0.1:1")

    with pytest.raises(AccessDeniedError, match="Set AWS_PROFILE or AWS_ACCESS_KEY_ID"):
        provider.count_by_filter({})
