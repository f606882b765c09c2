"""`stache-s3vectors policy check`: each fault is reported once, at its line, and nothing else."""

from __future__ import annotations

import json
import re

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
BOTH = ["--bucket", BUCKET, "--index", "documents", "--index", "insights"]
NEEDED = [f"s3vectors:{action}" for action in sorted(LEVELS["read-write"].index)]
ONE = "s3vectors:GetIndex"


def build(*statements, **more):
    return {"Version": "2012-10-17", "Statement": list(statements), **more}


def allow(action=NEEDED, resource=(DOCUMENTS, INSIGHTS), **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action, resource="*", **more):
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


def edit(*actions, **members):
    """Add actions to the statement of a correct policy, or replace its members."""
    statement = {**allow([*NEEDED, *actions]), **members}
    gone = {name.removeprefix("Not") for name in members if name.startswith("Not")}
    return build({name: value for name, value in statement.items() if name not in gone})


def swap(action):
    """Build a policy with an action instead of DeleteVectors."""
    return build(allow([action, *NEEDED[1:]]))


def cover(*resources):
    """Build a policy that allows the actions on these resources."""
    return build(allow(resource=list(resources)))


def extend(*statements):
    """Add statements to a correct policy."""
    return build(allow(), *statements)


def limit(operator, key, value):
    """Add a condition to a correct policy."""
    return edit(Condition={operator: {key: value}})


def format_policy(policy):
    return policy if isinstance(policy, str) else json.dumps(policy, indent=2)


def replace_text(policy, old, new):
    """Replace a text of a policy by a fault that no Python object can have."""
    text = format_policy(policy)
    assert old in text
    return text.replace(old, new, 1)


def run(policy, *options):
    return CliRunner().invoke(main, ["policy", "check", "-", *options], input=format_policy(policy))


def find_faults(policy, *options):
    """Return the findings as (kind, line, whole sentence)."""
    findings = json.loads(run(policy, *options, "--json").stdout)["findings"]
    return [(f["kind"], f["line"], f"{f['problem']}; {f['fix']}") for f in findings]


def find_line(text, mark):
    """Return the first line that has a mark; with "^" before the mark, the line above."""
    line = next(
        n for n, line in enumerate(text.splitlines() or [""], 1) if mark.lstrip("^") in line
    )
    return line - mark.startswith("^")


def misspell(arn):
    return arn.replace(":bucket/", ":vector-bucket/")


BY_TAG = f"{BUCKET}/index/${{aws:PrincipalTag/index}}"
ELSEWHERE = DOCUMENTS.replace("us-east-1", "eu-west-1")
CHINA = DOCUMENTS.replace("us-east-1", "cn-east-1")
PUT = "s3vectors:PutVectors"
KEYS = [f"kms:{action}" for action in LEVELS["read-write"].key]
OF_SERVICES = {"Condition": {"StringLike": {"kms:ViaService": "s3*.us-east-1.amazonaws.com"}}}
THROUGH = {"Condition": {"StringEquals": {"kms:ViaService": "s3vectors.us-east-1.amazonaws.com"}}}
KEYED = ["--kms-key", KEY]
READ = ["--level", "read"]
ONE = BOTH[:4]
PLAIN = {"Null": {"s3vectors:sseType": "true"}}
ENCRYPTED = {"StringEqualsIfExists": {"s3vectors:sseType": "aws:kms"}}

