#!/usr/bin/env python3
"""Contracts by others, as their authors published them, on one chain: a token, an NFT, allowances of money, groups, multisigs and two whole DAOs.
None was written for this chain. What they refuse is refused before it is sent, and in a block it changes nothing; after kill -9 all is as it was;
every balance is recomputed. `scripts/others` builds them; without them nothing is tried.

Usage: others.py [FOLDER]"""
import base64
import json
import pathlib
import sys
import time

from audit import audit
from lib import FAST, Checks, Dev, Score, command, rpc, until

CHECKS = Checks()
MEI = 10**9
BUILT = pathlib.Path.home() / ".cache/leither/others"
WANTED = ["cw20-base", "cw721-base", "cw1-whitelist", "cw1-subkeys", "cw4-group", "cw4-stake", "cw3-fixed-multisig", "cw3-flex-multisig",
          "dao-dao-core", "dao-voting-cw4", "dao-voting-cw20-staked", "cw20-stake", "dao-proposal-single", "dao-pre-propose-single"]
HOUR = {"time": 3_600}
NEVER = {"never": {}}


def packed(message):
    return base64.b64encode(json.dumps(message).encode()).decode()


def pay(to, amount):
    return {"bank": {"send": {"to_address": to, "amount": [{"denom": "nmei", "amount": str(amount)}]}}}


def call(contract, message):
    return {"wasm": {"execute": {"contract_addr": contract, "msg": packed(message), "funds": []}}}


class Chain:
    """A development chain with all the codes stored."""

    def __init__(self, dev, folder):
        self.dev, self.folder = dev, folder
        self.codes = {}
        for name in ["alice", "bob", "carol", "dave", "erin", "judy"]:
            setattr(self, name, dev.cli("account", "show", name)["account"])

    def store(self):
        for name in WANTED:
            file = self.folder / f"{name}.wasm"
            fit = self.dev.cli("contract", "check", file)
            CHECKS.that({"instantiate", "execute", "query"} <= set(fit["entries"]), f"{name} has its entries: {fit['entries']}")
            stored = self.dev.cli("contract", "store", file, "--from", "judy")
            CHECKS.equal((stored["status"], stored["existed"]), ("final", False), f"{name} is stored")
            self.codes[name] = int(stored["code"])
            print(f"{name}: {file.stat().st_size} bytes, stored for {int(stored['fees']) / MEI:.4f} mei")

    def make(self, name, init, *flags):
        line = ["contract", "instantiate", self.codes[name], "--init", json.dumps(init), "--label", name, "--from", "alice", *flags]
        made = self.dev.cli(*line)
        # Those that it makes in its turn come after it.
        born = [event["args"]["contract"] for event in made["receipt"]["events"] if event["event"] == "instantiated"]
        CHECKS.equal(made["address"], born[0], f"which of {len(born)} instances is {name}")
        return made["address"]

    def tell(self, contract, message, who, *flags):
        done = self.dev.cli("contract", "execute", contract, json.dumps(message), "--from", who, *flags)
        CHECKS.equal(done["status"], "final", f"{who}: {message}")
        return done

    def ask(self, contract, message):
        return self.dev.cli("contract", "query", contract, json.dumps(message))["answer"]

    def would(self, contract, message, who):
        """Whether it would be done now."""
        line = ["contract", "execute", contract, json.dumps(message), "--from", who, "--dry-run"]
        return command(line, self.dev.home.name, self.dev.url).returncode == 0

    def refused(self, words, contract, message, who, kept, *flags):
        """Before it is sent, and in a block, where it leaves what `kept` gives as it was."""
        before = kept()
        line = ["contract", "execute", contract, json.dumps(message), "--from", who, *flags]
        answer = self.dev.cli(*line, code=1)["stderr"]
        CHECKS.that(words in answer, f"refused with {words!r}: {answer}")
        sent = self.dev.cli(*line, "--gas", 20_000_000_000, "--no-wait")
        view = self.dev.cli("tx", "wait", sent["tx"], code=1)
        CHECKS.that(view["status"] == "failed" and words in view["receipt"]["failure"]["message"], f"{who}, in a block: {message}: {view}")
        CHECKS.equal(kept(), before, f"unchanged by {message}")

    def free(self, account):
        return int(rpc(self.dev.url, "account_get", account)["mei"]["free"])

    def entered(self, done):
        """Which contracts a transaction entered, by which door."""
        return [(step["entered"]["contract"], step["entered"]["entry"]) for step in self.dev.cli("tx", "trace", done["tx"])["steps"]]


