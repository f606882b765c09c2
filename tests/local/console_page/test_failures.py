"""Each failure is shown with the service's message, and the page stays usable."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from s3vectors_local import Engine, Policies, serving
from s3vectors_local.console.options import ConsoleOptions
from support.console.data import BUCKET, SEARCHABLE, create_index, make_vector, put_vectors

TOKEN = "a-token-that-nobody-guesses"
INDEX = f"#/bucket/{BUCKET}/index/one"


@pytest.fixture
def one_vector_engine():
    """Return an engine with one vector, in an index `one`."""
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    with Engine(policies=Policies({"Version": "2012-10-17", "Statement": everything})) as engine:
        engine.call("CreateVectorBucket", {"vectorBucketName": BUCKET})
        put_vectors(engine, create_index(engine, "one", **SEARCHABLE), [make_vector("only", 0)])
        yield engine


def test_each_view_reports_a_stopped_engine(page, one_vector_engine):
    """The message has a button to try again."""
    with serving(one_vector_engine, console=ConsoleOptions()) as url:
        page.open_console(url, INDEX)
        page.wait("Data type")
    for view in ("", "/browse", "/query?key=only", "/map", "/vector/only"):
        page.navigate(f"{INDEX}{view}?" if view == "" else f"{INDEX}{view}")
        page.waitUntil("/does not answer. It may have stopped/.test(document.body.innerText)")
        assert page.count("button:text('Try again')") > 0
    page.navigate("#/requests")

    page.wait("does not answer. It may have stopped")


def test_a_denial_is_shown_with_the_service_s_message(page, one_vector_engine):
    """Allowed data is shown as well."""
    statement = {
        "Effect": "Allow",
        "Action": ["s3vectors:ListVectorBuckets", "s3vectors:ListIndexes", "s3vectors:GetIndex"],
        "Resource": "*",
    }
    one_vector_engine._policies = Policies({"Version": "2012-10-17", "Statement": [statement]})
    with serving(one_vector_engine, console=ConsoleOptions()) as url:
        page.open_console(url)
        page.wait("AccessDeniedException")
        page.wait("s3vectors:GetVectorBucket")
        page.wait("cosine")
        page.navigate(f"{INDEX}/browse")

        page.wait("s3vectors:ListVectors")
        page.wait("AccessDeniedException")


@pytest.mark.parametrize(
    "view, button, action",
    [
        ("", "Count vectors", "ListVectors"),
        ("", "Read a sample", "ListVectors"),
        ("/browse", None, "ListVectors"),
        ("/query?key=only", None, "GetVectors"),
        ("/query?mode=text&text=book", None, "QueryVectors"),
        ("/map", None, "ListVectors"),
        ("/vector/only", None, "GetVectors"),
        ("/transfer", "Download", "ListVectors"),
        ("", "Delete the index …", "DeleteIndex"),
    ],
)
def test_each_view_shows_a_denied_action(page, one_vector_engine, view, button, action):
    """It has the service's message."""
    statement = {"Effect": "Allow", "Action": "s3vectors:GetIndex", "Resource": "*"}
    one_vector_engine._policies = Policies({"Version": "2012-10-17", "Statement": [statement]})
    with serving(one_vector_engine, console=ConsoleOptions(write=True)) as url:
        page.open_console(url, f"{INDEX}{view}")
        page.wait("8 dimensions")
        if button:
            page.click("button", button)
        if action == "DeleteIndex":
            page.fill("Name of the index", "one")
            page.click("button", "Delete the index and its vectors")

        denied = f"not authorized to perform: s3vectors:{action}"
        page.waitUntil(f"document.body.innerText.includes({denied!r})")


def test_the_token_is_removed_from_the_address_and_stored_for_the_session(page, one_vector_engine):
    """Neither history nor screen shows it, and the next view does not ask again."""
    with serving(one_vector_engine, console=ConsoleOptions(token=TOKEN)) as url:
        page.open_console(url, f"#token={TOKEN}")
        page.wait("Buckets and indexes")

        assert TOKEN not in page.evaluate("location.href")
        page.evaluate("location.reload()")
        page.wait("cosine")


def test_without_the_token_the_page_asks_for_it(page, one_vector_engine):
    """It refuses a wrong one, and accepts the printed address."""
    with serving(one_vector_engine, console=ConsoleOptions(token=TOKEN)) as url:
        page.open_console(url)
        page.wait("TokenRequired")
        page.fill("Token", "wrong")
        page.click("button", "Open the console")
        page.waitUntil("document.getElementById('token').value === ''")
        page.fill("Token", f"{url}/#token={TOKEN}")
        page.click("button", "Open the console")

        page.wait("cosine")


