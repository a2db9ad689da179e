#!/usr/bin/env python3
"""What the models are worth on public data, beside the yardsticks that the data come with.

model_quality.py AUSPEX DATA [--part jit|ci] [--inner] [--learners A,B]

AUSPEX  the binary
DATA    the folder with jit-issta21/ and ci-builds/ (each has a README with its protocol)

jit: trained on the rows with split == train, tried once on the rest, all in the order of time.
ci:  sorted by time, ten folds; for fold i = 6..10 trained with --history on folds 1..i-1 and tried on
     fold i, whose rows see the outcomes of strictly earlier rows. Mean of five, then of projects.
--inner: the same on the training parts alone (the first 80 % of the train rows against the rest; the first
     five folds, trying 3..5): for choosing. Nothing of the test parts is looked at.
Beside them: LApredict (lines added alone, of which only the order counts), and logistic regression (`--learner logistic`).
Standard library only. Seconds are CPU time of the binary, training and prediction.
"""
import argparse
import csv
import gzip
import json
import math
import os
import pathlib
import resource
import subprocess
import sys
import tempfile

JIT = {"qt": (.744, .011), "openstack": (.775, .077), "jdt": (.707, .039)}  # best AUC of the README, and that row's ECE15
CI_BEST = .719
CI = ["cloudify", "graylog2-server", "jackrabbit-oak", "jruby", "metasploit-framework"]


def read(path):
    with gzip.open(path, "rt", newline="") as file:
        return list(csv.DictReader(file))


def write(path, rows):
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def auc(scores, outcomes):
    order = sorted(range(len(scores)), key=lambda i: scores[i])
    ranks, i = [0.0] * len(scores), 0
    while i < len(order):
        j = i
        while j < len(order) and scores[order[j]] == scores[order[i]]:
            j += 1
        for k in order[i:j]:
            ranks[k] = (i + j + 1) / 2
        i = j
    failed = sum(outcomes)
    passed = len(outcomes) - failed
    if not failed or not passed:
        return math.nan
    return (sum(r for r, y in zip(ranks, outcomes) if y) - failed * (failed + 1) / 2) / (failed * passed)


def average_precision(scores, outcomes):
    total, hits, out, seen = sum(outcomes), 0, 0.0, 0
    pairs = sorted(zip(scores, outcomes), key=lambda pair: -pair[0])
    while seen < len(pairs):
        end = seen
        while end < len(pairs) and pairs[end][0] == pairs[seen][0]:
            end += 1
        tied = sum(y for _, y in pairs[seen:end])
        hits += tied
        out += tied * hits / end
        seen = end
    return out / total if total else math.nan


def ece(chances, outcomes, bins=15):
    sums = [[0, 0.0, 0] for _ in range(bins)]
    for p, y in zip(chances, outcomes):
        bin_ = sums[min(bins - 1, int(p * bins))]
        bin_[0] += 1
        bin_[1] += p
        bin_[2] += y
    return sum(abs(p - y) for n, p, y in sums if n) / len(chances)


def figures(chances, outcomes):
    brier = sum((p - y) ** 2 for p, y in zip(chances, outcomes)) / len(chances)
    return {"auc": auc(chances, outcomes), "pr_auc": average_precision(chances, outcomes), "brier": brier,
            "ece": ece(chances, outcomes)}


class Binary:
    def __init__(self, path, folder):
        self.path, self.folder = path, folder

    def run(self, *words):
        done = subprocess.run([self.path, *words], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"auspex {' '.join(words)}: exit {done.returncode}\n{done.stderr}")
        return done.stdout

    def chances(self, train, rows, label, options, predict_label=False):
        """P(fail) of each of `rows`, and what the training said."""
        data, new, out, model = (str(self.folder / name) for name in ("train.csv", "new.csv", "out.csv", "model"))
        write(data, train)
        write(new, rows)
        said = json.loads(self.run("train", "--data", data, "--label", label, "--out", model, "--json", *options))
        self.run("predict", "--model", model, "--data", new, "--out", out, *(["--label", label] if predict_label else []))
        with open(out, newline="") as file:
            return [float(row["p_fail"]) for row in csv.DictReader(file)], said


