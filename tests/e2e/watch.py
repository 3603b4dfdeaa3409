#!/usr/bin/env python3
"""A node is watched as its owner would: /metrics by promtool, /health, /ready, bad requests, JSON logs, the systemd unit; and a validator
that lost the other one says that it is ill, and recovers. Usage: watch.py [--no-promtool]"""
import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from lib import LEITHER, ROOT, Checks, Dev, Score, cli, environment, free_port, height_of, rpc, until

ASSETS = ROOT / "node/cli/assets"
# Where .ci/run unpacks Debian's, which would otherwise bring a server along.
UNPACKED = pathlib.Path.home() / ".cache/leither/prometheus"
HEAD_TIME_S = 5
CONNECTIONS = 32


def get(port, path, host=None):
    """Status, content type and body of one GET."""
    there = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        there.request("GET", path, headers={"host": host or f"127.0.0.1:{port}"})
        answer = there.getresponse()
        return answer.status, answer.getheader("content-type"), answer.read().decode()
    finally:
        there.close()


def raw(port, data):
    """Sends bytes as they are and gives the answer's first line; nothing where the node just closes."""
    with socket.create_connection(("127.0.0.1", port), 20) as there:
        return first_line(there, data)


def first_line(there, data=b""):
    answer = b""
    # Who is refused early may be cut off while it still sends; what was answered is there nevertheless.
    with contextlib.suppress(ConnectionError):
        there.sendall(data)
    try:
        while part := there.recv(65_536):
            answer += part
    except ConnectionError:
        pass
    return answer.split(b"\r\n")[0].decode(errors="replace")


def request(port, method="GET", path="/metrics", headers=()):
    lines = [f"{method} {path} HTTP/1.1", f"host: 127.0.0.1:{port}", *headers, "", ""]
    return "\r\n".join(lines).encode()


def samples(text):
    """The samples of an exposition, by name and labels as they stand."""
    lines = (line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, value in lines}


def metrics(port):
    status, kind, text = get(port, "/metrics")
    if status != 200 or not kind.startswith("text/plain; version=0.0.4"):
        raise SystemExit(f"/metrics answers {status}, {kind}: {text[:300]}")
    return text, samples(text)


def promtool():
    """Debian's promtool. Only who says so does without."""
    if "--no-promtool" in sys.argv[1:]:
        return None
    found = shutil.which("promtool", path=os.pathsep.join([os.environ.get("PATH", ""), str(UNPACKED)]))
    if not found:
        sys.exit("promtool is missing: install Debian's package prometheus, or leave this part out with --no-promtool")
    return found


def names(checks, text):
    """What is exposed is what the page says, and has the type that it says."""
    page = (ROOT / "spec/metrics.md").read_text()
    wanted = dict(re.findall(r"^\| (leither_\w+) \| (\w+) \|", page, re.M))
    exposed = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.M))
    checks.that(len(wanted) > 15, "spec/metrics.md has a table")
    checks.equal(exposed, wanted, "exposed names and types, as spec/metrics.md has them")


