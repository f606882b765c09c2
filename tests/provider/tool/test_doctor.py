"""`doctor`: the right cause for each broken set-up, and the fix that mends it."""

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
    """What is wrong: each check with its text, and its fix."""
    result = tool.run("doctor", "--json", *arguments)
    report = json.loads(result.stdout)
    wrong = [check for check in report["checks"] if check["state"] == "wrong"]
    assert result.exit_code == (1 if wrong else 0)
    assert report["ready"] is not bool(wrong)
    assert all(check["fix"] for check in wrong)
    return [(check["check"], check["text"], check["fix"]) for check in wrong]


def test_a_good_set_up_is_ready(three_indexes):
    """Each check says what it looked at; nothing is left behind."""
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
def test_an_index_in_which_no_search_works_is_named_with_the_way_out(three_indexes, key):
    """Once, by the key; it is no matter of permissions."""
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
    """It is the only thing that is wrong: the other indexes are checked, this one is not."""
    monkeypatch.setenv("S3VECTORS_DOCUMENTS_INDEX", name)

    [(check, text, _)] = find_wrong()

    problem = f"{name!r} is not the name of an index: the service refuses it"
    assert (check, text) == ("settings", problem)


def test_without_any_right_name_of_an_index_the_checks_end(three_indexes, monkeypatch):
    """None of the others makes sense."""
    for kind in KINDS:
        monkeypatch.setenv(f"S3VECTORS_{kind.upper()}_INDEX", "UPPER")

    result = tool.run("doctor")

    assert result.exit_code == 1
    assert "'UPPER' is not the name of an index" in result.stdout
    assert "ready" not in result.stdout.splitlines()


def test_an_embedder_that_stache_does_not_have_is_wrong(three_indexes, monkeypatch):
    """It would fail at the first document."""
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
    """With the nearest name: it would be passed over without a word."""
    if where == ".env":
        Path(".env").write_text(f"{name}=x\n")
    else:
        monkeypatch.setenv(name, "x")

    result = tool.run("doctor")

    assert f"Warning: settings: {name} is set, but there is no such setting" in result.stdout
    assert f"Fix: write {near}" in result.stdout


def test_read_only_makes_no_round_trip(three_indexes):
    """Level read: nothing is written."""
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
    """With the variable, and what to set it to."""
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
    """The documents index, made by somebody else."""
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
    """Chunks are longer than what can be filtered on."""
    recreate_documents_index(["_overflow"])

    [(check, text, fix)] = find_wrong()

    assert (check, "text is filterable" in text) == ("documents", True)
    assert "indexes create" in fix


def test_what_only_could_be_better_is_a_warning(three_indexes):
    """Ready all the same: the older package's index, and euclidean distance."""
    recreate_documents_index(["text"], "euclidean")

    result = tool.run("doctor")

    assert result.exit_code == 0
    assert "Warning: documents: its distance is euclidean" in result.stdout
    assert "Warning: documents: _overflow is not a non-filterable key" in result.stdout
    assert "stache-s3vectors migrate" in result.stdout


def test_hybrid_search_without_text_search_is_wrong(three_indexes, monkeypatch):
    """The command that adds it is the fix."""
    monkeypatch.setenv("S3VECTORS_SEARCH_MODE", "hybrid")
    recreate_documents_index(["text", "_overflow"])

    [(check, text, fix)] = find_wrong()

    assert check == "documents"
    assert fix.startswith("stache-s3vectors indexes upgrade documents --bucket my-bucket ")
    assert "the index has no text search" in text


def test_the_language_of_text_search_is_shown(three_indexes):
    """Beside its status."""
    tool.run_checked("indexes", "delete", "--yes", "documents")
    tool.run_checked("indexes", "create", "--language", "de", "documents")

    assert re.search(r"text search on text (ACTIVE|BUILDING) \(de\)", tool.run("doctor").stdout)


def test_text_search_in_another_language_than_the_setting_s_is_a_warning(
    three_indexes, monkeypatch
):
    """With the command that changes it."""
    monkeypatch.setenv("S3VECTORS_SEARCH_MODE", "hybrid")
    monkeypatch.setenv("S3VECTORS_TEXT_LANGUAGE", "fr")

    result = tool.run("doctor")

    assert result.exit_code == 0
    assert "S3VECTORS_TEXT_LANGUAGE is fr, the language of its text search is none" in result.stdout
    assert re.search("indexes upgrade documents .*--language fr", result.stdout)


