# `terraform init && terraform test`: nothing is made, and no account is needed.
mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws-cn" }
  }
  mock_data "aws_region" {
    defaults = { region = "cn-north-1" }
  }
}

run "makes_a_bucket_and_three_indexes" {
  command = plan

  assert {
    condition     = aws_s3vectors_vector_bucket.retained[0].vector_bucket_name == "stache-vectors-123456789012"
    error_message = "the bucket has another name"
  }
  assert {
    condition     = { for key, index in aws_s3vectors_index.retained : key => index.index_name } == { documents = "documents-1024", insights = "insights-1024", summaries = "summaries-1024" }
    error_message = "the indexes are others"
  }
  assert {
    condition     = alltrue([for index in aws_s3vectors_index.retained : index.metadata_configuration[0].non_filterable_metadata_keys == toset(["text", "_overflow"])])
    error_message = "the non-filterable keys are others"
  }
  assert {
    condition     = output.bucket_arn == "arn:aws-cn:s3vectors:cn-north-1:123456789012:bucket/stache-vectors-123456789012"
    error_message = "the ARN is not in the partition and region of the deployment"
  }
}

run "lets_nothing_but_search_on_level_read" {
  command = plan

  assert {
    condition     = jsondecode(aws_iam_policy.this["read"].policy).Statement[*].Action == [["s3vectors:GetIndex", "s3vectors:GetVectors", "s3vectors:ListVectors", "s3vectors:QueryVectors"]]
    error_message = "the actions are others"
  }
  assert {
    condition     = jsondecode(aws_iam_policy.this["read"].policy).Statement[0].Resource == values(output.index_arns)
    error_message = "the resources are not exactly the indexes"
  }
}

run "uses_a_second_entry_as_documents" {
  command = plan
  variables {
    indexes = {
      documents = {}
      wide      = { name = "documents-3072", dimension = 3072 }
    }
    environment_indexes = { documents = "wide" }
  }

  assert {
    condition     = output.environment.S3VECTORS_DOCUMENTS_INDEX == "documents-3072" && output.environment.EMBEDDING_DIMENSION == "3072"
    error_message = "the environment names the first entry"
  }
}

run "uses_what_exists" {
  command = plan
  variables {
    bucket_name     = "mine"
    existing_bucket = true
    indexes         = { documents = { name = "old", existing = true } }
  }

  assert {
    condition     = length(aws_s3vectors_vector_bucket.retained) + length(aws_s3vectors_index.retained) == 0
    error_message = "something is made"
  }
  assert {
    condition     = output.index_arns.documents == "arn:aws-cn:s3vectors:cn-north-1:123456789012:bucket/mine/index/old"
    error_message = "the index is another"
  }
}

run "lets_a_role_of_another_account_search" {
  command = plan
  variables { readers = ["arn:aws-cn:iam::111122223333:role/search"] }

  assert {
    condition     = jsondecode(aws_s3vectors_vector_bucket_policy.this[0].policy).Statement[*].Action == [["s3vectors:GetIndex", "s3vectors:GetVectors", "s3vectors:ListVectors", "s3vectors:QueryVectors"]]
    error_message = "the actions are others"
  }
}
