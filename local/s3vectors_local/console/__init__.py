"""The console: web pages that show the content of S3 Vectors, and their HTTP API.

`application` answers HTTP requests, `jobs` has the long-running jobs, `service` calls
S3 Vectors. Only `options` is imported before somebody opens the console.
"""
