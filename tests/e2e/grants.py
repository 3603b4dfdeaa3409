#!/usr/bin/env python3
"""Organizations that pay for what is done, on one chain, each by a template: who does a task is admitted and rewarded once supervisors confirm
it; a recommended grant is issued by a vote, and without one there are no units; an incentive for the start ends by itself, at its time and
when its pool is used up. What is refused is refused before anything is sent, and every balance is recomputed.

Usage: grants.py"""
import json
import pathlib
import sys
import tempfile
import time

from audit import audit
from lib import FAST, Checks, Dev, Score, rpc, until

CHECKS = Checks()
SOON_S = 25


def evidence(n):
    return "0x" + f"{n:02x}" * 32


class Org:
    """One with its contract, named while its founder is alone."""

    def __init__(self, chain, name, template, init, *flags, code=0):
        self.chain, self.name = chain, name
        chain.cli("org", "create", name, "--symbol", name, "--decimals", 0, "--from", "alice")
        chain.cli("transfer", "--from", "alice", f"@{name}", "1mei")
        self.made = chain.cli("contract", "deploy", template, "--org", name, *flags, "--from", "alice", "--init", json.dumps(init), code=code)
        self.contract = self.made.get("address")

    def tell(self, message, who, code=0):
        return self.chain.cli("contract", "execute", self.contract, json.dumps(message), "--from", who, code=code)

    def ask(self, message):
        return self.chain.cli("contract", "query", self.contract, json.dumps(message))["answer"]

    def refused(self, words, message, who):
        answer = self.tell(message, who, code=1)
        CHECKS.that(words in answer["stderr"], f"refused with {words!r}: {answer['stderr']}")

    def units(self, who):
        rows = self.chain.cli("token", "holders", self.name)["items"]
        account = self.chain.cli("account", "show", who)["account"]
        return next((int(row["free"]) + int(row["locked"]) for row in rows if row["account"] == account), 0)

    def join(self, who, role):
        self.chain.cli("org", "apply", self.name, "--from", who)
        self.chain.cli("org", "admit", self.name, who, "--from", "alice")
        self.chain.cli("org", "role", self.name, who, role, "--from", "alice")

    def roles(self, who):
        account = self.chain.cli("account", "show", who)["account"]
        rows = self.chain.cli("org", "members", self.name)["items"]
        return next((row["roles"] for row in rows if row["account"] == account), None)

    def vote(self, number, word, *voters):
        for who in voters:
            self.chain.cli("org", "vote", self.name, number, word, "--from", who)
        stage = lambda: self.chain.cli("org", "proposals", self.name)["items"][int(number)]["stage"]
        return until("the vote is over", 30, lambda: stage() if stage() != "open" else None)

    def issuances(self):
        rows = rpc(self.chain.url, "org_getLedger", self.name)["items"]
        return [(int(row["amount"]), row["role"], row["reason"], row["evidence"], row["contract"]) for row in rows if row["kind"] == "issuance"]


def by_task(chain):
    task = {"name": "first-film", "what": "Publish a film.", "role": "content_provider", "reward": "100", "places": 2}
    init = {"confirmations": 1, "tasks": [task]}
    crew = Org(chain, "crew", "membership-by-task", init, "--members", "--issue", "150crew")
    CHECKS.equal(chain.cli("org", "show", "crew")["contract"]["contract"], crew.contract, "bound while its founder is alone")
    submit = {"submit": {"task": "first-film", "evidence": evidence(1), "note": "it is on line"}}
    confirm = {"confirm": {"who": "$judy", "task": "first-film", "evidence": evidence(1)}}
    crew.refused("no open submission", confirm, "alice")
    crew.tell(submit, "judy")
    CHECKS.equal(crew.roles("judy"), None, "no member yet")
    crew.refused("supervisor", confirm, "bob")
    crew.refused("look at it", {"confirm": {**confirm["confirm"], "evidence": evidence(2)}}, "alice")
    # Only who has applied to the organization is admitted: nobody is made a member unasked.
    unasked = crew.tell(confirm, "alice", code=1)
    CHECKS.that("orgs" in unasked["stderr"] or "appl" in unasked["stderr"], f"who has not applied: {unasked['stderr']}")
    chain.cli("org", "apply", "crew", "--from", "judy")
    crew.tell(confirm, "alice")
    CHECKS.equal((crew.roles("judy"), crew.units("judy")), (["content_provider"], 100), "member, role and reward in one block")
    CHECKS.equal(crew.issuances()[0][1:], ("content_provider", crew.issuances()[0][2], evidence(1), crew.contract), "with its evidence")
    CHECKS.that("first-film" in crew.issuances()[0][2], f"the task is the reason: {crew.issuances()}")
    crew.refused("nobody does it twice", submit, "judy")
    # The mandate has 50 left in this epoch.
    chain.cli("org", "apply", "crew", "--from", "heidi")
    crew.tell({"submit": {"task": "first-film", "evidence": evidence(3), "note": ""}}, "heidi")
    crew.refused("50", {"confirm": {"who": "$heidi", "task": "first-film", "evidence": evidence(3)}}, "alice")
    CHECKS.equal((crew.roles("heidi"), crew.units("heidi")), (None, 0), "all or nothing")
    crew.refused("vote", {"set_tasks": {"tasks": []}}, "alice")


