"""Bucket policies are stored, checked, and enforced together with permissions."""

from __future__ import annotations

import json
from contextlib import contextmanager

import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner

from s3vectors_local import Engine, Policies, PolicyError, connect
from s3vectors_local.__main__ import main
from support.endpoints import create_client, serve

BUCKET = "arn:aws:s3vectors:us-east-1:123456789012:bucket/my-bucket"
INDEX = f"{BUCKET}/index/my-index"
POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3vectors:*",
            "Resource": "arn:aws:s3vectors:us-east-1:123456789012:bucket/my-bucket",
        },
    },
    indent=1,
)
NO_POLICY = "The specified vector bucket policy could not be found"


def test_a_policy_is_returned_unchanged(client, bucket):
    """A second policy replaces it. Without permissions, it is not enforced."""
    client.put_vector_bucket_policy(
        vectorBucketName=bucket,
        policy=POLICY.replace("Deny", "Allow").replace('"*"', '{"AWS": "111122223333"}'),
    )
    client.put_vector_bucket_policy(vectorBucketName=bucket, policy=POLICY)

    assert client.get_vector_bucket_policy(vectorBucketName=bucket)["policy"] == POLICY


def test_a_missing_policy_is_a_404(client, bucket):
    """It is missing at first and after its deletion. Deleting a missing policy is no error."""
    with pytest.raises(client.exceptions.NotFoundException, match=NO_POLICY):
        client.get_vector_bucket_policy(vectorBucketName=bucket)
    client.put_vector_bucket_policy(vectorBucketName=bucket, policy=POLICY)
    for _ in range(2):
        client.delete_vector_bucket_policy(vectorBucketName=bucket)

    with pytest.raises(client.exceptions.NotFoundException, match=NO_POLICY):
        client.get_vector_bucket_policy(vectorBucketName=bucket)


def statement(**changes):
    complete = {
        "Effect": "Allow",
        "Principal": {"AWS": "222233334444"},
        "Action": "s3vectors:GetIndex",
        "Resource": INDEX,
    }
    return {k: v for k, v in (complete | changes).items() if v is not None}


def document(*statements, **members):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)} | members)


MALFORMED = {
    "": "not valid JSON",
    "x": "not valid JSON",
    "[]": "no Statement",
    "{}": "no Statement",
    '"text"': "no Statement",
    '{"Statement": []}': "no Statement",
    '{"Statement": "x"}': "statement 1 is not an object",
    '{"Statement": 1}': "statement 1 is not an object",
    "[" * 20_000: "not valid JSON",
    "x" * 20_481: "longer than 20,480 bytes",
    '{"Statement": [], "Statement": []}': "an object repeats one of Statement",
    document(statement(), Version="2099-01-01"): 'must have "Version"',
    document(statement(), Version=2012): 'must have "Version"',
    document(statement(), Name="x"): "has Name",
    document(statement(), Id=["x"]): "Id must be a string",
    document(statement(Sid="\ud800")): "not valid JSON",
    document(statement(Principal={"AWS": "\udfff"})): "not valid JSON",
    document(statement(Condition={"a": json.loads("[" * 30 + "]" * 30)})): "more than 20 levels",
    document(statement(Effect="Maybe")): 'needs "Effect"',
    document(statement(Effect=None)): 'needs "Effect"',
    document(statement(Principal=None)): "Missing required field Principal",
    document(statement(NotPrincipal="*")): "Missing required field Principal",
    document(statement(Principal="222233334444")): "Invalid principal in policy",
    document(statement(Principal={})): "Invalid principal in policy",
    document(statement(Principal={"AWS": []})): "Invalid principal in policy",
    document(statement(Principal={"AWS": "me"})): "Invalid principal in policy",
    document(statement(Principal={"AWS": "arn:aws:iam::222233334444:role/*"})): "Invalid principal",
    document(statement(Principal={"AWS": "arn:aws:iam:222233334444:role/a"})): "Invalid principal",
    document(statement(Principal={"Service": "lambda"})): "Invalid principal in policy",
    document(statement(Principal={"Everybody": "*"})): "Invalid principal in policy",
    document(statement(Action=None)): "needs either Action or NotAction",
    document(statement(NotAction="*")): "needs either Action or NotAction",
    document(statement(Action="s3:GetObject")): "Policy has invalid action",
    document(statement(Action="s3vectors:InsertVectors")): "Policy has invalid action",
    document(statement(Action="GetIndex")): "Policy has invalid action",
    document(statement(Resource=None)): "needs either Resource or NotResource",
    document(statement(Resource="my-bucket")): "Policy has invalid resource",
    document(statement(Resource="arn:aws:s3:::my-bucket")): "Policy has invalid resource",
    document(statement(Resource=INDEX.replace(":bucket", ":vector-bucket"))): "invalid resource",
    document(statement(), statement(Sid=1)): "statement 2: Sid must be",
    document(statement(Resources="*")): "has Resources",
    document(statement(Condition=[])): "Condition must be",
    document(statement(Condition={"Sometimes": {"aws:PrincipalArn": "x"}})): "not a condition oper",
    document(statement(Condition={"StringEquals": {"PrincipalArn": "x"}})): "not a condition key",
    document(statement(Condition={"Bool": {"aws:SecureTransport": "x"}})): "must be true or false",
    # After a statement that is valid but cannot be evaluated
    document(statement(NotPrincipal="*", Principal=None), statement(Effect="x")): "statement 2",
    document(
        statement(
            Condition={
                "IpAddress": {"aws:SourceIp": "10.0.0.0/8"},
                "Sometimes": {"aws:SourceIp": "x"},
            }
        )
    ): "not a condition operator",
}