def values(checks, chain, port):
    """The figures are the node's, by other ways to know them."""
    before = metrics(port)[1]["leither_transactions_total"]
    for _ in range(3):
        chain.cli("transfer", "--from", "alice", "bob", "1mei")
    until("three transfers are counted", 10, lambda: metrics(port)[1]["leither_transactions_total"] == before + 3)
    low = height_of(chain.url)
    found = metrics(port)[1]
    high = height_of(chain.url)
    height = int(found["leither_height"])
    # A reading may be half a second old.
    checks.that(low - 3 <= height <= high, f"height {height} is between {low} and {high}")
    time_ms = int(rpc(chain.url, "chain_getHeader", str(height))["header"]["time"])
    checks.equal(int(found["leither_last_commit_timestamp_seconds"]), time_ms // 1000, "time of the newest pulse")
    checks.equal(found["leither_final_lag_pulses"], 0, "pulses behind, for a chain of one node")
    checks.equal((found["leither_validators"], found["leither_validator_active"], found["leither_validator_jailed"]), (1, 1, 0), "validators")
    checks.that(found["leither_validator_power"] > 0, "the validator has power")
    checks.equal((found["leither_abstaining"], found["leither_sign_refused_total"]), (0, 0), "the guard has nothing to refuse")
    checks.equal((found['leither_peers{swarm="consensus"}'], found['leither_peers{swarm="data"}']), (0, 0), "peers of a lone node")
    checks.equal(found["leither_disk_cap_bytes"], 50 * 2**30, "disk.cap")
    disk = [value for name, value in found.items() if name.startswith("leither_disk_bytes{")]
    checks.that(disk and 0 < sum(disk) < 2**30, f"bytes on disk: {disk}")
    status = pathlib.Path(f"/proc/{chain.process.pid}/status").read_text()
    resident = int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) * 1024
    checks.that(0.5 < found["leither_process_resident_bytes"] / resident < 2, f"memory: {found['leither_process_resident_bytes']} of {resident}")
    open_fds = len(os.listdir(f"/proc/{chain.process.pid}/fd"))
    checks.that(abs(found["leither_process_open_fds"] - open_fds) < 20, f"open files: {found['leither_process_open_fds']}, {open_fds}")
    pulses = found["leither_block_transactions_count"]
    checks.that(pulses > 0 and found["leither_rounds_total"] >= pulses, "a pulse takes a round at least")
    checks.that(found["leither_block_bytes_sum"] > 200 * pulses, "a pulse has bytes")


def verdicts(checks, port):
    for path, word in (("/health", "healthy"), ("/ready", "ready")):
        status, kind, body = get(port, path)
        answer = json.loads(body)
        checks.that(status == 200 and kind == "application/json" and answer[word] is True, f"{path}: {status} {body}")
        checks.that(int(answer["height"]) > 0 and "why" not in answer, f"{path}: {body}")


def bad_requests(checks, port):
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        checks.equal(raw(port, request(port, method, headers=["content-length: 0"])), "HTTP/1.1 405 Method Not Allowed", method)
    checks.equal(raw(port, request(port, "HEAD")), "HTTP/1.1 200 OK", "HEAD")
    checks.equal(raw(port, request(port, path="/")), "HTTP/1.1 404 Not Found", "another path")
    checks.equal(raw(port, request(port, headers=["x: " + "y" * 9_000])), "HTTP/1.1 431 Request Header Fields Too Large", "a long head")
    checks.that("200" not in raw(port, b"GET /" + b"y" * 2_000_000), "an endless line is not answered")
    for host in (f"evil.example:{port}", "evil.example", f"127.0.0.1.evil.example:{port}", "localhost:1"):
        checks.equal(get(port, "/metrics", host)[0], 403, f"host {host}")
    checks.equal(get(port, "/metrics", f"localhost:{port}")[0], 200, "host localhost")
    checks.equal(raw(port, request(port, headers=["origin: http://evil.example"])), "HTTP/1.1 403 Forbidden", "a web page")
    checks.equal(raw(port, b"GET /metrics HTTP/1.1\r\n\r\n"), "HTTP/1.1 403 Forbidden", "no host")
    checks.that("200" not in raw(port, b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + os.urandom(160)), "a TLS hello is not answered")
    # All seats are taken by those who never finish; one more is told so, and all are cut off in time.
    began = time.time()
    slow = [socket.create_connection(("127.0.0.1", port), 20) for _ in range(CONNECTIONS)]
    for there in slow:
        there.sendall(b"GET /metrics HTTP/1.1\r\nhost: ")
    checks.equal(raw(port, request(port)), "HTTP/1.1 503 Service Unavailable", "one connection more than there may be")
    for there in slow:
        checks.that("200" not in first_line(there), "half a head is not answered")
        there.close()
    took = time.time() - began
    checks.that(HEAD_TIME_S - 1 < took < HEAD_TIME_S + 5, f"slow heads are given up after {HEAD_TIME_S} s: {took:.1f} s")
    checks.equal(get(port, "/health")[0], 200, "/health after all that")


