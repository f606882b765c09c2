terraform {
  required_version = ">= 1.10"

  required_providers {
    aws = {
      source = "hashicorp/aws"
      # The module works with 6.26. Before 6.40, the keys of a table's index had another syntax,
      # or what is written here was misread.
      version = ">= 6.40, < 7"
    }
  }
}
