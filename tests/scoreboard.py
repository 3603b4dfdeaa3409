#!/usr/bin/env python3
"""Makes tests/SCOREBOARD.md of the recorded runs in tests/scores.jsonl. Usage: scoreboard.py [--check | --take [LOG]]

--check fails where the page is stale, where a record is malformed, or where a line that must be there has no record.
--take adds the lines of a local log (LEITHER_SCORES, else scores.jsonl in the target directory) to the records and empties the log."""
import json
import os
import pathlib
import re
import sys

TESTS = pathlib.Path(__file__).resolve().parent
RECORDS, PAGE = TESTS / "scores.jsonl", TESTS / "SCOREBOARD.md"
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", pathlib.Path.home() / ".cache/leither/target"))
RECORD_BYTES_MAX = 1_000

# What has to have a record, if only one that says why it was not run: name, what was tried, how.
REQUIRED = [
    ("load", "load held: accepted transactions not in exactly one block, differing blocks or roots, money that does not add up",
     "`leither bench transfers --validators 4 --accounts 10000 --seconds 600 --rate 1500`"),
    ("finality", "finality in good weather, with one validator dead, with 150 ms of round trip: bars that were missed", "`tests/e2e/finality.py`"),
    ("recovery", "next commit after kill -9 of one and of all: bars that were missed", "`tests/e2e/netkill.py 200`"),
    ("kill9", "kill -9 of a validator at random points under load; transactions answered `final` that were lost", "`tests/e2e/kill9.py 50 7`"),
    ("failpoints", "a process dies between one write and the next, at each failpoint, and comes back: final transfers lost, nodes that differ, "
     "content that is half there or lost", "`tests/e2e/failpoints.py`, `tests/e2e/content_deaths.py`"),
    ("partitions", "partitions: 1-3, 2-2 (must halt, then heal), asymmetric, flapping", "`tests/e2e/partition.py`"),
    ("machine-faults", "a paused process, a skewed clock, a full disk, a torn log, a flipped bit: damage that went unnoticed, final transactions lost",
     "`make chaos`, `tests/e2e/full_disk.py`, `tests/e2e/wal.py`"),
    ("byzantine-minority", "villains with less than a third of the power: conflicting commits", "`tests/e2e/byzantine.py`, `tests/e2e/twin.py`"),
    ("byzantine-third", "villains with a third and more: double signs without evidence", "`make twins`"),
    ("sim", "simulated networks: loss, delay, crashes, villains, changes of the set", "`make sim SEEDS=1000 FROM=1`"),
    ("twins", "Twins: two nodes with one key, four nodes cut in two in every way for a few rounds", "`make twins`"),
    ("fuzz", "fuzzing of every decoder, 21 targets ([fuzz/RESULTS.md](fuzz/RESULTS.md)): panics, memory", "`make fuzz`"),
    ("bad-gossip", "malformed gossip and floods on the swarms: panics, memory, slower finality", "`tests/e2e/flood.py`"),
    ("bad-rpc", "what must be refused by HTTP, hand-made bytes and the command line", "`tests/e2e/refusals.py`"),
    ("bad-wasm", "malformed contracts: machines that break or differ", "`make test` (leither-vm, leither-pallets)"),
    ("replays", "transactions, votes and blocks that were sent before", "`tests/e2e/refusals.py`"),
    ("join", "a device joins under load, follows, pledges, votes, is jailed, comes back, leaves; snapshots restored and fetched",
     "`tests/e2e/join.py`"),
    ("upgrade", "a running net goes over to the next rules, node by node", "`tests/e2e/upgrade.py`"),
    ("soak", "hours under load: growth of memory and open files", ""),
]
# Others that are recorded.
FURTHER = [
    ("store-crash", "kill -9 of the database in the middle of commits", "`make test` (leither-store)"),
    ("audit", "every balance recomputed from blocks by a script of its own", "`tests/e2e/audit.py`, called by the others"),
    ("four", "four validators from one genesis, one block and root a height", "`tests/e2e/four.py 15`"),
    ("nat", "a validator behind a router that lets nobody in and is given another address: votes that are missing, forks", "`tests/e2e/nat.py`"),
    ("contracts", "contracts of the CosmWasm ABI by the command line: deployed, executed, asked, migrated, refused, restarted, audited",
     "`tests/e2e/contracts.py`"),
    ("site", "a site as a MiMei: added, served, proven, edited by path, backed up, got back; a conflict, a quota, a kill", "`tests/e2e/site.py`"),
    ("spread", "content over four nodes: provided, found, followed, caught up with by difference, got back by a device that lost it, read after its author's "
     "node is gone, a provider that lies: what is late, fetched twice, lost or wrong", "`tests/e2e/spread.py`"),
    ("turns", "one MiMei edited and moved 100 times by devices on three nodes in turns: a version that is lost, or is not what it was",
     "`tests/e2e/turns.py`"),
    ("machines", "two machines set up by the README and nothing more: content that does not come from one to the other, also after either was started again",
     "`tests/e2e/machines.py`"),
    ("provides", "many MiMeis published at once by one of four nodes: a full round beyond its bar (10 min for 100,000), keys that others do not find, versions "
     "that are wrong, keys that are announced again after a restart", "`tests/e2e/provides.py`; `LEITHER_PROVIDES=100000` for more"),
    ("browser", "a site in a real Chromium from nodes that are not its author's: what does not show, scripts that run where they must not, storage that is seen "
     "from elsewhere", "`tests/e2e/browser.py`"),
    ("verified-fetch", "`@helia/verified-fetch` at the gateway: files, directories, ranges and CARs that differ, changed blocks that pass",
     "`tests/e2e/verified_fetch.py`"),
    ("relay", "two devices behind routers that let nobody in, by a relay: what is not found or not whole", "`tests/e2e/relay.py`"),
    ("beside-kubo", "one file and many added and got beside a real kubo, the gateway beside nginx: ids and bytes that differ", "`tests/e2e/beside_kubo.py`"),
    ("bad-content", "names, paths, links, blocks, CARs, bombs, wells, readers who do not read, two writers, a head that moves, a quota: what is not refused, "
     "memory beyond its bound, anything lost", "`tests/e2e/bad_content.py`"),
    ("strangers", "our nodes as they run with a real kubo and Helia, by bitswap both ways, and by our DHT: bytes that differ, who is not found",
     "`LEITHER_INTEROP=1 tests/e2e/strangers.py`"),
    ("progress", "`--json --progress` and bars of add, get and sync: lines of another shape, that go back or stop short, bars where no person looks",
     "`tests/e2e/progress.py`"),
    ("wide", "a directory of very many entries, added, looked up, listed, changed: what is read wrong", "`tests/e2e/wide.py 1000000`, by hand"),
    ("private", "private content and rights: read by its readers alone, changed by who may", "`tests/e2e/private.py`"),
    ("others", "contracts by others as they were published: a token, an NFT, groups, multisigs, two whole DAOs, by the command line, audited",
     "`scripts/others`, then `tests/e2e/others.py`"),
    ("sequences", "sequences of messages to contracts: differences from cw-multi-test that wasmd does not have", "`make test` (leither-pallets), `tests/multitest`"),
    ("tube", "a video organization pays by contract: votes, views, vouchers, a dry campaign, a ring of fakes; each payee recomputed from the blocks",
     "`tests/e2e/tube.py`, `tests/e2e/shares.py`"),
    ("grants", "organizations pay for tasks, by vote, and for a start that ends: by three templates, each balance recomputed", "`tests/e2e/grants.py`"),
    ("build", "a contract from its author's folder: built, deployed, paid by, verified, also built anew and changed; folders that make none",
     "`tests/e2e/build.py`"),
    ("dividends", "dividends pushed by a running node to many holders, two incomes at once: each paid to the last unit, no pulse delayed",
     "`tests/e2e/dividends.py`; `LEITHER_HOLDERS=100000` for more"),
    ("localnet", "a local network: kill -9, stop, pause, a cut of 2-2, delay, loss, a fifth node", "`tests/e2e/localnet.py`"),
    ("watch", "metrics, health and readiness of a node, and of a pair of which one is killed", "`tests/e2e/watch.py`"),
    ("full-disk", "a disk that fills up under load; transactions that were final and are lost", "`tests/e2e/full_disk.py`"),
    ("full-add", "an add that the disk has no room for: not refused by name, memory beyond its bound, a node that does not go on, anything lost",
     "`tests/e2e/full_add.py`"),
    ("wal", "the engine's write-ahead log fails in three ways; the node ends with advice that helps", "`tests/e2e/wal.py`"),
    ("recover", "half of the validators gone for good: a new start from the old books; a key that changes machines", "`tests/e2e/recover.py`, `tests/e2e/move.py`"),
    ("verbs", "every verb of the wallet against a running node, audited", "`tests/e2e/verbs.py`"),
    ("planted", "planted bugs that the simulator has to find", "`make test` (leither-sim)"),
    ("proof-bytes", "one-byte changes of proofs that still verify", "`make test` (leither-state), `rpc/js`"),
    ("ed25519", "ed25519: Wycheproof, small- and mixed-order keys, single = batch", "`make test` (leither-types)"),
    ("money-model", "random calls by random actors against a rational model of money", "`make test` (leither-pallets)"),
]
LINES = REQUIRED + FURTHER
NAMES = {name for name, *_ in LINES}
FIELDS = {"line": str, "tried": int, "unit": str, "violations": int, "seed": int, "when": str, "commit": str, "why": str, "note": str,
          "not_run": str}

