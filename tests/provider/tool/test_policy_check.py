"""`stache-s3vectors policy check`: each fault is found once, at its line, and nothing else is."""

from __future__ import annotations

import json

import pytest
from botocore import session
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from s3vectors_local import Caller, Policies
from s3vectors_local.errors import AccessDeniedException
from s3vectors_local.iam import ACTIONS, Need, find_needs
from stache_ai_s3vectors.service.arns import get_partition
from stache_ai_s3vectors.service.permissions import LEVELS, build_policy
from stache_ai_s3vectors.tool.main import main
from stache_ai_s3vectors.tool.policy_check import Target, read_file
from stache_ai_s3vectors.tool.policy_check.arns import can_cover
from stache_ai_s3vectors.tool.policy_check.targets import list_actions

BUCKET = "arn:aws:s3vectors:us-east-1:123456789012:bucket/my-bucket"
DOCUMENTS, INSIGHTS = f"{BUCKET}/index/documents", f"{BUCKET}/index/insights"
INDEXES = ["documents", "insights"]
KEY = "arn:aws:kms:us-east-1:123456789012:key/1234"
TABLE = "arn:aws:dynamodb:us-east-1:123456789012:table/stache"
ASKED = ["--bucket", BUCKET, "--index", "documents", "--index", "insights"]
MANAGE = ["--level", "manage-indexes"]
NEEDED = [f"s3vectors:{action}" for action in sorted(LEVELS["read-write"].index)]
ONE = "s3vectors:GetIndex"


def document(*statements, **more):
    return {"Version": "2012-10-17", "Statement": list(statements), **more}


def allow(action=NEEDED, resource=(DOCUMENTS, INSIGHTS), **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action, resource="*", **more):
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


def whole(*actions, **members):
    """A policy of one right statement, with actions added or members replaced."""
    statement = {**allow([*NEEDED, *actions]), **members}
    gone = {name.removeprefix("Not") for name in members if name.startswith("Not")}
    return document({name: value for name, value in statement.items() if name not in gone})


def instead(action):
    """A policy with this action in the place of DeleteVectors."""
    return document(allow([action, *NEEDED[1:]]))


def on(*resources):
    return document(allow(resource=list(resources)))


def extend(*statements):
    """A policy that is right, and more statements."""
    return document(allow(), *statements)


def under(operator, key, value):
    return whole(Condition={operator: {key: value}})


def text_of(policy_):
    return policy_ if isinstance(policy_, str) else json.dumps(policy_, indent=2)


def written(policy_, old, new):
    """A policy's text with a fault that no Python object can have."""
    text = text_of(policy_)
    assert old in text
    return text.replace(old, new, 1)


def run(policy_, *options):
    return CliRunner().invoke(main, ["policy", "check", "-", *options], input=text_of(policy_))


def findings_of(policy_, *options):
    """The findings, as (kind, line, whole sentence)."""
    findings = json.loads(run(policy_, *options, "--json").stdout)["findings"]
    return [(f["kind"], f["line"], f"{f['problem']}; {f['fix']}") for f in findings]


def line_of(text, mark):
    """The first line that has a mark; with "^" before the mark the line above, "" is line 1."""
    line = next(
        n for n, line in enumerate(text.splitlines() or [""], 1) if mark.lstrip("^") in line
    )
    return line - mark.startswith("^")


def vector_bucket(arn):
    return arn.replace(":bucket/", ":vector-bucket/")


BY_TAG = f"{BUCKET}/index/${{aws:PrincipalTag/index}}"
ELSEWHERE = DOCUMENTS.replace("us-east-1", "eu-west-1")
CHINA = DOCUMENTS.replace("us-east-1", "cn-east-1")
PUT = "s3vectors:PutVectors"
KEYS = [f"kms:{action}" for action in LEVELS["read-write"].key]
OF_SERVICES = {"Condition": {"StringLike": {"kms:ViaService": "s3*.us-east-1.amazonaws.com"}}}
THROUGH = {"Condition": {"StringEquals": {"kms:ViaService": "s3vectors.us-east-1.amazonaws.com"}}}
OF_KEY = ["--kms-key", KEY]
READ = ["--level", "read"]
FIRST = ASKED[:4]
PLAIN = {"Null": {"s3vectors:sseType": "true"}}
ENCRYPTED = {"StringEqualsIfExists": {"s3vectors:sseType": "aws:kms"}}

