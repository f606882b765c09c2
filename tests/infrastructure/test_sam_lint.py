"""The SAM template passes the linters that its users run, and those detect planted faults."""

from __future__ import annotations

import json
from copy import deepcopy
from functools import reduce

import tomllib

from support.deployment import sam

NEWER = "'updatemetadataconfiguration' is not one of"
"""cfn-lint's table is older than this action; see tests/support/permissions/authorization.py."""

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
"""Planted faults, by the rule that should detect them."""


def remove_transform(text):
    """Return the store and the role. With the transform, cfn-lint checks no actions."""
    source = deepcopy(sam.transform_template(text).source)
    for name in ("StacheFunction", "SnapStartFunction"):
        del source["Resources"][name]
    del source["Transform"], source["Globals"], source["Outputs"]["FunctionName"]
    return json.dumps(source)


def make_forms(text):
    """Return a template as it is, as CloudFormation receives it, and without the transform."""
    return {
        "source.yaml": text,
        "transformed.json": json.dumps(sam.transform_template(text).transformed),
        "untransformed.json": remove_transform(text),
    }


def lint(folder, text):
    """Return cfn-lint's results by form of a template, except the one action unknown to it."""
    for form, content in make_forms(text).items():
        (folder / form).write_text(content)
    findings = [one for one in sam.lint_templates(*folder.iterdir()) if NEWER not in one.message]
    return {form: [one for one in findings if one.file == form] for form in make_forms(text)}


def test_sam_validate_accepts_the_template():
    """`sam validate --lint` does so without access to AWS."""
    result = sam.run("sam", "validate", "--lint")

    assert "is a valid SAM Template" in result.stdout
    assert result.returncode == 0


def test_cfn_lint_reports_nothing(tmp_path):
    """The source and the transformed template cause not even a note."""
    reports = lint(tmp_path, sam.TEMPLATE.read_text())

    assert reports["source.yaml"] == []
    assert reports["transformed.json"] == []
    assert "W3037" not in {one.rule for one in reports["untransformed.json"]}


def test_the_one_exception_hides_text_search_only(tmp_path):
    """Without it, cfn-lint reports only the property that its schema of an index lacks.

    The same holds with all other properties of the indexes, where the exception would hide a fault.
    """
    text = sam.TEMPLATE.read_text()
    assert text.count(EXCEPTION) == text.count("ignore_checks") == 3

    findings = lint(tmp_path, text.replace(EXCEPTION, ""))["source.yaml"]

    where = "Resources/{}VectorIndex/Properties/MetadataConfiguration/TextSearchConfigurations"
    assert {(one.rule, one.path) for one in findings} == {
        ("E3002", where.format(kind)) for kind in ("Documents", "Summaries", "Insights")
    }


def test_cfn_lint_detects_faults(tmp_path):
    """In the source, it detects a wrong action only without the transform."""
    wrong = reduce(
        lambda text, fault: text.replace(*fault), FAULTS.values(), sam.TEMPLATE.read_text()
    )

    reports = lint(tmp_path, wrong)

    detected = {
        form: set(FAULTS) & {one.rule for one in findings} for form, findings in reports.items()
    }
    assert detected == {
        "source.yaml": set(FAULTS) - {"W3037"},
        "transformed.json": set(FAULTS),
        "untransformed.json": set(FAULTS),
    }


def test_the_configuration_has_what_sam_deploy_needs():
    """It needs a capability, a bucket for the package, and the stack's name."""
    settings = tomllib.loads((sam.FOLDER / "samconfig.toml").read_text())

    assert settings["default"]["deploy"]["parameters"] == {
        "capabilities": "CAPABILITY_IAM",
        "resolve_s3": True,
    }
    assert settings["default"]["global"]["parameters"] == {"stack_name": "stache"}
