locals {
  # The literal copy of stache_ai_s3vectors/permissions.py: this module works when copied out
  # alone, and a test holds the two equal.
  reading = ["GetIndex", "GetVectors", "ListVectors", "QueryVectors"]
  writing = ["DeleteVectors", "PutVectors"]
  levels = {
    read = {
      index  = local.reading
      bucket = []
      key    = ["Decrypt"]
    }
    read-write = {
      index  = concat(local.reading, local.writing)
      bucket = []
      key    = ["Decrypt", "GenerateDataKey"]
    }
    manage-indexes = {
      index  = concat(local.reading, local.writing, ["CreateIndex", "UpdateIndexMode", "UpdateMetadataConfiguration"])
      bucket = ["GetVectorBucket", "ListIndexes"]
      key    = ["Decrypt", "GenerateDataKey"]
    }
  }

  encrypted   = var.create_kms_key || var.kms_key_arn != null
  created_key = one(concat(aws_kms_key.retained, aws_kms_key.disposable))
  kms_key_arn = var.create_kms_key ? local.created_key.arn : var.kms_key_arn
  keys        = distinct(concat(local.encrypted ? [local.kms_key_arn] : [], [for index in var.indexes : index.kms_key_arn if index.kms_key_arn != null]))
}

resource "aws_iam_policy" "this" {
  for_each = local.levels

  name        = "${local.bucket_name}-${local.region}-${each.key}"
  description = "Stache's vectors: ${each.key}"
  tags        = local.tags

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Effect   = "Allow"
        Action   = sort([for action in each.value.index : "s3vectors:${action}"])
        Resource = values(local.index_arns)
      }],
      [for actions in [each.value.bucket] : {
        Effect   = "Allow"
        Action   = sort([for action in actions : "s3vectors:${action}"])
        Resource = [local.bucket_arn]
      } if length(actions) > 0],
      [for keys in [local.keys] : {
        Effect   = "Allow"
        Action   = sort([for action in each.value.key : "kms:${action}"])
        Resource = keys
      } if length(keys) > 0],
    )
  })

  lifecycle {
    precondition {
      condition = alltrue([
        for index in merge(aws_s3vectors_index.retained, aws_s3vectors_index.disposable) :
        alltrue([for key in index.encryption_configuration[*].kms_key_arn : key == null || contains(local.keys, coalesce(key, "-"))])
      ])
      error_message = "an index is encrypted with a customer key that is named nowhere, so no policy would let Stache use it: give the key of an existing bucket in kms_key_arn, or that of an index in its entry of indexes."
    }
  }
}

resource "aws_kms_key" "retained" {
  count = var.create_kms_key && var.retain_data ? 1 : 0

  description         = "The vectors in ${local.bucket_name}"
  enable_key_rotation = true
  tags                = local.tags

  lifecycle {
    prevent_destroy = true # without the key the vectors are lost, too
  }
}

resource "aws_kms_key" "disposable" {
  count = var.create_kms_key && !var.retain_data ? 1 : 0

  description         = "The vectors in ${local.bucket_name}"
  enable_key_rotation = true
  tags                = local.tags
}

resource "aws_kms_key_policy" "this" {
  count = var.create_kms_key ? 1 : 0

  key_id = local.created_key.key_id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect    = "Allow"
        Principal = { AWS = "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        # It reads what is stored to build the index, in the background.
        Effect    = "Allow"
        Principal = { Service = "indexing.s3vectors.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = "*"
        Condition = {
          StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id }
          ArnLike      = { "aws:SourceArn" = [local.bucket_arn, "${local.bucket_arn}/*"] }
        }
      },
    ]
  })
}
