"""The stand-in for hashicorp/aws is as strict as the genuine provider."""

from __future__ import annotations

import json

import pytest

from support import ROOT
from support.deployment import terraform

SCHEMAS = sorted((ROOT / "tests/support/standin/schemas").rglob("*.json"))


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.stem)
def test_each_schema_has_its_source_and_version(path):
    schema = json.loads(path.read_text())

    assert schema["source"]
    assert schema["provider_version"].startswith("6.")


def test_the_stand_in_calls_no_other_machine(tmp_path):
    """It refuses the address before it connects."""
    endpoints = {"AWS_ENDPOINT_URL": "http://192.0.2.1"}
    folder = terraform.make_workspace(tmp_path, endpoints=endpoints, attached=False)

    message = folder.read_refusal("apply", "-auto-approve")

    assert "the stand-in provider connects to this machine only" in message
    assert "http://192.0.2.1" in message


FAULTS = {
    "index_mode": ('data_type          = "float32"', 'index_mode = "ENHANCED"', "Unsupported"),
    "no data type": ('data_type          = "float32"', "", "Missing required argument"),
    "keys as an attribute": (
        "metadata_configuration {",
        "metadata_configuration = {",
        "Unsupported argument",
    ),
    "the region's deprecated attribute": (
        "data.aws_region.current.region",
        "data.aws_region.current.name",
        "Deprecated",
    ),
    "an unknown metric": (
        "distance_metric    = each.value.distance_metric",
        'distance_metric = "dot"',
        "Invalid Attribute Value",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_against_the_genuine_schemas_is_reported(fault, tmp_path):
    """The fault is planted in the module."""
    right, wrong, summary = FAULTS[fault]
    folder = terraform.make_workspace(tmp_path, attached=False)
    file = folder.folder / "main.tf"
    assert right in file.read_text()
    file.write_text(file.read_text().replace(right, wrong))

    report = json.loads(folder.run("validate", "-json").stdout)

    assert summary in " ".join(each["summary"] for each in report["diagnostics"])
