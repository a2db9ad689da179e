#!/usr/bin/env python3
"""The commands as a user runs them: exit codes, messages, bad input, two daemons on one ledger. commands_test.py AUSPEX"""
import http.server
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
import threading
import time
import unittest
import urllib.error
import urllib.request

from steady_daemon import free_port

AUSPEX = ""
TRACE = pathlib.Path("tests/rollout/data/trace.jsonl")


def run(*arguments, stdin=None, env=None):
    return subprocess.run([AUSPEX, *arguments], input=stdin, capture_output=True, text=True, timeout=60, check=False, env=env)


SERVICE = """apiVersion: auspex/v1
kind: Service
metadata: {name: checkout}
spec:
  traffic: {router: haproxy, socket: %s, backend: checkout, servers: [a, b]}
"""
SERVER = """---
apiVersion: auspex/v1
kind: Server
metadata: {name: local}
spec:
  listen: 127.0.0.1:%d
  ledger: {store: sqlite, path: %s/auspex.db}
  objects: {store: filesystem, path: %s/objects}
  proxy_log: {listen: 'tcp://127.0.0.1:%d'}
"""


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.folder.name)

    def tearDown(self):
        self.folder.cleanup()

    def file(self, text, name="auspex.yaml"):
        path = self.path / name
        path.write_text(text)
        return str(path)

    def refused(self, done, code, *words):
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        for word in words:
            self.assertIn(word, done.stdout + done.stderr)


def commands(*above):
    """All commands as --help lists them, those of groups too: ["rollout", "pause"]."""
    found = []
    help_text = run(*above, "--help").stdout
    for line in help_text.partition("Subcommands:")[2].splitlines():
        if line.startswith("  ") and line.split():
            found += [[*above, line.split()[0]], *commands(*above, line.split()[0])]
    return found


class Help(Case):
    def test_two_real_examples_come_first(self):
        every = commands()
        self.assertGreater(len(every), 25, every)
        for command in [[], *every]:
            done = run(*command, "--help")
            self.assertEqual(done.returncode, 0, command)
            lines = done.stdout.splitlines()
            self.assertEqual([lines[0], lines[3]], ["Examples:", ""], done.stdout)
            for example in lines[1:3]:
                words = re.split(r" [<>|] ", example.strip())
                words = next(w for w in words if w.startswith("auspex ")).split()
                self.assertEqual(words[1:1 + len(command)], command, done.stdout)
                self.assertNotIn("ID", words)  # a value as one would type it
                shown = next(c for c in (words[1:3], words[1:2]) if c in every)  # a group shows its commands
                for option in (w for w in words if w.startswith("--")):
                    self.assertIn(option, run(*shown, "--help").stdout.partition("Usage:")[2], example)

    def test_help_is_a_command_too(self):
        for command in ([], ["deploy"], ["rollout"], ["rollout", "pause"], ["audit", "verify"]):
            done = run("help", *command)
            self.assertEqual((done.returncode, done.stdout), (0, run(*command, "--help").stdout), command)
        self.refused(run("help", "dploy"), 2, "auspex help: no command 'dploy'; did you mean deploy?")
        self.refused(run("help", "rollout", "puase"), 2, "did you mean pause?")
        self.refused(run("help", "check", "it"), 2, "auspex check has no commands of its own")

    def test_a_slip_is_named_with_what_was_meant(self):
        for line, words in (("dploy", ["auspex: no command 'dploy'; did you mean deploy? see `auspex --help`"]),
                            ("--veersion", ["auspex: no option '--veersion'; did you mean --version?"]),
                            ("rollout puase x", ["auspex rollout: no command 'puase'; did you mean pause? see `auspex rollout --help`"]),
                            ("pause x", ["auspex: no command 'pause'; did you mean rollout pause?"]),
                            ("fly", ["auspex: no command 'fly'; there is demo,"]),
                            ("", ["auspex: a command is missing; there is demo,"]),
                            ("rollout", ["auspex rollout: a command is missing; there is list, get,"]),
                            ("--json check x", ["options stand after the command"]),
                            # What is missing may be what was spelt wrong.
                            ("deploy checkout --versoin 1", ["auspex deploy: no option '--versoin'; did you mean --version? see `auspex deploy --help`"]),
                            ("rollout get x --frobnicate", ["auspex rollout get: no option '--frobnicate'; there is --"]),
                            ("deploy checkout", ["auspex deploy: --version is required; see `auspex deploy --help`"]),
                            ("deploy checkout more --version 1", ["auspex deploy: more arguments than it takes: 'more'; see"]),
                            # Two groups have it.
                            ("list", ["auspex: no command 'list'; did you mean token list or rollout list?"]),
                            ("-v", ["auspex: no option '-v'; did you mean --version?"]),
                            ("deploy checkout --vers 1", ["auspex deploy: no option '--vers'; did you mean --version?"]),
                            ("deploy checkout --version 1 --version 2", ["auspex deploy: --version is given more than once; see"]),
                            ("replay", ["auspex replay: what is required: a deployment's id, or a file of"]),
                            ("deploy --version 1", ["auspex deploy: service is required: as configured; see"]),
                            ("judge x --alpha 60%", ["auspex judge: --alpha: '0.6' is not a number from 1e-06 to 0.5; see"]),
                            ("judge x.csv --alpha 5%", ["x.csv"]),
                            ("demo --rps=abc", ["auspex demo: --rps: 'abc' is not a number from 1 to 20000; see"]),
                            ("demo --kill deamon", ["auspex demo: --kill: 'deamon' is not one of daemon, feed, haproxy, prometheus; did you mean daemon?"]),
                            ("puase x", ["auspex: no command 'puase'; did you mean rollout pause?"]),
                            ("rollout pause x --reason", ["auspex rollout pause: --reason needs a value; see"]),
                            ("demo --seed abc", ["auspex demo: --seed: 'abc' cannot be read"]),
                            ("serve", ["auspex serve: a configuration file is required"]),
                            ("check", ["auspex check: a configuration file is required"]),
                            ("deploy checkout --version 1 --risk 7", ["auspex deploy: --risk: '7' is not a share", "did you mean 7%?"]),
                            # A value that looks like an option is none.
                            ("deploy checkout --version --wiat", ["auspex deploy:"])):
            done = run(*line.split(), env={**os.environ, "AUSPEX_SERVER": "http://127.0.0.1:1"})
            self.refused(done, 3 if "--wiat" in line else 2, *words)
            self.assertNotIn("no option '--wiat'", done.stderr)

    def test_wrong_use_is_2(self):
        for arguments in ([], ["fly"], ["demo", "--fault"], ["rollout", "pause", "x"], ["demo", "--fault", "gremlins"], ["demo", "--rps", "0"], ["rollout", "get", ""],
                          ["rollout", "abort", "", "--reason", "x"]):
            self.assertEqual(run(*arguments).returncode, 2, arguments)


