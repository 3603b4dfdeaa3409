#!/usr/bin/env python3
"""When the BFT engine's write-ahead log alone fails, the node ends by itself, names the file and says what to do; doing that helps.

Three ways: no room where the log lies, damage in what is to be replayed, damage at its head. Usage: wal.py"""
import os
import pathlib
import re
import struct
import sys
import tempfile
import time

from audit import audit
from lib import FAST, Dev, Disk, NoMount, Score, command, height_of, rpc

NAME = "consensus.wal"
# The watchdog asks each actor every half minute at least, and waits half a minute for the answer.
ENDS_S = 75


def named(said, why):
    """One sentence with the file's name and an advice."""
    if not re.match(rf"leither: .*{NAME}", said) or "start again" not in said:
        sys.exit(f"{why}: the last word names no file or no remedy: {said!r}")


def pay(chain, count=3):
    """Transactions that are final now."""
    done = [chain.cli("transfer", "--from", "alice", "bob", "1mei") for _ in range(count)]
    return [(one["tx"], one["height"]) for one in done]


def poke(chain):
    """Gives the node something to record. Its block may be made after the restart, so it is nobody's whose nonces matter later."""
    command(["transfer", "--from", "carol", "dave", "1mei", "--no-wait"], chain.home.name, chain.url)


def still_there(chain, final, why):
    for tx, height in final:
        view = rpc(chain.url, "tx_get", tx)
        if view["status"] not in ("final", "settled") or view["height"] != height:
            sys.exit(f"{why}: {tx} was final at {height}, now it is {view['status']} at {view['height']}")


def no_room(disk):
    """The log lies on a disk of its own that fills up."""
    with Dev("--bare", params=FAST) as chain:
        final = pay(chain)
        chain.end()
        log = pathlib.Path(chain.state) / "data" / NAME
        target = disk.path / NAME
        target.write_bytes(log.read_bytes())
        log.unlink()
        log.symlink_to(target)
        chain.start()
        final += pay(chain)
        # A log of one page keeps that page however full the disk is, so the page is taken away, too.
        os.truncate(target, 0)
        filler = disk.fill(0)
        began = time.time()
        poke(chain)
        said = chain.ends(4, ENDS_S)
        took = time.time() - began
        named(said, "no room for the log")
        # The advice: look at the disk that holds it.
        filler.unlink()
        chain.start()
        still_there(chain, final, "with room for the log again")
        final += pay(chain, 1)
        told = audit(chain.url, f"{chain.state}/genesis.json")
        chain.end()
    return took, len(final), told


def damaged(chain, make, why, pays):
    """Damages the log of a chain that is stopped; the node must not go on as if nothing were wrong."""
    height = height_of(chain.url)
    chain.end()
    log = pathlib.Path(chain.state) / "data" / NAME
    log.write_bytes(make(log.read_bytes(), height + 1))
    began = time.time()
    chain.spawn()
    if pays:
        # A lone validator opens the next height, and with it the log's entries, when there is something to record.
        chain.wait_for_rpc()
        poke(chain)
    said = chain.ends(4, ENDS_S)
    took = time.time() - began
    named(said, why)
    if "delete" not in said:
        sys.exit(f"{why}: the advice is not to delete the file: {said!r}")
    log.unlink()
    chain.start()
    return took


def broken_entry(old, height):
    """A log of the height that comes next, as after a crash in its midst, with an entry whose checksum does not hold."""
    entry = b"\0" + struct.pack(">Q", 40) + b"\xde\xad\xbe\xef" + bytes(range(40))
    return old[:4] + struct.pack(">Q", height) + entry


def broken_head(old, _):
    return b"\xff\xff\xff\xff" + old[4:]


def main():
    with Score("wal", "failures") as score:
        run(score)


def run(score):
    told = []
    with tempfile.TemporaryDirectory(prefix="leither-disk-") as top:
        try:
            with Disk(pathlib.Path(top) / "disk", 512) as disk:
                took, count, audited = no_room(disk)
                score.tried += 1
                told.append(f"no room for it: ended in {took:.0f} s, {count} transactions kept, {audited}")
        except NoMount as why:
            told.append(f"no room for it: skipped, no tmpfs can be mounted here ({why})")
    with Dev("--bare", params=FAST) as chain:
        final = pay(chain)
        for make, why, pays in [(broken_entry, "an entry damaged", True), (broken_head, "its head damaged", False)]:
            took = damaged(chain, make, why, pays)
            score.tried += 1
            still_there(chain, final, why)
            final += pay(chain, 1)
            told.append(f"{why}: ended in {took:.0f} s, {len(final)} transactions kept")
        audit(chain.url, f"{chain.state}/genesis.json")
        chain.end()
    print("the write-ahead log fails; " + "; ".join(told))


if __name__ == "__main__":
    main()
