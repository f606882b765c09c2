"""A script that calls methods of the older package's provider, run by that package's Python.

The input is a JSON list of [method, arguments]. The output is the list of the results.
"""

from __future__ import annotations

import json
import sys

from stache_ai.config import Settings

from stache_ai_s3vectors.provider import S3VectorsProvider


def main() -> None:
    """Create a provider from the environment's settings, and call the methods in order."""
    provider = S3VectorsProvider(Settings())
    calls = json.load(sys.stdin)
    json.dump([getattr(provider, method)(**arguments) for method, arguments in calls], sys.stdout)


if __name__ == "__main__":
    main()
