#!/usr/bin/env python3
"""Checks a Bailiwick ledger. Python's standard library only, and no code of Bailiwick's.

    ledger_verify.py LEDGER.ndjson VERIFIER_KEY [CHECKPOINT.note ...]
    ledger_verify.py --vectors docs/formats/ledger-vectors.json

Written from docs/formats/ledger.md, so that an auditor need trust neither our program nor our
database. Exit code 0: it holds; 1: it does not, and the first bad entry or the missing checkpoint
is named; 2: the input cannot be read.
"""

import base64
import hashlib
import hmac
import json
import sys

INTEGER_MAX = 2**53 - 1


class Flaw(Exception):
    def __init__(self, first_bad, what):
        super().__init__(what)
        self.first_bad = first_bad


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


# RFC 8785, without fractions.
def canonical(value):
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return "{" + ",".join(canonical(name) + ":" + canonical(value[name]) for name in names) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int) and abs(value) <= INTEGER_MAX:
        return str(value)
    raise ValueError("no whole number that every reader reads alike")


def read_line(line):
    """The entry, its canonical text, its hash and the hash before it, as the line says them."""
    value = json.loads(line)
    if sorted(value) != ["entry", "hash", "prev"] or canonical(value) != line:
        raise ValueError("not written canonically")
    text = canonical(value["entry"]).encode()
    return value["entry"], text, bytes.fromhex(value["hash"]), bytes.fromhex(value["prev"])


# RFC 6962.
def leaf(content):
    return sha256(b"\0", content)


def node(left, right):
    return sha256(b"\1", left, right)


def root(leaves):
    if not leaves:
        return sha256()
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return node(root(leaves[:split]), root(leaves[split:]))


def inclusion(index, leaves):
    if len(leaves) == 1:
        return []
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if index < split:
        return inclusion(index, leaves[:split]) + [root(leaves[split:])]
    return inclusion(index - split, leaves[split:]) + [root(leaves[:split])]


def consistency(old, leaves, whole=True):
    if old == len(leaves):
        return [] if whole else [root(leaves)]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if old <= split:
        return consistency(old, leaves[:split], whole) + [root(leaves[split:])]
    return consistency(old - split, leaves[split:], False) + [root(leaves[:split])]


# RFC 8032, as its appendix has it: slow and plain.
P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P


def recover_x(y, sign):
    x2 = (y * y - 1) * pow(D * y * y + 1, -1, P)
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - x2) % P or (x == 0 and sign):
        raise ValueError("no point")
    return P - x if x & 1 != sign else x


