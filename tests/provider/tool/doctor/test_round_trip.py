"""`doctor` inserts, finds and deletes one vector."""

from __future__ import annotations

from support import providers, tool
from support.doctor_setup import find_problems


def test_the_level_read_makes_no_round_trip(three_indexes):
    """It writes nothing."""
    calls = providers.record_calls(
        providers.create_provider(s3vectors_endpoint_url="local:data").client
    )

    assert find_problems("--level", "read") == []
    assert "QueryVectors" in calls
    assert not {"PutVectors", "DeleteVectors", "CreateIndex"} & {*calls}


def test_a_test_vector_that_cannot_be_deleted_is_reported(three_indexes):
    """With the command that deletes it."""
    client = providers.create_provider(s3vectors_endpoint_url="local:data").client
    providers.fail_calls(client, "DeleteVectors", *range(2, 99))

    [(check, text, fix)] = find_problems("--index", "documents")

    assert check == "round trip in documents"
    assert "the vector stache-s3vectors-doctor-" in text
    assert "stache-s3vectors purge --index documents --namespace stache-s3vectors-doctor-" in fix


def test_an_interrupted_round_trip_deletes_its_vector(three_indexes, monkeypatch):
    """Ctrl-C between the insert and the end."""
    provider = providers.create_provider("documents", s3vectors_endpoint_url="local:data")

    def press(**_):
        raise KeyboardInterrupt

    seen = providers.record_calls(provider.client)
    provider.client.meta.events.register(
        "before-call.s3vectors.QueryVectors", lambda **_: press() if "PutVectors" in seen else None
    )

    result = tool.run("doctor", "--index", "documents")

    assert result.exit_code == 130
    assert "checks are done" in result.stderr
    assert seen.count("DeleteVectors") == 2
    assert not tool.read_contents(provider)


def test_a_vector_is_deleted_if_its_insert_had_no_response(three_indexes):
    """It may have been stored."""
    provider = providers.create_provider("documents", s3vectors_endpoint_url="local:data")
    providers.lose_responses(provider.client, "PutVectors", 1)

    [(check, text, _)] = find_problems("--index", "documents")

    assert check == "round trip in documents"
    assert "Currently unable" in text
    assert not tool.read_contents(provider)
