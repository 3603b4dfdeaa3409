"""Accounts that sign by themselves: a load of many payers needs no process a transfer. Written from the spec pages alone (transaction.md,
tokens.md, keys.md) by the standard library, so it shares no code with what it tests. The curve and the bytes of a transaction are those of
handmade.py; a table makes the curve fast enough for a load."""
import hashlib
import hmac
import os
import struct
import time

from handmade import ORDER, add, base_point, compact, expand, pack, payload

VALID_FOR_MS = 4 * 3_600 * 1_000
MAX_FEE = 10**9
CALLS_MAX = 16
DEV_WORDS = "test " * 23 + "ladder"
COIN = 7_107_688
HARD = 2**31


def table():
    """Of each of the 64 hex digits of a number, the fifteen multiples of the base point that it can stand for."""
    rows, power = [], base_point()
    for _ in range(64):
        row = [power]
        for _ in range(14):
            row.append(add(row[-1], power))
        rows.append(row)
        power = add(row[-1], power)
    return rows


TABLE = table()


def times(n):
    """n times the base point, in 32 bytes."""
    point, at = (0, 1, 1, 0), 0
    while n:
        if n & 15:
            point = add(point, TABLE[at][(n & 15) - 1])
        n, at = n >> 4, at + 1
    return pack(point)


def sha(*parts):
    return hashlib.sha512(b"".join(parts)).digest()


IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
PERMUTATION = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
MIXES = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15), (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))


def blake3(data):
    """blake3 of at most 1,024 bytes: one chunk."""
    assert len(data) <= 1_024
    value, blocks = IV, [data[n:n + 64] for n in range(0, len(data), 64)] or [b""]
    turn = lambda x, n: (x >> n | x << 32 - n) & 0xFFFFFFFF
    for n, block in enumerate(blocks):
        words = struct.unpack("<16I", block.ljust(64, b"\0"))
        flags = (n == 0) | 10 * (n == len(blocks) - 1)
        v = [*value, *IV[:4], 0, 0, len(block), flags]
        for _ in range(7):
            for k, (a, b, c, d) in enumerate(MIXES):
                for word, first, second in ((words[2 * k], 16, 12), (words[2 * k + 1], 8, 7)):
                    v[a] = (v[a] + v[b] + word) & 0xFFFFFFFF
                    v[d] = turn(v[d] ^ v[a], first)
                    v[c] = (v[c] + v[d]) & 0xFFFFFFFF
                    v[b] = turn(v[b] ^ v[c], second)
            words = [words[k] for k in PERMUTATION]
        value = tuple(v[k] ^ v[k + 8] for k in range(8))
    return struct.pack("<8I", *value)


def tagged(tag, *parts):
    return blake3(b"".join(struct.pack("<Q", len(p)) + p for p in (tag.encode(), *parts)))


DIGITS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def bech32m(prefix, data):
    """BIP-350."""
    bits, size, fives = 0, 0, []
    for byte in data:
        bits, size = bits << 8 | byte, size + 8
        while size >= 5:
            size -= 5
            fives.append(bits >> size & 31)
    if size:
        fives.append(bits << 5 - size & 31)

    def residue(values):
        r = 1
        for value in values:
            top, r = r >> 25, (r & 0x1FFFFFF) << 5 ^ value
            for n, g in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
                r ^= g if top >> n & 1 else 0
        return r

    spread = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    check = residue(spread + fives + [0] * 6) ^ 0x2BC830A3
    return prefix + "1" + "".join(DIGITS[v] for v in fives + [check >> 5 * (5 - n) & 31 for n in range(6)])


def dev_seed(index):
    """KEY-2, KEY-13: the seed of a wallet key of the public dev words."""
    node = hmac.digest(b"ed25519 seed", hashlib.pbkdf2_hmac("sha512", DEV_WORDS.encode(), b"mnemonic", 2_048), "sha512")
    for step in (44, COIN, 0, 0, index):
        node = hmac.digest(node[32:], b"\0" + node[:32] + struct.pack(">I", step | HARD), "sha512")
    return node[:32]


class Wallet:
    """A key, its account, and the next nonce as far as is known here."""

    def __init__(self, seed=None):
        self.seed = seed or os.urandom(32)
        self.scalar, self.prefix = expand(self.seed)
        self.key = times(self.scalar)
        self.id = tagged("leither/account/v1", self.key)[:20]
        self.account = bech32m("lth", self.id)
        self.nonce = 0

    def sign(self, message):
        r = int.from_bytes(sha(self.prefix, message), "little") % ORDER
        point = times(r)
        k = int.from_bytes(sha(point, self.key, message), "little") % ORDER
        return point + ((r + k * self.scalar) % ORDER).to_bytes(32, "little")

    def transfer(self, chain, to, amount, nonce):
        """A signed transaction in hex that pays `amount` smallest units of mei to each id in `to`, with its id. `chain` is the genesis hash."""
        calls = [b"\1\0" + bytes(20) + one + amount.to_bytes(16, "little") + b"\0" for one in to]
        weight = 25_000 + sum(10 * len(call) + 10_000 for call in calls) + 30_000 * (len(calls) - 1)
        tx = payload(chain, [self.account], nonce, int(time.time() * 1_000) + VALID_FOR_MS, calls, MAX_FEE, weight)
        signed = tx + compact(1) + self.key + self.sign(b"leither/tx/v1:" + tx)
        # Only of one payment the id is needed here: the nodes tell it, too.
        return "0x" + signed.hex(), "0x" + tagged("leither/txid/v1", tx).hex() if len(tx) < 900 else None
