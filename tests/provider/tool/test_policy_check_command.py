"""`stache-s3vectors policy check`: what it reads, what it prints, its status."""

from __future__ import annotations

import json
import sys

import pytest
from click.testing import CliRunner

from stache_ai_s3vectors.service.permissions import LEVELS
from stache_ai_s3vectors.tool.main import main

BUCKET = "arn:aws:s3vectors:us-east-1:123456789012:bucket/my-bucket"
DOCUMENTS, INSIGHTS = f"{BUCKET}/index/documents", f"{BUCKET}/index/insights"
OURS = ("stache_ai_s3vectors.tool.policy_check", "s3vectors_local")
ELSEWHERE = DOCUMENTS.replace("us-east-1", "eu-west-1")
OPTIONS = ["--bucket", BUCKET, "--index", "documents", "--index", "insights"]
NEEDED = [f"s3vectors:{action}" for action in sorted(LEVELS["read-write"].index)]


def make_document(*statements, **more):
    return {"Version": "2012-10-17", "Statement": list(statements), **more}


def allow(action=NEEDED, resource=(DOCUMENTS, INSIGHTS), **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def format_policy(policy):
    return policy if isinstance(policy, str) else json.dumps(policy, indent=2)


def run(policy, *options):
    return CliRunner().invoke(main, ["policy", "check", "-", *options], input=format_policy(policy))


def findings(policy):
    return json.loads(run(policy, "--json").stdout)["findings"]


def test_findings_are_in_the_order_of_lines():
    """As compilers print them. The status is 1."""
    broken = make_document(
        allow("s3vectors:*", [INSIGHTS.replace(":bucket", ":vector-bucket"), DOCUMENTS]),
        Version="1",
    )

    result = run(broken)

    lines = [line.split(":")[:3] for line in result.stdout.splitlines()]
    assert lines == [
        ["-", "2", " malformed"],
        ["-", "6", " excess"],
        ["-", "8", " ineffective"],
    ]
    assert result.exit_code == 1


def test_json_has_what_was_checked_and_the_findings(tmp_path):
    """Other programs can read it."""
    file = tmp_path / "role.json"
    file.write_text(format_policy(make_document(allow(resource=DOCUMENTS), allow("logs:*", "*"))))

    result = CliRunner().invoke(main, ["policy", "check", str(file), "--level", "read", "--json"])

    report = json.loads(result.output)
    assert {**report, "findings": len(report["findings"])} == {
        "file": str(file),
        "level": "read",
        "bucket": BUCKET,
        "indexes": ["documents"],
        "policies": [],
        "findings": 2,
    }
    assert report["findings"][0] == {
        "line": 7,
        "kind": "excess",
        "problem": '"s3vectors:DeleteVectors" is beyond what read needs',
        "fix": "remove it, or check with --level read-write",
        "statement": "1",
        "policy": "",
    }


def test_lines_are_counted_as_editors_do():
    """Windows writes other line ends and a byte order mark."""
    text = format_policy(make_document(allow([*NEEDED, "s3vectors:DeleteIndex"])))

    entries = findings("\ufeff" + text.replace("\n", "\r\n"))

    assert entries == findings(text)
    assert [one["line"] for one in entries] == [13]


def test_missing_permissions_are_not_reported_while_a_statement_is_malformed():
    """That statement may allow them."""
    half = make_document(allow(NEEDED[:2]), {"Effect": "Allow", "Action": NEEDED})

    result = run(half)

    assert " missing: " not in result.output
    assert (
        "Missing permissions are reported once nothing is malformed or unresolved.\n"
        in result.output
    )


@pytest.mark.parametrize(
    "policy, options, problem",
    [
        (
            make_document(allow(resource="*")),
            [],
            "give --bucket: no correct ARN of S3 Vectors in the policy names one",
        ),
        (
            make_document(allow(resource=DOCUMENTS.replace(":bucket", ":vector-bucket"))),
            [],
            "give --bucket: no correct ARN of S3 Vectors in the policy names one",
        ),
        (
            make_document(allow(resource=[DOCUMENTS, DOCUMENTS.replace("my-", "a-")])),
            [],
            "(my-bucket, a-b",
        ),
        (
            make_document(allow(resource=[DOCUMENTS, ELSEWHERE])),
            [],
            "give --region: the ARNs of S3 Vectors",
        ),
        (
            make_document(allow(resource=f"{BUCKET}/index/*")),
            [],
            "give --index for each index that is used",
        ),
        (make_document(allow()), ["--region", "x y"], "is not the ARN of a vector bucket"),
        (
            make_document(allow()),
            [*OPTIONS, "--account", "2" * 12],
            "--account contradicts the bucket's ARN",
        ),
        (make_document(allow()), ["--kms-key", "alias/a"], "'alias/a' is not the ARN of a KMS key"),
        (make_document(allow()), ["--level", "write"], "'write' is not one of"),
    ],
)
def test_options_are_required_if_the_policy_does_not_name_their_values(policy, options, problem):
    """The status is 2."""
    result = run(policy, *options)

    assert result.exit_code == 2
    assert problem in result.output


def test_a_file_that_is_not_a_policy_needs_no_options():
    """Its fault is reported without them."""
    result = run("{")
    report = json.loads(run("{", "--json").output)

    assert result.output.startswith("-:1: malformed: not JSON at column 2: ")
    assert (result.exit_code, report["bucket"], report["indexes"]) == (1, None, [])


def test_bucket_and_indexes_can_be_given_by_name():
    """The rest of the ARN comes from the policy."""
    result = run(make_document(allow()), "--bucket", "my-bucket", "--index", "documents", "--json")

    assert json.loads(result.output)["bucket"] == BUCKET
    assert "insights" in result.output


@pytest.mark.parametrize(
    "content, problem",
    [(None, "does not exist"), (b"\xff\xfe{\x00}\x00", "is not UTF-8 text")],
)
def test_a_file_that_cannot_be_read_is_wrong_usage(content, problem, tmp_path):
    """The status is 2, and the error names the fault."""
    file = tmp_path / "role.json"
    if content:
        file.write_bytes(content)

    result = CliRunner().invoke(main, ["policy", "check", str(file)])

    assert result.exit_code == 2
    assert problem in result.output


def test_options_before_the_subcommand_are_refused():
    """They would apply to the printed policy."""
    result = CliRunner().invoke(main, ["policy", "--index", "a", "check", "-"], input="{}")

    assert result.exit_code == 2
    assert "give --index after check" in result.output


def test_without_the_engine_the_command_says_what_to_install(monkeypatch):
    """Printing a policy needs no engine."""
    for name in [name for name in sys.modules if name.startswith(OURS)]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "s3vectors_local.iam", None)
    place = ["--account", "123456789012", "--region", "us-east-1"]

    checked = run(make_document(allow()))
    printed = CliRunner().invoke(main, ["policy", *OPTIONS, *place])

    assert checked.exit_code == 1
    assert checked.output.startswith("Error: the local engine is not installed; in a clone of")
    assert printed.exit_code == 0


def test_a_finding_names_its_statement_without_control_characters():
    """By its Sid, otherwise by its number."""
    result = run(
        make_document(allow("s3vectors:\x1b[2J", Sid="Odd"), allow(), allow("s3vectors:Zip"))
    )

    assert '-:6: malformed: statement Odd: "s3vectors:\\x1b[2J" is not "*" or' in result.output
    assert 'ineffective: statement 3: "s3vectors:Zip" is not an action' in result.output
    assert "\x1b" not in result.output


def test_help_shows_an_example():
    """Users can copy it."""
    result = CliRunner().invoke(main, ["policy", "check", "--help"])

    assert "stache-s3vectors policy check role.json --index documents-1024" in result.output
