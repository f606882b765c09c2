"""A role of another account may use the store only as far as both accounts allow it."""

from __future__ import annotations

import pytest

from stache_ai_s3vectors import AccessDeniedError
from stache_ai_s3vectors.service.permissions import build_policy
from support.deployment.deployed_store import DIALECTS, deploy_store
from support.deployment.role_view import Owner, create_provider
from word_hashing import embed

READER = "arn:aws:iam::999999999999:role/search"
STRANGER = "arn:aws:iam::999999999999:role/another"


@pytest.fixture(scope="module", params=DIALECTS)
def store(request, tmp_path_factory):
    """Deploy a store with a customer key and one reader of another account."""
    folder = tmp_path_factory.mktemp(request.param)
    with deploy_store(request.param, folder, readers=[READER]) as store:
        Owner(store.owner).reset()
        yield store


def create_foreign_provider(store, arn, level):
    """Create a provider for a role of the other account with this level."""
    keys = [] if level is None else [store.key]
    document = build_policy(level or "read", store.build_arn(), store.indexes, keys)
    return create_provider(store.create_foreign_role_environment(arn, document))


def test_a_reader_may_only_read(store):
    """This holds even if its own account allows all that Stache does."""
    reader = create_foreign_provider(store, READER, "read-write")

    ids = [row["id"] for row in reader.search(embed("cat"), top_k=1)]

    assert ids == ["cat"]
    with pytest.raises(AccessDeniedError, match="no resource-based policy allows the s3vectors:De"):
        reader.delete(["cat"])
    with pytest.raises(AccessDeniedError, match="no resource-based policy allows the s3vectors:Pu"):
        reader.insert([embed("cat")], ["cat"], ids=["cat"])
    assert [row["id"] for row in reader.get_by_ids(["cat"])] == ["cat"]


def test_a_role_that_the_store_does_not_name_is_denied(store):
    """Permission from its own account is not enough."""
    stranger = create_foreign_provider(store, STRANGER, "read")

    with pytest.raises(AccessDeniedError, match="no resource-based policy allows the s3vectors:Ge"):
        stranger.get_by_ids(["cat"])


def test_a_reader_whose_own_policy_lacks_the_key_is_denied(tmp_path):
    """Both accounts must allow the use of the key."""
    arn = "arn:aws:iam::888888888888:role/search"
    with deploy_store("CDK", tmp_path, readers=[arn]) as store:
        Owner(store.owner).reset()
        reader = create_foreign_provider(store, arn, None)

        with pytest.raises(AccessDeniedError, match="kms:Decrypt"):
            reader.get_by_ids(["cat"])