class Check(Case):
    def bad(self, text, *words):
        self.refused(run("check", self.file(text)), 2, *words)

    def test_good_configuration_says_what_it_would_do(self):
        done = run("check", self.file(SERVICE % "/run/h.sock"))
        self.assertEqual(done.returncode, 0, done.stderr)
        for word in ("checkout", "ring auspex", "log-format", "127.0.0.1:8400", "into the backend checkout", "balance random(1)", "retries 0"):
            self.assertIn(word, done.stdout)
        self.assertIn("balance random(1)", json.loads(run("check", self.file(SERVICE % "/run/h.sock"), "--json").stdout)["backend_lines"])
        self.assertFalse((self.path / "var").exists())

    def test_bad_configurations_are_refused_with_place_and_mend(self):
        good = SERVICE % "/run/h.sock"
        self.bad(good + "  criticalty: 2\n", "auspex.yaml:6:3", "criticalty", "did you mean criticality?")
        self.bad(good + "  criticality: 9\n", "auspex.yaml:6:", "1 to 4")
        self.bad(good + "  limits: {tick: 10}\n", "tick", "10s")
        self.bad(good + "  limits: {tick: 5m}\n", "tick", "1s to 60s")
        self.bad(good + "  prior_risk: 150%\n", "prior_risk", "150%")
        self.bad(good + "  mode: fsat\n", "did you mean fast?")
        self.bad(good + "  pace: swfit\n", "did you mean swift?")
        self.bad(good + "---\n" + good, "configured twice")
        self.bad(good.replace("[a, b]", "[a, a]"), "two different names")
        self.bad(good.replace("router: haproxy", "router: nginxx"), "nginxx", "haproxy")
        self.bad(good.replace("socket: /run/h.sock, ", ""), "socket")
        several = good.replace("socket: /run/h.sock", "sockets: [/run/a.sock, %s]")
        self.bad(several % "/run/a.sock", "auspex.yaml:5:", "sockets: '/run/a.sock' stands twice")
        self.bad(several % "ipv4@proxy:1", "auspex.yaml:5:", "sockets: ", "ipv4@127.0.0.1:9999")
        self.bad((several % "/run/b.sock").replace("sockets", "socket: /run/h.sock, sockets"), "auspex.yaml:5:", "put all of them in 'sockets'")
        self.bad((several % "/run/b.sock").replace("[/run/a.sock, /run/b.sock]", "/run/a.sock"), "sockets")
        self.bad((several % "/run/b.sock").replace("sockets", "drain: 1h, sockets"), "auspex.yaml:5:", "drain: '1h' is not")
        self.bad((several % "/run/b.sock").replace("sockets", "sokcets"), "auspex.yaml:5:", "sokcets")
        self.bad("kind: Service\n", "apiVersion")
        self.bad("a: [1, 2\n", "auspex.yaml:")
        self.bad("", "no document")
        everywhere = good + SERVER.replace("127.0.0.1:%d\n", "0.0.0.0:80\n") % (self.path, self.path, 1)
        self.bad(everywhere, "0.0.0.0", "both TLS and tokens", "both are missing", "auspex token create")
        self.bad(everywhere + "  tls: {certificate: c, key: k}\n", "tokens are missing")
        self.bad(everywhere + "  tokens: {file: t}\n", "tls is missing")
        self.bad(everywhere.replace("0.0.0.0", "example.org"), "no address")
        self.bad(good + (SERVER % (1, self.path, self.path, 1)).replace("tcp://127.0.0.1", "tcp://0.0.0.0"), "not a loopback address")
        here = good + SERVER % (80, self.path, self.path, 1)
        self.bad(here + "  tokens: {file: /no/such/tokens.json}\n", "/no/such/tokens.json")
        self.bad(here + "  tls: {certificate: /no/such/c.pem, key: /no/such/k.pem}\n", "/no/such/c.pem")
        self.bad(here + "  tls: {certificate: c.pem}\n", "key")
        self.bad(here + "  limits: {burst: 0}\n", "burst")
        self.bad(good + "  signals: [{name: m, role: saturation, from: prometheus, query: up}]\n", "prometheus")
        self.bad(good + "---\napiVersion: auspex/v1\nkind: Server\nspec: {metrics: {prometheus: {url: 'http://x', bearer: {file: /no/such/file}}}}\n", "/no/such/file")
        self.bad(good + "---\napiVersion: auspex/v1\nkind: Server\nspec: {metrics: {prometheus: {url: 'http://x', bearer: hunter2}}}\n", "env: NAME")
        self.bad(good + "  signals: [{name: m, from: proxy_log}, {name: m, from: proxy_log}]\n", "auspex.yaml:6:", "a second signal 'm'")
        # Whatever the socket, requests and weights are known by backend and server.
        other = good.replace("name: checkout", "name: shop").replace("h.sock", "other.sock")
        self.bad(good + "---\n" + other.replace("[a, b]", "[b, c]"), "auspex.yaml:11:", "'b' of backend 'checkout'", "'checkout' already")
        self.refused(run("check", self.file(good + "---\n" + other.replace("[a, b]", "[c, d]"))), 0, "shop")
        self.assertNotIn("hunter2", run("check", self.file(good + "---\napiVersion: auspex/v1\nkind: Server\nspec: {metrics: {prometheus: {url: 'http://x', bearer: hunter2}}}\n")).stderr)
        self.refused(run("check", str(self.path / "none.yaml")), 2, "none.yaml")
        for source, word in (("{path: a}", "repository is missing"), ("{repository: ., path: /a}", "'/a' is absolute"), ("{repository: ., path: ../a}", "services/checkout"),
                             ("{repositry: .}", "did you mean repository?")):
            self.bad(good + f"  source: {source}\n", "auspex.yaml:6:", word)
        self.refused(run("check", self.file(good + "  source: {repository: ../shop, path: ./services/checkout/}\n")), 0, "read in ../shop, below services/checkout", "start")

    def test_signals_are_rates_histograms_or_gauges_by_their_role(self):
        good = SERVICE % "/run/h.sock"
        server = "---\napiVersion: auspex/v1\nkind: Server\nspec: {metrics: {prometheus: {url: 'http://x', scrape_interval: 20s}}}\n"
        counted = "{name: requests, role: errors, from: prometheus, good: ok_total, all: all_total}"
        times = "{name: times, role: latency, from: prometheus, histogram: t_bucket}"
        def signals(*lines):
            return good + "  signals:\n" + "".join(f"    - {line}\n" for line in lines) + server
        done = run("check", self.file(signals(counted, times, "{name: orders, role: business, from: prometheus, good: a, all: b}")))
        self.refused(done, 0, "a tick each 40s", "at most 20s behind", "orders (business) from prometheus, as a rate", "times (latency) from prometheus, as a histogram")
        self.refused(run("check", self.file(signals(counted).replace("  signals", "  limits: {tick: 10s}\n  signals"))), 0, "a tick each 10s", "shorter than two scrapes")
        self.refused(run("check", self.file(good + "  criticality: 2\n")), 0, "a tick each 1s")
        self.bad(signals("{name: orders, role: business, from: prometheus, query: a}"), "auspex.yaml:7:", "write good and all")
        self.bad(signals("{name: orders, role: business, from: prometheus, good: a}"), "auspex.yaml:7:", "all")
        self.bad(signals(times), "histogram would count twice")
        self.bad(signals(counted, counted.replace("requests", "again")), "role errors is there twice")
        self.bad(signals(counted, "{name: log, role: errors, from: proxy_log}"), "role errors is there twice")
        self.bad(signals(*("{name: b%d, role: behaviour, from: prometheus, good: a, all: b}" % i for i in range(9))), "at most 8")
        self.bad(signals(counted).replace("20s", "45s"), "scrape_interval", "100ms to 30s")

    def test_several_proxies_are_named(self):
        done = run("check", self.file((SERVICE % "/run/h.sock").replace("socket: /run/h.sock", "sockets: [/run/a.sock, run/b.sock]")))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("at 2 proxies: /run/a.sock, run/b.sock", done.stdout)

    def test_one_mistake_is_one_error(self):
        good = SERVICE % "/run/h.sock"
        server = "---\napiVersion: auspex/v1\nkind: Server\n"
        asks = "  signals: [{name: m, role: saturation, from: prometheus, query: up}]\n"
        for text, word in ((good + "  signals: [{name: m, from: datadog, query: up}]\n", "'datadog' is not one of"),
                           (good + "  approval: true\n", "approval: a mapping is wanted"),
                           (good + "  approval: {above_risk: 60%, timeout: soon}\n", "'soon'"),
                           (good + "  policy: setps\n  steps: [{weight: 5%, for: 5m}]\n", "did you mean steps?"),
                           (good + "  policy: steps\n  steps: 5\n", "a list of mappings is wanted"),
                           (good + "  policy: steps\n  steps: [{weight: five, for: 5m}, {weight: 9%, for: 5m}]\n", "'five' is not a share"),
                           (good + "  policy: steps\n  steps: [{weight: 5%, for: 5s}]\n  limits: {tick: 5}\n", "'5' is not a duration"),
                           (good + "  limits: {bake: soon, deadline: 1m}\n", "'soon'"),
                           (good + "  limits: {tick: 10}\n", "'10' is not a duration"),
                           (good + "  prior_risk: 150%\n  rollback_below: 95%\n", "'150%'"),
                           (good.replace("[a, b]", "a"), "a list of texts is wanted"),
                           (good.replace("{name: checkout}", "checkout"), "metadata: a mapping is wanted"),
                           (good.split("spec:")[0] + "spec: 5\n", "spec: a mapping is wanted"),
                           (good.replace("kind: Service", "kind:"), "kind: there is no value"),
                           (good + asks + server + "spec: {metrics: 'http://x'}\n", "metrics: a mapping is wanted"),
                           (good + server + "spec: {tls: true}\n", "tls: a mapping is wanted")):
            done = run("check", self.file(text))
            self.refused(done, 2, word)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)

    def test_a_share_is_read_either_way(self):
        for alpha in ("1%", "0.01"):
            self.refused(run("check", self.file((SERVICE % "/h") + f"  alpha: {alpha}\n")), 0, "at most 1 % of good deployments")
        self.bad((SERVICE % "/h") + "  alpha: 60%\n", "alpha: 60% is out of range")
        self.bad((SERVICE % "/h") + "  alpha: 0\n", "alpha: 0 is out of range")
        self.bad((SERVICE % "/h") + "  alpha: 1\n", "alpha: 1 is out of range", "did you mean 1%?")

    def test_keys_of_another_policy_are_named(self):
        ladder = "  policy: steps\n  steps: [{weight: 5%, for: 5m}]\n"
        for text, notes in (("  limits: {error_rate: 5%}\n", ["auspex.yaml:6:24: policy adaptive ignores limits.error_rate"]),
                            (ladder + "  mode: fast\n  rollback_below: 95%\n  at_deadline: hold\n  limits: {bake: 1m, error_rate: 1%, deadline: 9m}\n",
                             ["policy steps ignores " + key for key in ("mode", "rollback_below", "at_deadline", "limits.bake", "limits.deadline")]),
                            ("  policy: rule\n  alpha: 1%\n  mode: fast\n", ["policy rule ignores mode", "policy rule ignores alpha"]),
                            ("  mode: fast\n  alpha: 1%\n  limits: {bake: 1m, deadline: 2m}\n", []), (ladder, [])):
            path = self.file((SERVICE % "/h") + text)
            done = run("check", path)
            self.refused(done, 0, *["note: "] * bool(notes), *notes)
            self.assertEqual(done.stdout.count("\nnote: "), len(notes), done.stdout)
            self.assertEqual(len(json.loads(run("check", "--json", path).stdout)["notes"]), len(notes))
        self.bad((SERVICE % "/h") + "  steps: [{weight: 5%, for: 5m}]\n", "only the policy steps follows them")

    def test_the_pace_in_force_is_shown(self):
        good = SERVICE % "/h"
        steps = "  policy: steps\n  steps: [{weight: 5%, for: 5m}]\n"
        prometheus = SERVER[4:] % (free_port(), self.path, self.path, free_port()) + "  metrics: {prometheus: {url: 'http://127.0.0.1:9'}}\n---\n"
        scraped = prometheus + good + "  signals: [{name: r, role: errors, from: prometheus, good: 'ok{version=\"$version\"}', all: 'all{version=\"$version\"}'}]\n"
        for text, pace, notes in ((good, "swift", 0), (good + "  limits: {tick: 2s, time_scale: 1}\n", "swift", 0),
                                  (good + "  limits: {time_scale: 0.1}\n", "classic", 0), (good + "  limits: {tick: 3s}\n", "classic", 0),
                                  (good + "  limits: {tick: 1s, time_scale: 0.5}\n", "swift", 0),
                                  (good + "  pace: classic\n", "classic", 0), (good + "  limits: {tick: 10s}\n  pace: swift\n", "swift", 0),
                                  (good + "  policy: rule\n", "classic", 0), (good + steps, "classic", 0),
                                  (good + steps + "  pace: swift\n", "classic", 1), (scraped, "classic", 0)):
            path = self.file(text)
            told = json.loads(run("check", "--json", path).stdout)
            self.assertEqual((told["paces"], len(told["notes"])), ({"checkout": pace}, notes), text)
            shown = run("check", path)
            self.refused(shown, 0, *["policy steps ignores pace"] * notes)
            self.assertEqual(f"policy adaptive, pace {pace}; bake" in shown.stdout, "policy:" not in text, shown.stdout)
        self.bad(scraped + "  pace: swift\n", "pace: swift is made for ticks of 1 or 2 s")

    def test_files_are_given_either_way(self):
        service, server = self.file(SERVICE % "/run/h.sock"), self.file((SERVER % (free_port(), self.path, self.path, free_port()))[4:], "server.yaml")
        for arguments in ([service, server], ["--config", service, "--config", server], [server, "--config", service]):
            self.refused(run("check", *arguments), 0, "checkout", str(self.path / "auspex.db"))
            self.refused(run("doctor", *arguments), 3, "router of checkout", "ok    ledger")
        for arguments in (["-"], ["--config", "-"]):
            self.refused(run("check", *arguments, stdin=SERVICE % "/run/h.sock"), 0, "checkout")
            self.refused(run("doctor", *arguments, stdin=SERVICE % "/run/h.sock"), 3, "router of checkout")
            self.refused(run("serve", *arguments, stdin="kind: Servce\n"), 2, "<stdin>:1:7", "did you mean Service?")
        done = run("serve", service, str(self.path / "none.yaml"))
        self.refused(done, 2, "none.yaml: cannot be read: No such file or directory")
        self.assertEqual(done.stderr.count("none.yaml"), 1)

    def test_relative_paths_are_from_where_the_daemon_is_started(self):
        elsewhere = self.path / "etc"
        elsewhere.mkdir()
        path = elsewhere / "auspex.yaml"
        path.write_text(SERVICE % "run/h.sock")
        done = subprocess.run([AUSPEX, "check", str(path)], capture_output=True, text=True, timeout=60, check=False, cwd=self.path)
        self.refused(done, 0, f"started, here {self.path}: var/auspex.db, var/objects, run/h.sock\n")
        path.write_text((SERVICE % "/run/h.sock") + SERVER % (1, "/var/lib/auspex", "/var/lib/auspex", 2))
        self.assertNotIn("relative paths", run("check", str(path)).stdout)
        self.assertEqual(json.loads(run("check", "--json", str(path)).stdout)["relative_paths"], [])

    def test_standard_input(self):
        self.refused(run("check", "-", stdin=SERVICE % "/run/h.sock"), 0, "checkout")
        self.refused(run("check", "-", stdin=(SERVICE % "/run/h.sock") + "  criticality: 9\n"), 2, "<stdin>:6:")

    def test_every_error_is_named_at_once(self):
        done = run("check", self.file((SERVICE % "/h") + "  alpha: 7\n  mode: x\n  bogus: 1\n"))
        self.assertEqual(done.stderr.count("auspex.yaml:"), 3, done.stderr)


