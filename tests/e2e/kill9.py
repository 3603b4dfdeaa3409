#!/usr/bin/env python3
"""kill -9 at random points under load: nothing that was answered `final` is ever lost. Usage: kill9.py [cycles] [seed]"""
import json
import random
import sys
import threading
import time

from audit import audit
from lib import Dev, Score, command, rpc

NAMES = ["alice", "bob", "carol", "dave"]


def payer(chain, name, to, final, stop):
    """Pays again and again; notes each transaction that the node called final."""
    while not stop.is_set():
        done = command(["transfer", "--from", name, to, "0.001mei"], chain.home.name, chain.url)
        if done.returncode == 0:
            answer = json.loads(done.stdout)
            if answer["status"] == "final":
                final.append((answer["tx"], answer["height"]))
        else:
            time.sleep(0.01)


def main():
    cycles = int(sys.argv[1]) if len(sys.argv) > 1 else 8
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
    with Score("kill9", "kills", seed) as score:
        run(cycles, seed, score)


def run(cycles, seed, score):
    chance = random.Random(seed)
    print(f"{cycles} cycles, seed {seed}")
    acknowledged = []
    with Dev("--bare") as chain:
        for cycle in range(cycles):
            stop, final = threading.Event(), []
            threads = [threading.Thread(target=payer, args=(chain, name, NAMES[(n + 1) % 4], final, stop))
                       for n, name in enumerate(NAMES)]
            for thread in threads:
                thread.start()
            time.sleep(chance.uniform(0.1, 2.5))
            chain.kill()
            score.tried += 1
            stop.set()
            for thread in threads:
                thread.join()
            acknowledged += final
            chain.start()
            for tx, height in final:
                view = rpc(chain.url, "tx_get", tx)
                if view["status"] not in ("final", "settled") or view["height"] != height:
                    sys.exit(f"cycle {cycle}: {tx} was final at {height}, now it is {view['status']} at {view['height']}")
        for tx, height in acknowledged:
            if rpc(chain.url, "tx_get", tx)["height"] != height:
                sys.exit(f"{tx} is no longer at height {height}")
        told = audit(chain.url, f"{chain.state}/genesis.json")
    print(f"{cycles} kills, {len(acknowledged)} transactions answered final, 0 lost; {told}")
    if not acknowledged:
        sys.exit("no transaction was answered final: the test tested nothing")


if __name__ == "__main__":
    main()
