"""`stache-s3vectors policy check` on files that have policies among other things."""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from itertools import pairwise
from urllib.parse import quote

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from stache_ai_s3vectors.service.permissions import LEVELS, build_policy
from stache_ai_s3vectors.tool.main import main
from support import ROOT

BUCKET = "arn:aws:s3vectors:us-east-1:123456789012:bucket/my-bucket"
DOCUMENTS = f"{BUCKET}/index/documents"
PLACE = ["--account", "123456789012", "--region", "us-east-1"]
TEMPLATE = ROOT / "sam" / "template.yaml"
GOOD = build_policy("read-write", BUCKET, ["documents"])
READ = build_policy("read", BUCKET, ["documents"])
LOGS = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Allow", "Action": "logs:PutLogEvents", "Resource": "*"},
}
WRITE = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Allow",
        "Action": ["s3vectors:PutVectors", "s3vectors:DeleteVectors"],
        "Resource": DOCUMENTS,
    },
}
ZIP = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Allow", "Action": "s3vectors:Zip", "Resource": DOCUMENTS},
}


def run(content, *options):
    text = content if isinstance(content, str) else json.dumps(content, indent=1)
    return CliRunner().invoke(main, ["policy", "check", "-", *options], input=text)


def check_policies(content, *options):
    """Return the checked policies, and the findings as (policy, kind, sentence)."""
    result = run(content, *options, "--json")
    report = json.loads(result.stdout)
    findings = [(f["policy"], f["kind"], f"{f['problem']}; {f['fix']}") for f in report["findings"]]
    return report["policies"], findings


def make_template(*resources, **parts):
    """Make a CloudFormation template of resources that are named A, B, …."""
    return {"Resources": dict(zip("ABCDEF", resources, strict=False)), **parts}


def make_managed_policy(document, **properties):
    return {
        "Type": "AWS::IAM::ManagedPolicy",
        "Properties": {"PolicyDocument": document, **properties},
    }


def make_role(*documents, **properties):
    inline = [{"PolicyName": f"p{n}", "PolicyDocument": d} for n, d in enumerate(documents)]
    return {"Type": "AWS::IAM::Role", "Properties": {"Policies": inline, **properties}}


def make_resource(kind, address, **values):
    return {"address": address, "type": f"aws_iam_{kind}", "name": "x", "values": values}


def make_plan(*resources, planned="planned_values"):
    """Make what terraform show -json prints of resources in a child module."""
    child = {"address": "module.stache", "resources": list(resources)}
    root = {"root_module": {"resources": [], "child_modules": [child]}}
    return {"format_version": "1.2", "terraform_version": "1.15.5", planned: root}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("chosen", ["level", "policy"])
def test_the_template_of_this_repository_has_no_finding(level, chosen):
    """Its policy of each level is correct, and so is the role with the chosen level."""
    name = "".join(word.title() for word in level.split("-")) + "Policy"
    choice = ["--parameter", f"Level={level}"] if chosen == "level" else ["--policy", name]

    result = run(TEMPLATE.read_text(), *PLACE, "--level", level, *choice)

    assert result.exit_code == 0
    assert f"policy {name}\n" in result.stdout
    assert "insights-1024 of stache-vectors-123456789012, and nothing else" in result.stdout


def test_a_fault_in_a_template_is_at_its_line():
    """Lines of YAML are counted from the beginning of the file."""
    before, name, after = TEMPLATE.read_text().partition("\n  ReadPolicy:\n")
    text = before + name + after.replace("s3vectors:GetVectors", "s3vectors:GetVectorz", 1)
    line = text[: text.index("GetVectorz")].count("\n") + 1

    result = run(text, *PLACE, "--level", "read", "--policy", "ReadPolicy")

    assert (
        f'-:{line}: ineffective: ReadPolicy, statement 1: "s3vectors:GetVectorz" is not an action'
        ' of S3 Vectors; write "s3vectors:GetVectors"'
    ) in result.stdout
    assert len(result.stdout.splitlines()) == 2


