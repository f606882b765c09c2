"""IAM policies: what each operation needs, and what other evaluators decide."""