def log_lines(checks, text):
    lines = text.strip().splitlines()
    checks.that(len(lines) > 0, "the node logs something")
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            raise SystemExit(f"not one JSON object a line: {line[:300]}") from None
        checks.that(isinstance(entry, dict) and {"timestamp", "level", "fields"} <= entry.keys(), f"a log line: {line[:300]}")


def lone(checks, tool):
    port = free_port()
    with Dev("--bare", "--set", f"metrics.listen=127.0.0.1:{port}", "--set", "log.format=json", "--set", "log.level=info") as chain:
        values(checks, chain, port)
        text, _ = metrics(port)
        names(checks, text)
        verdicts(checks, port)
        if tool:
            done = subprocess.run([tool, "check", "metrics"], input=text, capture_output=True, text=True)
            checks.equal((done.returncode, done.stdout, done.stderr), (0, "", ""), "promtool check metrics")
        bad_requests(checks, port)
        # A second node on the same port says so and does not start.
        second = subprocess.run([str(LEITHER), "dev", "--bare", "--set", f"rpc.listen=127.0.0.1:{free_port()}", "--set",
                                 f"consensus.listen=127.0.0.1:{free_port()}", "--set", "gateway.listen=127.0.0.1:0", "--set", "swarm.listen=127.0.0.1:0", "--set", f"metrics.listen=127.0.0.1:{port}"],
                                capture_output=True, text=True, timeout=60, env=environment(chain.home.name))
        checks.that(second.returncode not in (0, None) and "metrics.listen" in second.stderr, f"a port that is taken: {second.stderr}")
        chain.end()
        log_lines(checks, chain.said())


def unit(checks):
    with tempfile.TemporaryDirectory(prefix="leither watch ") as text:
        home = pathlib.Path(text) / "the home"
        made = cli(["init", "--systemd"], home)
        path = pathlib.Path(made["systemd"])
        said = path.read_text()
        checks.that(f'--home "{home}" run' in said and f'ReadWritePaths="{home}"' in said, f"the unit names its home:\n{said}")
        checks.that(f"User={os.getuid()}\n" in said, "the unit runs as the home's owner")
        analyze = shutil.which("systemd-analyze")
        if not analyze:
            print("systemd-analyze is not here: the unit was not verified")
            return
        verify = lambda file: subprocess.run([analyze, "verify", "--man=no", str(file)], capture_output=True, text=True)
        done = verify(path)
        checks.equal((done.returncode, done.stderr), (0, ""), "systemd-analyze verify")
        broken = path.with_name("broken.service")
        broken.write_text(said.replace("ProtectSystem=strict", "ProtectSystem=perhaps"))
        checks.that(verify(broken).stderr, "systemd-analyze sees what is wrong with a unit")


def assets(checks, tool):
    checks.that(len(json.loads((ASSETS / "grafana.json").read_text())["panels"]) > 5, "the dashboard has panels")
    if tool:
        done = subprocess.run([tool, "check", "rules", str(ASSETS / "alerts.yml")], capture_output=True, text=True)
        checks.that(done.returncode == 0 and re.search(r"SUCCESS: \d+ rules", done.stdout), f"promtool check rules: {done.stdout}{done.stderr}")