def test_a_key_without_text_search_is_wrong(three_indexes, monkeypatch):
    """If hybrid search is to look in it."""
    monkeypatch.setenv("S3VECTORS_SEARCH_MODE", "hybrid")
    monkeypatch.setenv("S3VECTORS_TEXT_KEYS", "text,filename")

    problems = find_wrong()

    assert {text for _, text, _ in problems} == {
        "S3VECTORS_SEARCH_MODE is hybrid, and the index has no text search on filename"
    }


def test_hybrid_search_on_a_classic_index_is_wrong(monkeypatch):
    """Upgrade switches the mode, too."""
    stache.open_engine("local:data", bucket_mode="classic").close()
    stache.close_engines()
    stache.open_engine("local:data", bucket_mode="classic")
    tool.run_checked("indexes", "create")
    monkeypatch.setenv("S3VECTORS_SEARCH_MODE", "hybrid")

    problems = find_wrong()

    assert [check for check, _, _ in problems] == ["documents", "summaries", "insights"]
    assert all("its mode is CLASSIC" in text for _, text, _ in problems)


def enforce_policy(document):
    """From now on the engine holds its callers to a policy."""
    stache.close_engines()
    stache.open_engine("local:data", policies=Policies(json.dumps(document)))


def deny_action(level, action):
    """From now on that action of a level is denied."""
    document = build_policy(level, ARN, KINDS)
    for statement in document["Statement"]:
        statement["Action"] = [a for a in statement["Action"] if a != f"s3vectors:{action}"]
    enforce_policy(document)


@pytest.mark.parametrize("action", ["GetVectors", "ListVectors", "QueryVectors", "DeleteVectors"])
def test_an_action_that_is_denied_is_one_finding(three_indexes, action):
    """With all ARNs; the others are tried all the same, and nothing is written."""
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
def test_an_action_that_stands_for_an_index_is_named_for_each(three_indexes, action, checks):
    """Without GetIndex nothing is known of it; PutVectors is the round trip."""
    deny_action("read-write", action)

    problems = find_wrong()

    assert [check for check, _, _ in problems] == [*checks]
    for kind, (_, _, fix) in zip(KINDS, problems, strict=True):
        assert f"allow s3vectors:{action} on {ARN}/index/{kind}" in fix


@pytest.mark.parametrize(
    "action", ["CreateIndex", "UpdateIndexMode", "ListIndexes", "GetVectorBucket"]
)
def test_a_denied_action_of_manage_indexes_is_one_finding(three_indexes, action):
    """When that level is asked about; what Stache needs is tried all the same."""
    deny_action("manage-indexes", action)

    [(_, text, _)] = find_wrong("--level", "manage-indexes")
    shown = tool.run("doctor", "--level", "manage-indexes").stdout

    assert f"s3vectors:{action}" in text
    assert "round trip in documents: inserted" in shown
    assert (
        "round trip in documents: inserted"
        in tool.run("doctor", "--level", "manage-indexes").stdout
    )


def test_what_cannot_be_tried_without_a_change_is_said_not_to_be(three_indexes):
    """Nobody knows what AWS does when a text search is added again."""
    shown = tool.run("doctor", "--level", "manage-indexes").stdout

    assert "UpdateMetadataConfiguration not tried: a call would change something" in shown


def test_a_policy_of_the_level_is_enough(three_indexes):
    """And all of its actions but those that nothing can be tried of are used."""
    for level in LEVELS:
        document = build_policy(level, ARN, KINDS)
        stache.close_engines()
        policies = Policies(json.dumps(document))
        stache.open_engine("local:data", policies=policies)

        assert find_wrong("--level", level) == []
        left = "s3vectors:UpdateMetadataConfiguration was granted and never used"
        assert all(left in line for line in policies.list_unused())


def test_the_search_in_other_regions_creates_nothing_there(three_indexes, monkeypatch):
    """Although the provider may create its index, and the bucket is not asked for."""
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