def test_a_malformed_policy_is_refused(client, bucket):
    """The error has the API model's code, and the previous policy stays."""
    client.put_vector_bucket_policy(vectorBucketName=bucket, policy=POLICY)

    for bad, message in MALFORMED.items():
        with pytest.raises(ClientError, match="The policy is malformed: ") as refused:
            client.put_vector_bucket_policy(vectorBucketName=bucket, policy=bad)
        error = refused.value.response
        assert message in error["Error"]["Message"]
        assert error["Error"]["Code"] == "ValidationException"
        assert error["fieldList"][0]["path"] == "policy"
    assert client.get_vector_bucket_policy(vectorBucketName=bucket)["policy"] == POLICY


VALID = [
    document(statement()),
    json.dumps({"Statement": statement()}),
    document(statement(), Id="mine", Version="2008-10-17"),
    # AWS accepts both: moto's verified test and Terraform's test put them
    document(
        statement(
            Action="s3vectors:*",
            Principal={"AWS": "arn:aws:iam::123456789012:root"},
            Resource="arn:aws:s3vectors:aws-region:123456789012:bucket/amzn-s3-demo-vector-bucket",
        )
    ),
    document(statement(Principal={"AWS": "123456789012"}, Resource="*")),
    document(statement(Principal={"Service": ["lambda.amazonaws.com"], "AWS": ["222233334444"]})),
    document(statement(Principal={"Federated": "cognito-identity.amazonaws.com"})),
    document(statement(NotPrincipal={"AWS": "222233334444"}, Principal=None, Effect="Deny")),
    document(statement(Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})),
    document(statement(Condition={"StringEquals": {"aws:PrincipalOrgID": "o-1"}})),
    document(statement(Condition={"NumericLessThan": {"s3vectors:x": 1}})),
    document(statement(Action=["s3vectors:Get*", "*"], Resource=[f"{BUCKET}*", f"{INDEX}/*"])),
    document(statement(Resource=INDEX + "${aws:username}")),
]


def test_a_valid_policy_is_stored(client, bucket):
    """If the engine does not enforce permissions, it stores those that it cannot evaluate."""
    for good in VALID:
        client.put_vector_bucket_policy(vectorBucketName=bucket, policy=good)
        assert client.get_vector_bucket_policy(vectorBucketName=bucket)["policy"] == good


def test_a_public_policy_is_refused(client, bucket):
    """S3 Block Public Access is always on. A deny for everyone is not public."""
    of_account = {"StringEquals": {"aws:PrincipalAccount": "222233334444"}}

    for everyone in ("*", {"AWS": "*"}, {"AWS": ["222233334444", "*"]}):
        public = statement(Principal=everyone)
        over_tls = {**public, "Condition": {"Bool": {"aws:SecureTransport": "true"}}}
        for open_to_all in (public, over_tls):
            rules = document(open_to_all)
            with pytest.raises(client.exceptions.AccessDeniedException, match="Public Access"):
                client.put_vector_bucket_policy(vectorBucketName=bucket, policy=rules)
        for quantified in ("ForAllValues:StringEquals", "StringEqualsIfExists"):
            rules = document(
                {**public, "Condition": {quantified: {"aws:SourceAccount": "222233334444"}}}
            )
            with pytest.raises(client.exceptions.AccessDeniedException, match="Public Access"):
                client.put_vector_bucket_policy(vectorBucketName=bucket, policy=rules)
        for private in ({**public, "Condition": of_account}, {**public, "Effect": "Deny"}):
            rules = document(private)
            client.put_vector_bucket_policy(vectorBucketName=bucket, policy=rules)


