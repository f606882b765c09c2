"""`stache-tools` works as on the page about laptops: its command and its MCP server."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta

import pytest
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from stache_tools import StacheClient, StacheConfig, StacheConnectionError
from stache_tools.client.http import HTTPTransport
from tenacity import wait_none

from support import ROOT
from support.stache import laptop
from support.stache.laptop_section import DOT_ENV, START

PAGE = (ROOT / "docs" / "laptop.md").read_text()
TERMINAL, ASSISTANT = (
    PAGE.partition(f"## From {where}\n")[2].partition("\n## ")[0]
    for where in ("a terminal", "an assistant")
)
INSTALL, COMMANDS = re.findall(r"^```bash\n(.*?)^```", TERMINAL, re.MULTILINE | re.DOTALL)
(ADDRESS,) = re.findall(r"^```dotenv\n(.*?)^```", TERMINAL, re.MULTILINE | re.DOTALL)
(CONFIGURATION,) = re.findall(r"^```json\n(.*?)^```", ASSISTANT, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Return the environment of a new terminal."""
    return laptop.make_environment(tmp_path_factory.mktemp("terminal"))


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """Serve a Stache that is set up as in docs/laptop.md, and return its URL."""
    folder = tmp_path_factory.mktemp("stache")
    (folder / ".env").write_text(DOT_ENV)
    environment = laptop.make_environment(folder)
    with laptop.serve_stache(START, folder, environment) as url:
        yield url


@pytest.fixture
def run(tmp_path, environment, url):
    """Return a function that runs a command in a folder whose `.env` has the page's lines."""
    address = url.replace("127.0.0.1", "localhost")  # the tool's default has this name
    dot_env = ADDRESS.replace("http://127.0.0.1:8001", address)
    assert address in dot_env
    (tmp_path / ".env").write_text(dot_env)
    (tmp_path / "examples").symlink_to(ROOT / "examples")

    def run(command, code=0, **options):
        done = subprocess.run(
            shlex.split(command),
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env=environment,
            timeout=laptop.TIMEOUT_SECONDS,
            **options,
        )
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    return run


def list_names(url, namespace):
    """Return the names of a namespace's documents."""
    documents = laptop.call(url, "GET", "/documents", namespace=namespace)[1]["documents"]
    return sorted(document["filename"] for document in documents)


def test_the_terminal_s_section_works_word_for_word(run):
    """Its commands run in order and print what the page says."""
    outputs = [run(command) for command in COMMANDS.splitlines()]

    health, namespace, text, folder, results, invoice, listing = outputs
    assert "Status: healthy" in health
    assert "VectorDB: S3VectorsProvider" in health
    assert namespace == "Created namespace: notes\n"
    assert "Ingested text → 1 chunks" in text
    assert "Successful: 4 files" in folder
    assert "1. cat.txt" in results
    assert "The cat sleeps on the warm printer." in results
    assert json.loads(invoice)["sources"][0]["metadata"]["filename"] == "invoice.pdf"
    names = [document["filename"] for document in json.loads(listing)["documents"]]
    assert sorted(names) == ["cats.md", "invoice.pdf", "letter.docx", "printers.txt"]


def test_the_page_names_the_settings(monkeypatch):
    """It has the package, the default address and timeout, and what selects another transport."""
    assert INSTALL == "pip install stache-tools\n"
    for name in ("STACHE_API_URL", "STACHE_URL", "STACHE_TIMEOUT", "STACHE_LAMBDA_FUNCTION"):
        monkeypatch.delenv(name, raising=False)
    default = StacheConfig(_env_file=None)
    assert f"expects Stache at `{default.api_url}`" in TERMINAL
    assert f"({default.timeout:.0f} by default, 300 at most)" in TERMINAL
    assert StacheConfig(_env_file=None, timeout=300).timeout == 300
    with pytest.raises(ValueError, match="less than or equal to 300"):
        StacheConfig(_env_file=None, timeout=301)

    monkeypatch.setenv("STACHE_LAMBDA_FUNCTION", "elsewhere")
    assert (default.resolved_transport, StacheConfig().resolved_transport) == ("http", "lambda")


def test_all_formats_are_skipped_the_second_time(run, url):
    """A text without a name is stored again. Skipped files are reported as ingested."""
    first, second = (run("stache ingest examples/files -n again -y") for _ in range(2))
    assert "Total chunks: 4" in first
    assert "Total chunks: 0" in second
    assert "Successful: 4 files" in second
    assert len(list_names(url, "again")) == 4

    for _ in range(2):
        run("stache ingest -t 'The dog barks.' -n nameless")
    assert len(list_names(url, "nameless")) == 2


