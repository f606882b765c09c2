"""Data sources, which make no calls."""

from __future__ import annotations

from typing import Any

from .clients import ACCOUNT, Provider

State = dict[str, Any]


def read_caller_identity(provider: Provider, config: State) -> State:
    """aws_caller_identity."""
    arn = f"arn:{provider.partition}:iam::{ACCOUNT}:user/terraform"
    return {**config, "account_id": ACCOUNT, "arn": arn, "user_id": "terraform", "id": ACCOUNT}


def read_region(provider: Provider, config: State) -> State:
    """aws_region."""
    name = config.get("region") or provider.region
    attributes = {"endpoint": f"ec2.{name}.amazonaws.com", "description": name}
    return {**config, **attributes, "region": name, "name": name, "id": name}


def read_partition(provider: Provider, config: State) -> State:
    """aws_partition."""
    name = provider.partition
    suffix = "amazonaws.com.cn" if name == "aws-cn" else "amazonaws.com"
    reverse = ".".join(reversed(suffix.split(".")))
    attributes = {"partition": name, "dns_suffix": suffix, "reverse_dns_prefix": reverse}
    return {**config, **attributes, "id": name}
