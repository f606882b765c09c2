"""The pages show the results in bench/results, and the tools of bench/ count correctly."""

from __future__ import annotations

import re
import socket
import threading
from itertools import pairwise

import pytest

import client_tasks
import measure_costs
import pages
import processes
import sampling

PAGES = {str(page.relative_to(pages.FOLDER.parent)): page.read_text() for page in pages.PAGES}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_shows_the_measured_results(page):
    """Each table and figure between two marks comes from the results."""
    assert pages.fill_page(PAGES[page]) == PAGES[page]


@pytest.mark.parametrize("page", PAGES)
def test_a_figure_that_is_edited_is_detected(page):
    """It is any digit between two marks, in a table or in a sentence."""
    for match in pages.FILLED.finditer(PAGES[page]):
        at = match.start(3) + re.search(r"\d", match[3]).start()
        changed = str((int(PAGES[page][at]) + 1) % 10)
        by_hand = PAGES[page][:at] + changed + PAGES[page][at + 1 :]

        assert pages.fill_page(by_hand) != by_hand


def test_every_table_is_on_a_page():
    """Each rendered table has marks, and each pair of marks has a table."""
    displayed = {
        name for page in PAGES.values() for name in re.findall("<!-- table (.+?) -->", page)
    }

    assert displayed == pages.render_all().keys()


def test_the_readme_has_no_figure_without_marks():
    """A number with decimals is a measurement and is compared with the results."""
    [section] = re.findall(r"## Performance and cost\n(.*?)\n## ", PAGES["README.md"], re.DOTALL)

    assert len(pages.FILLED.findall(section)) > 10
    assert not re.search(r"\d\.\d|\d %", pages.FILLED.sub("", section.replace("keeps 1 %", "")))


def test_a_cell_is_bold_when_it_is_better_than_ours():
    """Less is better for a query, more for an ingest; the difference is over 5 %."""
    ours = {"package": "ours 1", "ingest": 100, "disk": 2.0}
    faster = {"package": "other 1", "ingest": 106, "disk": 1.0}
    as_good = {"package": "other 2", "ingest": 104, "disk": 1.95}
    sizes = {"10": {"ours": ours, "chromadb": faster, "lancedb": as_good}}

    table = dict(pages.render("peers", {"sizes": sizes}))["peers 10"]
    assert "| other 1 | cannot |" in table
    assert re.findall(r"\*\*.*?\*\*", table) == ["**106/s**", "**1.00 x**"]


def test_the_engine_has_a_table_at_any_size():
    """`make bench-quick` measures one size that no page shows."""
    figure = {"median": 2.0, "spread": 5.0, "of": 20, "unit": "ms"}
    ours = {"milliseconds": {"all": figure}, "ratio": {"all": figure}}

    table = dict(pages.render("peers", {"sizes": {"20000": {"ours_text": ours}}}))["engine"]
    assert "|  | 20000 |" in table
    assert "| query | 2.00 (2.00 ms ±5 %) |" in table


def test_the_computed_times_of_small_sizes_are_close_to_the_measured_ones():
    """The difference is at most a quarter."""
    results = pages.load_results()
    rows = measure_costs.compare_with_measured(results["clients"], results["costs"])

    assert len(rows) == 4
    assert all(0.75 <= row["computed"] / row["measured"] <= 1.25 for row in rows.values())


def test_an_index_is_loaded_at_the_service_rate():
    """The rate is 2,500 vectors a second; inserts also wait before and after."""
    seconds = measure_costs.estimate_load(1_000_000, checking=0.0)

    assert 0.95 * 1_000_000 / 2_500 <= seconds <= 1_000_000 / 2_500


def test_a_list_reads_segments_in_parallel():
    """A small index takes two calls; a large one takes rounds of its workers."""
    assert measure_costs.estimate_walk(200, page=200) == 0.1
    assert measure_costs.estimate_walk(32_000, page=200) == (2 + 160 // 8) * 0.05


def test_tasks_take_turns():
    """Each round begins with another task, and no two calls have the same number."""
    calls = []
    tasks = {name: lambda number, name=name: calls.append((name, number)) for name in "abc"}

    times = sampling.time_in_turns(tasks, 2)
    assert [name for name, _ in calls] == ["a", "b", "c", "b", "c", "a"]
    assert all(one < other for (_, one), (_, other) in pairwise(calls))
    assert {name: len(values) for name, values in times.items()} == dict.fromkeys("abc", 2)


def test_every_byte_and_request_is_counted():
    """It counts both directions of all connections, and retries separately."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve_twice, args=(listening,), daemon=True).start()
        with client_tasks.count_traffic() as traffic:
            for attempt in (1, 2):
                head = b"POST / HTTP/1.1\r\namz-sdk-request: attempt=%d\r\n" % attempt
                with socket.create_connection(listening.getsockname()) as client:
                    client.sendall(head + 100_000 * b"x")
                    client.shutdown(socket.SHUT_WR)
                    with client.makefile("rb") as response:
                        response.read()

    assert (traffic["sent"], traffic["received"]) == (2 * len(head) + 200_000, 400_000)
    assert (traffic["requests"], traffic["retried"]) == (2, 1)


def serve_twice(listening):
    """Serve two connections: read each to the end, and respond with twice as much."""
    for _ in range(2):
        connection, _ = listening.accept()
        with connection, connection.makefile("wb") as response:
            while connection.recv(65_536):
                pass
            response.write(200_000 * b"y")  # by a call that is not counted: it is no client


def test_a_command_that_ends_before_its_interruption_is_an_error():
    """It had too few vectors; the error has the option."""
    with pytest.raises(SystemExit, match="policy ended before its .* after 60.0 s; take more --v"):
        processes.run_command("http://127.0.0.1:9", "policy", "--help", until=60)
