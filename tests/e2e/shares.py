#!/usr/bin/env python3
"""Reckons anew, from the blocks alone, whom content-reward and ad-campaign had to pay, to the last unit, and compares it with what was paid.

It shares no code with the node or the contracts: the messages in the blocks and the stipulated steps go in, plain sums come out.
Usage: shares.py URL reward ad   (the two contracts' addresses)"""
import collections
import json
import sys

from lib import rpc

WHOLE = 10_000


def divide(bp, weights):
    """A share by weights; what is left over is the first one's."""
    parts = [bp * weight // sum(weights) for weight in weights]
    parts[0] += bp - sum(parts)
    return parts


class Books:
    def __init__(self, url, reward, ad):
        self.url, self.reward, self.ad = url, reward, ad
        self.steps = None
        self.roles, self.recorded, self.vouchers = {}, collections.defaultdict(list), {}
        self.campaigns, self.seen = [], {}
        self.due, self.paid, self.events, self.views = collections.Counter(), collections.Counter(), 0, 0
        self.treasury = rpc(url, "org_get", rpc(url, "contract_get", reward)["org"])["treasury"]

    def value(self, content, host, amount):
        """A value event: each step's payees who still have its role; the treasury for those who are none."""
        self.events += 1
        shares = []

        def add(who, bp):
            for n, (known, before) in enumerate(shares):
                if known == who:
                    shares[n] = (who, before + bp)
                    return
            shares.append((who, bp))

        unpaid = 0
        for step in self.steps:
            by = step["by"]
            if "fixed" in by:
                named = [(p["who"], p["weight"]) for p in by["fixed"]["payees"]]
            elif "content" in by:
                named = [(who, weight) for name, who, weight in self.recorded[content] if name == step["name"]]
            else:
                named = [(host, 1)] if host else []
            named = [(who, weight) for who, weight in named if step["role"] in self.roles.get(who, set())]
            if not named:
                unpaid += step["bp"]
                continue
            for (who, _), bp in zip(named, divide(step["bp"], [weight for _, weight in named])):
                add(who, bp)
        if unpaid:
            add(self.treasury, unpaid)
        parts = [amount * bp // WHOLE for _, bp in shares]
        parts[0] += amount - sum(parts)
        for (who, _), part in zip(shares, parts):
            self.due[who] += part

    def is_new(self, view):
        """A view that counted before is passed over: its number, for this viewer and host."""
        key = (view["campaign"], view["key"], view["host"])
        new = view["seq"] > self.seen.get(key, -1)
        self.seen[key] = max(view["seq"], self.seen.get(key, -1))
        return new

    def told(self, contract, message, funds):
        coin = int(funds[0]["amount"]) if funds else 0
        if contract == self.reward:
            if "record" in message:
                m = message["record"]
                rows = [r for r in self.recorded[m["content"]] if (r[0], r[1]) != (m["step"], m["who"])]
                if m["weight"]:
                    rows.append((m["step"], m["who"], m["weight"]))
                self.recorded[m["content"]] = rows
            elif "value" in message:
                self.value(message["value"]["content"], message["value"].get("host"), coin)
            elif "redeem" in message:
                for v in message["redeem"]["vouchers"]:
                    key = (v["key"], v["content"], v["host"], v["denom"])
                    if int(v["total"]) <= self.vouchers.get(key, 0):
                        continue
                    self.value(v["content"], v["host"], int(v["total"]) - self.vouchers.get(key, 0))
                    self.vouchers[key] = int(v["total"])
        elif contract == self.ad:
            if "create" in message:
                self.campaigns.append(int(message["create"]["per_view"]))
            elif "report" in message:
                views = [v for v in message["report"]["views"] if self.is_new(v)]
                self.views += len(views)
                groups = collections.Counter((v["content"], v["host"]) for v in views)
                for (content, host), count in sorted(groups.items()):
                    self.value(content, host, count * self.campaigns[message["report"]["campaign"]])

    def read(self):
        for height in range(1, int(rpc(self.url, "chain_getInfo")["height"]) + 1):
            start = 0
            while start is not None:
                block = rpc(self.url, "chain_getBlock", str(height), start, 2000)
                for tx in block["txs"]:
                    if tx["receipt"]["done"]:
                        self.transaction(tx)
                for event in block["end"]:
                    self.event(event)
                start = block["next"]
        return self

    def transaction(self, tx):
        for event in tx["receipt"]["events"]:
            self.event(event)
        for call in tx["tx"]["calls"]:
            args = call["args"]
            if (call["pallet"], call["call"]) == ("wasm", "execute"):
                self.told(args["contract"], json.loads(args["msg"]), args["funds"])
            elif (call["pallet"], call["call"]) == ("wasm", "instantiate") and self.steps is None:
                self.steps = json.loads(args["msg"]).get("steps")

    def event(self, e):
        a = e["args"]
        if (e["pallet"], e["event"]) == ("orgs", "role_set"):
            roles = self.roles.setdefault(a["who"], set())
            roles.add(a["role"]) if a["granted"] else roles.discard(a["role"])
        elif (e["pallet"], e["event"]) == ("tokens", "transferred") and a["from"] == self.reward:
            self.paid[a["to"]] += int(a["amount"])


def main():
    url, reward, ad = sys.argv[1:4]
    books = Books(url, reward, ad).read()
    wrong = {who: (books.due[who], books.paid[who]) for who in books.due | books.paid if books.due[who] != books.paid[who]}
    print(json.dumps({"events": books.events, "views": books.views, "paid": sum(books.paid.values()), "payees": len(books.paid), "wrong": wrong}))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