MISSING = [
    (document(allow(NEEDED[1:])), [], "", "no statement allows s3vectors:DeleteVectors on indexes"),
    (on(DOCUMENTS), ASKED, "^Allow", "PutVectors and QueryVectors on index insights, this one on"),
    (whole(), OF_KEY, "", "no statement allows kms:Decrypt"),
    (under("StringEquals", "aws:SourceVpc", "v"), [], "SourceVpc", "holds, which is not known her"),
    (under("StringEquals", "aws:SourceIPs", "a"), [], "IPs", '"a" holds, which is not known here'),
    (under("StringNotLike", "aws:RequestedRegion", "us-*"), [], '"aws:Req', "holds, which does no"),
    (under("NumericLessThan", "aws:EpochTime", 9), [], "aws:Epoch", "aws:EpochTime 9.0 holds"),
    (under("NumericLessThan", "aws:RequestedRegion", 1), [], "aws:Req", "which is not known"),
    (under("StringEquals", "aws:RequestedRegion", "${a:b}"), [], "aws:Req", "which is not known"),
    (under("Null", "aws:RequestedRegion", "true"), [], "aws:Req", "which does not"),
    (under("StringLike", "ec2:SourceInstanceARN", "*"), [], "ec2:", "which is not known"),
    (under("StringEquals", "s3vectors:sseType", "a"), [], "sseT", '"a" holds, which does not'),
    (under("StringLike", "s3vectors:BucketTag/a", "*"), [], "Tag/", "holds, which is not known"),
    (on(BUCKET), ASKED, "^Allow", "indexes documents and insights, this one only on other res"),
    (
        document(allow(NEEDED[1:]), allow([NEEDED[0], "dynamodb:*"], TABLE)),
        [],
        "",
        "no statement allows s3vectors:DeleteVectors on indexes documents and insights; allow it",
    ),
    (on(INSIGHTS, BY_TAG), ASKED, "PrincipalTag", 'only where the policy variable in "arn:'),
]
DENIED = [
    (extend(deny("s3vectors:Put*")), [], "^Deny", "denies s3vectors:PutVectors on indexes documen"),
    (extend(deny(PUT, BY_TAG)), [], "PrincipalTag", "PutVectors on indexes documents and insights"),
    (
        extend({"Effect": "Deny", "NotAction": NEEDED[1:], "Resource": "*"}),
        [],
        "^Deny",
        "denies s3vectors:DeleteVectors on indexes documents and insights; name that in its NotAc",
    ),
    (
        extend(deny(PUT, Condition={"Bool": {"aws:ViaAWSService": "false"}})),
        [],
        "ViaAWSService",
        'if Bool aws:ViaAWSService "false" holds, which is not known here; take that out',
    ),
    (
        extend(deny("*", Condition={"StringNotEquals": {"s3vectors:sseType": "aws:kms"}})),
        [],
        "^Deny",
        "denies s3vectors:DeleteVectors, GetIndex, ",
    ),
    (
        extend(deny("s3vectors:*", Condition={"StringEquals": {"s3:prefix": "a"}})),
        [],
        "s3:prefix",
        'if StringEquals s3:prefix "a" holds, which is not known here; take that out',
    ),
]
EXCESS = [
    (
        whole("s3vectors:DeleteIndex"),
        [],
        "DeleteIndex",
        "is beyond what read-write needs; remove it",
    ),
    (whole("s3vectors:CreateIndex", Condition=ENCRYPTED), [], "Create", "--level manage-indexes"),
    (
        extend(allow("s3vectors:ListVectorBuckets", BUCKET)),
        [],
        '"s3vectors:ListVectorBuckets"',
        "is beyond what read-write needs; remove it",
    ),
    (
        extend(allow(["dynamodb:*", "s3vectors:ListIndexes"], TABLE)),
        [],
        "ListI",
        "is beyond what rea",
    ),
    (whole("s3vectors:ListIndexes"), [], "ListI", "remove it, or check with --level manage-index"),
    (
        whole("s3vectors:CreateIndex", Condition=PLAIN),
        [],
        "CreateIndex",
        "is beyond what read-write needs; remove it, or check",
    ),
    (document(allow([*NEEDED[1:4], PUT, NEEDED[5]])), READ, "Put", "check with --level read-write"),
    (
        whole(Action="s3vectors:*"),
        [],
        "*",
        'more than what read-write needs; write "s3vectors:DeleteVe',
    ),
    (whole("s3vectors:Get*"), [], "Get*", "covers more than what read-write needs; write "),
    (whole("s3vectors:Tag*"), [], "Tag*", "is beyond what read-write needs; remove it"),
    (whole(Action="*"), [], '"*"', 'more than what read-write needs; write "s3vectors:DeleteVect'),
    (whole(NotAction="iam:*"), [], "NotAction", 'write "Action" with "s3vectors:DeleteVectors", "'),
    (
        extend({"Effect": "Allow", "NotAction": "s3vectors:*", "Resource": KEY, **THROUGH}),
        OF_KEY,
        "Not",
        "",
    ),
    (whole(Resource="*"), ASKED, '"*"', f'than indexes documents and insights; write "{DOCUMENTS}'),
    (whole(Resource=f"{BUCKET}/index/*"), ASKED, "/*", "covers more than indexes documents and in"),
    (whole(Resource="arn:aws:s3vectors:*"), ASKED, "s:*", "more than indexes documents and insigh"),
    (on(DOCUMENTS, INSIGHTS, f"{BUCKET}a*"), ASKED, "a*", "is beyond indexes documents and in"),
    (
        on(DOCUMENTS, INSIGHTS),
        FIRST,
        INSIGHTS,
        "is beyond index documents and bucket my-bucket; remove it, or check with another --bu",
    ),
    (
        extend(
            allow(NEEDED, "*", Condition={"StringEquals": {"aws:RequestedRegion": "eu-west-1"}})
        ),
        [],
        '"*"',
        "covers more than indexes documents and insights; write",
    ),
    (
        on(DOCUMENTS, INSIGHTS, f"{BUCKET}s/index/abc"),
        ASKED,
        "ts/",
        "is beyond indexes documents an",
    ),
    (on(DOCUMENTS, INSIGHTS, ELSEWHERE), ASKED, ELSEWHERE, "is beyond indexes documents and insig"),
    (whole(NotResource=TABLE), ASKED, "NotResource", f'write "Resource" with "{DOCUMENTS}" and "'),
    (
        extend({"Effect": "Allow", "Action": PUT, "NotResource": f"{BUCKET}/*"}),
        [],
        "NotResource",
        "covers everything except what it names; remove the statement",
    ),
    (
        extend(allow(KEYS, "arn:aws:kms:*:*:key/*", **THROUGH)),
        OF_KEY,
        "y/*",
        f'than the key; write "{KEY}"',
    ),
    (
        document(allow(KEYS, KEY), allow()),
        OF_KEY,
        "^Allow",
        "to be used outside S3 Vectors; add the Condition",
    ),
    (
        document(allow(KEYS, KEY, **OF_SERVICES), allow()),
        OF_KEY,
        "^Allow",
        "the key to be used outside S3 V",
    ),
    (
        extend(allow("kms:*", KEY, **THROUGH)),
        OF_KEY,
        "kms:*",
        'than what read-write needs; write "kms:Decrypt"',
    ),
    (
        extend(allow([*KEYS, "kms:Sign"], KEY, **THROUGH)),
        OF_KEY,
        "kms:S",
        "is beyond what read-write needs; remove it",
    ),
]
INEFFECTIVE = [
    (on(DOCUMENTS, vector_bucket(INSIGHTS)), ASKED, "vector-b", f'index/NAME; write "{INSIGHTS}"'),
    (
        on(f"{BUCKET}/documents"),
        FIRST,
        "t/documents",
        "bucket/NAME or bucket/NAME/index/NAME; write",
    ),
    (on(f"{BUCKET}/index/"), ASKED, "index/", f'write "{DOCUMENTS}" and "{INSIGHTS}"'),
    (on(f"{BUCKET}/index/Doc_s"), ASKED, "Doc_s", "is not an ARN of S3 Vectors, expected arn:"),
    (on(DOCUMENTS.replace("us-east-1", ""), INSIGHTS), ASKED, "s::1", f'write "{DOCUMENTS}"'),
    (on(DOCUMENTS.replace("us-east-1", "E U"), INSIGHTS), ASKED, "E U", f'write "{DOCUMENTS}"'),
    (on(DOCUMENTS.replace("123456789012", ""), INSIGHTS), ASKED, "1::", f'write "{DOCUMENTS}"'),
    (on(DOCUMENTS.replace("12:", "1:"), INSIGHTS), ASKED, "901:", f'write "{DOCUMENTS}"'),
    (on(DOCUMENTS.replace("aws:", "a:"), INSIGHTS), ASKED, "arn:a:", f'write "{DOCUMENTS}"'),
    (on(DOCUMENTS.replace("us-east-1:", ""), INSIGHTS), ASKED, "s:123", f'write "{DOCUMENTS}"'),
    (on(CHINA), [], "cn-e", 'bucket/NAME/index/NAME; write "arn:aws-cn:'),
    (
        on("arn:aws:s3:::my-bucket/*"),
        ASKED,
        "s3:::",
        "is not an ARN of S3 Vectors, expected arn:PARTITION:s3vectors:",
    ),
    (instead("s3:DeleteVectors"), [], "s3:D", 'expected "s3vectors"; write "s3vecto'),
    (instead("S3-Vectors:DeleteVectors"), [], "S3-", 'the service "S3-Vectors", expected "s3v'),
    (instead("s3vectors:DeleteVector"), [], 'tor"', 'of S3 Vectors; write "s3vectors:DeleteV'),
    (whole("s3vectors:DelIndex"), [], "DelI", "is not an action of S3 Vectors; remove it"),
    (whole("s3vectors:Zip"), [], "Zip", '"s3vectors:Zip" is not an action of S3 Vectors; re'),
    (extend(deny("s3vectors:DelIndex")), [], "DelI", 'write "s3vectors:DeleteIndex"'),
    (
        extend({"Effect": "Deny", "NotAction": [*NEEDED, "s3vectors:GetVector"], "Resource": "*"}),
        [],
        'tor"',
        'write "s3vectors:GetVectors"',
    ),
    (extend(deny("s3vectors:TagResource", vector_bucket(BUCKET))), [], "vector-", "write"),
    (
        extend(deny("s3vectors:DeleteIndex", BUCKET)),
        [],
        '"s3vectors:DeleteIndex"',
        "only on a Resource of type index",
    ),
    (
        extend(deny("s3vectors:ListVectorBuckets", BUCKET)),
        [],
        '"s3vectors:ListVectorBuckets"',
        'ListVectorBuckets: authorized only on "*"; correct or remove it',
    ),
]
MALFORMED = [
    ("", "", "not JSON at column 1: expecting value"),
    ('{\n  "Version": "2012-10-17",\n}', "}", "not JSON at column 1: "),
    ('{"Version": NaN}', "", "not JSON at column 13: expecting value"),
    ("[" * 100_000, "", "nested too deeply"),
    ("[]", "", "the policy has no Statement"),
    ({"Version": "2012-10-17"}, "", "the policy has no Statement"),
    (document(), "Statement", "the policy has no Statement"),
    (document("all"), "all", "the statement is not an object"),
    ({"Statement": [allow()]}, "", 'the policy must have "Version": "2012-10-17"'),
    (document(allow(), Version="2008-10-17"), "2008", 'must have "Version": "2012-10-17"'),
    (document(allow(), Version=None), "Version", 'must have "Version": "2012-10-17"'),
    (
        written(whole(), "Action", "action"),
        "action",
        "the statement has action, which an identity policy do",
    ),
    (written(whole(), "Statement", "Statements"), "Statements", "only Id, Statement, Version"),
    (written(whole(), '"Action"', '"Action": "x:y", "Action"'), "x:y", "most readers take the las"),
    (whole(Principal="*"), "Principal", "which an identity policy does not have, only Action, "),
    (whole(Comment={}), "Comment", "the statement has Comment, which an identity policy does n"),
    (whole(Effect="allow"), "allow", 'the statement needs "Effect": "Allow" or "De'),
    (whole(Effect=True), "Effect", 'the statement needs "Effect": "Allow" or "Deny"'),
    (
        document({"Action": PUT, "Resource": DOCUMENTS}),
        "^Action",
        'the statement needs "Effect": "Allow"',
    ),
    (document(allow(NotAction="a:b")), '"Action', "needs either Action or NotAction"),
    (document({"Effect": "Allow", "Action": PUT}), "^Allow", "needs either Resource or NotResourc"),
    (whole(Action=[]), "Action", "Action must be a string or a list of s"),
    (whole(7), "Action", "Action must be a string or a list of strings"),
    (whole(Resource={}), "Resource", "Resource must be a string or a list"),
    (instead("DeleteVectors"), '"Del', 'is not "*" or SERVICE:ACTION; correct or remove it'),
    (instead("s3*:DeleteVectors"), "s3*", 'is not "*" or SERVICE:ACTION'),
    (on("my-bucket"), "my-bucket", '"my-bucket" is not "*" or a complete ARN; correct or'),
    (on("index/documents", INSIGHTS), "index/", 'is not "*" or a complete ARN'),
    (on("arn:aws:*"), "arn:aws:*", "the service in an ARN cannot have a wildcard: arn:aws:*"),
    (whole(Condition=[]), "Condition", "Condition must be an object of objects"),
    (whole(Condition={"Bool": ""}), "Condition", "Condition must be an object of objects"),
    (under("StringEqualIfExists", "aws:SourceIp", "a"), "EqualIf", "is not a condition operator"),
    (under("stringEquals", "aws:SourceIp", "a"), "gEq", "stringEquals is not a condition ope"),
    (under("Similar", "aws:SourceIp", "a"), "Sim", "Similar is not a condition operator"),
    (under("Bool", "aws:SecureTransport", "yes"), "Bool", "must be true or false; correct"),
    (under("Bool", "aws:SecureTransport", []), "Bool", "the values of Bool must be strings"),
    (
        under("StringEquals", "aws:ResourceAccount", 1),
        "StringE",
        "values of StringEquals must be s",
    ),
    (under("Bool", "SecureTransport", "true"), "Secure", "SecureTransport is not a condition key"),
]