def test_without_a_namespace_only_default_is_searched(run, url):
    """So the page names it. `namespace list` has only namespaces that were created."""
    document = {"text": "A whale sings.", "namespace": "sea", "metadata": {"filename": "sea.txt"}}
    doc_id = laptop.call(url, "POST", "/ingest", document)[1]["doc_id"]

    assert "sea.txt" in run("stache search 'Who sings?' -n sea")
    assert "sea.txt" not in run("stache search 'Who sings?'")
    assert "sea.txt" in run(f"stache doc get {doc_id} -n sea")
    for command in ("get", "update --filename x", "delete --yes"):
        assert "not found" in run(f"stache doc {command} {doc_id}", code=1)
    assert "sea" not in run("stache namespace list")


@pytest.mark.parametrize("option", ["", "--base-path many"])
def test_files_of_one_name_replace_each_other(run, url, tmp_path, option):
    """So the page recommends another way. If this test fails, update the page."""
    namespace = f"one{len(option)}"
    for folder in ("a", "b"):
        (tmp_path / "many" / folder).mkdir(parents=True)
        (tmp_path / "many" / folder / "same.md").write_text(f"# {folder}")

    assert "Successful: 2 files" in run(f"stache ingest many -r -y -n {namespace} {option}")
    assert list_names(url, namespace) == ["same.md"]
    trash = laptop.call(url, "GET", "/trash/")[1]["documents"]
    assert namespace in {document["namespace"] for document in trash}


def test_other_encodings_lose_characters(run, tmp_path):
    """The page says so. If this test fails, update the page."""
    (tmp_path / "latin.txt").write_bytes("un café".encode("latin-1"))

    assert "Successful: 1 files" in run("stache ingest latin.txt -n latin")
    assert "un caf\N{REPLACEMENT CHARACTER}" in run("stache search café -n latin")


def test_a_list_ends_after_a_hundred_documents(run, url):
    """It does so for any limit. If this test fails, update the page."""
    bodies = [
        {"text": f"Note {n}.", "namespace": "many", "metadata": {"filename": f"{n}.txt"}}
        for n in range(101)
    ]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda body: laptop.call(url, "POST", "/ingest", body), bodies))

    listing = json.loads(run("stache doc list -n many --limit 200 --json"))
    assert len(listing["documents"]) == 100
    assert "Use --limit to fetch more" in run("stache doc list -n many --limit 200")
    rest = laptop.call(url, "GET", "/documents", namespace="many", next_key=listing["next_key"])
    assert len(rest[1]["documents"]) == 1


def test_a_narrow_terminal_shortens_ids(run, url):
    """So the page has `--json`. If this test fails, update the page."""
    name = "the-name-of-a-file-that-is-long.txt"
    document = {"text": "Long.", "namespace": "long", "metadata": {"filename": name}}
    doc_id = laptop.call(url, "POST", "/ingest", document)[1]["doc_id"]

    assert doc_id not in run("stache doc list -n long")
    assert doc_id in run("stache doc list -n long --json")


def test_errors_end_with_a_line_of_text(run):
    """A traceback precedes it. If this test fails, update the page."""
    for command, line in {
        "doc get nobody": "StacheNotFoundError: Document not found: nobody",
        "namespace get nobody": "StacheNotFoundError: Namespace not found: nobody",
    }.items():
        output = run(f"stache {command}", code=1).strip()
        assert "Traceback (most recent call last)" in output
        assert output.splitlines()[-1].endswith(line)


def receive_all(silent):
    """Return the beginning of each request to a server that never answered."""
    with suppress(BlockingIOError):  # no further request
        while True:
            with silent.accept()[0] as connection:
                yield connection.recv(20)


def test_a_request_that_takes_too_long_is_sent_three_times(monkeypatch):
    """So the page recommends a longer timeout and a name. If this test fails, update the page."""
    monkeypatch.setattr(HTTPTransport.post.retry, "wait", wait_none())
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = "http://127.0.0.1:{1}".format(*silent.getsockname())
        config = StacheConfig.model_construct(api_url=address, timeout=0.01)
        client = StacheClient(config, HTTPTransport(config))
        with client, pytest.raises(StacheConnectionError, match="Request timeout"):
            client.ingest_text("The cat sleeps.")
        silent.settimeout(0)
        requests = list(receive_all(silent))

    assert requests == [b"POST /api/capture HT"] * 3


