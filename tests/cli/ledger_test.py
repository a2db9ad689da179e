#!/usr/bin/env python3
"""A daemon and its ledger on bad days: disk full, read-only, at its limit; file locked, damaged, newer, older; backup and restore.

ledger_test.py AUSPEX    runs in mount namespaces of its own, where the machine allows one: what it mounts goes with it.
"""
import http.client
import json
import os
import pathlib
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import unittest

from steady_daemon import SteadyDaemon, wait_until

AUSPEX = ""
FIXTURE = pathlib.Path("tests/storage/data/ledger-v2")
MAY_MOUNT = os.environ.get("AUSPEX_TEST_MAY_MOUNT") == "1"
WEIGHT = 0.05


def command(*arguments):
    return subprocess.run([*map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)


class Events(threading.Thread):
    """The daemon's live events as they come."""

    def __init__(self, daemon):
        super().__init__(daemon=True)
        self.reply = http.client.HTTPConnection("127.0.0.1", daemon.api, timeout=120)
        self.reply.request("GET", "/api/v1/events")
        self.stream = self.reply.getresponse()
        self.alerts = []
        self.start()

    def run(self):
        kind = ""
        try:
            for line in self.stream:
                text = line.decode().strip()
                if text.startswith("event:"):
                    kind = text[6:].strip()
                elif text.startswith("data:") and kind == "alert":
                    self.alerts.append(json.loads(text[5:]))
        except (OSError, http.client.HTTPException, ValueError):
            pass  # the daemon has ended


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name)

    def daemon(self, disk=None):
        daemon = SteadyDaemon(AUSPEX, self.path, disk)
        self.addCleanup(daemon.stop)
        return daemon

    def refused(self, done, code, *words):
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        for word in words:
            self.assertIn(word, done.stdout + done.stderr)

    def proven(self, daemon):
        """The ledger's entries, all proven, and the decisions replayed bit for bit."""
        done = daemon.cli("audit", "verify", daemon.ledger, "--objects", daemon.objects, "--json")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return json.loads(done.stdout)["entries"]

    def replayed(self, daemon, name):
        self.refused(daemon.cli("replay", name, "--ledger", daemon.ledger, "--objects", daemon.objects), 0, "all the same bit for bit")


