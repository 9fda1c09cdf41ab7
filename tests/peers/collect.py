"""Runs scripts/collect.sh against a pretended AWS (moto) with a little of everything in it.

usage: collect.py FOLDER
"""

import json
import logging
import os
import pathlib
import subprocess
import sys

os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "false"
os.environ["AWS_ACCESS_KEY_ID"] = os.environ["AWS_SECRET_ACCESS_KEY"] = "testing"
os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
os.environ.pop("AWS_PROFILE", None)
os.environ.pop("AWS_SESSION_TOKEN", None)

import boto3
from moto.server import ThreadedMotoServer

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def trust(service):
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
            ],
        }
    )


def allow(action, effect="Allow"):
    statement = {"Effect": effect, "Action": action, "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def furnish(client):
    """An organisation, principals, an agent of each kind that moto knows, and a few stores."""
    account = client("sts").get_caller_identity()["Account"]

    iam = client("iam")
    services = {"desk": "bedrock", "reader": "bedrock-agentcore", "post": "lambda"}
    for name, service in services.items():
        iam.create_role(
            RoleName=name,
            Path="/agents/",
            AssumeRolePolicyDocument=trust(f"{service}.amazonaws.com"),
            MaxSessionDuration=7200,
        )
    role = "arn:aws:iam::%s:role/agents/{}" % account
    iam.put_role_policy(RoleName="desk", PolicyName='the "own" one', PolicyDocument=allow("s3:GetObject"))
    policy = iam.create_policy(PolicyName="shared", PolicyDocument=allow("dynamodb:*"))["Policy"]["Arn"]
    for name in services:
        iam.attach_role_policy(RoleName=name, PolicyArn=policy)
    for name in ("clerk", "ghost"):
        iam.create_user(UserName=name)
    iam.create_access_key(UserName="clerk")

    organizations = client("organizations")
    organizations.create_organization(FeatureSet="ALL")
    root = organizations.list_roots()["Roots"][0]["Id"]
    for kind in ("SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"):
        organizations.enable_policy_type(RootId=root, PolicyType=kind)
    unit = organizations.create_organizational_unit(ParentId=root, Name='The "Agents" unit')
    unit = unit["OrganizationalUnit"]["Id"]
    member = organizations.create_account(AccountName="member", Email="m@example.com")
    member = member["CreateAccountStatus"]["AccountId"]
    organizations.move_account(AccountId=member, SourceParentId=root, DestinationParentId=unit)
    organizations.tag_resource(ResourceId=member, Tags=[{"Key": "environment", "Value": "prod"}])
    ceiling = organizations.create_policy(
        Name="no-models", Description="x", Type="SERVICE_CONTROL_POLICY", Content=allow("bedrock:InvokeModel", "Deny")
    )["Policy"]["PolicySummary"]["Id"]
    organizations.attach_policy(PolicyId=ceiling, TargetId=unit)

    client("bedrock-agent").create_agent(
        agentName="desk", agentResourceRoleArn=role.format("desk"), foundationModel="m", tags={"owner": "orders"}
    )
    core = client("bedrock-agentcore-control")
    core.create_agent_runtime(
        agentRuntimeName="reader",
        agentRuntimeArtifact={"containerConfiguration": {"containerUri": "x:1"}},
        roleArn=role.format("reader"),
        networkConfiguration={"networkMode": "PUBLIC"},
        environmentVariables={"PASSWORD": "hunter2", "SALT": "hunter2"},
    )
    core.create_gateway(
        name="tools", roleArn=role.format("reader"), protocolType="MCP", authorizerType="AWS_IAM"
    )

    client("lambda").create_function(
        FunctionName="post",
        Runtime="python3.13",
        Role=role.format("post"),
        Handler="x.y",
        Code={"ZipFile": b"PK\x05\x06" + b"\0" * 18},
        Environment={"Variables": {"PASSWORD": "hunter2"}},
    )
    client("lambda").add_permission(
        FunctionName="post", StatementId="s", Action="lambda:InvokeFunction", Principal="bedrock.amazonaws.com"
    )
    s3 = client("s3")
    for bucket in ("with-policy", "without"):
        s3.create_bucket(Bucket=bucket)
    s3.put_bucket_policy(
        Bucket="with-policy",
        Policy=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"AWS": role.format("desk")},
                        "Action": "s3:GetObject",
                        "Resource": "arn:aws:s3:::with-policy/*",
                    }
                ],
            }
        ),
    )
    client("secretsmanager").create_secret(Name="mail", SecretString="hunter2")
    client("kms").create_key()


def main():
    logging.getLogger("werkzeug").disabled = True
    server = ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://127.0.0.1:{port}"
    try:
        furnish(lambda service: boto3.client(service, endpoint_url=endpoint))
        beside = os.pathsep.join([str(pathlib.Path(sys.executable).parent), os.environ["PATH"]])
        environment = {**os.environ, "AWS_ENDPOINT_URL": endpoint, "PATH": beside, "AWS_MAX_ATTEMPTS": "1"}
        command = [str(REPOSITORY / "scripts/collect.sh"), "--out", sys.argv[1], "--region", "us-east-1"]
        for _ in range(2):
            subprocess.run(["bash", *command], env=environment, check=True)
    finally:
        server.stop()


main()
