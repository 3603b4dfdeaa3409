#!/usr/bin/env python3
"""A site as its author and its readers meet it, on one chain: added as a MiMei, read by curl from the gateway (by path, on an origin of its own, by
content id, in ranges, with tags), its head's proof verified by the JavaScript module, got back bit for bit; a second version released; the working
copy edited path by path and backed up; a conflict of which both sides stay; a quota that refuses an add and leaves nothing half; after a restart, and
after kill -9, all is there."""
import base64
import json
import os
import pathlib
import random
import subprocess
import tempfile
import time

from lib import FAST, LEITHER, ROOT, Checks, Dev, Score, environment, in_store, rpc, until

CHECKS = Checks()
MIB = 1 << 20
# The quota of the chain under test: the site fits well, what is refused does not.
QUOTA = 24 * MIB


class Answer:
    """What curl was answered."""

    def __init__(self, raw):
        # Of several heads (a redirect that was followed) the last counts.
        while True:
            head, _, rest = raw.partition(b"\r\n\r\n")
            if not rest.startswith(b"HTTP/"):
                break
            raw = rest
        lines = head.decode().split("\r\n")
        self.status, self.body = int(lines[0].split()[1]), rest
        self.headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}


def curl(url, *flags):
    # Names below localhost are resolved by curl itself, wherever it is.
    done = subprocess.run(["curl", "-s", "-i", "--max-time", "20", *flags, url], capture_output=True, check=False)
    CHECKS.that(done.returncode == 0, f"curl {url}: {done.returncode} {done.stderr!r}")
    return Answer(done.stdout)


def make_site(top, seed):
    """Small pages, nested directories, a file of several chunks."""
    noise = random.Random(seed)
    site = pathlib.Path(top) / f"site-{seed}"
    (site / "pages/deep/deeper").mkdir(parents=True)
    (site / "index.html").write_text(f"<!doctype html><title>site {seed}</title><link rel=stylesheet href=style.css><h1>hello {seed}</h1>")
    (site / "style.css").write_text("body { color: #222 }")
    (site / "pages/deep/deeper/note.txt").write_text("far below")
    (site / "pages/ä b.txt").write_text("a name with a space and an umlaut")
    (site / "empty").write_bytes(b"")
    (site / "film.bin").write_bytes(noise.randbytes(3 * MIB + 17))
    (site / "link.css").symlink_to("style.css")
    return site


def same(left, right):
    """Whether two directories hold the same, links included."""
    done = subprocess.run(["diff", "-r", "--no-dereference", str(left), str(right)], capture_output=True, text=True)
    CHECKS.that(done.returncode == 0, f"{left} and {right} are equal: {done.stdout[:500]}{done.stderr[:500]}")


def raw(chain, *args, code=0, stdin=b""):
    """One command whose answer is bytes."""
    done = subprocess.run([str(LEITHER), *map(str, args)], capture_output=True, input=stdin, env=environment(chain.home.name, chain.url))
    CHECKS.equal(done.returncode, code, f"leither {' '.join(map(str, args))}: {done.stderr!r}")
    return done.stdout


def added(chain, site):
    made = chain.cli("mimei", "add", "--from", "alice", site)
    CHECKS.equal((made["status"], made["version"]), ("final", "0"), "added")
    CHECKS.that(int(made["stored"]["blocks"]) > 5 and int(made["stored"]["bytes"]) > 3 * MIB, f"its blocks are stored: {made['stored']}")
    again = chain.cli("mimei", "add", "--from", "bob", site)
    CHECKS.equal((again["cid"], again["stored"]), (made["cid"], {"blocks": "0", "bytes": "0"}), "the same content is stored once")
    known = chain.cli("mimei", "add", "--from", "carol", "--only-hash", site)
    CHECKS.equal((known["cid"], known["stored"]), (made["cid"], None), "only its id")
    pins = [item["root"] for item in chain.cli("storage", "pins")["items"]]
    CHECKS.that(f"version/{made['mimei']}/0" in pins and not [root for root in pins if root.startswith("pin/")], f"kept as a version, by no pin: {pins}")
    return made["mimei"], made["cid"]


