#!/usr/bin/env python3
"""How well the model of a repository tells which of its later commits had to be mended.

repository_quality.py AUSPEX COMMITS.csv…     files that `auspex mine` wrote; about a minute each

Per file: `auspex train` learns from the first 80 % of the rows by time (and only from labels that were known by then), `auspex predict` scores
the rest. Printed beside LApredict (lines added alone, Zeng et al., ISSTA 2021): AUC, average precision, calibration error over 15 bins, and the
share of the commits that had to be mended among the riskiest 5, 10 and 20 % of commits, and among the commits that hold 20 % of the changed
lines when those are read by risk per line (effort-aware). Commits that are too young for their fix to have come are not tried.
"""
import csv
import math
import pathlib
import subprocess
import sys
import tempfile

BINS = 15


def auc(scores, labels):
    """Mann-Whitney, ties half."""
    order = sorted(range(len(scores)), key=lambda i: scores[i])
    rank_sum, i = 0.0, 0
    while i < len(order):
        j = i
        while j < len(order) and scores[order[j]] == scores[order[i]]:
            j += 1
        rank_sum += sum(labels[order[k]] for k in range(i, j)) * (i + j + 1) / 2
        i = j
    bad = sum(labels)
    return (rank_sum - bad * (bad + 1) / 2) / (bad * (len(labels) - bad))


def average_precision(scores, labels):
    """Over distinct scores, highest first."""
    order = sorted(range(len(scores)), key=lambda i: -scores[i])
    found, area, i, bad = 0, 0.0, 0, sum(labels)
    while i < len(order):
        j = i
        while j < len(order) and scores[order[j]] == scores[order[i]]:
            j += 1
        more = sum(labels[order[k]] for k in range(i, j))
        found += more
        area += more / bad * found / j
        i = j
    return area


def calibration_error(chances, labels):
    bins = [[0, 0.0, 0] for _ in range(BINS)]
    for p, y in zip(chances, labels):
        one = bins[min(BINS - 1, int(p * BINS))]
        one[0] += 1
        one[1] += p
        one[2] += y
    return sum(abs(p - y) for n, p, y in bins if n) / len(labels)


def found_within(scores, labels, cost, share):
    """Share of all that had to be mended among the first by score that cost `share` of all."""
    budget, spent, found = share * sum(cost), 0.0, 0
    for i in sorted(range(len(scores)), key=lambda k: -scores[k]):
        spent += cost[i]
        if spent > budget:
            break
        found += labels[i]
    return found / sum(labels)


def figures(scores, labels, lines):
    ones = [1.0] * len(labels)
    per_line = [s / n for s, n in zip(scores, lines)]
    return [auc(scores, labels), average_precision(scores, labels)] + [found_within(scores, labels, ones, share) for share in (0.05, 0.1, 0.2)] + [
        found_within(per_line, labels, lines, 0.2)]


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: exit {done.returncode}: {done.stderr}")


def judge(auspex, path):
    with open(path, newline="", encoding="utf-8", errors="replace") as file:
        reader = csv.DictReader(file)
        columns, rows = reader.fieldnames, list(reader)
    rows.sort(key=lambda row: float(row["author_date"]))
    cut = int(0.8 * len(rows))
    now = float(rows[cut]["author_date"])
    with tempfile.TemporaryDirectory() as folder:
        def write(name, part):
            with open(pathlib.Path(folder, name), "w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, columns)
                writer.writeheader()
                writer.writerows(part)
            return str(pathlib.Path(folder, name))

        # What could not be known at the cut is not there to learn from, whatever train does with it.
        past = [dict(row) for row in rows[:cut]]
        for row in past:
            if row["label_known_at"] and float(row["label_known_at"]) > now:
                row["label_bug"] = ""
        train, test = write("train.csv", past), write("test.csv", rows[cut:])
        run(auspex, "train", "--data", train, "--label", "label_bug", "--time", "author_date", "--out", folder + "/model")
        run(auspex, "predict", "--model", folder + "/model", "--data", test, "--out", folder + "/p.csv")
        with open(folder + "/p.csv", newline="", encoding="utf-8") as file:
            chances = [float(row["p_fail"]) for row in csv.DictReader(file)]
    # What is too young for its fix to have come is left out, good and bad alike.
    end = max(float(row["author_date"]) for row in rows)
    young = min((float(row["author_date"]) for row in rows if row["label_bug"] == "0" and float(row["label_known_at"]) > end), default=math.inf)
    later = [(p, row) for p, row in zip(chances, rows[cut:]) if row["label_bug"] != "" and float(row["author_date"]) < young]
    labels = [int(row["label_bug"]) for _, row in later]
    lines = [max(1.0, float(row["la"]) + float(row["ld"])) for _, row in later]
    ours = [p for p, _ in later]
    added = [float(row["la"]) for _, row in later]
    print(f"{pathlib.Path(path).name}: {len(rows)} commits, {len(labels)} later ones tried, {100 * sum(labels) / len(labels):.1f} % had to be mended")
    print(f"  {'':<10} {'AUC':>6} {'AP':>6} {'ECE':>6} {'top 5%':>7} {'10%':>6} {'20%':>6} {'20% of lines':>13}")
    for name, scores, error in (("auspex", ours, calibration_error(ours, labels)), ("LApredict", added, math.nan)):
        found = figures(scores, labels, lines)
        print(f"  {name:<10} {found[0]:6.3f} {found[1]:6.3f} {error:6.3f} {found[2]:7.3f} {found[3]:6.3f} {found[4]:6.3f} {found[5]:13.3f}")


def main():
    if len(sys.argv) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    for path in sys.argv[2:]:
        judge(sys.argv[1], path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
