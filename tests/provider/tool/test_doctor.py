"""`doctor` names the right cause of each broken setup, and a fix that works."""

from __future__ import annotations

import http.server
import json
import re
import shlex
import threading
from contextlib import closing, suppress
from datetime import datetime, timedelta, timezone
from importlib import metadata
from pathlib import Path

import pytest

import endpoints
import stache
import tool
from s3vectors_local import Caller, Engine, Policies
from stache_ai_s3vectors.service.permissions import LEVELS, build_policy
from stache_ai_s3vectors.settings import resolve_settings

ARN = "arn:aws:s3vectors:us-east-1:123456789012:bucket/my-bucket"
KINDS = ("documents", "summaries", "insights")


@pytest.fixture(autouse=True)
def _settings(monkeypatch):
    """As the deployment sets them, for a local engine with the three indexes."""
    monkeypatch.setenv("VECTORDB_PROVIDER", "s3vectors")
    monkeypatch.setenv("S3VECTORS_BUCKET_NAME", "my-bucket")
    monkeypatch.setenv("S3VECTORS_ENDPOINT_URL", "local:data")
    monkeypatch.setenv("S3VECTORS_CREATE_INDEX", "false")
    monkeypatch.setenv("EMBEDDING_DIMENSION", "4")
    for kind in KINDS:
        monkeypatch.setenv(f"S3VECTORS_{kind.upper()}_INDEX", kind)


@pytest.fixture
def three_indexes():
    """The bucket with its three indexes."""
    tool.run_checked("indexes", "create")


def find_wrong(*arguments):
    """List what is wrong: each check with its text and its fix."""
    result = tool.run("doctor", "--json", *arguments)
    report = json.loads(result.stdout)
    wrong = [check for check in report["checks"] if check["state"] == "wrong"]
    assert result.exit_code == (1 if wrong else 0)
    assert report["ready"] is not bool(wrong)
    assert all(check["fix"] for check in wrong)
    return [(check["check"], check["text"], check["fix"]) for check in wrong]


def test_a_good_setup_is_ready(three_indexes):
    """Each check reports what it checked. Nothing is left behind."""
    result = tool.run("doctor", "--level", "manage-indexes")

    assert result.exit_code == 0, result.output
    assert result.stdout.endswith("\nready\n")
    for line in (
        "ok       settings: bucket my-bucket, indexes documents, summaries, insights",
        f"ok       bucket: {ARN}",
        "ok       documents: 4 dimensions, cosine, ENHANCED, text search on text ACTIVE",
        "ok       permissions on insights: CreateIndex, DeleteVectors, GetIndex",
        "ok       round trip in summaries: inserted, found, read, deleted",
    ):
        assert line in result.stdout
    assert not tool.read_contents(
        stache.create_provider("documents", s3vectors_endpoint_url="local:data")
    )


@pytest.mark.parametrize("key", ["status", "namespace", "_type", "doc_id"])
def test_an_index_that_cannot_be_searched_is_wrong(three_indexes, key):
    """Reported once, by the key, with the fix; it is not a matter of permissions."""
    client = stache.create_provider(s3vectors_endpoint_url="local:data").client
    names = {"vectorBucketName": "my-bucket", "indexName": "documents"}
    client.delete_index(**names)
    client.create_index(
        **names,
        dataType="float32",
        dimension=4,
        distanceMetric="cosine",
        metadataConfiguration={"nonFilterableMetadataKeys": ["text", "_overflow", key]},
    )

    [(check, text, fix)] = find_wrong("--level", "manage-indexes")

    assert check == "documents"
    assert text.startswith(f"this index cannot filter on {key}")
    assert "That cannot be changed" in text
    assert "indexes create documents-4 --dimension 4" in fix
    assert "copy documents documents-4" in fix
    result = tool.run("indexes", "create")
    assert result.exit_code == 2
    assert f"cannot be filtered by {key}, as all of Stache's searches do" in result.output


