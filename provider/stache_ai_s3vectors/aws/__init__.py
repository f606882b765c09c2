"""How S3 Vectors is called: client, index, request bodies, batches, parallel calls, pace."""
