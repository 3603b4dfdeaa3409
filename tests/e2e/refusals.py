#!/usr/bin/env python3
"""What a node and a wallet must refuse, asked of one running chain by HTTP, by hand-made bytes and by the command line."""
import http.client
import json
import pathlib
import time
from concurrent.futures import ThreadPoolExecutor

import handmade
from lib import FAST, ROOT, Checks, Dev, RpcError, Score, free_port, height_of, pages, rpc, until

CHECKS = Checks()
SEEDS = {key["name"]: bytes.fromhex(key["secret"])
         for key in json.loads((ROOT / "spec/vectors/keys.json").read_text())["dev"]["keys"] if key.get("name")}
README = "./README.md"


# The command line

def failed(chain, error, *args):
    """A transaction whose call would be refused: exit code 1, the receipt in the answer, and nothing sent."""
    answer = chain.cli(*args, code=1)
    failure = (answer.get("receipt") or {}).get("failure")
    CHECKS.that(failure and f"{failure['pallet']}.{failure['error']}" == error, f"leither {' '.join(args)}: {failure} is not {error}")
    CHECKS.that(answer["status"] == "refused" and "Nothing was sent" in answer["stderr"] and failure["message"] in answer["stderr"], f"{error}: {answer['stderr']}")
    return failure


def turned_away(chain, word, *args, code=1):
    """A command that sends nothing into a block: its sentence has this word."""
    answer = chain.cli(*args, code=code)
    said = answer.get("stderr", "")
    CHECKS.that("receipt" not in answer and word in said, f"leither {' '.join(args)} says {said!r}, without {word!r}")


def exit_codes(chain):
    done = chain.cli("transfer", "--from", "alice", "bob", "1mei")
    CHECKS.that(done["status"] == "final" and done["receipt"]["done"], f"0: {done}")
    failed(chain, "accounts.short", "transfer", "--from", "alice", "bob", "2000000mei")
    failed(chain, "tokens.to_self", "transfer", "--from", "alice", "alice", "1mei")
    turned_away(chain, "token", "transfer", "--from", "alice", "bob", "1nosuch")
    turned_away(chain, "symbol", "transfer", "--from", "alice", "bob", "1,5mei", code=2)
    turned_away(chain, "nobody", "transfer", "--from", "nobody", "bob", "1mei", code=2)
    turned_away(chain, "Usage", "transfer", "--from", "alice", "bob", code=2)
    turned_away(chain, "cannot reach", "--node", f"http://127.0.0.1:{free_port()}", "status", code=3)
    turned_away(chain, "in use", "dev", "--bare", "--state", chain.state, "--set", f"rpc.listen=127.0.0.1:{free_port()}",
                "--set", f"consensus.listen=127.0.0.1:{free_port()}", "--set", "gateway.listen=127.0.0.1:0", "--set", "swarm.listen=127.0.0.1:0", code=4)
    return done["tx"]


# HTTP

