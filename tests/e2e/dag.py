"""Blocks as nobody's tool would make them: dag-pb nodes of UnixFS, ids, CARs and frames of the admin socket, by the standard library."""
import base64
import hashlib
import struct

RAW, DAG_PB = 0x55, 0x70
DIRECTORY, FILE, SYMLINK = 1, 2, 4
MIB = 1 << 20


def varint(number):
    out = b""
    while number >= 0x80:
        out, number = out + bytes([number & 0x7f | 0x80]), number >> 7
    return out + bytes([number])


def field(number, data):
    """Of protobuf: bytes, or a number."""
    if isinstance(data, int):
        return varint(number << 3) + varint(data)
    return varint(number << 3 | 2) + varint(len(data)) + data


def cid(block, codec=DAG_PB):
    """The binary id."""
    return bytes([1, codec, 0x12, 0x20]) + hashlib.sha256(block).digest()


def text(binary):
    return "b" + base64.b32encode(binary).decode().lower().rstrip("=")


def link(binary, name=b"", size=0):
    return field(2, field(1, binary) + field(2, name) + field(3, size))


def unixfs(kind, data=None, size=None, sizes=()):
    parts = [field(1, kind)]
    if data is not None:
        parts.append(field(2, data))
    if size is not None:
        parts.append(field(3, size))
    return b"".join(parts + [field(4, part) for part in sizes])


def directory(entries):
    """Of (name, id), as they are given."""
    links = b"".join(link(binary, name) for name, binary in entries)
    return links + field(1, unixfs(DIRECTORY))


def file(parts):
    """Of (id, bytes below it)."""
    sizes = [size for _, size in parts]
    links = b"".join(link(binary, b"", size) for binary, size in parts)
    return links + field(1, unixfs(FILE, None, sum(sizes), sizes))


def symlink(target):
    return field(1, unixfs(SYMLINK, target))


def section(binary, block):
    return varint(len(binary) + len(block)) + binary + block


def header(roots):
    body = b"\xa2\x65roots" + bytes([0x80 | len(roots)])
    for binary in roots:
        body += b"\xd8\x2a\x58" + bytes([len(binary) + 1, 0]) + binary
    body += b"\x67version\x01"
    return varint(len(body)) + body


def car(roots, blocks):
    """Of (id, block), in their order."""
    return header(roots) + b"".join(section(binary, block) for binary, block in blocks)


def frames(blocks):
    """For `POST /blocks`: children first, the root last."""
    return b"".join(struct.pack(">I", len(binary) + len(block)) + binary + block for binary, block in blocks) + bytes(4)


class Made:
    """Blocks by their ids, in the order in which they were made: children first."""

    def __init__(self):
        self.blocks = {}

    def put(self, block, codec=DAG_PB):
        binary = cid(block, codec)
        self.blocks[binary] = block
        return binary

    def items(self):
        return list(self.blocks.items())


def file_bomb(levels, across=1_024):
    """A file whose every level has the one below so many times; what it is, and how many bytes it claims."""
    made = Made()
    binary, size = made.put(bytes(MIB), RAW), MIB
    for _ in range(levels):
        binary, size = made.put(file([(binary, size)] * across)), size * across
    return made, binary, size


def directory_bomb(levels, across=1_000):
    """Directories whose every entry is the one below."""
    made = Made()
    binary = made.put(b"at the end", RAW)
    for _ in range(levels):
        binary = made.put(directory([(b"%04d" % n, binary) for n in range(across)]))
    return made, binary


def well(levels):
    """Directories in directories, each with the one below under two names."""
    made = Made()
    binary = made.put(b"the bottom", RAW)
    for _ in range(levels):
        binary = made.put(directory([(b"a", binary), (b"b", binary)]))
    return made, binary