def by_vote(chain, top):
    works = Org(chain, "works", "construction-grant", {"roles": ["developer"], "cap_grant": "500", "cap_period": "800"}, "--issue", "1000works")
    works.join("carol", "developer")
    works.join("bob", "investor")
    player = {"recommend": {"to": "$carol", "amount": "500", "role": "developer", "reason": "the player", "evidence": evidence(5)}}
    works.refused("supervisor", player, "bob")
    works.refused("1 to 500", {"recommend": {**player["recommend"], "amount": "501"}}, "alice")
    works.refused("in this role", {"recommend": {**player["recommend"], "role": "investor"}}, "alice")
    works.tell(player, "alice")
    CHECKS.equal(works.ask({"grant": {"id": 0}})["vote"]["stage"], "open", "a vote is open")
    works.refused("vote", {"grant": {"id": 0}}, "alice")
    CHECKS.equal(works.units("carol"), 0, "no vote, no tokens")
    CHECKS.equal(works.vote(0, "yes", "alice", "bob"), "done", "the vote")
    CHECKS.equal((works.units("carol"), works.issuances()[0][:2]), (500, (500, "developer")), "issued in the block that closes it")
    # By units now: carol alone has any.
    works.tell({"recommend": {**player["recommend"], "amount": "200", "evidence": evidence(6)}}, "alice")
    CHECKS.equal(works.vote(1, "no", "carol"), "rejected", "a vote against")
    CHECKS.equal(works.units("carol"), 500, "nothing more")
    stages = {"recommend_milestones": {"to": "$carol", "amounts": ["100", "150"], "role": "developer", "reason": "search", "evidence": evidence(7)}}
    works.tell(stages, "alice")
    CHECKS.equal(works.vote(2, "yes", "carol"), "done", "milestones are approved together")
    CHECKS.equal(works.units("carol"), 500, "and issued one by one")
    number = works.ask({"grant": {"id": 2}})
    CHECKS.equal(number["vote"]["stage"], "done", f"it says so: {number}")
    works.refused("neither recommended", {"milestone": {"id": 2, "n": 1, "evidence": evidence(8)}}, "alice")
    told = json.dumps({"milestone": {"id": 2, "n": 1, "evidence": evidence(8)}})
    path = pathlib.Path(top) / "calls.json"
    path.write_text(json.dumps([{"wasm": {"execute": {"contract": works.contract, "msg": told, "funds": [], "gas": "2000000000"}}}]))
    number = chain.cli("org", "propose", "works", "--title", "the first milestone", "--calls", path, "--from", "alice")["proposal"]
    CHECKS.equal((works.vote(number, "yes", "carol"), works.units("carol")), ("done", 600), "the first of them, by a vote")


def by_start(chain):
    ends = int(time.time() + SOON_S) * 1_000
    action = {"name": "serve", "role": "device_owner", "units": "50", "per_person_day": 3, "per_day": 20}
    late = Org(chain, "late", "kickstart", {"end": ends, "pool": "1000", "actions": [action]}, "--issue", "1000late")
    late.join("frank", "device_owner")
    start = Org(chain, "start", "kickstart", {"end": ends + 3_600_000, "pool": "120", "actions": [action]}, "--issue", "1000start")
    start.join("frank", "device_owner")
    start.join("grace", "device_owner")
    credit = lambda who, n: {"credit": {"who": f"${who}", "action": "serve", "evidence": evidence(n)}}
    start.refused("supervisor", credit("frank", 1), "frank")
    start.refused("role", credit("judy", 1), "alice")
    start.tell(credit("frank", 1), "alice")
    start.refused("counted already", credit("grace", 1), "alice")
    start.tell(credit("frank", 2), "alice")
    start.tell(credit("grace", 3), "alice")
    CHECKS.equal((start.units("frank"), start.units("grace")), (100, 20), "the last is what is left in the pool")
    start.refused("used up", credit("frank", 4), "alice")
    CHECKS.equal((start.ask({"state": {}})["ended"], start.ask({"state": {}})["left"]), (True, "0"), "it has ended by itself")
    late.tell(credit("frank", 1), "alice")
    until("its time is over", SOON_S + 10, lambda: time.time() * 1_000 > ends + 1_500)
    chain.cli("transfer", "--from", "judy", "heidi", "1mei")
    late.refused("for ever", credit("frank", 2), "alice")
    CHECKS.equal(late.units("frank"), 50, "what was earned stays")


def main():
    with Score("grants", "checks") as score, tempfile.TemporaryDirectory(prefix="leither-grants-") as top, Dev("--bare", params=FAST) as chain:
        score.tried = lambda: CHECKS.count
        by_task(chain)
        by_vote(chain, top)
        by_start(chain)
        print("audit ok:", audit(chain.url, f"{chain.state}/genesis.json"))
    print(f"{CHECKS.count} checks")


if __name__ == "__main__":
    sys.exit(main())
