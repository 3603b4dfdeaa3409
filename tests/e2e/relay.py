#!/usr/bin/env python3
"""Two devices, each behind a router of its own that lets nobody in: what one publishes the other finds and fetches, through a node that both reach, and
past it where the routers can be punched. The node between keeps none of it.
Usage: relay.py. Needs root, network namespaces and nftables."""
import contextlib
import json
import pathlib
import sys
import tempfile
import time

import lib
from content import MIB, Keeper, Keepers, curl, same, site
from lib import Checks, Score, until
from nat import House
from spaces import NoSpaces, Spaces

CHECKS = Checks()
PARAMS = {"heartbeat_ms": "2000", "pulse_ms": "500", "pulse_min_ms": "100"}
# Who is in the open, and the routers.
RELAY, X, Y = 1, 2, 3
LANS = {X: ("192.168.77", "192.168.78"), Y: ("192.168.87", "192.168.88")}
# To be told that nobody reaches it, to have a place at a relay, to find and connect.
PLACE_S = 90
FOUND_S = 90


def tell(part, **more):
    print(json.dumps({"part": part, **more}), flush=True)


class Device(Keeper):
    """A node of the chain that keeps no books, in a house."""

    def __init__(self, top, number, house, net, way):
        super().__init__(top, number, host=f"{house.outside}.2", words=house.words())
        self.house, relay = house, net.nodes[0]
        self.made = lib.cli(["init"], self.home)
        self.operator = self.cli("keys", "new", "operator", "--backend", "test")["account"]
        inside = [f"{name}.listen={house.lan}.2:{port}" for name, port in (("p2p", self.p2p), ("swarm", self.swarm), ("consensus", self.bft))]
        self.cli("init", "--genesis", net.genesis, *self.settings(
            *inside, f"rpc.allowed_hosts={self.host}", f"p2p.peers={net.address(self, relay, 'p2p')}", f"swarm.relays={way}"))

    def has_place(self):
        """It is reached through the relay."""
        self.answers()
        self.id = self.whoami()
        until(f"{self.name} has a place at the relay", PLACE_S, lambda: self.cli("swarm", "addrs")["relayed"])

    def knows_itself(self):
        """It has found out that nobody reaches it but through the relay."""
        said = lambda: f"{self.name}: {self.cli('swarm', 'addrs')} {self.cli('swarm', 'reach')}; it said:\n{self.said()[-2000:]}"
        until(f"{self.name} knows that nobody reaches it", PLACE_S, lambda: self.cli("swarm", "reach")["reach"] != "unknown")
        CHECKS.equal(self.cli("swarm", "reach")["reach"], "private", said())

    def way_to(self, other):
        """`relayed`, `direct`, or nothing where they are not connected."""
        found = [peer for peer in self.peers() if peer["peer"] == other.id]
        return ("relayed" if found[0]["relayed"] else f"direct by {found[0]['address']}") if found else None


def fetched(giver, taker, relay, files, part):
    """What one publishes the other finds, reads and keeps; by which way, and how long it took."""
    mid, made = giver.add(files)
    giver.publish(mid)
    # Whoever asks has the block that says which version is the newest.
    taker.catches_up(giver)
    relay.catches_up(giver)
    began = time.time()
    until(f"{taker.name} finds {giver.name}; it said:\n{taker.said()[-2000:]}", FOUND_S,
          lambda: giver.id in [item["peer"] for item in taker.cli("mimei", "findprovs", mid)["items"]])
    found = time.time() - began
    first = curl(f"{taker.gate}/mm/{mid}/", seconds=FOUND_S)
    CHECKS.equal((first.status, first.body), (200, (files / "index.html").read_bytes()), "the first page, at its gateway")
    page = time.time() - began
    came = taker.sync(mid)
    whole = time.time() - began
    CHECKS.that(came["version"] == "0" and came["cid"] == made["cid"], f"it has it whole: {came}")
    out = files.with_name(f"{files.name}-out")
    taker.cli("mimei", "get", mid, out)
    CHECKS.that(same(files, out), "bit for bit")
    way = taker.way_to(giver)
    CHECKS.that(way is not None, f"{taker.name} is connected to {giver.name}")
    CHECKS.equal(relay.newest(mid), None, "the relay keeps none of it")
    kept = curl(f"{relay.gate}/ipfs/{made['cid']}?format=raw", "-H", "Cache-Control: only-if-cached").status
    CHECKS.equal(kept, 412, "not a block")
    tell(part, way=way, found_s=round(found, 2), first_page_s=round(page, 2), whole_s=round(whole, 2), bytes=int(came["bytes"]))
    return way, whole


