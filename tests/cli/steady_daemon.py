"""A daemon with the memory router and a steady request log, for tests of what happens around a rollout.

The log is made here, so no proxy is needed: 600 requests a second on `a`, 120 on `b`, none of them wrong.
"""
import json
import pathlib
import random
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request

CONFIG = """apiVersion: auspex/v1
kind: Service
metadata: {name: checkout}
spec:
  traffic: {router: memory, backend: checkout, servers: [a, b]}
  limits: {time_scale: 0.02, tick: 1s, warm_up: 1s, bake: 500s, deadline: 900s}
---
apiVersion: auspex/v1
kind: Server
metadata: {name: local}
spec:
  listen: 127.0.0.1:%(api)d
  ledger: {store: sqlite, path: %(ledger)s}
  objects: {store: filesystem, path: %(objects)s}
  proxy_log: {listen: 'tcp://127.0.0.1:%(feed)d'}
"""
PATIENCE_S = 60


def free_port():
    """Nobody listened on it a moment ago, and no connection of a test beside this one is given it: those come from a range above (ip(7))."""
    first_of_connections = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for _ in range(100):
        port = random.SystemRandom().randrange(10_000, max(10_001, first_of_connections))
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise AssertionError("no free port")


def wait_until(what, condition):
    """Its first true answer."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        answer = condition()
        if answer:
            return answer
        time.sleep(0.05)
    raise AssertionError(f"waited in vain until {what}")


class SteadyDaemon:
    """`home` keeps configuration and log; `disk` the ledger and its objects."""

    def __init__(self, auspex, home, disk=None):
        self.auspex, self.home = auspex, pathlib.Path(home)
        disk = pathlib.Path(disk or home)
        self.ledger, self.objects = disk / "auspex.db", disk / "objects"
        self.api, self.feed = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.api}"
        self.config = self.home / "auspex.yaml"
        self.config.write_text(CONFIG % {"api": self.api, "feed": self.feed, "ledger": self.ledger, "objects": self.objects})
        self.log_path = self.home / "daemon.log"
        self.process = self.lines = None

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([self.auspex, "serve", "--config", str(self.config)], stdout=log, stderr=log)
        wait_until("the daemon answers", self.answers)
        self.lines = Lines(self.feed)
        return self

    def answers(self):
        if self.process.poll() is not None:
            raise AssertionError(self.log())
        try:
            self.get("/healthz")
            return True
        except OSError:
            return False

    def stop(self, number=signal.SIGTERM):
        """The exit code."""
        if self.lines:
            self.lines.stop()
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(20)
        return self.process.returncode if self.process else None

    def log(self):
        return self.log_path.read_text(errors="replace")

    def get(self, path):
        """(status, body as JSON)."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=15) as reply:
                return reply.status, json.loads(reply.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def cli(self, *arguments):
        return subprocess.run([self.auspex, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)

    def ask(self, *arguments):
        return self.cli(*arguments, "--server", self.url)

    def deploy(self, version="v2"):
        """The id of a new deployment."""
        done = self.ask("deploy", "checkout", "--version", version, "--actor", "ann", "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[0])["id"]

    def deployment(self, name):
        return self.get(f"/api/v1/deployments/{name}")[1]

    def decisions(self, name):
        return self.get(f"/api/v1/deployments/{name}/decisions?limit=1000")[1]["items"]

    def deploy_at(self, share):
        """A deployment that a person has set to `share` and that the router obeys."""
        name = self.deploy()
        wait_until("it runs", lambda: self.deployment(name)["state"] == "running")
        done = self.ask("rollout", "weight", name, str(share), "--reason", "for the test", "--actor", "ann")
        assert done.returncode == 0, done.stderr
        wait_until("the weight is given", lambda: self.deployment(name)["weight_given"] == share)
        return name


class Lines:
    """The proxy's side of the log feed."""

    def __init__(self, port):
        self.port, self.stopping = port, threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        number, chance = 0, random.Random(5)
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=10) as feed:
                while not self.stopping.wait(0.1):
                    text = ""
                    for server in "a" * 60 + "b" * 12:
                        number += 1
                        text += self.frame(server, number, 800 + chance.randrange(900))
                    feed.sendall(text.encode())
        except OSError:
            pass  # the daemon has ended

    @staticmethod
    def frame(server, number, latency_us):
        line = {"b": "checkout", "s": server, "st": "200", "us": str(latency_us), "e": str(time.time_ns() // 1000), "r": "cart",
                "m": "GET", "rc": "0", "ts": "----", "n": str(number)}
        text = "<134>1 2026-01-01T00:00:00+00:00 - haproxy 1 - - " + json.dumps(line, separators=(",", ":"))
        return f"{len(text)} {text}"

    def stop(self):
        self.stopping.set()
        self.thread.join(10)
