"""Processes that tests start, fork, restore and kill, and what they may connect to."""
