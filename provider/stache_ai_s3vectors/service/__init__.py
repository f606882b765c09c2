"""Facts about S3 Vectors: names, limits, IAM permissions. Pure."""
