"""Permissions: what requests need, how policies are evaluated, and unused permissions."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from s3vectors_local import Caller, Engine, Policies, PolicyError, connect
from s3vectors_local.engine import OPERATIONS
from s3vectors_local.errors import AccessDeniedException
from s3vectors_local.iam import ACTIONS, Need, find_needs
from s3vectors_local.iam.patterns import matches
from support.endpoints import create_client, serve, start_server

BUCKET = "arn:aws:s3vectors:us-east-1:123456789012:bucket/my-bucket"
INDEX = f"{BUCKET}/index/my-index"
BY_BUCKET = {"vectorBucketName": "my-bucket"}
NAMES = {**BY_BUCKET, "indexName": "my-index"}
VECTOR = {"float32": [1]}
NEW_INDEX = {"dataType": "float32", "dimension": 1, "distanceMetric": "cosine"}
TEXTS = [{"metadataKey": "text", "text": "a"}]
KMS_KEY = "arn:aws:kms:us-east-1:123456789012:key/mine"


def policy(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(actions, resources, **more):
    return {"Effect": "Allow", "Action": actions, "Resource": resources, **more}


def deny(actions, resources, **more):
    return {**allow(actions, resources, **more), "Effect": "Deny"}


NEEDS = [
    ("CreateVectorBucket", BY_BUCKET, BUCKET, []),
    ("CreateVectorBucket", {**BY_BUCKET, "tags": {"a": "b"}}, BUCKET, ["TagResource"]),
    ("GetVectorBucket", BY_BUCKET, BUCKET, []),
    ("GetVectorBucket", {"vectorBucketArn": BUCKET}, BUCKET, []),
    ("ListVectorBuckets", {}, "*", []),
    ("DeleteVectorBucket", BY_BUCKET, BUCKET, []),
    ("PutVectorBucketPolicy", {**BY_BUCKET, "policy": "{}"}, BUCKET, []),
    ("GetVectorBucketPolicy", BY_BUCKET, BUCKET, []),
    ("DeleteVectorBucketPolicy", BY_BUCKET, BUCKET, []),
    ("PutVectorBucketDefaultIndexMode", BY_BUCKET, BUCKET, []),
    ("ListIndexes", BY_BUCKET, BUCKET, []),
    ("CreateIndex", {**NAMES, **NEW_INDEX}, INDEX, []),
    ("CreateIndex", {"vectorBucketArn": BUCKET, "indexName": "my-index"}, INDEX, []),
    ("CreateIndex", {**NAMES, "tags": {"a": "b"}}, INDEX, ["TagResource"]),
    ("GetIndex", NAMES, INDEX, []),
    ("GetIndex", {"indexArn": INDEX}, INDEX, []),
    ("DeleteIndex", NAMES, INDEX, []),
    ("UpdateIndexMode", NAMES, INDEX, []),
    ("UpdateMetadataConfiguration", NAMES, INDEX, []),
    ("PutVectors", NAMES, INDEX, []),
    ("GetVectors", NAMES, INDEX, []),
    ("DeleteVectors", NAMES, INDEX, []),
    ("ListVectors", NAMES, INDEX, []),
    ("ListVectors", {**NAMES, "returnData": False, "returnMetadata": False}, INDEX, []),
    ("ListVectors", {**NAMES, "returnData": True}, INDEX, ["GetVectors"]),
    ("ListVectors", {**NAMES, "returnMetadata": True}, INDEX, ["GetVectors"]),
    ("QueryVectors", {**NAMES, "queryVector": VECTOR, "returnDistance": True}, INDEX, []),
    ("QueryVectors", {**NAMES, "filter": {"a": 1}}, INDEX, ["GetVectors"]),
    ("QueryVectors", {**NAMES, "returnMetadata": True}, INDEX, ["GetVectors"]),
    ("QueryVectors", {**NAMES, "queryTexts": TEXTS}, INDEX, ["GetVectors"]),
    ("TagResource", {"resourceArn": INDEX, "tags": {}}, INDEX, []),
    ("UntagResource", {"resourceArn": BUCKET, "tagKeys": ["a"]}, BUCKET, []),
    ("ListTagsForResource", {"resourceArn": BUCKET}, BUCKET, []),
]


@pytest.mark.parametrize("operation, request_, resource, also", NEEDS)
def test_a_request_needs_its_action_and_sometimes_another(operation, request_, resource, also):
    """Both are on the same resource."""
    results = find_needs(operation, request_, Caller(), lambda _: None)

    assert [(need.action, need.resource) for need in results] == [
        (f"s3vectors:{name}", resource) for name in (operation, *also)
    ]


def test_every_operation_is_in_these_cases_and_has_an_action():
    assert {operation for operation, *_ in NEEDS} == set(OPERATIONS)
    assert {f"s3vectors:{operation}" for operation in OPERATIONS} == ACTIONS


def test_the_condition_keys_are_those_of_the_request_and_its_resource():
    """The caller, the tags of index, bucket and request; TagResource has no encryption.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3vectors.html
    """
    tags = {BUCKET: {"Team": "a"}, INDEX: {"stage": "test"}}
    encryption = {"sseType": "aws:kms", "kmsKeyArn": KMS_KEY}
    request = {**NAMES, "tags": {"x": "1", "y": "2"}, "encryptionConfiguration": encryption}

    [need, tagging] = find_needs("CreateIndex", request, Caller(), tags.get)

    caller_keys = {
        "aws:principalaccount": ["123456789012"],
        "aws:principalarn": ["arn:aws:iam::123456789012:user/s3vectors-local"],
        "aws:principalisawsservice": ["false"],
        "aws:requestedregion": ["us-east-1"],
        "aws:resourceaccount": ["123456789012"],
        "aws:securetransport": ["true"],
    }
    assert need.context == tagging.context | {
        "s3vectors:ssetype": ["aws:kms"],
        "s3vectors:kmskeyarn": [KMS_KEY],
    }
    assert tagging.context == caller_keys | {
        "aws:resourcetag/stage": ["test"],
        "s3vectors:vectorbuckettag/team": ["a"],
        "aws:requesttag/x": ["1"],
        "aws:requesttag/y": ["2"],
        "aws:tagkeys": ["x", "y"],
    }


def is_allowed(document, action="s3vectors:GetIndex", resource=INDEX, **context):
    keys = {key.replace("__", ":").replace("_", "/"): value for key, value in context.items()}
    try:
        Policies(document).check([Need(action, resource, keys)], Caller())
    except AccessDeniedException:
        return False
    return True


@pytest.mark.parametrize(
    "statements, expected",
    [
        ([allow("s3vectors:GetIndex", INDEX)], True),
        ([allow(["s3vectors:PutVectors", "S3Vectors:getindex"], [BUCKET, INDEX])], True),
        ([allow("s3vectors:Get*", INDEX)], True),
        ([allow("*", "*")], True),
        ([allow("s3vectors:GetInde?", f"{BUCKET}/index/my-*")], True),
        ([allow("s3vectors:GetIndex", f"{BUCKET}/*")], True),
        ([allow("s3vectors:GetIndex", "arn:aws:s3vectors:*:*:bucket/*")], True),
        ([allow("s3vectors:GetVectors", INDEX)], False),
        ([allow("s3vectors:GetIndex", BUCKET)], False),
        ([allow("s3vectors:GetIndex", f"{BUCKET}/index/My-index")], False),
        ([allow("s3vectors:GetIndex", INDEX.replace(":bucket/", ":vector-bucket/"))], False),
        ([allow("s3vectors:GetIndex", "arn:aws:s3vectors:*:bucket/*:x:y")], False),
        ([allow("s3vectors:*", "*"), deny("s3vectors:GetIndex", INDEX)], False),
        ([deny("s3vectors:PutVectors", "*"), allow("s3vectors:*", "*")], True),
        ([{"Effect": "Allow", "NotAction": "s3vectors:Put*", "Resource": "*"}], True),
        ([{"Effect": "Allow", "NotAction": "s3vectors:Get*", "Resource": "*"}], False),
        ([{"Effect": "Allow", "Action": "*", "NotResource": BUCKET}], True),
        ([{"Effect": "Allow", "Action": "*", "NotResource": f"{BUCKET}*"}], False),
    ],
)
def test_statements_are_evaluated_as_in_iam(statements, expected):
    """A deny wins over an allow. ARNs match part by part, actions case-insensitively."""
    assert is_allowed(policy(*statements)) is expected


@pytest.mark.parametrize(
    "operator, values, have, expected",
    [
        ("StringEquals", "a", ["a"], True),
        ("StringEquals", ["b", "a"], ["a"], True),
        ("StringEquals", "a", ["A"], False),
        ("StringEquals", "a", None, False),
        ("StringEqualsIgnoreCase", "a", ["A"], True),
        ("StringNotEquals", "a", ["b"], True),
        ("StringNotEquals", ["a", "b"], ["b"], False),
        ("StringNotEquals", "a", None, True),
        ("StringNotEqualsIgnoreCase", "a", ["A"], False),
        ("StringLike", "a*", ["abc"], True),
        ("StringLike", "a?", ["abc"], False),
        ("StringNotLike", "a*", ["b"], True),
        ("ArnLike", "arn:aws:kms:*:*:key/*", [KMS_KEY], True),
        ("ArnEquals", KMS_KEY, [KMS_KEY], True),
        ("ArnNotLike", "arn:aws:kms:*:*:key/x*", [KMS_KEY], True),
        ("ArnNotEquals", KMS_KEY, [KMS_KEY], False),
        ("StringEqualsIfExists", "a", None, True),
        ("StringEqualsIfExists", "a", ["b"], False),
        ("Null", "true", None, True),
        ("Null", "True", ["a"], False),
        ("Null", False, ["a"], True),
        ("StringEquals", "a", ["b", "a"], True),
        ("ForAnyValue:StringEquals", "a", ["a", "b"], True),
        ("ForAnyValue:StringEquals", "a", None, False),
        ("ForAllValues:StringEquals", "a", ["a", "b"], False),
        ("ForAllValues:StringEquals", ["a", "b"], ["a"], True),
        ("ForAllValues:StringEquals", "a", None, True),
    ],
)
def test_conditions_are_evaluated_as_in_iam(operator, values, have, expected):
    """The condition has one key, a tag. Two tags may differ in case only."""
    condition = {operator: {"aws:RequestTag/Team": values}}
    context = {} if have is None else {"aws__requesttag_team": have}

    document = policy(allow("s3vectors:*", "*", Condition=condition))

    assert is_allowed(document, **context) is expected


def test_all_conditions_must_hold():
    """They have one operator or several."""
    condition = {
        "StringEquals": {"aws:RequestTag/a": "1", "aws:requesttag/B": "2"},
        "Null": {"aws:ResourceTag/c": "true"},
    }
    document = policy(allow("s3vectors:*", "*", Condition=condition))

    assert is_allowed(document, aws__requesttag_a=["1"], aws__requesttag_b=["2"])
    assert not is_allowed(document, aws__requesttag_a=["1"], aws__requesttag_b=["3"])
    assert not is_allowed(document, aws__requesttag_a=["1"])


@pytest.mark.parametrize(
    "document, message",
    [
        ("{", "policy 1 is not valid JSON"),
        ("[]", "policy 1 has no Statement"),
        (policy(), "policy 1 has no Statement"),
        ({"Statement": [allow("*", "*")]}, '"Version": "2012-10-17"'),
        (policy("x"), "statement 1 is not an object"),
        (policy(allow("*", "*"), {"Effect": "Maybe"}), 'statement 2 needs "Effect"'),
        (policy({"Effect": "Allow", "Resource": "*"}), "needs either Action or NotAction"),
        (policy({"Effect": "Allow", "Action": "*"}), "needs either Resource or NotResource"),
        (policy(allow([], "*")), "Action must be a string or a list of strings"),
        (policy(allow("*", [1])), "Resource must be a string or a list of strings"),
        (
            policy(allow("*", "*", Principal="*")),
            "has Principal, which an identity policy cannot",
        ),
        (
            '{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Effect": "Allow"}}',
            "an object repeats one of Effect",
        ),
        (
            {**policy(allow("*", "*")), "Condition": {}},
            "policy 1 has Condition, which a policy cannot have",
        ),
        (policy(allow("GetIndex", "*")), '"GetIndex" is not "\\*" or SERVICE:ACTION'),
        (policy(allow("s3*:Get*", "*")), '"s3\\*:Get\\*" is not'),
        (policy(allow("*", "arn:aws:s3vectors")), 'is not "\\*" or a complete ARN'),
        (policy(allow("*", INDEX.replace("s3vectors", "s3v*"))), "the service in an ARN cannot"),
        (policy(allow("*", INDEX + "${aws:username}")), "does not evaluate policy variables"),
        (policy(allow("*", "*", Condition=[])), "Condition must be an object of objects"),
        (
            policy(allow("*", "*", Condition={"IpAddress": {"aws:RequestTag/a": "a"}})),
            "does not evaluate the condition operator IpAddress",
        ),
        (
            policy(allow("*", "*", Condition={"StringEquals": {"aws:SourceIp": "a"}})),
            "does not evaluate the condition key aws:SourceIp",
        ),
        (
            policy(allow("*", "*", Condition={"StringEquals": {"aws:TagKeys": "a"}})),
            "aws:TagKeys has several values and needs ForAnyValue or ForAllValues",
        ),
        (
            policy(allow("*", "*", Condition={"Bogus": {}})),
            "Bogus is not a condition operator",
        ),
        *(
            (policy(allow("*", "*", Condition={operator: {"aws:TagKeys": "true"}})), operator)
            for operator in ("NullIfExists", "ForAnyValue:Null", "ForAnyValue:StringLikeIfExists")
        ),
        *(
            (policy(allow("*", "*", Condition={"Null": {"aws:TagKeys": value}})), "must be true or")
            for value in ("yes", ["true", "false"])
        ),
        *(
            (
                policy(allow("*", "*", Condition={"ArnLike": {"s3vectors:kmsKeyArn": arn}})),
                "complete",
            )
            for arn in ("arn:aws:*", "*")
        ),
        (
            policy(allow("*", "*", Condition={"Null": {"aws:TagKeys": "1", "aws:tagkeys": "2"}})),
            "Null repeats a condition key",
        ),
        (
            policy(allow("*", "*", Condition={"StringLike": {"aws:ResourceTag/${x}": "a"}})),
            "does not evaluate the condition key aws:ResourceTag/\\${x}",
        ),
        (
            policy(allow("*", "*", Condition={"StringEquals": {"aws:RequestTag/a": 1}})),
            "the values of StringEquals must be strings",
        ),
        (
            policy(allow("*", "*", Condition={"StringEquals": {"aws:RequestTag/a": "${a}"}})),
            "does not evaluate policy variables",
        ),
    ],
)
def test_a_policy_that_cannot_be_evaluated_is_refused(document, message):
    """The parser refuses it, and the error has the location."""
    with pytest.raises(PolicyError, match=message):
        Policies(document)


@pytest.fixture
def create_caller():
    """Return a function that creates a client of an engine with an index and one statement."""
    engines = []

    def make(*statements):
        engine = Engine(policies=Policies(policy(allow("*", "*"))))
        engines.append(engine)
        client = connect(create_client(), engine)
        client.create_vector_bucket(**BY_BUCKET)
        client.create_index(**NAMES, **NEW_INDEX)
        client.put_vectors(**NAMES, vectors=[{"key": "a", "data": VECTOR}])
        engine._policies = Policies(policy(*statements))
        return client

    yield make
    for engine in engines:
        engine.close()


def test_a_denial_is_a_403_with_awss_text(create_caller):
    """It has the caller, the action, the resource and the reason. Nothing is executed."""
    client = create_caller(allow("s3vectors:GetVectors", INDEX), deny("s3vectors:GetIndex", "*"))

    with pytest.raises(client.exceptions.AccessDeniedException) as refused:
        client.delete_vectors(**NAMES, keys=["a"])
    assert refused.value.response["Error"]["Message"] == (
        "User: arn:aws:iam::123456789012:user/s3vectors-local is not authorized to perform: "
        f"s3vectors:DeleteVectors on resource: {INDEX} because no identity-based policy allows "
        "the s3vectors:DeleteVectors action"
    )
    with pytest.raises(client.exceptions.AccessDeniedException, match="with an explicit deny in"):
        client.get_index(**NAMES)
    assert len(client.get_vectors(**NAMES, keys=["a"])["vectors"]) == 1


def test_reading_metadata_in_a_query_or_a_list_needs_get_vectors(create_caller):
    """Without that action, only keys and distances can be read."""
    client = create_caller(allow(["s3vectors:QueryVectors", "s3vectors:ListVectors"], INDEX))
    query = {**NAMES, "topK": 1, "queryVector": VECTOR}

    assert client.query_vectors(**query, returnDistance=True)["vectors"][0]["key"] == "a"
    assert client.list_vectors(**NAMES)["vectors"] == [{"key": "a"}]
    for call, request in (
        (client.query_vectors, {**query, "filter": {"a": 1}}),
        (client.query_vectors, {**query, "returnMetadata": True}),
        (client.query_vectors, {**NAMES, "topK": 1, "queryTexts": TEXTS}),
        (client.list_vectors, {**NAMES, "returnData": True}),
    ):
        with pytest.raises(client.exceptions.AccessDeniedException, match="s3vectors:GetVectors"):
            call(**request)


def test_a_missing_resource_is_denied_first(create_caller):
    """A caller without the permission does not learn whether it exists."""
    client = create_caller(allow("s3vectors:GetIndex", INDEX))

    with pytest.raises(client.exceptions.AccessDeniedException):
        client.get_index(**{**NAMES, "indexName": "no-index"})
    with pytest.raises(client.exceptions.AccessDeniedException):
        client.delete_vector_bucket(vectorBucketName="no-bucket")


def test_the_tags_of_a_bucket_are_evaluated_for_its_indexes(create_caller):
    """They count as soon as they are set."""
    tagged = {"StringEquals": {"s3vectors:VectorBucketTag/team": "a"}}
    client = create_caller(
        allow("s3vectors:TagResource", BUCKET),
        allow("s3vectors:GetIndex", "*", Condition=tagged),
    )

    with pytest.raises(client.exceptions.AccessDeniedException):
        client.get_index(**NAMES)
    client.tag_resource(resourceArn=BUCKET, tags={"team": "a"})
    assert client.get_index(**NAMES)["index"]["indexName"] == "my-index"


def test_unused_permissions_are_listed():
    """These are actions, resources, and actions that do not exist."""
    policies = Policies(
        policy(
            allow(["s3vectors:Get*", "s3vectors:InsertVectors"], [INDEX, BUCKET], Sid="Read"),
            deny("s3vectors:PutVectors", "*"),
            {"Effect": "Allow", "NotAction": ["s3vectors:Nothing"], "NotResource": BUCKET},
            allow("kms:Decrypt", KMS_KEY),
        )
    )
    policies.check([Need("s3vectors:GetIndex", INDEX, {})], Caller())

    unused = policies.list_unused()

    read = "policy 1, statement 1 (Read): "
    never = "was granted and never used"
    assert [line for line in unused if line.startswith(read)] == [
        f"{read}s3vectors:InsertVectors is not an action of S3 Vectors",
        f"{read}s3vectors:GetVectorBucket {never}",
        f"{read}s3vectors:GetVectorBucketPolicy {never}",
        f"{read}s3vectors:GetVectors {never}",
        f"{read}{BUCKET} {never}",
    ]
    assert not [line for line in unused if "statement 2" in line]
    third = "policy 1, statement 3: "
    rest = {f"{third}{action} {never}" for action in ACTIONS - {"s3vectors:GetIndex"}}
    rest.add(f"{third}s3vectors:Nothing is not an action of S3 Vectors")
    assert {line for line in unused if line.startswith(third)} == rest
    assert not [line for line in unused if "statement 4" in line]


def test_a_denied_request_uses_no_permission():
    """One of its two actions was allowed."""
    policies = Policies(policy(allow("s3vectors:QueryVectors", INDEX)))
    needed = find_needs("QueryVectors", {**NAMES, "filter": {}}, Caller(), lambda _: None)

    with pytest.raises(AccessDeniedException, match="s3vectors:GetVectors"):
        policies.check(needed, Caller())

    assert len(policies.list_unused()) == 2


def test_tags_that_differ_only_in_case_all_count(create_caller):
    """Condition keys are case-insensitive, so a deny on either applies."""
    production = {"StringEquals": {"aws:ResourceTag/Env": "prod"}}
    client = create_caller(
        allow("s3vectors:*", "*"), deny("s3vectors:*", "*", Condition=production)
    )
    client.tag_resource(resourceArn=INDEX, tags={"Env": "prod", "env": "dev"})

    with pytest.raises(client.exceptions.AccessDeniedException, match="explicit deny"):
        client.get_index(**NAMES)


def test_resources_of_other_accounts_and_regions_are_denied(create_caller):
    """Identity policies cannot allow other accounts, and an endpoint has only its region."""
    client = create_caller(allow("s3vectors:*", "*"))

    with pytest.raises(client.exceptions.AccessDeniedException, match="no resource-based policy"):
        client.delete_index(indexArn=INDEX.replace("123456789012", "999999999999"))
    for arn in (INDEX, BUCKET):
        other_region = {"resourceArn": arn.replace("us-east-1", "eu-west-1")}
        with pytest.raises(client.exceptions.NotFoundException):
            client.list_tags_for_resource(**other_region)
    assert client.get_index(indexArn=INDEX)


def write_policy(directory, document):
    path = directory / "role.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return str(path)


def test_the_command_enforces_policies_and_prints_unused_permissions(tmp_path):
    """When it exits, it prints one line for each."""
    actions = ["s3vectors:CreateVectorBucket", "s3vectors:DeleteVectorBucket"]
    role = write_policy(tmp_path, policy(allow(actions, BUCKET)))
    with start_server("--policy", role, "--unused", "--no-console") as (process, url):
        client = create_client(endpoint_url=url)
        client.create_vector_bucket(**BY_BUCKET)
        with pytest.raises(ClientError, match="AccessDeniedException"):
            client.list_vector_buckets()
        client.close()
        process.terminate()
        printed, _ = process.communicate()

    assert printed == (
        "s3vectors-local: policy 1, statement 1: s3vectors:DeleteVectorBucket was granted and "
        "never used\n"
    )


def test_several_policies_add_up(tmp_path):
    """Each policy allows a part."""
    paths = []
    for name, action in (("a", "CreateVectorBucket"), ("b", "GetVectorBucket")):
        (tmp_path / name).mkdir()
        paths += [
            "--policy",
            write_policy(tmp_path / name, policy(allow(f"s3vectors:{action}", BUCKET))),
        ]
    with serve(*paths) as url:
        client = create_client(endpoint_url=url)
        client.create_vector_bucket(**BY_BUCKET)
        assert client.get_vector_bucket(**BY_BUCKET)["vectorBucket"]["vectorBucketName"]
        client.close()


RED = {"StringEquals": {"aws:RequestTag/team": "red"}}


def test_unknown_members_do_not_affect_permissions(create_caller):
    """Their type does not matter."""
    client = create_caller(
        allow("s3vectors:*", "*", Condition=RED),
        allow(
            "s3vectors:TagResource",
            "*",
            Condition={"ForAnyValue:StringEquals": {"aws:TagKeys": "team"}},
        ),
    )
    engine = Engine(policies=Policies(policy(allow("s3vectors:*", "*", Condition=RED))))
    for request in ({**BY_BUCKET, "tags": {"team": "red"}}, {**BY_BUCKET, "tags": 5}):
        with pytest.raises(AccessDeniedException):
            engine.call("DeleteVectorBucket", request)
    engine.close()
    with pytest.raises(client.exceptions.AccessDeniedException):
        client.tag_resource(resourceArn=BUCKET, tags={"secret": "x"})
    with Engine() as engine:
        for odd in ({"indexArn": 5}, {"vectorBucketArn": ["x"]}, {"tags": 5}, {"resourceArn": {}}):
            assert engine.call("ListVectorBuckets", odd) == {"vectorBuckets": []}


@given(
    st.text("ab*?", max_size=8),
    st.text("ab", max_size=10),
)
def test_wildcards_match_like_a_simple_reference(pattern, text):
    """The reference is too slow for long patterns."""

    def match_simply(p, t):
        if not p:
            return not t
        if p[0] == "*":
            return any(match_simply(p[1:], t[n:]) for n in range(len(t) + 1))
        return bool(t) and p[0] in ("?", t[0]) and match_simply(p[1:], t[1:])

    assert matches(pattern, text) is match_simply(pattern, text)


def test_no_pattern_takes_long():
    """Patterns and texts come from outside, in bucket policies and tags."""
    assert not matches("*a" * 500 + "b", "a" * 5_000)
    assert not matches("*?a" * 500 + "b", "a" * 5_000)
    assert matches("*a" * 500 + "*", "a" * 5_000)
