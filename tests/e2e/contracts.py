#!/usr/bin/env python3
"""Contracts as a wallet meets them, on one chain: checked, deployed by one command, sent messages, asked, given new code; what is refused is
refused before anything is sent; after kill -9, with the compiled modules gone, all is as it was; every balance is recomputed."""
import base64
import json
import pathlib
import shutil
import subprocess
import tempfile

from audit import audit
from lib import FAST, LEITHER, ROOT, Checks, Dev, Score, environment, rpc, until

CHECKS = Checks()
PUPPET = ROOT / "tests/contracts/puppet.wasm"
MEI = 10**9


def free(chain, account):
    return int(rpc(chain.url, "account_get", account)["mei"]["free"])


def kept(chain, contract, key):
    return chain.cli("contract", "query", contract, json.dumps({"get": {"key": key}}))["answer"]


def pay(to, amount):
    send = {"bank": {"send": {"to_address": to, "amount": [{"denom": "nmei", "amount": str(amount)}]}}}
    return {"id": 1, "msg": send, "gas_limit": None, "reply_on": "never"}


def check(chain, top):
    """Without a node."""
    line = [str(LEITHER), "--json", "contract", "check", str(PUPPET)]
    done = subprocess.run(line, capture_output=True, text=True, env={**environment(top), "LEITHER_NODE": "http://127.0.0.1:1"})
    found = json.loads(done.stdout)
    CHECKS.equal(found["entries"], ["instantiate", "execute", "query", "migrate", "sudo", "reply"], "entries")
    wrong = chain.cli("contract", "deploy", ROOT / "README.md", "--from", "alice", code=1)
    CHECKS.that("no contract that can run here" in wrong["stderr"] and "status" not in wrong, f"what is none: {wrong}")
    return found["checksum"]


def deploy(chain, top, checksum):
    init = pathlib.Path(top) / "init.json"
    init.write_text(json.dumps({"write": [["greeting", "hello"]]}))
    made = chain.cli("contract", "deploy", PUPPET, "--from", "alice", "--init", init, "--funds", "3mei", "--label", "puppet")
    contract = made["address"]
    CHECKS.equal((made["status"], made["code"], made["checksum"]), ("final", "1", checksum), "deployed")
    shown = chain.cli("contract", "show", contract)
    CHECKS.equal((shown["label"], shown["code"], shown["checksum"], shown["mei"]["free"]), ("puppet", "1", checksum, str(3 * MEI)), "it is there")
    CHECKS.equal(kept(chain, contract, "greeting"), "hello", "what it began with")
    # The same code is not stored again.
    again = chain.cli("contract", "deploy", PUPPET, "--from", "bob", "--salt", "mine", "--no-admin")
    CHECKS.equal((again["code"], again["status"]), ("1", "final"), "another instance")
    CHECKS.equal(chain.cli("contract", "show", again["address"])["admin"], None, "nobody's")
    CHECKS.equal(len(chain.cli("contract", "list", "1")["items"]), 2, "instances of the code")
    CHECKS.equal(chain.cli("contract", "store", PUPPET, "--from", "bob")["existed"], True, "stored already")
    CHECKS.equal(chain.cli("contract", "code", checksum)["code"], "1", "code by its checksum")
    return contract, again["address"]


def messages(chain, contract, other):
    carol = chain.cli("account", "show", "carol")["account"]
    before = free(chain, carol)
    sent = chain.cli("contract", "execute", contract, json.dumps({"messages": [pay(carol, MEI)], "attributes": [["paid", "carol"]]}), "--from", "bob")
    CHECKS.equal((sent["status"], free(chain, carol) - before), ("final", MEI), "it pays")
    told = [event["args"] for event in sent["receipt"]["events"] if event["event"] == "told"]
    CHECKS.equal(told[0]["attributes"], [{"key": "paid", "value": "carol"}], "what it tells")
    nested = {"wasm": {"execute": {"contract_addr": other, "msg": "eyJ3cml0ZSI6W1siYSIsIjEiXV19", "funds": []}}}
    chain.cli("contract", "execute", contract, json.dumps({"messages": [{"id": 1, "msg": nested, "gas_limit": None, "reply_on": "always"}]}), "--from", "bob")
    CHECKS.equal(kept(chain, other, "a"), "1", "one contract calls another")
    history = rpc(chain.url, "account_getHistory", contract)["items"]
    CHECKS.that(len(history) >= 3, f"a contract has a history: {len(history)}")
    dry = chain.cli("contract", "execute", contract, json.dumps({"messages": [pay(carol, 1)]}), "--from", "bob", "--dry-run")
    CHECKS.that(dry["status"] == "simulated" and int(dry["gas"]) > 100_000_000, f"a trial says the gas: {dry}")


