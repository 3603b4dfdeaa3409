#!/usr/bin/env python3
"""A validator behind a home router: it has a private address, nobody can dial it and nobody is told where it is; it only dials out. It takes
full part: it proposes, its votes stand in the certificates, and the chain goes on by them where another one is dead; also after the router was
given another address, as a provider does at night.
Usage: nat.py [seconds a part]. Needs root, network namespaces and nftables."""
import json
import subprocess
import sys
import tempfile
import time

from join import signers
from lib import Checks, Score, rpc, until
from net import Load, Net, verdict
from spaces import NoSpaces, Spaces, ip, remove

CHECKS = Checks()
RATE = 4
# Who stands behind the router.
HIDDEN = 4
PARAMS = {"heartbeat_ms": "2000", "pulse_ms": "500", "pulse_min_ms": "100", "misses_max": 1_000_000}
# In the house: the router's side and the node's. And a wire from this script to the node, on which no other node is.
LAN, WIRE = "192.168.77", "192.168.78"
# A peer that fell silent is noticed, and the node dials again.
AGAIN_S = 60
RULES = """
table ip house {
  chain out { type nat hook postrouting priority srcnat; oifname "eth0" masquerade; }
  chain through {
    type filter hook forward priority filter; policy drop;
    iifname "lan" accept
    ct state established,related accept
  }
  chain to { type filter hook input priority filter; policy drop; ct state established,related accept; iifname "lan" accept; }
}
"""