def told(done, key):
    """What the contracts told under a key, in order."""
    rows = [event["args"]["attributes"] for event in done["receipt"]["events"] if event["event"] == "told"]
    return [row["value"] for attributes in rows for row in attributes if row["key"] == key]


def holdings(chain, token):
    """All that have any of a cw20 token, taken page by page."""
    found, after = {}, None
    while True:
        page = chain.ask(token, {"all_accounts": {"start_after": after, "limit": 2}})["accounts"]
        for account in page:
            found[account] = int(chain.ask(token, {"balance": {"address": account}})["balance"])
        if len(page) < 2:
            return found
        after = page[-1]


def cw20(chain):
    rows = [(chain.alice, 1_000), (chain.bob, 500), (chain.carol, 1)]
    init = {"name": "Others", "symbol": "OTH", "decimals": 6, "initial_balances": [{"address": who, "amount": str(amount)} for who, amount in rows],
            "mint": {"minter": chain.alice, "cap": "2000"}}
    token = chain.make("cw20-base", init)
    kept = lambda: (holdings(chain, token), chain.ask(token, {"token_info": {}}))
    refused = lambda words, message, who: chain.refused(words, token, message, who, kept)
    CHECKS.equal(chain.ask(token, {"token_info": {}}), {"name": "Others", "symbol": "OTH", "decimals": 6, "total_supply": "1501"}, "the token")
    done = chain.tell(token, {"transfer": {"recipient": chain.bob, "amount": "100"}}, "alice")
    CHECKS.equal((told(done, "action"), told(done, "amount")), (["transfer"], ["100"]), "what it tells")
    refused("Cannot Sub", {"transfer": {"recipient": chain.alice, "amount": "2"}}, "carol")
    refused("addr", {"transfer": {"recipient": "lth1nobody", "amount": "1"}}, "alice")
    chain.tell(token, {"increase_allowance": {"spender": chain.carol, "amount": "30"}}, "bob")
    draw = lambda amount: {"transfer_from": {"owner": chain.bob, "recipient": chain.dave, "amount": amount}}
    chain.tell(token, draw("20"), "carol")
    refused("Cannot Sub", draw("11"), "carol")
    refused("No allowance for this account", draw("1"), "dave")
    refused("Invalid expiration", {"increase_allowance": {"spender": chain.dave, "amount": "1", "expires": {"at_height": 1}}}, "bob")
    CHECKS.equal(chain.ask(token, {"allowance": {"owner": chain.bob, "spender": chain.carol}}), {"allowance": "10", "expires": NEVER}, "what is left of it")
    chain.tell(token, {"burn_from": {"owner": chain.bob, "amount": "10"}}, "carol")
    CHECKS.equal([row["allowance"] for row in chain.ask(token, {"all_allowances": {"owner": chain.bob}})["allowances"]], ["0"], "used up")
    chain.tell(token, {"burn": {"amount": "1"}}, "carol")
    refused("Unauthorized", {"mint": {"recipient": chain.bob, "amount": "1"}}, "bob")
    refused("cannot exceed the cap", {"mint": {"recipient": chain.bob, "amount": "511"}}, "alice")
    chain.tell(token, {"mint": {"recipient": chain.erin, "amount": "510"}}, "alice")
    CHECKS.equal(chain.ask(token, {"minter": {}}), {"minter": chain.alice, "cap": "2000"}, "the minter")
    wanted = {chain.alice: 900, chain.bob: 570, chain.carol: 0, chain.dave: 20, chain.erin: 510}
    CHECKS.equal(holdings(chain, token), wanted, "who has how much, page by page")
    CHECKS.equal(chain.ask(token, {"token_info": {}})["total_supply"], "2000", "all of it")
    # New code from the same source: what the contract keeps stays.
    chain.dev.cli("contract", "migrate", token, chain.codes["cw20-base"], "{}", "--from", "alice")
    CHECKS.equal(holdings(chain, token), wanted, "migrated")
    return token