MISSING = [
    (build(allow(NEEDED[1:])), [], "", "no statement allows s3vectors:DeleteVectors on indexes"),
    (
        cover(DOCUMENTS),
        BOTH,
        "^Allow",
        "PutVectors and QueryVectors on index insights; this one cov",
    ),
    (edit(), KEYED, "", "no statement allows kms:Decrypt"),
    (limit("StringEquals", "aws:SourceVpc", "v"), [], "SourceVpc", "holds, and that cannot be kno"),
    (limit("StringEquals", "aws:SourceIPs", "a"), [], "IPs", '"a" holds, and that cannot be known'),
    (limit("StringNotLike", "aws:RequestedRegion", "us-*"), [], '"aws:Req', "holds, and it does n"),
    (limit("NumericLessThan", "aws:EpochTime", 9), [], "aws:Epoch", "aws:EpochTime 9.0 holds"),
    (limit("NumericLessThan", "aws:RequestedRegion", 1), [], "aws:Req", "cannot be known"),
    (limit("StringEquals", "aws:RequestedRegion", "${a:b}"), [], "aws:Req", "cannot be known"),
    (limit("Null", "aws:RequestedRegion", "true"), [], "aws:Req", "it does not hold"),
    (limit("StringLike", "ec2:SourceInstanceARN", "*"), [], "ec2:", "cannot be known"),
    (limit("StringEquals", "s3vectors:sseType", "a"), [], "sseT", '"a" holds, and it does not'),
    (limit("StringLike", "s3vectors:BucketTag/a", "*"), [], "Tag/", "holds, and that cannot"),
    (cover(BUCKET), BOTH, "^Allow", "indexes documents and insights; this one covers only other"),
    (
        build(allow(NEEDED[1:]), allow([NEEDED[0], "dynamodb:*"], TABLE)),
        [],
        "",
        "no statement allows s3vectors:DeleteVectors on indexes documents and insights; allow it",
    ),
    (cover(INSIGHTS, BY_TAG), BOTH, "PrincipalTag", 'only where the policy variable in "arn:'),
]
DENIED = [
    (extend(deny("s3vectors:Put*")), [], "^Deny", "denies s3vectors:PutVectors on indexes documen"),
    (extend(deny(PUT, BY_TAG)), [], "PrincipalTag", "PutVectors on indexes documents and insights"),
    (
        extend({"Effect": "Deny", "NotAction": NEEDED[1:], "Resource": "*"}),
        [],
        "^Deny",
        "denies s3vectors:DeleteVectors on indexes documents and insights; add the denied actions",
    ),
    (
        extend(deny(PUT, Condition={"Bool": {"aws:ViaAWSService": "false"}})),
        [],
        "ViaAWSService",
        'if Bool aws:ViaAWSService "false" holds, and that cannot be known here; remove',
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
        'if StringEquals s3:prefix "a" holds, and that cannot be known here; remove',
    ),
]
EXCESS = [
    (
        edit("s3vectors:DeleteIndex"),
        [],
        "DeleteIndex",
        "is beyond what read-write needs; remove it",
    ),
    (edit("s3vectors:CreateIndex", Condition=ENCRYPTED), [], "Create", "--level manage-indexes"),
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
    (edit("s3vectors:ListIndexes"), [], "ListI", "remove it, or check with --level manage-index"),
    (
        edit("s3vectors:CreateIndex", Condition=PLAIN),
        [],
        "CreateIndex",
        "is beyond what read-write needs; remove it, or check",
    ),
    (build(allow([*NEEDED[1:4], PUT, NEEDED[5]])), READ, "Put", "check with --level read-write"),
    (
        edit(Action="s3vectors:*"),
        [],
        "*",
        'more than what read-write needs; write "s3vectors:DeleteVe',
    ),
    (edit("s3vectors:Get*"), [], "Get*", "covers more than what read-write needs; write "),
    (edit("s3vectors:Tag*"), [], "Tag*", "is beyond what read-write needs; remove it"),
    (edit(Action="*"), [], '"*"', 'more than what read-write needs; write "s3vectors:DeleteVect'),
    (edit(NotAction="iam:*"), [], "NotAction", 'write "Action" with "s3vectors:DeleteVectors", "'),
    (
        extend({"Effect": "Allow", "NotAction": "s3vectors:*", "Resource": KEY, **THROUGH}),
        KEYED,
        "Not",
        "",
    ),
    (edit(Resource="*"), BOTH, '"*"', f'than indexes documents and insights; write "{DOCUMENTS}'),
    (edit(Resource=f"{BUCKET}/index/*"), BOTH, "/*", "covers more than indexes documents and in"),
    (edit(Resource="arn:aws:s3vectors:*"), BOTH, "s:*", "more than indexes documents and insigh"),
    (cover(DOCUMENTS, INSIGHTS, f"{BUCKET}a*"), BOTH, "a*", "is beyond indexes documents and in"),
    (
        cover(DOCUMENTS, INSIGHTS),
        ONE,
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
        cover(DOCUMENTS, INSIGHTS, f"{BUCKET}s/index/abc"),
        BOTH,
        "ts/",
        "is beyond indexes documents an",
    ),
    (
        cover(DOCUMENTS, INSIGHTS, ELSEWHERE),
        BOTH,
        ELSEWHERE,
        "is beyond indexes documents and insig",
    ),
    (edit(NotResource=TABLE), BOTH, "NotResource", f'write "Resource" with "{DOCUMENTS}" and "'),
    (
        extend({"Effect": "Allow", "Action": PUT, "NotResource": f"{BUCKET}/*"}),
        [],
        "NotResource",
        "covers everything except what it names; remove the statement",
    ),
    (
        extend(allow(KEYS, "arn:aws:kms:*:*:key/*", **THROUGH)),
        KEYED,
        "y/*",
        f'than the key; write "{KEY}"',
    ),
    (
        build(allow(KEYS, KEY), allow()),
        KEYED,
        "^Allow",
        "to be used outside S3 Vectors; add the Condition",
    ),
    (
        build(allow(KEYS, KEY, **OF_SERVICES), allow()),
        KEYED,
        "^Allow",
        "the key to be used outside S3 V",
    ),
    (
        extend(allow("kms:*", KEY, **THROUGH)),
        KEYED,
        "kms:*",
        'than what read-write needs; write "kms:Decrypt"',
    ),
    (
        extend(allow([*KEYS, "kms:Sign"], KEY, **THROUGH)),
        KEYED,
        "kms:S",
        "is beyond what read-write needs; remove it",
    ),
]
INEFFECTIVE = [
    (cover(DOCUMENTS, misspell(INSIGHTS)), BOTH, "vector-b", f'index/NAME; write "{INSIGHTS}"'),
    (
        cover(f"{BUCKET}/documents"),
        ONE,
        "t/documents",
        "bucket/NAME or bucket/NAME/index/NAME; write",
    ),
    (cover(f"{BUCKET}/index/"), BOTH, "index/", f'write "{DOCUMENTS}" and "{INSIGHTS}"'),
    (cover(f"{BUCKET}/index/Doc_s"), BOTH, "Doc_s", "is not an ARN of S3 Vectors, expected arn:"),
    (cover(DOCUMENTS.replace("us-east-1", ""), INSIGHTS), BOTH, "s::1", f'write "{DOCUMENTS}"'),
    (cover(DOCUMENTS.replace("us-east-1", "E U"), INSIGHTS), BOTH, "E U", f'write "{DOCUMENTS}"'),
    (cover(DOCUMENTS.replace("123456789012", ""), INSIGHTS), BOTH, "1::", f'write "{DOCUMENTS}"'),
    (cover(DOCUMENTS.replace("12:", "1:"), INSIGHTS), BOTH, "901:", f'write "{DOCUMENTS}"'),
    (cover(DOCUMENTS.replace("aws:", "a:"), INSIGHTS), BOTH, "arn:a:", f'write "{DOCUMENTS}"'),
    (cover(DOCUMENTS.replace("us-east-1:", ""), INSIGHTS), BOTH, "s:123", f'write "{DOCUMENTS}"'),
    (cover(CHINA), [], "cn-e", 'bucket/NAME/index/NAME; write "arn:aws-cn:'),
    (
        cover("arn:aws:s3:::my-bucket/*"),
        BOTH,
        "s3:::",
        "is not an ARN of S3 Vectors, expected arn:PARTITION:s3vectors:",
    ),
    *(
        (cover(wrong, INSIGHTS), BOTH, mark, f'index/NAME; write "{DOCUMENTS}"')
        for wrong, mark in (
            (misspell(DOCUMENTS).replace("123456789012", "*"), "vector-b"),
            (misspell(DOCUMENTS).replace("us-east-1", "*"), "vector-b"),
            (DOCUMENTS.replace("my-bucket", "*").replace("/index/", "/indexes/"), "indexes"),
            (DOCUMENTS.replace("us-east-1:123456789012", "*:1234"), ":1234:"),
        )
    ),
    (swap("s3:DeleteVectors"), [], "s3:D", 'expected "s3vectors"; write "s3vecto'),
    (swap("S3-Vectors:DeleteVectors"), [], "S3-", 'the service "S3-Vectors", expected "s3v'),
    (swap("s3vectors:DeleteVector"), [], 'tor"', 'of S3 Vectors; write "s3vectors:DeleteV'),
    (edit("s3vectors:DelIndex"), [], "DelI", "is not an action of S3 Vectors; remove it"),
    (edit("s3vectors:Zip"), [], "Zip", '"s3vectors:Zip" is not an action of S3 Vectors; re'),
    (extend(deny("s3vectors:DelIndex")), [], "DelI", 'write "s3vectors:DeleteIndex"'),
    (
        extend({"Effect": "Deny", "NotAction": [*NEEDED, "s3vectors:GetVector"], "Resource": "*"}),
        [],
        'tor"',
        'write "s3vectors:GetVectors"',
    ),
    (extend(deny("s3vectors:TagResource", misspell(BUCKET))), [], "vector-", "write"),
    (
        extend(deny("s3vectors:DeleteIndex", misspell(DOCUMENTS).replace("123456789012", "*"))),
        [],
        "vector-",
        "is not an ARN of S3 Vectors",
    ),
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
    ('{\n  "Version": "2012-10-17"\n  "Id": ""\n}', '"Id', "not JSON at column 3: expecting"),
    ('{"Version": NaN}', "", "not JSON at column 13: expecting value"),
    ("[" * 100_000, "", "nested too deeply"),
    ("[]", "", "the policy has no Statement"),
    ({"Version": "2012-10-17"}, "", "the policy has no Statement"),
    (build(), "Statement", "the policy has no Statement"),
    (build("all"), "all", "the statement is not an object"),
    (build(allow(Sid="a b")), "a b", 'the Sid is "a b"; IAM accepts letters and digits only'),
    (build(deny("a:b", Sid="x"), {"Sid": "x", **allow()}), "^Allow", 'also has the Sid "x"'),
    ({"Statement": [allow()]}, "", 'the policy must have "Version": "2012-10-17"'),
    (build(allow(), Version="2008-10-17"), "2008", 'must have "Version": "2012-10-17"'),
    (build(allow(), Version=None), "Version", 'must have "Version": "2012-10-17"'),
    (
        replace_text(edit(), "Action", "action"),
        "action",
        "the statement has action, which an identity policy cannot",
    ),
    (replace_text(edit(), "Statement", "Statements"), "Statements", "only Id, Statement, Version"),
    (
        replace_text(edit(), '"Action"', '"Action": "x:y", "Action"'),
        "x:y",
        "most readers take the las",
    ),
    (
        edit(Principal="*"),
        "Principal",
        "cannot have; it can have only Action, ",
    ),
    (
        edit(Comment={}),
        "Comment",
        "the statement has Comment, which an identity policy cannot have",
    ),
    (edit(Effect="allow"), "allow", 'the statement needs "Effect": "Allow" or "De'),
    (edit(Effect=True), "Effect", 'the statement needs "Effect": "Allow" or "Deny"'),
    (
        build({"Action": PUT, "Resource": DOCUMENTS}),
        "^Action",
        'the statement needs "Effect": "Allow"',
    ),
    (build(allow(NotAction="a:b")), '"Action', "needs either Action or NotAction"),
    (build({"Effect": "Allow", "Action": PUT}), "^Allow", "needs either Resource or NotResourc"),
    (edit(Action=[]), "Action", "Action must be a string or a list of s"),
    (edit(7), "Action", "Action must be a string or a list of strings"),
    (edit(Resource={}), "Resource", "Resource must be a string or a list"),
    (swap("DeleteVectors"), '"Del', 'is not "*" or SERVICE:ACTION; correct or remove it'),
    (swap("s3*:DeleteVectors"), "s3*", 'is not "*" or SERVICE:ACTION'),
    (cover("my-bucket"), "my-bucket", '"my-bucket" is not "*" or a complete ARN; correct or'),
    (cover("index/documents", INSIGHTS), "index/", 'is not "*" or a complete ARN'),
    (cover("arn:aws:*"), "arn:aws:*", "the service in an ARN cannot have a wildcard: arn:aws:*"),
    (edit(Condition=[]), "Condition", "Condition must be an object of objects"),
    (edit(Condition={"Bool": ""}), "Condition", "Condition must be an object of objects"),
    (limit("StringEqualIfExists", "aws:SourceIp", "a"), "EqualIf", "is not a condition operator"),
    (limit("stringEquals", "aws:SourceIp", "a"), "gEq", "stringEquals is not a condition ope"),
    (limit("Similar", "aws:SourceIp", "a"), "Sim", "Similar is not a condition operator"),
    (limit("Bool", "aws:SecureTransport", "yes"), "Bool", "must be true or false; correct"),
    (limit("Bool", "aws:SecureTransport", []), "Bool", "the values of Bool must be strings"),
    (
        limit("StringEquals", "aws:ResourceAccount", 1),
        "StringE",
        "values of StringEquals must be s",
    ),
    (limit("Bool", "SecureTransport", "true"), "Secure", "SecureTransport is not a condition key"),
]


