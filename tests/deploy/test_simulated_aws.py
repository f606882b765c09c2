"""The simulated AWS passes nothing over: what it does not do as AWS does, it refuses."""

from __future__ import annotations

import io
import json
import subprocess
import zipfile

import boto3
import pytest
from botocore.exceptions import ClientError

import deployables
import function_life
import sam
import terraform
from simulated import types
from simulated.functions import RefusedError
from simulated.runtime import FunctionError

ELSEWHERE = "192.0.2.1"
"""A machine that is nobody's (RFC 5737)."""
REACH = f"import socket; socket.create_connection(({ELSEWHERE!r}, 80), timeout=1)"
REACHED = f"a test tried to reach {ELSEWHERE}"
[OTHER] = {"arm64", "x86_64"} - {function_life.ARCHITECTURE}

BUCKET = "my-bucket"
TRUSTED = {
    "Effect": "Allow",
    "Principal": {"Service": "lambda.amazonaws.com"},
    "Action": "sts:AssumeRole",
}


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def create_role(aws, *trust, **more):
    """Its ARN."""
    trust = document(*trust or (TRUSTED,))
    response = aws.make_client("iam").create_role(
        RoleName="it", AssumeRolePolicyDocument=trust, **more
    )
    return response["Role"]["Arn"]


def zip_handler(body):
    """A package whose handler does that."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as package:
        package.writestr("handler.py", f"def handler(event, context):\n    {body}\n")
    return packed.getvalue()


def create_function(aws, body, arn=None, **more):
    options = {
        "FunctionName": "it",
        "Role": arn or create_role(aws),
        "Handler": "handler.handler",
        "Code": {"ZipFile": zip_handler(body)},
        "Runtime": function_life.RUNTIME,
        "Architectures": [function_life.ARCHITECTURE],
        **more,
    }
    aws.make_client("lambda").create_function(**options)


def invoke(aws):
    response = aws.make_client("lambda").invoke(FunctionName="it", Payload="{}")
    return json.loads(response["Payload"].read())


def get_refusal(aws, folder):
    """Why the function is not run."""
    with pytest.raises(RefusedError) as refused, aws.run_function("it", folder):
        pass
    return str(refused.value)


def assume_role(aws, arn, **more):
    """Credentials as this role."""
    response = aws.make_client("sts").assume_role(RoleArn=arn, RoleSessionName="it", **more)[
        "Credentials"
    ]
    return response["AccessKeyId"], response["SecretAccessKey"], response["SessionToken"]


def create_vectors_client(aws, *credentials, region="us-east-1"):
    return boto3.Session(*credentials).client("s3vectors", region, endpoint_url=aws.url)


def test_a_function_reaches_no_other_machine(aws, tmp_path):
    """It fails as it would when the network does, and says what it tried."""
    create_function(aws, REACH)

    with (
        aws.run_function("it", tmp_path / "task") as function,
        pytest.raises(FunctionError) as failed,
    ):
        function.invoke({})

    assert REACHED in str(failed.value)


def test_nothing_of_ours_can_be_imported_in_a_function(aws, tmp_path):
    """But the hook that keeps it here."""
    finds = "return [n for n in event if __import__('importlib.util').util.find_spec(n)]"
    create_function(aws, finds)

    names = ["loopback", "children", "terraform", "stache_ai_s3vectors", "boto3", "sitecustomize"]
    with aws.run_function("it", tmp_path / "task") as function:
        importable = function.invoke(names)

    assert importable == ["sitecustomize"]


def test_a_version_with_snap_start_runs_as_one(aws):
    """It has no credentials in its environment, but a place to ask for them; $LATEST has them."""
    names = "import os, re; return sorted(n for n in os.environ if re.search('KEY|INIT|URI', n))"
    create_function(aws, names, SnapStart={"ApplyOn": "PublishedVersions"}, Publish=True)
    functions = aws.make_client("lambda")
    functions.create_alias(FunctionName="it", Name="live", FunctionVersion="1")

    version = functions.invoke(FunctionName="it:live", Payload="{}")
    variables = json.loads(version["Payload"].read())

    assert version["ExecutedVersion"] == "1"
    assert variables == ["AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_LAMBDA_INITIALIZATION_TYPE"]
    assert {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} <= {*invoke(aws)}


def test_node_reaches_no_other_machine(tmp_path):
    """As the CDK's command line, which would send telemetry."""
    script = f"fetch('http://{ELSEWHERE}').catch(error => {{ throw error.cause }})"

    with pytest.raises(AssertionError, match=REACHED):
        deployables.run(deployables.BIN / "node", "-e", script, cwd=tmp_path)