OWNER = "arn:aws:iam::123456789012:user/owner"
MEMBER = "arn:aws:iam::123456789012:role/member"
GUEST = "arn:aws:iam::222233334444:role/guest"
STRANGER = "arn:aws:iam::333344445555:user/stranger"
SERVICE = "bedrock.amazonaws.com"
EVERYTHING = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"},
}


def test_a_public_statement_next_to_an_unevaluated_one_is_refused(client, bucket):
    """It may allow everyone with exceptions."""
    by_address = statement(Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})

    for public in (
        statement(Principal="*"),
        statement(NotPrincipal={"AWS": "222233334444"}, Principal=None),
    ):
        with pytest.raises(client.exceptions.AccessDeniedException, match="Public Access"):
            client.put_vector_bucket_policy(
                vectorBucketName=bucket, policy=document(by_address, public)
            )


SESSION = "arn:aws:sts::123456789012:assumed-role/member/its-session"


@pytest.mark.parametrize("role", [MEMBER, MEMBER.replace("role/", "role/a/path/")])
def test_policies_of_a_role_apply_to_its_sessions(role):
    """Identity policies and bucket policies do, with or without the path of the role."""
    denies = {**EVERYTHING, "Statement": statement(Principal=None, Effect="Deny")}
    theirs = {"Principal": {"AWS": role}}
    owner = {OWNER: Policies(EVERYTHING)}

    def ask_role(bucket_policy, identity):
        with Engine(
            policies={**owner, role: Policies(identity)}, principals={"owner": OWNER, "s": SESSION}
        ) as engine:
            caller = engine.caller("owner", "us-east-1")
            engine.call("CreateVectorBucket", {"vectorBucketName": "my-bucket"}, caller)
            policy = {"vectorBucketName": "my-bucket", "policy": bucket_policy}
            engine.call("PutVectorBucketPolicy", policy, caller)
            session = connect(
                create_client(aws_access_key_id="s", aws_secret_access_key="any"), engine
            )
            try:
                session.get_index(indexArn=INDEX)
            except ClientError as error:
                return str(error)

    assert "explicit deny in an identity" in ask_role(document(statement(**theirs)), denies)
    assert "could not be found" in ask_role(document(statement(**theirs)), EVERYTHING)
    assert "explicit deny in a resource" in ask_role(
        document(statement(**theirs, Effect="Deny")), EVERYTHING
    )


def test_a_repeated_principal_is_refused():
    """With two names of one principal, it would be unclear which policies count."""
    ours = Policies(EVERYTHING)

    with pytest.raises(ValueError, match="is repeated; name it once"):
        Engine(policies={MEMBER: ours, MEMBER.replace("role/", "role/a/"): ours})


PRINCIPALS = {
    name.rpartition("/")[2].partition(".")[0]: name
    for name in (OWNER, MEMBER, GUEST, STRANGER, SERVICE)
}


@contextmanager
def share_bucket(bucket_policy, **identity):
    """Return clients by name; their engine enforces a bucket policy and identity policies."""
    policies = {PRINCIPALS[name]: Policies(document) for name, document in identity.items()}
    policies[OWNER] = Policies(EVERYTHING)
    with Engine(policies=policies, principals=PRINCIPALS) as engine:
        clients = {
            name: connect(
                create_client(aws_access_key_id=name, aws_secret_access_key="any"), engine
            )
            for name in PRINCIPALS
        }
        owner = clients["owner"]
        owner.create_vector_bucket(vectorBucketName="my-bucket")
        owner.create_index(
            vectorBucketName="my-bucket",
            indexName="my-index",
            dataType="float32",
            dimension=1,
            distanceMetric="cosine",
        )
        if bucket_policy is not None:
            owner.put_vector_bucket_policy(vectorBucketArn=BUCKET, policy=bucket_policy)
        yield clients


def get_refusal(client):
    """Return the error message of GetIndex, or None."""
    try:
        client.get_index(indexArn=INDEX)
    except client.exceptions.AccessDeniedException as error:
        return str(error)
    return None


