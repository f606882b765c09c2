"""A role of another account uses the store as far as both accounts allow it."""

from __future__ import annotations

import pytest

from deployed_store import DIALECTS, deploy_store
from role_view import Owner, create_provider
from stache_ai_s3vectors import AccessDeniedError
from stache_ai_s3vectors.service.permissions import build_policy
from word_hashing import embed

READER = "arn:aws:iam::999999999999:role/search"
STRANGER = "arn:aws:iam::999999999999:role/another"


@pytest.fixture(scope="module", params=DIALECTS)
def store(request, tmp_path_factory):
    """A store with a customer key, which lets one role in."""
    folder = tmp_path_factory.mktemp(request.param)
    with deploy_store(request.param, folder, readers=[READER]) as store:
        Owner(store.owner).reset()
        yield store


def role(store, arn, level):
    """The provider as a role of that account, which allows it this level."""
    keys = [] if level is None else [store.key]
    document = build_policy(level or "read", store.build_arn(), store.indexes, keys)
    return create_provider(store.create_foreign_role_environment(arn, document))


def test_a_reader_searches_and_no_more(store):
    """Also when its own account allows it everything that Stache does."""
    reader = role(store, READER, "read-write")

    ids = [row["id"] for row in reader.search(embed("cat"), top_k=1)]

    assert ids == ["cat"]
    with pytest.raises(AccessDeniedError, match="no resource-based policy allows the s3vectors:De"):
        reader.delete(["cat"])
    with pytest.raises(AccessDeniedError, match="no resource-based policy allows the s3vectors:Pu"):
        reader.insert([embed("cat")], ["cat"], ids=["cat"])
    assert [row["id"] for row in reader.get_by_ids(["cat"])] == ["cat"]


def test_a_role_that_the_store_does_not_let_in_reads_nothing(store):
    """Its own account cannot let it."""
    stranger = role(store, STRANGER, "read")

    with pytest.raises(AccessDeniedError, match="no resource-based policy allows the s3vectors:Ge"):
        stranger.get_by_ids(["cat"])


def test_a_reader_whose_own_policy_lacks_the_key_reads_nothing(tmp_path):
    """The key asks both accounts, too."""
    arn = "arn:aws:iam::888888888888:role/search"
    with deploy_store("CDK", tmp_path, readers=[arn]) as store:
        Owner(store.owner).reset()
        reader = role(store, arn, None)

        with pytest.raises(AccessDeniedError, match="kms:Decrypt"):
            reader.get_by_ids(["cat"])
