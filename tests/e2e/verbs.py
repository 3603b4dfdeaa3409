#!/usr/bin/env python3
"""Each verb of the wallet that the README's tour leaves out does what it says, and what `leither dev` prints is true."""
import json
import os
import pathlib
import re
import shlex
import signal
import subprocess
import tempfile
import time

import handmade
from audit import audit
from lib import FAST, LEITHER, ROOT, Checks, Dev, RpcError, Score, Stream, environment, free_port, height_of, pages, rpc, until

CHECKS = Checks()
ROLES = {"initiator", "investor", "developer", "content_provider", "service_provider", "device_owner", "operations", "marketing"}
README = "./README.md"
MEI = 10**9


def welcome():
    """What a person sees who starts a chain: how soon it answers, and five commands that work as they stand."""
    with tempfile.TemporaryDirectory(prefix="leither-e2e-") as home:
        chain = Dev()
        try:
            began = time.time()
            chain.spawn(json_output=False)
            chain.wait_for_rpc()
            answered_s = time.time() - began
            text = ""
            while "Ctrl-C" not in text:
                line = chain.process.stdout.readline()
                CHECKS.that(line, f"it ended after saying {text!r}:\n{chain.said()}")
                text += line
            CHECKS.that(chain.url in text, f"it says where JSON-RPC is:\n{text}")
            shown = dict(re.findall(r"^  (\w+) +(lth1\w+) ", text, re.M))
            found = {one["name"]: one["account"] for one in rpc(chain.url, "dev_getAccounts")["accounts"]}
            CHECKS.equal(shown, found, "the accounts that it prints")
            CHECKS.equal(len(found), 10, "funded accounts")
            commands = [line.strip() for line in text.split("try\n", 1)[1].splitlines() if line.startswith("  leither ")]
            CHECKS.equal(len(commands), 5, "commands to try")
            env = environment(home, PATH=f"{LEITHER.parent}:{os.environ['PATH']}")
            for line in commands:
                done = subprocess.run(shlex.split(line), capture_output=True, text=True, env=env, cwd=ROOT)
                CHECKS.that(done.returncode == 0, f"{line} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
            by_role = [role for member in pages(chain.url, "org_getMembers", "demo-tube") for role in member["roles"]]
            CHECKS.equal(set(by_role), ROLES, "roles that somebody has in demo-tube")
            chain.process.send_signal(signal.SIGINT)
            chain.ends(0, 20)
        finally:
            chain.__exit__()
    CHECKS.that(answered_s <= 10, f"JSON-RPC answered only after {answered_s:.1f} s")
    return answered_s


def throw_away():
    """Without --state nothing is left behind."""
    with tempfile.TemporaryDirectory(prefix="leither-e2e-") as text:
        temporary = pathlib.Path(text) / "tmp"
        temporary.mkdir()
        port = free_port()
        line = [str(LEITHER), "dev", "--bare", "--set", f"rpc.listen=127.0.0.1:{port}", "--set", f"consensus.listen=127.0.0.1:{free_port()}",
                "--set", "gateway.listen=127.0.0.1:0", "--set", "swarm.listen=127.0.0.1:0"]
        process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment(text, TMPDIR=str(temporary)))
        try:
            until("the throw-away chain answers", 20, lambda: answers(port))
            CHECKS.that(list(temporary.iterdir()), "its state is in the temporary directory while it runs")
            process.send_signal(signal.SIGINT)
            CHECKS.equal(process.wait(20), 0, "its exit code after Ctrl-C")
            CHECKS.equal(list(temporary.iterdir()), [], "what is left behind")
        finally:
            process.kill()
            process.wait()


def answers(port):
    try:
        return rpc(f"http://127.0.0.1:{port}", "chain_getInfo")
    except OSError:
        return None