def cw721(chain):
    nft = chain.make("cw721-base", {"name": "Films", "symbol": "FILM", "minter": chain.alice})
    owner = lambda name: chain.ask(nft, {"owner_of": {"token_id": name}})["owner"]
    kept = lambda: [(name, owner(name)) for name in chain.ask(nft, {"all_tokens": {}})["tokens"]]
    refused = lambda words, message, who: chain.refused(words, nft, message, who, kept)
    mint = lambda name, to: {"mint": {"token_id": name, "owner": to, "token_uri": f"ipfs://{name}", "extension": None}}
    for name in ["one", "two", "three"]:
        chain.tell(nft, mint(name, chain.bob), "alice")
    refused("already claimed", mint("one", chain.alice), "alice")
    refused("not the contract's current owner", mint("four", chain.bob), "bob")
    refused("not found", {"burn": {"token_id": "four"}}, "bob")
    move = lambda name: {"transfer_nft": {"recipient": chain.dave, "token_id": name}}
    chain.tell(nft, move("one"), "bob")
    refused("current owner", move("two"), "carol")
    chain.tell(nft, {"approve": {"spender": chain.carol, "token_id": "two"}}, "bob")
    CHECKS.equal(chain.ask(nft, {"approvals": {"token_id": "two"}})["approvals"], [{"spender": chain.carol, "expires": NEVER}], "approved")
    chain.tell(nft, move("two"), "carol")
    CHECKS.equal(chain.ask(nft, {"approvals": {"token_id": "two"}})["approvals"], [], "for that once")
    chain.tell(nft, {"approve_all": {"operator": chain.erin}}, "bob")
    chain.tell(nft, {"revoke_all": {"operator": chain.erin}}, "bob")
    refused("current owner", {"burn": {"token_id": "three"}}, "erin")
    CHECKS.equal((owner("one"), owner("two"), owner("three")), (chain.dave, chain.dave, chain.bob), "owners")
    CHECKS.equal(chain.ask(nft, {"tokens": {"owner": chain.dave, "limit": 1, "start_after": "one"}})["tokens"], ["two"], "by owner, page by page")
    chain.tell(nft, {"burn": {"token_id": "two"}}, "dave")
    CHECKS.equal(chain.ask(nft, {"num_tokens": {}})["count"], 2, "burned")
    return nft


def cw1(chain, token):
    """Who may pay out of a proxy, and how much."""
    proxy = chain.make("cw1-subkeys", {"admins": [chain.alice], "mutable": True}, "--funds", "10mei")
    kept = lambda: chain.free(proxy)
    refused = lambda words, message, who: chain.refused(words, proxy, message, who, kept)
    coin = lambda amount: {"denom": "nmei", "amount": str(amount)}
    send = lambda amount: {"execute": {"msgs": [pay(chain.dave, amount)]}}
    refused("No allowance for this account", send(1), "bob")
    chain.tell(proxy, {"increase_allowance": {"spender": chain.bob, "amount": coin(3 * MEI)}}, "alice")
    before = chain.free(chain.dave)
    chain.tell(proxy, send(2 * MEI), "bob")
    CHECKS.equal((chain.free(chain.dave) - before, kept()), (2 * MEI, 8 * MEI), "paid")
    refused("Cannot Sub", send(2 * MEI), "bob")
    refused("Message type rejected", {"execute": {"msgs": [call(token, {"burn": {"amount": "1"}})]}}, "bob")
    CHECKS.equal(chain.ask(proxy, {"allowance": {"spender": chain.bob}})["balance"], [coin(MEI)], "what is left of it")
    # The contract's own admins may do anything that it can pay for, and no more.
    refused("not enough", send(9 * MEI), "alice")
    can = lambda who: chain.ask(proxy, {"can_execute": {"sender": who, "msg": pay(chain.dave, MEI)}})["can_execute"]
    CHECKS.equal((can(chain.alice), can(chain.bob), can(chain.carol)), (True, True, False), "asked beforehand")
    owner = chain.make("cw1-whitelist", {"admins": [proxy], "mutable": True})
    nested = {"execute": {"msgs": [call(owner, {"update_admins": {"admins": [chain.erin]}})]}}
    chain.tell(proxy, nested, "alice")
    CHECKS.equal(chain.ask(owner, {"admin_list": {}}), {"admins": [chain.erin], "mutable": True}, "one contract is another's admin")
    chain.tell(owner, {"freeze": {}}, "erin")
    chain.refused("Unauthorized", owner, {"update_admins": {"admins": [chain.alice]}}, "erin", lambda: chain.ask(owner, {"admin_list": {}}))


def members(chain, group):
    return {row["addr"]: row["weight"] for row in chain.ask(group, {"list_members": {"limit": 30}})["members"]}


