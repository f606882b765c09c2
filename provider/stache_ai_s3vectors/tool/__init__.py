"""The command stache-s3vectors. Nothing in here runs in Lambda."""
