#!/usr/bin/env python3
"""Content that was made to do harm, and people who mean none but come at the same time: names, paths and links, blocks and CARs, bombs and wells,
readers who do not read, two writers, a head that moves, a quota. Each is refused by name or answered, in bounded memory, and nothing is lost.
Usage: bad_content.py [part ...]. LEITHER_SLOW_READERS (1500; 10000 by hand) says how many do not read."""
import http.client
import json
import os
import pathlib
import random
import re
import resource
import socket
import subprocess
import sys
import tempfile
import time
import unicodedata

import dag
from content import MIB, QUICK, Keepers, admin, curl, memory, quoted, same, site
from lib import FAST, LEITHER, Checks, Dev, Score, command, environment, in_store, rpc, until

CHECKS = Checks()
SLOW = int(os.environ.get("LEITHER_SLOW_READERS") or 1_500)
# What any of this may add to a node's memory.
GROWN_KIB = 256 << 10
# What a thousand connections take each (GW-13), blocks that are looked at and that stay in memory, and the database's cache.
SLOW_KIB = 300_000
# A reader who does not read is cut after 20 s; whoever waits for his place has it by then.
WAIT_S = 60
# What is refused is refused soon.
SOON_S = 20
QUOTA_MIB = 8
NAMES = ["a b", "\u00e4", "a\u0308", "\u202egnp.exe", "zero\u200bwidth", "-rf", "%2e%2e", "a\\b", "new\nline", "'quote\"", "<script>alert(1)<b>",
         "\U0001f4be", "x" * 255, "CON", "...", ".hidden", "tab\tin", "?query", "#part", "a&b;c", "\ufeffmark", "\u2028"]


def tell(part, **more):
    print(json.dumps({"part": part, **more}), flush=True)


class Desk:
    """A node under test, alone on its chain."""

    def __init__(self, chain, top):
        self.chain, self.top, self.gate = chain, pathlib.Path(top), chain.ready["gateway"]
        self.host, port = self.gate.removeprefix("http://").split(":")
        self.port, self.socket = int(port), rpc(chain.url, "node_getStatus")["socket"]
        self.site = site(self.top / "site", 1)
        made = chain.cli("mimei", "add", "--from", "alice", self.site)
        self.mid, self.cid = made["mimei"], made["cid"]

    def ended(self, *args):
        done = command(args, self.chain.home.name, self.chain.url)
        CHECKS.that(done.returncode in (0, 1, 2) and "panicked" not in done.stderr, f"{args}: {done.returncode} {done.stderr[-300:]}")
        return done

    def refused(self, words, *args):
        """One command that is refused in a sentence with these words, and leaves nothing."""
        before = in_store(self.chain)
        done = self.ended(*args)
        CHECKS.that(done.returncode in (1, 2) and words in done.stderr, f"{args}: {done.returncode}, without {words!r}: {done.stderr[-300:]}")
        # What an add had brought goes with its connection.
        until(f"nothing of {args[:3]} is left", SOON_S, lambda: in_store(self.chain) == before)

    def stored(self, made, root):
        """Takes blocks in as a CAR by the socket; children come first. Status and answer, which names the pin."""
        return admin(self.socket, "POST", "/car", dag.car([root], made.items()), seconds=120)

    def grown(self, before, what, most=GROWN_KIB):
        grown = memory(self.chain.process.pid) - before
        CHECKS.that(grown <= most, f"{what}: {grown} KiB more in memory")
        return grown

    def honest(self):
        """A reader who tries again as he is told; how long it took him."""
        began = time.time()
        while True:
            try:
                found = curl(f"{self.gate}/ipfs/{self.cid}/style.css", seconds=WAIT_S)
            except SystemExit:
                found = None
            if found and found.status == 200:
                CHECKS.equal(found.body, (self.site / "style.css").read_bytes(), "what an honest reader gets")
                return time.time() - began
            CHECKS.that(time.time() - began < WAIT_S, f"an honest reader is answered: {found and found.status}")
            time.sleep(0.2)


def raw(desk, target, host=b"127.0.0.1"):
    """A request whose path no tool would send: status and body."""
    with socket.create_connection((desk.host, desk.port), SOON_S) as line:
        line.sendall(b"GET " + target + b" HTTP/1.1\r\nhost: " + host + b"\r\nconnection: close\r\n\r\n")
        data = b""
        while piece := line.recv(1 << 16):
            data += piece
    CHECKS.that(data.startswith(b"HTTP/1.1 "), f"{target[:80]!r}: {data[:80]!r}")
    return int(data[9:12]), data.partition(b"\r\n\r\n")[2]