class Refusing(Case):
    """The ledger refuses while a rollout is at 5 %: it holds, says so, and goes on by itself."""

    def hold_and_go_on(self, daemon, refuse, allow, words):
        name = daemon.deploy_at(WEIGHT)
        events = Events(daemon)
        self.assertEqual(daemon.get("/readyz")[0], 200)
        refuse()
        status, problem = wait_until("it is not ready", lambda: (lambda r: r if r[0] == 503 else None)(daemon.get("/readyz")))
        for word in words:
            self.assertIn(word, problem["detail"])
        held = daemon.deployment(name)
        self.assertEqual((held["weight"], held["weight_given"], held["state"]), (WEIGHT, WEIGHT, "paused"))
        self.assertIn("the weight holds until the ledger takes decisions again", held["reason"])
        wait_until("the alert comes", lambda: any(words[0] in a["reason"] and a["id"] == name for a in events.alerts))
        # A decision that cannot be stored is not taken, and whoever asked for it is told; it does not happen later either.
        before = len(daemon.decisions(name))
        self.refused(daemon.ask("rollout", "abort", name, "--reason", "now"), 3, words[0])
        self.assertEqual(len(daemon.decisions(name)), before)
        self.assertEqual(daemon.get("/healthz")[0], 200)
        self.assertEqual(daemon.log().count('"event":"ledger_refuses"'), 1, daemon.log())
        allow()
        wait_until("it is ready", lambda: daemon.get("/readyz")[0] == 200)
        wait_until("it decides", lambda: len(daemon.decisions(name)) > before + 1)
        after = daemon.deployment(name)
        self.assertEqual((after["weight"], after["weight_given"], after["state"]), (WEIGHT, WEIGHT, "paused"))
        self.assertNotIn("ledger", after["reason"])
        self.assertIn("ledger_takes_decisions_again", daemon.log())
        self.assertEqual(daemon.stop(), 0)
        self.proven(daemon)
        self.replayed(daemon, name)

    def mount(self, *arguments):
        if not MAY_MOUNT:
            self.skipTest("this process may not mount a file system; test_a_file_at_its_limit stands in for it")
        disk = self.path / "disk"
        disk.mkdir()
        done = command("mount", *arguments, disk)
        if done.returncode:
            self.skipTest(f"no such mount here: {done.stderr}")
        self.addCleanup(command, "umount", "-l", disk)
        return disk

    def test_a_full_disk(self):
        disk = self.mount("-t", "tmpfs", "-o", "size=8m", "tmpfs")
        ballast = disk / "ballast"

        def fill():
            with open(ballast, "wb", buffering=0) as file:
                try:
                    while True:
                        file.write(b"x" * 4096)
                except OSError:
                    pass
            self.assertEqual(os.statvfs(disk).f_bavail, 0)

        daemon = self.daemon(disk).start()
        self.hold_and_go_on(daemon, fill, ballast.unlink, ["database or disk is full", "auspex.db", "free space"])
        # Nor is a daemon begun on a full disk.
        fill()
        self.refused(daemon.cli("serve", "--config", daemon.config), 3, "No space left on device", "free space")
        self.refused(daemon.cli("doctor", "--config", daemon.config), 3, "FAIL  ledger", "0 MB are free")
        ballast.unlink()
        # Nor on one that is mounted for reading, though root asks; there it can still be read.
        self.assertEqual(command("mount", "-o", "remount,ro", disk).returncode, 0)
        self.refused(daemon.cli("serve", "--config", daemon.config), 3, "Read-only file system", "mount its disk for writing")
        self.refused(daemon.cli("doctor", "--config", daemon.config), 3, "FAIL  ledger", "mount its disk for writing")
        self.proven(daemon)

    def test_a_file_at_its_limit(self):
        """What the machine calls EFBIG: a quota, or LimitFSIZE of a unit. Needs no right to mount."""
        daemon = self.daemon().start()
        _, hard = resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE)
        limit = lambda soft: resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (soft, hard))
        self.hold_and_go_on(daemon, lambda: limit(32768), lambda: limit(hard), ["File too large", "auspex.db", "ulimit -f"])

    def test_a_locked_file(self):
        daemon = self.daemon().start()
        other = sqlite3.connect(daemon.ledger, isolation_level=None)
        self.addCleanup(other.close)
        self.hold_and_go_on(daemon, lambda: other.execute("BEGIN IMMEDIATE"), lambda: other.execute("ROLLBACK"), ["database is locked", "auspex.db", "fuser"])

    def test_a_disk_that_becomes_read_only(self):
        """ext4 does so after an error (errors=remount-ro), and stays so until it is checked: the daemon ends, and goes on afterwards."""
        image = self.path / "disk.img"
        with open(image, "wb") as file:
            file.truncate(16 << 20)
        if not MAY_MOUNT or command("mkfs.ext4", "-q", "-F", image).returncode:
            self.skipTest("this process may not make and mount an ext4 image")
        disk = self.mount("-o", "loop,errors=remount-ro", image)
        trigger = pathlib.Path("/sys/fs/ext4") / pathlib.Path(command("findmnt", "-no", "SOURCE", disk).stdout.strip()).name / "trigger_fs_error"
        if not os.access(trigger, os.W_OK):
            self.skipTest(f"no {trigger} here")
        daemon = self.daemon(disk).start()
        name = daemon.deploy_at(WEIGHT)
        trigger.write_text("a test")
        # A write that was under way may fail with EIO first: the reason follows what each attempt meets.
        wait_until("it says why it is not ready", lambda: "Read-only file system" in daemon.get("/readyz")[1].get("detail", ""))
        self.assertEqual(daemon.get("/readyz")[0], 503)
        held = daemon.deployment(name)
        self.assertEqual((held["weight"], held["weight_given"]), (WEIGHT, WEIGHT))
        self.assertIn("Read-only file system", held["reason"])
        self.assertEqual(daemon.stop(), 0)
        self.refused(daemon.cli("serve", "--config", daemon.config), 3, "Read-only file system")
        self.assertEqual(command("umount", disk).returncode, 0)
        self.assertLess(command("e2fsck", "-p", image).returncode, 4)
        self.assertEqual(command("mount", "-o", "loop", image, disk).returncode, 0)
        daemon.start()
        known = len(daemon.decisions(name))
        wait_until("it goes on", lambda: len(daemon.decisions(name)) > known)
        wait_until("the weight is given", lambda: daemon.deployment(name)["weight_given"] == WEIGHT)
        self.assertEqual(daemon.stop(), 0)
        self.proven(daemon)
        self.replayed(daemon, name)


