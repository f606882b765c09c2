"""The SAM template passes the checks that its users run, and those checks see planted faults."""

from __future__ import annotations

import json
from copy import deepcopy
from functools import reduce

import tomllib

import sam

NEWER = "'updatemetadataconfiguration' is not one of"
"""cfn-lint's table is older than the action; so argued in tests/support/authorization.py."""

EXCEPTION = "    Metadata: { cfn-lint: { config: { ignore_checks: [E3002] } } }\n"

FAULTS = {
    "E1010": (
        '!Select [1, !Split ["/", !Ref VectorBucket]]',
        "!GetAtt VectorBucket.VectorBucketName",
    ),
    "E3002": ("RetentionInDays: 30", "Retention: 30"),
    "E3034": ("Dimension: !Ref Dimension", "Dimension: 4097"),
    "W3037": ("s3vectors:PutVectors", "s3vectors:PutVector"),
}
"""What is planted, by the rule that should see it."""


def without_transform(text):
    """The store and the role: with the transform in place, cfn-lint checks no actions."""
    source = deepcopy(sam.transform_template(text).source)
    for name in ("StacheFunction", "SnapStartFunction"):
        del source["Resources"][name]
    del source["Transform"], source["Globals"], source["Outputs"]["FunctionName"]
    return json.dumps(source)


def make_forms(text):
    """A template as it is, as CloudFormation gets it, and without the transform."""
    return {
        "source.yaml": text,
        "transformed.json": json.dumps(sam.transform_template(text).transformed),
        "untransformed.json": without_transform(text),
    }


def lint(folder, text):
    """What cfn-lint says of each form of a template; the one action it cannot know left out."""
    for form, content in make_forms(text).items():
        (folder / form).write_text(content)
    findings = [one for one in sam.lint_templates(*folder.iterdir()) if NEWER not in one.message]
    return {form: [one for one in findings if one.file == form] for form in make_forms(text)}


def test_sam_validates_it():
    """`sam validate --lint`, without a way to AWS."""
    result = sam.run("sam", "validate", "--lint")

    assert "is a valid SAM Template" in result.stdout
    assert result.returncode == 0


def test_cfn_lint_has_nothing_to_say(tmp_path):
    """Not even a note, about the source and about what CloudFormation gets."""
    reports = lint(tmp_path, sam.TEMPLATE.read_text())

    assert reports["source.yaml"] == []
    assert reports["transformed.json"] == []
    assert "W3037" not in {one.rule for one in reports["untransformed.json"]}


def test_the_one_exception_hides_text_search_only(tmp_path):
    """Without it, cfn-lint finds the property that its schema of an index lacks, and nothing else.

    That is also so in all other properties of the indexes, where the exception would hide a fault.
    """
    text = sam.TEMPLATE.read_text()
    assert text.count(EXCEPTION) == text.count("ignore_checks") == 3

    findings = lint(tmp_path, text.replace(EXCEPTION, ""))["source.yaml"]

    where = "Resources/{}VectorIndex/Properties/MetadataConfiguration/TextSearchConfigurations"
    assert {(one.rule, one.path) for one in findings} == {
        ("E3002", where.format(kind)) for kind in ("Documents", "Summaries", "Insights")
    }


def test_cfn_lint_sees_faults(tmp_path):
    """In the source and in what is deployed; a wrong action in the source without transform."""
    wrong = reduce(
        lambda text, fault: text.replace(*fault), FAULTS.values(), sam.TEMPLATE.read_text()
    )

    reports = lint(tmp_path, wrong)

    seen = {
        form: set(FAULTS) & {one.rule for one in findings} for form, findings in reports.items()
    }
    assert seen == {
        "source.yaml": set(FAULTS) - {"W3037"},
        "transformed.json": set(FAULTS),
        "untransformed.json": set(FAULTS),
    }


def test_the_configuration_is_for_this_template():
    """What `sam deploy` needs on top of the parameters."""
    settings = tomllib.loads((sam.FOLDER / "samconfig.toml").read_text())

    assert settings["default"]["deploy"]["parameters"] == {
        "capabilities": "CAPABILITY_IAM",
        "resolve_s3": True,
    }
    assert settings["default"]["global"]["parameters"] == {"stack_name": "stache"}
