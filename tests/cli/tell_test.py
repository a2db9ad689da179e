#!/usr/bin/env python3
"""What a daemon is told (`auspex ingest`) and whom it tells (`alerts`). tell_test.py AUSPEX"""
import hashlib
import hmac
import http.server
import json
import os
import pathlib
import queue
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request

from steady_daemon import free_port

AUSPEX = ""
SECRET = "not-to-be-seen-4711"
CONFIG = """apiVersion: auspex/v1
kind: Service
metadata: {name: checkout}
spec:
  traffic: {router: memory, backend: checkout, servers: [a, b]}
  approval: {above_risk: 50%%}
  alert_above_risk: 100%%%(source)s
---
apiVersion: auspex/v1
kind: Server
metadata: {name: local}
spec:
  listen: 127.0.0.1:%(api)d
  ledger: {store: sqlite, path: %(folder)s/auspex.db}
  objects: {store: filesystem, path: %(folder)s/objects}
  proxy_log: {listen: 'tcp://127.0.0.1:%(feed)d'}
  alerts: [%(alerts)s]%(server)s
"""
BUILD = {"id": "b-1", "service": "checkout", "status": "failed", "duration_s": 60, "attempt": 2}
JUNIT = '<testsuite><testcase name="a"/><testcase name="b"><failure/></testcase></testsuite>'


def run(*arguments, stdin=None, env=None):
    return subprocess.run([AUSPEX, *arguments], input=stdin, capture_output=True, text=True, timeout=60, check=False,
                          env={**os.environ, **(env or {})})


class Hook:
    """Keeps what is posted; the first `refusals` are answered 503."""

    def __init__(self, refusals=0):
        self.got = queue.Queue()
        hook = self
        self.refusals = refusals

        class Answer(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                refuse = hook.refusals > 0
                hook.refusals -= refuse
                self.send_response(503 if refuse else 204)
                self.send_header("Content-Length", "0")
                self.end_headers()
                if not refuse:
                    hook.got.put((dict(self.headers), body))

            def do_HEAD(self):
                self.send_response(405)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name)

    def file(self, text, name="auspex.yaml"):
        path = self.path / name
        path.write_text(text)
        return str(path)

    def config(self, alerts="", source="", server=""):
        self.api = free_port()
        return self.file(CONFIG % {"api": self.api, "feed": free_port(), "folder": self.path, "alerts": alerts, "source": source, "server": server})

    def start(self, alerts="", source="", server=""):
        with open(self.path / "log", "w") as log:
            daemon = subprocess.Popen([AUSPEX, "serve", self.config(alerts, source, server)], stdout=log, stderr=log,
                                      env={**os.environ, "HOOK_SECRET": SECRET, "XDG_CACHE_HOME": str(self.path / "cache")})
        self.addCleanup(daemon.wait, 20)
        self.addCleanup(daemon.terminate)
        for _ in range(400):
            try:
                return urllib.request.urlopen(f"http://127.0.0.1:{self.api}/readyz", timeout=1).read()
            except OSError:
                time.sleep(0.05)
        return self.fail((self.path / "log").read_text())

    def cli(self, *arguments, stdin=None):
        return run(*arguments, "--server", f"http://127.0.0.1:{self.api}", stdin=stdin)

    def feature(self, name):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.api}/api/v1/features/checkout", timeout=10) as answer:
            return next(f["value"] for f in json.load(answer)["features"] if f["name"] == name)


