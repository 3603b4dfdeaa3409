#!/usr/bin/env python3
"""A video organization, end to end, on one chain: demo-tube votes for its consensus contract, a creator publishes a video, an advertiser
funds a campaign, 1,000 views are reported by receipts that their viewers signed, and every role is paid by the stipulated share in the
block of the report. A script of its own recomputes each payee from the blocks (shares.py). A ring of a creator and fake viewers ends
poorer than it began. What is refused is refused with nothing lost.

Usage: tube.py [--views 1000] [--tell]     --tell: says what happens, for people (make demo)"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

from audit import audit
from lib import FAST, ROOT, Checks, Dev, Score, rpc

CHECKS = Checks()
MEI = 10**9
VIEW = MEI // 20
STEPS = [
    {"name": "developer", "bp": 1500, "role": "developer", "by": {"fixed": {"payees": [{"who": "$carol", "weight": 1}]}}},
    {"name": "collector", "bp": 1500, "role": "service_provider", "by": {"content": {}}},
    {"name": "producer", "bp": 4000, "role": "content_provider", "by": {"content": {}}},
    {"name": "host", "bp": 1500, "role": "device_owner", "by": {"host": {}}},
    {"name": "operator", "bp": 1500, "role": "operations", "by": {"fixed": {"payees": [{"who": "$grace", "weight": 1}]}}},
]
SHARE = {"carol": 1500, "erin": 1500, "dave": 4000, "frank": 1500, "grace": 1500}
TELL = False


def tell(text):
    if TELL:
        print(text, flush=True)


def video(path):
    """A video of two seconds in YUV4MPEG2, which any player shows: a bright square wanders over a dark ground."""
    width, height, frames = 96, 54, 50
    with open(path, "wb") as file:
        file.write(f"YUV4MPEG2 W{width} H{height} F25:1 Ip A1:1 C420jpeg\n".encode())
        for frame in range(frames):
            rows = [bytes(220 if frame <= x < frame + 12 and 20 <= y < 32 else 30 for x in range(width)) for y in range(height)]
            file.write(b"FRAME\n" + b"".join(rows) + bytes([128]) * (2 * (width // 2) * (height // 2)))


class Tube:
    def __init__(self, chain):
        self.chain, self.accounts = chain, {}

    def cli(self, *args, code=0):
        return self.chain.cli(*args, code=code)

    def account(self, name):
        if name not in self.accounts:
            self.accounts[name] = self.cli("account", "show", name)["account"]
        return self.accounts[name]

    def free(self, name):
        return int(rpc(self.chain.url, "account_get", self.account(name))["mei"]["free"])

    def execute(self, contract, message, who, funds=None, code=0):
        more = ["--funds", funds] if funds else []
        return self.cli("contract", "execute", contract, json.dumps(message), "--from", who, *more, code=code)

    def query(self, contract, message):
        return self.cli("contract", "query", contract, json.dumps(message))["answer"]

    def refused(self, words, contract, message, who, funds=None):
        answer = self.execute(contract, message, who, funds, code=1)
        CHECKS.that(words in answer["stderr"], f"refused with {words!r}: {answer['stderr']}")

    def vote(self, number):
        for who in ["bob", "carol", "dave", "alice"]:
            stage = self.cli("org", "proposals", "demo-tube")["items"][int(number)]["stage"]
            if stage == "open":
                self.cli("org", "vote", "demo-tube", number, "yes", "--from", who)
        self.cli("transfer", "--from", "judy", "kim", "1mei")
        return self.cli("org", "proposals", "demo-tube")["items"][int(number)]["stage"]

    def found(self, top):
        """Deploys both contracts; a split of less than a whole and a credit that lets a ring earn are refused."""
        init = pathlib.Path(top) / "reward.json"
        short = [{**STEPS[0], "bp": 1499}, *STEPS[1:]]
        refused = self.cli("contract", "deploy", "content-reward", "--org", "demo-tube", "--from", "alice", "--init", json.dumps({"steps": short}), code=1)
        CHECKS.that("9999 together" in refused["stderr"], f"a split below 100 %: {refused}")
        wrong = self.cli("contract", "deploy", "content-reward", "--org", "demo-tube", "--from", "alice", "--init", '{"step":[]}', code=2)
        CHECKS.that("unknown field `step`" in wrong["stderr"], f"what the schema refuses: {wrong}")
        init.write_text(json.dumps({"steps": STEPS}))
        began = time.time()
        made = self.cli("contract", "deploy", "content-reward", "--org", "demo-tube", "--from", "alice", "--init", init)
        self.deploy_s = time.time() - began
        reward = made["address"]
        CHECKS.that(not made["bound"] and made["proposal"], "its members have a say")
        CHECKS.equal(self.vote(made["proposal"]), "done", "the vote")
        bound = self.cli("org", "show", "demo-tube")["contract"]
        CHECKS.equal(bound["contract"], reward, "its consensus contract")
        tell(f"demo-tube's members voted for its consensus contract {reward} (content-reward)")
        greedy = self.cli("contract", "deploy", "ad-campaign", "--org", "demo-tube", "--no-bind", "--from", "alice", "--init",
                          json.dumps({"reward": reward, "credit_bp": 5000}), code=1)
        CHECKS.that("a ring" in greedy["stderr"], f"a credit that lets a ring earn: {greedy}")
        ad = self.cli("contract", "deploy", "ad-campaign", "--org", "demo-tube", "--no-bind", "--from", "alice", "--init", json.dumps({"reward": reward}))
        shown = self.cli("contract", "show", reward)
        CHECKS.equal(shown["admin"], self.account("@demo-tube"), "nobody gives it new code but by vote")
        upgrade = self.cli("contract", "migrate", reward, ad["code"], "{}", "--from", "alice", code=1)
        CHECKS.that("admin" in upgrade["stderr"], f"an upgrade without a vote: {upgrade}")
        # Vouchers give credit in the one campaign contract that a vote names.
        name_it = [{"wasm": {"execute": {"contract": reward, "msg": json.dumps({"set_ads": {"contract": ad["address"]}}), "funds": [], "gas": "2000000000"}}}]
        CHECKS.equal(self.by_vote(top, name_it), "done", "a vote changes what was stipulated")
        CHECKS.equal(self.query(reward, {"config": {}})["ads"], ad["address"], "the ads that count")
        self.refused("only a vote", reward, {"set_ads": {"contract": None}}, "alice")
        return reward, ad["address"]

    def by_vote(self, top, calls):
        path = pathlib.Path(top) / "calls.json"
        path.write_text(json.dumps(calls))
        return self.vote(self.cli("org", "propose", "demo-tube", "--title", "as it says", "--calls", path, "--from", "alice")["proposal"])

    def publish(self, top, reward):
        path = pathlib.Path(top) / "square.y4m"
        video(path)
        made = self.cli("mimei", "add", "--from", "dave", path)
        content = made["mimei"]
        for step, who in [("producer", "dave"), ("collector", "erin")]:
            self.execute(reward, {"record": {"content": content, "step": step, "who": f"${who}", "weight": 1}}, "dave")
        self.refused("only the owner", reward, {"record": {"content": content, "step": "producer", "who": "$bob", "weight": 1}}, "bob")
        self.refused("no member with the role", reward, {"record": {"content": content, "step": "producer", "who": "$heidi", "weight": 1}}, "dave")
        tell(f"dave published {path.name} ({path.stat().st_size} bytes) as {content}, version {made['version']}, cid {made['cid']}")
        return content

    def campaign(self, ad, funds, contents, per_day=500, seconds=24 * 3_600):
        ends = int(time.time() * 1_000) + seconds * 1_000
        create = {"create": {"per_view": str(VIEW), "per_day": per_day, "contents": contents, "ends": ends}}
        return int(self.cli("contract", "execute", ad, json.dumps(create), "--from", "judy", "--funds", funds)["data"])

    def views(self, ad, campaign, content, viewer, count, seq=1, host="frank"):
        line = ["contract", "receipt", "view", ad, "--from", viewer, "--content", content, "--host", host, "--campaign", str(campaign)]
        return self.cli(*line, "--seq", str(seq), "--count", str(count))["views"]

    def report(self, ad, campaign, views, who="frank"):
        for at in range(0, len(views), 25):
            self.execute(ad, {"report": {"campaign": campaign, "views": views[at:at + 25]}}, who)


def watch(tube, reward, ad, content, count):
    """Members, invited guests and one who pays by voucher view; everybody's share moves."""
    campaign = tube.campaign(ad, f"{count // 20 + 5}mei", [content])
    tell(f"judy funded campaign {campaign} with {count // 20 + 5}mei: a view pays 0.05mei")
    members, guests = ["alice", "bob", "heidi"], ["kim", "leo"]
    each = count // 10
    free = tube.views(ad, campaign, content, "mia", 1)
    tube.refused("a free account is no viewer", ad, {"report": {"campaign": campaign, "views": free}}, "frank")
    # A guest's credit is a quarter of what was paid for it.
    for guest in guests:
        tube.execute(ad, {"invite": {"who": f"${guest}"}}, "heidi", f"{each * VIEW * 4 / MEI:.9f}mei")
    payer = count - 5 * each
    total = f"{payer * VIEW * 4 / MEI:.9f}mei"
    tube.execute(reward, {"deposit": {}}, "ivan", total)
    voucher = tube.cli("contract", "receipt", "voucher", reward, "--from", "ivan", "--content", content, "--host", "frank", "--total", total)
    before = {name: tube.free(name) for name in ["dave", "erin"]}
    tube.execute(reward, {"redeem": voucher}, "frank")
    tube.refused("paid already", reward, {"redeem": voucher}, "frank")
    # Somebody sent it before: that hinders no other of the batch, of which there may be 25.
    more = [f"{(payer * VIEW * 4 + 20_000 * n) / MEI:.9f}mei" for n in range(1, 25)]
    tube.execute(reward, {"deposit": {}}, "ivan", f"{20_000 * 24 / MEI:.9f}mei")
    later = [tube.cli("contract", "receipt", "voucher", reward, "--from", "ivan", "--content", content, "--host", "frank", "--total", text)["vouchers"][0] for text in more]
    tube.execute(reward, {"redeem": {"vouchers": voucher["vouchers"] + later}}, "frank")
    paid_more = 20_000 * 24
    paid = payer * VIEW * 4 + paid_more
    for name in before:
        CHECKS.equal(tube.free(name) - before[name], paid * SHARE[name] // 10_000, f"{name}'s share of a voucher")
    views = []
    for viewer in [*members, *guests]:
        views += tube.views(ad, campaign, content, viewer, each)
    views += tube.views(ad, campaign, content, "ivan", payer)
    CHECKS.equal(len(views), count, "views")
    forged = [{**views[0], "seq": 9_999}]
    tube.refused("signature", ad, {"report": {"campaign": campaign, "views": forged}}, "frank")
    for maker in ["dave", "erin", "carol"]:
        own = tube.views(ad, campaign, content, maker, 1)
        tube.refused("no viewer of it", ad, {"report": {"campaign": campaign, "views": own}}, "frank")
    before = {name: tube.free(name) for name in ["dave", "erin"]}
    began = time.time()
    tube.report(ad, campaign, views[:3], "heidi")
    # Somebody reported three of them before: the others are paid all the same.
    tube.report(ad, campaign, views)
    took = time.time() - began
    for name in before:
        CHECKS.equal(tube.free(name) - before[name], count * VIEW * SHARE[name] // 10_000, f"{name}'s share of {count} views")
    tube.refused("has to be above", ad, {"report": {"campaign": campaign, "views": views[:1]}}, "frank")
    tell(f"frank reported {count} views in {took:.1f} s; dave, who made it, has {count * VIEW * 4 // 10 / MEI:g}mei more, erin, who tagged it, {count * VIEW * 15 // 100 / MEI:g}mei")
    return campaign, took


def dry(tube, ad, content):
    """A campaign that runs dry in the middle of a batch pays nothing of it, and the receipts are good for a smaller one."""
    campaign = tube.campaign(ad, f"{10 * VIEW / MEI}mei", [content])
    views = tube.views(ad, campaign, content, "alice", 12)
    before = tube.free("dave")
    tube.refused("money for 10 more views", ad, {"report": {"campaign": campaign, "views": views}}, "frank")
    CHECKS.equal(tube.free("dave"), before, "nothing was paid")
    tube.report(ad, campaign, views[:10])
    CHECKS.equal(tube.free("dave") - before, 10 * VIEW * 4 // 10, "the first ten were")
    CHECKS.equal(tube.query(ad, {"campaign": {"campaign": campaign}})["left"], "0", "nothing is left")
    tube.execute(ad, {"fund": {"campaign": campaign}}, "judy", "1mei")
    tube.report(ad, campaign, views[10:])
    tube.refused("after it has ended", ad, {"close": {"campaign": campaign}}, "judy")
    brief = tube.campaign(ad, "1mei", [content], seconds=2)
    time.sleep(2.2)
    tube.refused("has ended", ad, {"report": {"campaign": brief, "views": tube.views(ad, brief, content, "alice", 1)}}, "frank")
    tube.refused("the advertiser closes", ad, {"close": {"campaign": brief}}, "alice")
    events = tube.execute(ad, {"close": {"campaign": brief}}, "judy")["receipt"]["events"]
    back = [(e["args"]["to"], e["args"]["amount"]) for e in events if e["event"] == "transferred"]
    CHECKS.equal(back, [(tube.account("judy"), str(MEI))], "what is left came back")



def capped(tube, ad, content):
    campaign = tube.campaign(ad, "1mei", [content], per_day=3)
    tube.report(ad, campaign, tube.views(ad, campaign, content, "alice", 3))
    more = tube.views(ad, campaign, content, "alice", 1, seq=4)
    tube.refused("3 times today", ad, {"report": {"campaign": campaign, "views": more}}, "frank")


def ring(tube, reward, ad):
    """Rita makes a content, hosts it, and has fakes: free ones, invited ones, and one that pays by voucher. Together they end poorer."""
    names = ["rita", "fake1", "fake2", "fake3", "fake4"]
    for name in names:
        tube.cli("keys", "new", name, "--backend", "test")
    tube.cli("transfer", "--from", "judy", "rita", "1000mei")
    for name in names[1:]:
        tube.cli("transfer", "--from", "rita", name, "50mei")
    tube.cli("org", "apply", "demo-tube", "--from", "rita")
    tube.cli("org", "admit", "demo-tube", "rita", "--from", "alice")
    for role in ["content_provider", "service_provider", "device_owner"]:
        tube.cli("org", "role", "demo-tube", "rita", role, "--from", "alice")
    path = pathlib.Path(tube.top) / "fake.y4m"
    video(path)
    # What a MiMei locks is not lost: so what is locked counts, too.
    wealth = lambda: sum(int(rpc(tube.chain.url, "account_get", tube.account(name))["mei"][side]) for name in names for side in ["free", "locked"])
    began = wealth()
    content = tube.cli("mimei", "add", "--from", "rita", path)["mimei"]
    for step in ["producer", "collector"]:
        tube.cli("contract", "execute", reward, json.dumps({"record": {"content": content, "step": step, "who": "$rita", "weight": 1}}), "--from", "rita")
    campaign = tube.campaign(ad, "100mei", [], per_day=1000)
    free = tube.cli("contract", "receipt", "view", ad, "--from", "fake1", "--content", content, "--host", "rita", "--campaign", str(campaign), "--seq", "1")
    refused = tube.cli("contract", "execute", ad, json.dumps({"report": {"campaign": campaign, "views": free["views"]}}), "--from", "rita", code=1)
    CHECKS.that("a free account is no viewer" in refused["stderr"], "free fakes")
    for name in ["fake1", "fake2"]:
        tube.cli("contract", "execute", ad, json.dumps({"invite": {"who": f"${name}"}}), "--from", "rita", "--funds", "10mei")
    tube.cli("contract", "execute", reward, '{"deposit":{}}', "--from", "fake3", "--funds", "40mei")
    voucher = tube.cli("contract", "receipt", "voucher", reward, "--from", "fake3", "--content", content, "--host", "rita", "--total", "40mei")
    tube.cli("contract", "execute", reward, json.dumps({"redeem": voucher}), "--from", "rita")
    counted = 0
    for name, count in [("fake1", 50), ("fake2", 50), ("fake3", 200)]:
        line = ["contract", "receipt", "view", ad, "--from", name, "--content", content, "--host", "rita", "--campaign", str(campaign), "--seq", "1"]
        views = tube.cli(*line, "--count", str(count + 1))["views"]
        for at in range(0, count, 25):
            tube.cli("contract", "execute", ad, json.dumps({"report": {"campaign": campaign, "views": views[at:at + 25]}}), "--from", "rita")
        counted += count
        beyond = tube.cli("contract", "execute", ad, json.dumps({"report": {"campaign": campaign, "views": views[count:]}}), "--from", "rita", code=1)
        CHECKS.that("a free account is no viewer" in beyond["stderr"], f"no more than was paid for: {beyond}")
    ended = wealth()
    CHECKS.that(ended < began, f"a ring earned {ended - began}")
    tell(f"a ring of a creator and four fakes had {counted} views paid, and is {(began - ended) / MEI:.2f}mei poorer")
    return counted, began - ended


def divided(tube, top):
    """revenue-share for an organization whose founder is alone: bound at once, within a mandate."""
    tube.cli("org", "create", "studio", "--symbol", "stud", "--from", "alice")
    lines = [
        {"name": "makers", "bp": 5000, "to": {"payees": {"role": None, "payees": [{"who": "$bob", "weight": 2}, {"who": "$carol", "weight": 1}]}}},
        {"name": "founders", "bp": 2000, "to": {"role": {"role": "initiator", "by": "heads"}}},
        {"name": "reserve", "bp": 1000, "to": {"treasury": {}}},
        {"name": "holders", "bp": 2000, "to": {"holders": {}}},
    ]
    began = time.time()
    made = tube.cli("contract", "deploy", "revenue-share", "--org", "studio", "--from", "alice", "--init", json.dumps({"lines": lines}), "--spend", "5mei")
    took = time.time() - began
    CHECKS.equal(made["bound"], True, "founders alone bind at once")
    share = made["address"]
    before = {name: tube.free(name) for name in ["bob", "carol", "@studio"]}
    tube.execute(share, {"distribute": {}}, "judy", "0.000000100mei")
    got = {name: tube.free(name) - before[name] for name in before}
    # No units were issued: what is the holders' is the treasury's.
    CHECKS.equal(got, {"bob": 34, "carol": 16, "@studio": 30}, "100 units, all of them: what no share divides is the first one's")
    tube.cli("transfer", "--from", "judy", "@studio", "20mei")
    tube.execute(share, {"distribute_treasury": {"coin": {"denom": "nmei", "amount": str(3 * MEI)}}}, "alice")
    tube.refused("beyond the contract's mandate", share, {"distribute_treasury": {"coin": {"denom": "nmei", "amount": str(3 * MEI)}}}, "alice")
    # With units the holders' part is theirs, but for the charter's tenth.
    number = tube.cli("org", "issue", "studio", "alice", "100stud", "--role", "initiator", "--reason", "the plan", "--evidence", ROOT / "README.md",
                      "--from", "alice", "--propose", "the plan")["proposal"]
    tube.cli("org", "vote", "studio", number, "yes", "--from", "alice")
    tube.cli("transfer", "--from", "judy", "kim", "1mei")
    tube.execute(share, {"distribute": {}}, "judy", "0.000000100mei")
    owed = rpc(tube.chain.url, "token_getBalance", "stud", tube.account("alice"))["claimable"]
    CHECKS.equal([int(c["amount"]) for c in owed], [18], "the unit holders' 20 of 100, but for the charter's tenth")
    tube.refused("only a vote", share, {"set_lines": {"lines": lines}}, "alice")
    tube.refused("only a supervisor", share, {"distribute_treasury": {"coin": {"denom": "nmei", "amount": "1"}}}, "bob")
    return took


def main():
    global TELL
    parser = argparse.ArgumentParser()
    parser.add_argument("--views", type=int, default=1000)
    parser.add_argument("--tell", action="store_true")
    asked = parser.parse_args()
    TELL = asked.tell
    with Score("tube", "checks") as score, tempfile.TemporaryDirectory(prefix="leither-tube-") as top, Dev(params=FAST) as chain:
        score.tried = lambda: CHECKS.count
        tube = Tube(chain)
        tube.top = top
        for guest in ["kim", "leo", "mia"]:
            tube.cli("keys", "new", guest, "--backend", "test")
        reward, ad = tube.found(top)
        content = tube.publish(top, reward)
        _, took = watch(tube, reward, ad, content, asked.views)
        dry(tube, ad, content)
        capped(tube, ad, content)
        counted, poorer = ring(tube, reward, ad)
        bound_s = divided(tube, top)
        line = [sys.executable, str(ROOT / "tests/e2e/shares.py"), chain.url, reward, ad]
        oracle = subprocess.run(line, capture_output=True, text=True)
        CHECKS.that(oracle.returncode == 0, f"each payee, recomputed from the blocks: {oracle.stdout}{oracle.stderr}")
        found = json.loads(oracle.stdout)
        CHECKS.equal(found["views"], asked.views + 12 + 3 + counted, "views in the blocks")
        score.note = f"{asked.views} views reported in {took:.0f} s, {found['events']} value events, {found['payees']} payees; a ring {poorer / MEI:.1f} mei poorer"
        tell(f"recomputed from the blocks alone: {found['events']} value events paid {found['paid'] / MEI:g}mei to {found['payees']} payees, to the last unit")
        print("audit ok:", audit(chain.url, f"{chain.state}/genesis.json"))
    print(f"{CHECKS.count} checks; {asked.views} views in {took:.1f} s; deploy {tube.deploy_s:.1f} s with a proposal, {bound_s:.1f} s bound; a ring {poorer / MEI:.2f} mei poorer")


if __name__ == "__main__":
    main()
