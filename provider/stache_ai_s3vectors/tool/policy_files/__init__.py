"""The IAM policies of a file: of a template, or of what the AWS CLI or Terraform prints.

collection   the policies of a file, and their owners
outputs      those in JSON that the AWS CLI or Terraform prints
templates    those of a CloudFormation or SAM template
source       JSON with the line of each text
yaml_source  the same for YAML
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from .collection import Collection, Extract
from .outputs import collect_cli, collect_terraform
from .source import Object, SourceError, read_json
from .templates import collect_template
from .yaml_source import read_yaml

__all__ = ["Collection", "Extract", "SourceError", "collect_policies"]

_YAML: Final = re.compile(
    r"^(AWSTemplateFormatVersion|Transform|Resources|Parameters|Version|Statement) *:", re.MULTILINE
)


def collect_policies(text: str, parameters: Mapping[str, str]) -> Collection:
    """Find the policies of a file.

    Args:
        text: a policy document, what the AWS CLI or Terraform prints, or a template.
        parameters: values for a template, by name.

    Raises:
        SourceError: it is neither JSON nor YAML.
    """
    collection = Collection()
    is_yaml = not text.lstrip().startswith(("{", "[")) and _YAML.search(text) is not None
    document = read_yaml(text) if is_yaml else read_json(text)
    if not _collect(document, collection, parameters):
        collection.add("", getattr(document, "line", 1), document)
    return collection


def _collect(document: Any, collection: Collection, parameters: Mapping[str, str]) -> bool:
    """Collect the policies of a document other than a policy; return whether its form is known."""
    if not isinstance(document, Object) or "Statement" in document:
        return False
    if isinstance(document.get("Resources"), Object):
        collect_template(document, collection, parameters)
        return True
    return collect_cli(document, collection) or collect_terraform(document, collection)
