"""The demo's scene for the benchmarks: HAProxy, Prometheus, two versions of the sample service, open-loop load and the daemon,
each a child process on free ports of 127.0.0.1. Unlike the demo's it stays up from one rollout to the next, its daemon can be
looked at from outside, and the proxy sends its request log to a second reader as well.
"""
import contextlib
import json
import pathlib
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request

START_LIMIT_S = 60
ANSWER_LIMIT_S = 10
TICK_S = 1
HAPROXY = """global
  maxconn 2000
  stats socket {folder}/haproxy.sock mode 600 level admin expose-fd listeners
  stats timeout 1h

{ring}
ring bench
  format rfc5424
  maxlen 2048
  size 33554432
  timeout connect 1s
  timeout server 10s
  server bench 127.0.0.1:{second_feed} log-proto octet-count

defaults
  mode http
  option http-keep-alive
  timeout connect 2s
  timeout client 30s
  timeout server 10s
  timeout http-request 10s
  timeout http-keep-alive 60s
  timeout check 5s
  retries 0

frontend shop
  bind 127.0.0.1:{proxy}
  log ring@bench local0
{log_format}
  default_backend shop

backend shop
  balance random(1)
  option httpchk GET /healthz
  server a 127.0.0.1:{a} weight 256 check inter 500ms fall 2 rise 1
  server b 127.0.0.1:{b} weight 0 check inter 500ms fall 2 rise 1
"""
PROMETHEUS = """global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
scrape_configs:
  - job_name: shop
    honor_labels: true
    static_configs:
      - {{targets: ['127.0.0.1:{a}'], labels: {{version: v1}}}}
      - {{targets: ['127.0.0.1:{b}'], labels: {{version: v2}}}}
"""
# The demo's profile, but for bake and deadline.
AUSPEX = """apiVersion: auspex/v1
kind: Service
metadata: {{name: sample}}
spec:
  prior_risk: 0.15
  traffic: {{router: haproxy, socket: {folder}/haproxy.sock, backend: shop, servers: [a, b]}}
  signals:
    - {{name: requests, role: errors, from: proxy_log}}
    - {{name: memory, role: saturation, from: prometheus, query: 'process_resident_memory_bytes{{version="$version"}}'}}
  limits: {{tick: {tick}s, bake: 1h, deadline: 2h, time_scale: 0.1}}
---
apiVersion: auspex/v1
kind: Server
metadata: {{name: bench}}
spec:
  listen: 127.0.0.1:{api}
  ledger: {{store: sqlite, path: {folder}/auspex.db}}
  objects: {{store: filesystem, path: {folder}/objects}}
  metrics: {{prometheus: {{url: 'http://127.0.0.1:{prometheus}'}}}}
  proxy_log: {{listen: 'tcp://127.0.0.1:{feed}'}}
"""


def free_ports(count):
    """Ports that nobody had a moment ago."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


class RequestLog:
    """Reads octet-counted frames of HAProxy's ring; each line as a dict."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._lines = []
        threading.Thread(target=self._run, daemon=True).start()

    def lines(self):
        with self._lock:
            return list(self._lines)

    def _run(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self._read(connection.makefile("rb"))

    def _read(self, stream):
        while True:
            length = b""
            while not length.endswith(b" "):
                byte = stream.read(1)
                if not byte:
                    return
                length += byte
            message = stream.read(int(length))
            with self._lock:
                self._lines.append(json.loads(message[message.index(b"{"):]))

    def close(self):
        self._listener.close()


class Rig:
    """Context manager. `fault`: of the canary, server b."""

    def __init__(self, auspex, fault="none", rps=150):
        self._auspex, self._fault, self._rps = str(auspex), fault, rps
        self._parts = []
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="auspex-bench-"))
        self.log = RequestLog()
        self.daemon = None

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(self._parts):
            process.terminate()
        for process in self._parts:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self):
        proxy, api, feed, prometheus, a, b = free_ports(6)
        names = {"folder": self.folder, "proxy": proxy, "api": api, "feed": feed, "prometheus": prometheus, "a": a, "b": b, "tick": TICK_S,
                 "second_feed": self.log.port}
        self.api = f"http://127.0.0.1:{api}"
        self._write("auspex.yaml", AUSPEX.format(**names))
        checked = subprocess.run([self._auspex, "check", "--json", self.folder / "auspex.yaml"], capture_output=True, text=True, check=True)
        texts = json.loads(checked.stdout)
        self._write("haproxy.cfg", HAPROXY.format(ring=texts["ring_section"], log_format=texts["log_format"], **names))
        self._write("prometheus.yml", PROMETHEUS.format(**names))
        for port, version, fault in ((a, "v1", "none"), (b, "v2", self._fault)):
            self._run(version, [self._auspex, "lab", "service", "--port", str(port), "--version", version, "--fault", fault, "--seed", str(port % 7 + 1),
                                "--error-rate", "0.01", "--latency-ms", "20", "--total-rps", str(self._rps)])
            self._wait_for(f"http://127.0.0.1:{port}/healthz")
        self._run("haproxy", ["haproxy", "-db", "-f", self.folder / "haproxy.cfg"])
        self._run("prometheus", ["prometheus", f"--config.file={self.folder}/prometheus.yml", f"--storage.tsdb.path={self.folder}/prometheus",
                                 f"--web.listen-address=127.0.0.1:{prometheus}", "--log.level=warn"])
        self._wait_for(f"http://127.0.0.1:{prometheus}/-/ready")
        self.daemon = self._run("daemon", [self._auspex, "serve", "--config", self.folder / "auspex.yaml"])
        self._wait_for(self.api + "/readyz")
        self._run("load", [self._auspex, "lab", "load", "--port", str(proxy), "--rps", str(self._rps), "--seconds", "0", "--seed", "3"])
        for port in (a, b):
            self._ask(f"http://127.0.0.1:{port}/lab/start-clock", b"")

    def _write(self, name, text):
        (self.folder / name).write_text(text, encoding="utf-8")

    def _run(self, name, argv):
        with open(self.folder / (name + ".log"), "wb") as output:
            process = subprocess.Popen(argv, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        self._parts.append(process)
        return process

    def _wait_for(self, url):
        limit = time.monotonic() + START_LIMIT_S
        while True:
            try:
                return self._ask(url)
            except OSError:
                if time.monotonic() > limit or self._parts[-1].poll() is not None:
                    words = "".join((self.folder / n.name).read_text(errors="replace")[-300:] for n in self.folder.glob("*.log"))
                    raise RuntimeError(f"{url} did not answer; last words: {words}") from None
                time.sleep(0.1)

    @staticmethod
    def _ask(url, body=None):
        request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_LIMIT_S) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{url}: {error.code} {error.read()[:300]}") from None

    def deploy(self):
        """Announces a rollout; its id."""
        body = {"service": "sample", "version": "v2", "baseline_version": "v1", "actor": "bench"}
        return json.loads(self._ask(self.api + "/api/v1/deployments", json.dumps(body).encode()))["id"]

    def view(self, deployment):
        return json.loads(self._ask(f"{self.api}/api/v1/deployments/{deployment}"))

    def wait_until(self, deployment, states, limit_s):
        """The view once its state is one of `states`."""
        limit = time.monotonic() + limit_s
        while True:
            view = self.view(deployment)
            if view["state"] in states:
                return view
            if time.monotonic() > limit:
                raise RuntimeError(f"{deployment} is still {view['state']} after {limit_s} s: {view['reason']}")
            time.sleep(0.2)