def build_with_key(level):
    """Build the policy of a level with the key, for use through S3 Vectors only."""
    *others, last = build_policy(level, BUCKET, INDEXES, [KEY])["Statement"]
    return build(*others, {**last, **THROUGH})


OTHERS = ["s3:*", "s3:TagResource", "kms:*", "bedrock:*", "*:Query"]
ONE_EACH = [allow(action, arn) for action in NEEDED for arn in (DOCUMENTS, INSIGHTS)]
GOOD = [
    *((build_policy(level, BUCKET, INDEXES), ["--level", level]) for level in LEVELS),
    *((build_with_key(level), ["--level", level, *KEYED]) for level in LEVELS),
    (build_policy("read-write", BUCKET, INDEXES, [KEY]), []),
    (extend(allow(["dynamodb:Query", "logs:PutLogEvents"], [TABLE, "*"])), []),
    (extend(allow(OTHERS[:-1], "*")), []),
    (extend(allow("*", TABLE)), []),
    (extend(allow("tag:GetResources", [BUCKET, ELSEWHERE])), BOTH),
    (build(allow([*NEEDED, "dynamodb:*"], [DOCUMENTS, INSIGHTS, TABLE, f"{TABLE}/*"])), []),
    ({"Version": "2012-10-17", "Statement": allow([a.upper() for a in NEEDED])}, []),
    (build(*ONE_EACH), []),
    (extend(deny("s3vectors:Delete*", f"{BUCKET}/index/archive")), []),
    (extend(deny(["s3vectors:Create*", "s3vectors:*Policy"])), []),
    (extend({"Effect": "Deny", "NotAction": [*NEEDED, "s3:*"], "Resource": "*"}), []),
    (extend({"Effect": "Deny", "Action": "*", "NotResource": [f"{BUCKET}/*", BY_TAG]}), []),
    (extend(deny("*", Condition={"Bool": {"aws:SecureTransport": False}})), []),
    (limit("StringEquals", "aws:RequestedRegion", ["eu-west-1", "us-east-1"]), []),
    (limit("StringEqualsIgnoreCase", "aws:ResourceAccount", "123456789012"), []),
    (limit("Null", "aws:RequestedRegion", "false"), []),
    (extend(deny(["s3vectors:*"], f"{BUCKET}/index/a?c", Condition=ENCRYPTED)), []),
]