def http_ask(chain, body, **headers):
    """Status, head and text of one request; a `Host` of the caller's replaces the right one."""
    connection = http.client.HTTPConnection("127.0.0.1", chain.port, timeout=20)
    headers = {"content-type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    try:
        connection.putrequest("POST", "/", skip_host="host" in headers, skip_accept_encoding=True)
        for name, value in {**headers, "content-length": str(len(body))}.items():
            connection.putheader(name, value)
        connection.endheaders()
        try:
            connection.send(body)
        except (BrokenPipeError, ConnectionResetError):
            # Who is told "too long" may hear it before all is sent.
            pass
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read().decode()
    finally:
        connection.close()


def call(method, params):
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()


def transport(chain):
    head = call("chain_getHead", [])
    status, _, body = http_ask(chain, head)
    CHECKS.that(status == 200 and "result" in json.loads(body), f"a plain request: {status} {body}")
    for host in ("evil.example", f"evil.example:{chain.port}", "127.0.0.1:80", "127.0.0.1.evil.example", ""):
        status, answer, body = http_ask(chain, head, host=host)
        CHECKS.that(status == 403 and "result" not in body, f"Host {host!r}: {status} {body}")
    for origin in ("http://evil.example", "null", f"http://evil.example:{chain.port}"):
        status, answer, body = http_ask(chain, head, origin=origin)
        CHECKS.that(status == 403 and not any(name.startswith("access-control") for name in answer), f"Origin {origin}: {status}")
    status, answer, _ = http_ask(chain, head, origin=f"http://127.0.0.1:{chain.port}")
    CHECKS.equal((status, answer.get("access-control-allow-origin")), (200, f"http://127.0.0.1:{chain.port}"), "its own origin")
    CHECKS.equal(http_ask(chain, head, content_type="text/plain")[0], 415, "no JSON")
    status, _, body = http_ask(chain, call("tx_submit", ["0x" + "00" * 2**20]))
    CHECKS.that(status == 413 and "request_too_large" in body, f"2 MiB and a bit: {status} {body[:200]}")

    def error(body):
        status, _, text = http_ask(chain, body)
        answer = json.loads(text)
        error = (answer[0] if isinstance(answer, list) else answer)["error"]
        return error["code"], (error.get("data") or {}).get("reason") if isinstance(error.get("data"), dict) else None

    nest = lambda depth: b'{"jsonrpc":"2.0","id":1,"method":"tx_get","params":[' + b"[" * depth + b"]" * depth + b"]}"
    CHECKS.equal(error(nest(40)), (-32602, "invalid_params"), "nested 40 deep")
    CHECKS.that(error(nest(500_000))[0] in (-32602, -32700, -32600), "nested half a million deep")
    CHECKS.equal(error(b"[" + b",".join([head] * 101) + b"]")[0], -32010, "a batch of 101")
    CHECKS.equal(error(b"{")[0], -32700, "half a request")
    CHECKS.equal(error(call("chain_subscribe", [])), (-32012, "websocket_only"), "a subscription over HTTP")
    CHECKS.equal(error(call("no_suchThing", [])), (-32601, "unknown_method"), "a method that is none")
    nowhere = "0x" + "11" * 32
    for method, params, reason in [
        ("tx_get", [nowhere], "tx_unknown"), ("chain_getBlock", ["1000000"], "unknown_block"), ("token_get", ["nosuch"], "unknown_token"),
        ("org_get", ["nosuch"], "unknown_org"), ("tx_get", [], "invalid_params"), ("tx_get", ["0x11"], "invalid_params"),
        ("org_list", [None, 201], "invalid_params"), ("chain_getInfo", [1], "invalid_params"),
    ]:
        CHECKS.equal(error(call(method, params))[1], reason, f"{method} {params}")
    foreign = http.client.HTTPConnection("127.0.0.1", chain.port, timeout=20)
    foreign.request("GET", "/", headers={"origin": "http://evil.example", "connection": "upgrade", "upgrade": "websocket",
                                         "sec-websocket-version": "13", "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ=="})
    CHECKS.equal(foreign.getresponse().status, 403, "a WebSocket of a foreign page")
    foreign.close()
    CHECKS.that(int(rpc(chain.url, "chain_getHead")["height"]) > 0, "the node still answers")


# Bytes

def bytes_by_hand(chain):
    url, accounts = chain.url, chain.ready["accounts"]
    info = rpc(url, "chain_getInfo")
    me, bob = accounts["ivan"], accounts["bob"]
    pay = handmade.transfer(bob, 7)
    soon = int(info["time"]) + 600_000

    def tx(signer="ivan", seeds=None, **other):
        fields = {"chain": info["chain"], "signers": [accounts[signer]], "valid_until": soon, "calls": [pay],
                  "nonce": int(rpc(url, "account_get", accounts[signer])["next_nonce"]), **other}
        return handmade.signed(handmade.payload(**fields), *(seeds or [SEEDS[signer]]))

    def refused(reason, raw, why):
        before = height_of(url)
        try:
            rpc(url, "tx_submit", raw)
        except RpcError as error:
            CHECKS.equal(error.reason, reason, why)
        else:
            CHECKS.that(False, f"{why}: taken where {reason} was expected (height {before})")

    good = tx()
    done = rpc(url, "tx_wait", rpc(url, "tx_submit", good)["tx"], 20_000)
    CHECKS.that(done["status"] == "final", f"bytes made from the spec alone: {done['status']}")
    CHECKS.equal(done["receipt"]["weight"], str(handmade.transfer_weight(pay)), "its weight, by the spec's formula")
    refused("tx_nonce_used", good, "sent again after it was final")
    refused("tx_nonce_used", tx(nonce=0, max_fee=10**9 + 1), "another one of a used nonce")
    refused("tx_wrong_chain", tx(chain="0x" + "22" * 32), "signed for another chain")
    head_time = int(rpc(url, "chain_getInfo")["time"])
    refused("tx_expired", tx(valid_until=head_time - 1), "expired")
    refused("tx_expired", tx(valid_until=head_time + 2 * 86_400_000), "valid for two days")
    next_nonce = int(rpc(url, "account_get", me)["next_nonce"])
    refused("tx_nonce_gap", tx(nonce=next_nonce + 16), "sixteen nonces ahead")
    fresh = tx(nonce=next_nonce)
    refused("tx_bad_signature", fresh[:-2] + ("00" if fresh[-2:] != "00" else "01"), "the last byte of a signature changed")
    refused("tx_bad_signature", tx(seeds=[SEEDS["bob"]]), "signed by another's key")
    refused("tx_bad_signature", tx(seeds=[SEEDS["ivan"], SEEDS["bob"]]), "one witness too many")
    refused("tx_malformed", good + "00", "a byte behind the end")
    refused("tx_malformed", "0x", "no bytes")
    refused("tx_malformed", "0x" + "ff" * 300, "bytes that are no transaction")
    refused("tx_too_large", "0x" + "00" * 65_537, "more than 64 KiB")
    refused("tx_fee_too_low", tx(max_fee=1), "a fee of one unit")
    refused("tx_refused", tx(weight_limit=1), "heavier than it allows")
    refused("tx_refused", tx(version=2), "of version 2")
    refused("tx_refused", tx(calls=[]), "without a call")
    refused("tx_refused", tx(calls=[handmade.transfer(bob, 0)]), "a transfer of nothing")
    refused("tx_refused", tx(calls=[b"\x09\x00"]), "a call that there is not")
    refused("tx_refused", tx(signers=[me, me], seeds=[SEEDS["ivan"]] * 2), "one signer twice")
    refused("tx_cannot_pay", tx(payer=bob), "paid by somebody who has not signed")
    poor = chain.cli("keys", "new", "poor", "--backend", "test")["account"]
    seed = bytes.fromhex(chain.cli("keys", "export", "poor", "--yes-show-secret")["seed"].removeprefix("0x"))
    refused("tx_cannot_pay", tx(signers=[poor], nonce=0, seeds=[seed]), "paid by somebody who has nothing")

    # A gap within the window waits, and is closed by what was missing.
    second = rpc(url, "tx_submit", tx(nonce=next_nonce + 1))["tx"]
    time.sleep(1)
    CHECKS.equal(rpc(url, "tx_get", second)["status"], "pending", "behind a gap")
    first = rpc(url, "tx_submit", tx(nonce=next_nonce))["tx"]
    heights = [int(rpc(url, "tx_wait", which, 20_000)["height"]) for which in (first, second)]
    CHECKS.that(heights == sorted(heights), f"the gap is closed in order: {heights}")

    # One that another takes the nonce of: who waits for it is told so at the next block.
    next_nonce += 2
    displaced, dearer = tx(nonce=next_nonce + 1, max_fee=10**9), tx(nonce=next_nonce + 1, max_fee=2 * 10**9)
    with ThreadPoolExecutor() as pool:
        waited = pool.submit(rpc, url, "tx_wait", rpc(url, "tx_submit", displaced)["tx"], 20_000)
        time.sleep(0.5)
        dearer = rpc(url, "tx_submit", dearer)["tx"]
        began = time.time()
        rpc(url, "tx_submit", tx(nonce=next_nonce))
        CHECKS.equal(rpc(url, "tx_wait", dearer, 20_000)["status"], "final", "the dearer one of two of one nonce")
        error = waited.exception()
    CHECKS.that(isinstance(error, RpcError) and error.reason == "tx_unknown" and "nonce" in str(error), f"the wait for the other one: {error}")
    CHECKS.that(time.time() - began < 10, f"was answered after {time.time() - began:.1f} s")

    batch = rpc(url, "tx_submitBatch", [good, tx(), "0x00"])
    CHECKS.equal([sorted(item) for item in batch], [["error"], ["tx"], ["error"]], "a batch of one fit and two unfit")
    rpc(url, "tx_wait", batch[1]["tx"], 20_000)


# Organizations

def joining(chain):
    failed(chain, "orgs.already_member", "org", "admit", "demo-tube", "bob", "--from", "alice")
    failed(chain, "orgs.no_application", "org", "admit", "demo-tube", "judy", "--from", "alice")
    failed(chain, "orgs.already_member", "org", "apply", "demo-tube", "--from", "bob")
    chain.cli("org", "apply", "demo-tube", "--from", "judy", "--note", "twice")
    failed(chain, "orgs.already_applied", "org", "apply", "demo-tube", "--from", "judy")
    failed(chain, "orgs.not_supervisor", "org", "admit", "demo-tube", "judy", "--from", "bob")
    failed(chain, "orgs.not_supervisor", "org", "expel", "demo-tube", "carol", "--from", "bob")
    failed(chain, "orgs.not_supervisor", "org", "role", "demo-tube", "bob", "developer", "--from", "bob")
    failed(chain, "orgs.is_supervisor", "org", "leave", "demo-tube", "--from", "alice")
    failed(chain, "orgs.not_member", "org", "leave", "demo-tube", "--from", "judy")
    turned_away(chain, "organization", "org", "apply", "nosuch", "--from", "judy")
    failed(chain, "orgs.name_taken", "org", "create", "demo-tube", "--symbol", "other", "--from", "alice")
    failed(chain, "tokens.symbol_taken", "org", "create", "other", "--symbol", "tube", "--from", "alice")


def issuing(chain):
    evidence = ["--reason", "a reason", "--evidence", README]
    turned_away(chain, "reason", "org", "issue", "demo-tube", "bob", "1tube", "--role", "investor", "--reason", " ", "--evidence", README,
                "--from", "alice")
    turned_away(chain, "--reason", "org", "issue", "demo-tube", "bob", "1tube", "--role", "investor", "--evidence", README,
                "--from", "alice", code=2)
    turned_away(chain, "evidence", "org", "issue", "demo-tube", "bob", "1tube", "--role", "investor", "--reason", "a reason",
                "--evidence", "./no-such-file", "--from", "alice", code=2)
    turned_away(chain, "is no role", "org", "issue", "demo-tube", "bob", "1tube", "--role", "king", *evidence, "--from", "alice", code=2)
    failed(chain, "orgs.over_cap", "org", "issue", "demo-tube", "bob", "1tube", "--role", "investor", *evidence, "--from", "alice")
    failed(chain, "orgs.not_in_role", "org", "issue", "demo-tube", "bob", "1tube", "--role", "marketing", *evidence, "--from", "alice")
    failed(chain, "orgs.not_supervisor", "org", "issue", "demo-tube", "bob", "1tube", "--role", "investor", *evidence, "--from", "bob")
    failed(chain, "orgs.not_member", "org", "issue", "demo-tube", "bob", "1tube", "--role", "investor", *evidence, "--from", "judy",
           "--propose", "a guest's wish")
    failed(chain, "orgs.not_income_token", "org", "income", "demo-tube", "1tube", "--from", "bob")
    turned_away(chain, "allowance", "transfer", "--from", "judy", "bob", "1mei", "--payer", "@demo-tube")


def tube(chain, name):
    balance = chain.cli("token", "balance", "tube", name)
    return int(balance["free"]) // 10**6, int(balance["locked"]) // 10**6


def votes(chain):
    """ORG-9 to ORG-11: a unit counts once, however it is moved about, and is locked for as long as it counts."""
    opened = chain.cli("org", "issue", "demo-tube", "bob", "50tube", "--role", "investor", "--reason", "one more year's domain",
                       "--evidence", README, "--from", "alice", "--propose", "Pay bob")
    CHECKS.that("proposal" in opened, f"the number of the proposal is in the answer: {opened}")
    number = str(opened["proposal"])
    vote = lambda who, *more: ("org", "vote", "demo-tube", number, "yes", "--from", who, *more)
    shown = lambda: next(p for p in pages(chain.url, "org_getProposals", "demo-tube") if p["number"] == number)
    CHECKS.that(shown()["by_units"] and shown()["eligible"] == str(5_750 * 10**6), f"opened by units: {shown()}")
    failed(chain, "orgs.weight", *vote("bob", "--weight", "801tube"))
    failed(chain, "orgs.weight", *vote("bob", "--weight", "0tube"))
    turned_away(chain, "tube", *vote("bob", "--weight", "1mei"), code=2)
    chain.cli(*vote("bob", "--weight", "800tube"))
    CHECKS.equal(tube(chain, "bob"), (0, 800), "bob's units, free and locked, after casting all")
    failed(chain, "accounts.short", "transfer", "--from", "bob", "frank", "1tube")
    failed(chain, "orgs.already_voted", *vote("bob"))
    # Twice by a transfer in between: what carol has cast stays hers and locked; frank casts what he got, and no unit twice.
    chain.cli(*vote("carol", "--weight", "100tube"))
    failed(chain, "accounts.short", "transfer", "--from", "carol", "frank", "1101tube")
    chain.cli("transfer", "--from", "carol", "frank", "1100tube")
    failed(chain, "orgs.weight", *vote("frank", "--weight", "1701tube"))
    chain.cli(*vote("frank"))
    failed(chain, "orgs.already_voted", *vote("carol"))
    CHECKS.equal((shown()["yes"], shown()["stage"]), (str(2_600 * 10**6), "open"), "cast so far")
    failed(chain, "orgs.not_member", *vote("judy"))
    chain.cli("org", "leave", "demo-tube", "--from", "heidi")
    failed(chain, "orgs.not_member", *vote("heidi"))
    failed(chain, "orgs.not_member", "org", "leave", "demo-tube", "--from", "heidi")
    chain.cli("org", "apply", "demo-tube", "--from", "ivan")
    chain.cli("org", "admit", "demo-tube", "ivan", "--from", "alice")
    chain.cli("transfer", "--from", "grace", "ivan", "10tube")
    failed(chain, "orgs.member_too_late", *vote("ivan"))
    failed(chain, "orgs.not_open", "org", "vote", "demo-tube", "99", "yes", "--from", "alice")
    failed(chain, "orgs.not_open", "org", "veto", "demo-tube", number, "--from", "alice")
    chain.cli(*vote("alice"))
    CHECKS.equal(shown()["stage"], "done", "the proposal that the others cannot change any more")
    failed(chain, "orgs.not_open", *vote("dave"))
    until("the units cast are free again", 10, lambda: all(tube(chain, who)[1] == 0 for who in ("alice", "bob", "carol", "frank")))
    CHECKS.equal([tube(chain, who)[0] for who in ("alice", "bob", "carol", "frank")], [1_000, 850, 100, 1_700], "units after the vote")
    lines = list(pages(chain.url, "org_getLedger", "demo-tube"))
    named = [(line["amount"], line["reason"]) for line in lines if line["kind"] == "issuance" and line["proposal"] == number]
    CHECKS.equal(named, [(str(50 * 10**6), "one more year's domain")], "what the ledger says of it")


def supervisors(chain):
    """R48: where the charter wants two, one is none."""
    charter = chain.cli("org", "charter", "alice", "bob")
    charter.update(threshold=2, issuance_cap=str(100 * 10**6), push_least="0")
    path = pathlib.Path(chain.home.name) / "charter.json"
    path.write_text(json.dumps(charter))
    create = ["org", "create", "duo", "--symbol", "duo", "--charter", str(path), "--from", "alice"]
    failed(chain, "orgs.charter", *create)
    made = chain.cli(*create, "--cosign", "bob")
    CHECKS.that(made["org"].startswith("lthorg1"), f"an organization of two: {made}")
    issue = lambda amount, *who: ["org", "issue", "duo", "alice", amount, "--role", "initiator", "--reason", "the idea", "--evidence", README,
                                  "--from", *who]
    failed(chain, "orgs.too_few_supervisors", *issue("5duo", "alice"))
    failed(chain, "orgs.too_few_supervisors", *issue("5duo", "alice", "--cosign", "carol"))
    chain.cli(*issue("5duo", "alice", "--cosign", "bob"))
    failed(chain, "orgs.over_cap", *issue("96duo", "alice", "--cosign", "bob"))
    failed(chain, "orgs.only_by_vote", "org", "amend", "duo", "--charter", str(path), "--from", "alice", "--cosign", "bob")
    failed(chain, "tokens.nothing_accrued", "org", "claim", "duo", "--from", "alice")
    chain.cli("org", "income", "duo", "10mei", "--from", "judy")
    chain.cli("org", "claim", "duo", "--from", "alice")
    failed(chain, "tokens.nothing_accrued", "org", "claim", "duo", "--from", "alice")
    charter["threshold"] = 3
    path.write_text(json.dumps(charter))
    turned_away(chain, "threshold", *create[:2], "trio", "--symbol", "trio", *create[5:], "--cosign", "bob")


def mimei(chain):
    """MIMEI-2 to MIMEI-4."""
    made = chain.cli("mimei", "add", "--from", "bob", "./LICENSE")
    which = made["mimei"]
    add = lambda who, *more: ["mimei", "add", "--mimei", which, README, "--from", who, *more]
    failed(chain, "mimei.not_allowed", *add("judy"))
    # It was decided by another version what this one may be, unless that is said.
    turned_away(chain, "--base", *add("bob", "--base", "5"))
    failed(chain, "mimei.head_moved", *add("bob", "--base", "5", "--public"))
    chain.cli(*add("bob", "--base", "0"))
    failed(chain, "mimei.head_moved", *add("bob", "--base", "0", "--public"))
    failed(chain, "mimei.not_allowed", "mimei", "release", which, "--from", "judy")
    failed(chain, "mimei.no_version", "mimei", "release", which, "--version", "9", "--from", "bob")
    failed(chain, "mimei.not_allowed", "mimei", "grant", which, "judy", "backup", "--from", "judy")
    chain.cli("mimei", "grant", which, "judy", "backup", "--from", "bob")
    chain.cli(*add("judy"))
    failed(chain, "mimei.not_allowed", "mimei", "release", which, "--from", "judy")
    chain.cli("mimei", "grant", which, "judy", "none", "--from", "bob")
    failed(chain, "mimei.not_allowed", *add("judy"))
    chain.cli("mimei", "grant", which, "judy", "default", "--from", "bob")
    failed(chain, "mimei.not_allowed", *add("judy"))
    head = chain.cli("mimei", "show", which)
    CHECKS.equal((head["head"]["version"], head["grants"]), ("2", []), "the head after all that")
    turned_away(chain, "lthmm1", "mimei", "show", "lthmm1" + which[6:-1] + ("q" if which[-1] != "q" else "p"), code=2)


def by_vote_or_not_at_all(chain):
    """A command that cannot be an organization's act does not take --propose for nothing: what was meant to be voted on would be done."""
    for args in (["token", "burn", "1tube"], ["mimei", "create"], ["mimei", "add", README], ["org", "create", "hasty", "--symbol", "hasty"]):
        turned_away(chain, "--propose", *args, "--from", "dave", "--propose", "let us vote on it", code=2)


def settled(chain, tx, sent_at):
    """R42: final at once, settled after the publicity period of block time (10 s here) and not before."""
    wait = sent_at + 10.5 - time.time()
    early = rpc(chain.url, "tx_get", tx)["status"]
    if wait > 0:
        CHECKS.equal(early, "final", "before the publicity period is over")
        time.sleep(wait)
    chain.cli("transfer", "--from", "bob", "alice", "1mei")
    CHECKS.equal(rpc(chain.url, "tx_get", tx)["status"], "settled", "after the publicity period and a pulse")
    CHECKS.equal(chain.cli("tx", "show", tx)["status"], "settled", "the same by the command line")


def main():
    with Dev(params=FAST) as chain:
        sent_at = time.time()
        tx = exit_codes(chain)
        transport(chain)
        bytes_by_hand(chain)
        joining(chain)
        issuing(chain)
        votes(chain)
        supervisors(chain)
        mimei(chain)
        settled(chain, tx, sent_at)
        by_vote_or_not_at_all(chain)
        blocks = height_of(chain.url)
        chain.end()
    print(f"refused as they must be: {CHECKS.count} checks over {blocks} blocks of one chain")


if __name__ == "__main__":
    with Score("bad-rpc", "checks") as score:
        score.tried = lambda: CHECKS.count
        main()
