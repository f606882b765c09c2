mock_provider "aws" {}

run "refuses_capitals_in_a_prefix" {
  command = plan
  variables { prefix = "Stache" }
  expect_failures = [var.prefix]
}

run "refuses_a_dimension_of_nothing" {
  command = plan
  variables { dimension = 0 }
  expect_failures = [var.dimension]
}

run "refuses_an_underscore_in_an_index_name" {
  command = plan
  variables {
    indexes = { documents = { name = "my_documents" } }
  }
  expect_failures = [var.indexes]
}

run "refuses_an_alias" {
  command = plan
  variables { kms_key_arn = "arn:aws:kms:us-east-1:123456789012:alias/mine" }
  expect_failures = [var.kms_key_arn]
}

run "refuses_a_pattern_for_several_keys" {
  command = plan
  variables { kms_key_arn = "arn:aws:kms:us-east-1:123456789012:key/*" }
  expect_failures = [var.kms_key_arn]
}

run "refuses_two_keys" {
  command = plan
  variables {
    kms_key_arn    = "arn:aws:kms:us-east-1:123456789012:key/1"
    create_kms_key = true
  }
  expect_failures = [var.create_kms_key]
}

run "refuses_a_bucket_without_a_name" {
  command = plan
  variables { existing_bucket = true }
  expect_failures = [var.existing_bucket]
}

run "refuses_a_non_filterable_key_that_searches_filter_on" {
  command = plan
  variables {
    indexes = { documents = { non_filterable_metadata_keys = ["namespace"] } }
  }
  expect_failures = [var.indexes]
}

run "refuses_readers_of_every_account" {
  command = plan
  variables { readers = ["*"] }
  expect_failures = [var.readers]
}