@pytest.mark.parametrize(
    "kind, policy, options, mark, words",
    [
        *(("missing", *fault) for fault in MISSING),
        *(("denied", *fault) for fault in DENIED),
        *(("excess", *fault) for fault in EXCESS),
        *(("ineffective", *fault) for fault in INEFFECTIVE),
        *(("malformed", policy, BOTH, *fault) for policy, *fault in MALFORMED),
    ],
)
def test_a_fault_is_reported_once_at_its_line_with_its_fix(kind, policy, options, mark, words):
    """What follows from it is not reported."""
    [(actual, line, sentence)] = find_faults(policy, *options)

    assert (actual, line) == (kind, find_line(format_policy(policy), mark))
    assert words in sentence


def test_a_misspelled_exception_of_an_allow_is_corrected():
    """Without it, the statement would allow more."""
    policy = build({"Effect": "Allow", "NotAction": ["s3vectors:DelIndex"], "Resource": "*"})

    fixes = [sentence for kind, _, sentence in find_faults(policy, *BOTH) if kind == "ineffective"]

    assert [fix.partition("; ")[2] for fix in fixes] == ['write "s3vectors:DeleteIndex"']


@pytest.mark.parametrize("effect", ["Allow", "Deny"])
def test_the_fix_of_a_negated_resource_names_no_other_element(effect):
    """A statement with both elements is malformed."""
    excluding = {"Effect": effect, "Action": NEEDED, "NotResource": [INSIGHTS]}
    policy = build(excluding, *([allow()] if effect == "Deny" else []))

    sentences = [sentence for _, _, sentence in find_faults(policy, *BOTH)]

    assert sentences
    assert not [sentence for sentence in sentences if "its Resource" in sentence]


