terraform {
  required_version = ">= 1.10"

  required_providers {
    aws = {
      source = "hashicorp/aws"
      # 6.26 is the first with non-filterable metadata keys and a key of an index's own.
      version = ">= 6.26, < 7"
    }
  }
}
