"""What Terraform is told that a change will do. Pure."""

from __future__ import annotations

import json
from typing import Any

from . import schemas
from .rules import RULES, Rule
from .values import UNKNOWN, has_unknown, is_known

State = dict[str, Any]

_SET_BY_PROVIDER = ("region", "tags_all")


def plan(
    type_name: str, prior: State | None, proposed: State, config: State, provider: Any
) -> tuple[State, list[str]]:
    """The state after the change, and what of it forces a replacement.

    Args:
        type_name: of the resource.
        prior: its state; None before it exists.
        proposed: Terraform's merge of prior state and configuration.
        config: the configuration.
        provider: whose region and default tags hold.
    """
    rule, attributes = RULES[type_name], schemas.list_attributes(type_name)
    planned = {
        **proposed,
        **_set_defaults(rule, config),
        **_plan_provider_attributes(provider, attributes, config),
    }
    left_open = [
        name
        for name, attribute in attributes.items()
        if attribute.get("computed")
        and config.get(name) is None
        and planned.get(name) is None
        and name not in rule.defaults
    ]
    if prior is None:
        return {**planned, **dict.fromkeys(left_open, UNKNOWN)}, []
    planned = _without_rewording(rule, prior, planned)
    replaced = [name for name in rule.replaces if _differs(name, prior, planned, config)]
    if replaced:
        planned |= {
            name: UNKNOWN
            for name in _list_computed(attributes, config)
            if name not in rule.defaults
        }
    return planned, replaced


def _set_defaults(rule: Rule, config: State) -> State:
    return {name: value for name, value in rule.defaults.items() if config.get(name) is None}


def _plan_provider_attributes(provider: Any, attributes: dict[str, Any], config: State) -> State:
    planned: State = {}
    if "region" in attributes and config.get("region") is None:
        planned["region"] = provider.region
    if "tags_all" in attributes:
        tags = config.get("tags")
        unknown = has_unknown(tags)
        planned["tags_all"] = UNKNOWN if unknown else {**provider.default_tags, **(tags or {})}
    return planned


def _list_computed(attributes: dict[str, Any], config: State) -> list[str]:
    return [
        name
        for name, attribute in attributes.items()
        if attribute.get("computed") and config.get(name) is None and name not in _SET_BY_PROVIDER
    ]


def _differs(name: str, prior: State, planned: State, config: State) -> bool:
    return bool(config.get(name) is not None and planned[name] != prior.get(name))


def _without_rewording(rule: Rule, prior: State, planned: State) -> State:
    """What only says the same in other words, as it was said before."""
    same = {
        name: prior[name]
        for name in rule.documents
        if is_known(planned[name])
        and is_known(prior[name])
        and json.loads(planned[name]) == json.loads(prior[name])
    }
    if rule.older:  # to which nothing and an empty text are one
        same |= {
            name: value
            for name, value in prior.items()
            if value in (None, "") and planned.get(name) in (None, "")
        }
    return {**planned, **same}
