locals {
  # What another account may do, besides what its own policies must allow there.
  shared = {
    Readers = {
      principals = distinct(var.readers)
      actions    = local.levels.read.index
    }
    Writers = {
      principals = distinct(var.writers)
      actions    = local.levels.read-write.index
    }
  }
  other_principals = distinct(concat(var.readers, var.writers))

  # An existing bucket is referenced by name. A new bucket is referenced as a resource, because a
  # replaced bucket loses its policy.
  policed_bucket = one(concat(
    aws_s3vectors_vector_bucket.retained[*].vector_bucket_arn,
    aws_s3vectors_vector_bucket.disposable[*].vector_bucket_arn,
    var.existing_bucket ? [local.bucket_arn] : []
  ))
}

resource "aws_s3vectors_vector_bucket_policy" "this" {
  # This depends only on whether the lists are empty: the ARN of a role in the same apply is not
  # known yet.
  count = length(var.readers) + length(var.writers) > 0 ? 1 : 0

  vector_bucket_arn = local.policed_bucket
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      for sid, to in local.shared : {
        Sid       = sid
        Effect    = "Allow"
        Principal = { AWS = to.principals }
        Action    = sort([for action in to.actions : "s3vectors:${action}"])
        Resource  = values(local.index_arns)
      } if length(to.principals) > 0
    ]
  })

  lifecycle {
    precondition {
      condition     = alltrue([for arn in local.other_principals : split(":", arn)[1] == data.aws_partition.current.partition])
      error_message = "readers and writers have principals of a different partition from the bucket, ${data.aws_partition.current.partition}: ${join(", ", [for arn in local.other_principals : arn if split(":", arn)[1] != data.aws_partition.current.partition])}. No policy works across partitions. Remove them."
    }
  }
}