def cw4(chain, token):
    group = chain.make("cw4-group", {"admin": chain.alice, "members": [{"addr": chain.alice, "weight": 1}, {"addr": chain.bob, "weight": 2}]})
    update = {"update_members": {"remove": [chain.alice], "add": [{"addr": chain.carol, "weight": 3}, {"addr": chain.bob, "weight": 4}]}}
    chain.refused("not admin", group, update, "bob", lambda: members(chain, group))
    height = int(rpc(chain.dev.url, "chain_getInfo")["height"])
    chain.tell(group, update, "alice")
    CHECKS.equal((members(chain, group), chain.ask(group, {"total_weight": {}})["weight"]), ({chain.bob: 4, chain.carol: 3}, 7), "members")
    CHECKS.equal(chain.ask(group, {"member": {"addr": chain.bob, "at_height": height}})["weight"], 2, "as it was at a height")
    # Weight by what is staked: of money, and of a token that is sent along with a message.
    stake = chain.make("cw4-stake", {"denom": {"native": "nmei"}, "tokens_per_weight": str(MEI), "min_bond": str(2 * MEI), "unbonding_period": {"time": 1}})
    chain.refused("No funds sent", stake, {"bond": {}}, "bob", lambda: members(chain, stake))
    chain.tell(stake, {"bond": {}}, "bob", "--funds", "5mei")
    chain.tell(stake, {"unbond": {"tokens": str(2 * MEI)}}, "bob")
    CHECKS.equal((members(chain, stake), chain.free(stake)), ({chain.bob: 3}, 5 * MEI), "weight by money")
    chain.refused("Cannot Sub", stake, {"unbond": {"tokens": str(4 * MEI)}}, "bob", lambda: (members(chain, stake), chain.free(stake)))
    until("the claim is ripe", 20, lambda: chain.would(stake, {"claim": {}}, "bob"))
    chain.tell(stake, {"claim": {}}, "bob")
    CHECKS.equal(chain.free(stake), 3 * MEI, "claimed")
    chain.refused("No claims", stake, {"claim": {}}, "bob", lambda: chain.free(stake))
    by_token = chain.make("cw4-stake", {"denom": {"cw20": token}, "tokens_per_weight": "10", "min_bond": "10", "unbonding_period": {"height": 1}})
    bond = lambda word: {"send": {"contract": by_token, "amount": "70", "msg": packed({word: {}})}}
    done = chain.tell(token, bond("bond"), "bob")
    CHECKS.equal(chain.entered(done), [(token, "execute"), (by_token, "execute")], "sent, and told of it")
    CHECKS.equal((members(chain, by_token), holdings(chain, token)[by_token]), ({chain.bob: 7}, 70), "weight by a token")
    chain.refused("unknown variant", token, bond("bind"), "bob", lambda: (members(chain, by_token), holdings(chain, token)))
    chain.refused("to stake", by_token, {"receive": {"sender": chain.bob, "amount": "70", "msg": packed({"bond": {}})}}, "bob",
                  lambda: members(chain, by_token))
    return group


def cw3_fixed(chain, token):
    voters = [{"addr": chain.alice, "weight": 1}, {"addr": chain.bob, "weight": 1}, {"addr": chain.carol, "weight": 1}]
    vault = chain.make("cw3-fixed-multisig", {"voters": voters, "threshold": {"absolute_count": {"weight": 2}}, "max_voting_period": HOUR}, "--funds", "10mei")
    chain.tell(token, {"transfer": {"recipient": vault, "amount": "40"}}, "alice")
    status = lambda n: chain.ask(vault, {"proposal": {"proposal_id": n}})["status"]
    kept = lambda: (chain.free(vault), holdings(chain, token)[vault], status(1))
    refused = lambda words, message, who: chain.refused(words, vault, message, who, kept)
    vote = lambda n, word: {"vote": {"proposal_id": n, "vote": word}}
    execute = lambda n: {"execute": {"proposal_id": n}}
    propose = lambda msgs, **more: {"propose": {"title": "as it says", "description": "", "msgs": msgs, **more}}
    spend = [pay(chain.dave, 4 * MEI), call(token, {"transfer": {"recipient": chain.dave, "amount": "15"}})]
    CHECKS.equal(told(chain.tell(vault, propose(spend), "alice"), "proposal_id"), ["1"], "proposed")
    refused("Unauthorized", propose(spend), "dave")
    refused("Unauthorized", vote(1, "yes"), "dave")
    refused("Already voted", vote(1, "yes"), "alice")
    refused("must have passed", execute(1), "alice")
    chain.tell(vault, vote(1, "yes"), "bob")
    CHECKS.equal(status(1), "passed", "two of three")
    money, tokens = chain.free(chain.dave), holdings(chain, token)[chain.dave]
    done = chain.tell(vault, execute(1), "judy")
    CHECKS.equal(chain.entered(done), [(vault, "execute"), (token, "execute")], "its messages")
    CHECKS.equal((chain.free(chain.dave) - money, holdings(chain, token)[chain.dave] - tokens, kept()), (4 * MEI, 15, (6 * MEI, 25, "executed")), "paid both")
    refused("must have passed", execute(1), "judy")
    # More than there is: of two messages the first is taken back with the second.
    chain.tell(vault, propose([pay(chain.dave, MEI), pay(chain.dave, 6 * MEI)]), "alice")
    chain.tell(vault, vote(2, "yes"), "carol")
    refused("not enough", execute(2), "alice")
    CHECKS.equal(status(2), "passed", "not executed")
    chain.tell(vault, propose([], latest={"at_time": str(time.time_ns() + 10**9)}), "bob")
    until("it expires", 20, lambda: status(3) == "rejected")
    refused("voting period has expired", vote(3, "yes"), "alice")
    chain.tell(vault, {"close": {"proposal_id": 3}}, "judy")
    page = chain.ask(vault, {"reverse_proposals": {"start_before": 3, "limit": 1}})["proposals"]
    CHECKS.equal([(row["id"], row["status"], row["msgs"]) for row in page], [(2, "passed", [pay(chain.dave, MEI), pay(chain.dave, 6 * MEI)])], "as it was proposed")


