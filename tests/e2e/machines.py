#!/usr/bin/env python3
"""Two machines, set up as the README says ("A network of your own machines", "Joining a network") and with not one setting more: what one publishes the
other finds, fetches and opens; also seconds after either was started again.
Usage: machines.py. Needs root and network namespaces."""
import json
import pathlib
import subprocess
import sys
import tempfile
import time

from content import same, site
from lib import LEITHER, ROOT, Checks, Score, environment, until
from spaces import NoSpaces, Spaces

CHECKS = Checks()
# Content nodes look for one another once a second (MEET-1); the rest is for a machine that has other things to do.
MEET_S = 15
START_S = 60


class Machine:
    """A machine with an address of its own and the ports that a node has by default."""

    def __init__(self, spaces, number, top):
        self.spaces, self.number, self.host = spaces, number, spaces.host(number)
        self.home, self.process = pathlib.Path(top) / f"v{number}", None
        self.log = self.home.with_suffix(".log")

    def cli(self, *args):
        """As typed there."""
        done = subprocess.run([*self.spaces.words(self.number), str(LEITHER), "--json", "--home", str(self.home), *map(str, args)],
                              capture_output=True, text=True, cwd=ROOT, env=environment(self.home))
        if done.returncode:
            raise SystemExit(f"leither {' '.join(map(str, args))} on machine {self.number} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    def asks(self, *args):
        """The same, where there may be no answer yet."""
        try:
            return self.cli(*args)
        except SystemExit:
            return None

    def said(self):
        return self.log.read_text()[-3000:] if self.log.exists() else ""

    def start(self):
        with open(self.log, "a") as log:
            self.process = subprocess.Popen([*self.spaces.words(self.number), str(LEITHER), "--home", str(self.home), "run"], stdout=log, stderr=log,
                                            env=environment(self.home))
        until(f"machine {self.number} answers; it said:\n{self.said()}", START_S, lambda: self.asks("swarm", "id"))

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)

    def meets(self, other, why):
        """Seconds until it is connected to the other for content."""
        name, began = other.cli("swarm", "id")["peer"], time.time()
        until(f"{why}: machine {self.number} is connected to the other for content; it said:\n{self.said()}", MEET_S,
              lambda: name in [peer["peer"] for peer in self.cli("swarm", "peers")["items"]])
        return round(time.time() - began, 1)


def found(first, top):
    """The README, "A network of your own machines", for one validator."""
    made = first.cli("init", "--validator")
    owner = first.cli("keys", "new", "owner", "--backend", "test")["account"]
    genesis, evidence = top / "genesis.json", top / "why.txt"
    evidence.write_text("a test's play money")
    first.cli("genesis", "new", genesis, "--name", "my-net")
    first.cli("genesis", "add-validator", genesis, "--key", made["consensus_key"], "--operator", owner, "--power", "1000")
    first.cli("genesis", "add-allocation", genesis, owner, "1000mei", "--reason", "play money", "--evidence", evidence)
    chain = first.cli("genesis", "validate", genesis)["chain"]
    first.cli("init", "--genesis", genesis, "--set", "consensus.listen=0.0.0.0:4804", "--set", "p2p.listen=0.0.0.0:4801")
    first.start()
    return f"/ip4/{first.host}/udp/4801/quic-v1/p2p/{made['data_peer_id']}", chain


def run(top, spaces):
    first, second = machines = [Machine(spaces, number, top) for number in (1, 2)]
    try:
        invitation, chain = found(first, top)
        second.cli("init", "--join", invitation, "--chain", chain, "--validator", "--set", "p2p.listen=0.0.0.0:4801",
                   "--set", "consensus.listen=0.0.0.0:4804")
        second.start()
        times = {"joined_s": second.meets(first, "joined")}
        files = site(top / "site", 1)
        added = first.cli("mimei", "add", "--from", "owner", "--app", "site", "--mark", "home", files)
        mid = added["mimei"]
        said = first.cli("mimei", "publish", mid)
        CHECKS.that(not said["pending"], f"somebody keeps the announcement: {said}")
        until("the other machine has the block that names the version", 30, lambda: (second.asks("mimei", "show", mid, "--offline") or {}).get("mimei"))
        came = until("the other machine fetches it", MEET_S, lambda: second.asks("mimei", "sync", mid))
        CHECKS.equal((came["version"], came["cid"]), ("0", added["cid"]), "what came")
        second.cli("mimei", "get", mid, top / "out")
        CHECKS.that(same(files, top / "out"), "bit for bit")
        for machine in machines:
            addresses = machine.cli("swarm", "addrs")
            CHECKS.that(any(f"/{machine.host}/" in address for address in addresses["listen"]), f"it listens for others: {addresses}")
            CHECKS.equal([address for address in addresses["external"] if "/127.0.0.1/" in address], [], "loopback is no place for others")
        for again, other, why in ((second, first, "the one who joined is started again"), (first, second, "the founder is started again")):
            again.stop()
            again.start()
            times[f"again_{again.number}_s"] = max(again.meets(other, why), other.meets(again, why))
            CHECKS.that(times[f"again_{again.number}_s"] < MEET_S, why)
        print(json.dumps(times))
    finally:
        for machine in machines:
            machine.stop()


def main():
    if len(sys.argv) > 1:
        sys.exit(__doc__)
    with Score("machines", "checks") as score, tempfile.TemporaryDirectory(prefix="leither-machines-") as text:
        score.tried = lambda: CHECKS.count
        try:
            with Spaces(2) as spaces:
                run(pathlib.Path(text), spaces)
        except NoSpaces as why:
            score.skipped = True
            print(f"skipped: {why}")
            return
    print(f"{CHECKS.count} checks")


if __name__ == "__main__":
    main()
