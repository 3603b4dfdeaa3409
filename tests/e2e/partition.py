#!/usr/bin/env python3
"""Four validators are cut apart and healed, under load: two from two (nobody goes on), one from three (three go on), in one direction,
in a ring, all from all, and by cuts that come and go. They keep one book, and commit again soon after the healing.
Usage: partition.py [seconds of the two-two cut] [halves|one|oneway|ring|all|flapping ...]"""
import contextlib
import json
import random
import sys
import tempfile
import time

from links import Links
from net import Load, Net, verdict

RATE = 4
BAR_S = 10
SHORT_S = 12
# A block that was under way when the cut came may still be committed.
SETTLE_S = 3


class Episodes:
    def __init__(self, net, links, seconds, chance):
        self.net, self.links, self.seconds, self.chance = net, links, seconds, chance
        self.nodes = net.nodes

    def heights(self):
        return [node.seen() for node in self.nodes]

    def stands(self, seconds, numbers):
        """These nodes commit nothing after the first moments."""
        time.sleep(SETTLE_S)
        before = self.heights()
        time.sleep(max(0, seconds - SETTLE_S))
        after = self.heights()
        for n in numbers:
            if before[n - 1] is None or before[n - 1] != after[n - 1]:
                raise SystemExit(f"node {n} was to stand still: {before} then {after}")

    def goes(self, seconds, numbers):
        """These nodes go on."""
        before = self.heights()
        time.sleep(seconds)
        after = self.heights()
        for n in numbers:
            if before[n - 1] is None or after[n - 1] is None or after[n - 1] < before[n - 1] + 3:
                raise SystemExit(f"node {n} was to go on: {before} then {after}")

    def heal(self):
        """Seconds until every node shows a block that was committed after the healing, and until the first does."""
        above = max(height or 0 for height in self.heights())
        self.links.heal()
        began = time.time()
        first = self.net.next_commit(self.nodes, above, began, 90)
        last = max(self.net.next_commit([node], above, began, 90) for node in self.nodes)
        self.net.level()
        time.sleep(2)
        return {"first_s": round(first, 2), "all_s": round(last, 2)}

    def halves(self):
        self.links.part([1, 2], [3, 4])
        self.stands(self.seconds, [1, 2, 3, 4])

    def one(self):
        self.links.part([1, 2, 4], [3])
        time.sleep(SETTLE_S)
        stood = self.nodes[2].seen()
        self.goes(SHORT_S, [1, 2, 4])
        if self.nodes[2].seen() != stood:
            raise SystemExit(f"node 3 was alone and went on: {stood}, {self.nodes[2].seen()}")

    def oneway(self):
        """Nothing of node 2 reaches anybody; it hears all."""
        self.links.cut((2, other) for other in (1, 3, 4))
        time.sleep(SETTLE_S)
        self.goes(SHORT_S, [1, 3, 4])

    def ring(self):
        """Each node lacks the one across: what it says comes by its neighbours, if at all."""
        self.links.cut([(1, 3), (3, 1), (2, 4), (4, 2)])
        time.sleep(SETTLE_S)
        self.goes(SHORT_S, [1, 2, 3, 4])

    def all(self):
        self.links.part([1], [2], [3], [4])
        self.stands(SHORT_S, [1, 2, 3, 4])

    def flapping(self):
        end = time.time() + max(SHORT_S, self.seconds / 2)
        while time.time() < end:
            nodes = self.chance.sample([1, 2, 3, 4], 4)
            at = self.chance.randint(1, 2)
            self.links.part(nodes[:at], nodes[at:])
            time.sleep(self.chance.uniform(0.3, 3))
            self.links.heal()
            time.sleep(self.chance.uniform(0, 1))


KINDS = ["halves", "one", "oneway", "ring", "all", "flapping"]


def main():
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    seconds = float(words.pop(0)) if words and words[0].isdigit() else 60
    if any(word not in KINDS for word in words):
        sys.exit(__doc__)
    seed = random.SystemRandom().randrange(2**32)
    with contextlib.closing(Links()) as links, tempfile.TemporaryDirectory(prefix="leither-partition-") as top, \
            Net(top, params={"heartbeat_ms": "5000"}, links=links) as net:
        net.start()
        load = Load(net, RATE, seed).start()
        work = Episodes(net, links, seconds, random.Random(seed))
        time.sleep(3)
        late = {}
        for kind in words or KINDS:
            began = time.time()
            getattr(work, kind)()
            lasted, healed = time.time() - began, work.heal()
            print(json.dumps({"episode": kind, "cut_s": round(lasted), **healed}), flush=True)
            if healed["first_s"] > BAR_S:
                late[kind] = healed["first_s"]
        unanswered = load.end()
        print(json.dumps({"unanswered": unanswered, "refusals": load.refusals, **verdict(net, load)}))
    if late:
        sys.exit(f"more than {BAR_S} s from the healing to the next block: {late}")


if __name__ == "__main__":
    main()
