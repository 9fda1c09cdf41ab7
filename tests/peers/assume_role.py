"""Assumes a role at ADDRESS with a session policy, and tries the credentials there.

    assume_role.py ADDRESS ROLE_ARN SESSION_POLICY
"""

import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

address, role, policy = sys.argv[1:]
config = Config(region_name="eu-central-1", s3={"addressing_style": "path"}, retries={"max_attempts": 1})


def client(service, **credentials):
    return boto3.client(service, endpoint_url=address, config=config, **credentials)


def told(call):
    try:
        return call()
    except ClientError as error:
        return error.response["Error"]["Code"]


def credentials(answer, secret=None):
    given = answer["Credentials"]
    return {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": secret or given["SecretAccessKey"],
        "aws_session_token": given["SessionToken"],
    }


answer = client("sts").assume_role(
    RoleArn=role,
    RoleSessionName="g-boto",
    SourceIdentity="g-boto",
    DurationSeconds=900,
    Policy=policy,
    Tags=[{"Key": "agent", "Value": "ledger"}],
    TransitiveTagKeys=["agent"],
)
mine = credentials(answer)
s3 = client("s3", **mine)
identity = client("sts", **mine).get_caller_identity()
print("identity", identity["Arn"].rsplit("/", 1)[1])
for key in ["2026/11", "1999/01"]:
    read = told(lambda: s3.get_object(Bucket="ledger", Key=key)["Body"].read().decode())
    print("read", key, read)
print("write 2026/11", told(lambda: s3.put_object(Bucket="ledger", Key="2026/11", Body=b"x")))
dynamodb = client("dynamodb", **mine)
item = told(lambda: dynamodb.get_item(TableName="entries", Key={"id": {"S": "1"}}) and "read")
print("item", item)
wrong = client("s3", **credentials(answer, secret="x" * 40))
print("wrong secret", told(lambda: wrong.get_object(Bucket="ledger", Key="2026/11")))