def test_a_fault_hides_only_what_its_correction_allows():
    """What is missing after that is reported."""
    [missing, ineffective] = find_faults(cover(misspell(DOCUMENTS)), *BOTH)

    assert missing[0] == "missing"
    assert "s3vectors:DeleteVectors, GetIndex, " in missing[2]
    assert "on index insights" in missing[2]
    assert ineffective[0] == "ineffective"


def test_a_key_for_another_service_is_excess_and_missing_for_s3_vectors():
    """The statement allows something, but not what is needed."""
    through_s3 = {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}

    findings = find_faults(extend(allow(KEYS, KEY, Condition=through_s3)), *KEYED)

    assert [kind for kind, *_ in findings] == ["excess", "missing"]
    assert "allows the key to be used outside S3 Vectors" in findings[0][2]


def test_the_right_path_in_another_region_is_excess_and_the_index_is_missing():
    """The statement allows something, but not what is needed."""
    findings = find_faults(cover(ELSEWHERE, INSIGHTS), *BOTH)

    assert [kind for kind, *_ in findings] == ["missing", "excess"]
    assert "on index documents; this one covers only other resources; add" in findings[0][2]
    assert f'"{ELSEWHERE}" is beyond indexes' in findings[1][2]


@pytest.mark.parametrize("policy, options", GOOD)
def test_a_policy_without_fault_passes(policy, options):
    """The status is 0, and a sentence says what that means."""
    result = run(policy, *options)

    assert result.exit_code == 0
    assert result.output.startswith("the policy allows what ")
    expected = r"needs on indexes \S+, \S+ of my-bucket, and nothing else in S3 Vectors\n"
    assert re.search(expected, result.output)