def test_sam_s_python_reaches_no_other_machine():
    """Not past its proxy, either."""
    assert REACHED in sam.run("python", "-c", REACH).stderr


def test_the_stand_in_s_python_reaches_no_other_machine():
    """Whatever of it runs."""
    result = subprocess.run(
        [terraform._PYTHON, "-c", REACH],
        env={"PYTHONPATH": terraform._PYTHON_PATH},
        capture_output=True,
        text=True,
        check=False,
    )

    assert REACHED in result.stderr


@pytest.mark.parametrize("core", [terraform.NEWEST, terraform.OLDEST])
def test_terraform_reaches_no_other_machine(tmp_path, core):
    """Go takes no hook of Python's; it goes to a proxy that is not there."""
    configuration = 'terraform {\n  required_providers {\n    it = { source = "it/it" }\n  }\n}\n'
    (tmp_path / "main.tf").write_text(configuration)

    result = terraform._run(core, tmp_path, {"HOME": str(tmp_path)}, "init", "-no-color")

    assert "proxyconnect tcp: dial tcp 127.0.0.1:9" in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    "trust",
    [
        [{**TRUSTED, "Principal": {"Service": "ec2.amazonaws.com"}}],
        [{**TRUSTED, "Principal": "*"}],
        [{**TRUSTED, "Action": "sts:TagSession"}],
        [{**TRUSTED, "Condition": {"StringEquals": {"aws:SourceAccount": "1"}}}],
        [TRUSTED, {**TRUSTED, "Effect": "Deny"}],
    ],
)
def test_a_role_that_does_not_trust_lambda_runs_no_function(aws, tmp_path, trust):
    """In AWS's words, whoever invokes it."""
    create_function(aws, "return 1", create_role(aws, *trust))
    words = "The role defined for the function cannot be assumed by Lambda."

    with pytest.raises(ClientError) as refused:
        invoke(aws)

    assert words in str(refused.value)
    assert get_refusal(aws, tmp_path) == words


@pytest.mark.parametrize(
    "options, expected",
    [
        ({"Runtime": "python3.9"}, f"python3.9 on {function_life.ARCHITECTURE}"),
        ({"Architectures": [OTHER]}, f"{function_life.RUNTIME} on {OTHER}"),
    ],
)
def test_a_function_for_another_machine_is_not_run(aws, tmp_path, options, expected):
    """Another Python's, or another processor's; both are told."""
    create_function(aws, "return 1", **options)
    this_machine = f"{function_life.RUNTIME} on {function_life.ARCHITECTURE}"

    assert f"it is built for {expected}, but this machine runs {this_machine}." in get_refusal(
        aws, tmp_path
    )


def test_a_function_stays_warm_until_it_is_changed_or_made_again(aws):
    """Its process goes on with the same code and configuration only; the one before is stopped."""
    functions, counts = aws.make_client("lambda"), "return __import__('os').getpid()"
    create_function(aws, counts)
    same = [invoke(aws), invoke(aws)]
    functions.update_function_configuration(FunctionName="it", Environment={"Variables": {"A": ""}})
    configured = invoke(aws)
    functions.update_function_code(FunctionName="it", ZipFile=zip_handler(f"{counts}, 2"))
    [recoded, number] = invoke(aws)
    arn = functions.get_function_configuration(FunctionName="it")["Role"]
    functions.delete_function(FunctionName="it")
    create_function(aws, counts, arn)

    assert same[0] == same[1]
    assert number == 2
    assert len({same[0], configured, recoded, invoke(aws)}) == 4