class House:
    """A router in the place of a space, and behind it the node's own space."""

    def __init__(self, spaces, number=HIDDEN, lan=LAN, wire=WIRE):
        self.spaces, self.router, self.lan, self.outside = spaces, spaces.name(number), lan, wire
        self.name, self.wire = f"{self.router}h", f"{spaces.bridge}-w{number}"

    def __enter__(self):
        inside = ["-n", self.name]
        ip("netns", "add", self.name)
        ip("link", "add", "lan", "netns", self.router, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        ip("link", "add", self.wire, "type", "veth", "peer", "name", "wire", "netns", self.name)
        ip("-n", self.router, "address", "add", f"{self.lan}.1/24", "dev", "lan")
        ip("-n", self.router, "link", "set", "lan", "up")
        for card, address in (("eth0", f"{self.lan}.2/24"), ("wire", f"{self.outside}.2/24")):
            ip(*inside, "address", "add", address, "dev", card)
            ip(*inside, "link", "set", card, "up")
        ip(*inside, "link", "set", "lo", "up")
        ip(*inside, "route", "add", "default", "via", f"{self.lan}.1")
        ip("address", "add", f"{self.outside}.1/24", "dev", self.wire)
        ip("link", "set", self.wire, "up")
        self.inside(self.router, ["sysctl", "-qw", "net.ipv4.ip_forward=1"])
        try:
            self.inside(self.router, ["nft", "-f", "-"], RULES)
        except FileNotFoundError:
            raise NoSpaces("there is no command `nft`: install nftables") from None
        return self

    def __exit__(self, *_):
        remove(self.name)
        ip("link", "del", self.wire, check=False)

    def inside(self, space, words, text=None):
        done = subprocess.run(["ip", "netns", "exec", space, *words], input=text, capture_output=True, text=True)
        if done.returncode:
            raise NoSpaces(f"{' '.join(words)}: {done.stderr.strip()}")

    def words(self):
        return ["ip", "netns", "exec", self.name]

    def reaches(self, space, address, port):
        """Whether a TCP connection from a space to there comes about."""
        tried = ["python3", "-c", f"import socket; socket.create_connection(('{address}', {port}), 2)"]
        return subprocess.run(["ip", "netns", "exec", space, *tried], capture_output=True).returncode == 0

    def renumbers(self, address):
        """The router has another address in the world, and the old one is nobody's."""
        ip("-n", self.router, "address", "flush", "dev", "eth0")
        ip("-n", self.router, "address", "add", f"{address}/24", "dev", "eth0")


def part(net, validator, nodes, seconds):
    """How many of the blocks of so many seconds carry the hidden one's vote, how many it proposed, and how many there were."""
    first = nodes[0]
    since = first.height() + 1
    time.sleep(seconds)
    heights = range(since, first.height())
    voted = sum(validator in signers(first, height) for height in heights)
    proposed = sum(first.header(height)["header"]["proposer"] == validator for height in heights)
    net.alive()
    return {"blocks": len(heights), "voted": voted, "proposed": proposed}


def run(seconds, top, spaces, house, score):
    def place(number):
        if number == HIDDEN:
            return {"host": f"{WIRE}.2", "words": house.words()}
        return {"host": spaces.host(number), "words": spaces.words(number)}

    def settings(number):
        host = f"{WIRE}.2" if number == HIDDEN else spaces.host(number)
        hosts = [f"rpc.allowed_hosts={host}"]
        # It is found by nobody: the others have no address of it.
        return hosts + [f"p2p.listen={LAN}.2:4801", f"swarm.listen={LAN}.2:4806", f"consensus.listen={LAN}.2:4804"] if number == HIDDEN else hosts

    net = Net(top, params=PARAMS, place=place, settings=settings, reaches=lambda _, other: other.number != HIDDEN)
    with net:
        net.start()
        hidden, others = net.nodes[HIDDEN - 1], net.nodes[:HIDDEN - 1]
        validator = hidden.made["validator"]
        CHECKS.that(not house.reaches(spaces.name(1), f"{LAN}.2", 4804), "its own address is reached from outside")
        CHECKS.that(not house.reaches(spaces.name(1), spaces.host(HIDDEN), 4804), "the router lets somebody in")
        CHECKS.that(house.reaches(house.name, spaces.host(1), others[0].bft), "it does not reach others")
        # The three go on without it, and know its key but not its name in their swarm: it tells the chain.
        told = hidden.cli("validator", "move", "--from", "operator")
        CHECKS.equal(told["status"], "final", "what it tells")
        load = Load(net, RATE, 7).start()
        until("its first vote", AGAIN_S, lambda: validator in signers(others[0], others[0].height() - 1))
        whole = part(net, validator, others, seconds)
        print(json.dumps({"part": "all are there", **whole}), flush=True)
        CHECKS.that(whole["voted"] * 10 >= whole["blocks"] * 9, f"it votes in nine of ten blocks: {whole}")
        CHECKS.that(whole["proposed"] > 0, f"it proposes: {whole}")
        status = lambda: rpc(hidden.url, "node_getStatus")
        until("three peers in either swarm", AGAIN_S, lambda: (status()["consensus_peers"], status()["data_peers"]) == (3, 3))

        others[1].kill9()
        without = part(net, validator, [others[0], others[2]], seconds)
        print(json.dumps({"part": "another one is dead", **without}), flush=True)
        CHECKS.that(without["blocks"] > 0 and without["voted"] == without["blocks"], f"no block without its vote: {without}")

        above, began = others[0].height(), time.time()
        house.renumbers(f"{spaces.net}.77")
        again = net.next_commit([others[0], others[2]], above + 1, began, AGAIN_S)
        print(json.dumps({"part": "the router has another address", "again_s": round(again, 2)}), flush=True)
        after = part(net, validator, [others[0], others[2]], seconds)
        CHECKS.that(after["blocks"] > 0 and after["voted"] == after["blocks"], f"no block without its vote: {after}")
        others[1].spawn().answers()
        net.level()
        unanswered = load.end()
        print(json.dumps({"unanswered": unanswered, "refusals": load.refusals, **verdict(net, load)}), flush=True)
        score.note = f"next block {again:.1f} s after the router's address changed, with one of the other three dead"


def main():
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 20
    with Score("nat", "checks") as score, tempfile.TemporaryDirectory(prefix="leither-nat-") as top:
        score.tried = lambda: CHECKS.count
        try:
            with Spaces(HIDDEN) as spaces, House(spaces) as house:
                run(seconds, top, spaces, house, score)
        except NoSpaces as why:
            score.skipped = True
            print(f"skipped: {why}")


if __name__ == "__main__":
    main()
