output "function_name" {
  description = "Name of the function, for aws lambda invoke --function-name."
  value       = join(":", concat([aws_lambda_function.this.function_name], aws_lambda_alias.live[*].name))
}

output "bucket_name" {
  description = "Name of the vector bucket."
  value       = module.stache_vectors.bucket_name
}

output "table_names" {
  description = "Names of the two tables."
  value       = { for name, table in aws_dynamodb_table.this : name => table.name }
}