class Damaged(Case):
    def ended_daemon(self):
        """A daemon that was stopped; its ledger has a running deployment with some ticks."""
        daemon = self.daemon().start()
        self.name = daemon.deploy_at(WEIGHT)
        self.assertEqual(daemon.stop(), 0)
        return daemon

    def test_a_damaged_page_is_told_with_the_way_back(self):
        daemon = self.ended_daemon()
        self.refused(daemon.cli("backup", "--to", self.path / "b.db", "--ledger", daemon.ledger, "--objects", daemon.objects), 0)
        with sqlite3.connect(daemon.ledger) as look:
            page = look.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'entries'").fetchone()[0]
        look.close()
        with open(daemon.ledger, "r+b") as file:
            file.seek((page - 1) * 4096)
            file.write(b"\xa5" * 4096)
        self.refused(daemon.cli("serve", "--config", daemon.config), 1, "malformed", "auspex.db", "audit verify", "auspex restore")
        self.refused(daemon.cli("audit", "verify", daemon.ledger), 1, "broken")
        self.refused(daemon.cli("doctor", "--config", daemon.config), 3, "FAIL  ledger", "auspex restore")
        self.refused(daemon.cli("backup", "--to", self.path / "c.db", "--ledger", daemon.ledger, "--objects", daemon.objects), 1)
        self.assertFalse((self.path / "c.db").exists())
        # The way back.
        where = ["--ledger", daemon.ledger, "--objects", daemon.objects]
        self.refused(daemon.cli("restore", self.path / "b.db", *where), 2, "left alone", "move")
        for suffix in ("", "-wal", "-shm"):
            pathlib.Path(f"{daemon.ledger}{suffix}").unlink(missing_ok=True)
        self.refused(daemon.cli("restore", self.path / "b.db", *where), 0, "proves itself")
        daemon.start()
        wait_until("the weight is given", lambda: daemon.deployment(self.name)["weight_given"] == WEIGHT)

    def test_a_newer_ledger_is_refused_and_an_older_one_goes_on(self):
        daemon = self.daemon()
        shutil.copytree(FIXTURE, self.path, dirs_exist_ok=True)
        running = "checkout-v2-1795629544641"
        self.refused(daemon.cli("check", daemon.config), 0, "version 2", "1 running deployments")
        daemon.start()
        known = len(daemon.decisions(running))
        wait_until("it goes on", lambda: len(daemon.decisions(running)) > known + 1)
        wait_until("the weight is given", lambda: daemon.deployment(running)["weight_given"] == 0.1)
        self.assertEqual(daemon.stop(), 0)
        self.assertGreater(self.proven(daemon), 30)
        with sqlite3.connect(daemon.ledger) as newer:
            version = newer.execute("PRAGMA user_version").fetchone()[0]
            newer.execute(f"PRAGMA user_version = {version + 1}")
        newer.close()
        for arguments in (["serve", "--config", daemon.config], ["audit", "verify", daemon.ledger], ["replay", running, "--ledger", daemon.ledger]):
            self.refused(daemon.cli(*arguments), 2, f"ledger version {version + 1}", "use the newer program")
        self.refused(daemon.cli("check", daemon.config), 0, "use the newer program")


