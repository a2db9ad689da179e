#!/usr/bin/env python3
"""`auspex risk` as a user runs it. risk_test.py AUSPEX"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

AUSPEX = ""


class Risk(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.folder.name)
        self.shop = self.path / "shop"
        self.shop.mkdir()
        self.git("init", "-q", "-b", "main")
        self.write("src/cart.py", "def total(items):\n    return len(items)\n")
        self.commit("the shop")
        self.git("tag", "v1")
        self.write("db/migrations/20260101000000_orders.sql", "ALTER TABLE orders ADD COLUMN part INT;\n")
        self.write("db/migrations/20260102000000_fill.sql", "UPDATE orders SET part = 1;\n")
        self.commit("orders | in `parts`")

    def tearDown(self):
        self.folder.cleanup()

    def git(self, *arguments):
        environment = dict(os.environ, GIT_AUTHOR_NAME="a", GIT_AUTHOR_EMAIL="a@x", GIT_COMMITTER_NAME="a", GIT_COMMITTER_EMAIL="a@x")
        subprocess.run(["git", "-C", str(self.shop), *arguments], check=True, capture_output=True, env=environment, timeout=60)

    def write(self, name, text):
        path = self.shop / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def commit(self, message):
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)

    def run_risk(self, *arguments, cwd=None, cache="cache"):
        environment = dict(os.environ, XDG_CACHE_HOME=str(self.path / cache))
        return subprocess.run([AUSPEX, "risk", *arguments], capture_output=True, text=True, timeout=100, check=False, env=environment, cwd=cwd)

    def test_without_arguments_it_looks_here_since_the_last_tag(self):
        done = self.run_risk(cwd=self.shop)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("for v1..HEAD, 1 commit;", done.stdout)
        self.assertIn("touches 2 migrations", done.stdout)
        self.assertIn("is not known yet", done.stdout)

    def test_a_range_alone_is_of_the_clone_here(self):
        done = self.run_risk("v1..HEAD", cwd=self.shop)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("for v1..HEAD, 1 commit;", done.stdout)

    def test_json_has_what_an_announcement_takes(self):
        done = self.run_risk(str(self.shop), "v1..HEAD", "--json")
        answer = json.loads(done.stdout)
        self.assertGreater(answer["p_fail"], 0.2)
        self.assertEqual(answer["change"]["known"]["files_migration"], 2)
        self.assertEqual(answer["change"]["authors"], ["a@x"])
        self.assertEqual(answer["base_risk"], 0.15)

    def test_a_check_fails_above_its_limit(self):
        self.assertEqual(self.run_risk(str(self.shop), "v1..HEAD", "--fail-above", "20%").returncode, 1)
        done = self.run_risk(str(self.shop), "v1..HEAD", "--fail-above", "0.9", "--format", "github")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(done.stdout.startswith("::notice title=Deployment risk "), done.stdout)
        self.assertEqual(done.stdout.count("\n"), 1)

    def test_wrong_use_says_how_to_mend_it(self):
        for arguments, words in (((str(self.path / "nowhere"),), "nowhere"), ((str(self.path),), "repository"), ((str(self.shop), "v9..HEAD"), "v9"),
                                 ((str(self.shop), "HEAD..v1"), "v1"), ((str(self.shop), "v1..HEAD", "--base-risk", "0%"), "--base-risk"),
                                 ((str(self.shop), "v1..HEAD", "--fail-above", "2"), "--fail-above")):
            done = self.run_risk(*arguments)
            self.assertEqual(done.returncode, 2, (arguments, done.stdout, done.stderr))
            self.assertIn(words, done.stderr)
            self.assertEqual(done.stdout, "")

    def test_of_several_services_it_looks_at_the_one_that_is_deployed(self):
        both = ("--path", "shop=src", "--path", "orders=db/")
        done = self.run_risk(str(self.shop), "v1..HEAD", "--json", *both, "--service", "orders")
        self.assertEqual(json.loads(done.stdout)["change"]["known"]["files_migration"], 2, done.stderr)
        done = self.run_risk(str(self.shop), "v1..HEAD", *both, "--service", "shop")
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("nothing of service shop changes; it lies below src", done.stderr)
        for arguments, words in ((("--path", "src"), "NAME=FOLDER"), (("--path", "shop=/src"), "absolute"), (("--service", "shop"), "--path"),
                                 ((*both, "--service", "cart"), "'cart'")):
            done = self.run_risk(str(self.shop), "v1..HEAD", *arguments)
            self.assertEqual(done.returncode, 2, (arguments, done.stdout, done.stderr))
            self.assertIn(words, done.stderr)

    def test_nothing_to_deploy_is_no_answer(self):
        done = self.run_risk(str(self.shop), "HEAD..HEAD")
        self.assertEqual(done.returncode, 4, done.stderr)

    def test_nothing_is_written_into_the_repository(self):
        before = sorted(str(p) for p in self.shop.rglob("*"))
        self.run_risk(str(self.shop), "v1..HEAD")
        self.assertEqual(sorted(str(p) for p in self.shop.rglob("*")), before)


if __name__ == "__main__":
    AUSPEX = str(pathlib.Path(sys.argv.pop(1)).resolve())
    unittest.main()