EVENTS = {"Records": [1], "Action": 3}
CONTAINERS = [
    (GOOD, []),
    ({"RoleName": "r", "PolicyName": "vectors", "PolicyDocument": GOOD}, ["vectors"]),
    ({"UserName": "r", "PolicyName": "v", "PolicyDocument": quote(json.dumps(GOOD))}, ["v"]),
    ({"PolicyVersion": {"Document": GOOD, "VersionId": "v3"}}, ["v3"]),
    ({"Document": GOOD, "VersionId": "v3"}, ["v3"]),
    (
        {"PolicyInputList": [json.dumps(READ), json.dumps(WRITE)], "ActionNames": []},
        ["PolicyInputList[1]", "PolicyInputList[2]"],
    ),
    (make_template(make_managed_policy(GOOD)), ["A"]),
    (make_template(make_managed_policy(GOOD, Roles=["r"]), make_managed_policy(LOGS)), ["A"]),
    (make_template(make_role(READ, WRITE)), ["A/p0", "A/p1"]),
    (
        make_template(
            make_role(WRITE, ManagedPolicyArns=[{"Ref": "B"}]), make_managed_policy(READ)
        ),
        ["A/p0", "B"],
    ),
    (
        make_template(
            {"Type": "AWS::IAM::Policy", "Properties": {"PolicyDocument": READ, "Roles": ["r"]}},
            {
                "Type": "AWS::IAM::RolePolicy",
                "Properties": {"PolicyDocument": WRITE, "RoleName": "r"},
            },
        ),
        ["A", "B"],
    ),
    (
        make_template(
            {
                "Type": "AWS::Serverless::Function",
                "Properties": {"Policies": [READ, "AWSLambdaRole", {"Ref": "B"}, {"S3Crud": {}}]},
            },
            make_managed_policy(WRITE),
        ),
        ["A/1", "B"],
    ),
    (
        make_plan(make_resource("policy", "aws_iam_policy.a", policy=json.dumps(GOOD))),
        ["aws_iam_policy.a"],
    ),
    (
        make_plan(
            make_resource("role_policy", "a", policy=json.dumps(READ), role="r"),
            make_resource(
                "role", "b", name="r", inline_policy=[{"name": "i", "policy": json.dumps(WRITE)}]
            ),
            make_resource("policy", "c", policy=json.dumps(ZIP)),
            planned="values",
        ),
        ["a", "b/i"],
    ),
    (
        make_plan(
            make_resource("user_policy", "a", policy=json.dumps(READ), user="u"),
            make_resource("policy", "b", policy=json.dumps(WRITE), arn="arn:b"),
            make_resource("user_policy_attachment", "c", policy_arn="arn:b", user="u"),
            make_resource("group_policy", "d", policy=json.dumps(LOGS), group="g"),
        ),
        ["a", "b"],
    ),
]


@pytest.mark.parametrize("content, names", CONTAINERS)
def test_the_policies_of_one_principal_are_checked_together(content, names):
    """In every format. Policies about other services, and unattached ones, are left out."""
    assert check_policies(content, *PLACE) == (names, [])


def make_account_details(document=WRITE):
    """Make what aws iam get-account-authorization-details prints."""
    versions = [
        {"VersionId": "v1", "IsDefaultVersion": False, "Document": ZIP},
        {"VersionId": "v2", "IsDefaultVersion": True, "Document": document},
    ]
    attached = [{"PolicyName": "write", "PolicyArn": "arn:write"}]
    inline = [{"PolicyName": "read", "PolicyDocument": READ}]
    return {
        "UserDetailList": [{"UserName": "ann", "UserPolicyList": inline, "GroupList": ["writers"]}],
        "GroupDetailList": [{"GroupName": "writers", "AttachedManagedPolicies": attached}],
        "RoleDetailList": [
            {"RoleName": "stache", "RolePolicyList": inline, "AttachedManagedPolicies": attached},
            {"RoleName": "logs", "RolePolicyList": [{"PolicyName": "l", "PolicyDocument": LOGS}]},
        ],
        "Policies": [{"PolicyName": "write", "Arn": "arn:write", "PolicyVersionList": versions}],
    }


def test_the_policies_of_an_account_are_checked_by_principal():
    """Inline, attached and of groups, in their default version; --policy chooses."""
    names, findings = check_policies(make_account_details(), *PLACE, "--policy", "role/stache")
    _, of_user = check_policies(make_account_details(), *PLACE, "--policy", "user/ann")
    _, of_group = check_policies(make_account_details(), *PLACE, "--policy", "group/writers")

    assert (names, findings, of_user) == (["role/stache/read", "write"], [], [])
    assert [kind for _, kind, _ in of_group] == ["missing"]


