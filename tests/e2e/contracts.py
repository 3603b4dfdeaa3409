#!/usr/bin/env python3
"""Contracts as a wallet meets them, on one chain: checked, deployed by one command, sent messages, asked, given new code; what is refused is
refused before anything is sent; what would change is told beforehand, and what happened inside afterwards; code is compared with its source; after
kill -9, with the compiled modules gone, all is as it was; every balance is recomputed."""
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
    changes(chain, contract, carol, dry)


def changes(chain, contract, carol, dry):
    """What a trial says is what comes."""
    bob = chain.cli("account", "show", "bob")["account"]
    moved = {row["account"]: (int(row["before"]["free"]), int(row["after"]["free"])) for row in dry["changes"]["balances"]}
    CHECKS.equal(set(moved), {bob, carol, contract}, "who has more or less")
    CHECKS.equal(moved[carol], (free(chain, carol), free(chain, carol) + 1), "what is paid")
    CHECKS.equal(moved[bob][0] - moved[bob][1], int(dry["receipt"]["fee"]), "the fee is told, too")
    keys = {row["key_text"]: row for row in dry["changes"]["data"]}
    # Who calls it is what it was, so that is no change.
    CHECKS.that(set(keys) == {"env"} and keys["env"]["contract"] == contract, f"what the contract keeps: {keys}")
    CHECKS.that(json.loads(keys["env"]["after"]["text"])["contract"]["address"] == contract, f"as text: {keys['env']}")
    CHECKS.that(dry["changes"]["more"] == 0 and keys["env"]["key"] == "0x" + b"env".hex(), f"by key: {keys['env']}")
    line = json.dumps({"write": [["greeting", "good day"]]})
    row = next(row for row in chain.cli("contract", "execute", contract, line, "--from", "bob", "--dry-run")["changes"]["data"] if row["key_text"] == "greeting")
    CHECKS.equal((row["before"]["text"], row["after"]["text"]), ("hello", "good day"), "before and after")
    line = json.dumps({"remove": ["greeting"]})
    row = next(row for row in chain.cli("contract", "execute", contract, line, "--from", "bob", "--dry-run")["changes"]["data"] if row["key_text"] == "greeting")
    CHECKS.equal((row["before"], row["after"]), ({"bytes": 5, "text": "hello"}, None), "removed")
    CHECKS.equal(kept(chain, contract, "greeting"), "hello", "nothing was sent")


def in_block(chain, contract, msg, who="bob"):
    """A message that is sent though it will fail."""
    sent = chain.cli("contract", "execute", contract, json.dumps(msg), "--from", who, "--gas", 2_000_000_000, "--no-wait")
    return chain.cli("tx", "wait", sent["tx"], code=1)["tx"]


def traces(chain, contract, other):
    """Where a failure came from, through two contracts."""
    long = "no room here, " * 40
    inner = base64.b64encode(json.dumps({"write": [["d", "1"]], "fail": long}).encode()).decode()
    nested = {"id": 5, "msg": {"wasm": {"execute": {"contract_addr": other, "msg": inner, "funds": []}}}, "gas_limit": None, "reply_on": "never"}
    tx = in_block(chain, contract, {"messages": [nested]})
    trace = chain.cli("tx", "trace", tx)
    first, second, third = trace["steps"]
    CHECKS.equal((first["entered"]["contract"], first["entered"]["depth"], first["entered"]["entry"]), (contract, 0, "execute"), "the one that was called")
    CHECKS.equal((second["entered"]["contract"], second["entered"]["depth"], second["entered"]["sender"]), (other, 1, contract), "the one that it called")
    CHECKS.that(long in second["entered"]["answer"]["text"] and int(second["entered"]["gas"]) > 0, f"its words in full: {second}")
    CHECKS.that(third["refused"]["sender"] == contract and third["refused"]["id"] == "5" and long in third["refused"]["why"], f"taken back: {third}")
    CHECKS.that(trace["differs"] is None and trace["receipt"]["done"] is False, "the receipt is the block's")
    CHECKS.equal(trace["receipt"], chain.cli("tx", "show", tx)["receipt"], "as the block has it")
    CHECKS.that(len(trace["changes"]["balances"]) == 1 and not trace["changes"]["data"], f"of what failed only the fee is left: {trace['changes']}")
    panic = chain.cli("tx", "trace", in_block(chain, contract, {"panic": True}))["steps"][0]["entered"]
    CHECKS.that("as it was told" in panic["engine"] and panic["failure"] == "it came to a bad end", f"the engine's words: {panic}")
    CHECKS.that("as it was told" not in json.dumps(chain.cli("tx", "show", tx)), "no receipt has them")
    paid = chain.cli("contract", "execute", contract, json.dumps({"write": [["e", "1"]]}), "--from", "bob", "--funds", "1mei")
    trace = chain.cli("tx", "trace", paid["tx"])
    CHECKS.equal(trace["steps"][0]["entered"]["funds"], [{"denom": "nmei", "amount": str(MEI)}], "what came along")
    CHECKS.that(trace["receipt"] == paid["receipt"] and {"e"} < {row["key_text"] for row in trace["changes"]["data"]}, f"what it did: {trace['changes']}")
    shown = subprocess.run([str(LEITHER), "--node", chain.url, "tx", "trace", tx], capture_output=True, text=True, env=environment(chain.home.name))
    CHECKS.that(f"execute {contract} by" in shown.stdout and "taken back: message 5" in shown.stdout, f"for people: {shown.stdout}")
    CHECKS.that("no transaction" in chain.cli("tx", "trace", "0x" + "7" * 64, code=1)["stderr"], "one that there is not")
    return tx


