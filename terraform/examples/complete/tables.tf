# What stache-ai-dynamodb 0.2.0 keeps beside the vectors: which documents there are, and namespaces.
locals {
  tables = {
    documents = {
      keys    = ["PK", "SK"]
      indexes = { GSI1 = ["GSI1PK", "GSI1SK"], GSI2 = ["GSI2PK", "GSI2SK"] }
    }
    namespaces = {
      keys    = ["id"]
      indexes = { parent_id-index = ["parent_id", "id"] }
    }
  }
}

resource "aws_dynamodb_table" "this" {
  for_each = local.tables

  name                        = "${var.prefix}-${each.key}"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = each.value.keys[0]
  range_key                   = try(each.value.keys[1], null)
  deletion_protection_enabled = var.retain_data

  dynamic "attribute" {
    for_each = toset(concat(each.value.keys, flatten(values(each.value.indexes))))
    content {
      name = attribute.value
      type = "S"
    }
  }

  dynamic "global_secondary_index" {
    for_each = each.value.indexes
    content {
      name            = global_secondary_index.key
      projection_type = "ALL"

      key_schema {
        attribute_name = global_secondary_index.value[0]
        key_type       = "HASH"
      }
      key_schema {
        attribute_name = global_secondary_index.value[1]
        key_type       = "RANGE"
      }
    }
  }

  point_in_time_recovery {
    enabled = true
  }
}