class Backups(Case):
    def test_of_a_running_daemon_by_file_and_by_folder(self):
        daemon = self.daemon().start()
        first = daemon.deploy_at(WEIGHT)
        self.refused(daemon.ask("rollout", "abort", first, "--reason", "enough"), 0)
        wait_until("it is packed", lambda: list(daemon.objects.rglob("*.zst")))
        second = daemon.deploy_at(WEIGHT)
        where = ["--ledger", daemon.ledger, "--objects", daemon.objects]
        copies = {"file": self.path / "deep" / "monday.db", "folder": f"{self.path}/monday/"}
        # A path that was spelt wrong becomes no folder of its own.
        for to in (copies["file"], f"{self.path}/deep/er/"):
            self.refused(daemon.cli("backup", "--to", to, *where), 2, f"there is no folder '{self.path}/deep'", "mkdir -p")
        self.assertFalse((self.path / "deep").exists())
        (self.path / "deep").mkdir()
        for kind, to in copies.items():
            done = daemon.cli("backup", "--to", to, *where, "--json")
            self.assertEqual(done.returncode, 0, done.stderr)
            report = json.loads(done.stdout)
            self.assertEqual(report["objects"], 1, kind)
            self.refused(daemon.cli("backup", "--to", to, *where), 2, "left alone")
        self.refused(daemon.cli("audit", "verify", copies["file"]), 0, "valid")
        self.refused(daemon.cli("audit", "verify", self.path / "monday/auspex.db", "--objects", self.path / "monday/objects"), 0, "valid")
        self.refused(daemon.cli("audit", "verify", copies["folder"]), 0, "valid", "proven through packed objects")
        # Who ordered what is in each copy, without a daemon.
        for copy in copies.values():
            self.refused(daemon.cli("audit", "orders", first, "--ledger", copy), 0, "abort by ", ": enough\n")
        self.assertEqual(json.loads(daemon.cli("audit", "orders", first, "--ledger", daemon.ledger, "--json").stdout.splitlines()[-1])["reason"], "enough")
        self.refused(daemon.cli("audit", "orders", "nobody", "--ledger", daemon.ledger), 2, "no deployment 'nobody'")
        self.refused(daemon.cli("replay", first, "--ledger", copies["folder"]), 0, "all the same bit for bit")
        # The file of a folder alone lacks its objects, and the answer says what to give.
        self.refused(daemon.cli("restore", self.path / "monday/auspex.db", "--ledger", self.path / "none.db"), 2, "give the folder that `auspex backup` made")
        self.refused(daemon.cli("replay", first, "--ledger", copies["file"]), 0, "all the same bit for bit")
        # Not over a ledger that a daemon has.
        self.refused(daemon.cli("restore", copies["file"], *where), 2, str(daemon.process.pid), f"127.0.0.1:{daemon.api}")
        self.refused(daemon.cli("check", daemon.config), 0, str(daemon.process.pid), "1 running deployments")
        self.refused(daemon.cli("doctor", "--config", daemon.config), 0, "ok    ledger", str(daemon.process.pid), "chain unbroken")
        decided = len(daemon.decisions(second))
        wait_until("the daemon goes on", lambda: len(daemon.decisions(second)) > decided)
        self.assertEqual(daemon.stop(signal.SIGKILL), -signal.SIGKILL)
        for kind, copy in copies.items():
            home = self.path / f"again-{kind}"
            home.mkdir()
            again = SteadyDaemon(AUSPEX, home)
            self.addCleanup(again.stop)
            self.refused(again.cli("restore", copy, "--ledger", again.ledger, "--objects", again.objects), 0, "proves itself")
            again.start()
            wait_until("the weight is given", lambda: again.deployment(second)["weight_given"] == WEIGHT)
            self.assertEqual(again.stop(), 0)
            self.proven(again)
            self.replayed(again, first)
            self.replayed(again, second)

    def test_wrong_use(self):
        none = self.path / "none.db"
        run = lambda *arguments: command(AUSPEX, *arguments)
        self.refused(run("backup", "--to", self.path / "b.db", "--ledger", none), 2, "none.db", "--ledger")
        self.refused(run("restore", none, "--ledger", self.path / "l.db"), 2, "none.db", "auspex backup --to")
        self.refused(run("restore", f"{self.path}/", "--ledger", self.path / "l.db"), 2, "auspex.db")
        self.refused(run("backup"), 2, "--to")
        (self.path / "text.db").write_text("no ledger " * 500)
        self.refused(run("restore", self.path / "text.db", "--ledger", self.path / "l.db"), 1, "text.db", "take another backup")
        self.assertEqual(sorted(p.name for p in self.path.iterdir()), ["text.db"])


class TwoDaemons(Case):
    def test_the_second_names_the_first_by_pid_and_address(self):
        daemon = self.daemon().start()
        self.refused(daemon.cli("serve", "--config", daemon.config), 2, f"process {daemon.process.pid} at 127.0.0.1:{daemon.api}", "stop that one")
        link = self.path / "link"
        link.symlink_to(daemon.ledger)
        other = self.path / "other.yaml"
        other.write_text(daemon.config.read_text().replace(str(daemon.ledger), str(link)))
        self.refused(daemon.cli("serve", "--config", other), 2, f"process {daemon.process.pid} at")
        self.assertEqual(daemon.get("/readyz")[0], 200)
        # One that was killed stands in nobody's way.
        self.assertEqual(daemon.stop(signal.SIGKILL), -signal.SIGKILL)
        daemon.start()


def in_own_mounts():
    """Begins again in a mount namespace of its own, if that is allowed."""
    for space in (["--mount"], ["--user", "--map-root-user", "--mount"]):
        unshare = ["unshare", *space, "--propagation", "private"]
        if not command(*unshare, "true").returncode:
            os.environ["AUSPEX_TEST_MAY_MOUNT"] = "1"
            os.execvp("unshare", [*unshare, sys.executable, *sys.argv])
    os.environ["AUSPEX_TEST_MAY_MOUNT"] = "0"


if __name__ == "__main__":
    if "AUSPEX_TEST_MAY_MOUNT" not in os.environ:
        in_own_mounts()
    AUSPEX = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=1)
