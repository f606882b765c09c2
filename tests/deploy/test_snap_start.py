"""The example function with SnapStart, deployed by each tool to a simulated AWS."""

from __future__ import annotations

import io
import json
import zipfile

import pytest

from support.deployment import cdk_app, change_sets, sam, terraform
from support.deployment.deployed_store import read_outputs

RUNTIME = "python3.13"


def deploy_cdk(aws, folder):
    """Deploy the CDK app's template, with an empty function."""
    del folder
    options = {"snap_start": True, "runtime": RUNTIME, "embedding_provider": "word-hashing"}
    template = json.loads(cdk_app.synthesize_template(**options))
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Lambda::Function":
            resource["Properties"]["Code"] = {"ZipFile": "def handler(*_): pass"}
    assets = {name: "none" for name in template["Parameters"] if name.startswith("AssetParam")}
    change_sets.deploy(aws.make_client("cloudformation"), json.dumps(template), assets)
    return read_outputs(aws, "stache")["FunctionName"]


def deploy_sam(aws, folder):
    """Deploy with the SAM CLI, with the function as it is before `sam build`."""
    del folder
    options = {"SnapStart": "true", "Runtime": RUNTIME, "EmbeddingProvider": "word-hashing"}
    result = sam.deploy(aws.url, **options)
    assert result.returncode == 0, result.stdout
    return read_outputs(aws, "stache")["FunctionName"]


def deploy_terraform(aws, folder):
    """Deploy with Terraform's core, with an empty function, and check that a plan is empty."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as package:
        package.writestr("handler.py", "def handler(*_): pass")
    (folder / "function.zip").write_bytes(packed.getvalue())
    endpoints = terraform.point_everywhere(aws.url)
    example = terraform.make_workspace(folder / "example", "examples/complete", endpoints=endpoints)
    options = {"function_zip": str(folder / "function.zip"), "snap_start": True, "runtime": RUNTIME}
    outputs = example.set_variables(options).apply()
    assert example.list_changes() == {}
    return outputs["function_name"]


@pytest.mark.parametrize("deploy", [deploy_cdk, deploy_sam, deploy_terraform])
def test_the_function_s_alias_is_a_published_version_with_a_snapshot(aws, tmp_path, deploy):
    """$LATEST has no snapshot."""
    name = deploy(aws, tmp_path)
    functions = aws.make_client("lambda")

    version = functions.get_function_configuration(FunctionName=name)
    latest = functions.get_function_configuration(FunctionName=name.removesuffix(":live"))

    assert name.endswith(":live")
    assert version["Version"] == "1"
    assert version["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "On"}
    assert latest["Version"] == "$LATEST"
    assert latest["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "Off"}
