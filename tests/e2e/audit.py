#!/usr/bin/env python3
"""Recomputes every balance from the blocks alone and compares it with what the node says.

It shares no code with the node: genesis.json and chain_getBlock go in, plain sums come out. Usage: audit.py URL genesis.json
"""
import collections
import json
import sys

from lib import pages, rpc


def recompute(url, genesis):
    """balances[token][account] of all units, free and locked; what was issued and burned; how many transactions."""
    info = rpc(url, "chain_getInfo")
    native = info["native"]["token"]
    balances = collections.defaultdict(lambda: collections.Counter())
    issued, burned = collections.Counter(), collections.Counter()
    for allocation in genesis["allocations"]:
        balances[native][allocation["account"]] += int(allocation["amount"])
        issued[native] += int(allocation["amount"])
    seen, pots = set(), {}
    rules = [int(genesis["params"]["version"])]
    nonces = collections.Counter()

    def move(token, who, amount):
        balances[token][who] += amount

    def event(e):
        pallet, name, a = e["pallet"], e["event"], e["args"]
        if pallet == "tokens" and name == "transferred":
            move(a["token"], a["from"], -int(a["amount"]))
            move(a["token"], a["to"], int(a["amount"]))
            last.update(to=a["to"])
        elif pallet == "tokens" and name == "issued":
            move(a["token"], a["to"], int(a["amount"]))
            issued[a["token"]] += int(a["amount"])
        elif pallet == "tokens" and name == "burned":
            move(a["token"], a["from"], -int(a["amount"]))
            burned[a["token"]] += int(a["amount"])
        elif pallet == "tokens" and name == "shared":
            # The payment that follows goes to the pot of this token.
            last.update(shared=a["token"])
        elif pallet == "tokens" and name == "claimed":
            claims.append((a["token"], a["holder"], a["income"], int(a["amount"])))
        elif pallet == "staking" and name == "paid":
            move(native, a["operator"], int(a["amount"]))
            paid[0] += int(a["amount"])
            last.update(paid=int(a["amount"]))
        elif pallet == "staking" and name == "slashed":
            lost = int(a["amount"])
            # From version 2 of the rules on the payment just before it is the reporter's tenth: of the penalty, not of fees.
            reward = lost // 10 if rules[0] >= 2 and last.get("paid") == lost // 10 else 0
            move(native, a["operator"], -lost)
            burned[native] += lost - reward
            paid[0] -= reward
        elif pallet == "staking" and name == "rules":
            rules[0] = int(a["version"])
        elif pallet == "staking" and name == "burnt":
            burned[native] += int(a["amount"])
            paid[0] += int(a["amount"])
        if pallet == "tokens" and name == "transferred" and last.get("shared"):
            pots.setdefault(last.pop("shared"), a["to"])

    for height in range(1, int(info["height"]) + 1):
        start, fees, paid = 0, 0, [0]
        while start is not None:
            block = rpc(url, "chain_getBlock", str(height), start, 2000)
            for tx in block["txs"]:
                body, receipt = tx["tx"], tx["receipt"]
                if body["id"] in seen:
                    raise SystemExit(f"transaction {body['id']} is in two blocks")
                seen.add(body["id"])
                first = body["signers"][0]
                if int(body["nonce"]) != nonces[first]:
                    raise SystemExit(f"block {height}: nonce {body['nonce']} of {first} where {nonces[first]} was next")
                nonces[first] += 1
                fees += int(receipt["fee"])
                move(native, body["payer"], -int(receipt["fee"]))
                last, claims = {}, []
                for e in receipt["events"]:
                    event(e)
                settle(claims, pots, move)
            last, claims = {}, []
            for e in block["end"]:
                event(e)
            settle(claims, pots, move)
            start = block["next"]
        if fees != paid[0]:
            raise SystemExit(f"block {height}: fees of {fees} were taken, {paid[0]} were paid out or burnt")
    return info, balances, issued, burned, len(seen)


def settle(claims, pots, move):
    for token, holder, income, amount in claims:
        move(income, pots[token], -amount)
        move(income, holder, amount)


def audit(url, genesis_path):
    genesis = json.load(open(genesis_path))
    info, balances, issued, burned, txs = recompute(url, genesis)
    accounts = 0
    for token, expected in balances.items():
        found = {h["account"]: int(h["free"]) + int(h["locked"]) for h in pages(url, "token_getHolders", token)}
        expected = {who: units for who, units in expected.items() if units != 0}
        # A leaf without units may stay for its nonce and key.
        found = {who: units for who, units in found.items() if units != 0}
        if found != expected:
            wrong = [who for who in set(found) | set(expected) if found.get(who) != expected.get(who)]
            raise SystemExit(f"token {token}: {len(wrong)} balances differ, e.g. {wrong[0]}: node {found.get(wrong[0])}, "
                             f"blocks {expected.get(wrong[0])}")
        view = rpc(url, "token_get", token)
        total = sum(found.values())
        if not (total == int(view["supply"]) == issued[token] - burned[token]):
            raise SystemExit(f"token {token}: holders {total}, tree {view['supply']}, issued {issued[token]} - burned {burned[token]}")
        accounts += len(found)
    return {"blocks": int(info["height"]), "transactions": txs, "tokens": len(balances), "holdings": accounts}


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    print("audit ok:", json.dumps(audit(sys.argv[1], sys.argv[2])))