def keys(chain):
    made = chain.cli("keys", "new", "first", "--backend", "test")
    CHECKS.equal(len(made["words"].split()), 24, "words of a new key")
    again = chain.cli("keys", "import", "second", "--backend", "test", stdin=made["words"].upper() + "\n")
    CHECKS.equal((again["account"], again["path"]), (made["account"], made["path"]), "the key of the same words")
    other = chain.cli("keys", "import", "third", "--backend", "test", "--account", 1, stdin=made["words"])
    CHECKS.that(other["account"] != made["account"], "another account of the words is another account")
    seed = chain.cli("keys", "export", "first", "--yes-show-secret")["seed"]
    of_seed = chain.cli("keys", "import", "fourth", "--backend", "test", "--seed", stdin=seed)
    CHECKS.equal(of_seed["account"], made["account"], "the key of the seed")
    chain.cli("keys", "export", "first", code=2)
    chain.cli("keys", "new", "first", "--backend", "test", code=2)
    chain.cli("keys", "import", "fifth", "--backend", "test", stdin="twelve words or twenty four it is", code=2)
    right = {"LEITHER_PASSWORD": "correct horse"}
    sealed = chain.cli("keys", "new", "sealed", env=right)
    CHECKS.equal(chain.cli("keys", "show", "sealed")["backend"], "file", "how a key is kept where nothing is said")
    chain.cli("transfer", "--from", "alice", "sealed", "1mei")
    chain.cli("transfer", "--from", "sealed", "alice", "0.5mei", env=right)
    chain.cli("transfer", "--from", "sealed", "alice", "0.1mei", env={"LEITHER_PASSWORD": "wrong horse"}, code=2)
    chain.cli("transfer", "--from", sealed["account"], "alice", "0.1mei", code=2)
    text = (pathlib.Path(chain.home.name) / "keys/sealed.json").read_text()
    seed = chain.cli("keys", "export", "sealed", "--yes-show-secret", env=right)["seed"]
    CHECKS.that(seed.removeprefix("0x") not in text, "the file of an encrypted key does not show it")
    names = [key["name"] for key in chain.cli("keys", "list")["keys"]]
    CHECKS.equal(names, ["first", "fourth", "sealed", "second", "third"], "keys on the list")


def transactions(chain):
    before = chain.cli("account", "show", "alice")
    tried = chain.cli("transfer", "--from", "alice", "bob", "3mei", "--dry-run")
    CHECKS.that(tried["status"] == "simulated" and tried["receipt"]["done"], f"--dry-run: {tried}")
    CHECKS.equal({**chain.cli("account", "show", "alice"), "height": 0}, {**before, "height": 0}, "alice after --dry-run")
    short = chain.cli("transfer", "--from", "alice", "bob", "9000000mei", "--dry-run", code=1)
    CHECKS.equal(short["receipt"]["failure"]["error"], "short", "--dry-run of what would be refused")
    sent = chain.cli("transfer", "--from", "alice", "bob", "3mei", "--memo", "lunch", "--no-wait")
    CHECKS.that(sent["status"] == "pending" and sent["receipt"] is None, f"--no-wait: {sent}")
    done = chain.cli("tx", "wait", sent["tx"])
    shown = chain.cli("tx", "show", sent["tx"])
    CHECKS.equal((done["status"], shown["height"], shown["receipt"]), ("final", done["height"], done["receipt"]), "tx wait and tx show")
    CHECKS.equal(shown["tx"]["calls"][0]["args"]["memo"], "lunch", "its memo")
    chain.cli("tx", "show", "0x" + "33" * 32, code=1)
    chain.cli("tx", "wait", "0x" + "33" * 32, "--timeout-ms", 200, code=1)
    chain.cli("tx", "show", "no-id", code=2)
    history = chain.cli("account", "history", "bob", "--limit", 1)
    CHECKS.equal(history["items"][0]["tx"], sent["tx"], "the newest line of bob's history")

    raw = shown["tx"]["raw"]
    words = rpc(chain.url, "tx_describe", raw)
    CHECKS.equal((words["tx"]["id"], len(words["lines"])), (sent["tx"], 3), "tx_describe: a sentence a call, fee, expiry")
    CHECKS.that("3000000000" in words["lines"][0] and chain.ready["accounts"]["bob"] in words["lines"][0], f"tx_describe: {words['lines']}")
    used = rpc(chain.url, "tx_simulate", raw)
    CHECKS.equal((used["receipt"], used["refusal"]["data"]["reason"]), (None, "tx_nonce_used"), "tx_simulate of what was done")
    # Unsigned, by somebody whose key only the witness names.
    info, alice = rpc(chain.url, "chain_getInfo"), rpc(chain.url, "account_get", chain.ready["accounts"]["alice"])
    call = handmade.transfer(chain.ready["accounts"]["bob"], 5)
    tx = handmade.payload(info["chain"], [alice["account"]], int(alice["next_nonce"]), int(info["time"]) + 60_000, [call])
    unsigned = "0x" + (tx + handmade.listed([bytes.fromhex(alice["key"][2:]) + bytes(64)])).hex()
    would = rpc(chain.url, "tx_simulate", unsigned)
    CHECKS.that(would["refusal"] is None and would["receipt"]["done"], f"tx_simulate of what is not signed yet: {would}")
    try:
        rpc(chain.url, "tx_submit", unsigned)
        CHECKS.that(False, "a transaction without a signature was taken")
    except RpcError as error:
        CHECKS.equal(error.reason, "tx_bad_signature", "tx_submit of the same")


