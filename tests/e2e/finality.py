#!/usr/bin/env python3
"""How long single payments take to be final with four validators: in good weather, with one of them dead, with 150 ms of round trip on
every link, and at a pulse of 200 ms. Usage: finality.py [seconds of each] [good|dead|far|fast ...]

Payments begin at their times (open loop), one or two a second, each at a random node that lives; counted from its time to the answer of
`tx_wait` there. The net is `leither localnet`, so every byte between two nodes passes one of its relays."""
import contextlib
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import time

from lib import LEITHER, ROOT, environment, until
from localnet import base_port
from net import Load, Node, quantile
from wallet import Wallet, dev_seed

RATE = 1.7
WARM_S = 6
# p50 and p99 in seconds that may not be passed.
WAYS = {
    "good": {"pulse": 1_000, "words": [], "bars": (0.7, 1.3)},
    "dead": {"pulse": 1_000, "words": ["kill 4"], "bars": (None, 2.0)},
    "far": {"pulse": 1_000, "words": ["delay 75"], "bars": (1.2, 2.5)},
    "fast": {"pulse": 200, "words": [], "bars": (0.2, 0.5)},
}
# localnet.md, LOCALNET-11: the accounts of the dev words from the 64th on.
PAYERS = range(64, 128)


class Localnet:
    """A local net that is told what to do, with what Load asks of a net."""

    def __init__(self, top, pulse):
        self.top = pathlib.Path(top) / "net"
        port = base_port()
        self.process = subprocess.Popen(
            [str(LEITHER), "localnet", "--nodes", "4", "--pulse", str(pulse), "--base-port", str(port), "--dir", str(self.top)],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=open(pathlib.Path(top) / "log", "w"), cwd=ROOT, text=True,
            env=environment(pathlib.Path(top) / "home", TMPDIR=str(top)))
        self.nodes = []
        for n in range(1, 5):
            node = Node(self.top, n)
            node.rpc_port = port + 10 * (n - 1)
            node.metrics = node.rpc_port + 3
            node.url = f"http://127.0.0.1:{node.rpc_port}"
            self.nodes.append(node)
        self.wallets = [Wallet(dev_seed(n)) for n in PAYERS]
        try:
            until("four nodes answer", 90, lambda: self.process.poll() is not None or all((node.seen() or 0) >= 2 for node in self.nodes))
            if self.process.poll() is not None:
                raise SystemExit(f"the local net ended:\n{(pathlib.Path(top) / 'log').read_text()}")
        except BaseException:
            self.end()
            raise
        self.chain = json.loads((self.top / "genesis.json").read_text())["chain"]

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


def rounds(node, low, high):
    """How many pulses took more than one round."""
    return sum(int(node.header(height)["certificate"]["round"]) > 0 for height in range(low, high + 1))


def measure(way, seconds, seed):
    with tempfile.TemporaryDirectory(prefix="leither-finality-") as top, Localnet(top, way["pulse"]) as net:
        for line in way["words"]:
            net.tell(line)
        time.sleep(1)
        nodes = [node for node in net.nodes if node.seen() is not None]
        load = Load(net, RATE, seed, nodes=nodes, same_node=True).start()
        time.sleep(WARM_S)
        began, low = time.time(), nodes[0].height()
        time.sleep(seconds)
        ended, high = time.time(), nodes[0].height()
        unanswered = load.end()
        found = load.latencies(began, ended)
        with contextlib.suppress(ValueError):
            return {"n": len(found), "p50": quantile(found, 0.5), "p90": quantile(found, 0.9), "p99": quantile(found, 0.99),
                    "max": quantile(found, 1), "unanswered": unanswered, "pulses": high - low,
                    "later_rounds": rounds(nodes[0], low + 1, high), "refusals": load.refusals}


def main():
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    seconds = float(words.pop(0)) if words and words[0].replace(".", "").isdigit() else 60
    if any(word not in WAYS for word in words):
        sys.exit(__doc__)
    late, seed = [], random.SystemRandom().randrange(2**32)
    for name in words or WAYS:
        way = WAYS[name]
        answer = measure(way, seconds, seed)
        if answer["n"] < seconds * RATE / 2 or answer["unanswered"]:
            sys.exit(f"{name}: too few were answered: {answer}")
        print(json.dumps({"way": name, **answer, "bars": way["bars"]}), flush=True)
        late += [name for bar, found in zip(way["bars"], (answer["p50"], answer["p99"])) if bar is not None and found > bar]
    if late and "--bars" in sys.argv:
        sys.exit(f"later than the bar: {late}")


if __name__ == "__main__":
    main()