def test_a_finding_names_its_policy():
    """So does the list of checked policies."""
    result = run(make_account_details(ZIP), *PLACE, "--policy", "role/stache")

    assert "policy role/stache/read\n" in result.stdout
    assert 'ineffective: write, statement 1: "s3vectors:Zip" is not an action' in result.stdout
    assert result.exit_code == 1


def test_a_policy_that_is_not_in_the_file_is_refused():
    """The status is 2, and the error suggests a policy of the file."""
    result = run(make_account_details(), *PLACE, "--policy", "role/stach")

    assert result.exit_code == 2
    assert "Did you mean 'role/stache'?" in result.output


def test_a_file_without_a_policy_about_s3_vectors_is_wrong_usage():
    """The error names the policies of the file."""
    result = run(make_template(make_managed_policy(LOGS)), *PLACE)

    assert result.exit_code == 2
    assert "no policy in - is about S3 Vectors; its policies: A" in result.output


def make_template_with_resource(value, **parts):
    """Make a template whose policy has a resource that a function returns."""
    statement = {**GOOD["Statement"][0], "Resource": value}
    document = {"Version": "2012-10-17", "Statement": [statement, {"Ref": "AWS::NoValue"}]}
    bucket = {
        "Type": "AWS::S3Vectors::VectorBucket",
        "Properties": {"VectorBucketName": {"Ref": "Name"}},
    }
    index = {
        "Type": "AWS::S3Vectors::Index",
        "Properties": {"IndexName": "documents", "VectorBucketArn": {"Ref": "B"}},
    }
    own = {
        "Parameters": {
            "Name": {"Type": "String", "Default": "my-bucket"},
            "Arns": {"Type": "CommaDelimitedList", "Default": f"{DOCUMENTS},other"},
            "Open": {"Type": "String"},
            "Stored": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/a"},
        },
        "Mappings": {"Names": {"us-east-1": {"index": "documents"}}},
        "Conditions": {
            "Yes": {
                "Fn::And": [
                    {"Fn::Equals": [{"Ref": "Name"}, "my-bucket"]},
                    {"Fn::Not": [{"Condition": "No"}]},
                ]
            },
            "No": {"Fn::Or": [{"Fn::Equals": ["a", "b"]}]},
            "Circle": {"Condition": "Circle"},
            "Unknown": {"Fn::Equals": [{"Ref": "Open"}, "b"]},
        },
    }
    return make_template(make_managed_policy(document), bucket, index, **own, **parts)


HEAD = "arn:${AWS::Partition}:s3vectors:${AWS::Region}:${AWS::AccountId}:bucket"
RESOLVED = [
    {"Fn::Sub": f"{HEAD}/${{Name}}/index/documents"},
    {"Fn::Sub": [f"{HEAD}/my-bucket/index/${{I}}", {"I": "documents"}]},
    {"Fn::Sub": "${B}/index/documents"},
    {"Fn::Sub": "${B.VectorBucketArn}/index/documents"},
    {"Fn::Join": ["/", [{"Ref": "B"}, "index", "documents"]]},
    {
        "Fn::Join": [
            ":",
            [
                "arn",
                "aws",
                "s3vectors",
                "us-east-1",
                "123456789012",
                "bucket/my-bucket/index/documents",
            ],
        ]
    },
    {"Fn::If": ["Yes", {"Ref": "C"}, "arn:x"]},
    {"Fn::If": ["No", "arn:x", {"Fn::GetAtt": ["C", "IndexArn"]}]},
    [{"Fn::GetAtt": "C.IndexArn"}, {"Fn::If": ["No", "arn:x", {"Ref": "AWS::NoValue"}]}],
    {"Fn::Select": [0, {"Ref": "Arns"}]},
    {"Fn::Select": ["1", {"Fn::Split": [" ", f"a {DOCUMENTS}"]}]},
    {
        "Fn::Sub": [
            "${B}/index/${I}",
            {"I": {"Fn::FindInMap": ["Names", {"Ref": "AWS::Region"}, "index"]}},
        ]
    },
]


@pytest.mark.parametrize("value", RESOLVED)
def test_functions_of_a_template_are_resolved(value):
    """With the defaults, conditions and mappings of the template."""
    assert check_policies(make_template_with_resource(value), *PLACE) == (["A"], [])


