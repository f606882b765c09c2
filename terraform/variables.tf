# Validations can use these, because they do not refer to variables.
locals {
  index_name = "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"
  # It becomes the Resource of a policy, so a pattern would allow several keys.
  key_arn = "^arn:aws[-a-z0-9]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$"
  # One principal, or an account: a bucket policy does not accept a pattern for several.
  principal_arn = "^arn:aws[-a-z0-9]*:iam::[0-9]{12}:(root|(role|user)/[A-Za-z0-9_+=,.@/-]+)$"
  # Metadata that Stache's searches filter on: stache_ai_s3vectors/service/metadata_keys.py.
  filtered = ["_type", "doc_id", "namespace", "status"]
}

variable "prefix" {
  description = "Prefix of the vector bucket's name, `<prefix>-vectors-<account id>`."
  type        = string
  default     = "stache"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{0,41}$", var.prefix))
    error_message = "prefix is \"${var.prefix}\": it must be 1 to 42 lower-case letters, digits and hyphens, beginning with a letter or digit, because with \"-vectors-<account id>\" the bucket's name has at most 63. Shorten it, use lower case, or set bucket_name."
  }
}

variable "bucket_name" {
  description = "Name of the vector bucket, instead of the one with `prefix`."
  type        = string
  default     = null

  validation {
    condition     = var.bucket_name == null || can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.bucket_name))
    error_message = "bucket_name is \"${coalesce(var.bucket_name, "empty")}\": it must be 3 to 63 lower-case letters, digits and hyphens, beginning and ending with a letter or digit. Set the name, not the ARN."
  }
}

variable "existing_bucket" {
  description = "Use the vector bucket `bucket_name` of this account and region instead of creating one."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.existing_bucket || var.bucket_name != null
    error_message = "existing_bucket is true and bucket_name is not set: an existing bucket needs its name. Set bucket_name, or remove existing_bucket."
  }
}

variable "dimension" {
  description = "Number of dimensions of your embedding model, for each index without its own."
  type        = number
  default     = 1024
  nullable    = false

  validation {
    condition     = var.dimension >= 1 && var.dimension <= 4096 && floor(var.dimension) == var.dimension
    error_message = "dimension is ${var.dimension}: it must be a whole number from 1 to 4096. Set it to the dimension of your embedding model, for example 1024."
  }
}

variable "distance_metric" {
  description = "Distance between two embeddings, for each index without its own: `cosine` or `euclidean`."
  type        = string
  default     = "cosine"
  nullable    = false

  validation {
    condition     = contains(["cosine", "euclidean"], var.distance_metric)
    error_message = "distance_metric is \"${var.distance_metric}\": it must be cosine or euclidean. Use cosine, unless the documentation of your embedding model says otherwise."
  }
}

