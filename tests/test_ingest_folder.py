"""`examples/ingest_folder.py` sends files to a running Stache over its API."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pptx
import pytest
from ebooklib import epub

import ingest_folder
from support.stache import laptop
from support.stache.laptop_section import DOT_ENV, START

SCRIPT = Path(ingest_folder.__file__)
FILES = SCRIPT.parent / "files"
NAMES = ["cats.md", "invoice.pdf", "letter.docx", "printers.txt"]


def run(*arguments):
    """Run the script; return its exit code and its output."""
    done = subprocess.run(
        [sys.executable, SCRIPT, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout.splitlines(), done.stderr


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """Serve a Stache that is set up as in docs/laptop.md, and return its URL."""
    folder = tmp_path_factory.mktemp("stache")
    (folder / ".env").write_text(DOT_ENV)
    with laptop.serve_stache(START, folder, laptop.make_environment(folder)) as url:
        yield url


def ask(url, words, namespace="files"):
    body = {"query": words, "namespace": namespace, "synthesize": False, "rerank": False}
    return laptop.call(url, "POST", "/query", body)[1]["sources"][0]


def test_the_example_s_files_are_ingested_and_searchable(url):
    """They are Markdown, PDF, DOCX and text."""
    code, lines, errors = run(FILES, "--namespace", "files", "--url", url)

    assert (code, errors) == (0, "")
    assert lines == [f"{name}: done 1 chunks" for name in NAMES]
    assert ask(url, "When is the invoice paid?")["metadata"]["filename"] == "invoice.pdf"
    assert ask(url, "What has your dog eaten?")["metadata"]["filename"] == "letter.docx"
    assert "thirteen hours" in ask(url, "How long does a cat sleep?")["text"]
    assert "toner" in ask(url, "What does a printer melt?")["text"]


def test_slides_and_books_are_ingested(url, tmp_path):
    """PPTX and EPUB need the package that the page names."""
    slides = pptx.Presentation()
    slides.slides.add_slide(slides.slide_layouts[0]).shapes.title.text = "Owls hunt at night."
    slides.save(tmp_path / "owls.pptx")
    book, chapter = epub.EpubBook(), epub.EpubHtml(title="Seals", file_name="seals.xhtml")
    chapter.content = "<p>A seal dives for fish.</p>"
    for item in (chapter, epub.EpubNcx(), epub.EpubNav()):
        book.add_item(item)
    book.spine = [chapter]
    epub.write_epub(tmp_path / "seals.epub", book)

    assert run(tmp_path, "--namespace", "books", "--url", url)[0] == 0
    assert "Owls hunt" in ask(url, "When do owls hunt?", "books")["text"]
    assert "dives for fish" in ask(url, "What does a seal dive for?", "books")["text"]


def test_a_second_run_changes_nothing(url):
    """No document is listed twice."""
    run(FILES, "--namespace", "twice", "--url", url)
    _, lines, _ = run(FILES, "--namespace", "twice", "--url", url)

    assert [line.split()[1] for line in lines] == ["skipped", "done", "done", "skipped"]
    documents = laptop.call(url, "GET", "/documents", namespace="twice")[1]["documents"]
    assert sorted(document["filename"] for document in documents) == NAMES


def test_files_of_one_name_in_two_folders_are_two_documents(url, tmp_path):
    """Neither replaces the other, however often they are sent."""
    for folder in ("a", "b"):
        shutil.copytree(FILES, tmp_path / folder)
    for _ in range(2):
        assert run(tmp_path, "--namespace", "folders", "--url", url)[0] == 0

    documents = laptop.call(url, "GET", "/documents", namespace="folders")[1]["documents"]
    assert sorted(document["source_path"] for document in documents) == [
        f"{folder}/{name}" for folder in ("a", "b") for name in NAMES
    ]


def test_another_encoding_is_refused(url, tmp_path):
    """The output names the file; the other files are ingested."""
    (tmp_path / "a.txt").write_bytes("un café".encode("latin-1"))
    (tmp_path / "b.txt").write_text("un café", encoding="utf-8")
    code, lines, _ = run(tmp_path, "--namespace", "encodings", "--url", url)

    assert code == 1
    assert lines == ["a.txt: failed is not UTF-8; convert it first", "b.txt: done 1 chunks"]


def test_a_missing_stache_or_folder_is_an_error_of_one_line(tmp_path):
    """It says what to do."""
    assert "start Stache first (make stache)" in run(FILES, "--url", "http://127.0.0.1:9")[2]
    assert run(tmp_path / "no")[2] == f"ingest_folder: {tmp_path}/no is not a folder\n"


@pytest.mark.parametrize("name", NAMES)
def test_an_upload_is_listed_by_a_temporary_name(url, name):
    """So the page does not recommend it. If this test fails, update the page."""
    namespace = Path(name).stem
    upload = ["-s", "-F", f"file=@{FILES / name}", "-F", f"namespace={namespace}"]
    subprocess.run(["curl", *upload, f"{url}/api/upload"], check=True, capture_output=True)

    [document] = laptop.call(url, "GET", "/documents", namespace=namespace)[1]["documents"]
    assert document["filename"] != name
    assert document["filename"].endswith(Path(name).suffix)


def test_a_deleted_namespace_s_documents_stay_listed(url):
    """The page says so. If this test fails, update the page."""
    laptop.call(url, "POST", "/namespaces", {"id": "gone", "name": "Gone"})
    laptop.call(url, "POST", "/ingest", {"text": "Away.", "namespace": "gone"})
    assert laptop.call(url, "DELETE", "/namespaces/gone")[0] == 200

    assert laptop.call(url, "GET", "/documents", namespace="gone")[1]["count"] == 1
    body = {"query": "Away.", "namespace": "gone", "synthesize": False}
    assert laptop.call(url, "POST", "/query", body)[1]["sources"] == []


@pytest.mark.parametrize("name", NAMES)
def test_stache_s_own_importer_imports_nothing(tmp_path, name):
    """So the page does not recommend it. If this test fails, update the page."""
    script = Path(sys.executable).with_name("stache-import")
    environment = laptop.make_environment(tmp_path)
    (tmp_path / ".env").write_text(DOT_ENV)
    done = subprocess.run(
        [sys.executable, script, FILES, "-n", "files", "-p", name],
        input="y\n",
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=tmp_path,
    )

    assert done.returncode == 1
    assert "'coroutine' object is not subscriptable" in done.stdout + done.stderr