def test_another_account_needs_both_policies():
    """Neither the bucket policy nor the identity policy is enough alone."""
    allows_guest = document(statement(Principal={"AWS": GUEST}))

    with share_bucket(allows_guest, guest=EVERYTHING, stranger=EVERYTHING) as clients:
        assert get_refusal(clients["guest"]) is None
        assert "no resource-based policy allows" in get_refusal(clients["stranger"])
        with pytest.raises(ClientError, match="no resource-based policy allows"):
            clients["guest"].list_indexes(vectorBucketArn=BUCKET)
    with share_bucket(allows_guest) as clients:
        assert "no identity-based policy allows" in get_refusal(clients["guest"])
    with share_bucket(None, guest=EVERYTHING) as clients:
        assert "no resource-based policy allows" in get_refusal(clients["guest"])


def test_another_account_uses_the_bucket_by_arn():
    """It may do what the bucket policy allows. A name would mean one of its own buckets."""
    rights = ["s3vectors:PutVectors", "s3vectors:GetVectors"]
    allows_account = document(statement(Action=rights))

    with share_bucket(allows_account, guest=EVERYTHING) as clients:
        guest = clients["guest"]
        guest.put_vectors(indexArn=INDEX, vectors=[{"key": "a", "data": {"float32": [1]}}])
        assert len(guest.get_vectors(indexArn=INDEX, keys=["a"])["vectors"]) == 1
        assert len(clients["owner"].get_vectors(indexArn=INDEX, keys=["a"])["vectors"]) == 1
        with pytest.raises(ClientError, match="s3vectors:DeleteVectors"):
            guest.delete_vectors(indexArn=INDEX, keys=["a"])
        with pytest.raises(guest.exceptions.NotFoundException):
            guest.get_index(vectorBucketName="my-bucket", indexName="my-index")


def test_in_one_account_one_policy_is_enough():
    """An account ID in a bucket policy grants nothing to the account's users."""
    reads = {**EVERYTHING, "Statement": statement(Principal=None)}

    with share_bucket(document(statement(Principal={"AWS": MEMBER}))) as clients:
        assert get_refusal(clients["member"]) is None
    with share_bucket(document(statement(Principal={"AWS": "123456789012"}))) as clients:
        assert "no identity-based policy allows" in get_refusal(clients["member"])
    with share_bucket(None, member=reads) as clients:
        assert get_refusal(clients["member"]) is None


@pytest.mark.parametrize(
    "principal", [MEMBER, MEMBER.replace("role/", "user/"), "*", "123456789012"]
)
def test_an_explicit_deny_in_a_bucket_policy_wins(principal):
    """Both policies allow. The deny may name the account or everyone."""
    rules = document(
        statement(Principal={"AWS": MEMBER}),
        statement(Effect="Deny", Principal={"AWS": principal}, Sid="No"),
    )

    with share_bucket(rules, member=EVERYTHING) as clients:
        message = get_refusal(clients["member"])
    if "user/" in principal:
        assert message is None
    else:
        assert "with an explicit deny in a resource-based policy" in message


def test_a_deny_in_an_identity_policy_wins_over_a_bucket_policy():
    denies = {**EVERYTHING, "Statement": statement(Principal=None, Effect="Deny")}

    with share_bucket(document(statement(Principal={"AWS": MEMBER})), member=denies) as clients:
        assert "with an explicit deny in an identity-based policy" in get_refusal(clients["member"])


def test_a_service_needs_only_the_bucket_policy():
    """A condition can restrict the accounts for which the service works."""
    for_account = {"StringEquals": {"aws:SourceAccount": "123456789012"}}
    for_other = {"StringEquals": {"aws:SourceAccount": "222233334444"}}
    whom = {"Principal": {"Service": SERVICE}}

    with share_bucket(document(statement(**whom, Condition=for_account))) as clients:
        assert get_refusal(clients["bedrock"]) is None
    with share_bucket(document(statement(**whom, Condition=for_other))) as clients:
        assert "no resource-based policy allows" in get_refusal(clients["bedrock"])


def test_conditions_can_test_the_caller():
    """They know a session's role, the account and the region; requests count as sent over TLS."""
    conditions = {
        "ArnEquals": {"aws:PrincipalArn": GUEST},
        "StringEquals": {
            "aws:PrincipalAccount": "222233334444",
            "aws:RequestedRegion": "us-east-1",
        },
        "Bool": {"aws:SecureTransport": "true", "aws:PrincipalIsAWSService": "false"},
    }

    with share_bucket(document(statement(Condition=conditions)), guest=EVERYTHING) as clients:
        assert get_refusal(clients["guest"]) is None
    conditions["ArnEquals"] = {"aws:PrincipalArn": MEMBER}
    with share_bucket(document(statement(Condition=conditions)), guest=EVERYTHING) as clients:
        assert "no resource-based policy" in get_refusal(clients["guest"])