variable "indexes" {
  description = "The indexes. The default name of an entry is `<its key>-<its dimension>`. `text` and `_overflow` are always non-filterable keys. `existing` uses an index that exists."
  type = map(object({
    name                         = optional(string)
    dimension                    = optional(number)
    distance_metric              = optional(string)
    non_filterable_metadata_keys = optional(set(string), [])
    overflow                     = optional(bool, true)
    kms_key_arn                  = optional(string)
    existing                     = optional(bool, false)
  }))
  default = {
    documents = {}
    summaries = {}
    insights  = {}
  }
  nullable = false

  validation {
    condition     = alltrue([for index in var.indexes : try(index.existing, false) == false]) || var.existing_bucket
    error_message = "indexes has an entry with existing = true, and existing_bucket is false: a new bucket has no indexes. Set existing_bucket to true, or remove existing."
  }

  validation {
    condition     = length(var.indexes) > 0
    error_message = "indexes is empty: it must have at least one entry. Add documents = {}, or remove indexes."
  }

  # With format(), because some HCL parsers do not accept templates that are nested twice.
  validation {
    condition = alltrue([
      for key, index in var.indexes :
      can(regex(local.index_name, coalesce(index.name, format("%s-%s", key, coalesce(index.dimension, var.dimension)))))
    ])
    error_message = format(
      "indexes has %s: an index's name must be 3 to 63 lower-case letters, digits, hyphens and dots, beginning and ending with a letter or digit. Rename the entry, or set its name.",
      join(", ", [
        for key, index in var.indexes :
        format("%s = %q", key, coalesce(index.name, format("%s-%s", key, coalesce(index.dimension, var.dimension))))
        if !can(regex(local.index_name, coalesce(index.name, format("%s-%s", key, coalesce(index.dimension, var.dimension)))))
      ])
    )
  }

  validation {
    condition = length(var.indexes) == length(distinct([
      for key, index in var.indexes :
      coalesce(index.name, format("%s-%s", key, coalesce(index.dimension, var.dimension)))
    ]))
    error_message = format(
      "indexes has two indexes with the same name: %s. Each must have a different name. Change one.",
      join(", ", [
        for key, index in var.indexes :
        format("%s = %q", key, coalesce(index.name, format("%s-%s", key, coalesce(index.dimension, var.dimension))))
      ])
    )
  }

  validation {
    condition     = alltrue([for index in var.indexes : index.dimension == null || try(index.dimension >= 1 && index.dimension <= 4096 && floor(index.dimension) == index.dimension, false)])
    error_message = "indexes has the dimensions ${join(", ", [for key, index in var.indexes : "${index.dimension} (${key})" if index.dimension != null])}: each must be a whole number from 1 to 4096. Set it to the dimension of your embedding model, for example 1024, or remove it."
  }

  validation {
    condition     = alltrue([for index in var.indexes : index.distance_metric == null || contains(["cosine", "euclidean"], coalesce(index.distance_metric, "-"))])
    error_message = "indexes has the metrics ${join(", ", [for key, index in var.indexes : "\"${index.distance_metric}\" (${key})" if index.distance_metric != null])}: each must be cosine or euclidean. Set one of them, or remove it."
  }

  validation {
    condition = alltrue([
      for index in var.indexes :
      length(setunion(index.overflow ? ["text", "_overflow"] : ["text"], index.non_filterable_metadata_keys)) <= 10
    ])
    error_message = format(
      "indexes has %s: an index must have at most 10, and text and _overflow are two of them. Remove those that you filter on or do not use.",
      join(", ", [
        for key, index in var.indexes :
        format("%d non-filterable keys (%s)", length(setunion(index.overflow ? ["text", "_overflow"] : ["text"], index.non_filterable_metadata_keys)), key)
        if length(setunion(index.overflow ? ["text", "_overflow"] : ["text"], index.non_filterable_metadata_keys)) > 10
      ])
    )
  }

  validation {
    condition = alltrue([
      for index in var.indexes : length(setintersection(local.filtered, index.non_filterable_metadata_keys)) == 0
    ])
    error_message = format(
      "indexes has the non-filterable keys %s: Stache's searches filter on %s, S3 Vectors refuses filters on non-filterable keys, and the keys of an index cannot be changed. Remove these keys.",
      join(", ", flatten([
        for key, index in var.indexes : [
          for name in setintersection(local.filtered, index.non_filterable_metadata_keys) : format("%q (%s)", name, key)
        ]
      ])),
      join(", ", local.filtered)
    )
  }

  validation {
    condition     = alltrue([for index in var.indexes : alltrue([for key in index.non_filterable_metadata_keys : length(key) >= 1 && length(key) <= 63])])
    error_message = "indexes has the non-filterable keys ${join(", ", [for key in flatten([for index in var.indexes : tolist(index.non_filterable_metadata_keys)]) : "\"${key}\"" if length(key) < 1 || length(key) > 63])}: each must be 1 to 63 characters. Shorten the key, also in your metadata."
  }

  validation {
    condition     = alltrue([for index in var.indexes : index.kms_key_arn == null || can(regex(local.key_arn, index.kms_key_arn))])
    error_message = "indexes has the keys ${join(", ", [for key, index in var.indexes : "\"${index.kms_key_arn}\" (${key})" if index.kms_key_arn != null])}: each must be the ARN of a key, arn:aws:kms:REGION:ACCOUNT:key/ID, without a wildcard; key aliases are not accepted. `aws kms describe-key --key-id alias/NAME --query KeyMetadata.Arn` prints it."
  }
}

