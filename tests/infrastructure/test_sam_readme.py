"""The SAM template's README is about the SAM template."""

from __future__ import annotations

import json
import re
import shlex

from click.testing import CliRunner

import sam
from stache_ai_s3vectors.service.permissions import LEVELS, build_key_statement, build_policy
from stache_ai_s3vectors.tool.main import main

README = (sam.FOLDER / "README.md").read_text()


def source():
    return sam.transform_template(sam.TEMPLATE.read_text()).source


def rows(heading):
    """A table's rows, each a list of cells."""
    table = README.partition(f"{heading}\n")[2].partition("\n\n")[0]
    return [
        [cell.strip() for cell in row.strip("|").split(" | ")] for row in table.splitlines()[1:]
    ]


def code(value):
    return f"`{value}`" if value != "" else "–"


def test_the_parameters():
    """Name, default and description are the template's."""
    assert rows("| parameter | default | what it is |") == [
        [code(name), code(of["Default"]), of["Description"]]
        for name, of in source()["Parameters"].items()
    ]


def test_the_outputs():
    """Name and description are the template's."""
    assert rows("| output | what it is |") == [
        [code(name), of["Description"]] for name, of in source()["Outputs"].items()
    ]


def test_the_levels():
    """All of them, each with the output that is its policy's ARN."""
    policies = [f"{level.title().replace('-', '')}PolicyArn" for level in LEVELS]

    assert [row[:2] for row in rows("| level | policy | for |")] == [
        [code(level), code(policy)] for level, policy in zip(LEVELS, policies, strict=True)
    ]
    assert set(policies) <= set(source()["Outputs"])


def test_overrides_name_parameters():
    """What the commands set are parameters of the template."""
    overrides = re.findall(r"(?<![\w$])([A-Z][A-Za-z]+)=", README)

    assert overrides
    assert set(overrides) <= set(source()["Parameters"])


def test_imports_name_outputs():
    """What the example for another stack imports is exported, and makes a whole environment."""
    imported = re.findall(r"!ImportValue stache-(\w+)", README)

    assert imported
    assert set(imported) <= set(source()["Outputs"])


def test_import_names_resources():
    """What can be imported into the stack again is all of S3 Vectors that an earlier one left."""
    named = re.findall(r'"LogicalResourceId": "(\w+)"', README) + re.findall(
        r"`(\w+VectorIndex)`", README
    )

    assert set(named) == {
        name
        for name, of in source()["Resources"].items()
        if of["Type"].startswith("AWS::S3Vectors::") and "DeletionPolicy" in of
    }


def test_the_other_account_s_policy_is_what_the_command_prints():
    """Of a reader: the level `read` on the indexes of the store."""
    [command] = re.findall(r"^stache-s3vectors policy (?:.*\\\n)*.*$", README, re.MULTILINE)
    arguments = shlex.split(command.replace("\\\n", " "))[1:]

    printed = CliRunner().invoke(main, arguments, catch_exceptions=False).output

    bucket = "arn:aws:s3vectors:us-east-1:123456789012:bucket/stache-vectors-123456789012"
    names = [f"{kind}-1024" for kind in ("documents", "summaries", "insights")]
    assert json.loads(printed) == build_policy("read", bucket, names)


def test_the_statement_for_a_key_of_one_s_own_is_that_of_permissions():
    """For the role that the page shares the bucket with."""
    [role] = re.findall(r"Readers=(\S+)", README)
    [statement] = re.findall(r"```json\n(\{.*?\n\})\n```", README, re.DOTALL)

    assert json.loads(statement) == build_key_statement([role], "s3vectors.us-east-1.amazonaws.com")
