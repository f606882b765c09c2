"""The console: web pages that show what an S3 Vectors service has, and its HTTP API.

`application` is the door, `jobs` what takes long, `service` what is asked. Nothing of it is
imported until somebody opens it, except `options`.
"""
