"""What the CDK's README says is so: its tables, its outputs, its example.

Of its commands, `tests/deploy/test_cdk_deploy.py` runs bootstrap, deploy and destroy, by the
installed CLI instead of npx, and deploy with the options that stand there for what stayed.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import re

from aws_cdk import App, Environment, RemovalPolicy, Stack
from aws_cdk.assertions import Template

import deployables
import stacks
from cloudformation import resolve_template
from stache_ai_s3vectors_cdk import StacheVectorStore
from stache_stack import Options, StacheStack

README = (deployables.ROOT / "cdk" / "README.md").read_text()


def table(first):
    """The rows of a table, by what its first column is called."""
    start = README.index(f"| {first} |")
    rows = README[start:].split("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]
    return {name.strip("`"): (default.strip("`"), meaning) for name, default, meaning in cells}


def meanings(documented):
    """What a docstring says of each argument."""
    text = inspect.cleandoc(documented.__doc__).split("Args:\n")[1].split("\n\n")[0]
    matches = re.findall(r"^    (\w+): (.*(?:\n        .*)*)", text, re.MULTILINE)
    return {name: " ".join(meaning.split()).rstrip(".") for name, meaning in matches}


def test_the_readme_s_options_are_those_of_the_app():
    """Names, defaults, meanings."""
    fields = dataclasses.fields(Options)
    defaults = {f.name: str(f.default).replace("True", "true") for f in fields}
    descriptions = meanings(Options)

    assert table("`-c NAME=VALUE`") == {
        name: (default.replace("False", "false"), descriptions[name])
        for name, default in defaults.items()
    }


def test_the_readme_s_props_are_those_of_the_construct():
    """Names, defaults, meanings."""
    parameters = inspect.signature(StacheVectorStore.__init__).parameters.values()
    props = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
    descriptions = meanings(StacheVectorStore)

    assert table("prop") == {
        name: (written(value), descriptions[name]) for name, value in props.items()
    }


def written(value):
    """A default as one types it."""
    if isinstance(value, RemovalPolicy):
        return str(value)
    return f'"{value}"' if isinstance(value, str) else repr(value)


def test_the_readme_s_outputs_are_those_of_the_app():
    """All of them, and no others."""
    app = App(context={"create_encryption_key": True, "aws:cdk:bundling-stacks": []})
    stack = StacheStack(app, "Stache", Options.from_context(app.node))

    printed = README[README.index("Outputs:") :].split("\n\n")[0]
    outputs = Template.from_stack(stack).to_json()["Outputs"]
    assert set(re.findall(r"`(\w+)`", printed)) == outputs.keys()


EXAMPLE, *RECIPES = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_the_readme_s_example_works(tmp_path):
    """As it stands there."""
    (tmp_path / "app.py").write_text(EXAMPLE)
    (tmp_path / "function").mkdir()
    (tmp_path / "function" / "handler.py").write_text("def handler(event, context): ...")

    deployables.run("python", "app.py", cwd=tmp_path, CDK_OUTDIR=str(tmp_path / "out"))

    template = json.loads((tmp_path / "out" / "Notes.template.json").read_text())
    names = resolve_template(template).list_properties("AWS::S3Vectors::Index").values()
    assert next(index["IndexName"] for index in names) == "documents-1024"


def test_the_readme_s_recipe_for_another_account_fits_both_sides():
    """The one side lets in what the other allows."""
    app = App()
    ours, theirs = (
        Stack(app, name, env=Environment(account=account, region="us-east-1"))
        for name, account in (("Ours", "123456789012"), ("Theirs", "111122223333"))
    )
    names = {"StacheVectorStore": StacheVectorStore, "function": stacks.make_function(theirs)}
    for recipe, stack in zip(RECIPES, (ours, theirs), strict=True):
        exec(recipe, {**names, "stack": stack})  # noqa: S102 - the README's own

    [shared] = (
        stacks.synthesize(ours).list_properties("AWS::S3Vectors::VectorBucketPolicy").values()
    )
    [granted] = stacks.synthesize(theirs).list_properties("AWS::IAM::Policy").values()
    [let_in], [allowed] = shared["Policy"]["Statement"], granted["PolicyDocument"]["Statement"]
    assert let_in["Action"] == allowed["Action"]
    assert allowed["Resource"] in let_in["Resource"]


def test_the_readme_s_method_names_exist():
    """Those of the list of the construct's methods and attributes."""
    listed = README[README.index("- `grant_read") :].split("\n\n")[0]
    for name in re.findall(r"`(?:StacheVectorStore\.)?(\w+)(?:\(|`)", listed):
        assert hasattr(StacheVectorStore, name) or name in {"bucket_name", "encryption_key"}, name
