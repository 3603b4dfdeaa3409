#!/usr/bin/env python3
"""Checks spec/vectors/ledger-tree.json from spec/ledger-tree.md alone: roots recomputed, proofs decoded and verified, changed proofs refused.

Shares no code with chain/state. Needs Python 3.9 and the package `blake3`. Usage: python3 tests/oracle/ledger_tree.py [vectors.json]
"""

import json
import pathlib
import sys

try:
    from blake3 import blake3
except ImportError:
    sys.exit("the oracle needs the Python package blake3: python3 -m pip install blake3")

ZERO = bytes(32)


class Refused(Exception):
    """The proof does not hold."""


def need(condition, why):
    if not condition:
        raise Refused(why)


def le(value, size):
    return value.to_bytes(size, "little")


def pad128(*parts):
    joined = b"".join(parts)
    assert len(joined) <= 128
    return blake3(joined.ljust(128, b"\0")).digest()


def tagged(tag, *parts):
    return blake3(b"".join(le(len(p), 8) + p for p in (tag.encode(), *parts))).digest()


def bit(key, at):
    return int.from_bytes(key, "big") >> (255 - at) & 1


# LEDGER-1 to LEDGER-3

def leaf_hash(key, commitment, total):
    return pad128(b"\0", key, commitment, le(total, 16))


def fork_hash(at, left, right):
    return pad128(b"\1", le(at, 2), left[0], le(left[1], 16), right[0], le(right[1], 16))


def tree(leaves):
    """Root and sum of {key: (commitment, sum)}."""
    if not leaves:
        return ZERO, 0
    if len(leaves) == 1:
        [(key, (commitment, total))] = leaves.items()
        return leaf_hash(key, commitment, total), total
    differ = 0
    first = next(iter(leaves))
    for key in leaves:
        differ |= int.from_bytes(key, "big") ^ int.from_bytes(first, "big")
    at = 256 - differ.bit_length()
    sides = [tree({k: v for k, v in leaves.items() if bit(k, at) == side}) for side in (0, 1)]
    return fork_hash(at, *sides), sides[0][1] + sides[1][1]


# LEDGER-7 to LEDGER-10

def padded(identity):
    return identity + bytes(12)


def holding_bytes(holding):
    return le(holding["free"], 16) + le(holding["locked"], 16) + le(holding["nonce"], 8) + holding["key"]


def holding_leaf(identity, holding):
    return tagged("leither/holding/v1", identity, holding_bytes(holding)), holding["free"] + holding["locked"]


def token_commitment(root, supply):
    return tagged("leither/balances/v1", root, le(supply, 16))


def record_key(key):
    return tagged("leither/record-key/v1", key)


def record_commitment(value):
    return tagged("leither/record/v1", value)


def state_root(tokens, records):
    return tagged("leither/state/v1", tokens, records)


# Encoding

class Reader:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, n):
        need(self.at + n <= len(self.data), "too short")
        self.at += n
        return self.data[self.at - n:self.at]

    def number(self, n):
        return int.from_bytes(self.take(n), "little")

    def option(self, read):
        tag = self.take(1)[0]
        need(tag in (0, 1), "no option")
        return read() if tag else None

    def compact(self):
        first = self.take(1)[0]
        mode = first & 3
        if mode == 0:
            return first >> 2
        need(mode != 3, "a length beyond any bound")
        size = (0, 2, 4)[mode]
        value = int.from_bytes(bytes([first]) + self.take(size - 1), "little") >> 2
        need(value >= (0, 1 << 6, 1 << 14)[mode], "a padded length")
        return value

    def list(self, most, read):
        count = self.compact()
        need(count <= most, "a list beyond its bound")
        return [read() for _ in range(count)]

    def leaf(self):
        return self.take(32), self.take(32), self.number(16)

    def step(self):
        return self.number(1), self.take(32), self.number(16)

    def tree_proof(self):
        return self.option(self.leaf), self.list(256, self.step)

    def holding(self):
        return {"free": self.number(16), "locked": self.number(16), "nonce": self.number(8), "key": self.take(32)}

    def value(self):
        count = self.compact()
        need(count <= 65536, "a value beyond its bound")
        return self.take(count)

    def end(self):
        need(self.at == len(self.data), "bytes left over")


# LEDGER-12 to LEDGER-15

def climb(key, leaf, path):
    node, total, below = leaf_hash(*leaf), leaf[2], 256
    for at, other, other_sum in path:
        need(at < below, "bits do not fall")
        need(bit(key, at) == bit(leaf[0], at), "the key does not lead to this leaf")
        sides = [(node, total), (other, other_sum)]
        if bit(key, at):
            sides.reverse()
        total += other_sum
        need(total < 1 << 128, "the sum overflows")
        node, below = fork_hash(at, *sides), at
    return node, total


def present(proof, key, commitment, total):
    other, path = proof
    need(other is None, "presence with another leaf")
    return climb(key, (key, commitment, total), path)


def absent(proof, key):
    other, path = proof
    if other is None:
        need(not path, "absence without a leaf")
        return ZERO, 0
    need(other[0] != key, "absence of the key that is shown")
    return climb(key, other, path)


