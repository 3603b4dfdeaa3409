#!/usr/bin/env python3
"""A full disk ends the node by itself, with exit code 4 and a sentence that names it; with room again, nothing that was final is lost.

Usage: full_disk.py. Needs the right to mount a tmpfs; says so where there is none."""
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import threading

from audit import audit
from lib import FAST, Dev, Disk, NoMount, Score, command, height_of, rpc

# What the state of a new chain takes, and what is left of the disk once the chain runs.
DISK_KIB = 64 * 1024
LEFT_BYTES = 256 * 1024
PAYERS = ["alice", "bob", "carol", "dave"]
# A disk that fills up is noticed at the next write; the watchdog's questions take a minute.
ENDS_S = 100


def payer(chain, name, to, final, stop):
    """Pays until the node is gone; notes what it called final."""
    while not stop.is_set():
        done = command(["transfer", "--from", name, to, "0.001mei", "--memo", "x" * 128], chain.home.name, chain.url)
        if done.returncode == 0:
            answer = json.loads(done.stdout)
            final.append((answer["tx"], answer["height"]))
        elif done.returncode == 3:
            return


def fill(chain):
    """Loads the chain until its process ends; what was final, and its last word."""
    stop, final = threading.Event(), []
    threads = [threading.Thread(target=payer, args=(chain, name, PAYERS[(n + 1) % 4], final, stop)) for n, name in enumerate(PAYERS)]
    for thread in threads:
        thread.start()
    try:
        said = chain.ends(4, ENDS_S)
    finally:
        stop.set()
        if chain.process.poll() is None:
            chain.kill()
        for thread in threads:
            thread.join()
    return final, said


def main():
    with tempfile.TemporaryDirectory(prefix="leither-disk-") as top, Score("full-disk", "final transactions") as score:
        try:
            with Disk(pathlib.Path(top) / "disk", DISK_KIB) as disk:
                print(run(disk, score))
        except NoMount as why:
            score.skipped = True
            print(f"skipped: no tmpfs can be mounted here ({why})")


def run(disk, score):
    with Dev("--bare", state=str(disk.path / "chain"), params=FAST) as chain:
        filler = disk.fill(LEFT_BYTES)
        final, said = fill(chain)
        if not final:
            sys.exit("no transaction was final before the disk was full: the test tested nothing")
        score.tried = len(final)
        # The sentence is one line, names the trouble and says that something can be done.
        if not re.match(r"leither: .*(disk|space|storage)", said, re.I):
            sys.exit(f"the last word does not name the disk: {said!r}")
        taken = disk.free()
        refused = chain_stays_down(chain)
        disk.grow(2 * DISK_KIB)
        chain.start()
        for tx, height in final:
            view = rpc(chain.url, "tx_get", tx)
            if view["status"] not in ("final", "settled") or view["height"] != height:
                sys.exit(f"{tx} was final at {height}, now it is {view['status']} at {view['height']}")
        before = height_of(chain.url)
        # Not one of the payers: what the log of votes brings back may hold their next nonces.
        chain.cli("transfer", "--from", "erin", "bob", "1mei")
        told = audit(chain.url, f"{chain.state}/genesis.json")
        chain.end()
        filler.unlink()
    return (f"{len(final)} transactions final, then the disk was full ({taken} bytes free): exit code 4, {said!r}; started on the full disk "
            f"it ended with {refused}; with room again 0 lost, height {before} goes on; {told}")


def chain_stays_down(chain):
    """On the disk that is still full a start ends by itself, too: well or with code 4, never by a signal or a panic."""
    chain.spawn()
    try:
        chain.process.wait(5)
    except subprocess.TimeoutExpired:
        # It came up on what little is left; that is as good.
        chain.process.terminate()
    code = chain.process.wait(60)
    if code not in (0, 4):
        sys.exit(f"started on the full disk it ended with {code}:\n{chain.said()[-2000:]}")
    return code


if __name__ == "__main__":
    main()
