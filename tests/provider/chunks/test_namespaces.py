"""A namespace is None, which means all, or a name; nothing else, in reads and writes alike.

What Stache itself passes was looked for in stache-ai 0.3.0 and 0.1.0: its pipeline, routes,
command line, workers. It passes an empty text in these places:

- `rag/pipeline.py`, `ns = namespace or self.config.default_namespace`: with `DEFAULT_NAMESPACE=`
  set to nothing, each query and capture without a namespace passes "". It means that there is no
  default: queries look everywhere, captures go to "default".
- `api/routes/documents.py`, GET /documents/discover?namespace=: an optional filter; it means all.
- `api/routes/insights.py`, GET /insights/search?namespace=, and POST and DELETE of insights: one
  namespace, which is required. Taken for all, it would answer with everybody's insights.
- PATCH of a document with `"namespace": ""`, and the trash, the purge and the deduplication of a
  document whose record then says "": a mistake, which is refused.
- stache-ai 0.1.0, DELETE /documents?filename=f&namespace=: it may delete, so it is refused.

The first two are understood when the call comes with Stache's context, as it does there. Stache
0.1.0 has no contexts: its empty namespaces are refused.
"""

from __future__ import annotations

import pytest
import stache_ai.config

from stache_ai_s3vectors import InvalidInputError, S3VectorsProvider
from support import providers

VECTOR = [1.0, 2.0, 3.0, 4.0]

READS = {
    "search": lambda p, ns: p.search(VECTOR, 9, namespace=ns),
    "search_summaries": lambda p, ns: p.search_summaries(VECTOR, 9, namespace=ns),
    "get_by_ids": lambda p, ns: p.get_by_ids(["a", "b"], namespace=ns),
    "get_vectors_with_embeddings": lambda p, ns: p.get_vectors_with_embeddings(
        ["a", "b"], namespace=ns
    ),
    "scan_by_metadata": lambda p, ns: p.scan_by_metadata(namespace=ns),
}
WRITES = {
    "insert": lambda p, ns: p.insert([VECTOR], ["t"], namespace=ns),
    "insert, metadata": lambda p, ns: p.insert([VECTOR], ["t"], [{"namespace": ns}]),
    "update_status": lambda p, ns: p.update_status(["a"], ns, "deleting"),
    "update_status, nothing": lambda p, ns: p.update_status([], ns, "deleting"),
    "delete": lambda p, ns: p.delete(["a"], namespace=ns),
    "delete, nothing": lambda p, ns: p.delete([], namespace=ns),
    "delete, filter": lambda p, ns: p.delete(filter={"n": 1}, namespace=ns),
    "delete_by_metadata": lambda p, ns: p.delete_by_metadata("n", 1, namespace=ns),
}


@pytest.fixture
def provider():
    """A provider with a chunk and a summary of each of two tenants."""
    provider = providers.create_provider()
    for key, namespace in (("a", "one"), ("b", "two")):
        provider.insert([VECTOR], ["t"], [{"n": 1}], [key], namespace=namespace)
        summary = {"_type": "document_summary"}
        provider.insert([VECTOR], ["s"], [summary], [f"{key}-summary"], namespace=namespace)
    return provider


@pytest.mark.parametrize("namespace", ["", 0, 1, False, True, [], {}, (), b"one", 0.0, "\ud800"])
@pytest.mark.parametrize("call", {**READS, **WRITES})
def test_a_namespace_that_is_not_a_name_is_refused(provider, call, namespace):
    """An empty header may have set it: it must not give access to all chunks."""
    with pytest.raises(InvalidInputError, match="namespace is .*it must be a name, or None"):
        {**READS, **WRITES}[call](provider, namespace)

    assert provider.count_by_filter({}) == 4


@pytest.mark.parametrize("namespace", ["exact:", "/*"])
@pytest.mark.parametrize("call", ["search", "search_summaries", "scan_by_metadata"])
def test_a_pattern_without_a_name_is_refused(provider, call, namespace):
    """It would match nothing, or everything."""
    with pytest.raises(InvalidInputError, match="which has no name"):
        READS[call](provider, namespace)


@pytest.mark.parametrize("call", READS)
def test_none_means_all_namespaces_and_a_name_means_one(provider, call):
    """Every read follows this rule."""
    results = {name: len(READS[call](provider, name)) for name in (None, "one", "three")}

    each = 2 if call == "scan_by_metadata" else 1
    assert results == {None: 2 * each, "one": each, "three": 0}


def create_with_stache_s_settings(default):
    """Create a provider with Stache's own settings and this default namespace."""
    settings = stache_ai.config.Settings(
        s3vectors_bucket="my-bucket",
        s3vectors_documents_index="documents",
        embedding_dimension=4,
        default_namespace=default,
    )
    return S3VectorsProvider(settings)


@pytest.fixture
def _local(monkeypatch):
    monkeypatch.setenv("S3VECTORS_ENDPOINT_URL", "local:")


@pytest.mark.usefixtures("_local")
def test_an_empty_default_namespace_means_none(provider):
    """Stache's pipeline passes it on with this meaning."""
    one = create_with_stache_s_settings("")
    context = providers.create_context()

    assert len(one.search(VECTOR, 9, namespace="", context=context)) == 2
    [id_] = one.insert([VECTOR], ["t"], [{"namespace": ""}], namespace="", context=context)
    assert one.get_by_ids([id_])[0]["namespace"] == "default"


@pytest.mark.usefixtures("_local")
@pytest.mark.parametrize("default", [None, "one"])
def test_an_empty_namespace_is_refused_unless_the_default_is_empty(provider, default):
    """Stache's calls are refused as well."""
    one = create_with_stache_s_settings(default)

    with pytest.raises(InvalidInputError):
        one.search(VECTOR, namespace="", context=providers.create_context())
    with pytest.raises(InvalidInputError):
        one.insert([VECTOR], ["t"], namespace="", context=providers.create_context())


@pytest.mark.usefixtures("_local")
def test_a_search_for_insights_of_an_empty_namespace_is_refused(provider):
    """Stache requests the insights of one namespace, whatever its default is."""
    one = create_with_stache_s_settings("")

    with pytest.raises(InvalidInputError):
        one.search(
            VECTOR, filter={"_type": "insight"}, namespace="", context=providers.create_context()
        )


def test_an_empty_namespace_means_none_when_stache_discovers_documents(provider):
    """Stache's route means it so; other callers are refused."""
    results = provider.search_summaries(VECTOR, 9, namespace="", context=providers.create_context())

    assert {result["namespace"] for result in results} == {"one", "two"}