def cw3_flex(chain, token, group):
    """Members are another contract's; a proposal costs a deposit of a token."""
    deposit = {"amount": "10", "denom": {"cw20": token}, "refund_failed_proposals": True}
    init = {"group_addr": group, "threshold": {"threshold_quorum": {"threshold": "0.51", "quorum": "0.5"}}, "max_voting_period": HOUR, "executor": "member",
            "proposal_deposit": deposit}
    vault = chain.make("cw3-flex-multisig", init, "--funds", "5mei")
    status = lambda n: chain.ask(vault, {"proposal": {"proposal_id": n}})["status"]
    kept = lambda: (chain.free(vault), holdings(chain, token), members(chain, group))
    refused = lambda words, message, who: chain.refused(words, vault, message, who, kept)
    vote = lambda n, word: {"vote": {"proposal_id": n, "vote": word}}
    propose = {"propose": {"title": "pay erin", "description": "", "msgs": [pay(chain.erin, 2 * MEI)]}}
    chain.tell(group, {"add_hook": {"addr": vault}}, "alice")
    refused("No allowance for this account", propose, "bob")
    chain.tell(token, {"increase_allowance": {"spender": vault, "amount": "20"}}, "bob")
    before = holdings(chain, token)
    chain.tell(vault, propose, "bob")
    CHECKS.equal((holdings(chain, token)[chain.bob], holdings(chain, token)[vault]), (before[chain.bob] - 10, 10), "a deposit")
    # Bob's 4 of 7 would do already; a newcomer's word counts from the next proposal on.
    CHECKS.equal(status(1), "passed", "4 of 7")
    add = {"update_members": {"remove": [], "add": [{"addr": chain.dave, "weight": 20}]}}
    done = chain.tell(group, add, "alice")
    CHECKS.equal(chain.entered(done), [(group, "execute"), (vault, "execute")], "told of its new member")
    refused("Unauthorized", {"member_changed_hook": {"diffs": []}}, "alice")
    refused("Unauthorized", vote(1, "no"), "dave")
    refused("Unauthorized", {"execute": {"proposal_id": 1}}, "judy")
    money = chain.free(chain.erin)
    chain.tell(vault, {"execute": {"proposal_id": 1}}, "carol")
    CHECKS.equal((chain.free(chain.erin) - money, holdings(chain, token)[chain.bob]), (2 * MEI, before[chain.bob]), "paid, and the deposit is back")
    chain.tell(vault, propose, "bob")
    CHECKS.equal(status(2), "open", "4 of 27")
    chain.tell(vault, vote(2, "yes"), "dave")
    CHECKS.equal(status(2), "passed", "24 of 27")


