"""What the provider and the operator's tool do on a deployed store, each with the level it needs.

Each behaviour finds what `Owner.reset` stores, does one thing as the role under test, and shows
that it was done.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from socket import socket
from types import SimpleNamespace
from typing import Any, Final, TypeAlias

import pytest

import small_provider
from place import TEXTS, Place, ToolError
from s3vectors_local import server
from s3vectors_local.console.jobs import JOBS
from s3vectors_local.console.members import Members
from s3vectors_local.console.service import Service
from small_provider import SmallProvider
from stache_ai_s3vectors import S3VectorsError
from stache_ai_s3vectors.operations.query_text import put_question
from stache_ai_s3vectors.service.permissions import LEVELS
from word_hashing import embed

_Run: TypeAlias = Callable[[Place], None]


@dataclass(frozen=True)
class Behaviour:
    """One thing that can be done.

    Args:
        name: of the provider's operation, or of the tool's command.
        level: the least that it needs; None if no level is for it.
        run: does it, and shows that it was done.
        tries: actions that it does without where they are denied.
    """

    name: str
    level: str | None
    run: _Run
    tries: frozenset[str]

    def is_for(self, level: str) -> bool:
        """Whether a role of this level is to be able to do it."""
        order = list(LEVELS)
        return self.level is not None and order.index(self.level) <= order.index(level)


BEHAVIOURS: Final[list[Behaviour]] = []
"""All of them."""


def needs(level: str | None, name: str, *, tries: str | None = None) -> Callable[[_Run], _Run]:
    """Declare which level a behaviour needs, what it is called, and which action it only tries."""

    def declared(run: _Run) -> _Run:
        BEHAVIOURS.append(Behaviour(name, level, run, frozenset(filter(None, [tries]))))
        return run

    return declared


def denied(behaviour: Behaviour, place: Place) -> str | None:
    """Have it done, on a store as it was at first; the action that it was denied, if any.

    The error must name the action, and nothing may be denied to what succeeds.
    """
    place.owner.reset()
    before = len(place.decisions())
    error = None
    try:
        behaviour.run(place)
    except (S3VectorsError, ToolError) as raised:
        error = raised
    refused = [
        decision.action
        for decision in place.decisions()[before:]
        if not decision.allowed and decision.action not in behaviour.tries
    ]
    if error is None:
        assert refused == [], f"{behaviour.name} was done without {refused}"
        return None
    assert refused, f"{behaviour.name} failed, and nothing was denied: {error}"
    assert refused[0] in str(error), f"{behaviour.name} does not name {refused[0]}: {error}"
    return refused[0]


@needs("read", "search")
def _(place: Place) -> None:
    results = place.provider.search(embed("cat"), filter={"doc_id": ["d1", "d2"]}, namespace="home")
    assert [row["id"] for row in results] == ["cat", "dog"]


@needs("read", "search, hybrid")
def _(place: Place) -> None:
    place.owner.with_text_search()
    context = SimpleNamespace(custom={})
    put_question("barks", context.custom)
    finder = place.provider_of("documents", S3VECTORS_SEARCH_MODE="hybrid")
    results = finder.search(embed("cat"), top_k=2, context=context)
    assert {row["id"] for row in results} == {"cat", "dog"}


@needs("read", "search_summaries")
def _(place: Place) -> None:
    assert [row["id"] for row in place.provider.search_summaries(embed("pets"))] == ["pets"]


@needs("read", "get_by_ids")
def _(place: Place) -> None:
    assert [row["text"] for row in place.provider.get_by_ids(["dog"])] == [TEXTS["dog"]]


@needs("read", "get_vectors_with_embeddings")
def _(place: Place) -> None:
    [row] = place.provider.get_vectors_with_embeddings(["cat"])
    assert row["vector"] == pytest.approx(embed(TEXTS["cat"]), abs=1e-6)


@needs("read", "count_by_filter")
def _(place: Place) -> None:
    assert place.provider.count_by_filter({"doc_id": "d1"}) == 2


@needs("read", "list_by_filter")
def _(place: Place) -> None:
    assert [row["id"] for row in place.provider.list_by_filter({"doc_id": "d2"})] == ["dog"]


@needs("read", "scan_by_metadata")
def _(place: Place) -> None:
    vectors = place.provider.scan_by_metadata(namespace="home")
    assert {row["id"] for row in vectors} == {*TEXTS}


@needs("read", "get_collection_info")
def _(place: Place) -> None:
    info = place.provider.get_collection_info(count=True)
    assert (info["dimension"], info["count"]) == (1024, 3)


@needs("read-write", "insert")
def _(place: Place) -> None:
    place.provider.insert([embed("bird")], ["bird"], ids=["bird"], namespace="home")
    assert place.owner.keys("documents") == {*TEXTS, "bird"}


@needs("manage-indexes", "insert, S3VECTORS_CREATE_INDEX")
def _(place: Place) -> None:
    place.owner.without_insights()
    maker = place.provider_of("insights", S3VECTORS_CREATE_INDEX="true")
    maker.insert([embed("bird")], ["bird"], ids=["bird"], namespace="home")
    assert place.owner.keys("insights") == {"bird"}


@needs("read-write", "update_status")
def _(place: Place) -> None:
    assert place.provider.update_status(["cat"], "home", "deleting") == 1
    assert [row["id"] for row in place.provider.search(embed("cat"))] == ["dog"]


@needs("read-write", "delete")
def _(place: Place) -> None:
    place.provider.delete(["cat"], namespace="home")
    assert place.owner.keys("documents") == {"dog", "pets"}


@needs("read-write", "delete_by_metadata")
def _(place: Place) -> None:
    assert place.provider.delete_by_metadata("doc_id", "d1")["deleted"] == 2
    assert place.owner.keys("documents") == {"dog"}


@needs("read", "stache-s3vectors doctor --level read", tries="s3vectors:GetVectorBucket")
def _(place: Place) -> None:
    assert place.tool("doctor", "--level", "read")["ready"]


@needs("read", "stache-s3vectors stats")
def _(place: Place) -> None:
    assert place.tool("stats")


@needs("read", "stache-s3vectors show")
def _(place: Place) -> None:
    assert [row["text"] for row in place.tool("show", "cat")["vectors"]] == [TEXTS["cat"]]


@needs("read", "stache-s3vectors list")
def _(place: Place) -> None:
    assert place.tool("list", "--filter", '{"doc_id": "d2"}')["key"] == "dog"


@needs("read", "stache-s3vectors query")
def _(place: Place) -> None:
    matches = place.tool("query", "--text", "cat", "--top-k", "1")["matches"]
    assert [match["key"] for match in matches] == ["cat"]


@needs("read", "stache-s3vectors query --hybrid")
def _(place: Place) -> None:
    place.owner.with_text_search()
    matches = place.tool("query", "--text", "cat", "--hybrid")["matches"]
    assert {match["key"] for match in matches} == {*TEXTS}


@needs("read", "stache-s3vectors console", tries="s3vectors:ListIndexes")
def _(place: Place) -> None:
    members = {"bucket": place.role["S3VECTORS_BUCKET_NAME"], "index": place.index("documents")}

    def look(service: Service) -> None:
        assert service.describe()["bucket"] == members["bucket"]
        assert _run_job(service, "count", members) == {"count": 3}
        browsed = _run_job(service, "browse", {**members, "filter": {"doc_id": "d1"}})
        assert {vector["key"] for vector in browsed["vectors"]} == {"cat", "pets"}
        found = _run_job(service, "query", {**members, "text": "cat", "top_k": 1})
        assert [result["key"] for result in found["results"]] == ["cat"]
        explained = _run_job(service, "why", {**members, "text": "cat", "target": "dog"})
        assert explained["rank"] is not None

    _serve_console(place, look)


@needs("manage-indexes", "stache-s3vectors console, all indexes")
def _(place: Place) -> None:
    bucket = {"vectorBucketName": place.role["S3VECTORS_BUCKET_NAME"]}

    def look(service: Service) -> None:
        assert len(service.call("ListIndexes", bucket)["indexes"]) == 3
        assert service.call("GetVectorBucket", bucket)
        assert service.describe()["indexes"] is None

    _serve_console(place, look)


@needs("read-write", "stache-s3vectors console --write")
def _(place: Place) -> None:
    bucket = {"vectorBucketName": place.role["S3VECTORS_BUCKET_NAME"]}
    names = {**bucket, "indexName": place.index("documents")}

    def delete(service: Service) -> None:
        service.call("DeleteVectors", {**names, "keys": ["cat"]})

    _serve_console(place, delete, "--write")
    assert place.owner.keys("documents") == {"dog", "pets"}


@needs("read", "stache-s3vectors export")
def _(place: Place) -> None:
    _export(place)


@needs("read-write", "stache-s3vectors doctor", tries="s3vectors:GetVectorBucket")
def _(place: Place) -> None:
    assert place.tool("doctor")["ready"]
    assert place.owner.keys("documents") == {*TEXTS}


@needs("read-write", "stache-s3vectors import")
def _(place: Place) -> None:
    place.tool("import", _export(place), "--index", place.index("insights"))
    assert place.owner.keys("insights") == {*TEXTS}


@needs("read-write", "stache-s3vectors copy")
def _(place: Place) -> None:
    place.tool("copy", place.index("documents"), place.index("insights"))
    assert place.owner.keys("insights") == {*TEXTS}


@needs("read-write", "stache-s3vectors copy-from")
def _(place: Place) -> None:
    with pytest.MonkeyPatch.context() as patch:
        small_provider.install(patch, SmallProvider)
        chunk = (embed("bird"), {"text": "bird", "_type": "insight"})
        patch.setattr(SmallProvider, "chunks", {"bird": chunk})
        place.tool("copy-from", small_provider.NAME)
    assert place.owner.keys("insights") == {"bird"}


@needs("read-write", "stache-s3vectors reembed")
def _(place: Place) -> None:
    place.tool("reembed", place.index("documents"), place.index("insights"))
    assert place.owner.keys("insights") == {*TEXTS}


@needs("read-write", "stache-s3vectors migrate --yes")
def _(place: Place) -> None:
    place.tool("migrate", place.index("documents"), place.index("insights"), "--yes")
    assert place.owner.keys("insights") == {*TEXTS}


@needs("read-write", "stache-s3vectors purge --yes")
def _(place: Place) -> None:
    place.tool("purge", "--filter", '{"doc_id": "d1"}', "--yes")
    assert place.owner.keys("documents") == {"dog"}


@needs("manage-indexes", "stache-s3vectors doctor --level manage-indexes")
def _(place: Place) -> None:
    assert place.tool("doctor", "--level", "manage-indexes")["ready"]


@needs("manage-indexes", "stache-s3vectors indexes list")
def _(place: Place) -> None:
    assert len(place.tool("indexes", "list")) == 3


@needs("manage-indexes", "stache-s3vectors indexes create")
def _(place: Place) -> None:
    place.owner.without_insights()
    report = place.tool("indexes", "create")
    assert {row["kind"] for row in report["indexes"] if row["created"]} == {"insights"}


@needs("manage-indexes", "stache-s3vectors indexes upgrade")
def _(place: Place) -> None:
    place.owner.with_insights("CLASSIC")
    report = place.tool("indexes", "upgrade", place.index("insights"))
    assert len(report["changes"][place.index("insights")]) == 2


@needs(None, "stache-s3vectors indexes delete")
def _(place: Place) -> None:
    place.tool("indexes", "delete", place.index("insights"), "--yes")


def _serve_console(place: Place, use: Callable[[Service], None], *arguments: str) -> None:
    """Start the console, and use what it shows instead of waiting for a browser."""

    def serve(service: Service, bound: socket, _: object) -> None:
        bound.close()
        use(service)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "serve_console", serve)
        place.tool("console", "--port", "0", *arguments)


def _run_job(service: Service, name: str, members: dict[str, Any]) -> Any:
    steps = JOBS[name](service, Members(members))
    while True:
        try:
            next(steps)
        except StopIteration as done:
            return done.value


def _export(place: Place) -> str:
    path = str(place.folder / "export.jsonl")
    assert place.tool("export", path, "--force")
    return path
