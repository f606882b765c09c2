"""The CDK app, deployed with the real CDK CLI."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import deployables
import function_life

LOCAL_FUNCTION: Final[Mapping[str, str]] = {
    "runtime": function_life.RUNTIME,
    "architecture": function_life.ARCHITECTURE,
    "embedding_provider": "word-hashing",
}
"""A function that runs on this machine, and asks no model."""


def synthesize_template(**options: Any) -> str:
    """The app's template with these options, as CloudFormation takes it from anybody."""
    from aws_cdk import App, LegacyStackSynthesizer  # noqa: PLC0415 - it starts Node
    from aws_cdk.assertions import Template  # noqa: PLC0415 - the same

    from stache_stack import Options, StacheStack  # noqa: PLC0415 - the same

    context = json.loads((deployables.ROOT / "examples" / "cdk" / "cdk.json").read_text())
    app = App(context={**context["context"], "aws:cdk:bundling-stacks": []})
    synthesizer = LegacyStackSynthesizer()
    stack = StacheStack(app, "Stache", Options(**options), synthesizer=synthesizer)
    return json.dumps(Template.from_stack(stack).to_json())


def deploy(folder: Path, options: Mapping[str, str], **where: str) -> str:
    """All that the CLI says, on standard output.

    Args:
        folder: gets what is synthesized, and the outputs.
        options: of the app.
        where: to deploy to: environment variables.
    """
    context = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    out = ("--output", _get_output_folder(folder), "--outputs-file", _get_outputs_file(folder))
    return _run_cdk("deploy", "--require-approval", "never", *out, *context, **where)


def read_outputs(folder: Path, stack: str = "Stache") -> dict[str, str]:
    """What the stack of this name told when it was deployed."""
    outputs: dict[str, str] = json.loads(_get_outputs_file(folder).read_text())[stack]
    return outputs


def find_asset(folder: Path) -> Path:
    """The function's package, as it was built."""
    [asset] = _get_output_folder(folder).glob("asset.*/")
    return asset


def destroy(folder: Path, **where: str) -> None:
    """Take away what was deployed; nothing, when it could not even be synthesized."""
    if (_get_output_folder(folder) / "manifest.json").exists():
        _run_cdk("destroy", "--force", "--app", _get_output_folder(folder), **where)


def bootstrap(account: str, region: str, **where: str) -> None:
    """Make the account known to the CDK."""
    _run_cdk("bootstrap", f"aws://{account}/{region}", "--app", "", **where)


def _run_cdk(*arguments: str | Path, **where: Any) -> str:
    return deployables.run_cdk(*arguments, **where, CI="true")


def _get_output_folder(folder: Path) -> Path:
    return folder / "out"


def _get_outputs_file(folder: Path) -> Path:
    return folder / "outputs.json"