HEAD = """\
# Scoreboard

What was tried, and how often it went wrong. "N tried, 0 violations" means at most 3/N at 95 % confidence (rule of three), never "proved". Each run
notes its own outcome, good or bad, and this page is made of [scores.jsonl](scores.jsonl) by `tests/scoreboard.py`: `make scores` takes the local
runs over. `make test` runs a smaller number of each.

| line | tried | violations | at most, at 95 % | last run | how to run it |
|---|---|---|---|---|---|
"""


def fail(what):
    sys.exit(f"scoreboard: {what}")


def read(path):
    """The records of a file, each of the one form."""
    records = []
    for number, text in enumerate(path.read_text().splitlines(), 1):
        where = f"{path.name}:{number}"
        if len(text.encode()) > RECORD_BYTES_MAX:
            fail(f"{where}: more than {RECORD_BYTES_MAX} bytes")
        try:
            record = json.loads(text)
        except ValueError as error:
            fail(f"{where}: {error}")
        unknown = [name for name in record if name not in FIELDS or type(record[name]) is not FIELDS[name]]
        if unknown:
            fail(f"{where}: {', '.join(unknown)}: no such field, or another type")
        if record.get("line") not in NAMES:
            fail(f"{where}: there is no line {record.get('line')!r}; lines stand in tests/scoreboard.py")
        needed = {"line", "when", "not_run"} if "not_run" in record else {"line", "tried", "unit", "violations", "when"}
        if needed - set(record):
            fail(f"{where}: {', '.join(sorted(needed - set(record)))} missing")
        if not re.fullmatch(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\dZ)?", record["when"]):
            fail(f"{where}: {record['when']!r} is no date")
        if record.get("tried", 1) < 1 or record.get("violations", 0) < 0:
            fail(f"{where}: a run that tried nothing is no run")
        records.append(record)
    return records