def test_a_policy_that_cannot_be_enforced_is_refused():
    """An enforcing engine refuses it in PutVectorBucketPolicy and when it opens a directory."""
    by_address = document(statement(Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}))

    with (
        share_bucket(None) as clients,
        pytest.raises(ClientError, match="s3vectors-local cannot enforce it: .*IpAddress"),
    ):
        clients["owner"].put_vector_bucket_policy(vectorBucketArn=BUCKET, policy=by_address)


def test_an_engine_does_not_start_with_a_policy_that_it_cannot_enforce(tmp_path):
    """It does not ignore the policy, and unlocks the directory."""
    by_address = document(statement(Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}))
    with Engine(tmp_path) as engine:
        client = connect(create_client(), engine)
        client.create_vector_bucket(vectorBucketName="my-bucket")
        client.put_vector_bucket_policy(vectorBucketName="my-bucket", policy=by_address)

    with pytest.raises(PolicyError, match="vector bucket my-bucket cannot be enforced: .*IpAddr"):
        Engine(tmp_path, policies=Policies(EVERYTHING))

    with Engine(tmp_path) as engine:
        client = connect(create_client(), engine)
        client.delete_vector_bucket_policy(vectorBucketName="my-bucket")
    Engine(tmp_path, policies=Policies(EVERYTHING)).close()


@pytest.mark.parametrize("name", ["", "me", "1234", "arn:aws:iam::123456789012:group/a", "*"])
def test_an_invalid_principal_is_refused(name):
    """The constructor's error lists what is allowed."""
    with pytest.raises(ValueError, match="is not a principal. Give an account id"):
        Engine(principals={"key": name})
    with pytest.raises(ValueError, match="is not a principal. Give an account id"):
        Engine(policies={name: Policies(EVERYTHING)})


def test_the_command_enforces_bucket_policies(tmp_path):
    """Its options name the principal of each access key and policy."""
    everything = tmp_path / "everything.json"
    everything.write_text(json.dumps(EVERYTHING))
    options = [
        *("--principal", f"owner={OWNER}", "--principal", f"guest={GUEST}"),
        *("--policy", f"{OWNER}={everything}", "--policy", f"{GUEST}={everything}"),
    ]

    with serve(*options) as url:
        owner, guest, other = (
            create_client(endpoint_url=url, aws_access_key_id=key, aws_secret_access_key="any")
            for key in ("owner", "guest", "x")
        )
        owner.create_vector_bucket(vectorBucketName="my-bucket")
        with pytest.raises(ClientError, match="no resource-based policy allows"):
            guest.list_indexes(vectorBucketArn=BUCKET)
        rules = document(statement(Action="s3vectors:ListIndexes", Resource=BUCKET))
        owner.put_vector_bucket_policy(vectorBucketName="my-bucket", policy=rules)
        assert guest.list_indexes(vectorBucketArn=BUCKET)["indexes"] == []
        with pytest.raises(ClientError, match="no identity-based policy allows"):
            other.list_vector_buckets()
        for client in (owner, guest, other):
            client.close()


def test_policies_for_every_caller_and_for_principals_are_refused_together(tmp_path):
    """Both at once would be ambiguous."""
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps(EVERYTHING))

    result = CliRunner().invoke(
        main, ["serve", "--policy", f"{OWNER}={policy}", "--policy", str(policy)]
    )

    assert result.exit_code == 2
    assert "for every caller" in result.output


@pytest.mark.parametrize(
    "options, message",
    [
        (["--principal", "x"], "does not have the form --principal KEY_ID=PRINCIPAL"),
        (["--principal", "x=y"], '"y" is not a principal'),
        (["--principal", f"x={OWNER}", "--principal", f"x={GUEST}"], "is repeated for x"),
        (["--policy", f"{OWNER}=nowhere.json"], "nowhere.json"),
    ],
)
def test_wrong_options_about_callers_are_refused(options, message):
    """The error says what is wrong and what is allowed."""
    result = CliRunner().invoke(main, ["serve", *options])

    assert result.exit_code == 2
    assert message in result.output
