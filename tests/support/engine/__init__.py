"""Checks of the engine against botocore, moto and web pages, and an endpoint that fails."""
