"""Signed transactions from spec/transaction.md alone, so that any field may be wrong: no line is shared with the wallet under test."""
import hashlib

# Ed25519 as RFC 8032, section 6, writes it down: slow, and only good for a test's own keys.
P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
BASE_Y = 4 * pow(5, P - 2, P) % P


def base_point():
    square = (BASE_Y * BASE_Y - 1) * pow(D * BASE_Y * BASE_Y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    x = P - x if x & 1 else x
    return x, BASE_Y, 1, x * BASE_Y % P


def add(a, b):
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    g, h = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = f - e, h - g, h + g, f + e
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(number, point):
    result = (0, 1, 1, 0)
    while number:
        if number & 1:
            result = add(result, point)
        point = add(point, point)
        number >>= 1
    return result


def pack(point):
    inverse = pow(point[2], -1, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def expand(seed):
    digest = hashlib.sha512(seed).digest()
    return int.from_bytes(digest[:32], "little") & (2**254 - 8) | 2**254, digest[32:]


def public(seed):
    return pack(times(expand(seed)[0], base_point()))


def sign(seed, message):
    secret, prefix = expand(seed)
    key = pack(times(secret, base_point()))
    nonce = int.from_bytes(hashlib.sha512(prefix + message).digest(), "little") % ORDER
    point = pack(times(nonce, base_point()))
    challenge = int.from_bytes(hashlib.sha512(point + key + message).digest(), "little") % ORDER
    return point + ((nonce + challenge * secret) % ORDER).to_bytes(32, "little")


def id_bytes(text):
    """The 20 bytes of `lth1…`; the checksum is the node's to look at."""
    letters = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
    number = 0
    for letter in text.rsplit("1", 1)[1][:-6]:
        number = number << 5 | letters.index(letter)
    # 32 letters of 5 bits are 160 bits.
    return number.to_bytes(20, "big")


# SCALE, and the layouts of spec/transaction.md

def le(value, size):
    return value.to_bytes(size, "little")


def compact(n):
    if n < 2**6:
        return le(n << 2, 1)
    if n < 2**14:
        return le(n << 2 | 1, 2)
    return le(n << 2 | 2, 4)


def blob(data):
    return compact(len(data)) + data


def listed(items):
    return compact(len(items)) + b"".join(items)


MEI = bytes(20)


def transfer(to, amount, token=MEI, memo=b""):
    """The call `tokens.transfer`."""
    return b"\x01\x00" + token + id_bytes(to) + le(amount, 16) + blob(memo)


def transfer_weight(call, signers=1):
    """Of one transfer of mei."""
    return 5_000 + 20_000 * signers + 10 * len(call) + 10_000


def payload(chain, signers, nonce, valid_until, calls, max_fee=10**9, weight_limit=10**9, payer=None, version=1):
    return b"".join([le(version, 1), bytes.fromhex(chain[2:]), listed([id_bytes(who) for who in signers]),
                     b"\0" if payer is None else b"\1" + id_bytes(payer), le(nonce, 8), le(valid_until, 8), le(max_fee, 16),
                     le(weight_limit, 8), listed([blob(call) for call in calls])])


def signed(tx, *seeds):
    """With one witness a seed, as 0x-hex."""
    message = b"leither/tx/v1:" + tx
    return "0x" + (tx + listed([public(seed) + sign(seed, message) for seed in seeds])).hex()