def point(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    x = recover_x(y, sign)
    return x, y, 1, x * y % P


def add(a, b):
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    g, h = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = f - e, h - g, h + g, f + e
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiply(scalar, base):
    result = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = add(result, base)
        base, scalar = add(base, base), scalar >> 1
    return result


BASE = (recover_x(4 * pow(5, -1, P) % P, 0), 4 * pow(5, -1, P) % P)
BASE = (BASE[0], BASE[1], 1, BASE[0] * BASE[1] % P)


def has_signed(key, text, signature):
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or s >= Q:
        return False
    challenge = int.from_bytes(hashlib.sha512(r + key + text).digest(), "little") % Q
    left, right = multiply(s, BASE), add(point(r), multiply(challenge, point(key)))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 and (
        left[1] * right[2] - right[1] * left[2]
    ) % P == 0


# C2SP signed note and tlog-checkpoint.
def open_checkpoint(note, verifier):
    name, key_id, key = verifier.split("+", 2)
    key = base64.b64decode(key, validate=True)
    if key[:1] != b"\1" or sha256(name.encode(), b"\n", key)[:4].hex() != key_id:
        raise ValueError("no verifier key")
    text, _, signatures = note.rpartition("\n\n")
    text += "\n"
    for line in signatures.splitlines():
        dash, signer, signature = line.split(" ")
        signature = base64.b64decode(signature, validate=True)
        ours = dash == "\u2014" and signer == name and signature[:4].hex() == key_id
        if ours and has_signed(key[1:], text.encode(), signature[4:]):
            lines = text.splitlines()
            words = dict(line.split(" ", 1) for line in lines[3:])
            return {
                "size": int(lines[1]),
                "root": base64.b64decode(lines[2]),
                "head": base64.b64decode(words["head"]),
                "previous": int(words["previous"]),
            }
    raise ValueError("signed by none of the keys given")


def verify(lines, checkpoints):
    leaves, head, epoch, covered = [], bytes(32), 0, 0
    waiting = sorted(checkpoints, key=lambda one: one["size"])

    def meet():
        nonlocal covered
        while waiting and waiting[0]["size"] == len(leaves):
            one = waiting.pop(0)
            if one["root"] != root(leaves) or one["head"] != head:
                raise Flaw(covered, f"an entry from {covered} on was rewritten")
            covered = len(leaves)

    meet()
    for line in lines:
        seq = len(leaves)
        try:
            entry, text, stated, prev = read_line(line)
            if entry["v"] != 1:
                raise ValueError("another version")
            found, found_epoch = entry["seq"], entry["epoch"]
        except (ValueError, KeyError, TypeError) as error:
            raise Flaw(seq, f"entry {seq} is none: {error}") from error
        if sha256(prev, text) != stated:
            raise Flaw(seq, f"entry {seq} was edited")
        if found != seq:
            raise Flaw(seq, f"entry {seq} should stand here, and {found} does")
        if prev != head:
            raise Flaw(seq, f"entry {seq} does not follow the entry before it")
        if found_epoch < epoch:
            raise Flaw(seq, f"entry {seq} is of an epoch that had ended")
        epoch, head = found_epoch, stated
        leaves.append(leaf(stated))
        meet()
    if waiting:
        raise Flaw(len(leaves), f"entry {len(leaves)} is missing: a checkpoint signs for it")
    sizes = {one["size"] for one in checkpoints}
    for one in checkpoints:
        if one["previous"] and one["previous"] not in sizes:
            raise Flaw(None, f"the checkpoint over {one['previous']} entries is missing")
    return leaves, covered


def check_vectors(vectors):
    key = vectors["key"]["verifier"]
    opened = lambda notes: [open_checkpoint(note, key) for note in notes]
    leaves, covered = verify(vectors["lines"], opened(vectors["checkpoints"]))
    assert covered == 6
    assert [one.hex() for one in leaves] == vectors["leaves"]
    assert [root(leaves[:size]).hex() for size in range(len(leaves) + 1)] == vectors["roots"]
    for one in vectors["inclusion"]:
        proof = inclusion(one["index"], leaves[: one["size"]])
        assert [step.hex() for step in proof] == one["proof"], one
    for one in vectors["consistency"]:
        proof = consistency(one["old"], leaves[: one["new"]])
        assert [step.hex() for step in proof] == one["proof"], one
    for one in vectors["arguments"]:
        mac = hmac.new(bytes.fromhex(one["key"]), one["argument"].encode(), "sha256")
        assert "hmac-sha256:" + mac.hexdigest() == one["hash"]
    try:
        open_checkpoint(vectors["checkpoints"][0].replace("\n3\n", "\n2\n"), key)
        raise AssertionError("a changed checkpoint was believed")
    except ValueError:
        pass
    for case in vectors["flawed"]:
        try:
            verify(case["lines"], opened(case["checkpoints"]))
        except Flaw as flaw:
            assert flaw.first_bad == case["first_bad"], (case["what"], str(flaw))
            continue
        raise AssertionError("not seen: " + case["what"])
    print(f"{len(leaves)} entries and {len(vectors['flawed'])} flawed ledgers, as they should be")


def main(arguments):
    if arguments[:1] == ["--vectors"] and len(arguments) == 2:
        with open(arguments[1], encoding="utf-8") as file:
            return check_vectors(json.load(file))
    if len(arguments) < 2:
        sys.exit(__doc__)
    try:
        with open(arguments[0], encoding="utf-8", newline="\n") as file:
            lines = file.read().removesuffix("\n").split("\n")
        checkpoints = []
        for path in arguments[2:]:
            with open(path, encoding="utf-8", newline="\n") as file:
                checkpoints.append(open_checkpoint(file.read(), arguments[1]))
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    try:
        leaves, covered = verify([line for line in lines if line], checkpoints)
    except Flaw as flaw:
        print(f"does not hold: {flaw}")
        return 1
    print(f"holds: {len(leaves)} entries, {covered} of them signed for, root {root(leaves).hex()}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