def test_a_batch_goes_to_cohere_and_aws(run, tmp_path):
    """It needs their keys and tables, and does not use Stache."""
    (tmp_path / "texts.jsonl").write_text('{"text": "The cat sleeps."}\n')

    assert "Cohere API key required" in run("stache batch-ingest texts.jsonl", code=1)
    options = run("stache batch-ingest --help")
    assert "--s3vectors-bucket" in options
    assert "--documents-table" in options


async def _talk(server, steps, log):
    async with (
        stdio_client(server, errlog=log) as streams,
        ClientSession(*streams, timedelta(seconds=laptop.TIMEOUT_SECONDS)) as session,
    ):
        await session.initialize()
        tools = (await session.list_tools()).tools
        results = [await session.call_tool(*step) for step in steps]
    return [tool.name for tool in tools], results


@pytest.fixture
def talk(url, environment, tmp_path):
    """Return a function that runs steps on a server as the page starts it."""
    [settings] = json.loads(CONFIGURATION)["mcpServers"].values()
    assert settings["env"]["STACHE_API_URL"] == "http://127.0.0.1:8000"
    settings["env"] = {**environment, **settings["env"], "STACHE_API_URL": url}
    server = StdioServerParameters(**settings, cwd=tmp_path)

    def talk(*steps):
        with (tmp_path / "log").open("w") as log:
            return asyncio.run(_talk(server, steps, log))

    return talk


def read_texts(results):
    """Return the text of each result."""
    return [result.content[0].text for result in results]


def test_an_assistant_ingests_and_searches(talk, url):
    """MCP's own client uses standard input and output."""
    tools, results = talk(
        ("ingest_text", {"text": "An owl hunts at night.", "namespace": "owls"}),
        ("search", {"query": "When does an owl hunt?", "namespace": "owls", "top_k": 3}),
        ("search", {"query": "owl", "namespace": "owls", "filter": {"kind": "other"}}),
        ("list_documents", {"namespace": "owls"}),
    )

    texts = read_texts(results)
    assert ASSISTANT.partition("Its tools are")[2].partition(". All")[0].count("`") == 2 * len(
        tools
    )
    assert all(f"`{tool}`" in ASSISTANT for tool in tools)
    assert texts[0].startswith("Ingested successfully: 1 chunks created")
    assert "An owl hunts at night." in texts[1]
    assert "No results found" in texts[2]
    assert list_names(url, "owls")[0] in texts[3]
    assert not any(result.isError for result in results)


def test_an_assistant_s_other_tools_work(talk, url):
    """A deleted document is in the trash; with its namespace, it is deleted for good."""
    document = {"text": "A fox waits.", "namespace": "a", "metadata": {"filename": "fox.txt"}}
    doc_id = laptop.call(url, "POST", "/ingest", document)[1]["doc_id"]
    moved = {"doc_id": doc_id, "namespace": "b"}
    _, results = talk(
        ("create_namespace", {"id": "b", "name": "Foxes"}),
        ("update_namespace", {"id": "b", "name": "Red foxes"}),
        ("get_namespace", {"id": "b"}),
        ("list_namespaces", {}),
        ("update_document", {**moved, "namespace": "a", "new_namespace": "b"}),
        ("get_document", moved),
        ("search", {"query": "Who waits?", "namespace": "b"}),
        ("delete_document", moved),
        ("search", {"query": "Who waits?", "namespace": "b"}),
        ("ingest_text", {"text": "A fox runs.", "namespace": "b"}),
        ("delete_namespace", {"id": "b", "delete_documents": True}),
        ("search", {"query": "Who runs?", "namespace": "b"}),
    )

    for text, part in zip(
        read_texts(results),
        [
            "Created namespace: b",
            "Updated namespace: b",
            "**Red foxes** (`b`)",
            "**Red foxes** (`b`)",
            "(1 chunks) in namespace b",
            "# fox.txt",
            "A fox waits.",
            "moved to trash",
            "No results found",
            "Ingested successfully",
            "Deleted namespace: b (2 chunks deleted)",  # one of them is in the trash
            "No results found",
        ],
        strict=True,
    ):
        assert part in text
    trash = laptop.call(url, "GET", "/trash/")[1]["documents"]
    assert doc_id in {entry["doc_id"] for entry in trash}


def test_an_assistant_s_errors_are_not_marked(talk):
    """The page says so. If this test fails, update the page."""
    _, [result] = talk(("get_document", {"doc_id": "nobody"}))

    assert read_texts([result]) == ["Error: Document not found: nobody"]
    assert not result.isError
