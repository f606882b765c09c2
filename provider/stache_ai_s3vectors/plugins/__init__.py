"""Stache's other plugins: its query processor, and its document index on SQLite."""
