resource "aws_lambda_function" "this" {
  function_name    = local.name
  role             = aws_iam_role.this.arn
  runtime          = var.runtime
  architectures    = [var.architecture]
  handler          = "handler.handler"
  filename         = var.function_zip
  source_code_hash = filebase64sha256(var.function_zip)
  memory_size      = 1024
  timeout          = 60
  publish          = var.snap_start

  dynamic "snap_start" {
    for_each = var.snap_start ? [1] : []
    content {
      apply_on = "PublishedVersions"
    }
  }

  environment {
    variables = merge(module.stache_vectors.environment, {
      NAMESPACE_PROVIDER       = "dynamodb"
      DOCUMENT_INDEX_PROVIDER  = "dynamodb"
      DYNAMODB_DOCUMENTS_TABLE = aws_dynamodb_table.this["documents"].name
      DYNAMODB_NAMESPACE_TABLE = aws_dynamodb_table.this["namespaces"].name
      EMBEDDING_PROVIDER       = var.embedding_provider
      # The function finds passages; no model answers in their words, or sums them up.
      LLM_PROVIDER              = "none"
      ENABLE_SUMMARY_GENERATION = "false"
    }, local.on_bedrock ? { BEDROCK_EMBEDDING_MODEL = var.embedding_model } : {})
  }

  # Otherwise Lambda makes one of that name, which keeps logs for ever.
  depends_on = [aws_cloudwatch_log_group.this, aws_iam_role_policy.this, aws_iam_role_policy_attachment.vectors]
}

# Only published versions start from a snapshot.
resource "aws_lambda_alias" "live" {
  count = var.snap_start ? 1 : 0

  name             = "live"
  function_name    = aws_lambda_function.this.function_name
  function_version = aws_lambda_function.this.version
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/lambda/${local.name}"
  retention_in_days = 30
}

resource "aws_iam_role" "this" {
  name                 = "${local.name}-${local.region}"
  permissions_boundary = var.permissions_boundary

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy_attachment" "vectors" {
  role       = aws_iam_role.this.name
  policy_arn = module.stache_vectors.policy_arns[var.level]
}

locals {
  on_bedrock = var.embedding_provider == "bedrock"
  table_arns = { for name in keys(local.tables) : name => "arn:${local.partition}:dynamodb:${local.account}:table/${var.prefix}-${name}" }
}

resource "aws_iam_role_policy" "this" {
  name = "stache"
  role = aws_iam_role.this.name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Effect   = "Allow"
          Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
          Resource = ["arn:${local.partition}:logs:${local.account}:log-group:/aws/lambda/${local.name}:*"]
        },
        {
          # A transaction is authorized as the writes it is made of.
          Effect   = "Allow"
          Action   = ["dynamodb:DeleteItem", "dynamodb:DescribeTable", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
          Resource = [local.table_arns["documents"]]
        },
        {
          Effect   = "Allow"
          Action   = ["dynamodb:Query"]
          Resource = ["${local.table_arns["documents"]}/index/GSI2"]
        },
        {
          # Stache only checks whether it exists.
          Effect   = "Allow"
          Action   = ["dynamodb:DescribeTable"]
          Resource = [local.table_arns["namespaces"]]
        },
      ],
      local.on_bedrock ? [{
        Effect   = "Allow"
        Action   = ["bedrock:InvokeModel"]
        Resource = ["arn:${local.partition}:bedrock:${local.region}::foundation-model/${var.embedding_model}"]
      }] : [],
    )
  })
}
