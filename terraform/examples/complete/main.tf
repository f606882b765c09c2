# The vectors under a key of their own, and a Lambda function with Stache that uses them.
data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  name = "${var.prefix}-function"

  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.region
  account   = "${local.region}:${data.aws_caller_identity.current.account_id}"
}

module "stache_vectors" {
  source = "../.."

  prefix         = var.prefix
  create_kms_key = true
  retain_data    = var.retain_data
}
