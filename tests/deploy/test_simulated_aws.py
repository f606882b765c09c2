"""The simulated AWS refuses what it does not do as AWS does, instead of ignoring it."""

from __future__ import annotations

import io
import json
import subprocess
import zipfile

import boto3
import pytest
from botocore.exceptions import ClientError

from support.deployment import deployables, function_life, sam, terraform
from support.simulated import types
from support.simulated.functions import RefusedError
from support.simulated.runtime import FunctionError

UNASSIGNED = "192.0.2.1"
"""An address that no machine has (RFC 5737)."""
CONNECT = f"import socket; socket.create_connection(({UNASSIGNED!r}, 80), timeout=1)"
ATTEMPT = f"a test tried to connect to {UNASSIGNED}"
[OTHER_ARCHITECTURE] = {"arm64", "x86_64"} - {function_life.ARCHITECTURE}

BUCKET = "my-bucket"
TRUSTED = {
    "Effect": "Allow",
    "Principal": {"Service": "lambda.amazonaws.com"},
    "Action": "sts:AssumeRole",
}


def build_policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def create_role(aws, *trust, **more):
    """Create a role and return its ARN."""
    trust = build_policy(*trust or (TRUSTED,))
    response = aws.make_client("iam").create_role(
        RoleName="example", AssumeRolePolicyDocument=trust, **more
    )
    return response["Role"]["Arn"]


def zip_handler(body):
    """Zip a handler with this body."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as package:
        package.writestr("handler.py", f"def handler(event, context):\n    {body}\n")
    return packed.getvalue()


def create_function(aws, body, arn=None, **more):
    options = {
        "FunctionName": "example",
        "Role": arn or create_role(aws),
        "Handler": "handler.handler",
        "Code": {"ZipFile": zip_handler(body)},
        "Runtime": function_life.RUNTIME,
        "Architectures": [function_life.ARCHITECTURE],
        **more,
    }
    aws.make_client("lambda").create_function(**options)


def invoke(aws):
    response = aws.make_client("lambda").invoke(FunctionName="example", Payload="{}")
    return json.loads(response["Payload"].read())


def get_refusal(aws, folder):
    """Return the reason why the function is not run."""
    with pytest.raises(RefusedError) as refused, aws.run_function("example", folder):
        pass
    return str(refused.value)


def assume_role(aws, arn, **more):
    """Return credentials of this role."""
    response = aws.make_client("sts").assume_role(RoleArn=arn, RoleSessionName="example", **more)[
        "Credentials"
    ]
    return response["AccessKeyId"], response["SecretAccessKey"], response["SessionToken"]


def create_vectors_client(aws, *credentials, region="us-east-1"):
    return boto3.Session(*credentials).client("s3vectors", region, endpoint_url=aws.url)


def test_a_function_cannot_reach_another_machine(aws, tmp_path):
    """It fails as without a network, and the error has the address."""
    create_function(aws, CONNECT)

    with (
        aws.run_function("example", tmp_path / "task") as function,
        pytest.raises(FunctionError) as failed,
    ):
        function.invoke({})

    assert ATTEMPT in str(failed.value)


def test_a_function_cannot_import_our_modules(aws, tmp_path):
    """It can only import the hook that blocks connections to other machines."""
    finds = "return [n for n in event if __import__('importlib.util').util.find_spec(n)]"
    create_function(aws, finds)

    names = ["loopback", "children", "terraform", "stache_ai_s3vectors", "boto3", "sitecustomize"]
    with aws.run_function("example", tmp_path / "task") as function:
        importable = function.invoke(names)

    assert importable == ["sitecustomize"]


def test_a_version_with_snap_start_gets_no_credentials_in_its_environment(aws):
    """It has the URI of a credential provider instead; $LATEST has credentials."""
    names = "import os, re; return sorted(n for n in os.environ if re.search('KEY|INIT|URI', n))"
    create_function(aws, names, SnapStart={"ApplyOn": "PublishedVersions"}, Publish=True)
    functions = aws.make_client("lambda")
    functions.create_alias(FunctionName="example", Name="live", FunctionVersion="1")

    version = functions.invoke(FunctionName="example:live", Payload="{}")
    variables = json.loads(version["Payload"].read())

    assert version["ExecutedVersion"] == "1"
    assert variables == ["AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_LAMBDA_INITIALIZATION_TYPE"]
    assert {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} <= {*invoke(aws)}


def test_node_cannot_reach_another_machine(tmp_path):
    """The CDK's command line, which would send telemetry, runs on Node."""
    script = f"fetch('http://{UNASSIGNED}').catch(error => {{ throw error.cause }})"

    with pytest.raises(AssertionError, match=ATTEMPT):
        deployables.run_command(deployables.BIN / "node", "-e", script, cwd=tmp_path)


def test_sam_s_python_cannot_reach_another_machine():
    """This holds even if it ignores its proxy."""
    assert ATTEMPT in sam.run("python", "-c", CONNECT).stderr