class Dao:
    """A core with its voting and proposal modules, all made by one message."""

    def __init__(self, chain, name, voting, proposal, *flags):
        self.chain = chain
        init = {"name": name, "description": "as others wrote it", "automatically_add_cw20s": True, "automatically_add_cw721s": True,
                "voting_module_instantiate_info": self.module(*voting), "proposal_modules_instantiate_info": [self.module(*proposal)],
                "initial_items": [{"key": "motto", "value": "unchanged"}]}
        self.core = chain.make("dao-dao-core", init, *flags)
        state = chain.ask(self.core, {"dump_state": {}})
        self.voting = state["voting_module"]
        self.proposals, = [row["address"] for row in state["proposal_modules"]]
        CHECKS.equal((state["admin"], state["config"]["name"], state["active_proposal_module_count"]), (self.core, name, 1), f"{name} is there")
        for module in (self.voting, self.proposals):
            CHECKS.equal(chain.ask(module, {"dao": {}}), self.core, "whose module it is")
            CHECKS.equal(chain.dev.cli("contract", "show", module)["admin"], self.core, "who may give it new code")
        policy = chain.ask(self.proposals, {"proposal_creation_policy": {}})
        self.pre = policy.get("module", {}).get("addr")

    def module(self, code, message):
        return module(self.chain, code, message)

    def status(self, n):
        return self.chain.ask(self.proposals, {"proposal": {"proposal_id": n}})["proposal"]["status"]

    def power(self, who):
        """A voter's, of how much."""
        mine = self.chain.ask(self.core, {"voting_power_at_height": {"address": who}})["power"]
        return int(mine), int(self.chain.ask(self.core, {"total_power_at_height": {}})["power"])

    def propose(self, msgs, who, *flags):
        inner = {"title": "as it says", "description": "", "msgs": msgs}
        if self.pre:
            done = self.chain.tell(self.pre, {"propose": {"msg": {"propose": inner}}}, who, *flags)
        else:
            done = self.chain.tell(self.proposals, {"propose": inner}, who)
        return int(told(done, "proposal_id")[0])

    def vote(self, n, word, *voters):
        for who in voters:
            self.chain.tell(self.proposals, {"vote": {"proposal_id": n, "vote": word}}, who)

    def execute(self, n, who):
        return self.chain.tell(self.proposals, {"execute": {"proposal_id": n}}, who)


def module(chain, code, message):
    return {"code_id": chain.codes[code], "msg": packed(message), "admin": {"core_module": {}}, "funds": [], "label": code}


def rules(threshold, pre):
    return {"threshold": threshold, "max_voting_period": HOUR, "only_members_execute": True, "allow_revoting": False, "pre_propose_info": pre,
            "close_proposal_on_execution_failure": True}