def through(level):
    """A level's policy with the key, for use through S3 Vectors only."""
    *others, last = build_policy(level, BUCKET, INDEXES, [KEY])["Statement"]
    return document(*others, {**last, **THROUGH})


OTHERS = ["s3:*", "s3:TagResource", "kms:*", "bedrock:*", "*:Query"]
ONE_EACH = [allow(action, arn) for action in NEEDED for arn in (DOCUMENTS, INSIGHTS)]
GOOD = [
    *((build_policy(level, BUCKET, INDEXES), ["--level", level]) for level in LEVELS),
    *((through(level), ["--level", level, *OF_KEY]) for level in LEVELS),
    (build_policy("read-write", BUCKET, INDEXES, [KEY]), []),
    (extend(allow(["dynamodb:Query", "logs:PutLogEvents"], [TABLE, "*"])), []),
    (extend(allow(OTHERS[:-1], "*")), []),
    (extend(allow("*", TABLE)), []),
    (extend(allow("tag:GetResources", [BUCKET, ELSEWHERE])), ASKED),
    (document(allow([*NEEDED, "dynamodb:*"], [DOCUMENTS, INSIGHTS, TABLE, f"{TABLE}/*"])), []),
    ({"Version": "2012-10-17", "Statement": allow([a.upper() for a in NEEDED])}, []),
    (document(*ONE_EACH), []),
    (extend(deny("s3vectors:Delete*", f"{BUCKET}/index/archive")), []),
    (extend(deny(["s3vectors:Create*", "s3vectors:*Policy"])), []),
    (extend({"Effect": "Deny", "NotAction": [*NEEDED, "s3:*"], "Resource": "*"}), []),
    (extend({"Effect": "Deny", "Action": "*", "NotResource": [f"{BUCKET}/*", BY_TAG]}), []),
    (extend(deny("*", Condition={"Bool": {"aws:SecureTransport": False}})), []),
    (under("StringEquals", "aws:RequestedRegion", ["eu-west-1", "us-east-1"]), []),
    (under("StringEqualsIgnoreCase", "aws:ResourceAccount", "123456789012"), []),
    (under("Null", "aws:RequestedRegion", "false"), []),
    (extend(deny(["s3vectors:*"], f"{BUCKET}/index/a?c", Condition=ENCRYPTED)), []),
]


