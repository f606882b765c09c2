"""Calls to S3 Vectors: client, index, request bodies, batches, parallel calls, pace."""