SERVICE = session.get_session().get_service_model("s3vectors")
TAGS = {"tags": {"team": "a"}, "tagKeys": ["team"]}
REQUEST = {**TAGS, "encryptionConfiguration": {"sseType": "aws:kms", "kmsKeyArn": KEY}}


def find_need(name, resource):
    """Return what the engine says that a request with all its members needs."""
    members = SERVICE.operation_model(name).input_shape.members
    by_name = {"vectorBucketName": "my-bucket", "indexName": "documents", "resourceArn": resource}
    request = {m: v for m, v in {**by_name, **REQUEST}.items() if m in members}
    [need, *_] = find_needs(name, request, Caller(), lambda arn: {"t": ""} if arn != "*" else None)
    return need


@pytest.mark.parametrize("action", list_actions())
def test_the_table_of_actions_agrees_with_the_engine(action):
    """The resources that authorize each action, and the condition keys of its requests.

    Keys that every request has are left out: the action without a resource has no others.
    """
    [anybody] = find_needs("ListVectorBuckets", {}, Caller(), lambda _: None)
    kinds = {BUCKET: "bucket", DOCUMENTS: "index", "*": None}
    needs = [
        find_need(action.removeprefix("s3vectors:"), resource) for resource in (BUCKET, DOCUMENTS)
    ]
    own = {key for need in needs for key in need.context.keys() - anybody.context.keys()}
    keys = {key.partition("/")[0] + "/" * ("/" in key) for key in own}

    assert {kinds[need.resource] for need in needs} - {None} == list_actions()[action].kinds
    assert list_actions()[action].keys - anybody.context.keys() == keys