variable "environment_indexes" {
  description = "Entries of `indexes` that Stache uses as `documents`, `summaries` and `insights`, if these have other keys."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for use in keys(var.environment_indexes) : contains(["documents", "summaries", "insights"], use)])
    error_message = "environment_indexes has ${join(", ", keys(var.environment_indexes))}: its keys must be documents, summaries and insights. Write, for example, documents = \"<key of an entry of indexes>\"."
  }

  validation {
    condition     = alltrue([for entry in values(var.environment_indexes) : contains(keys(var.indexes), entry)])
    error_message = "environment_indexes names ${join(", ", [for use, entry in var.environment_indexes : "\"${entry}\" (${use})"])}: each must be the key of an entry of indexes, which has ${join(", ", keys(var.indexes))}. Add the entry, or use one of these."
  }
}

variable "kms_key_arn" {
  description = "ARN of the customer key that encrypts the vector bucket; for an existing bucket, the key that it has. Without it and without `create_kms_key`, S3's own keys encrypt it."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex(local.key_arn, var.kms_key_arn))
    error_message = "kms_key_arn is \"${coalesce(var.kms_key_arn, "empty")}\": it must be the ARN of a key, arn:aws:kms:REGION:ACCOUNT:key/ID, without a wildcard; key aliases are not accepted. `aws kms describe-key --key-id alias/NAME --query KeyMetadata.Arn` prints it."
  }
}

variable "create_kms_key" {
  description = "Create a customer key for the vector bucket, with rotation and a key policy that lets S3 Vectors use it."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.create_kms_key || var.kms_key_arn == null
    error_message = "create_kms_key is true and kms_key_arn is \"${coalesce(var.kms_key_arn, "empty")}\": a bucket has one key. Remove one of the two."
  }

  validation {
    condition     = !var.create_kms_key || !var.existing_bucket
    error_message = "create_kms_key and existing_bucket are true: the key of a bucket is set when the bucket is created. Remove create_kms_key, and set kms_key_arn to the bucket's key, if it has one."
  }
}

variable "policy_name_prefix" {
  description = "Prefix of the policies' names, before the level; by default the bucket's name and the region. Each store of one bucket needs its own."
  type        = string
  default     = null

  validation {
    condition     = var.policy_name_prefix == null || can(regex("^[A-Za-z0-9_+=,.@-]{1,113}$", var.policy_name_prefix))
    error_message = "policy_name_prefix is \"${coalesce(var.policy_name_prefix, "empty")}\": it must be 1 to 113 letters, digits and _+=,.@-, because with \"-manage-indexes\" a policy's name has at most 128. Shorten it."
  }
}

variable "readers" {
  description = "Principals of other accounts that may search, and read all vectors: ARNs of IAM roles, users or account roots. Setting this replaces the policy of an existing bucket."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.readers : can(regex(local.principal_arn, arn))])
    error_message = "readers has ${join(", ", [for arn in var.readers : jsonencode(arn) if !can(regex(local.principal_arn, arn))])}: each must be the ARN of a role, a user or an account's root, for example arn:aws:iam::111122223333:role/NAME, without a wildcard. `aws iam get-role --role-name NAME --query Role.Arn` prints it."
  }
}

variable "writers" {
  description = "Principals of other accounts that may do all that Stache does: ARNs of IAM roles, users or account roots. Setting this replaces the policy of an existing bucket."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.writers : can(regex(local.principal_arn, arn))])
    error_message = "writers has ${join(", ", [for arn in var.writers : jsonencode(arn) if !can(regex(local.principal_arn, arn))])}: each must be the ARN of a role, a user or an account's root, for example arn:aws:iam::111122223333:role/NAME, without a wildcard. `aws iam get-role --role-name NAME --query Role.Arn` prints it."
  }
}

variable "retain_data" {
  description = "Refuse plans that would destroy the bucket, an index or the created key. With `false`, `terraform destroy` deletes the data. So does a change from `false` to `true` without the steps in the README."
  type        = bool
  default     = true
  nullable    = false
}

variable "tags" {
  description = "Tags of all resources that can have tags, in addition to your provider's `default_tags`."
  type        = map(string)
  default     = {}
  nullable    = false
}