def names(desk):
    """Names that mean something to somebody: kept as they are, shown so that they do no harm."""
    odd = desk.top / "odd"
    odd.mkdir()
    for n, name in enumerate(NAMES):
        (odd / name).write_text(f"file {n}")
    made = desk.chain.cli("mimei", "add", "--from", "alice", odd)
    for n, name in enumerate(NAMES):
        found = curl(f"{desk.gate}/ipfs/{made['cid']}/{quoted(name)}")
        CHECKS.equal((found.status, found.body), (200, f"file {n}".encode()), f"the name {name!r}")
    page = curl(f"{desk.gate}/ipfs/{made['cid']}/")
    shown = page.body.decode()
    for mark in ("<script>alert", "\u202e", "\ufeff", "\u200b"):
        CHECKS.that(mark not in shown, f"{mark!r} stands in the page of a directory")
    desk.chain.cli("mimei", "get", made["mimei"], desk.top / "odd-out")
    CHECKS.that(same(odd, desk.top / "odd-out"), "got back")
    spoken(desk, made["mimei"])
    bad = desk.top / "bad-names"
    bad.mkdir()
    (pathlib.Path(os.fsdecode(os.fsencode(bad) + b"/not\xff-utf8"))).write_text("x")
    desk.refused("UTF-8", "mimei", "add", "--from", "alice", bad)
    for wrong in ("..", ".", "a/../b", "a//b", "/etc/passwd/..", "x" * 256, "a/" * 300 + "b", "y/" * 2_500):
        desk.ended("mimei", "cur", "write", f"{desk.mid}/{wrong}", desk.site / "style.css")
    paths = [item["path"] for item in desk.chain.cli("mimei", "cur", "ls", desk.mid)["items"]] if desk.ended(
        "mimei", "cur", "ls", desk.mid).returncode == 0 else []
    CHECKS.that(not {"..", ".", "x" * 256} & set(paths), f"no such name came into being: {paths}")