def node(chain):
    status = chain.cli("status")
    validators = chain.cli("validator", "list")
    CHECKS.equal([status["validator"]], [one["validator"] for one in validators["validators"]], "who validates")
    CHECKS.equal((validators["total_power"], status["syncing"], status["pool_txs"]), ("1000", False, 0), "a quiet node")
    CHECKS.equal(rpc(chain.url, "node_getPeers")["items"], [], "peers of a chain that is alone")
    accounts = rpc(chain.url, "dev_getAccounts")
    CHECKS.equal({one["name"]: one["account"] for one in accounts["accounts"]}, chain.ready["accounts"], "dev_getAccounts")
    CHECKS.that(rpc(chain.url, "rpc.discover") == json.loads((ROOT / "spec/openrpc.json").read_text()), "rpc.discover is spec/openrpc.json")


def subscription(chain):
    """RPC-17: every pulse in order from where one asks, the ids where one wants them, and the end."""
    stream = Stream(chain.url)
    stream.send("chain_subscribe", "1", True)
    opened = stream.receive()["result"]
    top = height_of(chain.url)
    seen = [stream.receive()["params"]["result"] for _ in range(top)]
    CHECKS.equal([(one["kind"], one["height"]) for one in seen], [("pulse", str(n + 1)) for n in range(top)], "pulses from the first on")
    sent = chain.cli("transfer", "--from", "carol", "dave", "1mei")
    while True:
        pulse = stream.receive()["params"]["result"]
        if int(pulse["height"]) >= int(sent["height"]):
            break
    CHECKS.equal((pulse["height"], pulse["txs"]), (sent["height"], [sent["tx"]]), "the pulse with a transaction just sent")
    stream.send("chain_unsubscribe", opened, id=2)
    answer = stream.receive()
    while answer.get("id") != 2:
        answer = stream.receive()
    CHECKS.equal(answer["result"], True, "chain_unsubscribe")
    stream.close()


def number_of(answer):
    """The README: the number of the proposal is in the answer."""
    CHECKS.that("proposal" in answer, f"no number of a proposal in {answer}")
    return str(answer["proposal"])


