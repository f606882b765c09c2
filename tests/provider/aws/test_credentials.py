"""Credentials that were renewed are used: no process has to be started again."""

from __future__ import annotations

import os
from contextlib import closing

import pytest

import stache
from far_ends import server
from stache_ai_s3vectors import AccessDeniedError, ConfigurationError, NotFoundError

VECTOR = [1.0, 2.0, 3.0, 4.0]
GOOD, WRONG = ("AKIDGOOD", "good-secret"), ("AKIDGOOD", "wrong-secret")
UNKNOWN = ("AKIDUNKNOWN", "secret")


@pytest.fixture
def file(monkeypatch, tmp_path):
    """The shared credentials file, which is where credentials come from."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    path = tmp_path / "credentials"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(path))
    return path


def write(file, credentials):
    """Write the file, later than before whatever the file system's clock can tell."""
    before = file.stat().st_mtime_ns if file.exists() else 0
    key, secret = credentials
    file.write_text(f"[default]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n")
    os.utime(file, ns=(before + 10**9, before + 10**9))


def provider(url):
    """A provider on that server, which may make its index."""
    return stache.provider(s3vectors_endpoint_url=url, s3vectors_create_index=True)


@pytest.fixture
def url():
    """A server that knows one key, and has the bucket."""
    with server("--access-key", ":".join(GOOD)) as url:
        yield url


@pytest.mark.parametrize("bad", [WRONG, UNKNOWN, None], ids=["wrong", "unknown", "missing"])
def test_renewed_credentials_are_used_at_the_next_call(file, url, bad):
    """By the provider that was denied, and by a new one."""
    if bad is not None:
        write(file, bad)
    old = provider(url)
    with pytest.raises(AccessDeniedError):
        old.count_by_filter({})

    write(file, GOOD)
    new = provider(url)

    with closing(old.client), closing(new.client):
        for one in (old, new):
            with pytest.raises(NotFoundError, match="vector bucket could not be found"):
                one.count_by_filter({})


def test_credentials_that_expire_while_a_provider_is_in_use_are_renewed(file, url):
    """As those of a notebook do; what was stored is found."""
    write(file, GOOD)
    one = provider(url)
    one.client.create_vector_bucket(vectorBucketName="my-bucket")
    one.insert([VECTOR], ["t"])
    expired = stache.Answer(
        403, {"x-amzn-errortype": "ExpiredTokenException"}, b'{"message":"expired"}'
    )
    stache.answering(one.client, "QueryVectors", *[expired] * 9)
    first = one.client

    for _ in range(2):  # nothing was renewed: the error stays
        with pytest.raises(AccessDeniedError, match="expired"):
            one.search(VECTOR)
        stache.answering(one.client, "QueryVectors", *[expired] * 9)
    write(file, GOOD)
    with pytest.raises(AccessDeniedError, match="expired"):
        one.search(VECTOR)

    with closing(one.client):
        assert [result["text"] for result in one.search(VECTOR)] == ["t"]
        assert one.client is not first


def test_other_credentials_of_the_same_file_are_used_after_a_denial(file, url):
    """A policy does not allow it; then somebody writes the credentials of another role."""
    write(file, GOOD)
    one = provider(url)
    one.client.create_vector_bucket(vectorBucketName="my-bucket")
    one.insert([VECTOR], ["t"])
    first = one.client
    stache.answering(first, "QueryVectors", stache.DENIED, stache.DENIED)

    with pytest.raises(AccessDeniedError, match="denied"):
        one.search(VECTOR)
    assert one.client is first  # the file is as it was: another client would not help

    write(file, GOOD)
    with pytest.raises(AccessDeniedError, match="denied"):
        one.search(VECTOR)
    with closing(one.client):
        assert len(one.search(VECTOR)) == 1
        assert one.client is not first


def test_a_profile_that_is_added_is_found_by_the_next_call(monkeypatch, file, url):
    """The error of the first is no reason to look no more."""
    monkeypatch.setenv("AWS_PROFILE", "mine")
    file.write_text("")
    one = provider(url)
    with pytest.raises(ConfigurationError, match="mine"):
        one.count_by_filter({})

    write(file, GOOD)
    file.write_text(file.read_text().replace("default", "mine"))

    with pytest.raises(NotFoundError):
        one.count_by_filter({})
    one.client.close()


def test_what_comes_from_a_program_is_asked_for_again(monkeypatch, file, tmp_path, url):
    """As after `aws sso login`: credential_process failed, then works."""
    program = tmp_path / "credentials.sh"
    config = tmp_path / "config"
    config.write_text(f"[default]\ncredential_process = sh {program}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    program.write_text("exit 1\n")
    one = provider(url)
    with pytest.raises(ConfigurationError, match="custom-process"):
        one.count_by_filter({})

    program.write_text(
        f'echo \'{{"Version": 1, "AccessKeyId": "{GOOD[0]}", "SecretAccessKey": "{GOOD[1]}"}}\'\n'
    )

    with pytest.raises(NotFoundError):
        one.count_by_filter({})
    one.client.close()


def test_a_client_that_is_made_later_has_the_credentials_of_the_file_as_it_is(file, url):
    """With other timeouts, for instance: the session of before has read the old ones."""
    write(file, UNKNOWN)
    old = provider(url)
    assert old.client
    write(file, GOOD)

    new = stache.provider(
        s3vectors_endpoint_url=url, s3vectors_create_index=True, s3vectors_read_timeout=7
    )

    with closing(new.client), pytest.raises(NotFoundError):
        new.count_by_filter({})
    old.client.close()


def test_sessions_of_many_credentials_do_not_pile_up(monkeypatch, url):
    """A process may assume a role for each tenant."""
    for n in range(20):
        monkeypatch.setenv("AWS_SESSION_TOKEN", str(n))
        assert provider(url).client

    assert len(stache.connections._process.sessions) <= 4
    assert len(stache.connections._process.connections) <= 16
