variable "function_zip" {
  description = "The function's code: what `make function` at the repository's root builds for `runtime` and `architecture`."
  type        = string
  nullable    = false
}

variable "prefix" {
  description = "What every name begins with."
  type        = string
  default     = "stache"
  nullable    = false
}

variable "runtime" {
  description = "Lambda's Python."
  type        = string
  default     = "python3.13"
  nullable    = false

  validation {
    condition     = can(regex("^python3\\.1[0-9]$", var.runtime))
    error_message = "runtime is \"${var.runtime}\": it must be one of Lambda's Pythons from 3.10 on. Give the one that function_zip was built for, such as python3.13."
  }
}

variable "architecture" {
  description = "Lambda's processor: `arm64` or `x86_64`."
  type        = string
  default     = "arm64"
  nullable    = false

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture is \"${var.architecture}\": it must be arm64 or x86_64. Give the one that function_zip was built for."
  }
}

variable "embedding_provider" {
  description = "Stache's embedding provider."
  type        = string
  default     = "bedrock"
  nullable    = false
}

variable "embedding_model" {
  description = "The provider's model; with Bedrock the only one that the function may invoke."
  type        = string
  default     = "amazon.titan-embed-text-v2:0"
  nullable    = false
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