def club(chain):
    """An organization from its founding to a vote of heads, and a member that leaves."""
    url = chain.url
    made = chain.cli("org", "create", "club", "--symbol", "club", "--decimals", 2, "--from", "erin")
    CHECKS.that("club" in [org["name"] for org in pages(url, "org_list")], "org_list has what was founded")
    view = chain.cli("org", "show", "club")
    CHECKS.equal((view["org"], view["members"], view["decimals"], view["supply"]), (made["org"], 1, 2, "0"), "org show")
    chain.cli("org", "apply", "club", "--from", "frank", "--note", "let me in")
    chain.cli("org", "sponsor", "club", "grace", "--from", "erin")
    chain.cli("org", "apply", "club", "--from", "grace")
    waiting = {one["account"]: one for one in pages(url, "org_getApplications", "club")}
    accounts = chain.ready["accounts"]
    CHECKS.equal(set(waiting), {accounts["frank"], accounts["grace"]}, "org_getApplications")
    CHECKS.equal(waiting[accounts["frank"]]["note"], "let me in", "frank's note")
    CHECKS.equal(waiting[accounts["grace"]]["sponsor"], accounts["erin"], "grace's sponsor")
    CHECKS.equal(chain.cli("org", "applications", "club")["items"], list(waiting.values()), "org applications")
    chain.cli("org", "withdraw", "club", "frank", "--from", "frank")
    CHECKS.equal([one["account"] for one in pages(url, "org_getApplications", "club")], [accounts["grace"]], "after a withdrawal")
    chain.cli("org", "admit", "club", "grace", "--from", "erin")
    chain.cli("org", "apply", "club", "--from", "heidi")
    chain.cli("org", "admit", "club", "heidi", "--from", "erin")
    chain.cli("org", "role", "club", "grace", "developer", "--from", "erin")
    chain.cli("org", "role", "club", "grace", "marketing", "--from", "erin")
    chain.cli("org", "role", "club", "grace", "developer", "--take", "--from", "erin")
    member = next(m for m in pages(url, "org_getMembers", "club") if m["account"] == accounts["grace"])
    CHECKS.equal(member["roles"], ["marketing"], "a role given and taken")
    chain.cli("org", "leave", "club", "--from", "heidi")
    CHECKS.equal(chain.cli("org", "show", "club")["members"], 2, "members after one has left")

    # By vote of two heads: the treasury pays what a JSON of calls says, in the very form in which blocks show calls.
    chain.cli("transfer", "--from", "erin", "@club", "5mei")
    paid = chain.cli("transfer", "--from", "erin", "frank", "2mei", "--memo", "prize")
    calls = rpc(url, "tx_get", paid["tx"])["tx"]["calls"]
    path = pathlib.Path(chain.home.name) / "calls.json"
    path.write_text(json.dumps(calls))
    number = number_of(chain.cli("org", "propose", "club", "--title", "the same prize again", "--calls", str(path), "--from", "grace"))
    before = int(rpc(url, "account_get", accounts["frank"])["mei"]["free"])
    chain.cli("org", "vote", "club", number, "yes", "--from", "grace")
    chain.cli("org", "vote", "club", number, "yes", "--from", "erin")
    CHECKS.equal(int(rpc(url, "account_get", accounts["frank"])["mei"]["free"]) - before, 2 * MEI, "what the vote paid frank")
    number = number_of(chain.cli("transfer", "frank", "1mei", "--treasury", "club", "--propose", "one more", "--from", "grace"))
    for who in ("grace", "erin"):
        chain.cli("org", "vote", "club", number, "no", "--from", who)
    stages = [(one["number"], one["stage"]) for one in chain.cli("org", "proposals", "club")["items"]]
    CHECKS.equal(sorted(stages), [("0", "done"), ("1", "rejected")], "how both votes ended")
    veto(chain)
    chain.cli("org", "expel", "club", "grace", "--from", "erin")
    CHECKS.equal(chain.cli("org", "members", "club")["items"][0]["account"], accounts["erin"], "who is left")


def veto(chain):
    """The charter is amended by vote; under the new one what has passed can still be stopped."""
    charter = chain.cli("org", "charter", "erin")
    charter["veto_ms"] = "3600000"
    path = pathlib.Path(chain.home.name) / "charter.json"
    path.write_text(json.dumps(charter))

    def voted(*opening):
        number = number_of(chain.cli(*opening, "--from", "erin"))
        for who in ("erin", "grace"):
            chain.cli("org", "vote", "club", number, "yes", "--from", who)
        return number

    voted("org", "amend", "club", "--charter", str(path), "--propose", "time to think")
    CHECKS.equal(chain.cli("org", "show", "club")["charter"]["veto_ms"], "3600000", "the amended charter")
    number = voted("transfer", "frank", "1mei", "--treasury", "club", "--propose", "one more, again")
    stage = lambda: next(p["stage"] for p in pages(chain.url, "org_getProposals", "club") if p["number"] == number)
    CHECKS.equal(stage(), "passed", "what has passed waits for a veto")
    chain.cli("org", "veto", "club", number, "--from", "erin")
    CHECKS.equal(stage(), "vetoed", "after the veto")


