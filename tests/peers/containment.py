"""A second opinion on containment: reads {"name", "a", "b"}, one a line, and asks z3 for a request
that policy a allows and policy b does not. Prints {"name", "answer": "contained|not|unknown"}.

Knows plain statements with conditions on single-valued keys: text, numbers, flags and Null."""

import json
import sys

import z3

NUMBERS = {"t:size"}
FLAGS = {"t:flag"}
COMPARE = {
    "NumericEquals": lambda x, y: x == y,
    "NumericNotEquals": lambda x, y: x == y,
    "NumericLessThan": lambda x, y: x < y,
    "NumericLessThanEquals": lambda x, y: x <= y,
    "NumericGreaterThan": lambda x, y: x > y,
    "NumericGreaterThanEquals": lambda x, y: x >= y,
}


def glob(text):
    """A regular expression of the pattern."""
    parts = []
    for letter in text:
        if letter == "*":
            parts.append(z3.Full(z3.ReSort(z3.StringSort())))
        elif letter == "?":
            parts.append(z3.AllChar(z3.ReSort(z3.StringSort())))
        else:
            parts.append(z3.Re(letter))
    if not parts:
        return z3.Re("")
    return parts[0] if len(parts) == 1 else z3.Concat(*parts)


class Request:
    def __init__(self):
        self.action, self.resource = z3.String("action"), z3.String("resource")
        self.keys = {}

    def key(self, name):
        if name not in self.keys:
            value = z3.Real(name) if name in NUMBERS else z3.String(name)
            self.keys[name] = (z3.Bool("present " + name), value)
        return self.keys[name]

    def sane(self):
        for name, (present, value) in self.keys.items():
            if name in FLAGS:
                yield z3.Or(value == "true", value == "false")
            elif name not in NUMBERS:
                yield z3.Implies(present, value != "")


def values(entry):
    return entry if isinstance(entry, list) else [entry]


def among(text, patterns):
    return z3.Or([z3.InRe(text, glob(pattern)) for pattern in patterns])


def condition(request, operator, name, listed):
    present, value = request.key(name.lower())
    if operator == "Null":
        return z3.Or([z3.Not(present) if wanted == "true" else present for wanted in listed])
    if_exists = operator.endswith("IfExists")
    operator = operator.removesuffix("IfExists")
    if operator.startswith("Numeric"):
        matches = z3.Or([COMPARE[operator](value, z3.RealVal(number)) for number in listed])
    elif operator in ("StringLike", "StringNotLike"):
        matches = among(value, listed)
    else:
        matches = z3.Or([value == z3.StringVal(text) for text in listed])
    if "Not" in operator:
        return z3.Or(z3.Not(present), z3.Not(matches))
    return z3.Or(z3.Not(present), matches) if if_exists else z3.And(present, matches)


def statement(request, said):
    parts = []
    for name, text, fold in (("Action", request.action, str.lower), ("Resource", request.resource, str)):
        if name in said:
            parts.append(among(text, map(fold, values(said[name]))))
        else:
            parts.append(z3.Not(among(text, map(fold, values(said["Not" + name])))))
    for operator, keys in said.get("Condition", {}).items():
        for name, listed in keys.items():
            parts.append(condition(request, operator, name, values(listed)))
    return z3.And(parts)


def allows(request, policy):
    sides = {"Allow": [], "Deny": []}
    for said in values(policy["Statement"]):
        sides[said["Effect"]].append(statement(request, said))
    return z3.And(z3.Or(sides["Allow"]), z3.Not(z3.Or(sides["Deny"])))


def answer(case):
    request = Request()
    solver = z3.Solver()
    solver.set("timeout", 5_000)
    solver.add(allows(request, case["a"]), z3.Not(allows(request, case["b"])))
    solver.add(*request.sane())
    found = solver.check()
    return {"sat": "not", "unsat": "contained"}.get(str(found), "unknown")


for line in sys.stdin:
    case = json.loads(line)
    print(json.dumps({"name": case["name"], "answer": answer(case)}), flush=True)
