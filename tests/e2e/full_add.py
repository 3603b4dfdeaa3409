#!/usr/bin/env python3
"""An add that the disk has no room for: refused by a sentence that names the disk, exit code 1, in bounded memory. The node goes on, pays and serves what it had,
`storage verify` finds nothing wrong, and the disk gets back what the add had brought. With room made, the same add works, in the same process.

Usage: full_add.py. Needs the right to mount a tmpfs; says so where there is none."""
import hashlib
import pathlib
import random
import re
import tempfile
import time

from content import MIB, curl, forget_peak, memory
from lib import FAST, Checks, Dev, Disk, NoMount, Score, command, height_of, in_store, until

CHECKS = Checks()
DISK_MIB = 320
# More than the disk has, and more than what it has once the filler is there; what fits at first.
BIG_MIB, MIDDLE_MIB, SMALL_MIB = 400, 120, 5
# What an add may add to a node's memory.
GROWN_KIB = 256 << 10
# STORAGE-13: a sixteenth of the disk stays free for the chain.
SPARE = DISK_MIB * MIB // 16
# What files of the databases may take beyond what they took before.
ROOM = 24 * MIB
REFUSED = re.compile(r"leither: the disk is full.*make room on the disk")


def noise(path, mib, seed):
    chance, whole = random.Random(seed), hashlib.sha256()
    with open(path, "wb") as file:
        for _ in range(mib):
            part = chance.randbytes(MIB)
            whole.update(part)
            file.write(part)
    return whole.hexdigest()


def served(chain, made, sha256, what):
    found = curl(f"{chain.ready['gateway']}/ipfs/{made['cid']}")
    CHECKS.equal((found.status, hashlib.sha256(found.body).hexdigest()), (200, sha256), what)


def sound(chain):
    found = chain.cli("storage", "verify", "--hashes")
    CHECKS.equal(found["wrong"], [], "the books of the content")


def pays(chain):
    before = height_of(chain.url)
    chain.cli("transfer", "--from", "alice", "bob", "1mei")
    CHECKS.that(chain.process.poll() is None and height_of(chain.url) > before, "the chain goes on")


def refused(chain, disk, path, least):
    """An add that ends with a refusal, after which all is as it was; while it runs the disk is never without what the chain needs."""
    before, free, used = in_store(chain), disk.free(), memory(chain.process.pid)
    forget_peak(chain.process.pid)
    done = command(["mimei", "add", "--from", "alice", path], chain.home.name, chain.url)
    CHECKS.that(done.returncode == 1 and REFUSED.search(done.stderr) and not done.stdout,
                f"the add of {path.name} is refused by name: {done.returncode} {done.stderr[-500:]}")
    CHECKS.that("panicked" not in chain.said(), "no panic")
    grown = memory(chain.process.pid, "VmHWM") - used
    CHECKS.that(grown <= GROWN_KIB, f"{grown} KiB more in memory")
    CHECKS.that(disk.free() >= least, f"{disk.free()} bytes are free, {least} have to be")
    until("nothing of the add is left", 30, lambda: in_store(chain) == before)
    until("the disk has its space again", 30, lambda: disk.free() >= free - ROOM)
    sound(chain)
    pays(chain)
    return grown


def run(disk, top):
    big, middle, small = top / "big", top / "middle", top / "small"
    sums = {path: noise(path, mib, mib) for path, mib in ((big, BIG_MIB), (middle, MIDDLE_MIB), (small, SMALL_MIB))}
    with Dev("--bare", state=str(disk.path / "chain"), params=FAST) as chain:
        first = chain.cli("mimei", "add", "--from", "alice", small)
        served(chain, first, sums[small], "what was there before")
        # Larger than the whole disk.
        grown = refused(chain, disk, big, SPARE // 2)
        # Somebody else's file takes most of it.
        filler = disk.fill(MIDDLE_MIB * MIB * 2 // 3)
        refused(chain, disk, middle, SPARE // 2)
        served(chain, first, sums[small], "what was there before, on a full disk")
        # With less than the spare free nothing at all is taken in, but what is here can be let go of.
        disk.fill(SPARE // 2)
        done = command(["mimei", "add", "--from", "alice", middle], chain.home.name, chain.url)
        CHECKS.that(done.returncode == 1 and REFUSED.search(done.stderr), f"nothing more: {done.returncode} {done.stderr[-500:]}")
        pays(chain)
        filler.unlink()
        began = time.time()
        made = chain.cli("mimei", "add", "--from", "alice", middle)
        CHECKS.equal(made["status"], "final", "with room made the same add works")
        served(chain, made, sums[middle], "the bytes of what was refused before")
        out = top / "out"
        chain.cli("mimei", "get", made["mimei"], out)
        CHECKS.equal(hashlib.sha256(out.read_bytes()).hexdigest(), sums[middle], "got back")
        served(chain, first, sums[small], "what was there before, at the end")
        sound(chain)
        chain.end()
        # All of it lies on the disk.
        chain.start()
        served(chain, made, sums[middle], "after a start")
        sound(chain)
        chain.end()
    return (f"{BIG_MIB} MiB onto {DISK_MIB}, and {MIDDLE_MIB} MiB onto two thirds of it: refused, {grown} KiB more in memory, the chain went on; with room the "
            f"same add took {time.time() - began:.1f} s with all that was looked at; {CHECKS.count} checks")


def main():
    with tempfile.TemporaryDirectory(prefix="leither-full-") as top, Score("full-add", "checks") as score:
        score.tried = lambda: CHECKS.count
        try:
            with Disk(pathlib.Path(top) / "disk", DISK_MIB * 1024) as disk:
                print(run(disk, pathlib.Path(top)))
        except NoMount as why:
            score.skipped = True
            print(f"skipped: no tmpfs can be mounted here ({why})")


if __name__ == "__main__":
    main()