def dao_of_members(chain, token, nft):
    """One member, one vote; who proposes deposits a mei, which comes back when the proposal is executed."""
    people = [chain.alice, chain.bob, chain.carol]
    voting = {"group_contract": {"new": {"cw4_group_code_id": chain.codes["cw4-group"], "initial_members": [{"addr": who, "weight": 1} for who in people]}}}
    deposit = {"denom": {"token": {"denom": {"native": "nmei"}}}, "amount": str(MEI), "refund_policy": "only_passed"}
    pre = {"deposit_info": deposit, "submission_policy": {"specific": {"dao_members": True, "allowlist": [], "denylist": []}}, "extension": {}}
    majority = {"absolute_percentage": {"percentage": {"majority": {}}}}
    info = {"module_may_propose": {"info": module(chain, "dao-pre-propose-single", pre)}}
    dao = Dao(chain, "Members", ("dao-voting-cw4", voting), ("dao-proposal-single", rules(majority, info)), "--funds", "5mei")
    group = chain.ask(dao.voting, {"group_contract": {}})
    CHECKS.that(dao.pre and chain.ask(dao.pre, {"dao": {}}) == dao.core, "its pre-propose module is there")
    CHECKS.equal((dao.power(chain.bob), dao.power(chain.dave)), ((1, 3), (0, 3)), "one member, one vote")
    CHECKS.equal(chain.ask(dao.core, {"get_item": {"key": "motto"}}), {"item": "unchanged"}, "an item")
    kept = lambda: (chain.free(dao.core), chain.free(dao.pre), members(chain, group), chain.ask(dao.proposals, {"proposal_count": {}}))
    refused = lambda words, contract, message, who, *flags: chain.refused(words, contract, message, who, kept, *flags)
    asked = {"propose": {"msg": {"propose": {"title": "no", "description": "", "msgs": []}}}}
    refused("not allowed to submit", dao.pre, asked, "dave", "--funds", "1mei")
    refused("No funds sent", dao.pre, asked, "alice")
    refused("unauthorized", dao.proposals, {"propose": asked["propose"]["msg"]["propose"]}, "alice")
    # The treasury pays.
    first = dao.propose([pay(chain.dave, 3 * MEI)], "alice", "--funds", "1mei")
    CHECKS.equal((chain.free(dao.pre), dao.status(first)), (MEI, "open"), "a deposit")
    refused("not registered to vote", dao.proposals, {"vote": {"proposal_id": first, "vote": "yes"}}, "dave")
    dao.vote(first, "yes", "alice")
    refused("already voted", dao.proposals, {"vote": {"proposal_id": first, "vote": "no"}}, "alice")
    refused("not in 'passed' state", dao.proposals, {"execute": {"proposal_id": first}}, "alice")
    dao.vote(first, "yes", "bob")
    refused("unauthorized", dao.proposals, {"execute": {"proposal_id": first}}, "judy")
    refused("Unauthorized", dao.core, {"execute_proposal_hook": {"msgs": [pay(chain.alice, MEI)]}}, "alice")
    money = chain.free(chain.dave)
    doors = chain.entered(dao.execute(first, "carol"))
    CHECKS.equal((chain.free(chain.dave) - money, chain.free(dao.core), chain.free(dao.pre)), (3 * MEI, 2 * MEI, 0), "the treasury paid, the deposit is back")
    CHECKS.equal([contract for contract, entry in doors if entry == "execute"], [dao.proposals, dao.core, dao.pre], "through its modules")
    CHECKS.equal([contract for contract, entry in doors if entry == "query"], [dao.core, dao.voting, group], "which ask one another who may")
    CHECKS.equal(dao.status(first), "executed", "done")
    # More than there is: the contract hears of the failure, and closes the proposal.
    second = dao.propose([pay(chain.dave, MEI), pay(chain.dave, 5 * MEI)], "alice", "--funds", "1mei")
    dao.vote(second, "yes", "alice", "bob")
    dao.execute(second, "alice")
    CHECKS.equal((dao.status(second), chain.free(dao.core)), ("execution_failed", 2 * MEI), "a failure that it handles")
    # Rejected: the deposit is the treasury's.
    third = dao.propose([pay(chain.dave, MEI)], "bob", "--funds", "1mei")
    dao.vote(third, "no", "alice", "carol")
    CHECKS.equal(dao.status(third), "rejected", "a vote against")
    chain.tell(dao.proposals, {"close": {"proposal_id": third}}, "judy")
    CHECKS.equal((dao.status(third), chain.free(dao.core)), ("closed", 3 * MEI), "a deposit that is lost")
    # Its own rules: a member more, another name, an item, a token and an NFT that it was sent.
    chain.tell(token, {"send": {"contract": dao.core, "amount": "5", "msg": packed({})}}, "alice")
    chain.tell(nft, {"send_nft": {"contract": dao.core, "token_id": "three", "msg": packed({})}}, "bob")
    CHECKS.equal(chain.ask(dao.core, {"cw20_balances": {}}), [{"addr": token, "balance": "5"}], "a token that it was sent")
    CHECKS.equal(chain.ask(dao.core, {"cw721_token_list": {}}), [nft], "an NFT that it was sent")
    config = {"name": "Many", "description": "", "automatically_add_cw20s": True, "automatically_add_cw721s": True}
    changes = [call(group, {"update_members": {"remove": [], "add": [{"addr": chain.dave, "weight": 2}]}}), call(dao.core, {"update_config": {"config": config}}),
               call(dao.core, {"set_item": {"key": "motto", "value": "changed"}}), call(token, {"transfer": {"recipient": chain.erin, "amount": "5"}}),
               call(nft, {"transfer_nft": {"recipient": chain.erin, "token_id": "three"}})]
    tokens = holdings(chain, token)[chain.erin]
    fourth = dao.propose(changes, "carol", "--funds", "1mei")
    dao.vote(fourth, "yes", "alice", "bob")
    dao.execute(fourth, "alice")
    CHECKS.equal((dao.status(fourth), dao.power(chain.dave)), ("executed", (2, 5)), "a member more")
    CHECKS.equal((chain.ask(dao.core, {"config": {}})["name"], chain.ask(dao.core, {"get_item": {"key": "motto"}})), ("Many", {"item": "changed"}), "its own rules")
    CHECKS.equal((holdings(chain, token)[chain.erin] - tokens, chain.ask(nft, {"owner_of": {"token_id": "three"}})["owner"]), (5, chain.erin), "what it had")
    return dao


