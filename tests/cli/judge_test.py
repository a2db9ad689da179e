#!/usr/bin/env python3
"""`auspex judge` as a user runs it. judge_test.py AUSPEX"""
import gzip
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest

AUSPEX = ""


def run(*arguments, stdin=None):
    return subprocess.run([AUSPEX, "judge", *arguments], input=stdin, capture_output=True, timeout=60, check=False)


def requests(slow=0.0, errors=0.0, pairs=300, seed=1):
    chance = random.Random(seed)
    rows = ["arm,timestamp,latency_ms,ok,route"]
    for i in range(2 * pairs):
        canary = i % 2 == 1
        latency = chance.lognormvariate(4, 0.3) * (5 if canary and chance.random() < slow else 1)
        failed = chance.random() < (errors if canary else 0.0)
        rows.append(f"{'canary' if canary else 'baseline'},{1700000000 + i},{latency:.2f},{0 if failed else 1},/{'ab'[chance.random() < .3]}")
    return ("\n".join(rows) + "\n").encode()


def metric(canary, baseline, name="m", count=""):
    rows = ["metric,arm,timestamp,value" + (",count" if count else "")]
    for arm, values in (("canary", canary), ("baseline", baseline)):
        rows += [f"{name},{arm},{60 * i},{v}" + (f",{count}" if count else "") for i, v in enumerate(values)]
    return ("\n".join(rows) + "\n").encode()


