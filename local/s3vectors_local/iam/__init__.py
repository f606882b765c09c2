"""Permissions: which actions a request needs, and whether policies allow them.

`needs` has the actions and ARNs of each operation. `policies` parses and evaluates identity
policies and bucket policies, with `principals` and `conditions`.
"""

from .needs import ACTIONS, Need, find_needs
from .policies import (
    BucketPolicy,
    Policies,
    Statement,
    check_document,
    find_public_statement,
    parse_statement,
)

__all__ = [
    "ACTIONS",
    "BucketPolicy",
    "Need",
    "Policies",
    "Statement",
    "check_document",
    "find_needs",
    "find_public_statement",
    "parse_statement",
]
