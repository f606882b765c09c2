"""The request shapes equal those of botocore's copy of the API model."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from botocore import model

from s3vectors_local import shapes
from s3vectors_local.engine import OPERATIONS

SERVICE = botocore.session.get_session().get_service_model("s3vectors")


def describe_ours(shape: Any) -> Any:
    """Describe one of our shapes in the terms of the model."""
    match shape:
        case shapes.Structure():
            members = {name: describe_ours(member) for name, member in shape.members.items()}
            return {"required": set(shape.required), "members": members}
        case shapes.Items():
            return {"list": describe_ours(shape.of), "min": shape.minimum, "max": shape.maximum}
        case shapes.Pairs():
            return {"key": describe_ours(shape.key), "value": describe_ours(shape.value)}
        case shapes.Text():
            limits = {"min": shape.minimum, "max": shape.maximum}
            return {**limits, "pattern": shape.pattern, "enum": set(shape.choices)}
        case shapes.Integer():
            return {"min": shape.minimum, "max": shape.maximum}
    return type(shape).__name__


def describe_model(shape: model.Shape) -> Any:
    """Describe a shape of botocore's model in the same terms."""
    if isinstance(shape, model.StructureShape) and not shape.is_document_type:
        members = {name: describe_model(member) for name, member in shape.members.items()}
        return {"required": set(shape.required_members), "members": members}
    if isinstance(shape, model.ListShape):
        if shape.member.type_name == "float":
            return "Floats"
        return {"list": describe_model(shape.member), **get_limits(shape)}
    if isinstance(shape, model.MapShape):
        return {"key": describe_model(shape.key), "value": describe_model(shape.value)}
    if shape.type_name == "string":
        pattern = shape.metadata.get("pattern")
        enum = set(shape.metadata.get("enum", ()))
        return {**get_limits(shape), "pattern": pattern, "enum": enum}
    if shape.type_name == "integer":
        return get_limits(shape)
    return {"boolean": "Flag", "structure": "Document"}[shape.type_name]


def get_limits(shape: model.Shape) -> dict[str, Any]:
    return {"min": shape.metadata.get("min"), "max": shape.metadata.get("max")}


@pytest.mark.parametrize("operation", sorted(shapes.INPUTS))
def test_a_request_has_the_members_and_limits_of_the_model(operation):
    """Members, required ones, lengths, ranges, patterns and enums are equal."""
    ours = shapes.INPUTS[operation]

    theirs = describe_model(SERVICE.operation_model(operation).input_shape)

    assert theirs == describe_ours(ours)


def test_every_operation_of_the_model_is_answered():
    """None is missing or added."""
    assert set(SERVICE.operation_names) == set(OPERATIONS) == set(shapes.INPUTS)