def run(top, spaces, houses, score):
    settings = lambda number: [f"rpc.allowed_hosts={spaces.host(number)}"]
    place = lambda number: {"host": spaces.host(number), "words": spaces.words(number)}
    with Keepers(top / "net", count=1, wallets=1, params=PARAMS, place=place, settings=settings) as net, contextlib.ExitStack() as ends:
        relay, = net.nodes
        # As its owner says: it is a machine with an address of its own.
        relay.cli("init", "--set", f"swarm.external=/ip4/{relay.host}/tcp/{relay.swarm}")
        net.start()
        way = f"/ip4/{relay.host}/tcp/{relay.swarm}/p2p/{relay.id}"
        # As if either router gave each connection a port of its own: there is no way but the relay, from the beginning.
        spaces.cut([(X, Y), (Y, X)])
        x, y = (Device(top, number, houses[number], net, way) for number in (X, Y))
        for device in (x, y):
            relay.cli("transfer", "--from", "operator", device.operator, "1000mei")
            ends.callback(device.stop)
            device.spawn()
        for device, other in ((x, y), (y, x)):
            CHECKS.that(not device.house.reaches(other.house.name, f"{device.house.lan}.2", device.swarm), "its own address is reached from elsewhere")
            CHECKS.that(not device.house.reaches(spaces.name(RELAY), device.house.spaces.host(device.number), device.swarm), "the router lets somebody in")
            CHECKS.that(device.house.reaches(device.house.name, relay.host, relay.swarm), "it reaches the relay")
        began = time.time()
        for device in (x, y):
            device.has_place()
            device.knows_itself()
            device.catches_up(relay)
        tell("places", s=round(time.time() - began, 1), relay=relay.cli("swarm", "reach")["reach"])

        found, took = fetched(x, y, relay, site(top / "one", 1), "no way between the routers")
        CHECKS.equal(found, "relayed", "the only way there is")
        found, _ = fetched(y, x, relay, site(top / "two", 2), "the other way round")
        CHECKS.equal(found, "relayed", "the only way there is")
        score.note = f"{3 * MIB >> 20} MiB by a relay, found and whole after {took:.1f} s"
        spaces.heal()
        y.again()
        y.has_place()
        y.knows_itself()
        found, took = fetched(x, y, relay, site(top / "three", 3), "the routers reach one another")
        score.note += f"; with routers that can be punched {found}, after {took:.1f} s"
        for node in (relay, x, y):
            CHECKS.equal(node.cli("storage", "verify", "--hashes")["wrong"], [], f"{node.name}: what is kept is right")


def main():
    if len(sys.argv) > 1:
        sys.exit(__doc__)
    with Score("relay", "checks") as score, tempfile.TemporaryDirectory(prefix="leither-relay-") as text:
        score.tried = lambda: CHECKS.count
        try:
            with contextlib.ExitStack() as stack:
                spaces = stack.enter_context(Spaces(3))
                houses = {number: stack.enter_context(House(spaces, number, *LANS[number])) for number in (X, Y)}
                run(pathlib.Path(text), spaces, houses, score)
        except NoSpaces as why:
            score.skipped = True
            print(f"skipped: {why}")
            return
    print(f"{CHECKS.count} checks")


if __name__ == "__main__":
    main()
