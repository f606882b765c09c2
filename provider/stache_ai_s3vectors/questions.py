"""A question's words, on their way from Stache's pipeline to a hybrid search. Pure."""

from __future__ import annotations

from typing import Any, Final

from . import limits

_KEY: Final = "stache_ai_s3vectors.question"
"""Where the words travel in `RequestContext.custom`, whose keys carry their owner's name."""


def hand_over(question: str, custom: dict[str, Any]) -> None:
    """Put a question's words into a request's context."""
    custom[_KEY] = question


def handed_over(context: Any) -> str | None:
    """Take the words that were put into a request's context; None when there are none.

    They belong to one search: another with the same context is about something else.
    """
    custom = getattr(context, "custom", None)
    question = custom.pop(_KEY, None) if isinstance(custom, dict) else None
    return question if isinstance(question, str) and question.strip() else None


def cut(question: str) -> str:
    """As much of a question as the service takes, whole words unless the first is too long.

    Characters are counted as UTF-16 does, where one may be two: nobody says which the
    service means, and what is short so is short either way.
    """
    text = question.strip().encode("utf-8", "replace").decode()  # half a surrogate pair is no text
    encoded = text.encode("utf-16-le")
    if len(encoded) <= 2 * limits.QUERY_TEXT_LENGTH:
        return text
    head = encoded[: 2 * limits.QUERY_TEXT_LENGTH].decode("utf-16-le", "ignore")
    if head[-1].isspace() or text[len(head)].isspace():
        return head.rstrip()
    return head.rsplit(maxsplit=1)[0]