def tokens(chain):
    before = chain.cli("token", "show", "tube")
    chain.cli("token", "burn", "1.5tube", "--from", "dave")
    after = chain.cli("token", "show", "tube")
    CHECKS.equal(int(before["supply"]) - int(after["supply"]), 1_500_000, "supply after burning 1.5")
    CHECKS.equal(int(after["burned"]) - int(before["burned"]), 1_500_000, "burned")
    CHECKS.equal(chain.cli("token", "balance", "tube", "dave")["free"], str(898_500_000), "dave's units")
    holders = chain.cli("token", "holders", "tube", "--limit", 3)
    CHECKS.equal(len(holders["items"]), 3, "a page of three")
    rest = chain.cli("token", "holders", "tube", "--after", holders["next"])
    CHECKS.equal(len({one["account"] for one in holders["items"] + rest["items"]}), 8, "holders on both pages")
    chain.cli("token", "show", "nosuch", code=1)
    # An income while nothing is pushed: an organization whose dividends are claimed.
    charter = {**chain.cli("org", "charter", "frank"), "push_least": "0", "issuance_cap": "1000"}
    path = pathlib.Path(chain.home.name) / "charter.json"
    path.write_text(json.dumps(charter))
    chain.cli("org", "create", "slow", "--symbol", "slow", "--decimals", 0, "--charter", str(path), "--from", "frank")
    chain.cli("org", "issue", "slow", "frank", "10slow", "--role", "initiator", "--reason", "the idea", "--evidence", README, "--from", "frank")
    chain.cli("org", "income", "slow", "10mei", "--note", "the first", "--from", "judy")
    owed = chain.cli("token", "balance", "slow", "frank")["claimable"]
    CHECKS.equal([one["amount"] for one in owed], [str(9 * MEI)], "what frank may claim")
    had = int(chain.cli("account", "show", "frank")["mei"]["free"])
    claimed = chain.cli("org", "claim", "slow", "--from", "frank")
    has = int(chain.cli("account", "show", "frank")["mei"]["free"])
    CHECKS.equal(has - had, 9 * MEI - int(claimed["receipt"]["fee"]), "what the claim brought, less its fee")
    kinds = [line["kind"] for line in chain.cli("org", "ledger", "slow")["items"]]
    CHECKS.equal(sorted(kinds), ["income", "issuance"], "the ledger of the organization")