def debug_lines(chain):
    """A contract by others that writes for its author; its code comes with the engine's sources."""
    found = list(pathlib.Path.home().glob(".cargo/registry/src/*/cosmwasm-vm-3.1.0-rc.1/testdata/cyberpunk.wasm"))
    if not found:
        return print("skipped: the engine's sources, with the contract cyberpunk, are not in cargo's registry here")
    made = chain.cli("contract", "deploy", found[0], "--from", "carol")
    done = chain.cli("contract", "execute", made["address"], '{"debug":{}}', "--from", "carol")
    entered = chain.cli("tx", "trace", done["tx"])["steps"][0]["entered"]
    CHECKS.that(len(entered["debug"]) >= 1 and entered["debug_more"] == 0, f"its lines: {entered['debug']}")


def verified(chain, contract, checksum):
    for what in (contract, "1", checksum):
        answer = chain.cli("contract", "verify", what, PUPPET)
        CHECKS.equal((answer["same"], answer["built"], answer["checksum"], answer["code"]), (True, checksum, checksum, "1"), f"verify {what[:8]}")
    answer = chain.cli("contract", "verify", contract, "revenue-share", code=1)
    CHECKS.that(answer["same"] is False and answer["checksum"] == checksum and "is not what revenue-share makes" in answer["stderr"], f"another: {answer}")
    CHECKS.that("no code 7" in chain.cli("contract", "verify", "7", PUPPET, code=1)["stderr"], "no such code")
    chain.cli("contract", "verify", contract, "nothing-of-this-name", code=2)


def schemas(chain, top, contract):
    """As cosmwasm-schema writes them."""
    folder = pathlib.Path(top) / "crate/schema"
    folder.mkdir(parents=True)
    pairs = {"type": "array", "items": {"type": "array", "items": [{"type": "string"}, {"type": "string"}], "maxItems": 2, "minItems": 2}}
    execute = {"type": "object", "properties": {"write": pairs}, "additionalProperties": False}
    (folder / "puppet.json").write_text(json.dumps({"contract_name": "puppet", "idl_version": "1.0.0", "execute": execute, "query": None}))
    wrong = chain.cli("contract", "execute", contract, '{"write":[["a",1]]}', "--from", "bob", "--schema", folder.parent, code=2)
    CHECKS.that("at .write[0][1]: expected a text, not a number" in wrong["stderr"], f"told with its place: {wrong}")
    fine = chain.cli("contract", "execute", contract, '{"write":[["schema","1"]]}', "--from", "bob", "--schema", folder / "puppet.json")
    CHECKS.equal((fine["status"], kept(chain, contract, "schema")), ("final", "1"), "what fits is sent")
    chain.cli("contract", "query", contract, '{"get":{"key":"a"}}', "--schema", folder, code=2)


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


def restart(chain, contract, tx):
    """The compiled modules are a cache."""
    modules = next(pathlib.Path(chain.state).rglob("modules"))
    chain.kill()
    shutil.rmtree(modules)
    chain.start()
    CHECKS.equal(kept(chain, contract, "moved"), "1", "asked, with code that is compiled anew")
    done = chain.cli("contract", "execute", contract, '{"write":[["late","1"]]}', "--from", "bob")
    CHECKS.equal((done["status"], kept(chain, contract, "late")), ("final", "1"), "executed")
    CHECKS.equal(chain.cli("tx", "trace", done["tx"])["receipt"], done["receipt"], "traced, since it is of this run")
    gone = chain.cli("tx", "trace", tx, code=1)["stderr"]
    CHECKS.that("not kept here any more" in gone and "trace.memory" in gone, f"one of before the start: {gone}")


def main():
    with Score("contracts", "checks") as score, tempfile.TemporaryDirectory(prefix="leither-contracts-") as top, Dev("--bare", params=FAST) as chain:
        score.tried = lambda: CHECKS.count
        checksum = check(chain, top)
        contract, other = deploy(chain, top, checksum)
        messages(chain, contract, other)
        refusals(chain, contract, other)
        tx = traces(chain, contract, other)
        debug_lines(chain)
        verified(chain, contract, checksum)
        schemas(chain, top, contract)
        new_code(chain, contract)
        by_time(chain, contract)
        for_all(chain, top, contract)
        restart(chain, contract, tx)
        print("audit ok:", audit(chain.url, f"{chain.state}/genesis.json"))
    print(f"{CHECKS.count} checks")


if __name__ == "__main__":
    main()