class Judge(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.folder.name)

    def tearDown(self):
        self.folder.cleanup()

    def file(self, data, name):
        path = self.path / name
        path.write_bytes(data)
        return str(path)

    def answer(self, done, code):
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return json.loads(done.stdout)

    def refused(self, done, *words):
        self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
        self.assertEqual(done.stdout, b"")
        for word in words:
            self.assertIn(word, done.stderr.decode())

    def test_the_answer_has_its_fields_and_exit_code(self):
        for data, code, verdict in ((requests(), 0, "pass"), (requests(slow=.2), 1, "fail"), (requests(pairs=10), 4, "inconclusive")):
            answer = self.answer(run(self.file(data, "r.csv"), "--json"), code)
            self.assertEqual(answer["verdict"], verdict)
            self.assertEqual(list(answer)[:6], ["verdict", "p_fail", "log_e", "alpha", "metrics", "reason"])
            for one in answer["metrics"]:
                self.assertEqual(list(one)[:8], ["name", "verdict", "effect", "effect_low", "effect_high", "log_e", "requests_needed", "reason"])
            self.assertEqual(answer["alpha"], .01)

    def test_people_get_a_table(self):
        done = run(self.file(requests(errors=.2), "r.csv"))
        self.assertEqual(done.returncode, 1)
        text = done.stdout.decode()
        self.assertTrue(text.startswith("FAIL  P(fail) "), text)
        for word in ("METRIC", "proven: errors", "slower_than_p99", "NEEDED"):
            self.assertIn(word, text)

    def test_gzip_and_standard_input_are_read_alike(self):
        data = requests(slow=.1)
        plain = run(self.file(data, "r.csv"), "--json").stdout
        self.assertEqual(run(self.file(gzip.compress(data), "r.csv.gz"), "--json").stdout, plain)
        self.assertEqual(run("-", "--json", stdin=data).stdout, plain)
        self.assertEqual(run("-", "--json", stdin=gzip.compress(data)).stdout, plain)
        # Members one after the other are one file.
        lines = data.splitlines(keepends=True)
        members = gzip.compress(b"".join(lines[:100])) + gzip.compress(b"".join(lines[100:]))
        self.assertEqual(run("-", "--json", stdin=members).stdout, plain)

    def test_kayenta(self):
        case = metric([100] * 7 + [1] * 3, [1] * 10)
        answer = self.answer(run("-", "--json", "--method", "mann-whitney", stdin=case), 0)
        self.assertEqual(answer["metrics"][0]["classification"], "Pass")
        self.assertEqual(answer["score"], 100)
        self.assertAlmostEqual(answer["metrics"][0]["shift"]["estimate"], 98.99993, places=5)
        self.assertEqual(self.answer(run("-", "--json", stdin=case), 1)["verdict"], "fail")
        case = metric([100] * 8 + [1] * 2, [1] * 10)
        answer = self.answer(run("-", "--json", "--method", "mann-whitney", stdin=case), 1)
        self.assertEqual((answer["metrics"][0]["classification"], answer["score"]), ("High", 0))

    def test_one_arm_is_nodata(self):
        both = metric([1, 2, 3], [1, 2, 3]) + b"n,baseline,0,1\n"
        answer = self.answer(run("-", "--json", "--method", "mann-whitney", stdin=both), 1)
        self.assertEqual([m["classification"] for m in answer["metrics"]], ["Pass", "Nodata"])
        self.assertEqual(answer["score"], 0)

    def test_a_canary_configuration_of_kayenta(self):
        config = {"name": "c", "applications": ["a"], "judge": {"name": "NetflixACAJudge-v1.0"},
                  "metrics": [{"name": "m", "query": {"type": "prometheus"}, "groups": ["g"], "analysisConfigurations": {"canary": {"direction": "decrease"}}, "scopeName": "default"},
                              {"name": "n", "groups": ["h"], "analysisConfigurations": {"canary": {"nanStrategy": "odd"}}}],
                  "classifier": {"groupWeights": {"g": 60, "h": 40}, "scoreThresholds": {"pass": 60, "marginal": 10}}}
        path = self.file(json.dumps(config).encode(), "canary.json")
        case = metric([9] * 9 + [8], [1] * 9 + [2]) + b"n,canary,0,1\nn,baseline,0,1\n"
        answer = self.answer(run("-", "--json", "--method", "mann-whitney", "--config", path, stdin=case), 0)
        self.assertEqual([m["classification"] for m in answer["metrics"]], ["Pass", "Pass"])
        self.assertTrue(any("nanStrategy 'odd'" in note for note in answer["notes"]))
        self.refused(run("-", "--config", path, stdin=metric([1], [1], "other")), "<stdin>", "'other' is not in the configuration", "m, n")
        config["metrics"][0]["analysisConfigurations"]["canary"]["critcal"] = True
        path = self.file(json.dumps(config, indent=1).encode(), "canary.json")
        self.refused(run("-", "--config", path, stdin=case), "canary.json:", "critcal", "did you mean critical?")

    def test_a_change_in_one_series(self):
        chance = random.Random(1)
        rows = [(60 * i, chance.gauss(100, 1) + (40 if i >= 3000 else 0)) for i in range(3400)]
        text = ("timestamp,value\n" + "".join(f"{t},{v:.3f}\n" for t, v in rows)).encode()
        answer = self.answer(run("-", "--json", "--change-at", "180000", stdin=text), 1)
        self.assertGreater(answer["p_fail"], .9)
        self.assertEqual(self.answer(run("-", "--json", "--change-at", "1970-01-02T20:00:00Z", "--after", "3600", stdin=text), 0)["verdict"], "pass")
        self.refused(run("-", stdin=text), "--change-at")
        self.refused(run("-", "--change-at", "noon", stdin=text), "noon")
        self.refused(run("-", "--change-at", "9e9", stdin=text), "<stdin>", "ends at")
        self.refused(run("-", "--change-at", "180000", stdin=metric([1], [1])), "two arms")
        self.assertEqual(run("-", "--change-at", "120", stdin=text).returncode, 4)

    def test_too_little_data_is_an_answer_too(self):
        few = "timestamp,value\n" + "".join(f"{60 * i},1\n" for i in range(12))
        answer = self.answer(run("-", "--change-at", "600", "--json", stdin=few.encode()), 4)
        self.assertEqual(answer["verdict"], "inconclusive")
        self.assertIn("are needed", answer["reason"])

    def test_intervals_of_ties_have_their_ends_in_order(self):
        for ones in (3, 7, 9, 13, 15):
            values = metric([1] * ones + [0] * (100 - ones), [1] * 33 + [0] * 67)
            done = run("-", "--method", "mann-whitney", "--json", stdin=values)
            shift = json.loads(done.stdout)["metrics"][0]["shift"]
            self.assertLessEqual(shift["low"], shift["high"], ones)

    def test_bad_input_has_place_and_mend(self):
        good = requests(pairs=50)
        self.refused(run(str(self.path / "no.csv")), "no.csv", "No such file")
        self.refused(run(str(self.path)), "folder")
        self.refused(run("-", stdin=b""), "<stdin>:1:1", "empty")
        self.refused(run("-", stdin=good.split(b"\n", 1)[1]), "<stdin>:1:1", "no column 'timestamp'")
        self.refused(run("-", stdin=good + b"canary,1,-3,1,/a\n"), "<stdin>:102:", "not negative")
        self.refused(run("-", stdin=good + b"canary,1\n"), "<stdin>:102:1", "2 fields where the header has 5")
        self.refused(run("-", stdin=good + b'canary,1,3,1,"/a'), "<stdin>:102:14", "never closed")
        self.refused(run("-", stdin=gzip.compress(good)[:-20]), "cut short")
        self.refused(run("-", stdin=good.replace(b"baseline", b"canary")), "none of 100 rows is of the baseline")
        self.refused(run("-", "--alpha", "2", stdin=good))
        self.refused(run("-", "--method", "guess", stdin=good))
        done = run("-", "--json", stdin=good.replace(b"\n", b"\r\n"))
        self.assertEqual(done.stdout, run("-", "--json", stdin=good).stdout)

    def test_disorder_is_mended_and_told(self):
        lines = requests().splitlines(keepends=True)
        answer = json.loads(run("-", "--json", stdin=lines[0] + b"".join(reversed(lines[1:]))).stdout)
        self.assertTrue(any("out of order" in note for note in answer["notes"]), answer)
        self.assertEqual(answer["log_e"], json.loads(run("-", "--json", stdin=b"".join(lines)).stdout)["log_e"])


if __name__ == "__main__":
    AUSPEX = sys.argv.pop(1)
    unittest.main()
