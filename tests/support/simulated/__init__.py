"""A simulated AWS on this machine: moto, with S3 Vectors by our own engine.

    with simulated_aws() as aws:
        boto3.client("cloudformation", endpoint_url=aws.url)

moto answers for CloudFormation, IAM, STS, Lambda, S3, SSM, KMS and DynamoDB; the engine for S3
Vectors, which a role may use as its policies say (`roles`). CloudFormation knows S3 Vectors' types
(`types`) and the SAM transform, and what moto does otherwise than AWS is put right (`repairs`).
"""

from .aws import Aws, simulate_aws

__all__ = ["Aws", "simulate_aws"]
