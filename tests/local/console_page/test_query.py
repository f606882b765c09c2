"""Querying an index by key, words, vector, or both, and the reason why a vector is missing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

from support.console.data import BUCKET, make_vector

INDEX = f"#/bucket/{BUCKET}/index/many"
NAMES = {"vectorBucketName": BUCKET, "indexName": "many"}


def read_keys(page):
    """Return the keys of the results."""
    return page.texts(".answers .keycell a")


def query(console, **request):
    """Query the engine directly."""
    response = console.engine.call("QueryVectors", {**NAMES, "topK": 10, **request})
    return [vector["key"] for vector in response["vectors"]]


def test_a_stored_vector_finds_similar_ones(page, console):
    """The vector itself is first. Order and distances are those of the engine."""
    page.open_console(console.url, f"{INDEX}/query?key=doc-00042")
    page.wait("10 results")

    data = make_vector("doc-00042", 42)["data"]
    assert read_keys(page) == query(console, queryVector=data)
    assert page.text(".answers tbody tr").split()[:3] == ["1", "doc-00042", "0.0000"]


def test_a_pasted_vector_may_have_any_usual_notation(page, console):
    """It may have JSON, commas, spaces, or the notation of the API."""
    data = make_vector("doc-00042", 42)["data"]
    numbers = data["float32"]
    ways = [json.dumps(numbers), " ".join(map(str, numbers)), json.dumps({"float32": numbers})]
    page.open_console(console.url, f"{INDEX}/query")
    page.choose("Nearest to", "vector")
    for way in ways:
        page.fill("Numbers", way)
        page.evaluate("document.querySelector('.result').replaceChildren()")
        page.click("button", "Query")
        page.waitFor(".answers .keycell")

        assert read_keys(page) == query(console, queryVector=data)


def test_a_pasted_word_is_reported_and_not_sent(page, console):
    page.open_console(console.url, f"{INDEX}/query")
    page.choose("Nearest to", "vector")
    page.fill("Numbers", "0.5, one, 2")
    page.click("button", "Query")

    page.wait("Number 2 of the vector is “one”, which is not a number.")


def test_a_search_by_words_shows_its_scores(page, console):
    """The engine's full-text search finds them."""
    page.open_console(console.url, f"{INDEX}/query")
    page.check("Words")
    page.fill("Text", "mountains 4005")
    page.press("Enter")
    page.wait("10 results")

    expected = query(console, queryTexts=[{"metadataKey": "text", "text": "mountains 4005"}])
    assert read_keys(page) == expected
    assert expected[0] == "doc-04005"
    assert "Text score" in page.text(".answers thead")


def test_a_hybrid_query_shows_three_scores(page, console):
    """They are distance, text score and fused score."""
    page.open_console(console.url, f"{INDEX}/query?mode=hybrid&key=doc-00042&text=mountains")
    page.wait("10 results")

    titles = page.text(".answers thead").split("\t")
    assert [title.strip() for title in titles[2:5]] == ["Distance", "Text score", "Fused score"]


def test_the_filter_and_the_number_of_results_are_sent_to_the_service(page, console):
    """Both are in the address."""
    page.open_console(console.url, f"{INDEX}/query?key=doc-00042")
    page.wait("10 results")
    page.fill("Filter", '{"kind": {"$in": ["film", "song"]}}')
    page.fill("Results (top k)", "3")
    page.click("button", "Query")
    page.wait("3 results")
    page.evaluate("location.reload()")
    page.wait("3 results")

    data, conditions = make_vector("", 42)["data"], {"kind": {"$in": ["film", "song"]}}
    assert read_keys(page) == query(console, queryVector=data, topK=3, filter=conditions)


def test_several_columns_can_be_chosen_in_the_open_list(page, console):
    """A response without vectors does not reset the choice."""
    nothing = quote(json.dumps({"kind": "none"}))
    page.open_console(console.url, f"{INDEX}/query?key=doc-00042&filter={nothing}")
    page.wait("No vector matches.")
    page.fill("Filter", "")
    page.press("Enter")
    page.wait("10 results")
    assert page.texts(".answers thead .meta") == ["text", "kind", "number", "shelf"]
    page.evaluate("document.querySelector('.menu summary').click()")
    page.wait("Keys in a sample of 1,000 vectors")
    for box in (0, 1):
        page.evaluate(f"document.querySelectorAll('.choice input')[{box}].click()")

    page.waitUntil("document.querySelectorAll('.answers thead .meta').length === 2")
    assert page.evaluate("document.querySelector('.menu').open")


def test_a_dialog_closes_with_its_view(page, console):
    """Otherwise it would be about something that is no longer shown."""
    page.open_console(console.url, f"{INDEX}/query?key=doc-00042")
    page.wait("10 results")
    page.click("button", "Copy as code")
    page.waitFor("dialog")
    page.navigate(f"{INDEX}/transfer")
    page.wait("JSON Lines")

    page.waitUntil("document.querySelector('dialog') === null")


def test_why_shows_the_rank_or_the_condition_that_excludes_a_vector(page, console):
    """It shows the vector's value."""
    conditions = {"$and": [{"kind": "book"}, {"number": {"$lt": 10}}]}
    page.open_console(
        console.url, f"{INDEX}/query?key=doc-00042&filter={quote(json.dumps(conditions))}"
    )
    page.wait("4 results")
    page.fill("Key that you expect", "doc-00042")
    page.click("button", "Explain")
    page.wait("The filter excludes this vector: it does not match at /$and/1/number/$lt.")

    rows = [row.split("\t") for row in page.texts(".why tbody tr")]
    assert [(row[2].strip(), row[3].strip()) for row in rows[1:]] == [
        ("book", "✓ yes"),
        ("42", "✗ no"),
    ]
    page.fill("Key that you expect", "doc-00003")
    page.click("button", "Explain")
    page.wait("of the query.")


def test_the_copied_boto3_and_aws_cli_code_runs_the_same_query(page, console, tmp_path):
    """The filter contains quotes of each kind."""
    awkward = {"kind": {"$ne": 'it\'s "$HOME" `id` \\ \u202e 😀'}}
    page.open_console(
        console.url, f"{INDEX}/query?key=doc-00042&filter={quote(json.dumps(awkward))}"
    )
    page.wait("10 results")
    page.click("button", "Copy as code")
    page.waitFor("dialog")
    page.click("button", "Copy boto3")
    page.wait("Copied boto3")
    python = page.evaluate("navigator.clipboard.readText()")
    shell = page.evaluate("document.querySelectorAll('dialog pre')[1].textContent")

    script = tmp_path / "query.py"
    script.write_text(f"{python}print(*[v['key'] for v in response['vectors']])")
    by_python = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    aws = Path(sys.executable).with_name("aws")
    by_shell = subprocess.run(
        ["sh", "-c", f'aws() {{ "{sys.executable}" "{aws}" "$@"; }}\n{shell}'],
        capture_output=True,
        text=True,
        check=True,
    )

    keys = read_keys(page)
    assert "\u202e" not in python + shell
    assert by_python.stdout.split() == keys
    assert [vector["key"] for vector in json.loads(by_shell.stdout)["vectors"]] == keys
