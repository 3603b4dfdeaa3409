#!/usr/bin/env python3
"""A directory of very many entries, by the node as it runs: how long it takes to add it, to look up names in it and to turn its pages by the gateway, to change one
entry of its working copy, and to make that a version. A line of JSON a row; what is read must be right, what is measured fails nothing.
Usage: wide.py [entries] (20000; 1000000 by hand). Leave the machine alone meanwhile. A million small files want 2 GiB of memory where they lie."""
import json
import os
import pathlib
import random
import re
import shutil
import statistics
import sys
import tempfile
import time

from content import QUICK, Keepers, curl, forget_peak, memory, quoted
from lib import Checks, Score

CHECKS = Checks()
LOOKUPS, PAGES, EDITS = 50, 10, 5
PAGE = 1_000
ENTRIES = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
# Where files cost no disk; in a container it may be small. Each file takes a page, and the node's databases want room, too.
MEMORY = pathlib.Path("/dev/shm")
ROOM = ENTRIES * 8_192 + (512 << 20)


def memory_has_room():
    return os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM


def tell(row, **more):
    print(json.dumps({"row": row, **more}), flush=True)


def name(number):
    return f"{number:07}-entry.txt"


def words(number):
    return f"{number}\n".encode()


def timed(act):
    """What it gives, and how many ms it took."""
    began = time.perf_counter()
    found = act()
    return found, (time.perf_counter() - began) * 1_000


def told(row, times, **more):
    tell(row, median_ms=round(statistics.median(times), 1), worst_ms=round(max(times), 1), times=len(times), **more)


def lookups(node, root, entries, row):
    chance, times = random.Random(entries), []
    for _ in range(LOOKUPS):
        number = chance.randrange(entries)
        found, ms = timed(lambda number=number: curl(f"{node.gate}{root}{name(number)}"))
        CHECKS.equal((found.status, found.body), (200, words(number)), f"entry {number}")
        times.append(ms)
    missing = curl(f"{node.gate}{root}{name(entries + 7)}")
    CHECKS.equal(missing.status, 404, "what is not there")
    told(row, times)


def pages(node, root, entries):
    """As a person turns them: by each page's link to the next."""
    times, seen, where = [], set(), root
    for _ in range(min(PAGES, -(-entries // PAGE))):
        found, ms = timed(lambda where=where: curl(f"{node.gate}{where}"))
        CHECKS.equal(found.status, 200, f"the page {where}")
        shown = set(re.findall(r"\d{7}-entry\.txt", found.body.decode()))
        CHECKS.that(shown and not shown & seen, f"the page {where} shows what no page showed before")
        seen |= shown
        times.append(ms)
        # The link to the next page is the one that stays in the directory.
        after = re.search(r'href="(\?[^"]+)"', found.body.decode())
        if not after:
            CHECKS.equal(len(seen), entries, "the last page ends the list")
            break
        where = root + after[1].replace("&amp;", "&")
    told("a page of the gateway", times, entries=len(seen))


def edits(node, mid, file):
    """By the command line, as a person does it; beside it what a command takes that changes nothing."""
    _, idle = timed(lambda: node.cli("storage", "stat"))
    for verb, number in (("a file is replaced", 5), ("a file is added", ENTRIES + 1)):
        times = []
        for at in range(EDITS):
            file.write_bytes(f"edit {at}".encode())
            _, ms = timed(lambda number=number, at=at: node.change(mid, name(number + at), file))
            times.append(ms)
        told(verb, times, of_which_the_command_ms=round(idle, 1))
    times = []
    for at in range(EDITS):
        times.append(timed(lambda at=at: node.cli("mimei", "cur", "rm", f"{mid}/{name(ENTRIES + 1 + at)}"))[1])
    told("a file is removed", times, of_which_the_command_ms=round(idle, 1))
    listed, ms = timed(lambda: node.cli("mimei", "cur", "ls", mid, "--limit", str(PAGE)))
    CHECKS.equal(len(listed["items"]), min(PAGE, ENTRIES), "a page of the working copy")
    told("a page of the working copy", [ms], of_which_the_command_ms=round(idle, 1))


def run(top, net, score):
    node, = net.nodes
    small, many = top / "small", top / "many"
    for place, count in ((small, 100), (many, ENTRIES)):
        place.mkdir()
        for number in range(count):
            (place / name(number)).write_bytes(words(number))
    _, few = node.add(small)
    lookups(node, f"/ipfs/{few['cid']}/", 100, "a name among 100, by the gateway")
    mid = node.cli("mimei", "create", "--from", "operator")["mimei"]
    forget_peak(node.process.pid)
    # The chain's seconds are not what is measured.
    made, ms = timed(lambda: node.cli("mimei", "add", many, "--mimei", mid, "--from", "operator", "--no-wait"))
    peak = memory(node.process.pid, "VmHWM")
    tell("add", entries=ENTRIES, s=round(ms / 1_000, 2), blocks=int(made["blocks"]), node_peak_mib=peak >> 10)
    node.follow(mid, 0, 60)
    root = f"/ipfs/{made['cid']}/"
    lookups(node, root, ENTRIES, f"a name among {ENTRIES}, by the gateway")
    CHECKS.equal(curl(f"{node.gate}/mm/{mid}/{quoted(name(7))}").body, words(7), "by the head, too")
    pages(node, root, ENTRIES)
    edits(node, mid, top / "edit")
    number, ms = timed(lambda: node.backup(mid))
    tell("the change becomes a version, with a pulse", version=number, ms=round(ms, 1))
    found = curl(f"{node.gate}/mm/{mid}/{name(5)}")
    CHECKS.equal(found.body, b"edit 0", "the change is served")
    _, ms = timed(lambda: net.verified())
    tell("all of it verified", s=round(ms / 1_000, 2), memory_mib=memory(node.process.pid) >> 10)
    score.note = f"a directory of {ENTRIES} entries"


def main():
    with tempfile.TemporaryDirectory(prefix="leither-wide-", dir=MEMORY if memory_has_room() else None) as text, Score("wide", "checks") as score:
        score.tried = lambda: CHECKS.count
        top = pathlib.Path(text)
        with Keepers(top / "net", count=1, wallets=1, params=QUICK) as net:
            net.start()
            run(top, net, score)
    print(f"{CHECKS.count} checks")


if __name__ == "__main__":
    main()