@pytest.mark.parametrize("fragment", ["", "#token=wrong", "#token=%"])
def test_the_printed_address_can_be_opened_in_the_tab_that_asks_for_the_token(
    page, one_vector_engine, fragment
):
    """The browser then loads nothing, because only the part after the `#` changes."""
    with serving(one_vector_engine, console=ConsoleOptions(token=TOKEN)) as url:
        page.open_console(url, fragment)
        page.wait("TokenRequired")
        page.navigate(f"#token={TOKEN}")

        page.wait("cosine")
        assert TOKEN not in page.evaluate("location.href")


def test_the_page_asks_again_when_the_token_becomes_invalid(page, one_vector_engine):
    """This happens after a restart of the server."""
    with serving(one_vector_engine, console=ConsoleOptions(token=TOKEN)) as url:
        page.open_console(url, f"#token={TOKEN}")
        page.wait("cosine")
        page.navigate("#token=wrong")
        page.wait("TokenRequired")
        page.fill("Token", TOKEN)
        page.click("button", "Open the console")

        page.wait("cosine")
        assert page.count("#tree [data-index=one]") == 1


@pytest.mark.parametrize(
    "address, action, words",
    [
        (f"#/bucket/{BUCKET}", "GetVectorBucket", "SSE-S3 (AES256)"),
        (f"#/bucket/{BUCKET}", "ListTagsForResource", "No tags"),
        (INDEX, "GetIndex", "Data type"),
    ],
)
def test_try_again_repeats_the_failed_request(page, one_vector_engine, address, action, words):
    """It may be allowed by then."""
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    denial = {"Effect": "Deny", "Action": f"s3vectors:{action}", "Resource": "*"}
    one_vector_engine._policies = Policies(
        {"Version": "2012-10-17", "Statement": [everything, denial]}
    )
    with serving(one_vector_engine, console=ConsoleOptions()) as url:
        page.open_console(url, address)
        page.waitFor("main .failure")
        page.waitUntil("!document.querySelector('main [aria-busy]')")
        one_vector_engine._policies = Policies({"Version": "2012-10-17", "Statement": everything})
        page.evaluate("document.querySelectorAll('main .failure button').forEach((b) => b.click())")

        page.wait(words)
        page.waitUntil("!document.querySelector('main .failure')")


@pytest.mark.parametrize("view", ["browse", "map", "query?key=only"])
def test_the_service_s_error_about_a_filter_is_shown_at_its_field(page, console, view):
    """It has the code and the message, and the field is marked."""
    page.open_console(console.url, f"{console.index('one')}/{view}")
    page.fill("Filter", '{"kind": {"$like": "b"}}')
    page.press("Enter")

    page.waitUntil("document.getElementById('filter-error').textContent.includes('Invalid filter')")
    assert "ValidationException" in page.text("#filter-error")
    assert page.evaluate("document.activeElement.id") == "filter"
    assert page.evaluate("document.getElementById('filter').ariaInvalid") == "true"


def test_a_filter_that_is_not_json_is_never_sent(page, console):
    """The field shows where the JSON is invalid."""
    page.open_console(console.url, f"{console.index('one')}/browse")
    page.wait("only")
    page.fill("Filter", '{"kind": ')
    page.press("Enter")

    page.waitUntil("document.getElementById('filter-error').textContent.includes('not JSON')")
    page.wait("only")


@pytest.mark.parametrize(
    "view, words",
    [
        ("", "Count vectors"),
        ("/browse", "This index has no vectors."),
        ("/map", "This index has no vectors."),
        ("/query?key=nobody", "nobody"),
        ("/vector/nobody", "This index has no vector with this key."),
    ],
)
def test_each_view_reports_an_empty_index(page, console, view, words):
    page.open_console(console.url, console.index("empty") + view)

    page.wait(words)


def test_a_damaged_index_is_reported_and_hides_no_other(page, tmp_path):
    """Each of its views shows the error. The overview and the other index stay usable."""
    with Engine(tmp_path / "data") as engine:
        engine.call("CreateVectorBucket", {"vectorBucketName": BUCKET})
        for name in ("whole", "damaged"):
            put_vectors(engine, create_index(engine, name), [make_vector("only", 0)])
    with closing(sqlite3.connect(tmp_path / "data" / "s3vectors.db")) as database:
        database.execute("DROP TABLE vectors_2")
        database.commit()
    with Engine(tmp_path / "data") as engine, serving(engine, console=ConsoleOptions()) as url:
        page.open_console(url)
        page.waitUntil("document.querySelectorAll('tbody tr').length === 2")
        for view in ("browse", "map", "query?key=only", "vector/only"):
            page.navigate(f"#/bucket/{BUCKET}/index/damaged/{view}")
            page.waitUntil("/InternalServer/.test(document.querySelector('.failure')?.innerText)")
        page.navigate(f"#/bucket/{BUCKET}/index/whole/browse")

        page.wait("Page 1: 1 vector")
