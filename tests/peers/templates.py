"""Looks at the templates in a folder with the eyes of others.

CloudFormation: cfn-lint finds no error, and what is made in an account deploys into a pretended AWS,
where every role then has the trust, the boundary and the policies whose documents stand beside the
template. Ceilings are made and attached in a pretended organisation, whose CloudFormation does not
know them: their properties are what its API takes. Terraform: a parser of HCL reads it, and every
document of a ceiling or an inline policy in it is the one beside it.

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
    told = {"linted": 0, "deployed": 0, "attached": 0, "parsed": 0, "documents": 0, "wrong": []}
    for template in sorted((folder / "cloudformation").glob("*.yaml")):
        lint(template, told)
        documents = folder / "policies" / template.stem
        if template.stem.isdigit():
            deploy(template, documents, told)
        else:
            attach(template, documents, told)
    for module in sorted((folder / "terraform").glob("*/*.tf")):
        parse(module, folder / "policies" / module.parent.name, told)
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


def attach(template, documents, told):
    import boto3
    import moto
    import yaml

    with moto.mock_aws():
        organizations = boto3.client("organizations")
        organizations.create_organization(FeatureSet="ALL")
        root = organizations.list_roots()["Roots"][0]["Id"]
        for kind in ["SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"]:
            with contextlib.suppress(organizations.exceptions.PolicyTypeAlreadyEnabledException):
                organizations.enable_policy_type(RootId=root, PolicyType=kind)
        units = {}
        for name, resource in yaml.safe_load(template.read_text())["Resources"].items():
            asked = resource["Properties"]
            if resource["Type"] != "AWS::Organizations::Policy":
                told["wrong"].append(f"{name} is a {resource['Type']}")
                continue
            made = organizations.create_policy(
                Name=asked["Name"],
                Type=asked["Type"],
                Description=asked["Description"],
                Content=json.dumps(asked["Content"]),
            )["Policy"]
            for target in asked["TargetIds"]:
                if target not in units:
                    unit = organizations.create_organizational_unit(ParentId=root, Name=target)
                    units[target] = unit["OrganizationalUnit"]["Id"]
                policy = made["PolicySummary"]["Id"]
                organizations.attach_policy(PolicyId=policy, TargetId=units[target])
                listed = organizations.list_policies_for_target(
                    TargetId=units[target], Filter=asked["Type"]
                )
                if policy not in [it["Id"] for it in listed["Policies"]]:
                    told["wrong"].append(f"{asked['Name']} does not bind {target}")
            same(documents / f"{asked['Name']}.json", json.loads(made["Content"]), told)
            told["attached"] += 1


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


def parse(module, documents, told):
    read = parsed(module.read_text(), f"{module.parent.name}/{module.name}", told)
    if read is None:
        return
    told["parsed"] += 1
    if not read:
        told["wrong"].append(f"{module.name} holds nothing")
    # What begins a document and what ends it, as our modules are laid out.
    blocks = re.findall(
        r'^resource "(\w+)" "\w+" \{\n(.*?)^\}$', module.read_text(), re.MULTILINE | re.DOTALL
    )
    for kind, body in blocks:
        document = re.search(r"= jsonencode\((\{.*?^  \})\)$", body, re.MULTILINE | re.DOTALL)
        if kind == "aws_organizations_policy":
            file = documents / f"{argument(body, 'name')}.json"
        elif kind == "aws_iam_role_policy" and "aws_iam_role." in body:
            role = re.search(r"role += aws_iam_role\.(\w+)\.", body)[1]
            file = documents / made(module.read_text(), role) / f"{argument(body, 'name')}.json"
        else:
            continue
        # A list of a block's values is how the parser gives one argument.
        has = parsed(f"document = {document[1]}", module.name, told)
        if has is not None:
            same(file, plain(has["document"]), told)


def parsed(text, name, told):
    import hcl2

    with contextlib.redirect_stdout(io.StringIO()):
        try:
            return hcl2.loads(text)
        except Exception as error:  # noqa: BLE001 -- whatever the parser says is the answer
            told["wrong"].append(f"{name}: {error}")
            return None


def argument(body, name):
    return re.search(rf'^  {name} += "(.*)"$', body, re.MULTILINE)[1]


def made(text, label):
    block = re.search(
        rf'^resource "aws_iam_role" "{label}" \{{\n(.*?)^\}}$', text, re.MULTILINE | re.DOTALL
    )
    return argument(block[1], "name")


def plain(value):
    """The parser keeps the quotation marks of texts and keys."""
    if isinstance(value, dict):
        return {plain(key): plain(it) for key, it in value.items()}
    if isinstance(value, list):
        return [plain(it) for it in value]
    if isinstance(value, str) and value.startswith('"'):
        return json.loads(value).replace("$${", "${").replace("%%{", "%{")
    return value


main(pathlib.Path(sys.argv[1]))
