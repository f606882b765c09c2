"""Permissions: what a request needs, and whether identity policies allow it.

`needs` knows the actions and ARNs of each operation; `policies` reads and evaluates policy
documents. Only identity policies are enforced; a bucket policy is stored and given back.
"""

from .needs import ACTIONS, Need, needs
from .policies import Policies

__all__ = ["ACTIONS", "Need", "Policies", "needs"]