@pytest.mark.parametrize(
    "kind, document_, options, mark, words",
    [
        *(("missing", *fault) for fault in MISSING),
        *(("denied", *fault) for fault in DENIED),
        *(("excess", *fault) for fault in EXCESS),
        *(("ineffective", *fault) for fault in INEFFECTIVE),
        *(("malformed", policy_, ASKED, *fault) for policy_, *fault in MALFORMED),
    ],
)
def test_a_fault_is_reported_once_at_its_line_with_its_fix(kind, document_, options, mark, words):
    """What follows from it is not told as another."""
    [(actual, line, sentence)] = findings_of(document_, *options)

    assert (actual, line) == (kind, line_of(text_of(document_), mark))
    assert words in sentence


def test_a_fault_hides_only_what_its_correction_allows():
    """What is missing after that is reported."""
    [missing, ineffective] = findings_of(on(vector_bucket(DOCUMENTS)), *ASKED)

    assert missing[0] == "missing"
    assert "s3vectors:DeleteVectors, GetIndex, " in missing[2]
    assert "on index insights" in missing[2]
    assert ineffective[0] == "ineffective"


def test_a_key_for_another_service_is_excess_and_missing_for_s3_vectors():
    """The statement allows something, but not what is needed."""
    through_s3 = {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}

    findings = findings_of(extend(allow(KEYS, KEY, Condition=through_s3)), *OF_KEY)

    assert [kind for kind, *_ in findings] == ["excess", "missing"]
    assert "allows the key to be used outside S3 Vectors" in findings[0][2]