def read(gate, mid, cid, site):
    host, port = gate.removeprefix("http://").split(":")
    by_path = curl(f"{gate}/mm/{mid}/")
    CHECKS.equal((by_path.status, by_path.body), (200, (site / "index.html").read_bytes()), "by its id")
    CHECKS.that("sandbox" in by_path.headers["content-security-policy"], "on a shared origin nothing runs")
    CHECKS.equal(by_path.headers["x-leither-version"], "0", "which version")
    moved = curl(f"http://localhost:{port}/mm/{mid}/", "--resolve", f"localhost:{port}:{host}")
    own = f"{mid}.mm.localhost:{port}"
    CHECKS.equal((moved.status, moved.headers["location"]), (301, f"http://{own}/"), "to an origin of its own")
    there = curl(f"http://{own}/", "--resolve", f"{own}:{host}")
    CHECKS.equal((there.status, there.body), (200, (site / "index.html").read_bytes()), "on its own origin")
    CHECKS.that("content-security-policy" not in there.headers, "there it may run")
    for name in ("style.css", "film.bin", "empty", "pages/deep/deeper/note.txt"):
        found = curl(f"{gate}/ipfs/{cid}/{name}")
        CHECKS.equal((found.status, found.body), (200, (site / name).read_bytes()), f"/ipfs/CID/{name}")
    CHECKS.equal(curl(f"{gate}/ipfs/{cid}/pages/%C3%A4%20b.txt").body, (site / "pages/ä b.txt").read_bytes(), "a name with a space and an umlaut")
    page = curl(f"{gate}/ipfs/{cid}/pages/")
    CHECKS.that(page.status == 200 and "text/html" in page.headers["content-type"] and b"deep" in page.body, "a page for a directory without one")
    part = curl(f"{gate}/ipfs/{cid}/film.bin", "-r", f"{MIB - 5}-{MIB + 4}")
    CHECKS.equal((part.status, part.body), (206, (site / "film.bin").read_bytes()[MIB - 5:MIB + 5]), "a range over the border of two chunks")
    tail = curl(f"{gate}/ipfs/{cid}/film.bin", "-r", "-7")
    CHECKS.equal((tail.status, tail.body), (206, (site / "film.bin").read_bytes()[-7:]), "the last seven bytes")
    tag = curl(f"{gate}/mm/{mid}/style.css").headers["etag"]
    CHECKS.equal(curl(f"{gate}/mm/{mid}/style.css", "-H", f"If-None-Match: {tag}").status, 304, "nothing new")
    CHECKS.equal(curl(f"{gate}/mm/{mid}/style.css", "-H", 'If-None-Match: "other"').status, 200, "something new")
    block = curl(f"{gate}/ipfs/{cid}?format=raw")
    CHECKS.that(block.status == 200 and block.headers["content-type"] == "application/vnd.ipld.raw", "the block itself")
    CHECKS.equal(curl(f"{gate}/mm/{mid}/nothing").status, 404, "what is not there")
    CHECKS.equal(curl(f"{gate}/mm/{mid}@cur/").status, 400, "the working copy is its writer's alone")
    CHECKS.equal(curl(f"{gate}/ipfs/bafkreifzjut3te7nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e", "-H", "Cache-Control: only-if-cached").status, 412,
                 "a block that is not here")
    CHECKS.equal(curl(f"{gate}/ipfs/{cid}/%2e%2e/x").status, 400, "a step up")


VERIFY = """
import { verifyProof } from './src/index.js';
const [chain, mimei, proof] = process.argv.slice(1);
const bytes = Uint8Array.from(Buffer.from(proof, 'base64url'));
const shown = verifyProof(chain, { mimei }, bytes);
console.log(JSON.stringify(shown, (_, v) => (typeof v === 'bigint' ? String(v) : v)));
let refused = 0;
for (const at of [0, bytes.length >> 1, bytes.length - 1]) {
  const bad = bytes.slice();
  bad[at] ^= 1;
  try { verifyProof(chain, { mimei }, bad); } catch { refused += 1; }
}
console.log(refused);
"""