def refusals(chain, contract, other):
    bob = chain.cli("account", "show", "bob")
    refused = lambda word, *args: CHECKS.that(word in (answer := chain.cli(*args, code=1))["stderr"], f"{args[:3]}: {answer['stderr']}")
    refused("the contract refuses: kind: Other, error: no", "contract", "execute", contract, '{"fail":"no"}', "--from", "bob")
    refused("bad end", "contract", "execute", contract, '{"panic":true}', "--from", "bob")
    refused("out of gas", "contract", "execute", contract, '{"spin":1000000000000}', "--from", "bob")
    refused("only the contract's admin", "contract", "migrate", contract, "1", "{}", "--from", "bob")
    refused("only the contract's admin", "contract", "migrate", other, "1", "{}", "--from", "bob")
    refused("no code 7", "contract", "migrate", contract, "7", "{}", "--from", "alice")
    refused("no contract at this address", "contract", "query", "bob", "{}")
    refused("does not answer", "contract", "query", contract, '{"nothing":{}}')
    refused("does not answer: the question takes more than", "contract", "query", contract, '{"spin":{"times":1000000000000}}')
    chain.cli("contract", "execute", contract, "no JSON", "--from", "bob", code=2)
    CHECKS.equal(chain.cli("account", "show", "bob")["mei"], bob["mei"], "nothing was sent, and no fee was taken")
    # One that is sent all the same stands in a block, pays, and does nothing.
    sent = chain.cli("contract", "execute", contract, '{"write":[["b","1"]],"fail":"no"}', "--from", "bob", "--gas", 2_000_000_000, "--no-wait")
    view = chain.cli("tx", "wait", sent["tx"], code=1)
    CHECKS.that(view["status"] == "failed" and int(view["receipt"]["fee"]) > 0, f"in a block: {view['status']}")
    CHECKS.equal(kept(chain, contract, "b"), None, "taken back")


def new_code(chain, contract):
    done = chain.cli("contract", "migrate", contract, "1", '{"write":[["moved","1"]]}', "--from", "alice")
    CHECKS.equal((done["status"], kept(chain, contract, "moved")), ("final", "1"), "new code")
    chain.cli("contract", "set-admin", contract, "--none", "--from", "alice")
    CHECKS.equal(chain.cli("contract", "show", contract)["admin"], None, "nobody's from now on")


def custom(message):
    return {"id": 1, "msg": {"custom": message}, "gas_limit": None, "reply_on": "never"}


def by_time(chain, contract):
    """It is told by time what it asked for, without anybody's transaction, out of a budget of its own."""
    msg = base64.b64encode(b'{"write":[["tick","1"]]}').decode()
    schedule = {"id": 3, "msg": msg, "at": None, "every_ms": 2_000, "times": 2, "gas": 1_000_000_000, "budget": str(MEI)}
    chain.cli("contract", "execute", contract, json.dumps({"messages": [custom({"schedule": schedule})]}), "--from", "bob")
    shown = chain.cli("contract", "show", contract)
    CHECKS.equal([(s["id"], s["left"], s["msg"]) for s in shown["schedules"]], [(3, 2, {"write": [["tick", "1"]]})], "it stands there")
    CHECKS.that(int(shown["mei"]["locked"]) > MEI, "budget and deposit are locked")
    until("it is told", 30, lambda: kept(chain, contract, "tick") == "1")
    until("as often as it asked", 30, lambda: not chain.cli("contract", "show", contract)["schedules"])
    after = chain.cli("contract", "show", contract)["mei"]
    CHECKS.equal((after["locked"], 0 < int(shown["mei"]["free"]) + int(shown["mei"]["locked"]) - int(after["free"]) < MEI), ("0", True), "what was used")