def test_the_right_path_in_another_region_is_excess_and_the_index_is_missing():
    """The statement allows something, but not what is needed."""
    findings = findings_of(on(ELSEWHERE, INSIGHTS), *ASKED)

    assert [kind for kind, *_ in findings] == ["missing", "excess"]
    assert "on index documents, this one only on other resources; add" in findings[0][2]
    assert f'"{ELSEWHERE}" is beyond indexes' in findings[1][2]


@pytest.mark.parametrize("document_, options", GOOD)
def test_a_policy_without_fault_passes(document_, options):
    """Status 0, and a sentence that says what that means."""
    result = run(document_, *options)

    assert result.exit_code == 0
    assert result.output.startswith("the policy allows what ")
    assert (
        "needs on these 2 indexes of my-bucket, and nothing else of S3 Vectors: " in result.output
    )


SERVICE = session.get_session().get_service_model("s3vectors")
TAGS = {"tags": {"team": "a"}, "tagKeys": ["team"]}
REQUEST = {**TAGS, "encryptionConfiguration": {"sseType": "aws:kms", "kmsKeyArn": KEY}}


def needed(name, resource):
    """What the engine says that a request with all its members needs."""
    members = SERVICE.operation_model(name).input_shape.members
    by_name = {"vectorBucketName": "my-bucket", "indexName": "documents", "resourceArn": resource}
    request = {m: v for m, v in {**by_name, **REQUEST}.items() if m in members}
    [need, *_] = find_needs(name, request, Caller(), lambda arn: {"t": ""} if arn != "*" else None)
    return need


