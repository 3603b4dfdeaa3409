#!/usr/bin/env python3
"""A contract from its author's folder, end to end: a template's source, copied out of the repository into a workspace of its own, is built,
deployed as an organization's consensus contract, pays, and is verified against the code on chain, also after it was built anew and after its
source was changed. Folders that make no contract are refused before anything is paid.

It builds by LEITHER_WASM_CARGO, else by cargo where its compiler has the wasm32 target; where there is neither, nothing is tried.
Usage: build.py"""
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import tomllib

from audit import audit
from lib import FAST, ROOT, Checks, Dev, Score, rpc

CHECKS = Checks()
MEI = 10**9
BUILDER = "LEITHER_WASM_CARGO"
TARGET = "wasm32-unknown-unknown"
TEMPLATE = ROOT / "contracts/templates/revenue-share"
LINES = [
    {"name": "makers", "bp": 6000, "to": {"payees": {"payees": [{"who": "$bob", "weight": 2}, {"who": "$carol", "weight": 1}]}}},
    {"name": "reserve", "bp": 4000, "to": {"treasury": {}}},
]


def toolchain():
    """What the command line needs to be told to build by; nothing where this machine cannot."""
    if os.environ.get(BUILDER):
        return {BUILDER: os.environ[BUILDER]}
    try:
        done = subprocess.run(["rustc", "--print", "sysroot"], cwd=ROOT, capture_output=True, text=True)
    except OSError:
        return None
    has = done.returncode == 0 and (pathlib.Path(done.stdout.strip()) / "lib/rustlib" / TARGET).is_dir()
    return {} if has else None


def inline(value):
    """As a manifest has it in one line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {json.dumps(item)}" for name, item in value.items()) + " }"
    return json.dumps(value)


def crate(folder):
    """The template as somebody else's: what it took from its workspace stands in its own manifest."""
    root = tomllib.loads((ROOT / "Cargo.toml").read_text())
    shared = {**root["workspace"]["package"], **root["workspace"]["dependencies"], "leither-sdk": {"path": str(ROOT / "contracts/sdk")}}
    lines = []
    for line in (TEMPLATE / "Cargo.toml").read_text().splitlines():
        name, taken, _ = line.partition(".workspace = true")
        lines.append(f"{name} = {inline(shared[name])}" if taken else line)
    profile = {**root["profile"]["release"], **root["profile"]["contract"]}
    profile.pop("inherits")
    lines += ["[profile.release]", *(f"{name} = {json.dumps(value)}" for name, value in profile.items()), "[workspace]"]
    shutil.copytree(TEMPLATE / "src", folder / "src")
    (folder / "Cargo.toml").write_text("\n".join(lines) + "\n")
    # The versions that the template was tried with.
    shutil.copy(ROOT / "Cargo.lock", folder)
    return folder


def small(folder, source, kind="cdylib"):
    """A crate of one file that needs nothing."""
    (folder / "src").mkdir(parents=True)
    (folder / "src/lib.rs").write_text(source)
    (folder / "Cargo.toml").write_text(f'[package]\nname = "{folder.name}"\nversion = "0.1.0"\nedition = "2024"\n[lib]\ncrate-type = ["{kind}"]\n[workspace]\n')
    return folder