@pytest.mark.parametrize("name", ["UPPER", "ab", "a_b", "a" * 64])
def test_an_index_name_that_aws_refuses_is_wrong(three_indexes, monkeypatch, name):
    """Only this index is not checked."""
    monkeypatch.setenv("S3VECTORS_DOCUMENTS_INDEX", name)

    [(check, text, _)] = find_wrong()

    problem = f"{name!r} is not the name of an index: the service refuses it"
    assert (check, text) == ("settings", problem)


def test_the_checks_end_without_a_valid_index_name(three_indexes, monkeypatch):
    """None of the others makes sense."""
    for kind in KINDS:
        monkeypatch.setenv(f"S3VECTORS_{kind.upper()}_INDEX", "UPPER")

    result = tool.run("doctor")

    assert result.exit_code == 1
    assert "'UPPER' is not the name of an index" in result.stdout
    assert "ready" not in result.stdout.splitlines()


def test_an_embedder_that_stache_does_not_have_is_wrong(three_indexes, monkeypatch):
    """The first document would fail."""
    monkeypatch.setenv("EMBEDDING_PROVIDER", "nope")

    [(check, text, fix)] = find_wrong()

    assert (check, text) == ("settings", "EMBEDDING_PROVIDER is 'nope', which Stache does not have")
    assert fix.startswith("install its package, or use one of ")


@pytest.mark.parametrize(
    "name, near",
    [
        ("S3VECTORS_BUCKETNAME", "S3VECTORS_BUCKET_NAME"),
        ("s3vectors_regoin", "S3VECTORS_REGION"),
        ("S3VECTOR_SEARCH_MODE", "S3VECTORS_SEARCH_MODE"),
        ("S3_VECTORS_WRITE_RATE", "S3VECTORS_WRITE_RATE"),
    ],
)
@pytest.mark.parametrize("where", ["environment", ".env"])
def test_a_misspelled_variable_is_a_warning_with_the_nearest_name(
    three_indexes, monkeypatch, name, near, where
):
    """It would be ignored silently."""
    if where == ".env":
        Path(".env").write_text(f"{name}=x\n")
    else:
        monkeypatch.setenv(name, "x")

    result = tool.run("doctor")

    assert f"Warning: settings: {name} is set, but there is no such setting" in result.stdout
    assert f"Fix: write {near}" in result.stdout


def test_the_level_read_makes_no_round_trip(three_indexes):
    """It writes nothing."""
    calls = stache.record_calls(stache.create_provider(s3vectors_endpoint_url="local:data").client)

    assert find_wrong("--level", "read") == []
    assert "QueryVectors" in calls
    assert not {"PutVectors", "DeleteVectors", "CreateIndex"} & {*calls}