@pytest.mark.parametrize("action", list_actions())
def test_the_table_of_actions_is_the_engines(action):
    """What each is authorized on, and the condition keys that its requests can have.

    Beside those that every request has, of who asks: the action that has no resource has no others.
    """
    [anybody] = find_needs("ListVectorBuckets", {}, Caller(), lambda _: None)
    kinds = {BUCKET: "bucket", DOCUMENTS: "index", "*": None}
    needs = [
        needed(action.removeprefix("s3vectors:"), resource) for resource in (BUCKET, DOCUMENTS)
    ]
    own = {key for need in needs for key in need.context.keys() - anybody.context.keys()}
    keys = {key.partition("/")[0] + "/" * ("/" in key) for key in own}

    assert {kinds[need.resource] for need in needs} - {None} == list_actions()[action].kinds
    assert list_actions()[action].keys - anybody.context.keys() == keys


def test_the_table_has_every_action():
    """One for each operation."""
    assert set(list_actions()) == ACTIONS
    assert {f"s3vectors:{name}" for name in SERVICE.operation_names} == ACTIONS


def test_regions_are_in_the_partitions_that_boto_knows():
    """All of them."""
    known = session.get_session()
    partitions = known.get_available_partitions()
    pairs = [(r, p) for p in partitions for r in known.get_available_regions("s3", p)]

    assert [(region, get_partition(region)) for region, _ in pairs] == pairs


LEVEL_ACTIONS = [
    (level, action) for level, has in LEVELS.items() for action in (*has.index, *has.bucket)
]