def mean(values):
    return sum(values) / len(values)


def line(name, f, note=""):
    print(f"{name:<44}{f['auc']:>8.4f}{f['pr_auc']:>8.4f}{f['brier']:>8.4f}{f['ece']:>8.4f}  {note}", flush=True)


def head(title):
    print(f"\n{title:<44}{'AUC':>8}{'PR-AUC':>8}{'Brier':>8}{'ECE15':>8}")


def jit(binary, data, inner, learners):
    means = {}
    head("jit-issta21" + (", inside the train parts" if inner else ", test parts"))
    for project in JIT:
        rows = read(data / "jit-issta21" / f"{project}.csv.gz")
        train = [r for r in rows if r["split"] == "train"]
        test = [r for r in rows if r["split"] == "test"]
        if inner:
            cut = int(.8 * len(train))
            train, test = train[:cut], train[cut:]
        outcomes = [int(r["bug"]) for r in test]
        lines = [float(r["la"]) for r in test]
        print(f"{project + ' LApredict':<44}{auc(lines, outcomes):>8.4f}{average_precision(lines, outcomes):>8.4f}")
        means.setdefault("LApredict", []).append({"auc": auc(lines, outcomes), "ece": 0})
        for learner in learners:
            chances, said = binary.chances(train, test, "bug", ["--time", "date", "--drop", "commit_id,split", "--learner", learner])
            f = figures(chances, outcomes)
            line(f"{project} {learner}", f, f"{said['learner']}{', recent first' if said['recent_first'] else ''}; "
                 f"said {mean(chances):.3f}, came {mean(outcomes):.3f}")
            means.setdefault(learner, []).append(f)
    for name, rows in means.items():
        print(f"mean of {name}: AUC {mean([f['auc'] for f in rows]):.4f}" + (f", highest ECE15 {max(f['ece'] for f in rows):.4f}" if name != "LApredict" else ""))
    if not inner:
        print(f"yardstick: the README's best of each project, mean AUC {mean([a for a, _ in JIT.values()]):.4f}")


def ci(binary, data, inner, learners):
    means = {}
    head("ci-builds with --history" + (", first five folds" if inner else ", folds 6 to 10"))
    for project in CI:
        rows = read(data / "ci-builds" / f"{project}.csv.gz")
        rows.sort(key=lambda r: r["gh_build_started_at"])
        cuts = [i * len(rows) // 10 for i in range(11)]
        for learner in learners:
            folds, chosen = [], []
            for i in range(3, 6) if inner else range(6, 11):
                train, upto = rows[:cuts[i - 1]], rows[:cuts[i]]
                chances, said = binary.chances(train, upto, "build_Failed",
                                               ["--time", "gh_build_started_at", "--drop", "tr_build_id", "--history", "--learner", learner], True)
                outcomes = [int(r["build_Failed"]) for r in upto]
                folds.append(figures(chances[cuts[i - 1]:], outcomes[cuts[i - 1]:]))
                chosen.append(said["learner"] + ("*" if said["recent_first"] else ""))
            f = {key: mean([fold[key] for fold in folds]) for key in folds[0]}
            line(f"{project} {learner}", f, " ".join(chosen))
            means.setdefault(learner, []).append(f)
    for name, rows in means.items():
        line(f"mean {name}", {key: mean([f[key] for f in rows]) for key in rows[0]}, "* recent rows first" if name == "auto" else "")
    if not inner:
        print(f"yardstick: the README's best row, logistic regression on everything, AUC {CI_BEST}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("auspex")
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("--part", choices=["jit", "ci"])
    parser.add_argument("--inner", action="store_true")
    parser.add_argument("--learners", default="logistic,auto")
    options = parser.parse_args()
    learners = options.learners.split(",")
    with tempfile.TemporaryDirectory(prefix="auspex-quality-") as folder:
        binary = Binary(os.path.abspath(options.auspex), pathlib.Path(folder))
        if options.part != "ci":
            jit(binary, options.data, options.inner, learners)
        if options.part != "jit":
            ci(binary, options.data, options.inner, learners)
    print(f"\n{resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime:.0f} s of CPU")


if __name__ == "__main__":
    main()
