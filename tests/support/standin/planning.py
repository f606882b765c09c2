"""The planned state of a resource, as the provider reports it to Terraform. Pure."""

from __future__ import annotations

import json
from typing import Any

from . import schemas
from .rules import RULES, Rule
from .wire_values import UNKNOWN, has_unknown, is_known

State = dict[str, Any]

_SET_BY_PROVIDER = ("region", "tags_all")


def plan(
    type_name: str, prior: State | None, proposed: State, config: State, provider: Any
) -> tuple[State, list[str]]:
    """Return the state after the change, and the attributes that force a replacement.

    Args:
        type_name: the resource type.
        prior: the current state; None before the resource exists.
        proposed: Terraform's merge of prior state and configuration.
        config: the configuration.
        provider: the provider block with the region and default tags.
    """
    rule, attributes = RULES[type_name], schemas.list_attributes(type_name)
    planned = {
        **proposed,
        **_set_defaults(rule, config),
        **_plan_provider_attributes(provider, attributes, config),
    }
    unset = [
        name
        for name, attribute in attributes.items()
        if attribute.get("computed")
        and config.get(name) is None
        and planned.get(name) is None
        and name not in rule.defaults
    ]
    if prior is None:
        return {**planned, **dict.fromkeys(unset, UNKNOWN)}, []
    planned = _keep_prior_wording(rule, prior, planned)
    replaced = [name for name in rule.replaces if _is_changed(name, prior, planned, config)]
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


def _is_changed(name: str, prior: State, planned: State, config: State) -> bool:
    return bool(config.get(name) is not None and planned[name] != prior.get(name))


def _keep_prior_wording(rule: Rule, prior: State, planned: State) -> State:
    """Keep the prior value where the planned one means the same."""
    same = {
        name: prior[name]
        for name in rule.documents
        if is_known(planned[name])
        and is_known(prior[name])
        and json.loads(planned[name]) == json.loads(prior[name])
    }
    if rule.uses_older_toolkit:  # which takes null and an empty string for the same
        same |= {
            name: value
            for name, value in prior.items()
            if value in (None, "") and planned.get(name) in (None, "")
        }
    return {**planned, **same}
