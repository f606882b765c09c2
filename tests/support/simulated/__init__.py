"""A simulated AWS on this machine: moto, with our own engine for S3 Vectors.

    with simulate_aws() as aws:
        boto3.client("cloudformation", endpoint_url=aws.url)

moto simulates CloudFormation, IAM, STS, Lambda, S3, SSM, KMS and DynamoDB. The engine simulates S3
Vectors and enforces the policies of roles (`roles`). CloudFormation supports S3 Vectors' resource
types (`types`) and the SAM transform. `repairs` corrects moto where it differs from AWS.
"""

from .aws import Aws, simulate_aws

__all__ = ["Aws", "simulate_aws"]
