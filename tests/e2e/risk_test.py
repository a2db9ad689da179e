#!/usr/bin/env python3
"""A risky change and a harmless one of the same repository, each deployed over a real HAProxy under load, side by side.

risk_test.py AUSPEX

The risky one (a migration, a major version of a dependency, a build that was retried) begins at a smaller weight, is foretold before the
canary's first request, and is still below half of the traffic when the harmless one gets there. Both versions are healthy.
"""
import http.server
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "cli"))
from steady_daemon import free_port, wait_until  # noqa: E402

PATIENCE_S = 300
CONFIG = """apiVersion: auspex/v1
kind: Service
metadata: {name: shop}
spec:
  criticality: 2
  pace: swift
  alert_above_risk: 40%%
  traffic: {router: haproxy, socket: %(socket)s, backend: %(backend)s, servers: [%(baseline)s, %(canary)s]}
  signals: [{name: requests, role: errors, from: proxy_log}]
  limits: {tick: 1s, bake: 150s, deadline: 280s, time_scale: 0.5}
---
apiVersion: auspex/v1
kind: Server
metadata: {name: local}
spec:
  listen: 127.0.0.1:%(api)d
  ledger: {store: sqlite, path: %(folder)s/auspex.db}
  objects: {store: filesystem, path: %(folder)s/objects}
  proxy_log: {listen: 'tcp://127.0.0.1:%(feed)d'}
  alerts: [{channel: webhook, url: 'http://127.0.0.1:%(hook)d/'}]
"""


class Hook:
    """Takes what a webhook sends, with the time when it came."""

    def __init__(self):
        self.got = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(handler):
                body = handler.rfile.read(int(handler.headers["Content-Length"]))
                self.got.append((time.time(), json.loads(body)))
                handler.send_response(204)
                handler.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def make_repository(folder):
    """Its base, and the two branches."""
    def git(*arguments):
        environment = dict(os.environ, GIT_AUTHOR_NAME="a", GIT_AUTHOR_EMAIL="a@x", GIT_COMMITTER_NAME="a", GIT_COMMITTER_EMAIL="a@x")
        subprocess.run(["git", "-C", folder, *arguments], check=True, capture_output=True, env=environment, timeout=60)

    def write(name, text):
        path = pathlib.Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def lock(version):
        return json.dumps({"lockfileVersion": 3, "packages": {"node_modules/orm": {"version": version}}})

    git("init", "-q", "-b", "main")
    write("package-lock.json", lock("4.2.0"))
    write("src/cart.js", "exports.total = (items) => items.length;\n")
    git("add", "-A")
    git("commit", "-q", "-m", "the shop")
    git("tag", "base")
    git("checkout", "-q", "-b", "harmless")
    write("src/cart.js", "exports.total = (items) => items.length || 0;\n")
    git("commit", "-q", "-am", "cart: nothing in it is nothing")
    git("checkout", "-q", "-b", "risky", "base")
    write("package-lock.json", lock("5.0.0"))
    write("db/migrations/20260101120000_split_orders.sql", "ALTER TABLE orders ADD COLUMN part INT;\n")
    write("db/migrations/20260101130000_fill_parts.sql", "UPDATE orders SET part = 1;\n")
    git("add", "-A")
    git("commit", "-q", "-m", "orders in parts")