class Feed(Case):
    def test_udp_is_checked_printed_and_looked_at(self):
        udp = self.file((SERVICE % (self.path / "none.sock") + SERVER % (8400, self.path, self.path, 8514)).replace("tcp://", "udp://"))
        done = run("check", udp)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("  log 127.0.0.1:8514 len 2048 format rfc5424 local0\n", done.stdout)
        self.assertIn("backend auspex_counter", done.stdout)
        self.assertIn("over UDP", done.stdout)
        self.assertNotIn("ring", json.loads(run("check", "--json", udp).stdout)["log_format"])
        self.assertRegex(run("doctor", "--config", udp).stdout, "feed +.*receive buffer")
        other = self.file(SERVICE % (self.path / "none.sock") + (SERVER % (8400, self.path, self.path, 8514)).replace("tcp://", "sctp://"))
        self.refused(run("check", other), 2, "sctp://127.0.0.1:8514", "udp://ADDRESS:PORT")


class Decide(Case):
    def test_stream_goes_on_after_bad_lines(self):
        lines = ['{"start":{"deployment":"d","tick_s":10,"requests_per_s":100}}', "not json", '{"tick":{"deployment":"x","t_s":1}}',
                 '{"tick":{"deployment":"d","t_s":10,"canary":{"requests":5,"errors":9},"baseline":{"requests":5}}}',
                 '{"tick":{"deployment":"d","t_s":10,"canary":{"requests":20,"errors":0,"slower":[10,2,0]},"baseline":{"requests":980,"errors":1,"slower":[490,98,10]}}}']
        done = run("decide", stdin="\n".join(lines) + "\n")
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(done.returncode, 0)
        self.assertEqual(len(answers), 5)
        self.assertEqual([("error" in a) for a in answers], [False, True, True, True, False])
        self.assertEqual([a["line"] for a in answers[1:4]], [2, 3, 4])
        self.assertEqual(answers[4]["decision"], "advance")

    def test_a_very_long_line_is_one_error_in_bounded_memory(self):
        decide = subprocess.Popen([AUSPEX, "decide", "--json"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(decide.kill)

        def ask(line):
            decide.stdin.write(line + b"\n")
            decide.stdin.flush()
            return json.loads(decide.stdout.readline())

        def most_kb():
            status = pathlib.Path(f"/proc/{decide.pid}/status").read_text()
            return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])

        self.assertEqual(ask(b'{"start":{"deployment":"d","tick_s":10}}')["deployment"], "d")
        before = most_kb()
        self.assertIn("too long", ask(b"x" * 100_000_000)["error"])
        self.assertLess(most_kb() - before, 50_000)
        self.assertIn("line 3", ask(b"{}")["error"])
        decide.stdin.close()
        self.assertEqual(decide.wait(20), 0)
        decide.stdout.close()


