#!/usr/bin/env python3
"""`auspex train`, `predict` and `evaluate` as a user runs them. model_test.py AUSPEX"""
import csv
import gzip
import io
import json
import math
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest

AUSPEX = ""


def run(*arguments, stdin=None):
    return subprocess.run([AUSPEX, *arguments], input=stdin, capture_output=True, text=True, timeout=60, check=False)


def deployments(rows=240, seed=1):
    """Deployments of two services half an hour apart, oldest first; large changes fail, and failures come in spells."""
    chance = random.Random(seed)
    bad = {"shop": False, "pay": False}
    out = []
    for i in range(rows):
        service = chance.choice(["shop", "pay"])
        if chance.random() < .05:
            bad[service] = not bad[service]
        lines = int(math.exp(6 * chance.random()))
        odds = -3 + .5 * math.log(lines + 1) + (2.5 if bad[service] else 0)
        out.append({"id": f"d{i}", "service": service, "at": str(1700000000 + 1800 * i), "lines": str(lines),
                    "coverage": "" if i % 7 == 0 else f"{chance.random():.3f}",
                    "failed": str(int(chance.random() < 1 / (1 + math.exp(-odds))))})
    return out


def text(rows):
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


class Models(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.folder.name)

    def tearDown(self):
        self.folder.cleanup()

    def put(self, rows, name="t.csv"):
        path = self.path / name
        path.write_text(rows if isinstance(rows, str) else text(rows))
        return str(path)

    def train(self, *options, rows=None, out="model"):
        done = run("train", "--data", self.put(rows or deployments()), "--label", "failed", "--time", "at", "--group", "service",
                   "--drop", "id", "--out", str(self.path / out), "--json", *options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def predict(self, rows, *options, model="model"):
        done = run("predict", "--model", str(self.path / model), "--data", self.put(rows, "new.csv"), "--out", str(self.path / "p.csv"), *options)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(self.path / "p.csv", newline="") as file:
            return list(csv.DictReader(file))

    def refused(self, code, message, *arguments, stdin=None):
        done = run(*arguments, stdin=stdin)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertIn(message, done.stderr)
        self.assertEqual(done.stdout, "")

    def test_trains_predicts_and_evaluates(self):
        said = self.train()
        self.assertEqual((said["rows"], said["groups"], len(said["candidates"])), (240, 2, 6))
        self.assertEqual(sum(c["chosen"] for c in said["candidates"]), 1)
        self.assertEqual(sorted(p.name for p in (self.path / "model").iterdir()), ["classifier.json", "model-card.md", "model.json"])
        self.assertEqual(said["single_column"], "lines")
        self.assertGreater(said["single_auc"], .5)
        self.assertIn("`lines` alone", (self.path / "model" / "model-card.md").read_text())
        later = deployments(seed=2)
        rows = self.predict(later)
        self.assertEqual([{k: v for k, v in row.items() if k != "p_fail"} for row in rows], later)
        self.assertTrue(all(0 < float(row["p_fail"]) < 1 for row in rows))
        done = run("evaluate", "--model", str(self.path / "model"), "--data", str(self.path / "new.csv"), "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        figures = json.loads(done.stdout)
        pairs = [(float(row["p_fail"]), int(row["failed"])) for row in rows]
        wins = [(p > q) + .5 * (p == q) for p, y in pairs for q, z in pairs if y and not z]
        self.assertAlmostEqual(figures["metrics"]["auc"], sum(wins) / len(wins), 12)
        self.assertAlmostEqual(figures["metrics"]["brier"], sum((p - y) ** 2 for p, y in pairs) / len(pairs), 12)
        self.assertEqual([g["group"] for g in figures["groups"]], list(dict.fromkeys(r["service"] for r in later)))
        self.assertEqual(sum(b["rows"] for b in figures["reliability"]), 240)
        self.assertFalse(figures["learned_from"])
        own = run("evaluate", "--model", str(self.path / "model"), "--data", self.put(deployments()))
        self.assertIn("learned from these very rows", own.stdout)
        data = self.put(later, "new.csv")
        self.refused(2, "would be lost", "predict", "--model", str(self.path / "model"), "--data", data, "--out", data)
        shown = run("evaluate", "--model", str(self.path / "model"), "--data", str(self.path / "new.csv"))
        self.assertIn("reliability", shown.stdout)
        self.assertIn("pay", shown.stdout)
        self.assertEqual((figures["young"], figures["settled"]), (0, figures["metrics"]))

    def test_outcomes_that_may_still_change_are_told_apart(self):
        self.train()
        rows = deployments(seed=2)
        # A failure shows in a minute, its absence in a day: 48 rows.
        for row in rows:
            row["label_known_at"] = str(int(row["at"]) + (60 if row["failed"] == "1" else 24 * 3600))
        last = int(rows[-1]["at"])
        data = self.put(rows, "young.csv")
        figures = json.loads(run("evaluate", "--model", str(self.path / "model"), "--data", data, "--json").stdout)
        # Failures among the young ones, too, are left out: without that all of the newest would have failed.
        settled = [row for row in rows if int(row["at"]) + 24 * 3600 <= last]
        self.assertEqual((figures["metrics"]["rows"], figures["young"], figures["settled"]["rows"]), (240, 240 - len(settled), len(settled)))
        self.assertEqual(figures["settled"]["failures"], sum(row["failed"] == "1" for row in settled))
        self.assertGreater(figures["young"], 40)
        shown = run("evaluate", "--model", str(self.path / "model"), "--data", data).stdout
        self.assertIn("of which settled", shown)
        self.assertIn("may still", shown)
        for row in rows:
            row["label_known_at"] = str(last + 10 ** 6)
        shown = run("evaluate", "--model", str(self.path / "model"), "--data", self.put(rows, "young.csv")).stdout
        self.assertNotIn("settled", shown)

    def test_gives_equal_files_for_equal_data(self):
        self.train()
        zipped = self.path / "t.csv.gz"
        zipped.write_bytes(gzip.compress(text(deployments()).encode()))
        done = run("train", "--data", str(zipped), "--label", "failed", "--time", "at", "--group", "service", "--drop", "id", "--out", str(self.path / "again"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("* ", done.stdout)
        for name in ("model.json", "classifier.json", "model-card.md"):
            self.assertEqual((self.path / "model" / name).read_bytes(), (self.path / "again" / name).read_bytes())

    def test_history_stands_on_strictly_earlier_outcomes(self):
        self.train("--history", "--learner", "logistic")
        rows = deployments(120, seed=3)
        whole = self.predict(rows, "--label", "failed")
        # The last row's own outcome, and its absence, change nothing.
        for last in ("0", "1", ""):
            self.assertEqual(self.predict(rows[:-1] + [rows[-1] | {"failed": last}], "--label", "failed")[-1]["p_fail"], whole[-1]["p_fail"])
        # Nor does anything after a row, also where it stands before it in the file.
        cut = self.predict(rows[:60], "--label", "failed")
        self.assertEqual([r["p_fail"] for r in cut], [r["p_fail"] for r in whole[:60]])
        mixed = self.predict(list(reversed(rows)), "--label", "failed")
        self.assertEqual([r["p_fail"] for r in reversed(mixed)], [r["p_fail"] for r in whole])
        # Earlier outcomes do.
        other = [r | {"failed": str(1 - int(r["failed"]))} for r in rows[:100]] + rows[100:]
        self.assertNotEqual(self.predict(other, "--label", "failed")[-1]["p_fail"], whole[-1]["p_fail"])
        # But not before they are known.
        late = [r | {"label_known_at": str(2000000000)} for r in rows]
        blank = [r | {"failed": ""} for r in rows]
        self.assertEqual([r["p_fail"] for r in self.predict(late, "--label", "failed")], [r["p_fail"] for r in self.predict(blank, "--label", "failed")])
        done = run("predict", "--model", str(self.path / "model"), "--data", str(self.path / "new.csv"), "--out", "-")
        self.assertIn("no --label", done.stderr)

    def test_gives_reasons(self):
        self.train("--history")
        rows = self.predict(deployments(30, seed=4), "--label", "failed", "--reasons", "2")
        self.assertTrue(any("lines is " in row["reasons"] or "failed (" in row["reasons"] for row in rows))
        self.assertTrue(all(row["reasons"].count("; ") <= 1 for row in rows))

    def test_reads_and_writes_standard_streams(self):
        self.train()
        done = run("predict", "--model", str(self.path / "model"), "--data", "-", "--out", "-", stdin=text(deployments(5)))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(done.stdout.splitlines()), 6)

    def test_needs_time_and_group_only_for_history(self):
        bare = [{k: row[k] for k in ("lines", "coverage")} for row in deployments(5)]
        self.train()
        self.assertEqual([r["p_fail"] for r in self.predict(bare)], [r["p_fail"] for r in self.predict(deployments(5))])
        self.train("--history", "--learner", "logistic", out="with")
        self.refused(2, "no column 'at', which --time names", "predict", "--model", str(self.path / "with"), "--data", self.put(bare), "--out", "-")

    def test_refuses_bad_input_with_place_and_mend(self):
        good = ["--label", "failed", "--time", "at", "--out", str(self.path / "m")]
        head = "at,lines,failed\n"
        for body, message in ((head + "5,x,1\n", "t.csv:2:3: lines: 'x' is not a finite number; --drop lines leaves the column out"),
                              (head + "5,1,maybe\n", "t.csv:2:5: failed: 'maybe' is no outcome"),
                              (head + "soon,1,1\n", "t.csv:2:1: at: 'soon' is not a time"),
                              (head + "5,1\n", "t.csv:2:1: 2 fields where the header has 3"),
                              (head + "5,\"1,1\n", "t.csv:2:3: the quote that opens here"),
                              (head, "t.csv:2:1: the file has a header and no rows"),
                              ("", "t.csv:1:1: the file is empty")):
            self.refused(2, message, "train", "--data", self.put(body), *good)
        self.refused(2, "no column 'lable', which --label names", "train", "--data", self.put(deployments()), "--label", "lable", "--time", "at", "--out", "m")
        self.refused(2, "no-such.csv", "train", "--data", str(self.path / "no-such.csv"), *good)
        for learner in ("lightgbm", "forest", "lstm"):
            self.refused(2, f"no learner '{learner}' in this version; there is auto, blend, logistic, xgboost", "train", "--data", "x.csv", "--learner", learner, *good)
        self.refused(4, "too little to learn from: 10 of 10 rows", "train", "--data", self.put(deployments(10)), *good, "--drop", "id,service")
        self.assertFalse((self.path / "m").exists())

    def test_refuses_what_does_not_fit_the_model(self):
        self.train()
        model = str(self.path / "model")
        out = str(self.path / "p.csv")
        other = [{k: v for k, v in row.items() if k != "lines"} for row in deployments(5)]
        self.refused(2, "new.csv:1:1: no column 'lines', which the model names", "predict", "--model", model, "--data", self.put(other, "new.csv"), "--out", out)
        self.refused(2, "has a column 'p_fail' already", "predict", "--model", model, "--data", self.put([r | {"p_fail": "1"} for r in deployments(5)], "new.csv"), "--out", out)
        self.refused(2, "model.json", "predict", "--model", str(self.path / "none"), "--data", self.put(deployments(5)), "--out", out)
        self.refused(4, "no row has an outcome", "evaluate", "--model", model, "--data", self.put([r | {"failed": ""} for r in deployments(5)]))
        stored = self.path / "model" / "model.json"
        stored.write_text(stored.read_text().replace('"slope": ', '"slope": 1'))
        self.refused(2, "damaged or was changed by hand", "predict", "--model", model, "--data", self.put(deployments(5)), "--out", out)
        self.assertFalse((self.path / "p.csv").exists())


if __name__ == "__main__":
    AUSPEX = sys.argv.pop(1)
    unittest.main()
