"""The README of the SAM template agrees with the template."""

from __future__ import annotations

import json
import re
import shlex

from click.testing import CliRunner

from stache_ai_s3vectors.service.permissions import LEVELS, build_key_statement, build_policy
from stache_ai_s3vectors.tool.main import main
from support.deployment import sam

README = (sam.FOLDER / "README.md").read_text()


def read_template():
    return sam.transform_template(sam.TEMPLATE.read_text()).source


def read_rows(heading):
    """Read the rows of a table, each a list of cells."""
    table = README.partition(f"{heading}\n")[2].partition("\n\n")[0]
    return [
        [cell.strip() for cell in row.strip("|").split(" | ")] for row in table.splitlines()[1:]
    ]


def to_code(value):
    return f"`{value}`" if value != "" else "–"


def test_the_table_of_parameters_equals_the_template_s():
    """It has their names, defaults and descriptions."""
    assert read_rows("| parameter | default | what it is |") == [
        [to_code(name), to_code(of["Default"]), of["Description"]]
        for name, of in read_template()["Parameters"].items()
    ]


def test_the_table_of_outputs_equals_the_template_s():
    """It has their names and descriptions."""
    assert read_rows("| output | what it is |") == [
        [to_code(name), of["Description"]] for name, of in read_template()["Outputs"].items()
    ]


def test_the_table_of_levels_is_complete():
    """Each level has the output with the ARN of its policy."""
    policies = [f"{level.title().replace('-', '')}PolicyArn" for level in LEVELS]

    assert [row[:2] for row in read_rows("| level | policy | for |")] == [
        [to_code(level), to_code(policy)] for level, policy in zip(LEVELS, policies, strict=True)
    ]
    assert set(policies) <= set(read_template()["Outputs"])


def test_overrides_name_parameters():
    """The commands set only parameters that the template has."""
    overrides = re.findall(r"(?<![\w$])([A-Z][A-Za-z]+)=", README)

    assert overrides
    assert set(overrides) <= set(read_template()["Parameters"])


def test_imports_name_outputs():
    """The example for another stack imports only exported outputs."""
    imported = re.findall(r"!ImportValue stache-(\w+)", README)

    assert imported
    assert set(imported) <= set(read_template()["Outputs"])


def test_the_import_recipe_names_all_retained_resources():
    """It imports all S3 Vectors resources that an earlier stack retained."""
    named = re.findall(r'"LogicalResourceId": "(\w+)"', README) + re.findall(
        r"`(\w+VectorIndex)`", README
    )

    assert set(named) == {
        name
        for name, of in read_template()["Resources"].items()
        if of["Type"].startswith("AWS::S3Vectors::") and "DeletionPolicy" in of
    }


def test_the_command_for_the_other_account_prints_a_reader_s_policy():
    """It is the level `read` on the store's indexes."""
    [command] = re.findall(r"^stache-s3vectors policy (?:.*\\\n)*.*$", README, re.MULTILINE)
    arguments = shlex.split(command.replace("\\\n", " "))[1:]

    printed = CliRunner().invoke(main, arguments, catch_exceptions=False).output

    bucket = "arn:aws:s3vectors:us-east-1:123456789012:bucket/stache-vectors-123456789012"
    names = [f"{kind}-1024" for kind in ("documents", "summaries", "insights")]
    assert json.loads(printed) == build_policy("read", bucket, names)


def test_the_statement_for_a_customer_key_equals_that_of_permissions():
    """It allows the role that the page shares the bucket with."""
    [role] = re.findall(r"Readers=(\S+)", README)
    [statement] = re.findall(r"```json\n(\{.*?\n\})\n```", README, re.DOTALL)

    assert json.loads(statement) == build_key_statement([role], "s3vectors.us-east-1.amazonaws.com")
