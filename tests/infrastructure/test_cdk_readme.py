"""The CDK's README agrees with the code: its tables, outputs and examples.

`tests/deploy/test_cdk_deploy.py` runs its commands bootstrap, deploy and destroy, with the
installed CLI instead of npx, and deploy with the options that reuse the data of an earlier stack.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import re

from aws_cdk import App, Environment, RemovalPolicy, Stack
from aws_cdk.assertions import Template

from stache_ai_s3vectors_cdk import StacheVectorStore
from stache_stack import Options, StacheStack
from support import ROOT
from support.deployment import deployables, stacks
from support.deployment.cloudformation import resolve_template

README = (ROOT / "cdk" / "README.md").read_text()


def read_table(first):
    """Read a table, by the header of its first column, as a dict of its rows."""
    start = README.index(f"| {first} |")
    rows = README[start:].split("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]
    return {name.strip("`"): (default.strip("`"), meaning) for name, default, meaning in cells}


def parse_arguments(documented):
    """Return the description of each argument in a docstring."""
    text = inspect.cleandoc(documented.__doc__).split("Args:\n")[1].split("\n\n")[0]
    matches = re.findall(r"^    (\w+): (.*(?:\n        .*)*)", text, re.MULTILINE)
    return {name: " ".join(meaning.split()).rstrip(".") for name, meaning in matches}


def test_the_table_of_options_equals_the_app_s():
    """It has their names, defaults and descriptions."""
    fields = dataclasses.fields(Options)
    defaults = {f.name: str(f.default).replace("True", "true") for f in fields}
    descriptions = parse_arguments(Options)

    assert read_table("`-c NAME=VALUE`") == {
        name: (default.replace("False", "false"), descriptions[name])
        for name, default in defaults.items()
    }


def test_the_table_of_props_equals_the_construct_s():
    """It has their names, defaults and descriptions."""
    parameters = inspect.signature(StacheVectorStore.__init__).parameters.values()
    props = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
    descriptions = parse_arguments(StacheVectorStore)

    assert read_table("prop") == {
        name: (format_default(value), descriptions[name]) for name, value in props.items()
    }


def format_default(value):
    """Format a default value as Python code."""
    if isinstance(value, RemovalPolicy):
        return str(value)
    return f'"{value}"' if isinstance(value, str) else repr(value)


def test_the_listed_outputs_equal_the_app_s():
    app = App(context={"create_encryption_key": True, "aws:cdk:bundling-stacks": []})
    stack = StacheStack(app, "Stache", Options.from_context(app.node))

    printed = README[README.index("Outputs:") :].split("\n\n")[0]
    outputs = Template.from_stack(stack).to_json()["Outputs"]
    assert set(re.findall(r"`(\w+)`", printed)) == outputs.keys()


EXAMPLE, *RECIPES = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_the_first_example_synthesizes_a_stack(tmp_path):
    """The test runs it word for word."""
    (tmp_path / "app.py").write_text(EXAMPLE)
    (tmp_path / "function").mkdir()
    (tmp_path / "function" / "handler.py").write_text("def handler(event, context): ...")

    deployables.run_command("python", "app.py", cwd=tmp_path, CDK_OUTDIR=str(tmp_path / "out"))

    template = json.loads((tmp_path / "out" / "Notes.template.json").read_text())
    names = resolve_template(template).list_properties("AWS::S3Vectors::Index").values()
    assert next(index["IndexName"] for index in names) == "documents-1024"


def test_the_recipe_for_another_account_grants_the_same_on_both_sides():
    """The bucket policy and the role's policy allow the same actions."""
    app = App()
    ours, theirs = (
        Stack(app, name, env=Environment(account=account, region="us-east-1"))
        for name, account in (("Ours", "123456789012"), ("Theirs", "111122223333"))
    )
    names = {"StacheVectorStore": StacheVectorStore, "function": stacks.make_function(theirs)}
    for recipe, stack in zip(RECIPES, (ours, theirs), strict=True):
        exec(recipe, {**names, "stack": stack})  # noqa: S102 - code of the README

    [bucket_policy] = (
        stacks.synthesize(ours).list_properties("AWS::S3Vectors::VectorBucketPolicy").values()
    )
    [role_policy] = stacks.synthesize(theirs).list_properties("AWS::IAM::Policy").values()
    [by_bucket] = bucket_policy["Policy"]["Statement"]
    [by_role] = role_policy["PolicyDocument"]["Statement"]
    assert by_bucket["Action"] == by_role["Action"]
    assert by_role["Resource"] in by_bucket["Resource"]


def test_the_listed_methods_and_attributes_exist():
    listed = README[README.index("- `grant_read") :].split("\n\n")[0]
    for name in re.findall(r"`(?:StacheVectorStore\.)?(\w+)(?:\(|`)", listed):
        assert hasattr(StacheVectorStore, name) or name in {"bucket_name", "encryption_key"}, name
