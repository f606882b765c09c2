"""Read, change and delete chunks by id, within a namespace."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Any, Final, TypeAlias

from stache_ai_s3vectors.aws.batches import Record, split_batches
from stache_ai_s3vectors.aws.outcomes import Outcomes
from stache_ai_s3vectors.aws.parallel import call_in_parallel
from stache_ai_s3vectors.aws.vector_index import Progress, VectorIndex
from stache_ai_s3vectors.chunks import filters
from stache_ai_s3vectors.chunks.records import change_status, from_metadata
from stache_ai_s3vectors.errors import InvalidInputError, NamespaceError, S3VectorsError
from stache_ai_s3vectors.service import limits
from stache_ai_s3vectors.service.metadata_keys import NAMESPACE
from stache_ai_s3vectors.service.printable import to_printable

_LOG = logging.getLogger(__name__)

Change: TypeAlias = tuple[list[str], dict[str, S3VectorsError]]
"""The ids that were changed, and those that cannot be changed; the others do not exist."""

_NAMED: Final = 5
"""The number of ids that an error names."""


def get_chunks(
    index: VectorIndex, ids: Sequence[str], namespace: str | None, *, data: bool = False
) -> list[Record]:
    """Get the chunks of these ids, in their order, without those of other namespaces."""
    inside, elsewhere = _split_by_namespace(index, ids, namespace, data=data)
    if elsewhere:
        inside_of = to_printable(namespace)
        _LOG.warning("%d ids are not in namespace %s and are left out", len(elsewhere), inside_of)
    return inside


def _split_by_namespace(
    index: VectorIndex, ids: Sequence[str], namespace: str | None, *, data: bool = False
) -> tuple[list[Record], dict[str, Any]]:
    """Get the chunks of these ids in a namespace, and the namespaces of the others."""
    is_inside = filters.build_predicate(
        filters.join_conditions(filters.match_exact_namespace(namespace))
    )
    inside: list[Record] = []
    elsewhere: dict[str, Any] = {}
    for chunk in index.get(ids, data=data):
        if is_inside(chunk.metadata):
            inside.append(chunk)
        else:
            elsewhere[chunk.key] = from_metadata(chunk.key, chunk.metadata).metadata.get(NAMESPACE)
    return inside, elsewhere


def _build_namespace_error(
    verb: str, namespace: str | None, elsewhere: Mapping[str, Any]
) -> NamespaceError:
    """Build the error about ids in other namespaces."""
    named = [f"{key!r:.80} in {other!r:.80}" for key, other in elsewhere.items()][:_NAMED]
    more = f" and {len(elsewhere) - _NAMED} more" if len(elsewhere) > _NAMED else ""
    return NamespaceError(
        f"{len(elsewhere)} of the ids are not in namespace {namespace!r:.80} and were not {verb}: "
        f"{', '.join(named)}{more}. Pass the namespace that they are in, or None; `stache-"
        "s3vectors purge` finds and deletes vectors by --namespace and --filter"
    )


def set_status(
    index: VectorIndex,
    ids: Sequence[str],
    namespace: str | None,
    status: str,
    progress: Progress | None = None,
) -> int:
    """Read chunks, and write them with another status; returns how many.

    S3 Vectors cannot change a part of a vector: a write between the read and the write of this
    call is lost.

    Raises:
        PartialWriteError: some failed; all others were tried.
    """
    work = partial(_set_status, index, namespace, status)
    return _apply_in_groups(index, "updated", work, ids, progress)


def delete_inside(
    index: VectorIndex, ids: Sequence[str], namespace: str, progress: Progress | None = None
) -> int:
    """Delete the chunks in a namespace; returns how many.

    Raises:
        PartialWriteError: some failed; all others were tried.
    """
    return _apply_in_groups(
        index, "deleted", partial(_delete_inside, index, namespace), ids, progress
    )


def _apply_in_groups(
    index: VectorIndex,
    verb: str,
    work: Callable[[Outcomes, Sequence[str]], Change],
    ids: Sequence[str],
    progress: Progress | None,
) -> int:
    """Change chunks in groups of one GetVectors request; returns how many were changed."""
    unique = list(dict.fromkeys(ids))
    outcomes = Outcomes(verb, unique, progress)
    groups = split_batches(unique, limits.GET_BATCH)
    calls = call_in_parallel(
        partial(work, outcomes), groups, before=lambda _: not outcomes.hopeless
    )
    with outcomes.conclude(index.name), closing(calls):
        for group, call in calls:
            if call.exception() is not None:
                outcomes.add_call(group, call)
                continue
            changed, refused = call.result()
            outcomes.note_done(changed)
            outcomes.note_skipped(set(group) - set(changed) - refused.keys())
            for error in dict.fromkeys(refused.values()):  # one error may be about many ids
                outcomes.note_error(error)
    return len(outcomes.done)


def _delete_inside(
    index: VectorIndex, namespace: str, outcomes: Outcomes, ids: Sequence[str]
) -> Change:
    inside, elsewhere = _split_by_namespace(index, ids, namespace)
    keys = [chunk.key for chunk in inside]
    index.delete(keys, part_of=outcomes)
    return keys, dict.fromkeys(elsewhere, _build_namespace_error("deleted", namespace, elsewhere))


def _set_status(
    index: VectorIndex,
    namespace: str | None,
    status: str,
    outcomes: Outcomes,
    ids: Sequence[str],
) -> Change:
    hidden = index.describe_or_create().non_filterable
    records: list[Record] = []
    inside, elsewhere = _split_by_namespace(index, ids, namespace, data=True)
    refused: dict[str, S3VectorsError] = dict.fromkeys(
        elsewhere, _build_namespace_error("updated", namespace, elsewhere)
    )
    for chunk in inside:
        try:
            metadata = change_status(chunk.key, chunk.metadata, status, hidden)
            records.append(replace(chunk, metadata=metadata))
        except InvalidInputError as error:  # noqa: PERF203 - one is no reason not to try the rest
            refused[chunk.key] = error
    index.put(records, part_of=outcomes)
    return [record.key for record in records], refused
