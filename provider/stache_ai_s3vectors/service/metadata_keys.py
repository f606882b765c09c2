"""Metadata keys and values with a meaning for Stache and this provider. Pure."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

TEXT: Final = "text"
NAMESPACE: Final = "namespace"
STATUS: Final = "status"
TYPE: Final = "_type"
DOCUMENT: Final = "doc_id"
OVERFLOW: Final = "_overflow"

NON_FILTERABLE: Final = (TEXT, OVERFLOW)
"""Metadata keys that an index for Stache declares non-filterable."""

FILTERED: Final = (NAMESPACE, STATUS, TYPE, DOCUMENT)
"""Metadata keys that Stache or this provider filters on.

The service refuses to filter on a non-filterable key, and the keys of an index are fixed: in an
index that declares one of these non-filterable, inserts succeed and searches fail, for good.
"""

Language: TypeAlias = Literal["en", "fr", "es", "pt", "it", "de", "nl", "zh", "ja", "ko"]
LANGUAGES: Final[tuple[str, ...]] = get_args(Language)
"""Languages of text search; without one, the service uses its standard analyzer
(https://docs.aws.amazon.com/AmazonS3/latest/API/API_S3VectorBuckets_TextSearchConfiguration.html).
"""

KINDS: Final = ("documents", "summaries", "insights")
"""Stache's indexes."""

ACTIVE: Final = "active"
DELETING: Final = "deleting"
PURGING: Final = "purging"
PURGED: Final = "purged"
"""Stache's statuses: listed; in the trash; being deleted permanently; deleted."""

SOFT_DELETED: Final = (DELETING, PURGING, PURGED)
"""The statuses that searches and lists leave out; all others, also your own, are found."""

SUMMARY: Final = "document_summary"
INSIGHT: Final = "insight"
DEFAULT_NAMESPACE: Final = "default"


def index_variable(kind: str) -> str:
    """The environment variable that names the index of a kind."""
    return f"S3VECTORS_{kind.upper()}_INDEX"