def test_the_stand_in_s_python_cannot_reach_another_machine():
    result = subprocess.run(
        [terraform._PYTHON, "-c", CONNECT],
        env={"PYTHONPATH": terraform._PYTHON_PATH},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ATTEMPT in result.stderr


@pytest.mark.parametrize("core", [terraform.NEWEST, terraform.OLDEST])
def test_terraform_cannot_reach_another_machine(tmp_path, core):
    """Go has no hook like Python's, so it gets a proxy that does not exist."""
    configuration = (
        'terraform {\n  required_providers {\n    it = { source = "example/example" }\n  }\n}\n'
    )
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
    """The error has AWS's words, whoever invokes the function."""
    create_function(aws, "return 1", create_role(aws, *trust))
    message = "The role defined for the function cannot be assumed by Lambda."

    with pytest.raises(ClientError) as refused:
        invoke(aws)

    assert message in str(refused.value)
    assert get_refusal(aws, tmp_path) == message


@pytest.mark.parametrize(
    "options, expected",
    [
        ({"Runtime": "python3.9"}, f"python3.9 on {function_life.ARCHITECTURE}"),
        (
            {"Architectures": [OTHER_ARCHITECTURE]},
            f"{function_life.RUNTIME} on {OTHER_ARCHITECTURE}",
        ),
    ],
)
def test_a_function_for_another_python_or_architecture_is_not_run(aws, tmp_path, options, expected):
    """The error names both, the function's and this machine's."""
    create_function(aws, "return 1", **options)
    this_machine = f"{function_life.RUNTIME} on {function_life.ARCHITECTURE}"

    assert f"example is built for {expected}, but this machine runs {this_machine}." in get_refusal(
        aws, tmp_path
    )


def test_a_function_stays_warm_until_it_is_changed_or_recreated(aws):
    """New code or configuration stops its process and starts another."""
    functions, counts = aws.make_client("lambda"), "return __import__('os').getpid()"
    create_function(aws, counts)
    same = [invoke(aws), invoke(aws)]
    functions.update_function_configuration(
        FunctionName="example", Environment={"Variables": {"A": ""}}
    )
    configured = invoke(aws)
    functions.update_function_code(FunctionName="example", ZipFile=zip_handler(f"{counts}, 2"))
    [recoded, number] = invoke(aws)
    arn = functions.get_function_configuration(FunctionName="example")["Role"]
    functions.delete_function(FunctionName="example")
    create_function(aws, counts, arn)

    assert same[0] == same[1]
    assert number == 2
    assert len({same[0], configured, recoded, invoke(aws)}) == 4


def test_a_deleted_function_is_not_found(aws):
    create_function(aws, "return 1")
    invoke(aws)
    aws.make_client("lambda").delete_function(FunctionName="example")

    with pytest.raises(ClientError) as refused:
        invoke(aws)

    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_a_request_of_a_role_with_a_boundary_is_refused(aws):
    """The boundary is not evaluated here, so a success would prove nothing."""
    arn = create_role(aws, PermissionsBoundary="arn:aws:iam::aws:policy/ReadOnlyAccess")

    with pytest.raises(
        ClientError, match="not evaluate the permissions boundary of the role example"
    ):
        create_vectors_client(aws, *assume_role(aws, arn)).list_vector_buckets()


def test_a_stack_update_changes_its_role(aws):
    """Trust policy and boundary are updated, because both decide what the role may do."""
    boundary = "arn:aws:iam::aws:policy/ReadOnlyAccess"
    stacks, no_statements = (
        aws.make_client("cloudformation"),
        {"Version": "2012-10-17", "Statement": []},
    )

    stacks.create_stack(
        StackName="example", TemplateBody=build_template(json.loads(build_policy(TRUSTED)))
    )
    changed = build_template(no_statements, PermissionsBoundary=boundary)
    stacks.update_stack(StackName="example", TemplateBody=changed)
    role = aws.make_client("iam").get_role(RoleName="example")["Role"]

    assert role["AssumeRolePolicyDocument"] == no_statements
    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == boundary


def build_template(trust, **more):
    """Build a template with a role."""
    properties = {"RoleName": "example", "AssumeRolePolicyDocument": trust, **more}
    return json.dumps({"Resources": {"It": {"Type": "AWS::IAM::Role", "Properties": properties}}})


def test_a_session_with_a_policy_is_refused(aws):
    """The policy may be inline or a managed one."""
    arn = create_role(aws)
    client = create_vectors_client(aws, *assume_role(aws, arn, Policy=build_policy()))

    with pytest.raises(ClientError, match="does not evaluate the session policy"):
        client.list_vector_buckets()
    with pytest.raises(ClientError, match="does not evaluate session policies"):
        assume_role(aws, arn, PolicyArns=[{"arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}])


def test_unknown_credentials_are_refused(aws):
    """The error has AWS's words."""
    message = "The security token included in the request is invalid."

    with pytest.raises(ClientError, match=message):
        create_vectors_client(aws, "nobody", "nobody").list_vector_buckets()


def test_a_resource_of_an_unknown_type_is_refused(aws):
    """By default, moto skips it with a warning."""
    template = json.dumps({"Resources": {"It": {"Type": "AWS::Nobody::Knows"}}})

    with pytest.raises(ClientError, match="CloudFormation does not know AWS::Nobody::Knows"):
        aws.make_client("cloudformation").create_stack(StackName="example", TemplateBody=template)


def test_each_region_has_its_own_buckets(aws):
    """The region is that of the request's signature."""
    create_vectors_client(aws).create_vector_bucket(vectorBucketName=BUCKET)
    other_region = create_vectors_client(aws, region="eu-west-1")

    assert other_region.list_vector_buckets()["vectorBuckets"] == []
    with pytest.raises(other_region.exceptions.NotFoundException):
        other_region.get_vector_bucket(vectorBucketName=BUCKET)


def test_cloudformation_keeps_no_engine_of_an_earlier_account():
    """Otherwise a later stack would be created in the wrong engine."""
    assert types._engines == []