def test_a_function_that_is_not_there_is_not_found(aws):
    """Nor one that was."""
    create_function(aws, "return 1")
    invoke(aws)
    aws.make_client("lambda").delete_function(FunctionName="it")

    with pytest.raises(ClientError) as refused:
        invoke(aws)

    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_a_permissions_boundary_is_not_passed_over(aws):
    """What would limit a role is not evaluated, so nothing is proven of it."""
    arn = create_role(aws, PermissionsBoundary="arn:aws:iam::aws:policy/ReadOnlyAccess")

    with pytest.raises(ClientError, match="not evaluate the permissions boundary of the role it"):
        create_vectors_client(aws, *assume_role(aws, arn)).list_vector_buckets()


def test_a_stack_s_role_changes_with_its_template(aws):
    """Whom it trusts, and its boundary: both decide what is proven of it."""
    boundary = "arn:aws:iam::aws:policy/ReadOnlyAccess"
    stacks, nobody = aws.make_client("cloudformation"), {"Version": "2012-10-17", "Statement": []}

    stacks.create_stack(StackName="it", TemplateBody=template(json.loads(document(TRUSTED))))
    changed = template(nobody, PermissionsBoundary=boundary)
    stacks.update_stack(StackName="it", TemplateBody=changed)
    role = aws.make_client("iam").get_role(RoleName="it")["Role"]

    assert role["AssumeRolePolicyDocument"] == nobody
    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == boundary


def template(trust, **more):
    """A stack's, with a role."""
    properties = {"RoleName": "it", "AssumeRolePolicyDocument": trust, **more}
    return json.dumps({"Resources": {"It": {"Type": "AWS::IAM::Role", "Properties": properties}}})


def test_a_session_policy_is_not_passed_over(aws):
    """Nor one that is told by its ARN."""
    arn = create_role(aws)
    client = create_vectors_client(aws, *assume_role(aws, arn, Policy=document()))

    with pytest.raises(ClientError, match="does not evaluate the session policy"):
        client.list_vector_buckets()
    with pytest.raises(ClientError, match="does not evaluate session policies"):
        assume_role(aws, arn, PolicyArns=[{"arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}])


def test_credentials_that_nobody_has_are_refused(aws):
    """In AWS's words; only who deploys may do all."""
    words = "The security token included in the request is invalid."

    with pytest.raises(ClientError, match=words):
        create_vectors_client(aws, "nobody", "nobody").list_vector_buckets()


def test_a_resource_of_an_unknown_type_is_refused_by_its_type(aws):
    """It would be passed over, with a warning."""
    template = json.dumps({"Resources": {"It": {"Type": "AWS::Nobody::Knows"}}})

    with pytest.raises(ClientError, match="CloudFormation does not know AWS::Nobody::Knows"):
        aws.make_client("cloudformation").create_stack(StackName="it", TemplateBody=template)


def test_a_region_s_buckets_are_its_own(aws):
    """It is the one that the request is signed for."""
    create_vectors_client(aws).create_vector_bucket(vectorBucketName=BUCKET)
    elsewhere = create_vectors_client(aws, region="eu-west-1")

    assert elsewhere.list_vector_buckets()["vectorBuckets"] == []
    with pytest.raises(elsewhere.exceptions.NotFoundException):
        elsewhere.get_vector_bucket(vectorBucketName=BUCKET)


def test_cloudformation_keeps_no_engine_of_an_account_that_is_gone():
    """A second one would be written to in its place."""
    assert types._engines == []
