"""The operations of the provider and the tool, with the level of permissions that each needs.

Each behavior starts with the data that `Owner.reset` stores. It does one thing as the role under
test, and checks the result.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from socket import socket
from types import SimpleNamespace
from typing import Any, Final, TypeAlias

import pytest

from s3vectors_local import server
from s3vectors_local.console.jobs import JOBS
from s3vectors_local.console.members import Members
from s3vectors_local.console.service import Service
from stache_ai_s3vectors import S3VectorsError
from stache_ai_s3vectors.operations.query_text import put_question
from stache_ai_s3vectors.service.permissions import LEVELS
from support import small_provider
from support.deployment.role_view import TEXTS, RoleView, ToolError
from support.small_provider import SmallProvider
from word_hashing import embed

_Run: TypeAlias = Callable[[RoleView], None]


@dataclass(frozen=True)
class Behavior:
    """An operation of the provider, or a command of the tool.

    Args:
        name: the name of the operation or the command.
        level: the lowest level that it needs; None if no level allows it.
        run: runs it, and checks the result.
        optional_actions: actions that it tries, but does not need.
    """

    name: str
    level: str | None
    run: _Run
    optional_actions: frozenset[str]

    def needs_at_most(self, level: str) -> bool:
        """Whether a role of this level has to be able to do it."""
        order = list(LEVELS)
        return self.level is not None and order.index(self.level) <= order.index(level)


BEHAVIORS: Final[list[Behavior]] = []
"""All behaviors, in the order of the table."""


def needs(
    level: str | None, name: str, *, optional_action: str | None = None
) -> Callable[[_Run], _Run]:
    """Register a function as a behavior.

    Args:
        level: the lowest level that it needs; None if no level allows it.
        name: the name of the operation or the command.
        optional_action: an action that it tries, but does not need.
    """

    def register(run: _Run) -> _Run:
        BEHAVIORS.append(Behavior(name, level, run, frozenset(filter(None, [optional_action]))))
        return run

    return register


def find_denied_action(behavior: Behavior, view: RoleView) -> str | None:
    """Run the behavior on a reset store. Return the action that was denied, or None.

    If it fails, the error must name the action. If it succeeds, no action may have been denied.
    """
    view.owner.reset()
    before = len(view.list_decisions())
    error = None
    try:
        behavior.run(view)
    except (S3VectorsError, ToolError) as raised:
        error = raised
    denied = [
        decision.action
        for decision in view.list_decisions()[before:]
        if not decision.allowed and decision.action not in behavior.optional_actions
    ]
    if error is None:
        assert denied == [], f"{behavior.name} succeeded although {denied} were denied"
        return None
    assert denied, f"{behavior.name} failed although no action was denied: {error}"
    assert denied[0] in str(error), f"the error of {behavior.name} lacks {denied[0]}: {error}"
    return denied[0]


@needs("read", "search")
def _(view: RoleView) -> None:
    results = view.provider.search(embed("cat"), filter={"doc_id": ["d1", "d2"]}, namespace="home")
    assert [row["id"] for row in results] == ["cat", "dog"]


@needs("read", "search, hybrid")
def _(view: RoleView) -> None:
    view.owner.add_text_search()
    context = SimpleNamespace(custom={})
    put_question("barks", context.custom)
    provider = view.create_provider("documents", S3VECTORS_SEARCH_MODE="hybrid")
    results = provider.search(embed("cat"), top_k=2, context=context)
    assert {row["id"] for row in results} == {"cat", "dog"}


@needs("read", "search_summaries")
def _(view: RoleView) -> None:
    assert [row["id"] for row in view.provider.search_summaries(embed("pets"))] == ["pets"]


@needs("read", "get_by_ids")
def _(view: RoleView) -> None:
    assert [row["text"] for row in view.provider.get_by_ids(["dog"])] == [TEXTS["dog"]]


@needs("read", "get_vectors_with_embeddings")
def _(view: RoleView) -> None:
    [row] = view.provider.get_vectors_with_embeddings(["cat"])
    assert row["vector"] == pytest.approx(embed(TEXTS["cat"]), abs=1e-6)


@needs("read", "count_by_filter")
def _(view: RoleView) -> None:
    assert view.provider.count_by_filter({"doc_id": "d1"}) == 2


@needs("read", "list_by_filter")
def _(view: RoleView) -> None:
    assert [row["id"] for row in view.provider.list_by_filter({"doc_id": "d2"})] == ["dog"]


@needs("read", "scan_by_metadata")
def _(view: RoleView) -> None:
    vectors = view.provider.scan_by_metadata(namespace="home")
    assert {row["id"] for row in vectors} == {*TEXTS}


@needs("read", "get_collection_info")
def _(view: RoleView) -> None:
    info = view.provider.get_collection_info(count=True)
    assert (info["dimension"], info["count"]) == (1024, 3)


@needs("read-write", "insert")
def _(view: RoleView) -> None:
    view.provider.insert([embed("bird")], ["bird"], ids=["bird"], namespace="home")
    assert view.owner.list_keys("documents") == {*TEXTS, "bird"}


@needs("manage-indexes", "insert, S3VECTORS_CREATE_INDEX")
def _(view: RoleView) -> None:
    view.owner.delete_insights()
    provider = view.create_provider("insights", S3VECTORS_CREATE_INDEX="true")
    provider.insert([embed("bird")], ["bird"], ids=["bird"], namespace="home")
    assert view.owner.list_keys("insights") == {"bird"}


@needs("read-write", "update_status")
def _(view: RoleView) -> None:
    assert view.provider.update_status(["cat"], "home", "deleting") == 1
    assert [row["id"] for row in view.provider.search(embed("cat"))] == ["dog"]


@needs("read-write", "delete")
def _(view: RoleView) -> None:
    view.provider.delete(["cat"], namespace="home")
    assert view.owner.list_keys("documents") == {"dog", "pets"}


@needs("read-write", "delete_by_metadata")
def _(view: RoleView) -> None:
    assert view.provider.delete_by_metadata("doc_id", "d1")["deleted"] == 2
    assert view.owner.list_keys("documents") == {"dog"}


@needs("read", "stache-s3vectors doctor --level read", optional_action="s3vectors:GetVectorBucket")
def _(view: RoleView) -> None:
    assert view.run_tool("doctor", "--level", "read")["ready"]


@needs("read", "stache-s3vectors stats")
def _(view: RoleView) -> None:
    assert view.run_tool("stats")


@needs("read", "stache-s3vectors show")
def _(view: RoleView) -> None:
    assert [row["text"] for row in view.run_tool("show", "cat")["vectors"]] == [TEXTS["cat"]]


@needs("read", "stache-s3vectors list")
def _(view: RoleView) -> None:
    assert view.run_tool("list", "--filter", '{"doc_id": "d2"}')["key"] == "dog"


@needs("read", "stache-s3vectors query")
def _(view: RoleView) -> None:
    matches = view.run_tool("query", "--text", "cat", "--top-k", "1")["matches"]
    assert [match["key"] for match in matches] == ["cat"]


@needs("read", "stache-s3vectors query --hybrid")
def _(view: RoleView) -> None:
    view.owner.add_text_search()
    matches = view.run_tool("query", "--text", "cat", "--hybrid")["matches"]
    assert {match["key"] for match in matches} == {*TEXTS}


@needs("read", "stache-s3vectors console", optional_action="s3vectors:ListIndexes")
def _(view: RoleView) -> None:
    members = {
        "bucket": view.environment["S3VECTORS_BUCKET_NAME"],
        "index": view.get_index_name("documents"),
    }

    def check(service: Service) -> None:
        assert service.describe()["bucket"] == members["bucket"]
        assert _run_job(service, "count", members) == {"count": 3}
        browsed = _run_job(service, "browse", {**members, "filter": {"doc_id": "d1"}})
        assert {vector["key"] for vector in browsed["vectors"]} == {"cat", "pets"}
        queried = _run_job(service, "query", {**members, "text": "cat", "top_k": 1})
        assert [result["key"] for result in queried["results"]] == ["cat"]
        explained = _run_job(service, "why", {**members, "text": "cat", "target": "dog"})
        assert explained["rank"] is not None

    _serve_console(view, check)


@needs("manage-indexes", "stache-s3vectors console, all indexes")
def _(view: RoleView) -> None:
    bucket = {"vectorBucketName": view.environment["S3VECTORS_BUCKET_NAME"]}

    def check(service: Service) -> None:
        assert len(service.call("ListIndexes", bucket)["indexes"]) == 3
        assert service.call("GetVectorBucket", bucket)
        assert service.describe()["indexes"] is None

    _serve_console(view, check)


@needs("read-write", "stache-s3vectors console --write")
def _(view: RoleView) -> None:
    bucket = {"vectorBucketName": view.environment["S3VECTORS_BUCKET_NAME"]}
    names = {**bucket, "indexName": view.get_index_name("documents")}

    def delete(service: Service) -> None:
        service.call("DeleteVectors", {**names, "keys": ["cat"]})

    _serve_console(view, delete, "--write")
    assert view.owner.list_keys("documents") == {"dog", "pets"}


@needs("read", "stache-s3vectors export")
def _(view: RoleView) -> None:
    _export(view)


@needs("read-write", "stache-s3vectors doctor", optional_action="s3vectors:GetVectorBucket")
def _(view: RoleView) -> None:
    assert view.run_tool("doctor")["ready"]
    assert view.owner.list_keys("documents") == {*TEXTS}


@needs("read-write", "stache-s3vectors import")
def _(view: RoleView) -> None:
    view.run_tool("import", _export(view), "--index", view.get_index_name("insights"))
    assert view.owner.list_keys("insights") == {*TEXTS}


@needs("read-write", "stache-s3vectors copy")
def _(view: RoleView) -> None:
    view.run_tool("copy", view.get_index_name("documents"), view.get_index_name("insights"))
    assert view.owner.list_keys("insights") == {*TEXTS}


@needs("read-write", "stache-s3vectors copy-from")
def _(view: RoleView) -> None:
    with pytest.MonkeyPatch.context() as patch:
        small_provider.register_in_stache(patch, SmallProvider)
        chunk = (embed("bird"), {"text": "bird", "_type": "insight"})
        patch.setattr(SmallProvider, "chunks", {"bird": chunk})
        view.run_tool("copy-from", small_provider.NAME)
    assert view.owner.list_keys("insights") == {"bird"}


@needs("read-write", "stache-s3vectors reembed")
def _(view: RoleView) -> None:
    view.run_tool("reembed", view.get_index_name("documents"), view.get_index_name("insights"))
    assert view.owner.list_keys("insights") == {*TEXTS}


@needs("read-write", "stache-s3vectors migrate --yes")
def _(view: RoleView) -> None:
    view.run_tool(
        "migrate", view.get_index_name("documents"), view.get_index_name("insights"), "--yes"
    )
    assert view.owner.list_keys("insights") == {*TEXTS}


@needs("read-write", "stache-s3vectors purge --yes")
def _(view: RoleView) -> None:
    view.run_tool("purge", "--filter", '{"doc_id": "d1"}', "--yes")
    assert view.owner.list_keys("documents") == {"dog"}


@needs("manage-indexes", "stache-s3vectors doctor --level manage-indexes")
def _(view: RoleView) -> None:
    assert view.run_tool("doctor", "--level", "manage-indexes")["ready"]


@needs("manage-indexes", "stache-s3vectors indexes list")
def _(view: RoleView) -> None:
    assert len(view.run_tool("indexes", "list")) == 3


@needs("manage-indexes", "stache-s3vectors indexes create")
def _(view: RoleView) -> None:
    view.owner.delete_insights()
    report = view.run_tool("indexes", "create")
    assert {row["kind"] for row in report["indexes"] if row["created"]} == {"insights"}


@needs("manage-indexes", "stache-s3vectors indexes upgrade")
def _(view: RoleView) -> None:
    view.owner.create_insights("CLASSIC")
    report = view.run_tool("indexes", "upgrade", view.get_index_name("insights"))
    assert len(report["changes"][view.get_index_name("insights")]) == 2


@needs(None, "stache-s3vectors indexes delete")
def _(view: RoleView) -> None:
    view.run_tool("indexes", "delete", view.get_index_name("insights"), "--yes")


def _serve_console(view: RoleView, use: Callable[[Service], None], *arguments: str) -> None:
    """Start the console, and call its service instead of waiting for a browser."""

    def serve(service: Service, bound: socket, _: object) -> None:
        bound.close()
        use(service)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "serve_console", serve)
        view.run_tool("console", "--port", "0", *arguments)


def _run_job(service: Service, name: str, members: dict[str, Any]) -> Any:
    steps = JOBS[name](service, Members(members))
    while True:
        try:
            next(steps)
        except StopIteration as done:
            return done.value


def _export(view: RoleView) -> str:
    path = str(view.folder / "export.jsonl")
    assert view.run_tool("export", path, "--force")
    return path