@pytest.mark.parametrize("level, action", LEVEL_ACTIONS)
def test_an_action_less_is_one_thing_missing(level, action):
    """It is named."""
    printed = build_policy(level, BUCKET, INDEXES)
    for statement in printed["Statement"]:
        statement["Action"] = [a for a in statement["Action"] if a != f"s3vectors:{action}"]

    [(kind, _, sentence)] = findings_of(printed, *ASKED, "--level", level)

    assert kind == "missing"
    assert f" s3vectors:{action} on " in sentence


@pytest.mark.parametrize(
    "level, action",
    [(level, action) for level in LEVELS for action in list_actions()],
)
def test_an_action_more_is_excess(level, action):
    """Also where no ARN that it is authorized on is named; at its line."""
    printed = build_policy(level, BUCKET, INDEXES)
    named = {a for statement in printed["Statement"] for a in statement["Action"]}
    printed["Statement"][0]["Action"].append(action)

    findings = findings_of(printed, *ASKED, "--level", level)

    if action in named:
        assert findings == []
        return
    [(kind, line, sentence)] = findings
    assert kind == "excess"
    assert f'"{action}" is beyond what {level} needs' in sentence
    assert line == 6 + len(printed["Statement"][0]["Action"])


TARGET = Target("read-write", BUCKET, tuple(INDEXES))
OTHER = [BUCKET, f"{BUCKET}/index/other", f"{BUCKET}s", f"{BUCKET}s/index/documents", "*"]
WILD = ["*", f"{BUCKET}/index/*", f"{BUCKET}*", f"{BUCKET}/index/d?c*"]
STATEMENTS = st.lists(
    st.builds(
        lambda effect, action, actions_, resource, resources: {
            "Effect": effect,
            action: actions_,
            resource: resources,
        },
        st.sampled_from(["Allow", "Allow", "Deny"]),
        st.sampled_from(["Action", "Action", "NotAction"]),
        st.just(NEEDED)
        | st.lists(st.sampled_from([*NEEDED, *sorted(ACTIONS), "s3vectors:Get*", "*"]), min_size=1),
        st.sampled_from(["Resource", "Resource", "NotResource"]),
        st.just([DOCUMENTS, INSIGHTS])
        | st.lists(st.sampled_from([DOCUMENTS, INSIGHTS, *OTHER, *WILD]), min_size=1, max_size=3),
    ),
    min_size=1,
    max_size=3,
)


@given(STATEMENTS)
def test_what_the_engine_denies_and_allows_is_what_is_told(statements):
    """All that lacks, and if there is more than the level has, that."""
    findings = read_file(text_of(document(*statements)))[0].check(TARGET)
    engine = Policies(document(*statements))

    needed = {(need.action, need.resource) for need in TARGET.needs}
    lacks = {need for need in needed if not allows(engine, *need)}
    beyond = {
        (action, resource)
        for action in ACTIONS
        for resource in [*OTHER, DOCUMENTS]
        if kind_of(resource) in (list_actions()[action].kinds or {None})
        and not (action in NEEDED and resource == DOCUMENTS)
        and allows(engine, action, resource)
    }
    named = {need for need in needed if any(names(finding, *need) for finding in findings)}
    assert named == lacks
    assert not beyond or any(finding.kind == "excess" for finding in findings)


def kind_of(resource):
    if resource == "*":
        return None
    return "index" if "/index/" in resource else "bucket"


def names(finding, action, resource):
    """Whether a finding says that an action on an index is not allowed."""
    name, index = action.partition(":")[2], resource.rpartition("/")[2]
    place = finding.problem.rpartition(" on index")[2]
    return finding.kind in {"missing", "denied"} and name in finding.problem and index in place


def allows(engine, action, resource):
    try:
        engine.check([Need(action, resource, {})], Caller())
    except AccessDeniedException:
        return False
    return True


@pytest.mark.parametrize(
    "resource, covered",
    [
        ("*", True),
        ("arn:aws:s3vectors:*", True),
        ("arn:aws:s3vectors", True),
        ("arn:aws:s3vectors:*:bucket/*", True),
        (f"{BUCKET}*", True),
        (f"{BUCKET}/index/???uments", True),
        (f"{BUCKET}/index/Documents", False),
        (f"{BUCKET}/index/document", False),
        ("*a" * 40, False),
    ],
)
def test_a_wildcard_in_an_arn_stands_for_any_text(resource, covered):
    """For colons and slashes, too; upper and lower case differ."""
    assert can_cover(resource, DOCUMENTS) is covered
