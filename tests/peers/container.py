"""Uses whatever credentials the SDK finds by itself, at ADDRESS, and tells what each call came to.

    container.py ADDRESS BUCKET KEY…
"""

import sys

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

address, bucket, *keys = sys.argv[1:]
config = Config(region_name="eu-central-1", s3={"addressing_style": "path"}, retries={"max_attempts": 1})
session = boto3.Session()


def client(service):
    return session.client(service, endpoint_url=address, config=config)


def told(call):
    try:
        return call()
    except ClientError as error:
        return error.response["Error"]["Code"]
    except BotoCoreError as error:
        return type(error).__name__


provider = told(lambda: session.get_credentials().method)
print("provider", provider)
if provider.endswith("Error"):
    sys.exit()
print("identity", told(lambda: client("sts").get_caller_identity()["Arn"]))
s3 = client("s3")
for key in keys:
    print("read", key, told(lambda: s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()))
    print("write", key, told(lambda: s3.put_object(Bucket=bucket, Key=key, Body=b"x") and "done"))
