#!/usr/bin/env python3
"""`auspex mine` as a user runs it: the table, bad input, hostile repositories, docs in step. mine_test.py AUSPEX"""
import csv
import io
import json
import os
import pathlib
import re
import stat
import subprocess
import sys
import tempfile
import unittest

AUSPEX = ""
KAMEI = "ns,nd,nf,entropy,la,ld,lt,fix,ndev,age,nuc,exp,rexp,sexp".split(",")


class Mine(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.folder.name)
        self.repository = self.path / "repository"
        self.cache = self.path / "cache"
        self.now = 1600000000
        self.git("init", "-q", "-b", "main", str(self.repository), folder=self.path)

    def tearDown(self):
        self.folder.cleanup()

    def git(self, *arguments, folder=None):
        date = f"{self.now} +0100"
        env = {"PATH": os.environ["PATH"], "HOME": str(self.path), "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.com",
               "GIT_COMMITTER_NAME": "C", "GIT_COMMITTER_EMAIL": "c@example.com", "GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
        return subprocess.run(["git", *arguments], cwd=folder or self.repository, env=env, capture_output=True, text=True, check=True, timeout=60).stdout

    def commit(self, message="change", **files):
        for name, text in files.items():
            (self.repository / name).write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        self.now += 86400
        return self.git("rev-parse", "HEAD").strip()

    def mine(self, *arguments, env=None):
        return subprocess.run([AUSPEX, "mine", *arguments], capture_output=True, text=True, timeout=60, check=False,
                              env={**os.environ, "XDG_CACHE_HOME": str(self.cache), **(env or {})})

    def rows(self, *arguments):
        answer = self.mine(str(self.repository), *arguments)
        self.assertEqual(answer.returncode, 0, answer.stderr)
        return list(csv.DictReader(io.StringIO(answer.stdout)))

    def test_a_row_a_commit_oldest_first(self):
        ids = [self.commit("first", a="1\n2\n"), self.commit("fix a bug", a="1\n2\n3\n"), self.commit("empty")]
        rows = self.rows()
        self.assertEqual([row["commit"] for row in rows], ids)
        columns = list(rows[0])
        self.assertEqual(columns[:16], ["commit", "author_date", *KAMEI])
        self.assertEqual(columns[-2:], ["label_bug", "label_known_at"])
        second = rows[1]
        self.assertEqual((second["author_date"], second["la"], second["lt"], second["fix"], second["age"]), ("1600086400", "1", "2", "1", "1"))
        self.assertEqual((second["label_bug"], second["complexity_delta"]), ("0", ""))
        self.assertEqual(rows[2]["nf"], "0")

    def test_labels_say_what_a_later_fix_blames_and_since_when(self):
        ids = [self.commit("first", **{"a.c": "one();\n"}), self.commit("count", **{"a.c": "one();\ntwo(0);\n"}), self.commit("fix count", **{"a.c": "one();\ntwo(1);\n"})]
        for _ in range(2):  # the second time from the cache
            labels = {row["commit"]: (row["label_bug"], row["label_known_at"]) for row in self.rows()}
            day, wait = 86400, 90 * 86400
            self.assertEqual(labels, {ids[0]: ("0", str(1600000000 + wait)), ids[1]: ("1", str(1600000000 + 2 * day)), ids[2]: ("0", str(1600000000 + 2 * day + wait))})
        row = self.rows("--no-labels")[1]
        self.assertEqual((row["label_bug"], row["label_known_at"]), ("", ""))
        # Nobody need end for a cache that cannot be written.
        answer = self.mine(str(self.repository), env={"XDG_CACHE_HOME": "/dev/null"})
        self.assertEqual(answer.returncode, 0, answer.stderr)
        self.assertIn("traces all fixes again", answer.stderr)

    def test_json_lines_say_the_same(self):
        self.commit("first", a="1\n")
        answer = self.mine(str(self.repository), "--json")
        row = json.loads(answer.stdout)
        table = self.rows()[0]
        self.assertEqual(list(row), list(table))
        self.assertEqual({name: "" if value is None else str(value) for name, value in row.items()}, table)

    def test_since_leaves_out_rows_and_not_history(self):
        self.commit("first", a="1\n")
        self.commit("second", a="2\n")
        rows = self.rows("--since", "1600050000")
        self.assertEqual([row["exp"] for row in rows], ["1"])
        refused = self.mine(str(self.repository), "--since", "yesterday")
        self.assertEqual(refused.returncode, 2)
        self.assertIn("--since", refused.stderr)

    def test_content_is_read_where_asked(self):
        self.commit("first", **{"a.py": "x = 1\n"})
        self.commit("second", **{"a.py": "if x:\n  pass\n"})
        self.assertEqual(self.rows("--content")[1]["cyclomatic_delta"], "1")

    def test_out_is_whole_or_not_there(self):
        out = self.path / "commits.csv"
        refused = self.mine(str(self.repository), "--out", str(out))
        self.assertEqual(refused.returncode, 4, "no commit yet")
        self.assertEqual(list(self.path.glob("commits.csv*")), [])
        self.commit("first", a="1\n")
        answer = self.mine(str(self.repository), "--out", str(out))
        self.assertEqual((answer.returncode, answer.stdout), (0, ""))
        self.assertEqual(len(out.read_text().splitlines()), 2)
        # A repository that has lost contents.
        before = out.read_text()
        self.commit("second", b="2\n")
        for file in (self.repository / ".git" / "objects").glob("??/*"):
            file.chmod(stat.S_IRUSR | stat.S_IWUSR)
            if self.git("cat-file", "-t", file.parent.name + file.name).strip() == "blob":
                file.unlink()
        broken = self.mine(str(self.repository), "--out", str(out))
        self.assertEqual(broken.returncode, 3, broken.stderr)
        self.assertEqual(out.read_text(), before)
        self.assertEqual(self.mine(str(self.repository), "--out", str(self.path / "no" / "such" / "x.csv")).returncode, 3)

    def test_bad_repositories_are_told_apart(self):
        self.assertEqual(self.mine(str(self.path / "nowhere")).returncode, 2)
        plain = self.path / "plain"
        plain.mkdir()
        answer = self.mine(str(plain))
        self.assertEqual(answer.returncode, 2)
        self.assertIn("not a git repository", answer.stderr)
        answer = self.mine(str(self.repository))
        self.assertEqual(answer.returncode, 4)
        self.assertIn("has no commit yet", answer.stderr)
        answer = self.mine(str(self.repository), env={"PATH": str(plain)})
        self.assertEqual(answer.returncode, 3)
        self.assertIn("git cannot be started", answer.stderr)

    def test_shallow_clones_are_named(self):
        self.commit("first", a="1\n")
        self.commit("second", a="2\n")
        self.git("clone", "-q", "--depth", "1", "file://" + str(self.repository), str(self.path / "shallow"))
        answer = self.mine(str(self.path / "shallow"))
        self.assertEqual(answer.returncode, 0)
        self.assertIn("shallow clone", answer.stderr)
        self.assertFalse((self.cache / "auspex").exists(), "what is incomplete is not kept")

    def test_nothing_of_the_repository_runs_and_nothing_is_written_in_it(self):
        marker = self.path / "marker"
        self.commit("first", a="1\n", **{".gitattributes": "* diff=evil filter=evil\n"})
        program = self.path / "evil"
        program.write_text(f"#!/bin/sh\ntouch {marker}\ncat\n")
        program.chmod(0o755)
        for key in ("core.fsmonitor", "core.pager", "diff.external", "diff.evil.textconv", "diff.evil.command", "filter.evil.clean", "filter.evil.smudge",
                    "gpg.program", "core.sshCommand", "core.alternateRefsCommand"):
            self.git("config", key, str(program))
        self.git("config", "log.showSignature", "true")
        for hook in ("post-index-change", "reference-transaction", "pre-auto-gc"):
            (self.repository / ".git" / "hooks" / hook).write_text(f"#!/bin/sh\ntouch {marker}\n")
            (self.repository / ".git" / "hooks" / hook).chmod(0o755)
        marker.unlink(missing_ok=True)
        before = {path: path.stat().st_mtime_ns for path in self.repository.rglob("*")}
        self.assertEqual(len(self.rows("--content")), 1)
        self.assertFalse(marker.exists())
        self.assertEqual({path: path.stat().st_mtime_ns for path in self.repository.rglob("*")}, before)
        self.assertTrue(list(self.cache.rglob("*.v1")))

    def test_the_documentation_names_every_column_in_order(self):
        self.commit("first", a="1\n")
        columns = list(self.rows()[0])
        table = re.findall(r"^\| `(\w+)` \|", pathlib.Path("docs/mine.md").read_text(encoding="utf-8"), re.MULTILINE)
        self.assertEqual(table, columns)


if __name__ == "__main__":
    AUSPEX = os.path.abspath(sys.argv.pop(1))
    unittest.main()
