#!/usr/bin/env python3
"""One MiMei, edited and moved a hundred times by devices on three nodes in turns: its id opens the last version on each of them, and every
version before is what it was, bit for bit. Usage: turns.py [turns] (100)."""
import json
import pathlib
import random
import sys
import tempfile
import time

from content import QUICK, Keepers, curl, head_of
from lib import Checks, RpcError, Score, pages, until

CHECKS = Checks()
# What came, or did not, by then.
PATIENCE_S = 60
# Each so many turns a file gets another path.
MOVE_EACH = 5


class Turns:
    def __init__(self, top, net):
        self.top, self.nodes = top, net.nodes
        self.noise = random.Random(3)
        # What each version holds: path -> bytes.
        self.versions = []

    def made(self):
        """The first version, on the first node; who may write further ones."""
        files = {"log.txt": b"", "notes/stays.bin": self.noise.randbytes(3_000), "at/0.bin": b"it moves"}
        for path, data in files.items():
            place = self.top / "files" / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
        first, *others = self.nodes
        self.mid, _ = first.add(self.top / "files")
        for node in others:
            first.cli("mimei", "grant", self.mid, node.operator, "backup", "--from", "operator")
        for node in others:
            node.catches_up(first)
        self.versions.append(files)

    def newest(self, node):
        """The newest version, as that node's chain tells it by now."""
        try:
            head = head_of(node, self.mid)
        except RpcError:
            return None
        return head and head["version"]

    def turn(self, number, node):
        """A device takes the newest version over, edits it, and makes the next one."""
        newest = str(number - 1)
        until(f"{node.name} knows version {newest}", PATIENCE_S, lambda: self.newest(node) == newest)
        CHECKS.equal(node.cli("mimei", "restore", self.mid)["version"], newest, f"what {node.name} goes on from")
        files = dict(self.versions[-1])
        if number % MOVE_EACH == 0:
            at = number // MOVE_EACH
            node.cli("mimei", "cur", "mv", f"{self.mid}/at/{at - 1}.bin", f"at/{at}.bin")
            files[f"at/{at}.bin"] = files.pop(f"at/{at - 1}.bin")
        else:
            piece, line = self.top / "piece", f"{number} on {node.name}: ".encode() + self.noise.randbytes(200)
            piece.write_bytes(line)
            node.cli("mimei", "cur", "append", f"{self.mid}/log.txt", piece)
            files["log.txt"] += line
        CHECKS.equal(node.backup(self.mid), number, f"the version that {node.name} makes")
        self.versions.append(files)

    def opened(self):
        """By the id alone, on each node; then each version, on the node that went on from it; then some whole, on the node that never had them."""
        last = len(self.versions) - 1
        books = []
        for node in self.nodes:
            until(f"{node.name} knows version {last}", PATIENCE_S, lambda: self.newest(node) == str(last))
            self.read(node, self.mid, last, self.versions[last])
            books.append(list(pages(node.url, "mimei_getVersions", self.mid)))
            CHECKS.equal([one["version"] for one in books[-1]], [str(n) for n in range(last, -1, -1)], f"versions that {node.name} knows")
        CHECKS.equal(books[1:], books[:-1], "all nodes have one history")
        for number, files in enumerate(self.versions):
            self.read(self.nodes[(number + 1) % len(self.nodes)], f"{self.mid}@{number}", number, files)
        for number in sorted({0, 1, last // 2, last}):
            node, out = self.nodes[(number + 2) % len(self.nodes)], self.top / f"got-{number}"
            node.cli("mimei", "get", f"{self.mid}@{number}", out)
            got = {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}
            CHECKS.equal(got, self.versions[number], f"all of version {number} on {node.name}")

    def read(self, node, place, number, files):
        # What every version differs in, and what moves.
        moved = next(path for path in files if path.startswith("at/"))
        for path in ("log.txt", moved):
            found = curl(f"{node.gate}/mm/{place}/{path}", seconds=PATIENCE_S)
            CHECKS.equal((found.status, found.body), (200, files[path]), f"{path} of version {number} on {node.name}")
            CHECKS.equal(found.headers["x-leither-version"], str(number), f"which version {node.name} gives")


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    with Score("turns", "checks") as score, tempfile.TemporaryDirectory(prefix="leither-turns-") as text:
        score.tried = lambda: CHECKS.count
        top = pathlib.Path(text)
        with Keepers(top / "net", 3, wallets=1, params=QUICK) as net:
            net.start()
            run = Turns(top, net)
            run.made()
            began = time.time()
            for number in range(1, count + 1):
                # The first node made version 0.
                run.turn(number, net.nodes[number % len(net.nodes)])
            took = time.time() - began
            run.opened()
            net.alive()
            blocks = net.verified()
        score.note = f"{count} turns of three devices at one MiMei in {took:.1f} s"
    print(json.dumps({"turns": count, "s": round(took, 1), "blocks": blocks}))
    print(f"{CHECKS.count} checks")


if __name__ == "__main__":
    main()