def spoken(desk, mid):
    """PRINT-1: what a person reads of such names, in answers and in errors, is one line a value, and nothing that a terminal obeys."""
    desk.chain.cli("mimei", "restore", mid)
    evil = "evil\x1b[31mred\ncid: forged\u202e"
    desk.chain.cli("mimei", "cur", "write", f"{mid}/{evil}", desk.site / "style.css")
    desk.chain.cli("mimei", "cur", "ln", "style\x1b[2J", f"{mid}/link")
    shown = r"evil\u{1b}[31mred\ncid: forged\u{202e}"
    plain = lambda *args: subprocess.run([str(LEITHER), "mimei", "cur", *args], capture_output=True, text=True,
                                         env=environment(desk.chain.home.name, desk.chain.url))
    listed = plain("ls", mid)
    CHECKS.that(listed.returncode == 0 and f"path: {shown}\n" in listed.stdout, f"listed: {listed.stdout[-600:]!r}{listed.stderr}")
    CHECKS.that(r"target: style\u{1b}[2J" in listed.stdout, f"where a link leads: {listed.stdout[-600:]!r}")
    CHECKS.equal(desk.chain.cli("mimei", "cur", "stat", f"{mid}/{evil}")["path"], evil, "JSON has it as it is")
    refused = plain("rm", f"{mid}/{evil}x")
    CHECKS.that(refused.returncode == 1 and len(refused.stderr.splitlines()) == 1 and f"`{shown}x`" in refused.stderr,
                f"one sentence: {refused.returncode} {refused.stderr!r}")
    for text in (listed.stdout, refused.stderr):
        odd = {c for c in text if c != "\n" and (unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp")) and c not in "\u200c\u200d"}
        CHECKS.equal(odd, set(), f"characters that a terminal obeys: {text[-600:]!r}")
    CHECKS.equal(plain("cat", f"{mid}/{evil}").stdout, (desk.site / "style.css").read_text(), "a file's bytes are the file's")


def urls(desk):
    """Paths that lead elsewhere lead nowhere."""
    cid, mid = desk.cid.encode(), desk.mid.encode()
    up = [b"../../../../etc/passwd", b"%2e%2e/%2e%2e/%2e%2e/etc/passwd", b"..%2f..%2f..%2fetc%2fpasswd", b"%2e%2e%2fetc/passwd", b"..%5c..%5cetc%5cpasswd",
          b"%c0%ae%c0%ae/%c0%afetc/passwd", b"..%c0%af..%c0%afetc/passwd", b"%252e%252e%252fetc/passwd", b"....//....//etc/passwd", b".%2e/.%2E/etc/passwd",
          b"%00", b"style.css%00.txt", b"%ff%fe", b"%u002e%u002e/", b"%", b"%2", b"%zz", b"style.css/../../../../etc/passwd", b"%e2%80%ae", b";/etc/passwd",
          b"style.css/./.", b"pages/%2F/deep", b"\xff\xfe", b"\xe2\x80\xae", b"a/" * 300, b"b" * 5_000, b"%41" * 3_000]
    targets = [b"/ipfs/" + cid + b"/" + path for path in up] + [b"/mm/" + mid + b"/" + path for path in up]
    targets += [b"/", b"//etc/passwd", b"/ipfs/", b"/ipfs//", b"/ipfs/..", b"/ipfs/../../etc/passwd", b"/mm/../../etc/passwd", b"/mm/" + mid + b"@99999999999999999999/",
                b"/mm/" + mid + b"@-1/", b"/mm/" + mid + b"@%2e%2e/", b"/ipfs/" + cid[:-1] + b"/", b"/ipfs/" + cid + b"a/", b"/ipfs/Qm" + b"1" * 44 + b"/",
                b"/ipfs/" + b"z" * 3_000, b"/ipns/" + cid + b"/../x", b"/ipfs/" + cid + b"?format=" + b"raw" * 1_000, b"/ipfs/" + cid + b"?" + b"a=b&" * 1_000,
                b"/ipfs/" + cid + b"?filename=..%2f..%2fetc%2fpasswd%0d%0aX-Evil:1", b"http://elsewhere/ipfs/" + cid, b"/%2fipfs/" + cid]
    for target in targets:
        status, body = raw(desk, target)
        CHECKS.that(b"root:" not in body and status < 500 or status == 501, f"{target[:100]!r}: {status} {body[:80]!r}")
    for host in (b"../x.ipfs.localhost", cid + b".ipfs.localhost/..", b"\xff.mm.localhost", mid + b".mm.mm.localhost", b"a" * 300 + b".ipfs.localhost", b"",
                 cid + b".ipfs.localhost:99999", b"[::1", mid.upper() + b".mm.localhost"):
        status, body = raw(desk, b"/", host)
        CHECKS.that(b"root:" not in body and status < 500 or status == 501, f"host {host[:60]!r}: {status} {body[:80]!r}")
    found = curl(f"{desk.gate}/ipfs/{desk.cid}/style.css?filename=..%2f..%2fetc%2fpasswd%0d%0aX-Evil:1&download=true")
    CHECKS.that("x-evil" not in found.headers and "\n" not in found.headers["content-disposition"], f"no header comes in by a name: {found.headers}")
    tell("urls", tried=len(targets))


def links(desk):
    """A link shows where it leads, and leads nobody out."""
    for n, target in enumerate(("/etc/passwd", "../../etc/passwd", "a/../../..", "..")):
        out = desk.top / f"out-{n}"
        (out / "a").mkdir(parents=True)
        (out / "way").symlink_to(target)
        desk.refused("leads out", "mimei", "add", "--from", "alice", out)
    # Two that are harmless read one by one: the first climbs before the second does.
    two = desk.top / "out-two"
    (two / "a" / "b" / "c").mkdir(parents=True)
    (two / "a" / "b" / "c" / "l").symlink_to("../../..")
    (two / "s").symlink_to("a/b/c/l/../../../../etc/passwd")
    desk.refused("leads out", "mimei", "add", "--from", "alice", two)
    pipe = desk.top / "pipe"
    pipe.mkdir()
    os.mkfifo(pipe / "it")
    desk.refused("is a pipe, which", "mimei", "add", "--from", "alice", pipe)
    loop = desk.top / "loop"
    loop.mkdir()
    (loop / "self").symlink_to("self")
    (loop / "here").symlink_to("file")
    (loop / "file").write_text("content")
    made = desk.chain.cli("mimei", "add", "--from", "alice", loop)
    looped = made["mimei"]
    CHECKS.that(curl(f"{desk.gate}/ipfs/{made['cid']}/self/self/self").status in (400, 404, 422), "a link to itself is not followed")
    # One that no tool of ours makes.
    made = dag.Made()
    root = made.put(dag.directory([(b"link", made.put(dag.symlink(b"/etc/passwd")))]))
    CHECKS.equal(desk.stored(made, root)[0], 200, "blocks with a link that leads out are blocks")
    for path in ("link", "link/passwd"):
        found = curl(f"{desk.gate}/ipfs/{dag.text(root)}/{path}")
        CHECKS.that(b"root:" not in found.body and found.status < 500, f"a link out of a tree by {path}: {found.status} {found.body[:80]!r}")
    # Two that lead out together: neither is written.
    made = dag.Made()
    inner = made.put(dag.directory([(b"l", made.put(dag.symlink(b"../../..")))]))
    for name in (b"c", b"b"):
        inner = made.put(dag.directory([(name, inner)]))
    root = made.put(dag.directory([(b"a", inner), (b"s", made.put(dag.symlink(b"a/b/c/l/../../../../etc/passwd")))]))
    CHECKS.equal(desk.stored(made, root)[0], 200, "blocks with two links that lead out together are blocks")
    for call in (f"/mimei/{looped}/versions/7?cid={dag.text(root)}", f"/mimei/{looped}/cur?version=7"):
        CHECKS.equal(admin(desk.socket, "POST", call, b"")[0], 200, f"POST {call}")
    desk.refused("leads out", "mimei", "get", f"{looped}@cur", desk.top / "two-out")
    CHECKS.that(not (desk.top / "two-out").exists() and not list(desk.top.glob(".leither-get-*")), "nothing of it is left on the disk")
    desk.refused("--discard", "storage", "release", f"cur/{looped}")
    desk.refused("only a working copy", "storage", "release", f"pin/base/{looped}", "--discard")
    desk.chain.cli("storage", "release", f"cur/{looped}", "--discard")
    held = {item["root"] for item in desk.chain.cli("storage", "pins")["items"]}
    CHECKS.that(not held & {f"cur/{looped}", f"pin/base/{looped}"}, f"a working copy that is discarded is gone: {held}")
    # Entries that would be written elsewhere by who believes them.
    for name in (b"..", b".", b"", b"a/b", b"nul\0", b"\xff"):
        made = dag.Made()
        root = made.put(dag.directory([(name, made.put(b"evil", dag.RAW))]))
        status, _ = desk.stored(made, root)
        found = curl(f"{desk.gate}/ipfs/{dag.text(root)}/", "-H", "Cache-Control: only-if-cached")
        CHECKS.that(status == 400 or found.status == 422, f"an entry called {name!r}: {status} {found.status} {found.body[:80]!r}")


def cars(desk):
    """A CAR is taken whole or not at all."""
    made = dag.Made()
    chance = random.Random(4)
    parts = [(made.put(chance.randbytes(50_000), dag.RAW), 50_000) for _ in range(20)]
    root = made.put(dag.file(parts))
    blocks = made.items()
    good = dag.car([root], reversed(blocks))
    bent = bytearray(good)
    bent[len(bent) // 2] ^= 1
    other = dag.cid(b"somebody else's")
    files = {
        "refused": bytes(bent),
        "middle": good[:-100],
        "CAR": b"",
        "": b"\xff" * 100_000,
        "root": dag.car([other], blocks),
        "linked": dag.car([root], blocks[1:]),
        "roots": dag.car([], blocks),
        "section": dag.header([root]) + b"\xff" * 9 + b"\x01",
        "broken": dag.header([root]) + dag.varint(1 << 40),
        "version": dag.varint(200_000) + bytes(200_000),
        "long": dag.car([dag.cid(bytes(3 * MIB), dag.RAW)], [(dag.cid(bytes(3 * MIB), dag.RAW), bytes(3 * MIB))]),
        "id": dag.header([root]) + dag.varint(4) + b"\x01\x55\x12\x20",
    }
    before = memory(desk.chain.process.pid)
    for n, (words, data) in enumerate(files.items()):
        path = desk.top / f"bad-{n}.car"
        path.write_bytes(data)
        # The word is what the file is about; that it is refused, and leaves nothing, counts.
        began = time.time()
        desk.refused("", "storage", "import", path)
        CHECKS.that(time.time() - began < SOON_S, f"a CAR with wrong {words}: refused soon")
    for n in range(40):
        path = desk.top / "junk.car"
        junk = bytearray(good)
        for _ in range(chance.randrange(1, 50)):
            # Another byte than the one that is there.
            junk[chance.randrange(len(junk) if n % 2 else 200)] ^= chance.randrange(1, 256)
        if junk == good:
            continue
        path.write_bytes(junk)
        desk.refused("", "storage", "import", path)
    (desk.top / "good.car").write_bytes(good)
    CHECKS.equal(desk.chain.cli("storage", "import", desk.top / "good.car")["cid"], dag.text(root), "a good one, with its root first")
    tell("cars", tried=len(files) + 40, grown_kib=desk.grown(before, "CARs"))


def frames(desk):
    """Blocks by the socket, as a program with another mind would send them."""
    made = dag.Made()
    root = made.put(dag.directory([(b"one", made.put(b"one", dag.RAW)), (b"two", made.put(b"two", dag.RAW))]))
    good, blocks, chance = dag.frames(made.items()), made.items(), random.Random(5)
    wrong = [dag.frames([(binary, block + b"!") for binary, block in blocks]), dag.frames(blocks[::-1]), dag.frames(blocks[1:]), good[:-4], good[:-7], b"",
             b"\xff" * 4, b"\xff\xff\xff\xff" + bytes(1_000), bytes(3), dag.frames([(b"\x01\x55\x12\x20", b"short")]),
             dag.frames([(dag.cid(bytes(3 * MIB), dag.RAW), bytes(3 * MIB))]), *(chance.randbytes(chance.randrange(2_000)) for _ in range(30))]
    before = in_store(desk.chain)
    for n, body in enumerate(wrong):
        try:
            status, answer = admin(desk.socket, "POST", "/blocks?profile=unixfs-v1-2025", body)
        except (OSError, http.client.HTTPException):
            # It answered before it had all, and hung up.
            continue
        CHECKS.that(status in (400, 404), f"frames {n}: {status} {answer}")
    until("nothing of them is left", SOON_S, lambda: in_store(desk.chain) == before)
    status, answer = admin(desk.socket, "POST", "/blocks?profile=unixfs-v1-2025", good)
    CHECKS.equal((status, answer["cid"]), (200, dag.text(root)), "those that are right are taken")
    for method, call in (("POST", "/car?name=" + "n" * 200), ("POST", "/car?name=%2e%2e%2fx"), ("GET", "/car?cid=x"), ("GET", "/blocks/" + "b" * 5_000),
                         ("POST", f"/mimei/{desk.mid}/edit?op=write&path=%2e%2e%2fout"), ("POST", f"/mimei/{desk.mid}/edit?op=mv&path=a&to=..%2fb"),
                         ("POST", f"/mimei/{desk.mid}/edit?op=nothing&path=a"), ("POST", f"/mimei/{desk.mid}/edit?op=truncate&path=a&size=-1"),
                         ("DELETE", "/storage/roots?root=pin%2F..%2F.."), ("POST", f"/mimei/{desk.mid}/publish?lifetime_ms=99999999999999999999")):
        status, answer = admin(desk.socket, method, call, b"")
        CHECKS.that(400 <= status < 500 and isinstance(answer, dict) and answer["reason"], f"{method} {call[:80]}: {status} {answer}")
    tell("frames", tried=len(wrong))


def read_some(desk, path, count):
    """Reads the first bytes of an answer that may have no end: its status, and how many came."""
    line = http.client.HTTPConnection(desk.host, desk.port, timeout=SOON_S)
    line.request("GET", path)
    answer, came = None, 0
    try:
        answer = line.getresponse()
        while came < count and (piece := answer.read(min(1 << 16, count - came))):
            came += len(piece)
    except (http.client.HTTPException, OSError):
        # Cut by the node, which is an end as well.
        pass
    finally:
        line.close()
    return answer and answer.status, came


def bombs(desk):
    """Few blocks that claim to be a PiB: claimed, and read as far as somebody reads."""
    before = memory(desk.chain.process.pid)
    count = lambda: int(desk.chain.cli("storage", "stat")["blocks"])
    made, root, size = dag.file_bomb(3)
    blocks = count()
    CHECKS.equal((desk.stored(made, root)[0], count() - blocks), (200, 4), "four blocks")
    at = f"{desk.gate}/ipfs/{dag.text(root)}"
    head = curl(at, "-I", "--http1.1")
    CHECKS.equal((head.status, head.headers["content-length"]), (200, str(1 << 50)), "a PiB, by its own word")
    part = curl(at, "-r", f"{1 << 49}-{(1 << 49) + 9}")
    CHECKS.equal((part.status, part.body), (206, bytes(10)), "ten bytes in the midst of it")
    status, came = read_some(desk, f"/ipfs/{dag.text(root)}", 64 * MIB)
    CHECKS.equal((status, came), (200, 64 * MIB), "as much as is read")
    found = curl(f"{at}?format=car")
    CHECKS.that(found.status == 200 and len(found.body) < 3 * MIB, "each block once in a CAR")
    status, came = read_some(desk, f"/ipfs/{dag.text(root)}?format=car&car-dups=y", 32 * MIB)
    CHECKS.that(status in (200, 422), f"with duplicates as far as it is read: {status} {came}")
    more, root_more, _ = dag.file_bomb(4)
    if desk.stored(more, root_more)[0] == 200:
        found = curl(f"{desk.gate}/ipfs/{dag.text(root_more)}")
        CHECKS.equal(found.status, 422, "more than a PiB is refused")
    made, root = dag.directory_bomb(9)
    CHECKS.equal(desk.stored(made, root)[0], 200, "10^27 files in ten blocks")
    page = curl(f"{desk.gate}/ipfs/{dag.text(root)}/")
    CHECKS.that(page.status == 200 and page.body.count(b"<tr") <= 1_010, "a page of them")
    deep = curl(f"{desk.gate}/ipfs/{dag.text(root)}/" + "/".join(["0007"] * 9))
    CHECKS.equal((deep.status, deep.body), (200, b"at the end"), "one of them")
    found = curl(f"{desk.gate}/ipfs/{dag.text(root)}?format=car")
    CHECKS.that(found.status == 200 and len(found.body) < MIB, "each block once")
    status, came = read_some(desk, f"/ipfs/{dag.text(root)}?format=car&car-dups=y", 4 * MIB)
    CHECKS.that(status in (200, 422), f"with duplicates as far as it is read: {status} {came}")
    out = desk.top / "bomb.car"
    if desk.ended("storage", "export", dag.text(root), out).returncode == 0:
        CHECKS.that(out.stat().st_size < MIB, "each block once in an export")
    tell("bombs", claimed=size, grown_kib=desk.grown(before, "bombs"))


def wells(desk, levels=100_000):
    """100,000 levels, and 2^100000 ways to the bottom: counted, read, given up, without an end of the stack."""
    # What others released is gone first, so that the books are equal afterwards.
    desk.chain.cli("storage", "purge", "--all")
    before, stat = memory(desk.chain.process.pid), in_store(desk.chain)
    made, root = dag.well(levels)
    status, answer = desk.stored(made, root)
    CHECKS.that(status in (200, 400), f"taken or refused: {status} {answer}")
    if status == 200:
        at = f"{desk.gate}/ipfs/{dag.text(root)}"
        CHECKS.equal(curl(f"{at}/").status, 200, "the first level")
        CHECKS.equal(curl(f"{at}/" + "a/b/" * 100).status, 200, "two hundred levels down")
        CHECKS.that(curl(f"{at}/" + "a/" * 257).status in (400, 422), "more than 256 steps")
        status, came = read_some(desk, f"/ipfs/{dag.text(root)}?format=car", 256 * MIB)
        CHECKS.that(came < 64 * MIB, f"a CAR of it ends: {status} {came}")
        began = time.time()
        freed = desk.chain.cli("storage", "release", answer["root"], "--dry-run")["frees"]
        CHECKS.equal(freed["blocks"], str(levels + 1), "what it would free")
        desk.chain.cli("storage", "release", answer["root"])
        desk.chain.cli("storage", "purge", "--all")
        CHECKS.equal({**in_store(desk.chain), "quota": ""}, {**stat, "quota": ""}, "it is gone")
        tell("well", levels=levels, freed_s=round(time.time() - began, 1))
    for n, order in enumerate((list(reversed(made.items())), made.items())):
        path = desk.top / f"well-{n}.car"
        path.write_bytes(dag.car([root], order))
        began = time.time()
        done = desk.ended("storage", "import", path)
        CHECKS.that(time.time() - began < 3 * SOON_S, f"a well by a CAR, order {n}: {done.returncode} after {time.time() - began:.0f} s")
    # A file that nests deeper than any tool makes one.
    thin = dag.Made()
    binary = thin.put(b"x", dag.RAW)
    for _ in range(1_000):
        binary = thin.put(dag.file([(binary, 1)]))
    if desk.stored(thin, binary)[0] == 200:
        found = curl(f"{desk.gate}/ipfs/{dag.text(binary)}")
        CHECKS.that(found.status in (200, 422), f"a file of 1,000 levels: {found.status}")
    tell("wells", grown_kib=desk.grown(before, "wells"))


def pages(desk):
    """Directories of many entries, in one block and in shards: all of them, a page at a time."""
    made = dag.Made()
    binary = made.put(b"one", dag.RAW)
    flat = made.put(dag.directory([(b"entry-%05d" % n, binary) for n in range(30_000)]))
    CHECKS.equal(desk.stored(made, flat)[0], 200, "30,000 entries in one block")
    many = desk.top / "many"
    many.mkdir()
    for n in range(6_000):
        (many / f"entry-{n:05}-{'y' * 30}").touch()
    sharded = desk.chain.cli("mimei", "add", "--from", "alice", many)["cid"]
    for cid, count in ((dag.text(flat), 30_000), (sharded, 6_000)):
        began, seen, ask, took = time.time(), set(), "", 0
        while True:
            page = curl(f"{desk.gate}/ipfs/{cid}/{ask}")
            CHECKS.equal(page.status, 200, f"a page: {page.body[:100]!r}")
            found = set(re.findall(rb"/(entry-\d{5})", page.body))
            CHECKS.that(len(found) <= 1_000 and not found & seen, "at most 1,000 entries a page, each once")
            seen |= found
            took += 1
            more = re.search(rb'href="(\?at=[^"]+)" rel="next"', page.body)
            if not more:
                break
            ask = more[1].decode()
        CHECKS.equal(len(seen), count, "all entries")
        CHECKS.that(curl(f"{desk.gate}/ipfs/{cid}/?at=9.9.9.9").status < 500, "a place that is none")
        tell("pages", entries=count, pages=took, s=round(time.time() - began, 1))


def slow(desk):
    """Many who ask for a PiB and read nothing: others are answered, and memory holds."""
    made, root, _ = dag.file_bomb(3)
    desk.stored(made, root)
    pid = desk.chain.process.pid
    before, lines = memory(pid), []
    ask = f"GET /ipfs/{dag.text(root)} HTTP/1.1\r\nhost: x\r\n\r\n".encode()
    try:
        for n in range(SLOW):
            line = socket.socket()
            # Little of it fits on the way.
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            line.settimeout(SOON_S)
            lines.append(line)
            try:
                line.connect((desk.host, desk.port))
                # Every eighth does not even end its question.
                line.sendall(ask if n % 8 else ask[:20])
            except OSError:
                # Turned away.
                continue
        # Those who came just beyond the bound were told why.
        heard = [heard_by(line) for line in lines[1_200:1_250]]
        CHECKS.that(2 * heard.count(b"503") >= len(heard), f"who is turned away hears 503: {heard}")
        waited = desk.honest()
        grown = desk.grown(before, f"{SLOW} readers who do not read", SLOW_KIB)
        # All of them are cut, whatever they had begun with.
        until("they are cut", 2 * WAIT_S, lambda: held(desk) <= 8)
        after = desk.honest()
        CHECKS.that(after < 5, f"who comes then is answered at once: {after:.1f} s")
    finally:
        for line in lines:
            line.close()
    tell("slow", readers=SLOW, honest_s=round(waited, 2), grown_kib=grown, after_kib=memory(pid) - before)


def heard_by(line):
    """The status that a connection was answered with; nothing where it was ended without; `-` where it is open and silent."""
    line.settimeout(0.5)
    try:
        return line.recv(256)[9:12]
    except TimeoutError:
        return b"-"
    except OSError:
        return b""


def held(desk):
    """Connections that the node's side holds open."""
    found = subprocess.run(["ss", "-Htn", "state", "established", f"( sport = :{desk.port} )"], capture_output=True, text=True)
    return len(found.stdout.splitlines())


def writers(desk):
    """Two who write one working copy at once: who is told that it is done has it done."""
    made = desk.chain.cli("mimei", "add", "--from", "alice", desk.site)
    mid, kept, refusals = made["mimei"], {}, 0
    begin = lambda place, path: subprocess.Popen([str(LEITHER), "--json", "mimei", "cur", "write", place, str(path)], stdout=subprocess.PIPE,
                                                 stderr=subprocess.PIPE, text=True, env=environment(desk.chain.home.name, desk.chain.url))
    cat = lambda path: subprocess.run([str(LEITHER), "mimei", "cur", "cat", f"{mid}/{path}"], capture_output=True, check=True,
                                      env=environment(desk.chain.home.name, desk.chain.url)).stdout
    for n in range(12):
        texts = [f"{n} {side} ".encode() * 100_000 for side in "ab"]
        for side, text in zip("ab", texts):
            (desk.top / side).write_bytes(text)
        names = ["same.txt", "same.txt"] if n % 2 else [f"{n}-a.txt", f"{n}-b.txt"]
        both = [begin(f"{mid}/{name}", desk.top / side) for name, side in zip(names, "ab")]
        said = [process.communicate(timeout=WAIT_S) for process in both]
        done = [process.returncode for process in both]
        CHECKS.that(0 in done and all(code in (0, 1) for code in done), f"one of them at least is done: {done} {said}")
        for code, (_, err) in zip(done, said):
            # Of two who make the first change one makes the working copy.
            CHECKS.that(code == 0 or "moved" in err or "working copy already" in err, f"the other is refused by name: {err}")
            refusals += code
        if n % 2:
            CHECKS.that(cat("same.txt") in [text for code, text in zip(done, texts) if code == 0], "one of them, whole, and not half of each")
        else:
            kept.update({name: text for name, code, text in zip(names, done, texts) if code == 0})
    for name, text in kept.items():
        CHECKS.that(cat(name) == text, f"{name} is there, whatever came after")
    # Who reads what is changed meanwhile is told that, and not that something were missing.
    (desk.top / "long").write_bytes(random.Random(9).randbytes(8 * MIB))
    for words in (["cur", "cat", f"{mid}/long.bin"], ["get", f"{mid}@cur/long.bin", "-"]):
        desk.chain.cli("mimei", "cur", "write", f"{mid}/long.bin", desk.top / "long")
        reader = subprocess.Popen([str(LEITHER), "mimei", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  env=environment(desk.chain.home.name, desk.chain.url))
        CHECKS.equal(len(reader.stdout.read(1)), 1, f"{words[0]} has begun")
        desk.chain.cli("mimei", "cur", "rm", f"{mid}/long.bin")
        desk.chain.cli("storage", "purge", "--all")
        err = reader.communicate(timeout=WAIT_S)[1]
        CHECKS.that(reader.returncode == 1 and b"changed while it was read" in err, f"{words[0]}: {reader.returncode} {err[-300:]}")
    tell("writers", rounds=12, refused=refusals, kept=len(kept))


def moved(desk):
    """A head that moves under a backup: both contents stay, and who lost is told."""
    made = desk.chain.cli("mimei", "add", "--from", "alice", desk.site)
    mid, lost = made["mimei"], 0
    bob = rpc(desk.chain.url, "dev_getAccounts")["accounts"][1]["account"]
    desk.chain.cli("mimei", "grant", mid, bob, "backup", "--from", "alice")
    for n in range(6):
        theirs = desk.top / f"theirs-{n}"
        theirs.mkdir()
        (theirs / "index.html").write_text(f"theirs {n}")
        (desk.top / "mine").write_text(f"mine {n}")
        desk.chain.cli("mimei", "cur", "write", f"{mid}/mine.txt", desk.top / "mine")
        words = [["mimei", "backup", mid, "--from", "alice"], ["mimei", "add", "--mimei", mid, "--from", "bob", str(theirs)]]
        both = [subprocess.Popen([str(LEITHER), "--json", *line], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                 env=environment(desk.chain.home.name, desk.chain.url)) for line in words]
        said = [process.communicate(timeout=WAIT_S) for process in both]
        mine, their = (process.returncode for process in both)
        CHECKS.that(0 in (mine, their) and {mine, their} <= {0, 1}, f"one of them at least is a version: {mine} {their} {said}")
        if mine:
            lost += 1
            (desk.top / f"kept-{n}").write_bytes(got(desk, f"{mid}@cur/mine.txt"))
            CHECKS.equal((desk.top / f"kept-{n}").read_text(), f"mine {n}", "what lost is there")
            CHECKS.equal(desk.chain.cli("mimei", "show", mid)["standing"], "conflict", "and it is called by its name")
        lost += bool(their)
        desk.chain.cli("mimei", "restore", mid, "--discard")
        CHECKS.equal(desk.chain.cli("mimei", "show", mid)["standing"], "same", "on with the newest")
    versions = desk.chain.cli("mimei", "versions", mid)["items"]
    CHECKS.equal(len(versions), 1 + 12 - lost, "each that was not refused is a version")
    for version in versions:
        out = desk.top / f"version-{version['version']}"
        desk.chain.cli("mimei", "get", f"{mid}@{version['version']}", out)
        CHECKS.that((out / "index.html").exists(), "every version can be read")
    tell("moved", rounds=6, refused=lost)


def got(desk, place):
    return subprocess.run([str(LEITHER), "mimei", "get", place, "-"], capture_output=True, check=True,
                          env=environment(desk.chain.home.name, desk.chain.url)).stdout


def fetched(top):
    """Between two nodes: a quota that fills up while content comes, and junk on the swarm's port meanwhile."""
    quota = lambda number: [f"storage.quota={QUOTA_MIB}MiB"] if number == 2 else []
    with Keepers(top / "two", count=2, wallets=1, settings=quota, params=QUICK) as net:
        net.start()
        giver, taker = net.nodes
        big = top / "big"
        big.mkdir()
        for n in range(4):
            (big / f"{n}.bin").write_bytes(random.Random(n).randbytes(QUOTA_MIB * MIB // 2))
        mid, made = giver.add(big)
        giver.publish(mid)
        taker.catches_up(giver)
        before = in_store(taker)
        done = command(["mimei", "sync", mid], taker.home, taker.url)
        CHECKS.that(done.returncode == 1 and "quota" in done.stderr, f"what does not fit is refused by name: {done.returncode} {done.stderr[-300:]}")
        until("nothing half is left", WAIT_S, lambda: in_store(taker) == before)
        found = curl(f"{taker.gate}/ipfs/{made['cid']}/2.bin", seconds=WAIT_S)
        CHECKS.that(found.status == 200 and found.body == (big / "2.bin").read_bytes(), "it is read without being kept")
        CHECKS.equal(in_store(taker), before, "and not kept")

        grown, chance, lines = memory(taker.process.pid), random.Random(7), []
        for n in range(300):
            line = socket.socket()
            line.settimeout(2)
            lines.append(line)
            try:
                line.connect((taker.host, taker.swarm))
                line.sendall([b"\x13/multistream/1.0.0\n" + b"\x07/noise\n" + chance.randbytes(500), chance.randbytes(4_000), b"GET / HTTP/1.1\r\n\r\n",
                              b"\xff" * 10_000, b"\x13/multistream/1.0.0\n" + b"\x03ls\n" * 200, b""][n % 6])
            except OSError:
                continue
        small, _ = giver.add(site(top / "small", 3))
        giver.publish(small)
        taker.catches_up(giver)
        came = taker.sync(small)
        CHECKS.equal(came["version"], "0", f"an honest peer is heard meanwhile: {came}")
        grown = memory(taker.process.pid) - grown
        CHECKS.that(grown <= GROWN_KIB // 2, f"junk on the swarm's port: {grown} KiB more in memory")
        for line in lines:
            line.close()
        # Over UDP, where QUIC listens.
        with socket.socket(type=socket.SOCK_DGRAM) as udp:
            for _ in range(2_000):
                udp.sendto(chance.randbytes(chance.randrange(1, 1_400)), (taker.host, taker.swarm))
        CHECKS.equal(taker.sync(small)["version"], "0", "and afterwards")
        net.alive()
        tell("fetched", grown_kib=grown, blocks=net.verified())


ALONE = {"names": names, "urls": urls, "links": links, "frames": frames, "cars": cars, "bombs": bombs, "wells": wells, "pages": pages, "writers": writers, "moved": moved,
         "slow": slow}
PARTS = [*ALONE, "fetched"]


def main():
    chosen = sys.argv[1:] or PARTS
    if not set(chosen) <= set(PARTS):
        sys.exit(f"{__doc__}\nParts: {' '.join(PARTS)}")
    # So many readers need as many files, in the node as well.
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with Score("bad-content", "checks") as score, tempfile.TemporaryDirectory(prefix="leither-bad-") as text:
        score.tried, top = lambda: CHECKS.count, pathlib.Path(text)
        alone = [name for name in chosen if name in ALONE]
        if alone:
            with Dev("--bare", params=FAST) as chain:
                desk = Desk(chain, top)
                for name in alone:
                    began = time.time()
                    ALONE[name](desk)
                    CHECKS.that(chain.process.poll() is None, f"the node runs after {name}")
                    tell(name, ok=True, took_s=round(time.time() - began, 1))
                CHECKS.equal(chain.cli("storage", "verify", "--hashes")["wrong"], [], "the books are right")
                CHECKS.that("panicked" not in chain.said(), f"a part of the node failed: {chain.said()[-2000:]}")
                chain.end()
        if "fetched" in chosen:
            began = time.time()
            fetched(top)
            tell("fetched", ok=True, took_s=round(time.time() - began, 1))
    print(f"{CHECKS.count} checks")


if __name__ == "__main__":
    main()
