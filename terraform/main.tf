data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  # An empty map would be a change of what was imported without tags.
  tags = length(var.tags) > 0 ? var.tags : null

  # ARNs are put together from names, so that a plan shows each policy before anything exists.
  region      = data.aws_region.current.region
  account     = "${local.region}:${data.aws_caller_identity.current.account_id}"
  bucket_name = coalesce(var.bucket_name, "${var.prefix}-vectors-${data.aws_caller_identity.current.account_id}")
  bucket_arn  = "arn:${data.aws_partition.current.partition}:s3vectors:${local.account}:bucket/${local.bucket_name}"

  # The text of a chunk, and what Stache's provider puts where filters do not reach.
  non_filterable_keys = {
    for key, index in var.indexes :
    key => sort(setunion(index.overflow ? ["text", "_overflow"] : ["text"], index.non_filterable_metadata_keys))
  }
  dimensions  = { for key, index in var.indexes : key => coalesce(index.dimension, var.dimension) }
  index_names = { for key, index in var.indexes : key => coalesce(index.name, "${key}-${local.dimensions[key]}") }
  index_arns  = { for key, name in local.index_names : key => "${local.bucket_arn}/index/${name}" }

  new_indexes = {
    for key, index in var.indexes : key => {
      name            = local.index_names[key]
      dimension       = local.dimensions[key]
      distance_metric = coalesce(index.distance_metric, var.distance_metric)
      kms_key_arn     = index.kms_key_arn
      non_filterable  = local.non_filterable_keys[key]
    } if !index.existing
  }
}

# Each resource that holds data is written twice, because `prevent_destroy` takes no variable.
resource "aws_s3vectors_vector_bucket" "retained" {
  count = var.retain_data && !var.existing_bucket ? 1 : 0

  vector_bucket_name = local.bucket_name
  tags               = local.tags

  # Always set: without this block, the bucket would keep a key that kms_key_arn no longer names.
  encryption_configuration {
    sse_type    = local.encrypted ? "aws:kms" : "AES256"
    kms_key_arn = local.kms_key_arn
  }

  # S3 Vectors refuses an index whose key it may not use.
  depends_on = [aws_kms_key_policy.this]

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3vectors_vector_bucket" "disposable" {
  count = !var.retain_data && !var.existing_bucket ? 1 : 0

  vector_bucket_name = local.bucket_name
  tags               = local.tags
  force_destroy      = true # also the indexes that the operator's tool has made in it

  encryption_configuration {
    sse_type    = local.encrypted ? "aws:kms" : "AES256"
    kms_key_arn = local.kms_key_arn
  }

  depends_on = [aws_kms_key_policy.this]
}

resource "aws_s3vectors_index" "retained" {
  for_each = { for key, index in local.new_indexes : key => index if var.retain_data }

  vector_bucket_name = local.bucket_name
  index_name         = each.value.name
  data_type          = "float32"
  dimension          = each.value.dimension
  distance_metric    = each.value.distance_metric
  tags               = local.tags

  metadata_configuration {
    non_filterable_metadata_keys = each.value.non_filterable
  }

  dynamic "encryption_configuration" {
    for_each = each.value.kms_key_arn == null ? [] : [each.value.kms_key_arn]
    content {
      sse_type    = "aws:kms"
      kms_key_arn = encryption_configuration.value
    }
  }

  depends_on = [aws_s3vectors_vector_bucket.retained]

  lifecycle {
    prevent_destroy = true
    # Text search that is added later changes what AWS returns: no reason to replace the index.
    ignore_changes = [metadata_configuration]
  }
}

resource "aws_s3vectors_index" "disposable" {
  for_each = { for key, index in local.new_indexes : key => index if !var.retain_data }

  # From its ARN, so that a bucket that is replaced under its old name takes its indexes with it.
  vector_bucket_name = one(concat([for bucket in aws_s3vectors_vector_bucket.disposable : reverse(split("/", bucket.vector_bucket_arn))[0]], var.existing_bucket ? [local.bucket_name] : []))
  index_name         = each.value.name
  data_type          = "float32"
  dimension          = each.value.dimension
  distance_metric    = each.value.distance_metric
  tags               = local.tags

  metadata_configuration {
    non_filterable_metadata_keys = each.value.non_filterable
  }

  dynamic "encryption_configuration" {
    for_each = each.value.kms_key_arn == null ? [] : [each.value.kms_key_arn]
    content {
      sse_type    = "aws:kms"
      kms_key_arn = encryption_configuration.value
    }
  }

  lifecycle {
    ignore_changes = [metadata_configuration]
  }
}

check "environment" {
  assert {
    condition     = contains(keys(local.environment_entries), "documents")
    error_message = "indexes has no entry for Stache's documents, so the environment has no documents index. Name an entry documents, or set documents in environment_indexes."
  }
}

# Warn about the change that is ignored above.
locals {
  actual_non_filterable_keys = {
    for key, index in merge(aws_s3vectors_index.retained, aws_s3vectors_index.disposable) :
    key => sort(flatten(index.metadata_configuration[*].non_filterable_metadata_keys))
  }
  differing_non_filterable_keys = {
    for key, names in local.actual_non_filterable_keys : key => names if names != local.non_filterable_keys[key]
  }
}

check "non_filterable_keys" {
  assert {
    condition = length(local.differing_non_filterable_keys) == 0
    error_message = format(
      "the non-filterable keys of an index cannot be changed: %s. To keep an index as it is, list its keys in its entry, with `overflow = false` if it has no _overflow. For other keys, add a second entry, copy the vectors (stache-s3vectors copy), and remove the first as in the README under \"One index\".",
      join("; ", [
        for key, names in local.differing_non_filterable_keys :
        format("%s has %s, and its entry has %s", local.index_names[key], length(names) > 0 ? join(", ", names) : "none", join(", ", local.non_filterable_keys[key]))
      ])
    )
  }
}
