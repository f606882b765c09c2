"""Stache's own application and pipeline, in processes of their own."""
