locals {
  # The literal copy of stache_ai_s3vectors/service/permissions.py: this module works when copied out
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
      key    = ["Decrypt"]
    }
    manage-indexes = {
      index  = concat(local.reading, local.writing, ["CreateIndex", "UpdateIndexMode", "UpdateMetadataConfiguration"])
      bucket = ["GetVectorBucket", "ListIndexes"]
      key    = ["Decrypt", "GenerateDataKey"]
    }
  }

  encrypted    = var.create_kms_key || var.kms_key_arn != null
  created_key  = one(concat(aws_kms_key.retained, aws_kms_key.disposable))
  kms_key_arn  = var.create_kms_key ? local.created_key.arn : var.kms_key_arn
  kms_key_arns = distinct(concat(local.encrypted ? [local.kms_key_arn] : [], [for index in var.indexes : index.kms_key_arn if index.kms_key_arn != null]))
}

locals {
  host               = "s3vectors.${local.region}.${data.aws_partition.current.dns_suffix}"
  through_s3_vectors = { StringEquals = { "kms:ViaService" = local.host } }

  policies = {
    for level, actions in local.levels : level => jsonencode({
      Version = "2012-10-17"
      Statement = concat(
        [{
          Effect   = "Allow"
          Action   = sort([for action in actions.index : "s3vectors:${action}"])
          Resource = values(local.index_arns)
        }],
        [for names in [actions.bucket] : {
          Effect   = "Allow"
          Action   = sort([for action in names : "s3vectors:${action}"])
          Resource = [local.bucket_arn]
        } if length(names) > 0],
        [for keys in [local.kms_key_arns] : {
          Effect   = "Allow"
          Action   = sort([for action in actions.key : "kms:${action}"])
          Resource = keys
          # S3 Vectors uses the key for the caller, who can decrypt nothing else with it.
          Condition = local.through_s3_vectors
        } if length(keys) > 0],
      )
    })
  }
}

resource "aws_iam_policy" "this" {
  for_each = local.policies

  name        = "${coalesce(var.policy_name_prefix, "${local.bucket_name}-${local.region}")}-${each.key}"
  description = "Stache's vectors: ${each.key}"
  tags        = local.tags
  policy      = each.value

  lifecycle {
    precondition {
      condition = alltrue([
        for index in merge(aws_s3vectors_index.retained, aws_s3vectors_index.disposable) :
        alltrue([for key in index.encryption_configuration[*].kms_key_arn : key == null || contains(local.kms_key_arns, coalesce(key, "-"))])
      ])
      error_message = "an index is encrypted with a customer key that is not configured, so no policy would allow Stache to use it. Set kms_key_arn to the key of an existing bucket, or kms_key_arn in the index's entry of indexes."
    }

    precondition {
      condition     = length(each.value) <= 6144
      error_message = "the policy ${each.key} has ${length(each.value)} characters, and IAM accepts 6144: indexes has too many entries, or long names. Divide them between two stores of one bucket (existing_bucket, policy_name_prefix)."
    }

    precondition {
      condition     = alltrue([for key in local.kms_key_arns : split(":", key)[3] == local.region])
      error_message = "a customer key is in a different region from the bucket, ${local.region}: ${join(", ", [for key in local.kms_key_arns : key if split(":", key)[3] != local.region])}. S3 Vectors accepts only keys of its own region. Set a key of that region."
    }

    # tags_all includes the provider's default_tags. Without this check, IAM would refuse them after
    # the bucket is created.
    postcondition {
      condition     = length(distinct([for key in try(keys(self.tags_all), []) : lower(key)])) == length(try(keys(self.tags_all), []))
      error_message = "the tags are ${join(", ", try(keys(self.tags_all), []))}: tag keys must differ in more than upper and lower case, because IAM does not distinguish them. Write each key in one way, in tags and in the provider's default_tags."
    }
  }
}

resource "aws_kms_key" "retained" {
  count = var.create_kms_key && var.retain_data ? 1 : 0

  description         = "The vectors in ${local.bucket_name}"
  enable_key_rotation = true
  tags                = local.tags

  lifecycle {
    prevent_destroy = true # without the key, the vectors are lost
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
    Statement = concat(
      [
        {
          Effect    = "Allow"
          Principal = { AWS = "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:root" }
          Action    = "kms:*"
          Resource  = "*"
        },
        {
          # Builds the indexes in the background. Without this, CreateIndex is refused.
          Effect    = "Allow"
          Principal = { Service = "indexing.s3vectors.amazonaws.com" }
          Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
          Resource  = "*"
          Condition = {
            StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id }
            ArnLike      = { "aws:SourceArn" = [local.bucket_arn, "${local.bucket_arn}/*"] }
          }
        },
      ],
      [for principals in [local.other_principals] : {
        Sid       = "AllowOtherAccounts"
        Effect    = "Allow"
        Principal = { AWS = principals }
        Action    = [for action in local.levels.read-write.key : "kms:${action}"]
        Resource  = ["*"]
        Condition = local.through_s3_vectors
      } if length(principals) > 0],
    )
  })
}
