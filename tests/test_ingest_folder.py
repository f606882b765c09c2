"""`examples/ingest_folder.py`: files into a Stache that is running, over its API."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import ingest_folder
import laptop
from laptop_section import DOT_ENV, START

SCRIPT = Path(ingest_folder.__file__)
FILES = SCRIPT.parent / "files"
DOCX = find_spec("stache_ai_documents") is not None
"""Whether Stache's package that reads DOCX is installed."""


def run(*arguments):
    """The exit code, and what the script prints."""
    done = subprocess.run(
        [sys.executable, SCRIPT, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout.splitlines(), done.stderr


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """Stache as the README sets it up."""
    folder = tmp_path_factory.mktemp("stache")
    (folder / ".env").write_text(DOT_ENV)
    with laptop.stache(START, folder, laptop.make_environment(folder), quiet=DOCX) as url:
        yield url


def ask(url, words):
    body = {"query": words, "namespace": "files", "synthesize": False, "rerank": False}
    return laptop.call(url, "POST", "/query", body)[1]["sources"][0]


def test_the_example_s_files_are_ingested_and_found(url):
    """Markdown, text and PDF; DOCX, where its loader is installed, and otherwise it says so."""
    code, lines, _ = run(FILES, "--namespace", "files", "--url", url)

    letter = "done 1 chunks" if DOCX else "failed No loader for extension: .docx. Available:"
    assert code == (0 if DOCX else 1)
    for line, start in zip(
        lines,
        [
            "cats.md: done 1 chunks",
            "invoice.pdf: done 1 chunks",
            f"letter.docx: {letter}",
            "printers.txt: done 1 chunks",
        ],
        strict=True,
    ):
        assert line.startswith(start)
    assert ask(url, "When is the invoice paid?")["metadata"]["filename"] == "invoice.pdf"
    assert "thirteen hours" in ask(url, "How long does a cat sleep?")["text"]
    assert "toner" in ask(url, "What does a printer melt?")["text"]


def test_a_second_run_changes_nothing(url):
    """No document is there twice."""
    run(FILES, "--namespace", "twice", "--url", url)
    _, lines, _ = run(FILES, "--namespace", "twice", "--url", url)

    assert [line.split()[1] for line in lines if "docx" not in line] == [
        "skipped",
        "done",
        "skipped",
    ]
    documents = laptop.call(url, "GET", "/documents", namespace="twice")[1]["documents"]
    names = [document["filename"] for document in documents]
    assert sorted(names) == sorted({*names})


def test_without_stache_it_is_one_line(tmp_path):
    """Nor without a folder."""
    assert "start Stache first (make stache)" in run(FILES, "--url", "http://127.0.0.1:9")[2]
    assert run(tmp_path / "no")[2] == f"ingest_folder: {tmp_path}/no is not a folder\n"


def test_an_upload_is_listed_by_a_temporary_name(url):
    """So the page does not advise it. When this fails, the page can."""
    upload = ["-s", "-F", f"file=@{FILES / 'invoice.pdf'}", "-F", "namespace=up"]
    subprocess.run(["curl", *upload, f"{url}/api/upload"], check=True, capture_output=True)

    [document] = laptop.call(url, "GET", "/documents", namespace="up")[1]["documents"]
    assert document["filename"] != "invoice.pdf"
    assert document["filename"].endswith(".pdf")


def test_a_deleted_namespace_s_documents_stay_listed(url):
    """As the page says. When this fails, the page need not."""
    laptop.call(url, "POST", "/namespaces", {"id": "gone", "name": "Gone"})
    laptop.call(url, "POST", "/ingest", {"text": "Away.", "namespace": "gone"})
    assert laptop.call(url, "DELETE", "/namespaces/gone")[0] == 200

    assert laptop.call(url, "GET", "/documents", namespace="gone")[1]["count"] == 1
    body = {"query": "Away.", "namespace": "gone", "synthesize": False}
    assert laptop.call(url, "POST", "/query", body)[1]["sources"] == []


def test_stache_s_own_importer_imports_nothing(tmp_path):
    """So the page does not advise it. When this fails, the page can."""
    script = Path(sys.executable).with_name("stache-import")
    environment = laptop.make_environment(tmp_path)
    (tmp_path / ".env").write_text(DOT_ENV)
    done = subprocess.run(
        [sys.executable, script, FILES, "-n", "files", "-p", "*.txt"],
        input="y\n",
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=tmp_path,
    )

    assert done.returncode == 1
    assert "'coroutine' object is not subscriptable" in done.stdout + done.stderr
