terraform {
  required_version = ">= 1.10"

  required_providers {
    aws = {
      source = "hashicorp/aws"
      # The module does with 6.26. Before 6.40 the keys of a table's index were written otherwise,
      # or what is written here was misread.
      version = ">= 6.40, < 7"
    }
  }
}
