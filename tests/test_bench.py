"""What the pages of bench/ say is what its results say, and its tools count rightly."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import report
import scale
import summary
import wire

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
SCALE = (ROOT / "bench" / "scale.md").read_text()


def test_the_page_says_what_was_measured():
    """Written by `report.py`, and by nobody else."""
    assert report.page() == (ROOT / "bench" / "README.md").read_text()


def test_the_readme_shows_the_same_figures():
    """Between its two marks."""
    assert summary.within(README, report.load) == README


def test_the_plan_tells_small_sizes_as_they_were_measured():
    """The simulation that tells the large ones is within a quarter of each."""
    rows = scale.reproduced()

    assert len(rows) == 4
    assert all(0.75 <= float(row[-1]) <= 1.25 for row in rows)
    assert all(" | ".join(row) in SCALE for row in rows)


def test_the_plan_has_today_s_prices():
    """Those that the provider's table says."""
    assert all(" | ".join(row) in SCALE for row in scale.bills())


def test_the_simulated_ingestion_keeps_to_the_service_s_rate():
    """2,500 vectors a second: nothing is refused, and hardly any time is lost."""
    loaded = scale.load(1_000_000, latency=0.15, before=0.0, processor=0.0)

    assert loaded.throttled == 0
    # A full request goes out at once, the others at the rate
    assert 999_500 / 2_500 <= loaded.seconds <= 1.01 * 999_500 / 2_500


def test_a_slow_processor_makes_a_simulated_ingestion_longer():
    """A millisecond a vector is a thousand a second."""
    loaded = scale.load(100_000, latency=0.15, before=0.0, processor=0.001)

    assert 100 <= loaded.seconds <= 101


def test_a_simulated_walk_reads_pages_in_segments():
    """Two calls for a small index; a large one takes as many rounds as its workers need, too."""
    assert scale.walk(200, latency=0.05, serving=0.0, reading=0.0, page=200) == 0.1
    rounds = scale.walk(32_000, latency=0.05, serving=0.0, reading=0.0, page=200) / 0.05
    assert round(rounds) == 2 + 160 // scale.WORKERS


def test_the_relay_counts_every_byte_and_request():
    """In both directions, of several connections."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=answer_twice, args=(listening,), daemon=True).start()
        with wire.counting(f"http://127.0.0.1:{listening.getsockname()[1]}") as counted:
            address = ("127.0.0.1", int(counted.url.rpartition(":")[2]))
            for _ in range(2):
                with socket.create_connection(address) as client:
                    client.sendall(b"POST / " + 100_000 * b"x")
                    client.shutdown(socket.SHUT_WR)
                    while client.recv(65_536):
                        pass

    assert (counted.sent, counted.received, counted.requests) == (200_014, 400_000, 2)


def answer_twice(listening):
    """A server that reads to the end, and answers with twice as much."""
    for _ in range(2):
        connection, _ = listening.accept()
        with connection:
            while connection.recv(65_536):
                pass
            connection.sendall(200_000 * b"y")
