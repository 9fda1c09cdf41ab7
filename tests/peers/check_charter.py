"""Checks a charter (a YAML file) against the published JSON Schema, as an editor does."""

import json
import pathlib
import sys

import jsonschema
import yaml

ROOT = pathlib.Path(__file__).parent.parent.parent
SCHEMA = json.loads((ROOT / "docs/formats/charter.schema.json").read_text())

jsonschema.Draft202012Validator.check_schema(SCHEMA)
charter = yaml.safe_load(pathlib.Path(sys.argv[1]).read_text())
errors = jsonschema.Draft202012Validator(SCHEMA).iter_errors(charter)
found = [f"{'/'.join(map(str, error.absolute_path))}: {error.message[:300]}" for error in errors]
print("\n".join(found[:20]), end="")
sys.exit(1 if found else 0)
