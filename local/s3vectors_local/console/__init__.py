"""The console: web pages that show the content of S3 Vectors, and their HTTP API.

`application` is the door, `jobs` what takes long, `service` what is asked. Nothing of it is
imported until somebody opens it, except `options`.
"""
