"""A wait ends soon after an interruption, also one that came just before it."""

from __future__ import annotations

import ctypes
import threading

import pytest

from stache_ai_s3vectors.aws import deadlines

LONG = 60
"""Seconds in which a short wait ends on any machine."""


def pause_in_a_limit():
    """Wait before an attempt, within a limit of time."""
    with deadlines.time_limit(10 * LONG):
        deadlines.pause(10 * LONG)


@pytest.mark.parametrize("wait", [lambda: deadlines.pause(10 * LONG), pause_in_a_limit])
def test_an_interruption_just_before_a_wait_ends_it(wait):
    """Python raises it only when the wait ends: here as an exception that wakes no wait up."""
    begun, raised = threading.Event(), []

    def work():
        try:
            begun.set()
            wait()
        except KeyboardInterrupt:
            raised.append(True)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    begun.wait()
    interruption = ctypes.py_object(KeyboardInterrupt)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), interruption)
    thread.join(LONG)

    assert raised