UNRESOLVED = [
    ({"Ref": "Open"}, "Open is not known; give --parameter Open=VALUE"),
    ({"Ref": "Stored"}, "Stored is not known; give --parameter Stored=VALUE"),
    ({"Ref": "Nobody"}, "Nobody is not known; give"),
    ({"Fn::Sub": "arn:aws:${Open}:x"}, "Open is not known"),
    ({"Fn::ImportValue": "x"}, "Fn::ImportValue is not known"),
    ({"Fn::If": ["Unknown", DOCUMENTS, "arn:x"]}, "Condition Unknown is not known"),
    ({"Fn::If": ["Circle", DOCUMENTS, "arn:x"]}, "Condition Circle is not known"),
    ({"Fn::Select": [9, ["a"]]}, "Fn::Select is not known"),
    ({"Fn::FindInMap": ["Names", "x", "y"]}, "Fn::FindInMap is not known"),
    ({"Fn::GetAtt": ["C"]}, "Fn::GetAtt is not known"),
    ({"Fn::Join": ["x" * 20_000, ["a", "b"]]}, "Fn::Join of more than 10000 characters is not kn"),
]


@pytest.mark.parametrize("value, sentence", UNRESOLVED)
def test_an_unresolved_name_is_reported(value, sentence):
    """Nothing else is: its value may allow what seems to be missing."""
    options = ["--bucket", BUCKET, "--index", "documents"]

    [(name, kind, problem)] = check_policies(make_template_with_resource(value), *options)[1]

    assert (name, kind) == ("A", "unresolved")
    assert problem.startswith(sentence)


def test_account_and_region_are_required_at_the_line_that_needs_them():
    """The fix names the options of the command."""
    result = run(TEMPLATE.read_text())

    account = [line for line in result.output.splitlines() if "AWS::AccountId" in line][-1]
    line = TEMPLATE.read_text().splitlines()[int(account.split(":")[1]) - 1]
    assert account.endswith("FunctionRole/function: AWS::AccountId is not known; give --account")
    assert "FunctionLogs.Arn" in line


def test_a_parameter_resolves_a_name():
    """A parameter for an attribute of a resource overrides the template."""
    options = ["--bucket", BUCKET, "--index", "documents"]

    resolved = check_policies(
        make_template_with_resource({"Ref": "Open"}), *options, "--parameter", f"Open={DOCUMENTS}"
    )
    attribute = {"Fn::GetAtt": ["C", "IndexArn"]}
    other = check_policies(
        make_template_with_resource(attribute), *options, "--parameter", f"C.IndexArn={DOCUMENTS}"
    )

    assert resolved == other == (["A"], [])


def test_a_parameter_needs_a_value():
    """Without one, the status is 2."""
    result = run(make_template(make_managed_policy(GOOD)), "--parameter", "Name")

    assert result.exit_code == 2
    assert "--parameter 'Name' has no value: write NAME=VALUE" in result.output


def test_a_policy_that_a_plan_does_not_know_is_unresolved():
    """Terraform knows it after apply."""
    plan = make_plan(
        make_resource("policy", "aws_iam_policy.a"), make_resource("role", "b", name="s3vectors")
    )

    [(name, kind, problem)] = check_policies(plan, "--bucket", BUCKET, "--index", "documents")[1]

    assert (name, kind) == ("aws_iam_policy.a", "unresolved")
    assert problem.endswith("is not known; run terraform show -json after apply")


@pytest.mark.parametrize(
    "action, fix",
    [
        ("PutVector", 'write "s3vectors:PutVectors"'),
        ("ListIndex", "remove it"),
        ("getvectr", 'write "s3vectors:GetVectors"'),
        ("InsertVectors", "remove it"),
        ("SearchVectors", "remove it"),
        ("DescribeIndex", "remove it"),
    ],
)
def test_a_misspelled_action_is_corrected(action, fix):
    """If the level needs it. Other actions are not guessed: what is needed is missing."""
    document = json.loads(json.dumps(ZIP).replace("Zip", action))

    sentences = [sentence for _, _, sentence in check_policies(document)[1]]

    assert f'"s3vectors:{action}" is not an action of S3 Vectors; {fix}' in sentences


@pytest.mark.parametrize(
    "text",
    ["// mine\n{}", '{\n  "a": 1, // mine\n}', '{"a": 1 # mine\n}', '{ /* mine */ "a": 1}'],
)
def test_a_comment_in_json_is_malformed(text):
    """Some editors accept comments in their settings."""
    assert "malformed: JSON has no comments; remove them" in run(text).output