def test_the_table_has_an_action_for_each_operation():
    """The engine and botocore have the same operations."""
    assert set(list_actions()) == ACTIONS
    assert {f"s3vectors:{name}" for name in SERVICE.operation_names} == ACTIONS


def test_each_region_is_in_the_partition_that_boto_knows():
    """For all regions of S3."""
    known = session.get_session()
    partitions = known.get_available_partitions()
    pairs = [(r, p) for p in partitions for r in known.get_available_regions("s3", p)]

    assert [(region, get_partition(region)) for region, _ in pairs] == pairs


LEVEL_ACTIONS = [
    (level, action) for level, has in LEVELS.items() for action in (*has.index, *has.bucket)
]


@pytest.mark.parametrize("level, action", LEVEL_ACTIONS)
def test_a_removed_action_is_one_missing_permission(level, action):
    """The finding names the action."""
    printed = build_policy(level, BUCKET, INDEXES)
    for statement in printed["Statement"]:
        statement["Action"] = [a for a in statement["Action"] if a != f"s3vectors:{action}"]

    [(kind, _, sentence)] = find_faults(printed, *BOTH, "--level", level)

    assert kind == "missing"
    assert f" s3vectors:{action} on " in sentence


@pytest.mark.parametrize(
    "level, action",
    [(level, action) for level in LEVELS for action in list_actions()],
)
def test_an_added_action_is_excess(level, action):
    """It is reported at its line, even if the statement has no ARN that authorizes it."""
    printed = build_policy(level, BUCKET, INDEXES)
    named = {a for statement in printed["Statement"] for a in statement["Action"]}
    printed["Statement"][0]["Action"].append(action)

    findings = find_faults(printed, *BOTH, "--level", level)

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
def test_findings_agree_with_the_engine(statements):
    """Every permission that the engine denies is reported, and excess if it allows more."""
    findings = read_file(format_policy(build(*statements)))[0].check(TARGET)
    engine = Policies(build(*statements))

    needed = {(need.action, need.resource) for need in TARGET.needs}
    lacks = {need for need in needed if not is_allowed(engine, *need)}
    beyond = {
        (action, resource)
        for action in ACTIONS
        for resource in [*OTHER, DOCUMENTS]
        if get_kind(resource) in (list_actions()[action].kinds or {None})
        and not (action in NEEDED and resource == DOCUMENTS)
        and is_allowed(engine, action, resource)
    }
    named = {need for need in needed if any(is_reported(finding, *need) for finding in findings)}
    assert named == lacks
    assert not beyond or any(finding.kind == "excess" for finding in findings)


def get_kind(resource):
    if resource == "*":
        return None
    return "index" if "/index/" in resource else "bucket"


def is_reported(finding, action, resource):
    """Whether a finding says that an action on an index is not allowed."""
    name, index = action.partition(":")[2], resource.rpartition("/")[2]
    place = finding.problem.rpartition(" on index")[2]
    return finding.kind in {"missing", "denied"} and name in finding.problem and index in place


def is_allowed(engine, action, resource):
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
def test_a_wildcard_in_an_arn_matches_any_text(resource, covered):
    """Also colons and slashes. The case matters."""
    assert can_cover(resource, DOCUMENTS) is covered
