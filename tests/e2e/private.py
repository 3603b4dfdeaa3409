#!/usr/bin/env python3
"""Private content and rights as those meet them who have them and those who have not: a directory closed for two readers, got back bit for bit by each,
by nobody else, with no word of it in any block; a reader comes, one goes, and later versions are closed to that one; nothing slips out in the open,
neither by an older version nor by a file that is called like the head.
Then a MiMei that an organization owns: what its supervisors, its members and anybody may, and one who may not all the same."""
import pathlib
import random
import subprocess
import tempfile
import urllib.request

from lib import FAST, LEITHER, Checks, Dev, Score, environment

CHECKS = Checks()
WORDS = ["diary", "confession", "hospital", "nobody may know"]


def make(top):
    noise = random.Random(7)
    tree = top / "papers"
    (tree / "diary/2026").mkdir(parents=True)
    (tree / "diary/2026/confession.txt").write_text("nobody may know\n" * 40)
    (tree / "hospital.bin").write_bytes(noise.randbytes((2 << 20) + 5))
    (tree / ("x" * 255)).write_text("a long name")
    (tree / "ä b\n").write_text("odd")
    (tree / "empty").mkdir()
    (tree / "nothing").write_bytes(b"")
    (tree / "latest").symlink_to("diary/2026/confession.txt")
    return tree


def same(left, right):
    done = subprocess.run(["diff", "-r", "--no-dereference", str(left), str(right)], capture_output=True, text=True, check=False)
    CHECKS.that(done.returncode == 0, f"{left} and {right} are equal: {done.stdout[:500]}{done.stderr[:500]}")


def refuses(chain, word, *args, code=1):
    said = chain.cli(*args, code=code).get("stderr", "")
    CHECKS.that(word in said, f"leither {' '.join(map(str, args))} says {said!r}, without {word!r}")


def get(chain, top, mid, who, tree, version="last"):
    out = top / f"{who}-{version}-{random.random()}"
    chain.cli("mimei", "get", f"{mid}@{version}", out, "--from", who)
    same(tree, out)


def hidden(chain, gate, mid):
    """The root's block, and a CAR of all of it, as anybody can have them."""
    cid = chain.cli("mimei", "show", mid)["head"]["cid"]
    for form in ("raw", "car"):
        with urllib.request.urlopen(f"{gate}/ipfs/{cid}?format={form}", timeout=20) as answer:
            shown = answer.read()
        CHECKS.that(b"leither-private" in shown, "that it is private can be seen")
        for word in WORDS:
            CHECKS.that(word.encode() not in shown, f"`{word}` can be read in the {form} form")


def private(chain, gate, top, tree):
    add = ["mimei", "add", "--app", "files", "--mark", "papers", "--from", "alice", tree]
    made = chain.cli(*add, "--private", "--reader", "bob")
    mid, cid = made["mimei"], made["cid"]
    CHECKS.equal(len(made["private"]["readers"]), 2, "who adds, and who was named")
    get(chain, top, mid, "alice", tree)
    get(chain, top, mid, "bob", tree)
    refuses(chain, "readers", "mimei", "get", mid, top / "carol", "--from", "carol")
    refuses(chain, "readers", "mimei", "get", mid, top / "none")
    CHECKS.that(not (top / "carol").exists(), "nothing of it is left")
    hidden(chain, gate, mid)
    # The same again is the same; and nothing goes out in the open by chance.
    CHECKS.equal(chain.cli(*add, "--private")["cid"], cid, "the same content is the same blocks")
    refuses(chain, "--private", *add)
    chain.cli("mimei", "restore", mid)
    refuses(chain, "private", "mimei", "cur", "mkdir", f"{mid}/plain", code=2)
    # One comes, and reads what was there before.
    chain.cli("mimei", "readers", "add", mid, "carol", "--from", "alice")
    get(chain, top, mid, "carol", tree)
    # One goes, and cannot read what comes then.
    chain.cli("mimei", "readers", "remove", mid, "bob", "--from", "alice")
    refuses(chain, "readers", "mimei", "get", f"{mid}@last", top / "bob", "--from", "bob")
    (tree / "diary/2026/later.txt").write_text("not for bob")
    later = chain.cli(*add, "--private")
    CHECKS.that(later["private"]["key"] != made["private"]["key"], "closed with another key")
    get(chain, top, mid, "carol", tree)
    refuses(chain, "readers", "mimei", "get", f"{mid}@last", top / "bob", "--from", "bob")
    listed = chain.cli("mimei", "readers", "list", mid)
    CHECKS.equal((len(listed["readers"]), listed["rotates"]), (2, False), "alice and carol")
    one = top / "one"
    chain.cli("mimei", "get", f"{mid}/diary/2026/later.txt", one, "--from", "carol")
    CHECKS.equal(one.read_text(), "not for bob", "a single file")
    # What is no file is no stream of bytes, and nothing is wrong with it.
    for place, what in ((mid, "a directory"), (f"{mid}/diary", "a directory"), (f"{mid}/latest", "a symbolic link")):
        done = subprocess.run([str(LEITHER), "mimei", "get", place, "-", "--from", "carol"], capture_output=True, text=True,
                              env=environment(chain.home.name, chain.url), check=False)
        CHECKS.that(done.returncode == 1 and f"is {what}" in done.stderr and not done.stdout, f"{place} as bytes: {done.returncode} {done.stderr!r}")
        CHECKS.that("sealed" not in done.stderr, f"a false alarm: {done.stderr!r}")
    refuses(chain, "no \"none\"", "mimei", "get", f"{mid}/diary/none", top / "absent", "--from", "carol")
    # A fork goes on under the same key, so only who has it makes one.
    refuses(chain, "readers", "mimei", "fork", mid, "--from", "bob")
    fork = chain.cli("mimei", "fork", mid, "--from", "carol")
    CHECKS.equal(fork["content"], "here", "with its parent's content")
    get(chain, top, fork["mimei"], "carol", tree)


