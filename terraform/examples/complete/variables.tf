variable "function_zip" {
  description = "The function's code: what `make function` at the repository's root builds for `runtime` and `architecture`."
  type        = string
  nullable    = false
}

variable "prefix" {
  description = "Prefix of all names."
  type        = string
  default     = "stache"
  nullable    = false

  validation {
    # It becomes part of ARNs in policies; the role's name has the region behind it and at most 64.
    condition     = can(regex("^[a-z0-9][a-z0-9-]{0,39}$", var.prefix))
    error_message = "prefix is \"${var.prefix}\", ${length(var.prefix)} characters: it must be 1 to 40 lower-case letters, digits and hyphens, beginning with a letter or digit. Shorten it, or write it in lower case."
  }
}

variable "runtime" {
  description = "Python runtime of the function."
  type        = string
  default     = "python3.13"
  nullable    = false

  validation {
    condition     = contains(["python3.11", "python3.12", "python3.13", "python3.14"], var.runtime)
    error_message = "runtime is \"${var.runtime}\": it must be python3.11, python3.12, python3.13 or python3.14. Give the one that function_zip was built for."
  }
}

variable "architecture" {
  description = "Processor architecture of the function: `arm64` or `x86_64`."
  type        = string
  default     = "arm64"
  nullable    = false

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture is \"${var.architecture}\": it must be arm64 or x86_64. Give the one that function_zip was built for."
  }
}

variable "snap_start" {
  description = "Start the function from a snapshot: publish a version, and an alias to invoke."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.snap_start || var.runtime != "python3.11"
    error_message = "snap_start is true and runtime is \"${var.runtime}\", which has no SnapStart: it must be python3.12 or newer. Give another runtime, and the function_zip that was built for it, or leave snap_start out."
  }
}

variable "embedding_provider" {
  description = "Embedding provider: `bedrock`, or `word-hashing`, which needs no model."
  type        = string
  default     = "bedrock"
  nullable    = false

  validation {
    condition     = contains(["bedrock", "word-hashing"], var.embedding_provider)
    error_message = "embedding_provider is \"${var.embedding_provider}\": it must be bedrock or word-hashing, which function_zip has. Add another to examples/lambda/requirements.txt and here."
  }
}

variable "embedding_model" {
  description = "Bedrock's id of the model, the only one that the function may invoke."
  type        = string
  default     = "amazon.titan-embed-text-v2:0"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9.:-]*$", var.embedding_model)) && !can(regex("^(arn:|(us|us-gov|eu|apac|jp|au|ca|global)\\.)", var.embedding_model))
    error_message = "embedding_model is \"${var.embedding_model}\": it must be the id of one foundation model, without a wildcard; ARNs and inference profiles are not accepted. Give one such as amazon.titan-embed-text-v2:0."
  }
}

variable "permissions_boundary" {
  description = "ARN of the IAM policy that is the permissions boundary of the function's role, if your organization requires one."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary == null || can(regex("^arn:aws[-a-z0-9]*:iam::([0-9]{12}|aws):policy/[A-Za-z0-9_+=,.@/-]+$", var.permissions_boundary))
    error_message = "permissions_boundary is \"${coalesce(var.permissions_boundary, "empty")}\": it must be the ARN of a policy, arn:aws:iam::ACCOUNT:policy/NAME. `aws iam list-policies --scope Local --query Policies[].Arn` lists them."
  }
}

variable "level" {
  description = "What the function may do with vectors: `read`, `read-write` or `manage-indexes`."
  type        = string
  default     = "read-write"
  nullable    = false

  validation {
    condition     = contains(["read", "read-write", "manage-indexes"], var.level)
    error_message = "level is \"${var.level}\": it must be read, read-write or manage-indexes. Give read-write unless the function only searches."
  }
}

variable "retain_data" {
  description = "Refuse to destroy vectors, their key and the two tables."
  type        = bool
  default     = true
  nullable    = false
}