def streams(chain):
    """Money over time: locked, paid step by step by whoever causes it, ended; one's own; an organization's by vote."""
    url, accounts = chain.url, chain.ready["accounts"]
    free = lambda who: int(rpc(url, "account_get", accounts[who])["mei"]["free"])
    locked = lambda who: int(rpc(url, "account_get", accounts[who])["mei"]["locked"])
    before = locked("heidi")
    year = ["--for", "365d", "--every", "30d", "--cliff", "90d"]
    tried = chain.cli("stream", "open", "ivan", "12mei", *year, "--from", "heidi", "--dry-run")
    CHECKS.equal((tried["status"], locked("heidi")), ("simulated", before), "stream open --dry-run")
    made = chain.cli("stream", "open", "ivan", "12mei", *year, "--from", "heidi")["stream"]
    shown = chain.cli("stream", "show", made)
    CHECKS.equal((shown["opener"], shown["to"], shown["amount"], shown["due"]), (accounts["heidi"], accounts["ivan"], str(12 * MEI), "0"), "stream show")
    CHECKS.equal(int(shown["cliff"]) - int(shown["start"]), 90 * 86_400_000, "its cliff")
    CHECKS.equal((shown["next"], shown["is_fixed"]), (shown["cliff"], False), "when something is due")
    CHECKS.equal(locked("heidi") - before, 12 * MEI + int(shown["deposit"]), "what is locked")
    refused = chain.cli("stream", "draw", made, "--from", "judy", "--dry-run", code=1)
    CHECKS.equal(refused["receipt"]["failure"]["error"], "nothing_due", "a draw before the cliff")
    chain.cli("stream", "cancel", made, "--from", "judy", code=1)
    chain.cli("stream", "cancel", made, "--from", "heidi")
    CHECKS.equal(locked("heidi"), before, "what is locked after the end")
    chain.cli("stream", "show", made, code=1)

    quick = chain.cli("stream", "open", "ivan", "3mei", "--for", "3s", "--from", "heidi", "--fixed")["stream"]
    CHECKS.equal([one["stream"] for one in chain.cli("stream", "list", "ivan")["items"]], [quick], "streams that pay ivan")
    CHECKS.equal([one["stream"] for one in pages(url, "stream_list", None, accounts["heidi"])], [quick], "stream_list of an opener")
    CHECKS.equal(chain.cli("stream", "list", "heidi")["items"], [], "streams that pay heidi")
    chain.cli("stream", "cancel", quick, "--from", "heidi", code=1)
    had = free("ivan")
    time.sleep(max(0, int(chain.cli("stream", "show", quick)["end"]) / 1_000 + 0.1 - time.time()))
    chain.cli("stream", "draw", quick, "--from", "judy")
    CHECKS.equal((free("ivan") - had, locked("heidi")), (3 * MEI, before), "all of it, drawn by somebody else")
    newest = chain.cli("account", "history", "ivan", "--limit", 1)["items"][0]
    CHECKS.equal(newest["calls"], ["streams.draw"], "the draw in the payee's history")
    CHECKS.equal(chain.cli("stream", "list", "heidi", "--opened")["items"], [], "after the last draw")

    chain.cli("stream", "open", "heidi", "1mei", "--for", "1d", "--from", "heidi", code=1)
    own = chain.cli("stream", "open", "heidi", "1mei", "--for", "1d", "--fixed", "--from", "heidi")["stream"]
    chain.cli("stream", "cancel", own, "--from", "heidi", code=1)
    chain.cli("stream", "open", "ivan", "1mei", "--for", "1s", "--every", "2s", "--from", "heidi", code=2)
    chain.cli("stream", "open", "ivan", "1mei", "--for", "never", "--from", "heidi", code=2)
    try:
        rpc(url, "stream_list", accounts["ivan"], accounts["heidi"])
        CHECKS.that(False, "a list of two sides was answered")
    except RpcError as error:
        CHECKS.equal(error.reason, "invalid_params", "stream_list of two sides")

    chain.cli("stream", "open", "ivan", "0.5mei", "--for", "1d", "--treasury", "slow", "--from", "frank", code=2)
    day = ["--for", "1d", "--treasury", "slow", "--propose", "ivan's day"]
    number = number_of(chain.cli("stream", "open", "ivan", "0.5mei", *day, "--from", "frank"))
    chain.cli("org", "vote", "slow", number, "yes", "--from", "frank")
    paid = list(pages(url, "stream_list", accounts["ivan"], None))
    treasury = rpc(url, "org_get", "slow")["treasury"]
    CHECKS.equal([(one["opener"], one["depositor"]) for one in paid], [(treasury, treasury)], "a stream that an organization pays")
    chain.cli("stream", "cancel", paid[0]["stream"], "--from", "ivan")
    CHECKS.equal(list(pages(url, "stream_list", accounts["ivan"], None)), [], "the payee renounced")


