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

import stache
from stache_ai_s3vectors import InvalidInputError, S3VectorsProvider

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
    """A chunk of each of two tenants, and a summary of each."""
    made = stache.provider()
    for key, namespace in (("a", "one"), ("b", "two")):
        made.insert([VECTOR], ["t"], [{"n": 1}], [key], namespace=namespace)
        summary = {"_type": "document_summary"}
        made.insert([VECTOR], ["s"], [summary], [f"{key}-summary"], namespace=namespace)
    return made


@pytest.mark.parametrize("namespace", ["", 0, 1, False, True, [], {}, (), b"one", 0.0, "\ud800"])
@pytest.mark.parametrize("call", {**READS, **WRITES})
def test_what_is_no_name_is_refused(provider, call, namespace):
    """It may be a header that was empty: it must not open everybody's chunks."""
    with pytest.raises(InvalidInputError, match="namespace is .*it must be a name, or None"):
        {**READS, **WRITES}[call](provider, namespace)

    assert provider.count_by_filter({}) == 4


@pytest.mark.parametrize("namespace", ["exact:", "/*"])
@pytest.mark.parametrize("call", ["search", "search_summaries", "scan_by_metadata"])
def test_a_pattern_without_a_name_is_refused(provider, call, namespace):
    """It would stand for nothing, or for all."""
    with pytest.raises(InvalidInputError, match="which has no name"):
        READS[call](provider, namespace)


@pytest.mark.parametrize("call", READS)
def test_none_is_all_and_a_name_is_itself(provider, call):
    """In every read."""
    found = {name: len(READS[call](provider, name)) for name in (None, "one", "three")}

    each = 2 if call == "scan_by_metadata" else 1
    assert found == {None: 2 * each, "one": each, "three": 0}


def stache_s(default):
    """A provider by Stache's own settings, with that default namespace."""
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
def test_a_default_that_was_set_to_nothing_is_none(provider):
    """As Stache's pipeline means it, which passes it on."""
    one = stache_s("")
    context = stache.context()

    assert len(one.search(VECTOR, 9, namespace="", context=context)) == 2
    [id_] = one.insert([VECTOR], ["t"], [{"namespace": ""}], namespace="", context=context)
    assert one.get_by_ids([id_])[0]["namespace"] == "default"


@pytest.mark.usefixtures("_local")
@pytest.mark.parametrize("default", [None, "one"])
def test_with_a_default_or_without_one_an_empty_namespace_is_refused(provider, default):
    """Also from Stache."""
    one = stache_s(default)

    with pytest.raises(InvalidInputError):
        one.search(VECTOR, namespace="", context=stache.context())
    with pytest.raises(InvalidInputError):
        one.insert([VECTOR], ["t"], namespace="", context=stache.context())


@pytest.mark.usefixtures("_local")
def test_the_insights_of_an_empty_namespace_are_nobody_s(provider):
    """Stache asks for those of one namespace; whatever its default is."""
    one = stache_s("")

    with pytest.raises(InvalidInputError):
        one.search(VECTOR, filter={"_type": "insight"}, namespace="", context=stache.context())


def test_to_discover_documents_an_empty_namespace_is_none(provider):
    """As Stache's route means it; a call of anybody else is refused."""
    found = provider.search_summaries(VECTOR, 9, namespace="", context=stache.context())

    assert {result["namespace"] for result in found} == {"one", "two"}
