"""Looks at the templates in a folder with the eyes of others.

CloudFormation: cfn-lint finds no error, and what is made in an account deploys into a pretended AWS,
where every role then has the trust, the boundary and the policies whose documents stand beside the
template. Terraform: a parser of HCL reads it, and every document in it is the one beside it.

Prints one JSON object: what was looked at, and what was wrong.
"""

import ast
import contextlib
import io
import json
import os
import pathlib
import re
import subprocess
import sys

CFN_LINT = pathlib.Path(sys.executable).parent / "cfn-lint"

os.environ.update(
    AWS_ACCESS_KEY_ID="testing",
    AWS_SECRET_ACCESS_KEY="testing",
    AWS_DEFAULT_REGION="us-east-1",
)


def main(folder):
    told = {"linted": 0, "deployed": 0, "parsed": 0, "documents": 0, "wrong": []}
    for template in sorted((folder / "cloudformation").glob("*.yaml")):
        lint(template, told)
        if template.stem.isdigit():
            deploy(template, folder / "policies" / template.stem, told)
    for module in sorted((folder / "terraform").glob("*/*.tf")):
        parse(module, told)
    print(json.dumps(told))


def lint(template, told):
    ran = subprocess.run(
        [CFN_LINT, "--regions", "us-east-1", "--format", "json", template],
        capture_output=True,
        text=True,
        check=False,
    )
    told["linted"] += 1
    for found in json.loads(ran.stdout or "[]"):
        if found["Level"] == "Error":
            line = found["Location"]["Start"]["LineNumber"]
            told["wrong"].append(f"{template.name}:{line}: {found['Rule']['Id']} {found['Message']}")
    if ran.stderr:
        told["wrong"].append(f"{template.name}: {ran.stderr}")


def deploy(template, documents, told):
    os.environ["MOTO_ACCOUNT_ID"] = template.stem
    import boto3
    import moto

    with moto.mock_aws():
        for bucket in re.findall(r"^      Bucket: (\S+)$", template.read_text(), re.MULTILINE):
            boto3.client("s3").create_bucket(Bucket=bucket)
        formation = boto3.client("cloudformation")
        formation.create_stack(
            StackName="agents",
            TemplateBody=template.read_text(),
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        status = formation.describe_stacks(StackName="agents")["Stacks"][0]["StackStatus"]
        told["deployed"] += 1
        if status != "CREATE_COMPLETE":
            told["wrong"].append(f"{template.name}: {status}")
        compare(boto3.client("iam"), documents, told)


def compare(iam, documents, told):
    for role in iam.list_roles(PathPrefix="/")["Roles"]:
        name = role["RoleName"]
        own = documents / name
        same(own / "trust.json", role["AssumeRolePolicyDocument"], told)
        if "PermissionsBoundary" not in iam.get_role(RoleName=name)["Role"]:
            told["wrong"].append(f"{name} has no boundary")
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
            has = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
            same(own / f"{policy}.json", has, told)
    for policy in iam.list_policies(Scope="Local")["Policies"]:
        version = iam.get_policy_version(
            PolicyArn=policy["Arn"], VersionId=policy["DefaultVersionId"]
        )
        same(documents / f"{policy['PolicyName']}.json", version["PolicyVersion"]["Document"], told)


def same(file, has, told):
    told["documents"] += 1
    if isinstance(has, str):
        # moto keeps the inline policies of a template as Python prints them.
        has = ast.literal_eval(has)
    if json.loads(file.read_text()) != has:
        told["wrong"].append(f"{file.name} of {file.parent.name} is another document when deployed")


def parse(module, told):
    import hcl2

    with contextlib.redirect_stdout(io.StringIO()):
        try:
            read = hcl2.loads(module.read_text())
        except Exception as error:  # noqa: BLE001 -- whatever the parser says is the answer
            told["wrong"].append(f"{module.parent.name}/{module.name}: {error}")
            return
    told["parsed"] += 1
    if not read:
        told["wrong"].append(f"{module.name} holds nothing")


main(pathlib.Path(sys.argv[1]))