def mimei(chain):
    """R1 to R10: an id that stays, versions, a release, a variation, references, rights, another owner."""
    named = ["--app", "notes", "--type", "dir", "--mark", "diary"]
    made = chain.cli("mimei", "create", *named, "--from", "ivan")["mimei"]
    CHECKS.equal(chain.cli("mimei", "create", *named, "--from", "ivan")["mimei"], made, "the same app, type and mark")
    CHECKS.that(chain.cli("mimei", "create", *named, "--from", "judy")["mimei"] != made, "another author's is another")
    chain.cli("mimei", "release", made, "--from", "ivan", code=2)
    first = chain.cli("mimei", "add", "./LICENSE", "--mimei", made, "--from", "ivan")
    second = chain.cli("mimei", "add", README, "--mimei", made, "--from", "ivan")
    CHECKS.equal((first["version"], second["version"]), ("0", "1"), "versions")
    chain.cli("mimei", "release", made, "--version", 0, "--from", "ivan")
    shown = chain.cli("mimei", "show", made)
    CHECKS.equal((shown["head"]["version"], shown["head"]["cid"], shown["release"]), ("1", second["cid"], "0"), "head and release")
    versions = chain.cli("mimei", "versions", made)["items"]
    CHECKS.equal([(one["version"], one["cid"]) for one in versions], [("1", second["cid"]), ("0", first["cid"])], "its versions")
    fork = chain.cli("mimei", "fork", made, "--mark", "mine", "--from", "judy")["mimei"]
    forked = chain.cli("mimei", "show", fork)
    CHECKS.equal((forked["head"]["version"], forked["head"]["cid"]), ("0", second["cid"]), "a fork's first version")
    CHECKS.equal(forked["forked_from"], {"mimei": made, "version": "1"}, "where it comes from")
    chain.cli("mimei", "ref", "add", fork, made, "--from", "judy")
    CHECKS.equal(chain.cli("mimei", "show", made)["referenced"], 1, "referenced once")
    chain.cli("mimei", "ref", "add", fork, made, "--from", "judy")
    chain.cli("mimei", "ref", "add", fork, fork, "--from", "judy")
    refers = sorted([{"to": made, "count": 2}, {"to": fork, "count": 1}], key=lambda one: handmade.id_bytes(one["to"]))
    CHECKS.equal(chain.cli("mimei", "ref", "list", fork)["items"], refers, "what it refers to, and how often")
    first = chain.cli("mimei", "ref", "list", fork, "--limit", 1)
    rest = chain.cli("mimei", "ref", "list", fork, "--after", first["next"])
    CHECKS.equal((first["items"] + rest["items"], rest["next"]), (refers, None), "the same in two pages")
    CHECKS.equal(list(pages(chain.url, "mimei_getReferences", fork)), refers, "mimei_getReferences")
    CHECKS.equal(chain.cli("mimei", "ref", "list", made)["items"], [], "what refers to nothing")
    chain.cli("mimei", "ref", "list", "lthmm1ucmmgphsmfqpyq26mfrrcmcdq4v8rkem70mn63", code=1)
    chain.cli("mimei", "ref", "del", fork, fork, "--from", "judy")
    chain.cli("mimei", "ref", "del", fork, made, "--from", "judy")
    CHECKS.equal(chain.cli("mimei", "ref", "list", fork)["items"], [{"to": made, "count": 1}], "what is left of two")
    chain.cli("mimei", "ref", "del", fork, made, "--from", "judy")
    CHECKS.equal((chain.cli("mimei", "show", made)["referenced"], chain.cli("mimei", "ref", "list", fork)["items"]), (0, []), "referenced no more")
    chain.cli("mimei", "ref", "del", fork, made, "--from", "judy", code=1)
    chain.cli("mimei", "give", fork, "ivan", "--from", "judy")
    CHECKS.equal(chain.cli("mimei", "show", fork)["owner"], chain.ready["accounts"]["ivan"], "its owner after it was given away")
    chain.cli("mimei", "release", fork, "--from", "judy", code=1)
    CHECKS.that(fork in [one["mimei"] for one in chain.cli("mimei", "list", "judy")["items"]], "what was given away stands with its author")
    said = chain.cli("mimei", "add", "./spec", "--type", "file", "--from", "ivan", code=2)["stderr"]
    CHECKS.that("is a directory" in said, f"a directory is no file: {said}")
    bare = chain.cli("mimei", "add", "./rustfmt.toml", "--only-hash", "--from", "judy")["mimei"]
    said = chain.cli("mimei", "restore", bare, code=1)["stderr"]
    CHECKS.that("nobody is connected" in said, f"content that nobody has, by a node that answers: {said}")
    CHECKS.that(made in [one["mimei"] for one in chain.cli("mimei", "list", "ivan")["items"]], "mimei list")
    proven = chain.cli("prove", "--mimei", made)
    CHECKS.that(proven["verified"] and proven["present"], f"prove --mimei: {proven}")
    chain.cli("prove", "--mimei", made, "--chain", "0x" + "44" * 32, code=1)


def main():
    answered_s = welcome()
    throw_away()
    with Dev(params=FAST) as chain:
        for part in (keys, transactions, node, subscription, club, tokens, streams, mimei):
            part(chain)
        told = audit(chain.url, f"{chain.state}/genesis.json")
        chain.end()
    print(f"dev answered after {answered_s:.2f} s (bar 2 s); {CHECKS.count} checks of verbs and of what dev prints; audit ok: {told}")


if __name__ == "__main__":
    with Score("verbs", "checks") as score:
        score.tried = lambda: CHECKS.count
        main()