def verify_holding(data, state, token, identity):
    reader = Reader(data)
    holder = reader.option(lambda: (reader.option(reader.holding), reader.tree_proof()))
    in_tokens, records = reader.tree_proof(), reader.take(32)
    reader.end()
    held = None
    if holder is None:
        tokens, _ = absent(in_tokens, padded(token))
    else:
        held, path = holder
        if held is None:
            balances = absent(path, padded(identity))
        else:
            commitment, total = holding_leaf(identity, held)
            need(total < 1 << 128, "the sum overflows")
            balances = present(path, padded(identity), commitment, total)
        tokens, _ = present(in_tokens, padded(token), token_commitment(*balances), 0)
    need(state_root(tokens, records) == state, "another state root")
    return held


def verify_record(data, state, key):
    reader = Reader(data)
    value, path, tokens = reader.option(reader.value), reader.tree_proof(), reader.take(32)
    reader.end()
    if value is None:
        records, _ = absent(path, record_key(key))
    else:
        records, _ = present(path, record_key(key), record_commitment(value), 0)
    need(state_root(tokens, records) == state, "another state root")
    return value


# The vectors

def raw(text):
    assert text.startswith("0x")
    return bytes.fromhex(text[2:])


def read_holding(row):
    return row and {"free": int(row["free"]), "locked": int(row["locked"]), "nonce": int(row["nonce"]), "key": raw(row["key"])}


def same(what, got, expected):
    if got != expected:
        sys.exit(f"{what}: the vectors say {expected!r}, the spec gives {got!r}")


def all_changes_refused(what, data, verify):
    """Every change of one byte, by one bit and by all bits."""
    for at in range(len(data)):
        for mask in (1, 2, 4, 8, 16, 32, 64, 128, 255):
            changed = data[:at] + bytes([data[at] ^ mask]) + data[at + 1:]
            try:
                verify(changed)
            except Refused:
                continue
            sys.exit(f"{what}: byte {at} ^ {mask} still verifies")


def check_tree(vector):
    name = vector["name"]
    leaves = {raw(row["key"]): (raw(row["commitment"]), int(row["sum"])) for row in vector["leaves"]}
    root, total = tree(leaves)
    same(f"{name}: root", root, raw(vector["root"]))
    same(f"{name}: sum", total, int(vector["sum"]))
    for row in vector["proofs"]:
        key = raw(row["key"])
        same(f"{name}: presence", key in leaves, row["present"])
        reader = Reader(raw(row["proof"]))
        proof = reader.tree_proof()
        reader.end()
        got = present(proof, key, *leaves[key]) if key in leaves else absent(proof, key)
        same(f"{name}: proof of {row['key']}", got, (root, total))
    return len(vector["proofs"])


def check_state(vector):
    name = vector["name"]
    trees, records = {}, {}
    for row in vector["holdings"]:
        holding = read_holding(row["holding"])
        leaves = trees.setdefault(raw(row["token"]), {})
        leaves[padded(raw(row["id"]))] = holding_leaf(raw(row["id"]), holding)
    for row in vector["records"]:
        records[record_key(raw(row["key"]))] = (record_commitment(raw(row["value"])), 0)
    roots = {token: tree(leaves) for token, leaves in trees.items()}
    tokens = {padded(token): (token_commitment(*root), 0) for token, root in roots.items()}
    state = state_root(tree(tokens)[0], tree(records)[0])
    same(f"{name}: state root", state, raw(vector["root"]))
    for row in vector["supplies"]:
        same(f"{name}: supply", roots.get(raw(row["token"]), (ZERO, 0))[1], int(row["supply"]))
    for row in vector["holding_proofs"]:
        what = f"{name}: holding {row['id']} of {row['token']}"
        check = lambda data: verify_holding(data, state, raw(row["token"]), raw(row["id"]))
        same(what, check(raw(row["proof"])), read_holding(row["holding"]))
        all_changes_refused(what, raw(row["proof"]), check)
    for row in vector["record_proofs"]:
        what = f"{name}: record {row['key']}"
        check = lambda data: verify_record(data, state, raw(row["key"]))
        same(what, check(raw(row["proof"])), raw(row["value"]) if row["value"] else None)
        all_changes_refused(what, raw(row["proof"]), check)
    return len(vector["holding_proofs"]) + len(vector["record_proofs"])


def main():
    default = pathlib.Path(__file__).resolve().parents[2] / "spec/vectors/ledger-tree.json"
    vectors = json.loads(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else default).read_text())
    hashes = vectors["hashes"]
    same("record key", record_key(raw(hashes["record key"]["key"])), raw(hashes["record key"]["hash"]))
    same("record value", record_commitment(raw(hashes["record value"]["value"])), raw(hashes["record value"]["hash"]))
    proofs = sum(check_tree(vector) for vector in vectors["trees"]) + sum(check_state(vector) for vector in vectors["states"])
    print(f"ok: {len(vectors['trees'])} trees, {len(vectors['states'])} states, {proofs} proofs")


if __name__ == "__main__":
    main()