class ReplayAndAudit(Case):
    def test_reference_trace_replays(self):
        # Another implementation's file: its sums and sentences may differ, and the answer says so.
        done = run("replay", str(TRACE))
        self.refused(done, 0, "1518 decisions", "all the same", "numbers to 1e-9")
        self.assertNotIn("all the same bit for bit", done.stdout)

    def recorded(self):
        """Lines in and out of a `decide` of ours."""
        lines = ['{"start":{"deployment":"d","tick_s":10,"requests_per_s":100}}',
                 '{"tick":{"deployment":"d","t_s":10,"canary":{"requests":20,"errors":0},"baseline":{"requests":980,"errors":1}}}',
                 '{"stop":{"deployment":"d"}}', '{"start":{"deployment":"d"}}']
        answers = iter(run("decide", stdin="\n".join(lines) + "\n").stdout.splitlines())
        file = []
        for line in lines:
            file.append('{"in":%s}' % line)
            if "stop" not in line:
                file.append('{"out":%s}' % next(answers))
        return file

    def test_own_lines_replay_bit_for_bit(self):
        self.refused(run("replay", self.file("\n".join(self.recorded()), "t.jsonl")), 0, "3 decisions", "all the same bit for bit")
        self.refused(run("replay", "-", stdin="\n".join(self.recorded())), 0, "<stdin>: 3 decisions", "bit for bit")

    def test_what_is_not_paired_differs(self):
        recorded = self.recorded()
        self.refused(run("replay", "-", stdin="\n".join(recorded[:3])), 1, "line 3", "stored no answer")  # the file ends too early
        self.refused(run("replay", "-", stdin="\n".join(recorded[:1] + recorded[2:])), 1, "line 1", "stored no answer")
        self.refused(run("replay", "-", stdin="\n".join(recorded[:2] + recorded[1:])), 1, "line 3", "decided nothing")
        self.refused(run("replay", "-", stdin=recorded[0] + '\n{"out":{}}'), 1, "line 2")  # nothing stored is no agreement
        self.refused(run("replay", "-", stdin=recorded[0] + "\n" + recorded[1].replace('"reason":"', '"reason":"x')), 0, "but the reason")

    def test_files_without_decisions_and_without_sense(self):
        self.refused(run("replay", "-", stdin=""), 4, "no decisions")
        self.refused(run("replay", "-", stdin='{"in":{"stop":{"deployment":"d"}}}\n{"out":'), 2, "<stdin>:2:1")
        self.refused(run("replay", "-", stdin='{"in":' + "[" * 100000 + "]" * 100000 + "}"), 2, "<stdin>:1:1")
        self.assertEqual(run("replay", self.file("", "empty"), "--json").returncode, 4)

    def test_a_changed_decision_is_found(self):
        lines = TRACE.read_text().splitlines()[:40]
        changed = json.loads(lines[21])
        changed["out"]["weight"] += 0.01
        lines[21] = json.dumps(changed)
        self.refused(run("replay", self.file("\n".join(lines), "t.jsonl")), 1, "line 22")

    def test_missing_and_foreign_ledgers(self):
        self.refused(run("audit", "verify", str(self.path / "no.db")), 2, "no.db", "give the path of a file")
        self.refused(run("replay", "d1", "--ledger", str(self.path / "no.db")), 2, "no.db", "give the path of a file")
        self.refused(run("audit", "verify", self.file("this is no database " * 100, "x.db")), 1, "x.db is no ledger, or damaged", "auspex restore")
        self.refused(run("audit", "verify", str(self.path)), 2, "there is no auspex.db in the folder", "give the ledger's file")


