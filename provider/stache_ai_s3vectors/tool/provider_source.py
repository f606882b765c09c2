"""Another of Stache's vector providers, read through Stache's own interface."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, NamedTuple

from stache_ai.config import Settings as StacheSettings
from stache_ai.providers.factories import VectorDBProviderFactory

from stache_ai_s3vectors.aws.batches import Record, split_batches
from stache_ai_s3vectors.errors import ConfigurationError, S3VectorsError, UnavailableError
from stache_ai_s3vectors.service import limits
from stache_ai_s3vectors.service.metadata_keys import TYPE

from .migration import classify

_OURS: Final = "s3vectors"

_ALL: Final = 2**31 - 1
"""A limit for `list_by_filter` that leaves no chunk out."""

_METRIC_NAMES: Final = ("distanceMetric", "distance_metric", "metric", "distance")
"""The names that providers give the distance metric in `get_collection_info`."""

_METRICS: Final[Mapping[str, str]] = {
    "cosine": "cosine",
    "euclid": "euclidean",
    "euclidean": "euclidean",
    "l2": "euclidean",
}
"""S3 Vectors' metric by the names of others; a metric that is not in it stays as it is."""


class SourceChunk(NamedTuple):
    """A chunk as the other provider has it.

    Args:
        key: its id, as a text.
        vector: its embedding; None if it was not asked for.
        metadata: with the text; None if the provider lists the chunk and does not return it.
    """

    key: str
    vector: Any
    metadata: dict[str, Any] | None


