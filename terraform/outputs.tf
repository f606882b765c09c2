locals {
  # Which entry of indexes each of Stache's three is; those it has none for are left out.
  environment_entries = {
    for use in ["documents", "summaries", "insights"] : use => lookup(var.environment_indexes, use, use)
    if contains(keys(var.indexes), lookup(var.environment_indexes, use, use))
  }
}

output "bucket_name" {
  description = "Name of the vector bucket."
  value       = local.bucket_name
  depends_on  = [aws_s3vectors_vector_bucket.retained, aws_s3vectors_vector_bucket.disposable]
}

output "bucket_arn" {
  description = "ARN of the vector bucket."
  value       = local.bucket_arn
  depends_on  = [aws_s3vectors_vector_bucket.retained, aws_s3vectors_vector_bucket.disposable]
}

output "index_names" {
  description = "Name of each index, by its key in `indexes`."
  value       = local.index_names
  depends_on  = [aws_s3vectors_index.retained, aws_s3vectors_index.disposable]
}

output "index_arns" {
  description = "ARN of each index, by its key in `indexes`."
  value       = local.index_arns
  depends_on  = [aws_s3vectors_index.retained, aws_s3vectors_index.disposable]
}

output "policy_arns" {
  description = "ARN of the managed policy of each level: `read`, `read-write` (what Stache needs), `manage-indexes`."
  value       = { for level, policy in aws_iam_policy.this : level => policy.arn }
}

output "environment" {
  description = "The environment variables that make Stache use this store."
  value = merge(
    {
      VECTORDB_PROVIDER     = "s3vectors"
      S3VECTORS_BUCKET_NAME = local.bucket_name
      S3VECTORS_BUCKET      = local.bucket_name
      S3VECTORS_REGION      = local.region
    },
    { for use, key in local.environment_entries : "S3VECTORS_${upper(use)}_INDEX" => local.index_names[key] },
    contains(keys(local.environment_entries), "documents") ? { EMBEDDING_DIMENSION = tostring(local.dimensions[local.environment_entries.documents]) } : {},
  )
  depends_on = [aws_s3vectors_index.retained, aws_s3vectors_index.disposable]

  precondition {
    condition     = length(distinct([for key in values(local.environment_entries) : local.dimensions[key]])) <= 1
    error_message = "Stache embeds documents, summaries and insights with one model, and their indexes have the dimensions ${join(", ", [for use, key in local.environment_entries : "${local.dimensions[key]} (${use})"])}. Set the same dimension for all three in indexes, or choose other entries in environment_indexes."
  }
}

output "kms_key_arn" {
  description = "ARN of the customer key that encrypts the bucket, or null."
  value       = local.kms_key_arn
  depends_on  = [aws_kms_key_policy.this]
}
