# The least there is: a bucket, three indexes, three policies.
terraform {
  required_version = ">= 1.10"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.26, < 7"
    }
  }
}

module "stache_vectors" {
  source = "../.."
}

output "environment" {
  description = "The environment variables for Stache."
  value       = module.stache_vectors.environment
}

output "policy_arn" {
  description = "The policy to attach to the role that Stache runs as."
  value       = module.stache_vectors.policy_arns["read-write"]
}