def for_all(chain, top, contract):
    """Who has no mei executes a contract whose users' fees an organization pays; it makes a further token."""
    org = chain.cli("org", "create", "club", "--symbol", "club", "--from", "erin")["org"]
    chain.cli("transfer", "--from", "erin", "@club", "5mei")
    evidence = "0x" + "11" * 32
    cover = {"orgs": {"cover_fees": {"org": org, "contract": contract, "per_use": str(MEI), "per_day": str(2 * MEI)}}}
    token = {"orgs": {"create_token": {"org": org, "symbol": "ticket", "decimals": 0, "cap": "100", "minter": None}}}
    path = pathlib.Path(top) / "calls.json"
    number = -1
    for calls in ([cover, token], lambda: [{"orgs": {"mint": {"token": tokens[0], "to": account, "amount": "3", "reason": "came first", "evidence": evidence}}}]):
        if callable(calls):
            tokens = chain.cli("org", "show", "club")["further_tokens"]
            account = chain.cli("keys", "new", "visitor", "--backend", "test")["account"]
            calls = calls()
        path.write_text(json.dumps(calls))
        number = chain.cli("org", "propose", "club", "--title", "as it says", "--calls", path, "--from", "erin")["proposal"]
        chain.cli("org", "vote", "club", number, "yes", "--from", "erin")
        until("the vote is done", 20, lambda: chain.cli("org", "proposals", "club")["items"][int(number)]["stage"] == "done")
    shown = chain.cli("token", "show", "ticket")
    CHECKS.equal((shown["cap"], shown["issued"], shown["org"], shown["minter"]), ("100", "3", org, None), "a further token")
    CHECKS.equal([h["account"] for h in chain.cli("token", "holders", "ticket")["items"]], [account], "who has it")
    line = rpc(chain.url, "org_getLedger", "club")["items"][-1]
    CHECKS.equal((line["kind"], line["reason"], line["evidence"]), ("minted", "came first", evidence), "with its reason")
    message = '{"write":[["visited","1"]]}'
    poor = chain.cli("contract", "execute", contract, message, "--from", "visitor", code=1)
    CHECKS.that("fee" in poor["stderr"], f"without mei: {poor['stderr']}")
    done = chain.cli("contract", "execute", contract, message, "--from", "visitor", "--payer", "@club")
    CHECKS.equal((done["status"], kept(chain, contract, "visited")), ("final", "1"), "the organization pays")
    paid = chain.cli("org", "show", "club")["covers"][0]["paid"]
    CHECKS.equal(paid, done["receipt"]["fee"], "and says how much")
    other = chain.cli("transfer", "--from", "visitor", "erin", "1ticket", "--payer", "@club", code=1)
    CHECKS.that("neither signs nor is an organization" in other["stderr"], f"for nothing else: {other['stderr']}")


def restart(chain, contract):
    """The compiled modules are a cache."""
    modules = next(pathlib.Path(chain.state).rglob("modules"))
    chain.kill()
    shutil.rmtree(modules)
    chain.start()
    CHECKS.equal(kept(chain, contract, "moved"), "1", "asked, with code that is compiled anew")
    done = chain.cli("contract", "execute", contract, '{"write":[["late","1"]]}', "--from", "bob")
    CHECKS.equal((done["status"], kept(chain, contract, "late")), ("final", "1"), "executed")


def main():
    with Score("contracts", "checks") as score, tempfile.TemporaryDirectory(prefix="leither-contracts-") as top, Dev("--bare", params=FAST) as chain:
        score.tried = lambda: CHECKS.count
        contract, other = deploy(chain, top, check(chain, top))
        messages(chain, contract, other)
        refusals(chain, contract, other)
        new_code(chain, contract)
        by_time(chain, contract)
        for_all(chain, top, contract)
        restart(chain, contract)
        print("audit ok:", audit(chain.url, f"{chain.state}/genesis.json"))
    print(f"{CHECKS.count} checks")


if __name__ == "__main__":
    main()
