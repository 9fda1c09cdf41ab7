"""Prints AWS's managed policies as moto carries them: {name: {"arn", "version", "document"}}."""

import json
import sys

from moto.iam.aws_managed_policies import aws_managed_policies_data

policies = {
    name: {
        "arn": "arn:aws:iam::aws:policy" + policy["Path"] + name,
        "version": policy["DefaultVersionId"],
        "document": policy["Document"],
    }
    for name, policy in sorted(json.loads(aws_managed_policies_data).items())
}
json.dump(policies, sys.stdout, indent=0, sort_keys=True)
