"""Metadata keys and values that mean something to Stache and to this provider."""

from __future__ import annotations

from typing import Final

TEXT: Final = "text"
NAMESPACE: Final = "namespace"
STATUS: Final = "status"
TYPE: Final = "_type"
OVERFLOW: Final = "_overflow"

NON_FILTERABLE: Final = (TEXT, OVERFLOW)
"""Metadata keys that an index for Stache declares non-filterable."""

ACTIVE: Final = "active"
SUMMARY: Final = "document_summary"
DEFAULT_NAMESPACE: Final = "default"
