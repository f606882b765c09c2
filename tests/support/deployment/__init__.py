"""The CDK, SAM and Terraform: what they declare, synthesize, plan and deploy."""