class Scene:
    """A rig, a daemon and what it tells."""

    def __init__(self, auspex, folder, seed):
        self.auspex, self.folder, self.hook = auspex, pathlib.Path(folder), Hook()
        self.folder.mkdir()
        feed, api = free_port(), free_port()
        self.rig = subprocess.Popen([auspex, "lab", "rig", "--feed-port", str(feed), "--rps", "150", "--seed", str(seed)], stdout=subprocess.PIPE, text=True)
        rig = json.loads(self.rig.stdout.readline())
        config = self.folder / "auspex.yaml"
        config.write_text(CONFIG % {"socket": rig["socket"], "backend": rig["backend"], "baseline": rig["servers"][0], "canary": rig["servers"][1],
                                    "api": api, "feed": feed, "folder": folder, "hook": self.hook.port})
        self.environment = dict(os.environ, AUSPEX_SERVER=f"http://127.0.0.1:{api}", XDG_CACHE_HOME=str(self.folder / "cache"))
        with open(self.folder / "daemon.log", "wb") as log:
            self.daemon = subprocess.Popen([auspex, "serve", "--config", str(config)], stdout=log, stderr=log)
        wait_until("the daemon answers", lambda: self.run("rollout", "list").returncode == 0)

    def run(self, *arguments, stdin=None):
        return subprocess.run([self.auspex, *arguments], capture_output=True, text=True, timeout=120, check=False, env=self.environment, input=stdin)

    def must(self, *arguments, stdin=None):
        done = self.run(*arguments, stdin=stdin)
        if done.returncode != 0:
            raise AssertionError(f"{arguments}: exit {done.returncode}: {done.stdout}{done.stderr}\n{(self.folder / 'daemon.log').read_text()[-2000:]}")
        return done.stdout

    def deploy(self, repository, branch):
        commit = subprocess.run(["git", "-C", repository, "rev-parse", branch], check=True, capture_output=True, text=True, timeout=60).stdout.strip()
        build = {"id": branch, "service": "shop", "name": "ci", "commit": commit, "status": "passed", "duration_s": 60, "attempt": 3 if branch == "risky" else 1}
        self.must("ingest", "build", "-", stdin=json.dumps(build))
        said = self.must("deploy", "shop", "--version", branch, "--baseline-version", "base", "--repo", repository, "--range", f"base..{branch}", "--json")
        self.id = json.loads(said)["id"]
        self.risk = json.loads(said)["risk"]

    def look(self):
        return json.loads(self.must("rollout", "get", self.id, "--json"))

    def close(self):
        for process in (getattr(self, "daemon", None), getattr(self, "rig", None)):
            if process:
                process.terminate()
                process.wait(20)
        self.hook.server.shutdown()


def main():
    auspex = sys.argv[1]
    with tempfile.TemporaryDirectory(prefix="auspex-risk-") as folder:
        repository = os.path.join(folder, "shop")
        os.mkdir(repository)
        make_repository(repository)
        scenes = {}
        try:
            for seed, branch in enumerate(("harmless", "risky"), 1):
                scenes[branch] = Scene(auspex, os.path.join(folder, branch), seed)
            for branch, scene in scenes.items():
                scene.deploy(repository, branch)
            return judge(scenes)
        finally:
            for scene in scenes.values():
                scene.close()


def judge(scenes):
    first, first_request_at, top = {}, {}, {branch: 0.0 for branch in scenes}
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and top["harmless"] < 0.5:
        for branch, scene in scenes.items():
            now = scene.look()
            if now["requests"]["canary"] > 0 and branch not in first_request_at:
                first_request_at[branch] = time.time()
            if now["weight"] > 0 and branch not in first:
                first[branch] = now["weight"]
            top[branch] = max(top[branch], now["weight"])
        time.sleep(0.25)
    problems = []
    risks = {branch: scene.risk for branch, scene in scenes.items()}
    foretold = {branch: [(at, a) for at, a in scene.hook.got if a.get("name") == "AuspexPredictedFailure"] for branch, scene in scenes.items()}
    print(json.dumps({"risk": risks, "first_weight": first, "weight_when_harmless_has_half": top, "foretold": {b: len(f) for b, f in foretold.items()}}))
    if not risks["harmless"] < 0.25 < 0.4 < risks["risky"]:
        problems.append(f"risks {risks}")
    if top["harmless"] < 0.5:
        problems.append("the harmless change did not get half of the traffic in time")
    if not first.get("risky", 1) < first.get("harmless", 0):
        problems.append(f"first weights {first}")
    if top["risky"] >= 0.5:
        problems.append("the risky change got half of the traffic as soon as the harmless one")
    if foretold["harmless"]:
        problems.append("an alert for the harmless change")
    if len(foretold["risky"]) != 1 or not foretold["risky"][0][0] < first_request_at.get("risky", time.time()):
        problems.append(f"alerts for the risky change: {foretold['risky']}, its first request at {first_request_at.get('risky')}")
    elif "migration" not in json.dumps(foretold["risky"][0][1]):
        problems.append(f"the alert lacks the reason: {foretold['risky'][0][1]}")
    prediction = json.loads(scenes["risky"].must("rollout", "prediction", scenes["risky"].id, "--json"))
    if not prediction["lowering"]:
        problems.append("nothing would lower the risk")
    for problem in problems:
        print("PROBLEM:", problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
