"""`examples/quickstart.py` does the product's main job, as `make demo` runs it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from pydoc_data.topics import topics

import pytest

import quickstart
from s3vectors_local import Engine
from stache_ai_s3vectors.aws.connections import close_engines

SCRIPT = Path(quickstart.__file__)


def run(data, *arguments):
    result = subprocess.run(
        [sys.executable, SCRIPT, "--data", data, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=data.parent,
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return result.stdout


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tmp_path_factory.mktemp("quickstart") / "data"


@pytest.fixture(scope="module")
def first_run(data):
    return run(data)


def parse_answers(output):
    """Return the topics of the passages below each question."""
    answers = {}
    for line in output.splitlines():
        if question := re.fullmatch(r"(\S.*\?)  \d+ ms", line):
            passage_topics = answers.setdefault(question[1], [])
        elif passage := re.match(r"  \d\. (\S+)  score (0\.\d\d)  (python/\S+)", line):
            passage_topics.append(passage[1])
    return answers


def test_it_ingests_all_topics_and_answers_from_the_right_ones(first_run):
    """Three questions have three passages each, from topics about the question."""
    assert f"Ingested {len(topics)} topics" in first_run
    assert f"Stored: {len(topics)} documents" in first_run
    answers = parse_answers(first_run)
    about_with = {"with", "context-managers", "specialnames", "compound"}
    about_errors = {"try", "exceptions", "raise", "compound", "execmodel"}
    assert list(answers) == list(quickstart.QUESTIONS)
    assert [len(passage_topics) for passage_topics in answers.values()] == [3, 3, 3]
    assert set(answers[quickstart.QUESTIONS[0]]) <= about_with
    assert set(answers[quickstart.QUESTIONS[1]]) <= about_errors
    assert set(answers[quickstart.QUESTIONS[2]]) == {"debugger"}


def test_the_readme_shows_what_the_demo_prints(first_run):
    """Parts that it leaves out (…) and numbers may differ, and topics with the Python version."""
    page = (SCRIPT.parents[1] / "README.md").read_text()
    demo = re.search(r"^```console\n\$ make demo\n(.*?)^```", page, re.MULTILINE | re.DOTALL)[1]
    assert any(question in demo for question in quickstart.QUESTIONS)
    if quickstart.NAMESPACE not in demo:
        demo = re.sub(r"(?<=^  \d\. )\S+|(?<=^ {5})\S.*$", "…", demo, flags=re.MULTILINE)

    parts = re.split(r"(…|\d+(?:[.,]\d+)*)", demo)
    patterns = [
        ".*" if part == "…" else r"[\d.,]+" if part[:1].isdigit() else re.escape(part)
        for part in parts
    ]
    assert re.match("".join(patterns), first_run, re.DOTALL)


@pytest.mark.usefixtures("first_run")
def test_a_second_run_uses_what_is_stored(data):
    """It can have a question of the user's."""
    output = run(data, "--question", "How do I unpack a sequence?")

    assert "All topics were stored already" in output
    assert len(parse_answers(output)["How do I unpack a sequence?"]) == 3


def test_data_in_use_by_another_process_is_an_error_of_one_line(tmp_path):
    """Two demos may run at a time."""
    owner = Engine(tmp_path / "vectors")

    result = subprocess.run(
        [sys.executable, SCRIPT, "--data", tmp_path], capture_output=True, text=True, check=False
    )
    owner.close()

    assert result.returncode == 2
    assert "vectors belongs to a running engine" in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.usefixtures("first_run")
def test_a_run_completes_an_interrupted_one(data, monkeypatch):
    """It ingests a topic again if only a part of it is stored."""
    for name, value in quickstart.make_settings(data).items():
        monkeypatch.setenv(name, value)
    provider = quickstart.make_pipeline().documents_provider
    rows = provider.scan_by_metadata({"topic": "try"})
    provider.delete([rows[0]["id"]])
    remaining = provider.count_by_filter({})
    close_engines()  # the script needs the directory

    output = run(data)

    assert "Ingested 1 topics" in output
    assert re.search(rf"{len(topics)} documents, {remaining + 1} chunks", output)