def test_the_bucket_in_another_region_is_found_without_asking_for_the_bucket(
    three_indexes, monkeypatch
):
    """A role of level read-write may only ask for its indexes."""
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
def test_credentials_that_are_no_good_are_named_so(three_indexes, code, text):
    """Nothing else is tried with them; these codes are not in the service's model."""
    client = stache.connections.connect(resolve_settings(stache.Settings()))
    body = b'{"message":"The security token included in the request is not good"}'
    denied = stache.HttpResponse(403, {"x-amzn-errortype": code}, body)
    stache.set_responses(client, "GetIndex", *[denied] * 9)

    [(check, _, fix)] = find_wrong()

    assert check == "credentials"
    assert text in fix


def test_a_wrong_secret_is_found_by_a_server_that_verifies():
    """Over HTTP, as AWS does it."""
    with endpoints.serve("--access-key", "testing:right") as url:
        [(check, text, fix)] = find_wrong("--endpoint", url, "--region", "us-east-1")

    assert check == "credentials"
    assert "secret" in fix
    assert "signature" in text


class _Page(http.server.BaseHTTPRequestHandler):
    """Some other web server."""

    def do_POST(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>Welcome</html>")

    def log_message(self, *_):
        pass


def test_another_server_at_the_endpoint_is_said_to_be_one():
    """Its pages are no answers."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Page) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        [(check, text, fix)] = find_wrong("--endpoint", f"http://127.0.0.1:{web.server_port}")
        web.shutdown()

    assert check == "endpoint"
    assert "the response is not from S3 Vectors" in text
    assert fix


@pytest.mark.parametrize("minutes, word", [(-20, "ahead"), (20, "behind")])
def test_a_clock_that_is_wrong_is_named_before_what_it_leads_to(monkeypatch, minutes, word):
    """AWS refuses the signature; the Date of its answer tells why."""
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


def test_a_service_that_throttles_is_not_called_unreachable(three_indexes, monkeypatch):
    """The remedy is to wait."""
    client = stache.create_provider(s3vectors_endpoint_url="local:data").client
    stache.skip_waiting(monkeypatch)
    slow = stache.HttpResponse(
        429, {"x-amzn-errortype": "TooManyRequestsException"}, b'{"message":"m"}'
    )
    stache.set_responses(client, "GetIndex", *[slow] * 99)

    [(check, _, fix)] = find_wrong()

    assert check == "endpoint"
    assert "wait, then try again" in fix


def test_a_directory_in_use_is_named():
    """By another engine of this machine."""
    with closing(Engine("data")):
        [(check, text, _)] = find_wrong()

    assert check == "settings"
    assert "belongs to a running engine" in text


def test_a_vector_that_cannot_be_removed_again_is_named(three_indexes):
    """With the command that removes it."""
    client = stache.create_provider(s3vectors_endpoint_url="local:data").client
    stache.fail_calls(client, "DeleteVectors", *range(2, 99))

    [(check, text, fix)] = find_wrong("--index", "documents")

    assert check == "round trip in documents"
    assert "the vector stache-s3vectors-doctor-" in text
    assert "stache-s3vectors purge --index documents --namespace stache-s3vectors-doctor-" in fix


def test_what_the_provider_makes_by_itself_is_not_missing(monkeypatch):
    """With a local: endpoint, before the first use."""
    monkeypatch.delenv("S3VECTORS_CREATE_INDEX")
    stache.create_provider("another", s3vectors_endpoint_url="local:data").insert(
        [[1.0] * 4], ["t"]
    )

    result = tool.run("doctor")

    assert result.exit_code == 0
    assert "documents: not created yet; the provider creates it on first use" in result.stdout


def test_unset_index_variables_are_reported(monkeypatch, three_indexes):
    """Stache would use one called "stache" for all three."""
    for kind in KINDS:
        monkeypatch.delenv(f"S3VECTORS_{kind.upper()}_INDEX")

    problems = find_wrong()

    assert [check for check, _, _ in problems] == ["stache"]
    assert "S3VECTORS_DOCUMENTS_INDEX, S3VECTORS_SUMMARIES_INDEX" in tool.run("doctor").stdout


def test_a_vector_is_removed_when_the_round_trip_is_interrupted(three_indexes, monkeypatch):
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


def test_a_vector_whose_insert_was_not_answered_is_removed(three_indexes):
    """It may have been stored."""
    provider = stache.create_provider("documents", s3vectors_endpoint_url="local:data")
    stache.lose_responses(provider.client, "PutVectors", 1)

    [(check, text, _)] = find_wrong("--index", "documents")

    assert check == "round trip in documents"
    assert "Currently unable" in text
    assert not tool.read_contents(provider)


def test_an_index_that_may_be_created_on_aws_is_a_warning(monkeypatch):
    """CreateIndex cannot be tried; and without GetVectorBucket it will not work."""
    monkeypatch.setenv("S3VECTORS_CREATE_INDEX", "true")
    with endpoints.serve() as url:
        with closing(endpoints.create_client(endpoint_url=url)) as client:
            client.create_vector_bucket(vectorBucketName="my-bucket")
        shown = tool.run("doctor", "--endpoint", url, "--region", "us-east-1").stdout

    assert "Warning: documents: not created yet; the provider creates it on first use" in shown


def test_a_key_that_is_disabled_is_not_called_allowed(three_indexes):
    """KMS refuses with 400, which is no permission."""
    client = stache.connections.connect(resolve_settings(stache.Settings()))
    body = b'{"message":"The key is disabled"}'
    disabled = stache.HttpResponse(400, {"x-amzn-errortype": "KmsDisabledException"}, body)
    stache.set_responses(client, "GetVectors", *[disabled] * 9)

    problems = find_wrong("--level", "read", "--index", "documents")

    assert problems
    assert all("check the customer key" in fix for _, _, fix in problems)


def test_a_copy_of_the_bucket_in_another_region_is_no_fault(three_indexes, monkeypatch):
    """As long as any of the indexes is here."""
    tool.run_checked("indexes", "create", "--region", "eu-west-1")
    enforce_policy(build_policy("read-write", ARN, ["summaries", "insights"]))

    problems = find_wrong()

    assert [check for check, _, _ in problems] == ["documents"]


def test_a_lost_connection_is_an_error_like_others(monkeypatch):
    """Botocore's has a response that is None."""
    monkeypatch.setenv("S3VECTORS_MAX_ATTEMPTS", "1")
    with endpoints.serve("--fault", "dropped:1") as url:
        [(check, text, fix)] = find_wrong("--endpoint", url, "--region", "us-east-1")

    assert check == "endpoint"
    assert "Connection was closed" in text
    assert "start the server" not in fix


def test_the_account_of_the_bucket_s_arn_is_compared(three_indexes, monkeypatch):
    """The bucket of that name may be another's."""
    arn = ARN.replace("123456789012", "999999999999")
    monkeypatch.setenv("S3VECTORS_BUCKET_NAME", arn)

    [(check, text, _)] = find_wrong()

    assert check == "account"
    assert arn in text


@pytest.mark.parametrize("profile", ["credential_process = /nowhere/program", "role_arn = x"])
def test_unusable_sources_of_credentials_are_reported(tmp_path, monkeypatch, profile):
    """A program that is not there, a role without a source."""
    (tmp_path / "config").write_text(f"[profile mine]\n{profile}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "mine")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    [(check, _, fix)] = find_wrong("--endpoint", "http://127.0.0.1:1")

    assert check == "credentials"
    assert fix


def refusal(code):
    return 403, f"<ErrorResponse><Error><Code>{code}</Code></Error></ErrorResponse>"


ANN = "<Arn>arn:aws:iam::1:user/ann</Arn><UserId>U</UserId><Account>111122223333</Account>"
ANSWER = "GetCallerIdentityResponse"
STS = {
    "ok": (200, f"<{ANSWER}><GetCallerIdentityResult>{ANN}</GetCallerIdentityResult></{ANSWER}>"),
    "wrong": refusal("ExpiredToken"),
    "skipped": refusal("AccessDenied"),
}


@pytest.mark.parametrize("state", STS)
def test_sts_says_whose_the_credentials_are(monkeypatch, state):
    """What it refuses to say stops nothing, unless the credentials are no good."""

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
def test_two_copies_of_the_package_are_named(tmp_path, monkeypatch):
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
def test_an_entry_point_that_is_missing_is_named(monkeypatch, group, text, status):
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
    """Make the new indexes, fill them, set the variables: then there is nothing left to say."""
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
        make_bucket(provider)
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
    assert replacements(report) == []


def replacements(report):
    return [each["fix"] for each in report["checks"] if "create another" in each.get("fix", "")]


def make_bucket(provider):
    with suppress(provider.client.exceptions.ConflictException):
        provider.client.create_vector_bucket(vectorBucketName="my-bucket")
