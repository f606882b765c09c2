"""Run by the older package's Python: does with it what a JSON document on the input says.

The document is a list of [method, arguments]; the output is the list of what they return.
"""

from __future__ import annotations

import json
import sys

from stache_ai.config import Settings

from stache_ai_s3vectors.provider import S3VectorsProvider


def main() -> None:
    """Call the methods of one provider, as its settings say, in turn."""
    provider = S3VectorsProvider(Settings())
    calls = json.load(sys.stdin)
    json.dump([getattr(provider, method)(**arguments) for method, arguments in calls], sys.stdout)


if __name__ == "__main__":
    main()
