"""Makes the `Authorization` of a request for a grant from the AWS credentials at hand.

    prove_identity.py AUDIENCE REGION < BODY        # prints one line
    prove_identity.py AUDIENCE REGION STS_ADDRESS < BODY

The body is what is sent, byte for byte: the proof holds for it alone, once, for five minutes.
"""

import base64
import hashlib
import json
import secrets
import sys
from urllib.parse import urlsplit

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

audience, region, *rest = sys.argv[1:]
address = rest[0] if rest else f"https://sts.{region}.amazonaws.com"
nonce = secrets.token_urlsafe(24)
request = AWSRequest(
    "POST",
    address + "/",
    data="Action=GetCallerIdentity&Version=2011-06-15",
    headers={
        "Host": urlsplit(address).netloc,
        "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
        "X-Bailiwick-Audience": audience,
        "X-Bailiwick-Nonce": nonce,
        "X-Bailiwick-Request": hashlib.sha256(sys.stdin.buffer.read()).hexdigest(),
    },
)
credentials = boto3.Session().get_credentials().get_frozen_credentials()
SigV4Auth(credentials, "sts", region).add_auth(request)
proof = {
    "access_key_id": credentials.access_key,
    "session_token": credentials.token,
    "region": region,
    "date": request.headers["X-Amz-Date"],
    "nonce": nonce,
    "signature": request.headers["Authorization"].split("Signature=")[1],
}
text = base64.urlsafe_b64encode(json.dumps(proof).encode()).decode().rstrip("=")
print(f"Bailiwick-AWS {text}")
