"""Permissions: what a request needs, and whether policies allow it.

`needs` knows the actions and ARNs of each operation; `policies` reads and evaluates identity
policies and bucket policies, with `principals` and `conditions`.
"""

from .needs import ACTIONS, Need, needs
from .policies import BucketPolicy, Policies, Statement, find_public_statement, parse_statement

__all__ = [
    "ACTIONS",
    "BucketPolicy",
    "Need",
    "Policies",
    "Statement",
    "find_public_statement",
    "needs",
    "parse_statement",
]