def dao_of_stakers(chain):
    """Votes by what is staked of a token that the DAO makes with itself."""
    rows = [{"address": chain.alice, "amount": "60"}, {"address": chain.bob, "amount": "40"}]
    new = {"code_id": chain.codes["cw20-base"], "label": "its token", "name": "Stakes", "symbol": "STK", "decimals": 0, "initial_balances": rows,
           "staking_code_id": chain.codes["cw20-stake"], "unstaking_duration": {"time": 1}, "initial_dao_balance": "100"}
    quorum = {"threshold_quorum": {"threshold": {"majority": {}}, "quorum": {"percent": "0.5"}}}
    dao = Dao(chain, "Stakers", ("dao-voting-cw20-staked", {"token_info": {"new": new}}), ("dao-proposal-single", rules(quorum, {"anyone_may_propose": {}})))
    token, stake = chain.ask(dao.voting, {"token_contract": {}}), chain.ask(dao.voting, {"staking_contract": {}})
    CHECKS.equal((dao.pre, holdings(chain, token)), (None, {chain.alice: 60, chain.bob: 40, dao.core: 100}), "its token")
    CHECKS.equal(chain.ask(token, {"minter": {}})["minter"], dao.core, "who makes more of it")
    deposit = lambda amount: {"send": {"contract": stake, "amount": str(amount), "msg": packed({"stake": {}})}}
    kept = lambda: (holdings(chain, token), dao.power(chain.alice))
    for who, amount in [("alice", 50), ("bob", 40)]:
        chain.tell(token, deposit(amount), who)
    CHECKS.equal((dao.power(chain.alice), dao.power(chain.bob)), ((50, 90), (40, 90)), "staked")
    chain.refused("Cannot Sub", token, deposit(11), "alice", kept)
    msgs = [call(token, {"transfer": {"recipient": chain.carol, "amount": "25"}}), call(token, {"mint": {"recipient": chain.dave, "amount": "7"}})]
    number = dao.propose(msgs, "carol")
    dao.vote(number, "no", "bob")
    CHECKS.equal(dao.status(number), "open", "40 against of 90")
    # What is taken away now counts as it did when the vote began.
    chain.tell(stake, {"unstake": {"amount": "30"}}, "alice")
    dao.vote(number, "yes", "alice")
    CHECKS.equal((dao.status(number), dao.power(chain.alice)), ("passed", (20, 60)), "50 for of 90")
    dao.execute(number, "bob")
    wanted = {chain.alice: 10, chain.bob: 0, chain.carol: 25, chain.dave: 7, dao.core: 75, stake: 90}
    CHECKS.equal(holdings(chain, token), wanted, "the treasury paid, and made more")
    chain.refused("Cannot Sub", stake, {"unstake": {"amount": "21"}}, "alice", kept)
    chain.refused("Can not unstake more", stake, {"unstake": {"amount": "61"}}, "alice", kept)
    until("the claim is ripe", 20, lambda: chain.would(stake, {"claim": {}}, "alice"))
    chain.tell(stake, {"claim": {}}, "alice")
    CHECKS.equal(holdings(chain, token), {**wanted, chain.alice: 40, stake: 60}, "claimed")
    chain.refused("Nothing to claim", stake, {"claim": {}}, "alice", kept)
    return dao, token


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else BUILT
    with Score("others", "checks") as score:
        missing = [name for name in WANTED if not (folder / f"{name}.wasm").exists()]
        if missing:
            score.skipped = True
            return print(f"skipped: {folder} has no {', '.join(missing)}: `scripts/others` builds the contracts")
        score.tried = lambda: CHECKS.count
        with Dev("--bare", params=FAST) as dev:
            chain = Chain(dev, folder)
            chain.store()
            token, nft = cw20(chain), cw721(chain)
            cw1(chain, token)
            group = cw4(chain, token)
            cw3_fixed(chain, token)
            cw3_flex(chain, token, group)
            members_dao = dao_of_members(chain, token, nft)
            stakers_dao, stakes = dao_of_stakers(chain)
            look = lambda: (holdings(chain, token), holdings(chain, stakes), chain.free(members_dao.core), members_dao.power(chain.dave),
                            chain.ask(stakers_dao.core, {"dump_state": {}}))
            before = look()
            dev.kill()
            dev.start()
            CHECKS.equal(look(), before, "as it was before kill -9")
            print("audit ok:", audit(dev.url, f"{dev.state}/genesis.json"))
    print(f"{CHECKS.count} checks")


if __name__ == "__main__":
    main()