class Doctor(Case):
    def look(self, text, *arguments):
        done = run("doctor", "--config", self.file(text), "--json", *arguments)
        return done.returncode, {f["check"]: f for f in map(json.loads, done.stdout.splitlines())}

    def metrics(self, skew):
        """A metrics server whose clock is wrong by `skew` seconds."""
        class Answer(http.server.BaseHTTPRequestHandler):
            def date_time_string(self, timestamp=None):
                return super().date_time_string(time.time() + skew)

            def do_GET(self):
                result = [{"metric": {}, "value": [time.time(), "1"]}]
                body = json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server.server_port

    def config(self, metrics=None):
        text = SERVER % (free_port(), self.path, self.path, free_port())
        return text[4:] + (f"  metrics: {{prometheus: {{url: 'http://127.0.0.1:{metrics}'}}}}\n" if metrics else "")

    def test_a_fresh_machine_is_well_and_stays_untouched(self):
        code, found = self.look(self.config())
        self.assertEqual(code, 0, found)
        self.assertEqual(set(found), {"git", "clock", "ledger", "objects", "packed ticks", "listen", "feed"})
        self.assertEqual(sorted(os.listdir(self.path)), ["auspex.yaml"])

    def test_a_clock_apart_from_the_metrics_servers_is_a_warning(self):
        code, found = self.look(self.config(self.metrics(0)))
        self.assertEqual((code, found["clock"]["warning"]), (0, False), found)
        for skew, word in ((-30, "ahead of"), (30, "behind")):
            code, found = self.look(self.config(self.metrics(skew)))
            self.assertEqual((code, found["clock"]["warning"]), (0, True), found)
            self.assertIn(word, found["clock"]["text"])

    def test_ports_and_folders_of_others_come_with_their_mend(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            (self.path / "objects").write_text("a file")
            text = SERVER % (free_port(), self.path, self.path, other.getsockname()[1])
            code, found = self.look(text[4:])
        self.assertEqual(code, 3)
        self.assertFalse(found["feed"]["good"])
        self.assertIn("spec.proxy_log.listen", found["feed"]["text"])
        self.assertFalse(found["objects"]["good"])
        self.assertIn("spec.objects.path", found["objects"]["text"])


class DaemonCase(Case):

    def start(self, sock, feed="tcp", service=SERVICE):
        self.api, self.feed_port = free_port(), free_port()
        self.config = self.file((service % sock) + (SERVER % (self.api, self.path, self.path, self.feed_port)).replace("tcp:", feed + ":"))
        self.log = open(self.path / "log", "w")
        daemon = subprocess.Popen([AUSPEX, "serve", "--config", self.config], stdout=self.log, stderr=self.log)
        self.addCleanup(self.end, daemon)
        for _ in range(200):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.api}/readyz", timeout=1).read()
                break
            except OSError:
                time.sleep(0.05)
        else:
            self.fail((self.path / "log").read_text())
        return daemon

    def end(self, daemon):
        if daemon.poll() is None:
            daemon.terminate()
            daemon.wait(20)
        self.log.close()

    def cli(self, *arguments):
        return run(*arguments, "--server", f"http://127.0.0.1:{self.api}")

    proxy = None

    def haproxy(self, text, proxy_socket):
        """A real HAProxy with this file, in place of the one before."""
        if self.proxy:
            self.proxy.kill()
            self.proxy.wait()
        program = shutil.which("haproxy", path=os.environ["PATH"] + ":/usr/sbin")
        self.proxy = subprocess.Popen([program, "-db", "-f", self.file(text, "haproxy.cfg")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(self.proxy.wait)
        self.addCleanup(self.proxy.kill)
        for _ in range(200):
            with socket.socket(socket.AF_UNIX) as client:
                try:
                    client.connect(str(proxy_socket))
                    client.sendall(b"show info\n")
                    if f"Pid: {self.proxy.pid}\n".encode() in client.makefile("rb").read():
                        return
                except OSError:
                    pass
            time.sleep(0.05)
        self.fail("haproxy does not answer")

    def scripted(self, answer):
        path = str(self.path / "h.sock")
        server = socket.socket(socket.AF_UNIX)
        server.bind(path)
        server.listen(8)
        self.addCleanup(server.close)

        def serve():
            while True:
                try:
                    peer, _ = server.accept()
                except OSError:
                    return
                if answer is None:
                    time.sleep(5)
                else:
                    peer.recv(4096)
                    peer.sendall(answer)
                peer.close()

        threading.Thread(target=serve, daemon=True).start()
        return path


class Daemon(DaemonCase):
    """A daemon whose router is a scripted socket: absent, garbage, hanging."""

    def test_router_that_is_absent(self):
        self.start(self.path / "none.sock")
        self.refused(self.cli("deploy", "checkout", "--version", "v2"), 3, "none.sock", "nothing was begun", "start the router", "spec.traffic", "auspex doctor")
        self.refused(run("doctor", "--config", self.config), 3, "FAIL", "router of checkout")

    def test_router_that_answers_garbage_or_hangs(self):
        self.start(self.scripted(b"<html>no</html>\n"))
        self.refused(self.cli("deploy", "checkout", "--version", "v2"), 3, "<html>")

    def test_router_that_does_not_draw_at_random(self):
        proxy_socket = self.path / "h.sock"
        text = (
            f"global\n  stats socket {proxy_socket} mode 600 level admin\n"
            "defaults\n  mode http\n  timeout connect 1s\n  timeout client 1s\n  timeout server 1s\n"
            "backend checkout\n  balance %s\n  server a 127.0.0.1:9 weight 256\n  server b 127.0.0.1:9 weight 0\n"
        )
        self.haproxy(text % "roundrobin", proxy_socket)
        self.start(proxy_socket)
        for done, code in ((self.cli("deploy", "checkout", "--version", "v2"), 2), (run("doctor", "--config", self.config), 3)):
            self.refused(done, code, str(proxy_socket), "backend 'checkout'", "'roundrobin'", "`balance random(1)`", "`retries 0`", "`auspex check`")
        self.haproxy(text % "random(1)", proxy_socket)
        self.refused(run("doctor", "--config", self.config), 0, "router of checkout")
        self.refused(self.cli("deploy", "checkout", "--version", "v2"), 0, "checkout-v2")

    def test_doctor_finds_a_request_log_that_is_silent(self):
        class Answer(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        threading.Thread(target=web.serve_forever, daemon=True).start()
        self.addCleanup(web.server_close)
        self.addCleanup(web.shutdown)
        proxy_socket, port = self.path / "p.sock", free_port()
        text = (
            f"global\n  stats socket {proxy_socket} mode 600 level admin\n"
            "defaults\n  mode http\n  timeout connect 1s\n  timeout client 1s\n  timeout server 1s\n%s\n"
            f"frontend web\n  bind 127.0.0.1:{port}\n%s\n  default_backend checkout\n"
            f"backend checkout\n  balance random(1)\n  server a 127.0.0.1:{web.server_port} weight 256\n  server b 127.0.0.1:9 weight 0\n"
        )
        self.haproxy(text % ("", ""), proxy_socket)
        daemon = self.start(proxy_socket)
        ended = threading.Event()
        self.addCleanup(ended.set)

        def load():
            while not ended.wait(0.02):
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2).read()
                except OSError:
                    pass

        loading = threading.Thread(target=load, daemon=True)
        loading.start()
        self.refused(run("doctor", "--config", self.config), 3, "FAIL  request log of checkout", "silent: its servers ended", "log-format", "backend checkout")
        pasted = json.loads(run("check", "--json", self.config).stdout)
        self.haproxy(text % (pasted["ring_section"], pasted["log_format"]), proxy_socket)
        feed = lambda: json.loads(urllib.request.urlopen(f"http://127.0.0.1:{self.api}/api/v1/feed", timeout=5).read())
        for _ in range(200):
            if feed()["servers"][0]["lines"]:
                break
            time.sleep(0.05)
        self.assertEqual([(s["service"], s["server"]) for s in feed()["servers"]], [("checkout", "a"), ("checkout", "b")])
        self.refused(run("doctor", "--config", self.config), 0, "ok    request log of checkout", "lines of")
        page = urllib.request.urlopen(f"http://127.0.0.1:{self.api}/metrics", timeout=5).read().decode()
        self.assertRegex(page, r'auspex_feed_server_lines_total\{service="checkout",server="a"\} [1-9]')
        ended.set()
        loading.join()
        self.refused(run("doctor", "--config", self.config), 0, "warn  request log of checkout", "not checked: its servers ended 0 requests")
        self.end(daemon)
        self.refused(run("doctor", "--config", self.config), 0, "warn  request log", f"not checked: no daemon answers at http://127.0.0.1:{self.api}")

    def test_a_hangup_says_what_is_read_again_and_what_is_not(self):
        daemon = self.start(self.path / "none.sock")
        daemon.send_signal(signal.SIGHUP)
        log = self.path / "log"
        for _ in range(200):
            if "reload_asked" in log.read_text():
                break
            time.sleep(0.05)
        self.assertIn("nothing: neither TLS nor tokens are configured", log.read_text())
        self.assertIn("its changes need a restart", log.read_text())
        self.assertIsNone(daemon.poll())

    def test_router_that_hangs(self):
        self.start(self.scripted(None))
        self.assertEqual(self.cli("deploy", "checkout", "--version", "v2").returncode, 3)

    def test_second_daemon_is_refused_with_the_first_ones_pid(self):
        daemon = self.start(self.path / "none.sock")
        second = run("serve", "--config", self.config)
        self.refused(second, 2, str(daemon.pid))

    def test_unknown_things(self):
        self.start(self.path / "none.sock")
        self.refused(self.cli("deploy", "shop", "--version", "v2"), 2, "shop", "checkout")
        self.refused(self.cli("rollout", "get", "nope"), 2, "nope")
        self.refused(self.cli("rollout", "pause", "nope", "--reason", "x"), 2, "nope")
        self.refused(self.cli("rollout", "list"), 0, "no rollout is running")
        self.refused(run("rollout", "list", "--server", f"http://127.0.0.1:{free_port()}"), 3, "no daemon")

    def test_what_a_person_types_is_no_part_of_the_address(self):
        self.start(self.path / "none.sock")
        self.refused(self.cli("rollout", "get", "a b"), 2, "'a b'")
        self.refused(self.cli("rollout", "watch", "x/decisions?limit=1"), 2, "x/decisions?limit=1")
        # Not all services whose rollouts have ended.
        self.refused(self.cli("rollout", "list", "--service", "x&state=ended"), 0, "no rollout is running")
        self.refused(self.cli("rollout", "abort", "a#b", "--reason", "x"), 2, "a#b")

    def test_doctor_knows_its_own_daemon(self):
        self.start(self.path / "none.sock")
        done = run("doctor", "--config", self.config, "--json")
        found = {f["check"]: f for f in map(json.loads, done.stdout.splitlines())}
        for check in ("git", "clock", "ledger", "objects", "packed ticks", "listen", "feed"):
            self.assertTrue(found[check]["good"], found[check])
        self.assertIn("a daemon runs", found["listen"]["text"])
        self.assertEqual(os.listdir(self.path / "objects"), [n for n in os.listdir(self.path / "objects") if not n.startswith("doctor")])

    def test_http_problems_point_at_the_input(self):
        self.start(self.path / "none.sock")
        for body, pointer in ((b'{"service":"checkout"}', "/version"), (b'{"service":"checkout","version":"v2","risk":7}', "/risk"),
                              (b'{"service":"checkout","version":"v2","colour":1}', "/colour"), (b"nope", "")):
            request = urllib.request.Request(f"http://127.0.0.1:{self.api}/api/v1/deployments", data=body, method="POST")
            with self.assertRaises(urllib.error.HTTPError) as caught:
                urllib.request.urlopen(request, timeout=5)
            problem = json.loads(caught.exception.read())
            self.assertEqual(caught.exception.code, 400)
            self.assertIn(pointer, [e["pointer"] for e in problem["errors"]])
        page = urllib.request.urlopen(f"http://127.0.0.1:{self.api}/metrics", timeout=5).read().decode()
        self.assertIn("auspex_feed_connected 0", page)

    def test_a_feed_over_udp_is_counted_and_shown(self):
        self.start(self.path / "none.sock", feed="udp")
        line = '<134>1 2026-11-24T11:34:03+00:00 - haproxy 7 - - {"b":"checkout","s":"a","st":"200","us":"500","e":"%d","n":"1","h":"web1"}'
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            for datagram in (b"nonsense", (line % ((time.time() + 3600) * 1e6)).encode()):  # an hour ahead
                s.sendto(datagram, ("127.0.0.1", self.feed_port))
        for _ in range(200):
            page = urllib.request.urlopen(f"http://127.0.0.1:{self.api}/metrics", timeout=5).read().decode()
            if "auspex_feed_lines_total 1" in page:
                break
            time.sleep(0.05)
        for shown in ("auspex_feed_connected 1", "auspex_feed_malformed_total 1", "auspex_feed_early_total 1", "auspex_feed_clock_offset_seconds 3"):
            self.assertIn(shown, page)
        self.assertNotIn("auspex_feed_buffer_bytes 0", page)

    def test_sigterm_ends_it_well(self):
        daemon = self.start(self.path / "none.sock")
        daemon.terminate()
        self.assertEqual(daemon.wait(20), 0)


class Rollouts(DaemonCase):
    """A daemon whose router is `memory`, and to which no proxy sends its log."""
    MEMORY = SERVICE.replace("router: haproxy, socket: %s", "router: memory%.0s")

    def deployed(self, *options):
        done = self.cli("deploy", "checkout", "--version", "v2", "--json", *options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)["id"]

    def view(self, deployment):
        return json.loads(self.cli("rollout", "get", deployment, "--json").stdout)

    def wait_for(self, condition):
        for _ in range(200):
            if condition():
                return
            time.sleep(0.1)
        self.fail((self.path / "log").read_text())

    def test_what_was_rejected_had_nothing_to_roll_back(self):
        self.start("x", service=self.MEMORY + "  approval: {above_risk: 60%%}\n")
        deployment = self.deployed("--risk", "90%")
        self.assertEqual(self.cli("rollout", "reject", deployment, "--reason", "too late").returncode, 0)
        self.wait_for(lambda: self.view(deployment)["state"] == "ended")
        self.assertEqual(self.view(deployment)["decision"], "roll_back")
        for arguments, code in (["get", deployment], 0), (["list", "--all"], 0), (["watch", deployment], 4):
            done = self.cli("rollout", *arguments)
            self.refused(done, code, "rejected")
            self.assertNotIn("roll_back", done.stdout)

    def test_what_waits_for_a_person_says_who_answers_how_and_by_when(self):
        self.start("x", service=self.MEMORY + "  approval: {above_risk: 60%%, timeout: 2h}\n")
        deployment = self.deployed("--risk", "90%")
        view = self.view(deployment)
        for word in ("the risk 90 % is above 60 %", f"`auspex rollout approve {deployment} --reason …`", "rejected 2h after"):
            self.assertIn(word, view["reason"])
        self.assertEqual(view["schedule"]["at_timeout"], "reject")
        self.assertAlmostEqual(view["schedule"]["approval_s"], 7200, delta=70)
        shown = self.cli("rollout", "get", deployment).stdout
        self.assertRegex(shown, r"schedule    an operator answers until \d{4}-\d\d-\d\dT[0-9:.]+Z, else it is rejected: `auspex rollout approve ")

    def test_what_people_ordered_can_be_read_again(self):
        self.start("x", service=self.MEMORY + "  approval: {above_risk: 60%%}\n")
        deployment = self.deployed("--risk", "90%")
        self.assertEqual(self.view(deployment)["orders"], [])
        self.assertEqual(self.cli("rollout", "approve", deployment, "--reason", "reviewed: INC-12", "--actor", "ann").returncode, 0)
        self.wait_for(lambda: self.view(deployment)["state"] != "waiting")
        self.assertEqual(self.cli("rollout", "pause", deployment, "--reason", "the database is slow", "--actor", "bob").returncode, 0)
        self.wait_for(lambda: len(self.view(deployment)["orders"]) == 2)
        shown = self.cli("rollout", "get", deployment).stdout
        self.assertRegex(shown, r"ordered     \S+Z approve by ann: reviewed: INC-12\n  ordered     \S+Z pause by bob: the database is slow\n")

    def test_a_rollout_without_its_log_says_where_to_look(self):
        self.start("x", service=self.MEMORY + "  limits: {tick: 1s}\n")
        deployment = self.deployed()
        self.wait_for(lambda: "is not connected" in self.view(deployment)["reason"])
        reason = self.view(deployment)["reason"]
        for word in (f"tcp://127.0.0.1:{self.feed_port}", f"server auspex 127.0.0.1:{self.feed_port} log-proto octet-count", "log ring@auspex local0", "auspex check"):
            self.assertIn(word, reason)
        # Both lines stand so in what `check` prints.
        printed = run("check", self.config).stdout
        for line in re.findall("`((?:server|log) [^`]*)`", reason):
            self.assertIn(line, printed)
        # Nor is a baseline that nobody has seen yet shown as measured.
        explained = self.cli("rollout", "explain", deployment)
        self.refused(explained, 0, "assumed: the baseline has not been measured yet")
        self.assertRegex(explained.stdout, r"errors .* 0\.\d+ .*\(rate assumed\)\n")
        self.assertTrue(json.loads(self.cli("rollout", "explain", deployment, "--json").stdout)["baseline_assumed"])


class ScriptedDaemon(Case):
    """What the daemon answers is made up here: {"METHOD /path": (status, body)}."""
    DEPLOYMENT = {"id": "d", "service": "checkout", "version": "v2", "state": "running", "pace": "swift", "awaits": None, "decision": "hold", "verdict": None, "by": None,
                  "weight": 0.4, "weight_given": 0.4, "confidence": 0.8, "p_fail": 0.2, "log_e": 1.0, "log_e_bar": 4.6, "requests_needed": None, "reason": "as it is", "risk": 0.15,
                  "t_s": 300, "users_harmed": 0, "requests": {"canary": 1, "baseline": 1}, "errors": {"canary": 0, "baseline": 0}, "feed_lost": 0, "schedule": None,
                  "started_at": "2026-11-24T11:13:27Z", "ended_at": None}

    def serve(self, answers):
        class Answer(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, body = answers.get(f"{self.command} {self.path.partition('?')[0].removeprefix('/api/v1')}", (404, {}))
                text = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_POST = do_GET

            def log_message(self, *_):
                pass

        daemon = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        threading.Thread(target=daemon.serve_forever, daemon=True).start()
        self.addCleanup(daemon.server_close)
        self.addCleanup(daemon.shutdown)
        return lambda *arguments: run(*arguments, "--server", f"http://127.0.0.1:{daemon.server_port}")

    def test_orders_that_cannot_be_read_are_not_called_none(self):
        view = (200, self.DEPLOYMENT)
        for orders, code, words in (((404, {}), 0, []), ((503, {"detail": "the ledger is away"}), 3, ["its orders", "the ledger is away"]), ((403, {"detail": "no"}), 3, ["its orders"])):
            cli = self.serve({"GET /deployments/d": view, "GET /deployments/d/orders": orders})
            self.refused(cli("rollout", "get", "d"), code, *words)
            self.refused(cli("rollout", "get", "d", "--json"), code, *words)
        self.assertIn("  pace        swift\n", self.serve({"GET /deployments/d": view})("rollout", "get", "d").stdout)

    def test_what_is_held_for_a_person_ends_the_watch_with_4(self):
        schedule = {"deadline_s": 0, "at_deadline": "promote"}
        cli = self.serve({"GET /deployments/d": (200, {**self.DEPLOYMENT, "awaits": "person", "schedule": schedule}),
                          "GET /deployments/d/decisions": (200, {"items": [], "next_cursor": None}),
                          "POST /deployments": (201, {"id": "d"})})
        typed = ["`auspex rollout promote d --reason …`", "`auspex rollout abort d --reason …`"]
        for command in (["rollout", "watch", "d"], ["deploy", "checkout", "--version", "v2", "--wait"]):
            for option in ([], ["--json"]):
                done = cli(*command, *option)
                self.refused(done, 4)
                for word in ("held until a person decides", *typed):
                    self.assertIn(word, done.stderr)
        shown = cli("rollout", "get", "d").stdout
        for word in ("the deadline has come; held until a person decides", *typed):
            self.assertIn(word, shown)


class Tokens(Case):
    def test_a_token_may_end(self):
        created = self.token("create", "--role", "viewer", "--name", "guest", "--expires", "90d", "--json")
        ends = json.loads(created.stdout)["expires_at"]
        self.token("create", "--role", "viewer", "--name", "me")
        listed = [json.loads(line) for line in self.token("list", "--json").stdout.splitlines()]
        self.assertEqual([(one["name"], one["expires_at"], one["expired"]) for one in listed], [("guest", ends, False), ("me", None, False)])
        table = self.token("list").stdout.splitlines()
        self.assertIn("EXPIRES", table[0])
        self.assertIn(ends, table[1])
        self.assertIn("never", table[2])
        for bad in ("0s", "90", "soon", "-1d"):
            self.refused(self.token("create", "--role", "viewer", "--name", "x", f"--expires={bad}"), 2, "--expires", bad)

    def token(self, verb, *arguments):
        return run("token", verb, *arguments, "--file", str(self.path / "tokens.json"))

    def test_a_token_is_shown_once(self):
        created = self.token("create", "--role", "operator", "--name", "ci")
        self.assertEqual(created.returncode, 0, created.stderr)
        token = created.stdout.strip()
        self.assertRegex(token, "^auspex_[A-Za-z0-9_-]{43}$")
        self.assertNotIn(token, created.stderr + (self.path / "tokens.json").read_text())
        self.assertNotEqual(json.loads(self.token("create", "--role", "viewer", "--name", "me", "--json").stdout)["token"], token)
        listed = self.token("list")
        self.assertNotIn("auspex_", listed.stdout)
        self.refused(listed, 0, "ci", "operator", "me", "viewer")
        self.assertEqual(self.token("revoke", "--name", "ci").returncode, 0)
        self.assertEqual([json.loads(line)["name"] for line in self.token("list", "--json").stdout.splitlines()], ["me"])

    def test_bad_use_is_refused_and_changes_nothing(self):
        self.token("create", "--role", "viewer", "--name", "me")
        before = (self.path / "tokens.json").read_text()
        self.refused(self.token("create", "--role", "root", "--name", "x"), 2, "root", "viewer, operator or admin")
        self.refused(self.token("create", "--role", "viewer", "--name", "me"), 2, "already")
        self.refused(self.token("create", "--role", "viewer", "--name", "a b"), 2, "a b")
        self.refused(self.token("revoke", "--name", "you"), 2, "no token 'you'")
        self.refused(run("token", "list", "--file", self.file("{}", "x.json")), 2, "x.json", "auspex token create")
        self.assertEqual((self.path / "tokens.json").read_text(), before)
        self.refused(run("token", "create", "--role", "viewer", "--name", "a", "--file", str(self.path / "no/t.json")), 2, "no/t.json")


class SecureDaemon(DaemonCase):
    """TLS and tokens, on every address; what changes is taken without a restart."""

    def certificate(self, name="cert"):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(self.path / f"{name}.key"), "-out", str(self.path / f"{name}.pem")],
                       check=True, capture_output=True)

    def token(self, role, name):
        return run("token", "create", "--role", role, "--name", name, "--file", str(self.path / "tokens.json")).stdout.strip()

    def secure(self):
        self.certificate()
        (self.path / "ca.pem").write_bytes((self.path / "cert.pem").read_bytes())
        self.operator, self.viewer = self.token("operator", "ci"), self.token("viewer", "me")
        self.api = free_port()
        server = (SERVER % (self.api, self.path, self.path, free_port())).replace("listen: 127.0.0.1:", "listen: 0.0.0.0:")
        access = f"  tls: {{certificate: {self.path}/cert.pem, key: {self.path}/cert.key}}\n  tokens: {{file: {self.path}/tokens.json}}\n"
        service = (SERVICE % "/none").replace("router: haproxy, socket: /none", "router: memory")
        self.config = self.file(service + server + access)
        self.log = open(self.path / "log", "w")
        daemon = subprocess.Popen([AUSPEX, "serve", "--config", self.config], stdout=self.log, stderr=self.log)
        self.addCleanup(self.end, daemon)
        self.wait_for(lambda: self.ask(self.viewer, "rollout", "list").returncode == 0)
        return daemon

    def wait_for(self, condition):
        for _ in range(200):
            if condition():
                return
            time.sleep(0.1)
        self.fail((self.path / "log").read_text())

    def ask(self, token, *arguments, ca="ca.pem", **changed):
        environment = dict(os.environ, AUSPEX_SERVER=f"https://127.0.0.1:{self.api}", AUSPEX_CA=str(self.path / ca), AUSPEX_TOKEN=token)
        return run(*arguments, env=environment | changed)

    def test_roles_actor_and_trust(self):
        daemon = self.secure()
        deploy = ("deploy", "checkout", "--version", "v2", "--actor", "somebody-else", "--json")
        self.refused(self.ask("", "rollout", "list"), 3, "viewer", "AUSPEX_TOKEN")
        self.refused(self.ask("auspex_wrong", "rollout", "list"), 3, "not known")
        self.refused(self.ask(self.viewer, *deploy), 3, "operator", "'me' is viewer")
        deployed = self.ask(self.operator, *deploy)
        self.assertEqual(deployed.returncode, 0, deployed.stderr)
        deployment = json.loads(deployed.stdout)["id"]
        self.assertEqual(self.ask(self.operator, "rollout", "abort", deployment, "--reason", "enough").returncode, 0)
        self.wait_for(lambda: "by ci: enough" in self.ask(self.viewer, "rollout", "get", deployment).stdout)
        self.certificate("other")
        self.refused(self.ask(self.viewer, "rollout", "list", ca="other.pem"), 3, "--ca-file")
        self.refused(run("rollout", "list", "--server", f"https://127.0.0.1:{self.api}", "--ca-file", str(self.path / "ca.pem"),
                         env=dict(os.environ, AUSPEX_TOKEN=self.viewer)), 0)
        self.refused(self.ask(self.viewer, "rollout", "list", AUSPEX_SERVER="http://192.0.2.1:8400"), 2, "in the clear")
        daemon.terminate()
        self.assertEqual(daemon.wait(20), 0)
        written = (self.path / "log").read_text() + (self.path / "auspex.db").read_bytes().decode("latin-1")
        for secret in (self.operator, self.viewer):
            self.assertNotIn(secret, written)

    def test_a_new_certificate_and_new_tokens_without_a_restart(self):
        daemon = self.secure()
        log = self.path / "log"
        (self.path / "cert.pem").write_text("no certificate")
        daemon.send_signal(signal.SIGHUP)
        self.wait_for(lambda: "certificate_not_reloaded" in log.read_text())
        self.wait_for(lambda: '"read_again":"certificate and key, tokens"' in log.read_text())
        self.assertEqual(self.ask(self.viewer, "rollout", "list").returncode, 0)
        self.certificate()  # no signal: the files are watched
        self.wait_for(lambda: self.ask(self.viewer, "rollout", "list", ca="cert.pem").returncode == 0)
        self.assertEqual(self.ask(self.viewer, "rollout", "list").returncode, 3)
        run("token", "revoke", "--name", "me", "--file", str(self.path / "tokens.json"))
        self.wait_for(lambda: self.ask(self.viewer, "rollout", "list", ca="cert.pem").returncode == 3)
        new = self.token("viewer", "you")
        self.wait_for(lambda: self.ask(new, "rollout", "list", ca="cert.pem").returncode == 0)
        (self.path / "tokens.json").write_text("{}")
        self.wait_for(lambda: "tokens_not_reloaded" in log.read_text())
        self.assertEqual(self.ask(new, "rollout", "list", ca="cert.pem").returncode, 0)
        self.assertIsNone(daemon.poll())


if __name__ == "__main__":
    AUSPEX = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=1)