def number(value):
    """Three digits at least, with commas."""
    return f"{value:,}"


def bound(tried, violations):
    """The rule of three."""
    return "-" if violations else (f"3/{number(tried)} = {3 / tried:.1g}" if tried > 3 else "-")


def row(name, what, how, records):
    """One line of the page, of all its records."""
    runs = [record for record in records if "not_run" not in record]
    if not runs:
        return f"| {what} | not run: {records[-1]['not_run']} | - | - | - | {how or '-'} |"
    units = {}
    for record in runs:
        sums = units.setdefault(record["unit"], [0, 0, 0])
        for place, value in enumerate((record["tried"], record["violations"], 1)):
            sums[place] += value
    tried = "; ".join(f"{number(all_of)} {unit}{f' in {count} runs' if count > 1 and unit != 'runs' else ''}" for unit, (all_of, _, count) in units.items())
    notes = [record["note"] for record in runs if "note" in record]
    if notes:
        tried += f" ({notes[-1]})"
    wrong = "; ".join(f"{bad}{f' of {unit}' if len(units) > 1 else ''}" for unit, (_, bad, _) in units.items())
    reasons = [record["why"] for record in runs if record["violations"] and "why" in record]
    if reasons:
        wrong += f", the last: {reasons[-1].replace('|', '/')}"
    bounds = "; ".join(bound(all_of, bad) for all_of, bad, _ in units.values())
    last = max(runs, key=lambda record: record["when"])
    when = last["when"][:10] + (f", {last['commit']}" if "commit" in last else "")
    return f"| {what} | {tried} | {wrong} | {bounds} | {when} | {how} |"


def page(records):
    lines = []
    for name, what, how in LINES:
        mine = [record for record in records if record["line"] == name]
        if mine:
            lines.append(row(name, what, how, mine))
    return HEAD + "\n".join(lines) + "\n"


def take(log):
    """Adds a log to the records; its lines are judged first, so that a bad one spoils nothing."""
    fresh = read(log) if log.exists() else []
    if not fresh:
        return 0
    with open(RECORDS, "a") as records:
        records.writelines(json.dumps(record) + "\n" for record in fresh)
    log.write_text("")
    return len(fresh)


def main():
    words = sys.argv[1:]
    if words[:1] == ["--take"] and len(words) <= 2:
        log = pathlib.Path(words[1] if len(words) == 2 else os.environ.get("LEITHER_SCORES") or TARGET / "scores.jsonl")
        print(f"{take(log)} runs taken over from {log}")
    elif words not in ([], ["--check"]):
        sys.exit(__doc__)
    records = read(RECORDS)
    missing = [name for name, *_ in REQUIRED if not any(record["line"] == name for record in records)]
    if missing:
        fail(f"no record of {', '.join(missing)}: run it, or record why it was not run ({{\"line\": …, \"when\": …, \"not_run\": \"why\"}})")
    text = page(records)
    if words == ["--check"]:
        if not PAGE.exists() or PAGE.read_text() != text:
            fail("tests/SCOREBOARD.md is stale: run tests/scoreboard.py")
        print(f"{len(records)} runs of {len({record['line'] for record in records})} lines, the page is made of them")
        return
    PAGE.write_text(text)


if __name__ == "__main__":
    main()