class Webhooks(Case):
    """Senders that cannot send a token sign instead."""
    RUN = {"action": "completed", "repository": {"name": "checkout", "full_name": "acme/checkout", "html_url": "https://github.com/acme/checkout"},
           "workflow_run": {"id": 7, "run_attempt": 1, "name": "ci", "head_sha": "a" * 40, "conclusion": "success", "status": "completed",
                            "run_started_at": "2026-01-01T10:00:00Z", "updated_at": "2026-01-01T10:05:00Z"}}

    def post(self, body, **headers):
        request = urllib.request.Request(f"http://127.0.0.1:{self.api}/api/v1/ingest/builds", data=body, method="POST",
                                         headers={"Content-Type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refused:
            return refused.code, json.load(refused)

    def test_github_signs_and_gitlab_sends_its_secret(self):
        tokens = self.path / "tokens.json"
        self.assertEqual(run("token", "create", "--role", "viewer", "--name", "v", "--file", str(tokens)).returncode, 0)
        self.start(server=f"\n  tokens: {{file: {tokens}}}\n  webhooks: {{github: {{env: HOOK_SECRET}}, gitlab: {{env: HOOK_SECRET}}}}")
        body = json.dumps(self.RUN).encode()
        signature = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        self.assertEqual(self.post(body)[0], 401)
        status, said = self.post(body, X_Hub_Signature_256="sha256=" + "0" * 64)
        self.assertEqual((status, "not the signature" in said["detail"]), (401, True), said)
        self.assertEqual(self.post(body + b" ", X_Hub_Signature_256=signature)[0], 401)
        self.assertEqual(self.post(body, X_Hub_Signature_256=signature, Authorization="Bearer nonsense")[0], 401)
        status, said = self.post(body, X_Hub_Signature_256=signature)
        self.assertEqual((status, said["kept"]), (200, 1), said)
        self.assertEqual(self.post(body, X_Gitlab_Token=SECRET + "x")[0], 401)
        self.assertEqual(self.post(body, X_Gitlab_Token=SECRET)[1]["duplicates"], 1)
        ping = json.dumps({"zen": "Keep it logically awesome.", "hook_id": 1, "hook": {}}).encode()
        signature = "sha256=" + hmac.new(SECRET.encode(), ping, hashlib.sha256).hexdigest()
        self.assertIn("ping", self.post(ping, X_Hub_Signature_256=signature)[1]["ignored"][0])
        # It opens ingest and nothing else.
        request = urllib.request.Request(f"http://127.0.0.1:{self.api}/api/v1/deployments", headers={"X-Gitlab-Token": SECRET})
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=10)
        self.assertEqual(refused.exception.code, 401)
        self.assertNotIn(SECRET, (self.path / "log").read_text())


class Source(Case):
    def start_with_source(self):
        self.start(source=f"\n  source: {{repository: {self.path}/shop}}")

    def git(self, *arguments):
        subprocess.run(["git", "-C", str(self.path / "shop"), "-c", "user.name=a", "-c", "user.email=a@x", *arguments], check=True, capture_output=True, timeout=60)

    def commit(self, name, text, tag):
        path = self.path / "shop" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", tag)
        self.git("tag", tag)

    def test_what_a_version_changes_is_read_in_the_clone_of_the_service(self):
        (self.path / "shop").mkdir()
        self.git("init", "-q", "-b", "main")
        self.commit("cart.py", "def total(items):\n    return len(items)\n", "v1.8.1")
        self.commit("db/migrations/20260101000000_orders.sql", "ALTER TABLE orders ADD COLUMN part INT;\n", "v1.8.2")
        self.start_with_source()
        done = self.cli("deploy", "checkout", "--version", "1.8.2", "--baseline-version", "1.8.1", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        told = self.cli("rollout", "prediction", json.loads(done.stdout)["id"]).stdout
        self.assertIn("of v1.8.1..v1.8.2, 1 commit", told)
        self.assertIn("touches 1 migration", told)

    def test_deploy_looks_from_what_serves_to_the_version(self):
        (self.path / "shop").mkdir()
        self.git("init", "-q", "-b", "main")
        self.commit("cart.py", "x = 1\n", "v1.8.1")
        self.commit("db/migrations/20260101000000_orders.sql", "ALTER TABLE orders ADD COLUMN part INT;\n", "v1.8.2")
        self.commit("README", "more\n", "cart-9")
        self.start()
        repo = ("--repo", str(self.path / "shop"))
        for more, words in (((), "--baseline-version"), (("--baseline-version", "9.9"), "no tag or commit of version 9.9")):
            done = self.cli("deploy", "checkout", "--version", "1.8.2", *repo, *more)
            self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
            self.assertIn(words, done.stderr)
        done = self.cli("deploy", "checkout", "--version", "1.8.1", "--baseline-version", "1.8.2", *repo)
        self.assertIn("auspex deploy: it goes back: from v1.8.2 to v1.8.1: 1 commits", done.stderr)
        deployment = done.stdout.split()[0]
        self.cli("rollout", "promote", deployment, "--reason", "test")
        for _ in range(200):
            if json.loads(self.cli("rollout", "get", deployment, "--json").stdout)["state"] == "ended":
                break
            time.sleep(0.05)
        # What was promoted serves.
        done = self.cli("deploy", "checkout", "--version", "1.8.2", *repo, "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        told = self.cli("rollout", "prediction", json.loads(done.stdout)["id"]).stdout
        self.assertIn("of v1.8.1..v1.8.2, 1 commit", told)
        self.assertIn("touches 1 migration", told)
        self.assertIn("all that is not listed", told)

    def test_a_deployment_begins_where_its_change_is_not_known(self):
        self.start_with_source()
        done = self.cli("deploy", "checkout", "--version", "1.8.2", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("auspex deploy: what it changes is not known: ", done.stderr)
        told = self.cli("rollout", "prediction", json.loads(done.stdout)["id"]).stdout
        self.assertIn("what it changes is not known: ", told)


class Ingest(Case):
    def test_what_is_told_is_known(self):
        self.start()
        done = self.cli("ingest", "build", self.file(json.dumps(BUILD), "build.json"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("kept build b-1 of checkout", done.stdout)
        done = self.cli("ingest", "build", "-", "--json", stdin=json.dumps(BUILD))
        self.assertEqual(json.loads(done.stdout)["duplicates"], 1, done.stdout)
        done = self.cli("ingest", "build", self.file(JUNIT, "junit.xml"), "--service", "checkout", "--build", "b-1")
        self.assertIn("kept test_run", done.stdout, done.stderr)
        self.assertEqual([self.feature(name) for name in ("build_failed", "build_retries", "tests_failed", "tests_flaky")], [1, 1, 1, 0])
        self.assertIsNone(self.feature("coverage"))

    def test_larger_than_other_calls_may_be_and_not_without_end(self):
        self.start()
        report = "<testsuite>" + '<testcase name="a"/>' * 200_000 + "</testsuite>"
        self.assertGreater(len(report), 3 * 1024 * 1024)
        done = self.cli("ingest", "build", self.file(report, "junit.xml"), "--service", "checkout")
        self.assertEqual(done.returncode, 0, done.stderr)
        done = self.cli("ingest", "build", self.file(report * 5, "junit.xml"), "--service", "checkout")
        self.assertEqual(done.returncode, 2)
        self.assertIn("16777216 bytes", done.stderr)
        # Whoever does not ask our command first is told by the daemon, before it reads.
        request = urllib.request.Request(f"http://127.0.0.1:{self.api}/api/v1/ingest/builds", data=b"x" * 50_000_000, method="POST")
        with self.assertRaises((urllib.error.HTTPError, ConnectionError)) as refused:
            urllib.request.urlopen(request, timeout=30)
        if isinstance(refused.exception, urllib.error.HTTPError):
            self.assertEqual(refused.exception.code, 413)

    def test_mistakes_have_a_place(self):
        self.start()
        done = self.cli("ingest", "build", "-", stdin=json.dumps({**BUILD, "covrage": 1}))
        self.assertEqual(done.returncode, 2)
        self.assertIn("/covrage: unknown; did you mean 'coverage'?", done.stderr)
        done = self.cli("ingest", "event", "-", stdin='{"context":{"specversion":"0.1.0"},"subject":{}}')
        self.assertEqual(done.returncode, 2)
        self.assertIn("0.4.x, 0.5.x and 0.6.x", done.stderr)
        done = self.cli("ingest", "build", str(self.path / "none.json"))
        self.assertEqual(done.returncode, 2)
        self.assertEqual(run("ingest", "build", self.file("{}", "x.json"), "--server", f"http://127.0.0.1:{free_port()}").returncode, 3)


class Alerts(Case):
    def test_a_webhook_is_told_signed_and_again_until_it_answers(self):
        hook = Hook(refusals=2)
        self.addCleanup(hook.close)
        self.start(f"{{channel: webhook, url: '{hook.url}', secret: {{env: HOOK_SECRET}}}}, {{channel: log}}")
        done = self.cli("deploy", "checkout", "--version", "1.8.2", "--risk", "80%")
        self.assertEqual(done.returncode, 0, done.stderr)
        headers, body = hook.got.get(timeout=60)
        alert = json.loads(body)
        self.assertEqual((alert["name"], alert["status"], alert["service"]), ("AuspexApprovalNeeded", "firing", "checkout"))
        self.assertIn(alert["deployment"], alert["link"])
        signed = f"{headers['Auspex-Timestamp']}.".encode() + body
        self.assertEqual(headers["Auspex-Signature"], "v1=" + hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest())
        self.cli("rollout", "reject", alert["deployment"], "--reason", "no")
        ended = json.loads(hook.got.get(timeout=60)[1])
        self.assertEqual((ended["status"], ended["key"]), ("resolved", alert["key"]))
        with urllib.request.urlopen(f"http://127.0.0.1:{self.api}/metrics", timeout=10) as page:
            self.assertIn('result="sent"} 2', page.read().decode())
        log = (self.path / "log").read_text()
        self.assertIn("alert_sent", log)
        self.assertIn("alert_told", log)
        self.assertNotIn(SECRET, log)

    def test_check_and_doctor_know_where_alerts_go(self):
        hook = Hook()
        self.addCleanup(hook.close)
        alerts = f"{{channel: webhook, url: '{hook.url}'}}, {{channel: alertmanager, url: 'http://127.0.0.1:{free_port()}'}}"
        done = run("check", self.config(alerts))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("alerts go to webhook 127.0.0.1:", done.stdout)
        found = [json.loads(line) for line in run("doctor", self.config(alerts), "--json").stdout.splitlines()]
        by_channel = {f["check"].split()[2]: f for f in found if f["check"].startswith("alerts by")}
        self.assertTrue(by_channel["webhook"]["good"], by_channel)
        self.assertFalse(by_channel["alertmanager"]["good"], by_channel)
        self.assertTrue(hook.got.empty())

    def test_what_is_wrong_with_a_channel_has_its_place(self):
        for alerts, word in (("{channel: pager}", "no adapter 'pager'; there is alertmanager, log, webhook"),
                             ("{channel: webhook}", "url: an http:// or https:// address is wanted"),
                             ("{channel: webhook, url: 'http://x', urll: 7}", "urll"),
                             ("{channel: webhook, url: 'http://x', secret: hunter2}", "env: NAME"),
                             ("{channel: alertmanager, url: 'http://x', resolve_after: 1}", "resolve_after"),
                             ("{channel: log, secret: {env: HOME}}", "signs nothing")):
            done = run("check", self.config(alerts))
            self.assertEqual(done.returncode, 2, alerts)
            self.assertRegex(done.stderr, r"auspex\.yaml:17:\d+: ")
            self.assertIn(word, done.stderr)
            self.assertNotIn("hunter2", done.stderr)


if __name__ == "__main__":
    AUSPEX = sys.argv.pop(1)
    unittest.main(verbosity=2)