def crossing(chain, top, tree):
    """PRIVATE-9: an older version neither opens what is private nor closes what is open, and lets nobody in again, unless somebody says so."""
    add = ["mimei", "add", "--app", "files", "--mark", "notes", "--from", "alice", tree]
    mid = chain.cli(*add)["mimei"]
    chain.cli(*add, "--private")
    backup = ["mimei", "backup", mid, "--from", "alice"]
    restore = lambda version: chain.cli("mimei", "restore", mid, "--version", version)
    newest = lambda: int(chain.cli("mimei", "show", mid, "--offline")["head"]["version"])
    restore(0)
    refuses(chain, "newest version is private", *backup)
    refuses(chain, "closes nothing", *backup, "--private")
    CHECKS.equal(newest(), 1, "neither was sent")
    chain.cli(*backup, "--public")
    CHECKS.equal(newest(), 2, "open, as somebody said")
    out = top / "open"
    chain.cli("mimei", "get", f"{mid}@last", out)
    same(tree, out)
    restore(1)
    refuses(chain, "everybody reads", *backup)
    refuses(chain, "opens nothing", *backup, "--public")
    chain.cli(*backup, "--private")
    get(chain, top, mid, "alice", tree)
    chain.cli("mimei", "readers", "add", mid, "bob", "--from", "alice")
    chain.cli("mimei", "readers", "remove", mid, "bob", "--from", "alice")
    CHECKS.equal(newest(), 5, "private, with bob, without him")
    restore(4)
    refuses(chain, "taken out", *backup)
    refuses(chain, "taken out", *backup, "--private")
    CHECKS.equal(newest(), 5, "who was taken out stays out")
    return mid


def called_like_the_head(chain, gate, top, private):
    """PRIVATE-10: a file of that name makes nothing private; a head where all is open is refused, for nobody could open that."""
    tree = top / "plain"
    tree.mkdir()
    (tree / ".leither-private").write_text("leither-private\nmy notes on it\n")
    (tree / "other").write_text("for everybody")
    mid = chain.cli("mimei", "add", "--from", "alice", tree)["mimei"]
    out = top / "plain-again"
    chain.cli("mimei", "get", mid, out)
    same(tree, out)
    chain.cli("mimei", "cur", "write", f"{mid}/more", tree / "other")
    chain.cli("mimei", "backup", mid, "--from", "alice")
    cid = chain.cli("mimei", "show", private, "--offline")["head"]["cid"]
    with urllib.request.urlopen(f"{gate}/ipfs/{cid}/.leither-private?format=raw", timeout=20) as answer:
        (tree / ".leither-private").write_bytes(answer.read())
    refuses(chain, "head of private content", "mimei", "add", "--from", "alice", tree, code=2)
    refuses(chain, "another name", "mimei", "cur", "write", f"{mid}/.leither-private", tree / ".leither-private", code=2)
    chain.cli("mimei", "cur", "write", f"{mid}/copy", tree / ".leither-private")


def rights(chain, tree):
    """MIMEI-8, MIMEI-9, by an account; the organization's side is tried in pallets/src/tests/mimei.rs."""
    mid = chain.cli("mimei", "add", "--from", "alice", tree)["mimei"]
    add = lambda who: ["mimei", "add", "--mimei", mid, tree, "--from", who]
    refuses(chain, "granted", *add("dave"))
    chain.cli("mimei", "rights", mid, "--guests", "backup", "--from", "alice")
    chain.cli(*add("dave"))
    chain.cli("mimei", "grant", mid, "dave", "none", "--from", "alice")
    refuses(chain, "granted", *add("dave"))
    chain.cli(*add("erin"))
    shown = chain.cli("mimei", "rights", mid)
    CHECKS.equal((shown["groups"]["guests"], shown["groups"]["members"], shown["groups"]["mask"]), (["backup"], [], "1"), "groups")
    CHECKS.equal([grant["rights"] for grant in shown["grants"]], [[]], "a denial is on record")
    dave = chain.cli("mimei", "rights", mid, "--who", "dave")
    CHECKS.equal((dave["owner"], dave["grant"], dave["rights"]), (False, [], []), "what dave may")
    chain.cli("mimei", "grant", mid, "dave", "default", "--from", "alice")
    CHECKS.equal(chain.cli("mimei", "rights", mid, "--who", "dave")["rights"], ["backup"], "what anybody may")
    chain.cli("mimei", "rights", mid, "--guests", "none", "--from", "alice")
    refuses(chain, "granted", *add("dave"))
    refuses(chain, "granted", "mimei", "rights", mid, "--guests", "backup", "--from", "dave")


def main():
    with Score("private", "checks") as score, tempfile.TemporaryDirectory(prefix="leither-private-") as text, Dev(params=FAST) as chain:
        score.tried = lambda: CHECKS.count
        top = pathlib.Path(text)
        tree = make(top)
        private(chain, chain.ready["gateway"], top, tree)
        called_like_the_head(chain, chain.ready["gateway"], top, crossing(chain, top, tree))
        rights(chain, tree)
    print(f"private content and rights: {CHECKS.count} checks")


if __name__ == "__main__":
    main()
