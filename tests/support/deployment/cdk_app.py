"""The CDK app, deployed by the real CDK CLI."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from support import ROOT
from support.deployment import deployables, function_life

LOCAL_FUNCTION: Final[Mapping[str, str]] = {
    "runtime": function_life.RUNTIME,
    "architecture": function_life.ARCHITECTURE,
    "embedding_provider": "word-hashing",
}
"""Options of a function that runs on this machine, and needs no embedding model."""


def synthesize_template(**options: Any) -> str:
    """Synthesize the app's template so that any account can deploy it, without a bootstrap."""
    from aws_cdk import App, LegacyStackSynthesizer  # noqa: PLC0415 - it starts Node
    from aws_cdk.assertions import Template  # noqa: PLC0415 - the same

    from stache_stack import Options, StacheStack  # noqa: PLC0415 - the same

    context = json.loads((ROOT / "examples" / "cdk" / "cdk.json").read_text())
    app = App(context={**context["context"], "aws:cdk:bundling-stacks": []})
    synthesizer = LegacyStackSynthesizer()
    stack = StacheStack(app, "Stache", Options(**options), synthesizer=synthesizer)
    return json.dumps(Template.from_stack(stack).to_json())


def deploy(folder: Path, options: Mapping[str, str], **variables: str) -> str:
    """Deploy the app, and return the CLI's standard output.

    Args:
        folder: the folder for the synthesized app and the outputs.
        options: the options of the app.
        variables: environment variables with the account to deploy to.
    """
    context = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    out = ("--output", _get_output_folder(folder), "--outputs-file", _get_outputs_file(folder))
    return _run_cdk("deploy", "--require-approval", "never", *out, *context, **variables)


def read_outputs(folder: Path, stack: str = "Stache") -> dict[str, str]:
    """Read the outputs of a deployed stack."""
    outputs: dict[str, str] = json.loads(_get_outputs_file(folder).read_text())[stack]
    return outputs


def find_asset(folder: Path) -> Path:
    """Find the folder of the function's package."""
    [asset] = _get_output_folder(folder).glob("asset.*/")
    return asset


def destroy(folder: Path, **variables: str) -> None:
    """Destroy the stack. Do nothing if the app was not synthesized."""
    if (_get_output_folder(folder) / "manifest.json").exists():
        _run_cdk("destroy", "--force", "--app", _get_output_folder(folder), **variables)


def bootstrap(account: str, region: str, **variables: str) -> None:
    """Bootstrap the account for the CDK."""
    _run_cdk("bootstrap", f"aws://{account}/{region}", "--app", "", **variables)


def _run_cdk(*arguments: str | Path, **variables: Any) -> str:
    return deployables.run_cdk(*arguments, **variables, CI="true")


def _get_output_folder(folder: Path) -> Path:
    return folder / "out"


def _get_outputs_file(folder: Path) -> Path:
    return folder / "outputs.json"