def proven(chain, gate, mid, cid, number):
    """The header's proof, by code that shares none with the node: the JavaScript module."""
    if not (ROOT / "rpc/js/node_modules").exists():
        subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=ROOT / "rpc/js", check=True)
    proof = curl(f"{gate}/mm/{mid}@last/").headers["x-leither-proof"]
    info = rpc(chain.url, "chain_getInfo")
    done = subprocess.run(["node", "--input-type=module", "-e", VERIFY, info["chain"], mid, proof], cwd=ROOT / "rpc/js", capture_output=True, text=True)
    CHECKS.equal(done.returncode, 0, f"the proof holds: {done.stderr}")
    shown, refused = done.stdout.strip().split("\n")
    last = json.loads(shown)["value"]["last"]
    # The binary form of a CIDv1 is what its text says in base32.
    binary = "0x" + base64.b32decode(cid[1:].upper() + "=" * (-len(cid[1:]) % 8)).hex()
    CHECKS.equal((last["number"], last["content"]), (str(number), binary), "what the proof says is what was served")
    CHECKS.equal(refused, "3", "a proof with one bit changed is none")


def got(chain, top, mid, site, version=None):
    out = pathlib.Path(top) / f"got-{version}"
    place = mid if version is None else f"{mid}@{version}"
    done = chain.cli("mimei", "get", place, out)
    same(site, out)
    CHECKS.that(int(done["bytes"]) > 3 * MIB, "how much")
    CHECKS.that("already" in chain.cli("mimei", "get", place, out, code=2)["stderr"], "nothing is overwritten")
    CHECKS.equal(raw(chain, "mimei", "get", f"{place}/style.css", "-"), (site / "style.css").read_bytes(), "one file on stdout")
    one = pathlib.Path(top) / f"one-{version}"
    chain.cli("mimei", "get", f"{place}/pages/deep", one)
    same(site / "pages/deep", one)
    CHECKS.that("no link named" in chain.cli("mimei", "get", f"{place}/nothing", f"{one}-x", code=1)["stderr"], "what is not there")
    left = [path.name for path in pathlib.Path(top).iterdir() if path.name.startswith(".leither-get")]
    CHECKS.equal(left, [], "nothing half is left")


def second(chain, gate, mid, site):
    made = chain.cli("mimei", "add", "--from", "alice", "--mimei", mid, site)
    CHECKS.equal(made["version"], "1", "the next version")
    CHECKS.equal(curl(f"{gate}/mm/{mid}/").headers["x-leither-version"], "1", "without a release the newest is shown")
    chain.cli("mimei", "release", mid, "--version", "0", "--from", "alice")
    CHECKS.equal(curl(f"{gate}/mm/{mid}/").headers["x-leither-version"], "0", "the released one")
    CHECKS.equal(curl(f"{gate}/mm/{mid}@last/").headers["x-leither-version"], "1", "the newest")
    CHECKS.equal(curl(f"{gate}/mm/{mid}@1/").body, (site / "index.html").read_bytes(), "that one")
    CHECKS.equal(curl(f"{gate}/mm/{mid}@7/").status, 404, "one that is not there")
    chain.cli("mimei", "release", mid, "--from", "alice")
    CHECKS.equal(curl(f"{gate}/mm/{mid}/").body, (site / "index.html").read_bytes(), "released")
    return made["cid"]