SETTINGS = {
    "no bucket": ({"S3VECTORS_BUCKET_NAME": None}, "settings", "no vector bucket", "--bucket NAME"),
    "a name that cannot be": (
        {"S3VECTORS_BUCKET_NAME": "My_Bucket"},
        "settings",
        "the vector bucket is 'My_Bucket'",
        "correct that",
    ),
    "two buckets": (
        {"S3VECTORS_BUCKET": "other-bucket"},
        "settings",
        "two vector buckets are configured",
        "correct that",
    ),
    "a number that is none": (
        {"S3VECTORS_READ_TIMEOUT": "soon"},
        "settings",
        "S3VECTORS_READ_TIMEOUT is 'soon'",
        "correct that",
    ),
    "another provider": (
        {"VECTORDB_PROVIDER": "qdrant"},
        "settings",
        "VECTORDB_PROVIDER is 'qdrant'",
        "set VECTORDB_PROVIDER=s3vectors",
    ),
    "an unknown profile": (
        {"AWS_PROFILE": "nobody", "S3VECTORS_ENDPOINT_URL": "http://127.0.0.1:1"},
        "credentials",
        "The config profile (nobody) could not be found",
        "correct AWS_PROFILE",
    ),
    "no credentials": (
        {
            "AWS_ACCESS_KEY_ID": None,
            "AWS_SECRET_ACCESS_KEY": None,
            "S3VECTORS_ENDPOINT_URL": "http://127.0.0.1:1",
        },
        "credentials",
        "no credentials are configured",
        "set AWS_PROFILE, or AWS_ACCESS_KEY_ID",
    ),
    "nobody answers": (
        {"S3VECTORS_ENDPOINT_URL": "http://127.0.0.1:1"},
        "endpoint",
        "Could not connect to the endpoint URL",
        "start the server",
    ),
    "another region": (
        {"S3VECTORS_REGION": "eu-west-1"},
        "region",
        "vector bucket my-bucket is in us-east-1",
        "set S3VECTORS_REGION=us-east-1",
    ),
    "no such bucket": (
        {"S3VECTORS_BUCKET_NAME": "your-bucket"},
        "bucket",
        "there is no vector bucket your-bucket in us-east-1, nor in the 33 other regions",
        "correct S3VECTORS_BUCKET_NAME",
    ),
    "no such index": (
        {"S3VECTORS_SUMMARIES_INDEX": "sumaries"},
        "sumaries",
        "there is no such index in my-bucket; the bucket has documents, insights, summaries",
        "correct S3VECTORS_SUMMARIES_INDEX, or: S3VECTORS_SUMMARIES_INDEX=sumaries stache-",
    ),
    "another dimension": (
        {"EMBEDDING_DIMENSION": "8"},
        "documents",
        "it has 4 dimensions; Stache's embeddings have 8",
        "set EMBEDDING_DIMENSION=4",
    ),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_wrong_setting_is_named(three_indexes, monkeypatch, name):
    """With its variable and a right value."""
    values, check, text, fix = SETTINGS[name]
    stache.close_engines()
    for variable, value in values.items():
        if value is None:
            monkeypatch.delenv(variable)
        else:
            monkeypatch.setenv(variable, value)

    problems = find_wrong()

    assert problems, name
    assert problems[0][0] == check
    assert text in problems[0][1]
    assert fix in problems[0][2]


def names(index="documents"):
    return {"vectorBucketName": "my-bucket", "indexName": index}


def recreate_documents_index(non_filterable, metric="cosine"):
    """Replace the documents index by one with other properties."""
    client = stache.create_provider(s3vectors_endpoint_url="local:data").client
    client.delete_index(**names())
    client.create_index(
        **names(),
        dataType="float32",
        dimension=4,
        distanceMetric=metric,
        metadataConfiguration={"nonFilterableMetadataKeys": non_filterable},
    )


def test_an_index_where_text_is_filterable_is_wrong(three_indexes):
    """A chunk is longer than filterable metadata can be."""
    recreate_documents_index(["_overflow"])

    [(check, text, fix)] = find_wrong()

    assert (check, "text is filterable" in text) == ("documents", True)
    assert "indexes create" in fix


def test_a_setup_that_works_but_could_be_better_has_warnings(three_indexes):
    """The older package's index, and euclidean distance: `doctor` reports ready."""
    recreate_documents_index(["text"], "euclidean")

    result = tool.run("doctor")

    assert result.exit_code == 0
    assert "Warning: documents: its distance is euclidean" in result.stdout
    assert "Warning: documents: _overflow is not a non-filterable key" in result.stdout
    assert "stache-s3vectors migrate" in result.stdout


def test_hybrid_search_without_text_search_is_wrong(three_indexes, monkeypatch):
    """The fix is the command that adds it."""
    monkeypatch.setenv("S3VECTORS_SEARCH_MODE", "hybrid")
    recreate_documents_index(["text", "_overflow"])

    [(check, text, fix)] = find_wrong()

    assert check == "documents"
    assert fix.startswith("stache-s3vectors indexes upgrade documents --bucket my-bucket ")
    assert "the index has no text search" in text


def test_the_language_of_text_search_is_shown(three_indexes):
    """After its status."""
    tool.run_checked("indexes", "delete", "--yes", "documents")
    tool.run_checked("indexes", "create", "--language", "de", "documents")

    assert re.search(r"text search on text (ACTIVE|BUILDING) \(de\)", tool.run("doctor").stdout)


def test_text_search_in_another_language_is_a_warning(three_indexes, monkeypatch):
    """The fix is the command that changes it."""
    monkeypatch.setenv("S3VECTORS_SEARCH_MODE", "hybrid")
    monkeypatch.setenv("S3VECTORS_TEXT_LANGUAGE", "fr")

    result = tool.run("doctor")

    assert result.exit_code == 0
    assert "S3VECTORS_TEXT_LANGUAGE is fr, the language of its text search is none" in result.stdout
    assert re.search("indexes upgrade documents .*--language fr", result.stdout)


def test_a_key_without_text_search_is_wrong(three_indexes, monkeypatch):
    """If hybrid search should match its words."""
    monkeypatch.setenv("S3VECTORS_SEARCH_MODE", "hybrid")
    monkeypatch.setenv("S3VECTORS_TEXT_KEYS", "text,filename")

    problems = find_wrong()

    assert {text for _, text, _ in problems} == {
        "S3VECTORS_SEARCH_MODE is hybrid, and the index has no text search on filename"
    }


def test_hybrid_search_on_a_classic_index_is_wrong(monkeypatch):
    """`upgrade` also switches the mode."""
    stache.open_engine("local:data", bucket_mode="classic").close()
    stache.close_engines()
    stache.open_engine("local:data", bucket_mode="classic")
    tool.run_checked("indexes", "create")
    monkeypatch.setenv("S3VECTORS_SEARCH_MODE", "hybrid")

    problems = find_wrong()

    assert [check for check, _, _ in problems] == ["documents", "summaries", "insights"]
    assert all("its mode is CLASSIC" in text for _, text, _ in problems)


def enforce_policy(document):
    """Let the engine enforce a policy for its callers from now on."""
    stache.close_engines()
    stache.open_engine("local:data", policies=Policies(json.dumps(document)))


def deny_action(level, action):
    """Deny an action of a level from now on."""
    document = build_policy(level, ARN, KINDS)
    for statement in document["Statement"]:
        statement["Action"] = [a for a in statement["Action"] if a != f"s3vectors:{action}"]
    enforce_policy(document)


@pytest.mark.parametrize("action", ["GetVectors", "ListVectors", "QueryVectors", "DeleteVectors"])
def test_a_denied_action_is_one_finding(three_indexes, action):
    """With all ARNs. The other actions are still tried, and nothing is written."""
    deny_action("read-write", action)

    [(check, text, fix)] = find_wrong()

    arns = ", ".join(f"{ARN}/index/{kind}" for kind in sorted(KINDS))
    assert check == "permissions"
    assert f"s3vectors:{action} is not allowed on {arns}" in text
    assert fix.startswith(f"allow s3vectors:{action} on {arns}")
    stache.close_engines()
    assert not tool.read_contents(
        stache.create_provider("documents", s3vectors_endpoint_url="local:data")
    )


@pytest.mark.parametrize(
    "action, checks",
    [("GetIndex", KINDS), ("PutVectors", [f"round trip in {kind}" for kind in KINDS])],
)
def test_a_denied_get_index_or_put_vectors_is_reported_for_each_index(
    three_indexes, action, checks
):
    """GetIndex describes an index, and PutVectors is its round trip."""
    deny_action("read-write", action)

    problems = find_wrong()

    assert [check for check, _, _ in problems] == [*checks]
    for kind, (_, _, fix) in zip(KINDS, problems, strict=True):
        assert f"allow s3vectors:{action} on {ARN}/index/{kind}" in fix


@pytest.mark.parametrize(
    "action", ["CreateIndex", "UpdateIndexMode", "ListIndexes", "GetVectorBucket"]
)
def test_a_denied_action_of_manage_indexes_is_one_finding(three_indexes, action):
    """If that level is checked. The actions that Stache needs are still tried."""
    deny_action("manage-indexes", action)

    [(_, text, _)] = find_wrong("--level", "manage-indexes")
    shown = tool.run("doctor", "--level", "manage-indexes").stdout

    assert f"s3vectors:{action}" in text
    assert "round trip in documents: inserted" in shown
    assert (
        "round trip in documents: inserted"
        in tool.run("doctor", "--level", "manage-indexes").stdout
    )


def test_an_action_that_would_change_something_is_reported_as_not_tried(three_indexes):
    """AWS does not document what happens if a text search is added again."""
    shown = tool.run("doctor", "--level", "manage-indexes").stdout

    assert "UpdateMetadataConfiguration not tried: a call would change something" in shown


def test_a_policy_of_the_level_is_enough(three_indexes):
    """And `doctor` uses all of its actions that can be tried."""
    for level in LEVELS:
        document = build_policy(level, ARN, KINDS)
        stache.close_engines()
        policies = Policies(json.dumps(document))
        stache.open_engine("local:data", policies=policies)

        assert find_wrong("--level", level) == []
        left = "s3vectors:UpdateMetadataConfiguration was granted and never used"
        assert all(left in line for line in policies.list_unused())


def test_the_search_in_other_regions_creates_nothing_there(three_indexes, monkeypatch):
    """Even if the provider may create its index, and GetVectorBucket is denied."""
    client = stache.create_provider(s3vectors_endpoint_url="local:data").client
    for kind in KINDS:
        client.delete_index(vectorBucketName="my-bucket", indexName=kind)
    statement = {"Effect": "Allow", "Action": "s3vectors:*", "Resource": "*"}
    denial = {"Effect": "Deny", "Action": "s3vectors:GetVectorBucket", "Resource": "*"}
    enforce_policy({"Version": "2012-10-17", "Statement": [statement, denial]})
    monkeypatch.setenv("S3VECTORS_CREATE_INDEX", "true")
    monkeypatch.setenv("S3VECTORS_REGION", "eu-west-1")

    tool.run("doctor")

    stache.close_engines()
    engine = Engine("data")
    with closing(engine):
        buckets = {
            region: engine.call("ListVectorBuckets", {}, Caller("123456789012", region))
            for region in ("us-east-1", "us-west-2", "eu-west-1", "eu-central-1")
        }
    assert [region for region, listed in buckets.items() if listed["vectorBuckets"]] == [
        "us-east-1"
    ]


def test_the_bucket_in_another_region_is_found_by_its_indexes(three_indexes, monkeypatch):
    """A role of the level read-write may not call GetVectorBucket."""
    enforce_policy(build_policy("read-write", ARN, KINDS))
    monkeypatch.setenv("S3VECTORS_REGION", "eu-west-1")

    [(check, text, _)] = find_wrong()

    assert (check, text) == ("region", "vector bucket my-bucket is in us-east-1")


@pytest.mark.parametrize(
    "code, text",
    [
        ("ExpiredTokenException", "renew the credentials"),
        ("UnrecognizedClientException", "check the access key id"),
        ("InvalidSignatureException", "check the secret access key"),
    ],
)
def test_invalid_credentials_are_wrong(three_indexes, code, text):
    """Nothing else is tried; these error codes are not in the service's model."""
    client = stache.connections.connect(resolve_settings(stache.Settings()))
    body = b'{"message":"The security token included in the request is not good"}'
    denied = stache.HttpResponse(403, {"x-amzn-errortype": code}, body)
    stache.set_responses(client, "GetIndex", *[denied] * 9)

    [(check, _, fix)] = find_wrong()

    assert check == "credentials"
    assert text in fix


def test_a_wrong_secret_key_is_detected():
    """By a server over HTTP that verifies signatures, as AWS does."""
    with endpoints.serve("--access-key", "testing:right") as url:
        [(check, text, fix)] = find_wrong("--endpoint", url, "--region", "us-east-1")

    assert check == "credentials"
    assert "secret" in fix
    assert "signature" in text


class _Page(http.server.BaseHTTPRequestHandler):
    """A web server that is not S3 Vectors."""

    def do_POST(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>Welcome</html>")

    def log_message(self, *_):
        pass


def test_an_endpoint_that_is_another_web_server_is_wrong():
    """Its pages are not responses of S3 Vectors."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Page) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        [(check, text, fix)] = find_wrong("--endpoint", f"http://127.0.0.1:{web.server_port}")
        web.shutdown()

    assert check == "endpoint"
    assert "the response is not from S3 Vectors" in text
    assert fix


@pytest.mark.parametrize("minutes, word", [(-20, "ahead"), (20, "behind")])
def test_a_wrong_clock_is_reported_instead_of_its_consequences(monkeypatch, minutes, word):
    """AWS refuses the signature; the Date of its response has the reason."""
    monkeypatch.setenv("S3VECTORS_ENDPOINT_URL", "http://127.0.0.1:1")
    client = stache.connections.connect(resolve_settings(stache.Settings()))
    server_time = datetime.now(timezone.utc) + timedelta(minutes=minutes)
    headers = {
        "x-amzn-errortype": "InvalidSignatureException",
        "date": server_time.strftime("%a, %d %b %Y %H:%M:%S GMT"),
    }
    late = stache.HttpResponse(403, headers, b'{"message":"Signature expired"}')
    stache.set_responses(client, "GetIndex", *[late] * 9)

    [(check, text, fix)] = find_wrong()

    assert check == "clock"
    assert word in text
    assert "set the clock" in fix


def test_a_service_that_throttles_is_not_unreachable(three_indexes, monkeypatch):
    """The fix is to wait."""
    client = stache.create_provider(s3vectors_endpoint_url="local:data").client
    stache.skip_waiting(monkeypatch)
    slow = stache.HttpResponse(
        429, {"x-amzn-errortype": "TooManyRequestsException"}, b'{"message":"m"}'
    )
    stache.set_responses(client, "GetIndex", *[slow] * 99)

    [(check, _, fix)] = find_wrong()

    assert check == "endpoint"
    assert "wait, then try again" in fix


def test_a_directory_in_use_is_wrong():
    """By another engine of this machine."""
    with closing(Engine("data")):
        [(check, text, _)] = find_wrong()

    assert check == "settings"
    assert "belongs to a running engine" in text


def test_a_test_vector_that_cannot_be_deleted_is_reported(three_indexes):
    """With the command that deletes it."""
    client = stache.create_provider(s3vectors_endpoint_url="local:data").client
    stache.fail_calls(client, "DeleteVectors", *range(2, 99))

    [(check, text, fix)] = find_wrong("--index", "documents")

    assert check == "round trip in documents"
    assert "the vector stache-s3vectors-doctor-" in text
    assert "stache-s3vectors purge --index documents --namespace stache-s3vectors-doctor-" in fix


def test_an_index_that_the_provider_will_create_is_not_missing(monkeypatch):
    """At a local: endpoint, before its first use."""
    monkeypatch.delenv("S3VECTORS_CREATE_INDEX")
    stache.create_provider("another", s3vectors_endpoint_url="local:data").insert(
        [[1.0] * 4], ["t"]
    )

    result = tool.run("doctor")

    assert result.exit_code == 0
    assert "documents: not created yet; the provider creates it on first use" in result.stdout


def test_unset_index_variables_are_reported(monkeypatch, three_indexes):
    """Stache would use one index "stache" for all three."""
    for kind in KINDS:
        monkeypatch.delenv(f"S3VECTORS_{kind.upper()}_INDEX")

    problems = find_wrong()

    assert [check for check, _, _ in problems] == ["stache"]
    assert "S3VECTORS_DOCUMENTS_INDEX, S3VECTORS_SUMMARIES_INDEX" in tool.run("doctor").stdout


def test_an_interrupted_round_trip_deletes_its_vector(three_indexes, monkeypatch):
    """Ctrl-C between the insert and the end."""
    provider = stache.create_provider("documents", s3vectors_endpoint_url="local:data")

    def press(**_):
        raise KeyboardInterrupt

    seen = stache.record_calls(provider.client)
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
    provider = stache.create_provider("documents", s3vectors_endpoint_url="local:data")
    stache.lose_responses(provider.client, "PutVectors", 1)

    [(check, text, _)] = find_wrong("--index", "documents")

    assert check == "round trip in documents"
    assert "Currently unable" in text
    assert not tool.read_contents(provider)


def test_a_missing_index_that_aws_may_let_us_create_is_a_warning(monkeypatch):
    """CreateIndex cannot be tried; without GetVectorBucket it will fail."""
    monkeypatch.setenv("S3VECTORS_CREATE_INDEX", "true")
    with endpoints.serve() as url:
        with closing(endpoints.create_client(endpoint_url=url)) as client:
            client.create_vector_bucket(vectorBucketName="my-bucket")
        shown = tool.run("doctor", "--endpoint", url, "--region", "us-east-1").stdout

    assert "Warning: documents: not created yet; the provider creates it on first use" in shown


def test_a_disabled_customer_key_is_not_reported_as_allowed(three_indexes):
    """KMS refuses with status 400, which is not a denial."""
    client = stache.connections.connect(resolve_settings(stache.Settings()))
    body = b'{"message":"The key is disabled"}'
    disabled = stache.HttpResponse(400, {"x-amzn-errortype": "KmsDisabledException"}, body)
    stache.set_responses(client, "GetVectors", *[disabled] * 9)

    problems = find_wrong("--level", "read", "--index", "documents")

    assert problems
    assert all("check the customer key" in fix for _, _, fix in problems)


def test_a_bucket_of_the_same_name_in_another_region_is_not_wrong(three_indexes, monkeypatch):
    """As long as one of the indexes is in this region."""
    tool.run_checked("indexes", "create", "--region", "eu-west-1")
    enforce_policy(build_policy("read-write", ARN, ["summaries", "insights"]))

    problems = find_wrong()

    assert [check for check, _, _ in problems] == ["documents"]


def test_a_lost_connection_is_reported(monkeypatch):
    """The error of botocore has a response that is None."""
    monkeypatch.setenv("S3VECTORS_MAX_ATTEMPTS", "1")
    with endpoints.serve("--fault", "dropped:1") as url:
        [(check, text, fix)] = find_wrong("--endpoint", url, "--region", "us-east-1")

    assert check == "endpoint"
    assert "Connection was closed" in text
    assert "start the server" not in fix


def test_the_account_in_the_arn_of_the_bucket_is_compared(three_indexes, monkeypatch):
    """The bucket of that name may belong to another account."""
    arn = ARN.replace("123456789012", "999999999999")
    monkeypatch.setenv("S3VECTORS_BUCKET_NAME", arn)

    [(check, text, _)] = find_wrong()

    assert check == "account"
    assert arn in text


@pytest.mark.parametrize("profile", ["credential_process = /nowhere/program", "role_arn = x"])
def test_unusable_sources_of_credentials_are_reported(tmp_path, monkeypatch, profile):
    """A program that does not exist, a role without a source."""
    (tmp_path / "config").write_text(f"[profile mine]\n{profile}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "mine")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    [(check, _, fix)] = find_wrong("--endpoint", "http://127.0.0.1:1")

    assert check == "credentials"
    assert fix


def build_refusal(code):
    return 403, f"<ErrorResponse><Error><Code>{code}</Code></Error></ErrorResponse>"


ANN = "<Arn>arn:aws:iam::1:user/ann</Arn><UserId>U</UserId><Account>111122223333</Account>"
ANSWER = "GetCallerIdentityResponse"
STS = {
    "ok": (200, f"<{ANSWER}><GetCallerIdentityResult>{ANN}</GetCallerIdentityResult></{ANSWER}>"),
    "wrong": build_refusal("ExpiredToken"),
    "skipped": build_refusal("AccessDenied"),
}


@pytest.mark.parametrize("state", STS)
def test_sts_identifies_the_owner_of_the_credentials(monkeypatch, state):
    """An error of STS does not end the checks, unless the credentials are invalid."""

    class Sts(_Page):
        def do_POST(self):
            status, text = STS[state]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Sts) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"http://127.0.0.1:{web.server_port}")
        result = tool.run("doctor", "--endpoint", "http://127.0.0.1:1", "--json")
        web.shutdown()

    [credentials] = [c for c in json.loads(result.stdout)["checks"] if c["check"] == "credentials"]
    assert credentials["state"] == state
    assert state != "ok" or "account 111122223333" in credentials["text"]


@pytest.mark.usefixtures("three_indexes")
def test_two_copies_of_the_package_are_wrong(tmp_path, monkeypatch):
    """`pip install --target` without --upgrade leaves the older one's metadata in a layer."""
    left = tmp_path / "stache_ai_s3vectors-0.2.0.dist-info"
    left.mkdir()
    metadata = "Metadata-Version: 2.1\nName: stache-ai-s3vectors\nVersion: 0.2.0\n"
    (left / "METADATA").write_text(metadata)
    monkeypatch.syspath_prepend(tmp_path)

    [[check, text, fix]] = [
        finding for finding in find_wrong() if "is installed 2 times" in finding[1]
    ]

    assert check == "versions"
    assert f"0.2.0 in {tmp_path}" in text
    assert "1.0.0.dev0 in" in text
    assert "into an empty folder" in fix


@pytest.mark.parametrize(
    "group, text, status",
    [
        ("stache.vectordb", "Stache cannot find the provider: its entry point", 1),
        ("stache.query_processor", "hybrid search gets no text: the entry point", 0),
    ],
)
@pytest.mark.usefixtures("three_indexes")
def test_a_missing_entry_point_is_reported(monkeypatch, group, text, status):
    """A layer that was stripped of its metadata has none."""
    every = metadata.entry_points

    def entry_points(**selected):
        selection = every(**selected)
        return selection.select(name="none") if selected["group"] == group else selection

    monkeypatch.setattr(metadata, "entry_points", entry_points)

    result = tool.run("doctor")

    assert result.exit_code == status
    assert text in result.stdout
    assert "keep stache_ai_s3vectors-*.dist-info next to the package" in result.stdout


@pytest.mark.parametrize("layout", ["one for each", "one for all"])
def test_the_fixes_for_an_older_layout_work_as_they_are_typed(monkeypatch, layout):
    """Create the new indexes, fill them, set the variables: then no fix is left."""
    names = {kind: "stache" if layout == "one for all" else f"stache-{kind}" for kind in KINDS}
    for kind, name in names.items():
        monkeypatch.setenv(f"S3VECTORS_{kind.upper()}_INDEX", name)
        if layout == "one for all":
            monkeypatch.delenv(f"S3VECTORS_{kind.upper()}_INDEX")
    if layout == "one for all":
        monkeypatch.setenv("S3VECTORS_INDEX", "stache")
    for name in set(names.values()):
        provider = stache.create_provider(
            name, s3vectors_endpoint_url="local:data", s3vectors_create_index=True
        )
        create_bucket(provider)
        provider.client.create_index(
            vectorBucketName="my-bucket",
            indexName=name,
            dataType="float32",
            dimension=4,
            distanceMetric="cosine",
            metadataConfiguration={"nonFilterableMetadataKeys": ["text"]},
        )
        provider.insert(stache.create_vectors(3), ["a", "b", "c"], ids=["a", "b", "c"])

    report = json.loads(tool.run("doctor", "--json").stdout)
    fixes = [
        c["fix"]
        for c in report["checks"]
        if c["state"] == "warning" and "create another" in c["fix"]
    ]
    assert len(fixes) == len(set(names.values()))
    for fix in fixes:
        create, fill, variable = fix.split("; ")
        create, fill = (each.partition("stache-s3vectors ")[2] for each in (create, fill))
        tool.run_checked(*shlex.split(create))
        tool.run_checked(*shlex.split(fill), "--yes")
        monkeypatch.setenv(*variable.removeprefix("then set ").split("=", 1))

    report = json.loads(tool.run("doctor", "--json").stdout)
    assert report["ready"]
    assert list_replacements(report) == []


def list_replacements(report):
    return [each["fix"] for each in report["checks"] if "create another" in each.get("fix", "")]


def create_bucket(provider):
    with suppress(provider.client.exceptions.ConflictException):
        provider.client.create_vector_bucket(vectorBucketName="my-bucket")
