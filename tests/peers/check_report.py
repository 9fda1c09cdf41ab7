"""Checks a report on the standard input against the published schema of its format: sarif or ocsf."""

import functools
import json
import pathlib
import sys

import jsonschema

HERE = pathlib.Path(__file__).parent
SARIF = HERE / "node_modules/@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json"


def sarif_errors(report):
    schema = json.loads(SARIF.read_text())
    checker = jsonschema.FormatChecker()
    return jsonschema.Draft7Validator(schema, format_checker=checker).iter_errors(report)


def ocsf_errors(events):
    from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

    @functools.cache
    def validator(version, uid, profiles):
        schemas = OcsfJsonSchemaEmbedded(get_ocsf_schema(version))
        name = schemas.lookup_class_name_from_uid(uid)
        schema = schemas.get_class_schema(name, list(profiles))
        return jsonschema.Draft202012Validator(schema)

    for event in events:
        metadata = event["metadata"]
        profiles = tuple(metadata.get("profiles", []))
        yield from validator(metadata["version"], event["class_uid"], profiles).iter_errors(event)


report = json.load(sys.stdin)
errors = {"sarif": sarif_errors, "ocsf": ocsf_errors}[sys.argv[1]](report)
found = [f"{'/'.join(map(str, error.absolute_path))}: {error.message[:300]}" for error in errors]
print("\n".join(found[:20]))
sys.exit(1 if found else 0)