def test_bucket_and_indexes_come_from_the_settings(monkeypatch):
    """If the policy does not name them."""
    monkeypatch.setenv("S3VECTORS_BUCKET_NAME", "my-bucket")
    monkeypatch.setenv("S3VECTORS_DOCUMENTS_INDEX", "documents")
    everything = json.loads(json.dumps(GOOD).replace(DOCUMENTS, "*"))

    result = run(everything, *PLACE, "--json")

    report = json.loads(result.stdout)
    assert (report["bucket"], report["indexes"][0]) == (BUCKET, "documents")
    assert {finding["kind"] for finding in report["findings"]} == {"excess"}


def repeat(name):
    return ",".join([f"*{name}"] * 4)


HOSTILE = [
    "Resources: " + "[" * 5_000,
    "Resources: {A: " * 500,
    "Resources: &a [*a]",
    f"Resources: [&a [1], {', '.join(f'&{b} [{repeat(a)}]' for a, b in pairwise('abcdefghijkl'))}]",
    "Resources:\n  A: !Unknown [x\n",
    "Version: 2012-10-17\nStatement: \x07",
    "Version: !!python/object:os.system x\nStatement: [!Sub]",
    "Resources: x" + "y" * 2**20,
    '{"a": ' * 5_000,
    json.dumps({"Version": "2012-10-17", "Statement": ["${" * 20_000]}),
    json.dumps(make_account_details()).replace("read", "\\u001b[2J\\ud800"),
    json.dumps({"PolicyName": [None], "PolicyDocument": {}}),
    json.dumps(make_template(make_managed_policy({"Fn::Sub": "${A}" * 9_000}))),
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_file_is_refused(text):
    """Without a traceback, and without control characters."""
    result = run(text, *PLACE)

    assert result.exit_code in (1, 2)
    assert "--debug" not in result.output
    assert "\x1b" not in result.output


LEAVES = (
    st.none()
    | st.booleans()
    | st.floats()
    | st.sampled_from(
        [
            "",
            "*",
            "Allow",
            "s3vectors:*",
            DOCUMENTS,
            "A",
            "AWS::NoValue",
            "${A}${B.C}",
            "a:${",
            "\x1b",
        ]
    )
)
KEYS = st.sampled_from(
    [
        *("Version", "Statement", "Sid", "Effect", "Action", "Resource", "Condition", "Bool"),
        *("Resources", "A", "B", "Type", "Properties", "Policies", "PolicyDocument", "Roles"),
        *("Ref", "Fn::Sub", "Fn::If", "Fn::Join", "Fn::GetAtt", "Fn::Select", "Parameters"),
        *("PolicyInputList", "PolicyVersion", "Document", "RoleDetailList", "values"),
        *(
            "planned_values",
            "root_module",
            "resources",
            "address",
            "type",
            "Conditions",
            "Fn::Equals",
        ),
    ]
)
ANYTHING = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4)
)
MUTABLE = [
    GOOD,
    make_account_details(),
    *(content for content, _ in CONTAINERS[1:]),
    make_template_with_resource(RESOLVED[0]),
]


def replace_value(value, path, other):
    """Replace a value somewhere in another one."""
    if not path or not isinstance(value, (dict, list)) or not value:
        return other
    keys = list(value) if isinstance(value, dict) else range(len(value))
    key = keys[path[0] % len(keys)]
    pairs = {k: replace_value(value[k], path[1:], other) if k == key else value[k] for k in keys}
    return pairs if isinstance(value, dict) else list(pairs.values())


@given(st.sampled_from(MUTABLE), st.lists(st.integers(0, 9), max_size=9), ANYTHING)
@settings(deadline=None, max_examples=200)
def test_no_file_causes_a_traceback(content, path, other):
    """Even with unexpected values anywhere."""
    result = run(replace_value(content, path, other), "--bucket", BUCKET, "--index", "documents")

    assert result.exit_code in (0, 1, 2)
    assert "--debug" not in result.output


def test_without_a_yaml_parser_the_command_says_what_to_install(monkeypatch):
    """Stache installs one; the engine alone does not."""
    assert find_spec("yaml")
    monkeypatch.setitem(sys.modules, "yaml", None)

    result = run(TEMPLATE.read_text(), *PLACE)

    assert "-:1: malformed: reading YAML needs PyYAML; pip install pyyaml" in result.output