class Author:
    """Who has a folder, and a chain to try it on."""

    def __init__(self, chain, top, env):
        self.chain, self.folder = chain, crate(top / "mine")
        # Nothing of it lies among this repository's own builds.
        self.target = top / "target"
        self.env = {**env, "CARGO_TARGET_DIR": str(self.target)}

    def cli(self, *args, code=0):
        return self.chain.cli(*args, code=code, env=self.env)

    def free(self, who):
        return int(rpc(self.chain.url, "account_get", self.cli("account", "show", who)["account"])["mei"]["free"])

    def build(self):
        began = time.time()
        built = self.cli("contract", "build", self.folder)
        self.build_s = time.time() - began
        file = pathlib.Path(built["file"])
        # What is called in cargo's place may build where it likes.
        CHECKS.that(BUILDER in self.env or file.is_relative_to(self.target), f"where it was told to build: {file}")
        CHECKS.equal(built["checksum"], "0x" + hashlib.sha256(file.read_bytes()).hexdigest(), "what the file hashes to")
        CHECKS.equal((int(built["bytes"]), {"instantiate", "execute", "query"} <= set(built["entries"])), (file.stat().st_size, True), "what it has")
        return built["checksum"]

    def deploy(self, checksum):
        self.cli("org", "create", "studio", "--symbol", "stud", "--from", "alice")
        init = json.dumps({"org": "$org:studio", "lines": LINES})
        began = time.time()
        made = self.cli("contract", "deploy", self.folder, "--org", "studio", "--from", "alice", "--init", init, "--label", "shares")
        self.deploy_s = time.time() - began
        CHECKS.equal((made["checksum"], made["bound"]), (checksum, True), "the code that was built, bound while its founder is alone")
        CHECKS.equal(self.cli("org", "show", "studio")["contract"]["contract"], made["address"], "its consensus contract")
        CHECKS.equal(self.cli("contract", "show", made["address"])["checksum"], checksum, "on chain")
        names = ["bob", "carol", "@studio"]
        before = [self.free(name) for name in names]
        self.cli("contract", "execute", made["address"], '{"distribute":{}}', "--funds", "9mei", "--from", "judy")
        moved = [self.free(name) - had for name, had in zip(names, before)]
        CHECKS.equal(moved, [3_600_000_000, 1_800_000_000, 3_600_000_000], "it pays by its lines")
        wrong = json.dumps({"org": "$org:studio", "lines": [{**LINES[0], "bp": 5999}, LINES[1]]})
        again = self.cli("contract", "deploy", self.folder, "--org", "studio", "--no-bind", "--from", "alice", "--init", wrong, code=1)
        CHECKS.that("9999" in again["stderr"], f"its own words where it refuses: {again['stderr']}")
        return made["address"], made["code"]

    def verify(self, contract, code, checksum):
        for what in (contract, code, checksum):
            found = self.cli("contract", "verify", what, self.folder)
            CHECKS.equal((found["same"], found["built"], found["code"]), (True, checksum, code), f"verify {what[:8]}")
        # All of it once more: equal sources in one folder make equal bytes.
        shutil.rmtree(self.target, ignore_errors=True)
        CHECKS.equal(self.cli("contract", "verify", contract, self.folder)["built"], checksum, "built anew")
        source = self.folder / "src/lib.rs"
        text = source.read_text()
        changed = text.replace('Item::new("config")', 'Item::new("konfig")')
        CHECKS.that(changed != text, "there is something to change")
        source.write_text(changed)
        other = self.cli("contract", "verify", contract, self.folder, code=1)
        CHECKS.that(other["same"] is False and other["checksum"] == checksum != other["built"], f"another source: {other}")
        CHECKS.that("is not what" in other["stderr"] and "Cargo.lock" in other["stderr"], f"it says what to look at: {other['stderr']}")
        source.write_text(text)
        CHECKS.equal(self.cli("contract", "verify", contract, self.folder)["same"], True, "its own source again")

    def refused(self, top):
        """Folders that make no contract: told before anything is paid."""
        had = self.free("dave")
        empty = top / "empty"
        empty.mkdir()
        cases = [
            (empty, "has no Cargo.toml", 2),
            (top / "nowhere", "no file, no folder and no template", 2),
            (small(top / "broken", "pub fn f( {}\n"), "does not build", 1),
            (small(top / "library", "pub fn f() {}\n", "rlib"), "crate-type", 1),
            (small(top / "nothing", "pub fn f() {}\n"), "no contract that can run here", 1),
        ]
        for folder, words, code in cases:
            answer = self.cli("contract", "deploy", folder, "--from", "dave", code=code)
            CHECKS.that(words in answer["stderr"], f"{folder.name}: {answer['stderr']}")
            if folder.is_dir():
                answer = self.cli("contract", "build", folder, code=code)
                CHECKS.that(words in answer["stderr"], f"{folder.name}, built alone: {answer['stderr']}")
        CHECKS.equal(self.free("dave"), had, "nothing was paid")


def main():
    with Score("build", "checks") as score:
        env = toolchain()
        if env is None:
            score.skipped = True
            return print(f"skipped: no {TARGET} here to build contracts with: `rustup target add {TARGET}`, or name a builder in {BUILDER}")
        score.tried = lambda: CHECKS.count
        with tempfile.TemporaryDirectory(prefix="leither-build-") as top, Dev("--bare", params=FAST) as chain:
            author = Author(chain, pathlib.Path(top), env)
            checksum = author.build()
            contract, code = author.deploy(checksum)
            author.verify(contract, code, checksum)
            author.refused(pathlib.Path(top))
            print("audit ok:", audit(chain.url, f"{chain.state}/genesis.json"))
    print(f"{CHECKS.count} checks; built in {author.build_s:.1f} s, deployed in {author.deploy_s:.1f} s")


if __name__ == "__main__":
    main()