class ProviderSource:
    """Reads all chunks of another vector provider of Stache.

    Stache's interface has no scan with embeddings. `scan_by_metadata` lists the ids, which are
    held in memory, and `get_vectors_with_embeddings` reads the chunks.

    Args:
        name: of the provider, as Stache knows it.
        settings: Stache's.

    Attributes:
        notes: what the provider cannot give, one sentence each.

    Raises:
        ConfigurationError: Stache has no such provider, or cannot reach its database.
    """

    def __init__(self, name: str, settings: Any) -> None:
        self.name = name
        self.notes: list[str] = []
        self._provider = _create_provider(name, settings)

    def list_ids(self) -> dict[str, list[Any]]:
        """The ids of all chunks, as the provider has them, by the kind of Stache's index.

        Raises:
            ConfigurationError: it cannot list them, or has none.
            S3VectorsError: it lists an id twice.
        """
        ids: dict[str, list[Any]] = {}
        keys: set[str] = set()
        for row in self._scan([TYPE]):
            chunk_id = _get_id(row)
            if chunk_id is None or str(chunk_id) in keys:
                problem = "no id" if chunk_id is None else f"the id {str(chunk_id)!r} of another"
                raise S3VectorsError(f"provider {self.name!r} lists a chunk that has {problem}")
            keys.add(str(chunk_id))
            kind = classify(Record(str(chunk_id), [], dict(row)))
            ids.setdefault(kind, []).append(chunk_id)
        if not keys:
            empty = ConfigurationError(f"provider {self.name!r} has no chunks")
            empty.remedy = _suggest_settings(self.name)
            raise empty
        return ids

    def read(self, ids: Sequence[Any]) -> Iterator[SourceChunk]:
        """The chunks of these ids, with their embeddings.

        Raises:
            ConfigurationError: the provider has no method for it.
            UnavailableError: it failed, or does not return what it listed.
        """
        # Providers for Stache 0.1.0 have none
        allowed = int(getattr(self._provider, "max_batch_size", limits.PUT_BATCH))
        size = max(1, min(allowed, limits.PUT_BATCH))
        for batch in split_batches(ids, size):
            try:
                with self._use_method("get_vectors_with_embeddings") as fetch:
                    rows = fetch(ids=[*batch])
                    by_key = {str(row["id"]): row for row in rows}  # may be read only now
            except NotImplementedError as error:
                raise self._build_embeddings_error() from error
            if missing := [str(one) for one in batch if str(one) not in by_key]:
                raise UnavailableError(
                    f"provider {self.name!r} lists {missing[0]!r} and {len(missing) - 1} other "
                    "chunks, but does not return them. If another program is writing to it, run "
                    "the command again"
                )
            for key in map(str, batch):
                row = by_key[key]
                yield SourceChunk(key, row.get("vector"), dict(row.get("metadata") or {}))

    def read_texts(self, ids: Sequence[Any]) -> Iterator[SourceChunk]:
        """The chunks without embeddings, also of a provider that cannot return embeddings."""
        try:
            for chunk in self.read(ids):
                yield chunk._replace(vector=None)
        except ConfigurationError as error:
            if not isinstance(error.__cause__, NotImplementedError):
                raise
        else:
            return
        unread = dict.fromkeys(map(str, ids))
        for row in self._scan(None):
            metadata = dict(row)
            key = str(metadata.pop("id" if "id" in metadata else "key"))
            if key in unread:
                del unread[key]
                yield SourceChunk(key, None, metadata)
        # Metadata of the user's named id may hide the id
        yield from (SourceChunk(key, None, None) for key in unread)

    def find_metric(self) -> str | None:
        """The distance metric, in S3 Vectors' words if it has one; None if it is not reported."""
        with self._use_method("get_collection_info") as describe:
            description = describe()
        named = [description.get(name) for name in _METRIC_NAMES]
        metric = next(filter(None, named), None) or _find_qdrant_metric(self._provider)
        if metric is None:
            return None
        name = str(getattr(metric, "value", metric)).lower()
        return _METRICS.get(name, name)

    def _scan(self, fields: list[str] | None) -> list[dict[str, Any]]:
        """A row for each chunk, with its id and these metadata keys, or all."""
        try:
            with self._use_method("scan_by_metadata") as scan:
                return list(scan(fields=fields))
        except NotImplementedError:
            self._note("it has no scan_by_metadata; list_by_filter may leave out deleted chunks")
        try:
            with self._use_method("list_by_filter") as list_chunks:
                return list(list_chunks({}, fields=fields, limit=_ALL))
        except NotImplementedError as error:
            unlisted = ConfigurationError(
                f"provider {self.name!r} cannot list its chunks: it has neither scan_by_metadata "
                "nor list_by_filter"
            )
            unlisted.remedy = "ingest the documents again, with VECTORDB_PROVIDER=s3vectors"
            raise unlisted from error

    def _note(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)

    def _build_embeddings_error(self) -> ConfigurationError:
        error = ConfigurationError(
            f"provider {self.name!r} has no get_vectors_with_embeddings, so its vectors cannot be "
            "read"
        )
        error.remedy = "add --reembed to embed the texts again, with Stache's embedder"
        return error

    @contextmanager
    def _use_method(self, method: str) -> Iterator[Callable[..., Any]]:
        """Use a method of the provider, which may raise whatever its database's client does.

        Raises:
            NotImplementedError: the provider does not have it, or Stache 0.1.0 does not.
            UnavailableError: the method failed.
        """
        if not hasattr(self._provider, method):
            raise NotImplementedError(method)
        try:
            yield getattr(self._provider, method)
        except NotImplementedError:
            raise
        except Exception as error:
            raise UnavailableError(
                f"provider {self.name!r}: {method} failed: {type(error).__name__}: {error}"
            ) from error


def _create_provider(name: str, settings: Any) -> Any:
    if name == _OURS:
        raise ConfigurationError(
            f"provider {name!r} is this package; stache-s3vectors copy copies between its indexes, "
            "and migrate copies those of the older package"
        )
    chosen = settings.model_copy(update={"vectordb_provider": name})
    try:
        return VectorDBProviderFactory.create(chosen)
    except Exception as error:
        problem = ConfigurationError(f"Stache cannot use its provider {name!r}: {error}")
        problem.remedy = _suggest_settings(name)
        raise problem from error


def _suggest_settings(name: str) -> str:
    """The settings of Stache that seem to be the provider's."""
    prefix = name.partition("-")[0].partition("_")[0]
    fields = StacheSettings.model_fields if prefix else ()
    names = [field.upper() for field in fields if field.startswith(prefix)]
    shown = f" ({', '.join(names)})" if names else ""
    return f"install the package of the provider, and check its settings{shown}"


def _get_id(row: Mapping[str, Any]) -> Any:
    return row.get("id", row.get("key"))


def _find_qdrant_metric(provider: Any) -> Any:
    """The metric from Qdrant's client: Stache's provider for Qdrant does not report it."""
    with suppress(AttributeError):  # another database, or vectors of several names
        info = provider.client.get_collection(provider.collection_name)
        return info.config.params.vectors.distance
    return None
