"""Renewed credentials are used without a restart of the process."""

from __future__ import annotations

import os
from contextlib import closing

import pytest

from stache_ai_s3vectors import AccessDeniedError, ConfigurationError, NotFoundError
from support import providers
from support.endpoints import serve

VECTOR = [1.0, 2.0, 3.0, 4.0]
GOOD, WRONG = ("AKIDGOOD", "good-secret"), ("AKIDGOOD", "wrong-secret")
UNKNOWN = ("AKIDUNKNOWN", "secret")


@pytest.fixture
def file(monkeypatch, tmp_path):
    """The shared credentials file, which is the source of the credentials."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    path = tmp_path / "credentials"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(path))
    return path


def write(file, credentials):
    """Write the file with a later time, whatever the resolution of the file system's clock."""
    before = file.stat().st_mtime_ns if file.exists() else 0
    key, secret = credentials
    file.write_text(f"[default]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n")
    os.utime(file, ns=(before + 10**9, before + 10**9))


def create_provider(url):
    """Create a provider of the server that may create its index."""
    return providers.create_provider(s3vectors_endpoint_url=url, s3vectors_create_index=True)


@pytest.fixture
def url():
    """The URL of a server that knows one access key and has the bucket."""
    with serve("--access-key", ":".join(GOOD)) as url:
        yield url


@pytest.mark.parametrize("bad", [WRONG, UNKNOWN, None], ids=["wrong", "unknown", "missing"])
def test_renewed_credentials_are_used_at_the_next_call(file, url, bad):
    """The provider that was denied uses them, and so does a new one."""
    if bad is not None:
        write(file, bad)
    old = create_provider(url)
    with pytest.raises(AccessDeniedError):
        old.count_by_filter({})

    write(file, GOOD)
    new = create_provider(url)

    with closing(old.client), closing(new.client):
        for one in (old, new):
            with pytest.raises(NotFoundError, match="vector bucket could not be found"):
                one.count_by_filter({})


def test_credentials_that_expire_while_a_provider_is_in_use_are_renewed(file, url):
    """Those of a notebook expire; searches still find what was stored."""
    write(file, GOOD)
    one = create_provider(url)
    one.client.create_vector_bucket(vectorBucketName="my-bucket")
    one.insert([VECTOR], ["t"])
    expired = providers.HttpResponse(
        403, {"x-amzn-errortype": "ExpiredTokenException"}, b'{"message":"expired"}'
    )
    providers.set_responses(one.client, "QueryVectors", *[expired] * 9)
    first = one.client

    for _ in range(2):  # no renewal: the error is the same
        with pytest.raises(AccessDeniedError, match="expired"):
            one.search(VECTOR)
        providers.set_responses(one.client, "QueryVectors", *[expired] * 9)
    write(file, GOOD)
    with pytest.raises(AccessDeniedError, match="expired"):
        one.search(VECTOR)

    with closing(one.client):
        assert [result["text"] for result in one.search(VECTOR)] == ["t"]
        assert one.client is not first


def test_other_credentials_of_the_same_file_are_used_after_a_denial(file, url):
    """A policy denies a call; then somebody writes the credentials of another role."""
    write(file, GOOD)
    one = create_provider(url)
    one.client.create_vector_bucket(vectorBucketName="my-bucket")
    one.insert([VECTOR], ["t"])
    first = one.client
    providers.set_responses(first, "QueryVectors", providers.DENIED, providers.DENIED)

    with pytest.raises(AccessDeniedError, match="denied"):
        one.search(VECTOR)
    assert one.client is first  # the file has not changed: a new client would not help

    write(file, GOOD)
    with pytest.raises(AccessDeniedError, match="denied"):
        one.search(VECTOR)
    with closing(one.client):
        assert len(one.search(VECTOR)) == 1
        assert one.client is not first


def test_the_next_call_uses_a_profile_that_is_added(monkeypatch, file, url):
    """The error of the first call is not cached."""
    monkeypatch.setenv("AWS_PROFILE", "mine")
    file.write_text("")
    one = create_provider(url)
    with pytest.raises(ConfigurationError, match="mine"):
        one.count_by_filter({})

    write(file, GOOD)
    file.write_text(file.read_text().replace("default", "mine"))

    with pytest.raises(NotFoundError):
        one.count_by_filter({})
    one.client.close()


def test_credentials_from_a_program_are_requested_again(monkeypatch, file, tmp_path, url):
    """credential_process fails and later works, as after `aws sso login`."""
    program = tmp_path / "credentials.sh"
    config = tmp_path / "config"
    config.write_text(f"[default]\ncredential_process = sh {program}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    program.write_text("exit 1\n")
    one = create_provider(url)
    with pytest.raises(ConfigurationError, match="custom-process"):
        one.count_by_filter({})

    program.write_text(
        f'echo \'{{"Version": 1, "AccessKeyId": "{GOOD[0]}", "SecretAccessKey": "{GOOD[1]}"}}\'\n'
    )

    with pytest.raises(NotFoundError):
        one.count_by_filter({})
    one.client.close()


def test_a_new_client_has_the_current_credentials_of_the_file(file, url):
    """A client with other timeouts must not reuse a session that read the old ones."""
    write(file, UNKNOWN)
    old = create_provider(url)
    assert old.client
    write(file, GOOD)

    new = providers.create_provider(
        s3vectors_endpoint_url=url, s3vectors_create_index=True, s3vectors_read_timeout=7
    )

    with closing(new.client), pytest.raises(NotFoundError):
        new.count_by_filter({})
    old.client.close()


def test_sessions_of_many_credentials_are_not_kept(monkeypatch, url):
    """A process may assume a role for each tenant."""
    for n in range(20):
        monkeypatch.setenv("AWS_SESSION_TOKEN", str(n))
        assert create_provider(url).client

    assert len(providers.connections._process.sessions) <= 4
    assert len(providers.connections._process.connections) <= 16