def edited(chain, gate, top, mid, site):
    """The same changes to the working copy and to a copy on disk."""
    model = pathlib.Path(top) / "model"
    subprocess.run(["cp", "-a", str(site), str(model)], check=True)
    cur = lambda *args, **more: chain.cli("mimei", "cur", *args, **more)
    CHECKS.that("restore" in cur("ls", mid, code=1)["stderr"], "there is no working copy yet")
    note = pathlib.Path(top) / "note"
    note.write_text("written by path")
    first = cur("write", f"{mid}/pages/new.txt", note)
    (model / "pages/new.txt").write_text("written by path")
    big = random.Random(5).randbytes(2 * MIB)
    piece = pathlib.Path(top) / "piece"
    piece.write_bytes(big)
    before = int(chain.cli("storage", "stat")["bytes"])
    cur("write", f"{mid}/film.bin", piece, "--at", str(MIB // 2))
    film = bytearray((model / "film.bin").read_bytes())
    film[MIB // 2:MIB // 2 + len(big)] = big
    (model / "film.bin").write_bytes(film)
    CHECKS.that(int(chain.cli("storage", "stat")["bytes"]) - before < 4 * MIB, "a write touches the chunks that it changes")
    raw(chain, "mimei", "cur", "append", f"{mid}/pages/new.txt", stdin=b", and more")
    (model / "pages/new.txt").write_text("written by path, and more")
    cur("mkdir", f"{mid}/a/b/c", "--parents")
    (model / "a/b/c").mkdir(parents=True)
    cur("truncate", f"{mid}/style.css", "4")
    (model / "style.css").write_text("body")
    CHECKS.that("there is no `missing`" in cur("truncate", f"{mid}/missing", "5", code=1)["stderr"], "what is not there is not cut")
    cur("mv", f"{mid}/pages/deep", "a/b/deep")
    (model / "pages/deep").rename(model / "a/b/deep")
    CHECKS.that("not empty" in cur("rm", f"{mid}/a", code=2)["stderr"], "a directory with something in it")
    cur("rm", f"{mid}/a/b/deep", "--recursive")
    subprocess.run(["rm", "-r", str(model / "a/b/deep")], check=True)
    CHECKS.that("there already" in cur("mv", f"{mid}/empty", "index.html", code=1)["stderr"], "nothing is overwritten by a move")
    before = int(chain.cli("storage", "stat")["bytes"])
    cur("cp", f"{mid}/film.bin", "a/copy.bin")
    CHECKS.that(int(chain.cli("storage", "stat")["bytes"]) - before < MIB // 8, "a copy is the blocks that are there")
    tail = pathlib.Path(top) / "tail"
    tail.write_bytes(b"the end")
    cur("write", f"{mid}/a/copy.bin", tail, "--at", "-5")
    (model / "a/copy.bin").write_bytes(bytes(film[:-5]) + b"the end")
    cur("ln", "../style.css", f"{mid}/a/link")
    (model / "a/link").symlink_to("../style.css")
    CHECKS.that("leads out" in cur("ln", "../../style.css", f"{mid}/a/out", code=2)["stderr"], "no link leads out of the tree")
    CHECKS.equal(cur("stat", f"{mid}/a/link")["target"], "../style.css", "where it leads")
    CHECKS.equal(cur("stat", f"{mid}/style.css")["media"], "text/css; charset=utf-8", "what a gateway says that it is")
    CHECKS.equal(raw(chain, "mimei", "cur", "cat", f"{mid}/a/copy.bin", "--last", "9"), (bytes(film[:-5]) + b"the end")[-9:], "its last bytes")
    CHECKS.equal(raw(chain, "mimei", "cur", "cat", f"{mid}/a/copy.bin", "--from", "-7", "--len", "3"), b"the", "counted from its end")
    for wrong in ("../out", "a//b", "a/./b"):
        cur("write", f"{mid}/{wrong}", note, code=2)
    CHECKS.equal(sorted(item["path"] for item in cur("ls", mid)["items"]), sorted(os.listdir(model)), "what is there")
    page = cur("ls", mid, "--limit", "2")
    rest = cur("ls", mid, "--after", page["next"], "--limit", "1000")
    CHECKS.equal(([item["path"] for item in page["items"] + rest["items"]], rest["next"]), (sorted(os.listdir(model)), None), "page by page")
    CHECKS.equal(cur("ls", mid, "--after", "film.bim")["items"][0]["path"], "film.bin", "after a name that is not there")
    CHECKS.equal(cur("stat", f"{mid}/film.bin")["size"], str(len(film)), "how long it is")
    CHECKS.equal(raw(chain, "mimei", "cur", "cat", f"{mid}/film.bin", "--from", str(MIB - 3), "--len", "9"), bytes(film[MIB - 3:MIB + 6]), "a range of it")
    shown = chain.cli("mimei", "show", mid)
    CHECKS.equal((shown["standing"], shown["local"]["base"]["version"], shown["head"]["version"]), ("ahead", "1", "1"), "changed here alone")
    CHECKS.that(int(shown["local"]["cur"]["generation"]) > int(first["generation"]), "each change moves it")
    CHECKS.that("has changes" in chain.cli("mimei", "restore", mid, code=1)["stderr"], "changes are not thrown away unasked")
    done = chain.cli("mimei", "backup", mid, "--from", "alice")
    CHECKS.equal((done["status"], done["version"], done["changed"]), ("final", "2", True), "backed up")
    CHECKS.equal(chain.cli("mimei", "backup", mid, "--from", "alice")["changed"], False, "nothing new to back up")
    CHECKS.equal(chain.cli("mimei", "show", mid)["standing"], "same", "the same")
    # The same tree as adding the same files gives.
    CHECKS.equal(chain.cli("mimei", "add", "--from", "carol", "--only-hash", model)["cid"], done["cid"], "the id does not tell the way there")
    out = pathlib.Path(top) / "edited"
    chain.cli("mimei", "get", f"{mid}@last", out)
    same(model, out)
    CHECKS.equal(curl(f"{gate}/mm/{mid}@last/pages/new.txt").body, b"written by path, and more", "and the world sees it")
    return model, done["cid"]


def conflict(chain, mid, top):
    note = pathlib.Path(top) / "theirs"
    note.mkdir()
    (note / "index.html").write_text("theirs")
    raw(chain, "mimei", "cur", "write", f"{mid}/mine.txt", stdin=b"mine")
    chain.cli("mimei", "add", "--from", "alice", "--mimei", mid, note)
    shown = chain.cli("mimei", "show", mid)
    CHECKS.that(shown["standing"] == "conflict" and "both are kept" in shown["conflict"], f"a conflict, by name: {shown}")
    CHECKS.equal([side["get"] for side in shown["sides"]], [f"{mid}@cur", f"{mid}@{shown['head']['version']}"], "both by what gets them")
    CHECKS.that("both are kept" in chain.cli("mimei", "backup", mid, "--from", "alice", code=1)["stderr"], "the head has moved")
    CHECKS.that("--base" in chain.cli("mimei", "backup", mid, "--from", "alice", "--base", "0", code=1)["stderr"], "who has seen an older one is told so")
    CHECKS.equal(raw(chain, "mimei", "get", f"{mid}@cur/mine.txt", "-"), b"mine", "mine is there")
    CHECKS.equal(raw(chain, "mimei", "get", f"{mid}@last/index.html", "-"), b"theirs", "theirs is there")
    chain.cli("mimei", "restore", mid, "--discard")
    CHECKS.equal(chain.cli("mimei", "show", mid)["standing"], "same", "theirs was taken")
    # Back to an older version: as a new one.
    chain.cli("mimei", "restore", mid, "--version", "2")
    back = chain.cli("mimei", "backup", mid, "--from", "alice")
    CHECKS.equal(back["version"], "4", "the old content as the newest version")


def forked(chain, gate, mid):
    before = chain.cli("storage", "stat")["bytes"]
    fork = chain.cli("mimei", "fork", mid, "--from", "bob")
    CHECKS.equal(fork["content"], "here", "a fork begins with its parent's content")
    CHECKS.equal(chain.cli("storage", "stat")["bytes"], before, "and copies none of it")
    CHECKS.equal(curl(f"{gate}/mm/{fork['mimei']}/pages/new.txt").status, 200, "it is served")
    return fork["mimei"]


def let_go(chain, top):
    """A version that may be nowhere else is let go of only by who says so, and one that others are told of not at all; what is gone is said to be, and what another
    version needs stays."""
    old, new = top / "old", top / "new"
    for path, text in ((old, "old"), (new, "new")):
        path.mkdir()
        (path / "film.bin").write_bytes(random.Random(77).randbytes(300_000))
        (path / "page.txt").write_text(text)
    mid = chain.cli("mimei", "add", "--from", "alice", old)["mimei"]
    chain.cli("mimei", "add", "--from", "alice", "--mimei", mid, new)
    release = lambda number, *flags, **more: chain.cli("storage", "release", f"version/{mid}/{number}", *flags, **more)
    chain.cli("mimei", "provide", mid)
    CHECKS.that("--stop" in release(1, "--discard", code=2)["stderr"], "others are told that the newest version is here")
    chain.cli("mimei", "provide", mid, "--stop")
    for number in (0, 1):
        CHECKS.that("--discard" in release(number, code=2)["stderr"], f"version {number} may be nowhere else")
    release(0, "--discard")
    chain.cli("storage", "purge", "--all")
    said = chain.cli("mimei", "get", f"{mid}@0", top / "gone", code=1)["stderr"]
    CHECKS.that("version 0" in said and "is not on this node" in said and "mimei sync" in said, f"it is said to be gone: {said}")
    CHECKS.that(not (top / "gone").exists(), "nothing is written of it")
    chain.cli("mimei", "get", f"{mid}@1", top / "stays")
    same(new, top / "stays")
    CHECKS.equal(chain.cli("storage", "verify", "--hashes")["wrong"], [], "the books, and the blocks of the file that both had")
    # Here nobody else has it: the files bring it back.
    CHECKS.equal(chain.cli("mimei", "add", "--from", "alice", old)["status"], "final", "the same files again")
    chain.cli("mimei", "get", f"{mid}@0", top / "again")
    same(old, top / "again")


def refused(chain, top):
    """More than the quota: refused before anything of it stays."""
    before = in_store(chain)
    big = pathlib.Path(top) / "big"
    big.mkdir()
    for n in range(4):
        (big / f"{n}.bin").write_bytes(random.Random(100 + n).randbytes(QUOTA // 3))
    said = chain.cli("mimei", "add", "--from", "alice", big, code=1)
    CHECKS.that("quota" in said["stderr"], f"refused by name: {said['stderr']}")
    CHECKS.equal(in_store(chain), before, "nothing half is left")
    listed = chain.cli("mimei", "list", rpc(chain.url, "dev_getAccounts")["accounts"][0]["account"])["items"]
    raw(chain, "mimei", "add", "--from", "alice", top / "no such file", code=2)
    CHECKS.equal(chain.cli("mimei", "list", rpc(chain.url, "dev_getAccounts")["accounts"][0]["account"])["items"], listed, "no MiMei without content")
    CHECKS.equal(in_store(chain), before, "nor after a file that cannot be read")


def interrupted(chain, top):
    """An add that is killed half way."""
    before = chain.cli("storage", "stat")
    into = pathlib.Path(top) / "half"
    into.mkdir()
    (into / "a.bin").write_bytes(random.Random(9).randbytes(4 * MIB))
    process = subprocess.Popen([str(LEITHER), "mimei", "add", "--from", "alice", str(into)], env=environment(chain.home.name, chain.url),
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(random.random() / 10)
    process.kill()
    process.wait()
    until("the node lets go of an add that was cut", 20, lambda: [root for root in pins(chain) if root.startswith("pin/add/")] == [])
    CHECKS.that(int(chain.cli("storage", "stat")["bytes"]) <= int(before["bytes"]) + 5 * MIB, "little, if anything, is left")


def pins(chain):
    return [item["root"] for item in chain.cli("storage", "pins")["items"]]


def kept(chain, mid, model, top, name):
    gate = chain.ready["gateway"]
    CHECKS.equal(curl(f"{gate}/mm/{mid}@2/film.bin").body, (model / "film.bin").read_bytes(), f"{name}: it is served")
    out = pathlib.Path(top) / name
    chain.cli("mimei", "get", f"{mid}@2", out)
    same(model, out)
    found = chain.cli("storage", "verify", "--hashes")
    CHECKS.equal(found["wrong"], [], f"{name}: the books are right")


def admin(chain):
    """The socket: its owner's alone, and told by the node that listens on this machine."""
    status = rpc(chain.url, "node_getStatus")
    socket = pathlib.Path(status["socket"])
    CHECKS.equal(oct(socket.stat().st_mode & 0o777), "0o600", "the socket's mode")
    CHECKS.equal(f"http://{status['gateway']}", chain.ready["gateway"], "the gateway's address")
    done = subprocess.run(["curl", "-s", "--unix-socket", str(socket), "http://leither/storage"], capture_output=True, text=True)
    CHECKS.equal({**json.loads(done.stdout), **in_store(chain)}, json.loads(done.stdout), "anybody's HTTP client can ask")
    for method, path, status in (("GET", "/nothing", 404), ("POST", "/blocks", 400), ("GET", "/blocks/x", 400), ("POST", "/mimei/x/cur", 400),
                                 ("DELETE", "/storage/roots?root=x", 400), ("POST", "/blocks?profile=x", 400)):
        done = subprocess.run(["curl", "-s", "-o", os.devnull, "-w", "%{http_code}", "-X", method, "--data-binary", "junk",
                               "--unix-socket", str(socket), f"http://leither{path}"], capture_output=True, text=True)
        CHECKS.equal(done.stdout, str(status), f"{method} {path}")
    me = chain.cli("swarm", "id")
    CHECKS.equal(len(me["id"]), 27, "the short name of a node")
    for name in (me["peer"], me["id"], f"/ip4/203.0.113.7/tcp/4806/p2p/{me['peer']}"):
        found = chain.cli("dht", "findpeer", "--", name)
        CHECKS.equal((found["peer"], found["id"], sorted(found)), (me["peer"], me["id"], ["addresses", "id", "peer"]), f"it is found as {name}")
    other = chain.cli("--node", "http://127.0.0.1:1", "storage", "stat", code=3)
    CHECKS.that("cannot reach" in other["stderr"], "a node that is not there")


def main():
    flags = ("--bare", "--set", f"storage.quota={QUOTA // MIB}MiB")
    with Score("site", "checks") as score, tempfile.TemporaryDirectory(prefix="leither-site-") as text, Dev(*flags, params=FAST) as chain:
        score.tried = lambda: CHECKS.count
        top = pathlib.Path(text)
        gate = chain.ready["gateway"]
        one, two = make_site(top, 1), make_site(top, 2)
        admin(chain)
        mid, cid = added(chain, one)
        read(gate, mid, cid, one)
        proven(chain, gate, mid, cid, 0)
        got(chain, top, mid, one)
        cid = second(chain, gate, mid, two)
        proven(chain, gate, mid, cid, 1)
        got(chain, top, mid, one, "0")
        got(chain, top, mid, two, "1")
        model, _ = edited(chain, gate, top, mid, two)
        conflict(chain, mid, top)
        forked(chain, gate, mid)
        let_go(chain, top)
        refused(chain, top)
        interrupted(chain, top)
        chain.end()
        chain.start()
        kept(chain, mid, model, top, "after a restart")
        chain.kill()
        chain.start()
        kept(chain, mid, model, top, "after kill -9")
        chain.end()
    print(f"{CHECKS.count} checks")


if __name__ == "__main__":
    main()