class Pair:
    """Two validators on one machine: neither goes on without the other."""

    def __init__(self, top):
        self.homes = [top / f"v{n}" for n in range(2)]
        self.ports = [[free_port() for _ in range(4)] for _ in self.homes]
        self.nodes = [None, None]
        genesis = top / "genesis.json"
        cli(["genesis", "new", genesis, "--name", "pair"], top)
        made = []
        for home in self.homes:
            made.append(cli(["init", "--validator"], home))
            wallet = cli(["keys", "new", "operator", "--backend", "test"], home)["account"]
            cli(["genesis", "add-validator", genesis, "--key", made[-1]["consensus_key"], "--operator", wallet], home)
            cli(["genesis", "add-allocation", genesis, wallet, "1000mei", "--reason", "a test's play money", "--evidence", ROOT / "README.md"], home)
        form = json.loads(genesis.read_text())
        form["params"].update(heartbeat_ms="1000", pulse_ms="500", pulse_min_ms="200")
        # The id is that of other numbers.
        form.pop("chain", None)
        genesis.write_text(json.dumps(form))
        for n, home in enumerate(self.homes):
            rpc_port, p2p, bft, watch = self.ports[n]
            other = self.ports[1 - n]
            settings = [f"rpc.listen=127.0.0.1:{rpc_port}", f"p2p.listen=127.0.0.1:{p2p}", f"consensus.listen=127.0.0.1:{bft}",
                        f"metrics.listen=127.0.0.1:{watch}", "gateway.listen=127.0.0.1:0", "swarm.listen=127.0.0.1:0", "log.level=warn",
                        f"consensus.persistent_peers=/ip4/127.0.0.1/tcp/{other[2]}/p2p/{made[1 - n]['consensus_peer_id']}",
                        f"p2p.peers=/ip4/127.0.0.1/udp/{other[1]}/quic-v1/p2p/{made[1 - n]['data_peer_id']}"]
            cli(["init", "--genesis", genesis, *(word for text in settings for word in ("--set", text))], home)

    def run(self, n):
        with open(self.homes[n] / "log", "a") as log:
            self.nodes[n] = subprocess.Popen([str(LEITHER), "run"], stdout=log, stderr=log, env=environment(self.homes[n]))

    def ask(self, n, path):
        """Status and answer; nothing where it does not answer."""
        try:
            status, _, body = get(self.ports[n][3], path)
            return status, json.loads(body)
        except (OSError, http.client.HTTPException):
            if self.nodes[n].poll() is not None:
                sys.exit(f"a node has ended by itself:\n{(self.homes[n] / 'log').read_text()[-2000:]}")
            return None, {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for node in self.nodes:
            if node and node.poll() is None:
                node.terminate()
                try:
                    node.wait(30)
                except subprocess.TimeoutExpired:
                    node.kill()
                    node.wait()


def pair(checks):
    with tempfile.TemporaryDirectory(prefix="leither-watch-") as text, Pair(pathlib.Path(text)) as net:
        for n in range(2):
            net.run(n)
        for n in range(2):
            until(f"node {n} is ready", 60, lambda n=n: net.ask(n, "/ready")[0] == 200 and int(net.ask(n, "/ready")[1]["height"]) > 1)
            checks.equal(net.ask(n, "/health")[0], 200, f"health of node {n} while both run")
            seen = lambda found: (found["leither_validators"], found['leither_peers{swarm="consensus"}'])
            # The swarm is asked every two seconds.
            until(f"node {n} sees the other", 20, lambda n=n: seen(metrics(net.ports[n][3])[1]) == (2, 1))
            checks.that(metrics(net.ports[n][3])[1]["leither_final_lag_pulses"] <= 2, f"node {n} is caught up")
        net.nodes[1].send_signal(signal.SIGKILL)
        net.nodes[1].wait()
        began = time.time()
        until("the validator that is left is ill", 40, lambda: net.ask(0, "/health")[0] == 503)
        answer = net.ask(0, "/health")[1]
        checks.that(time.time() - began > 5 and answer["healthy"] is False and "no pulse" in answer["why"], f"what it says: {answer}")
        stood = answer["height"]
        net.run(1)
        until("it is well again", 60, lambda: net.ask(0, "/health")[0] == 200)
        # What is told may be half a second old.
        until("and goes on", 10, lambda: int(net.ask(0, "/health")[1]["height"]) > int(stood))


def main():
    if not set(sys.argv[1:]) <= {"--no-promtool"}:
        sys.exit(__doc__)
    tool, checks = promtool(), Checks()
    with Score("watch", "checks") as score:
        score.tried = lambda: checks.count
        assets(checks, tool)
        unit(checks)
        lone(checks, tool)
        pair(checks)
    print(f"a watched node: {checks.count} checks" + ("" if tool else ", none of them by promtool"))


if __name__ == "__main__":
    main()
