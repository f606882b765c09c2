"""The SAM template passes the checks that its users run, and those checks see planted faults."""

from __future__ import annotations

import json
from copy import deepcopy
from functools import reduce

import pytest
import tomllib

import sam

NEWER = "'updatemetadataconfiguration' is not one of"
"""cfn-lint's table is older than the action; so argued in tests/support/authorization.py."""

FAULTS = {
    "wrong-action": ("s3vectors:PutVectors", "s3vectors:PutVector", "W3037"),
    "name-of-bucket": (
        '!Select [1, !Split ["/", !Ref VectorBucket]]',
        "!GetAtt VectorBucket.VectorBucketName",
        "E1010",
    ),
    "dimension": ("Dimension: !Ref Dimension", "Dimension: 4097", "E3034"),
    "unknown-property": ("DataType: float32", "Type: float32", "E3002"),
}


def without_transform(text):
    """The store and the role: with the transform in place, cfn-lint checks no actions."""
    source = deepcopy(sam.transformed(text).source)
    del source["Transform"], source["Resources"]["StacheFunction"]
    del source["Outputs"]["FunctionName"]
    return json.dumps(source)


def forms(text):
    """A template as it is, as CloudFormation gets it, and without the transform."""
    return {
        "source.yaml": text,
        "transformed.json": json.dumps(sam.transformed(text).transformed),
        "untransformed.json": without_transform(text),
    }


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What cfn-lint says, by template: ours and one with all faults, in each form."""
    folder, right = tmp_path_factory.mktemp("templates"), sam.TEMPLATE.read_text()
    wrong = reduce(lambda text, fault: text.replace(*fault[:2]), FAULTS.values(), right)
    files = [
        (folder / f"{name}-{form}", text)
        for name, given in (("right", right), ("wrong", wrong))
        for form, text in forms(given).items()
    ]
    for file, text in files:
        file.write_text(text)
    findings = sam.findings(*(file for file, _ in files))
    return {file.name: [one for one in findings if one.file == file.name] for file, _ in files}


def test_sam_validates_it():
    """`sam validate --lint`, without a way to AWS."""
    result = sam.run("sam", "validate", "--lint")

    assert "is a valid SAM Template" in result.stdout
    assert result.returncode == 0


def test_cfn_lint_has_nothing_to_say(found):
    """Not even a note about the source."""
    assert found["right-source.yaml"] == []


def test_cfn_lint_knows_all_but_the_newest_action(found):
    """Transformed, it has nothing to say but that one action is not in its table yet."""
    [finding] = found["right-transformed.json"]

    assert (finding.rule, finding.message.startswith(NEWER)) == ("W3037", True)
    assert finding.path.startswith("Resources/ManageIndexesPolicy/")


@pytest.mark.parametrize("form", ["source.yaml", "transformed.json", "untransformed.json"])
@pytest.mark.parametrize("fault", FAULTS)
def test_cfn_lint_sees_a_fault(found, fault, form):
    """In the source and in what is deployed; a wrong action in the source without transform."""
    if (fault, form) == ("wrong-action", "source.yaml"):
        form = "untransformed.json"
    rule = FAULTS[fault][2]

    assert rule in {one.rule for one in found[f"wrong-{form}"] if NEWER not in one.message}
    assert rule not in {one.rule for one in found[f"right-{form}"] if NEWER not in one.message}


def test_cfn_lint_overlooks_a_wrong_action_beside_the_transform(found):
    """Why the source is checked without the transform, too."""
    assert "W3037" not in {one.rule for one in found["wrong-source.yaml"]}


def test_the_configuration_is_for_this_template():
    """What `sam deploy` needs on top of the parameters."""
    settings = tomllib.loads((sam.FOLDER / "samconfig.toml").read_text())

    assert settings["default"]["deploy"]["parameters"] == {
        "capabilities": "CAPABILITY_IAM",
        "resolve_s3": True,
    }
    assert settings["default"]["global"]["parameters"] == {"stack_name": "stache"}
