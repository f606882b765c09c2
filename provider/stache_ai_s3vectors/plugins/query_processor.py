"""Passes the question from Stache's pipeline to the provider, for hybrid search.

Stache finds this class through the entry point `stache.query_processor: s3vectors` (Stache
0.1.1 and newer). It changes nothing in the query; only hybrid search uses the question.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from stache_ai.middleware.base import QueryProcessor
from stache_ai.middleware.results import QueryProcessorResult

from stache_ai_s3vectors.operations.query_text import put_question

if TYPE_CHECKING:
    from stache_ai.middleware.context import QueryContext


class S3VectorsQuestion(QueryProcessor):  # type: ignore[misc]  # stache_ai ships no types
    """Puts the question, as the other processors left it, into the request's context."""

    priority: ClassVar[int] = 1_000_000
    """After those that rewrite questions; the default is 100."""

    async def process(
        self,
        query: str,
        filters: dict[str, Any] | None,  # noqa: ARG002 - Stache's signature
        context: QueryContext,
    ) -> QueryProcessorResult:
        """Pass the query on unchanged."""
        put_question(query, context.context.custom)
        return QueryProcessorResult(action="allow")
