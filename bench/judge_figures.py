#!/usr/bin/env python3
"""How well `auspex judge` tells bad from good on recorded data, beside simple tests.

judge_figures.py --auspex build/auspex [--delag DIR] [--kontrast DIR] [--kayenta] [--fit] [--rounds N]

--delag     folder with eshopper/*.csv.gz and trainticket/*.csv.gz (columns Latency, …, anomaly): requests of a baseline against a
            canary in which a share f of the requests is of the recorded anomalies; f = 0: both alike. N rounds of fresh draws.
--kontrast  folder with changes.csv and series/*.csv.gz: one series before and after a change
--kayenta   the cases of users against Kayenta's judge, and what ours says of them
--fit       the logistic weights of the judge, fitted on the even half (needs no other package); to be copied into the source

What was chosen, was chosen on scenarios and series with an even number. "held" is the odd half.
Each judgement is a process of its own, as a user runs it. The data stay where they are.
"""
import argparse
import bisect
import csv
import gzip
import io
import json
import math
import pathlib
import random
import re
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

ALPHA = 0.01


# --- simple tests, for comparison

def rank_sum_z(x, y):
    """The Wilcoxon rank sum of x, standardised, average ranks, tie-corrected variance."""
    both = sorted([(v, 0) for v in x] + [(v, 1) for v in y])
    n, nx, ny = len(both), len(x), len(y)
    total, ties, i = 0.0, 0.0, 0
    while i < n:
        j = i
        while j < n and both[j][0] == both[i][0]:
            j += 1
        total += sum(1 for k in range(i, j) if both[k][1] == 0) * (i + j + 1) / 2
        ties += (j - i) ** 3 - (j - i)
        i = j
    variance = nx * ny / 12 * ((n + 1) - ties / (n * (n - 1)))
    return (total - nx * (n + 1) / 2) / math.sqrt(variance) if variance > 0 else 0.0


def upper_tail(z):
    return 0.5 * math.erfc(z / math.sqrt(2))


def kolmogorov(x, y, one_sided):
    """Largest gap between the distribution functions; one_sided: by which x lies above y."""
    x, y = sorted(x), sorted(y)
    gap = 0.0
    for v in x + y:
        d = bisect.bisect_right(y, v) / len(y) - bisect.bisect_right(x, v) / len(x)
        gap = max(gap, d if one_sided else abs(d))
    return gap


def kolmogorov_p(d, n, m):
    """One-sided, asymptotic."""
    return math.exp(-2 * d * d * n * m / (n + m))


def quantile(values, q):
    values = sorted(values)
    at = q * (len(values) - 1)
    low = int(at)
    return values[low] + (at - low) * (values[min(low + 1, len(values) - 1)] - values[low])


# --- figures

def auc(bad, good):
    good = sorted(good)
    wins = sum(bisect.bisect_left(good, b) + bisect.bisect_right(good, b) for b in bad)
    return wins / (2 * len(bad) * len(good))


def best_f1(bad, good):
    best = 0.0
    for cut in sorted(set(bad)):
        hits, false = sum(b >= cut for b in bad), sum(g >= cut for g in good)
        best = max(best, 2 * hits / (len(bad) + hits + false))
    return best


def brier(bad, good):
    return (sum((1 - b) ** 2 for b in bad) + sum(g * g for g in good)) / (len(bad) + len(good))


def fit_logistic(rows, labels, l2=1.0):
    """Weights (first: constant) by Newton's method; the penalty l2/2 spares the constant."""
    k = len(rows[0]) + 1
    w = [0.0] * k
    for _ in range(50):
        gradient, hessian = [0.0] * k, [[0.0] * k for _ in range(k)]
        for row, label in zip(rows, labels):
            x = [1.0, *row]
            p = 1 / (1 + math.exp(-max(-500.0, min(500.0, sum(a * b for a, b in zip(w, x))))))
            for i in range(k):
                gradient[i] += (p - label) * x[i]
                for j in range(k):
                    hessian[i][j] += p * (1 - p) * x[i] * x[j]
        for i in range(1, k):
            gradient[i] += l2 * w[i]
            hessian[i][i] += l2
        # Gaussian elimination.
        a = [hessian[i] + [gradient[i]] for i in range(k)]
        for i in range(k):
            pivot = max(range(i, k), key=lambda r: abs(a[r][i]))
            a[i], a[pivot] = a[pivot], a[i]
            for r in range(k):
                if r != i:
                    factor = a[r][i] / a[i][i]
                    a[r] = [u - factor * v for u, v in zip(a[r], a[i])]
        step = [a[i][k] / a[i][i] for i in range(k)]
        w = [u - v for u, v in zip(w, step)]
        if max(abs(s) for s in step) < 1e-10:
            break
    return w


# --- the judge

class Judge:
    def __init__(self, auspex):
        self.auspex = auspex

    def ask(self, text, *arguments):
        done = subprocess.run([self.auspex, "judge", "-", "--json", *arguments], input=text, capture_output=True, text=True, check=False)
        if done.returncode not in (0, 1, 4):
            sys.exit(f"auspex judge ended with {done.returncode}: {done.stderr}")
        return json.loads(done.stdout)

    def ask_all(self, questions):
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(lambda q: self.ask(*q), questions))


def requests_csv(baseline, canary):
    out = io.StringIO()
    out.write("arm,timestamp,latency_ms,ok\n")
    for i, (b, c) in enumerate(zip(baseline, canary)):
        out.write(f"baseline,{i},{b:g},1\ncanary,{i}.5,{c:g},1\n")
    return out.getvalue()


def metric_csv(canary, baseline, count=None, name="m"):
    out = io.StringIO()
    out.write("metric,arm,timestamp,value" + (",count" if count else "") + "\n")
    for arm, values in (("canary", canary), ("baseline", baseline)):
        for i, v in enumerate(values):
            out.write(f"{name},{arm},{60 * i},{v!r}" + (f",{count}" if count else "") + "\n")
    return out.getvalue()


# --- delag

def read_delag(path):
    with gzip.open(path, "rt") as file:
        rows = csv.reader(file)
        next(rows)
        return [(float(r[0]), r[-1] != "0") for r in rows]


def delag(judge, folder, rounds, fit):
    n, shares = 300, (0.05, 0.10, 0.20)
    x, y = [], []
    print(f"\nRequests, {n} an arm, a share f of the canary's delayed; alpha {ALPHA:g} (delag)")
    print(f"{'system':12} {'half':5} {'f':>4}  {'AUC':>6} {'P':>6} {'MW':>6} {'KS':>6} {'p95':>6}  {'power':>6} {'MW':>6} {'KS':>6}  {'false':>6} {'MW':>6} {'KS':>6}  {'Brier':>6}")
    for system in ("eshopper", "trainticket"):
        scenarios = sorted(pathlib.Path(folder, system).glob("*.csv.gz"))
        chance = random.Random(1)
        asked, keys = [], []
        samples = {}
        for path in scenarios:
            rows = read_delag(path)
            for r in range(rounds):
                for f in (0.0, *shares):
                    normal = [v for v, bad in rows if not bad]
                    anomalous = [v for v, bad in rows if bad]
                    chance.shuffle(normal)
                    chance.shuffle(anomalous)
                    m = round(f * n)
                    canary = normal[n:2 * n - m] + anomalous[:m]
                    chance.shuffle(canary)
                    key = (int(path.name[:3]) % 2, f, path.name, r)
                    samples[key] = (normal[:n], canary)
                    keys.append(key)
                    asked.append((requests_csv(normal[:n], canary),))
        answers = dict(zip(keys, judge.ask_all(asked)))
        figures = {}
        for key, (baseline, canary) in samples.items():
            d = kolmogorov(canary, baseline, True)
            z = rank_sum_z(canary, baseline)
            figures[key] = {"ours": answers[key]["log_e"], "p_fail": answers[key]["p_fail"], "p": answers[key]["p_fail"], "fail": answers[key]["verdict"] == "fail", "mw": z, "mw_fail": upper_tail(z) <= ALPHA,
                            "ks": d, "ks_fail": kolmogorov_p(d, n, n) <= ALPHA, "p95": quantile(canary, .95) / quantile(baseline, .95)}
            if key[0] == 0:
                weight = 1 if key[1] == 0 else 0  # three bad for a good: repeat the good ones
                strength = max(answers[key]["log_e"], -math.log(answers[key]["p_value"]) if answers[key]["p_value"] else 0.0)
                for _ in range(3 if weight else 1):
                    x.append([strength])
                    y.append(0 if weight else 1)
        for half, name in ((0, "tuned"), (1, "held")):
            good = [v for k, v in figures.items() if k[0] == half and k[1] == 0.0]
            for f in shares:
                bad = [v for k, v in figures.items() if k[0] == half and k[1] == f]
                cells = [auc([b[m] for b in bad], [g[m] for g in good]) for m in ("ours", "p_fail", "mw", "ks", "p95")]
                power = [statistics.mean(b[m] for b in bad) for m in ("fail", "mw_fail", "ks_fail")]
                false = [statistics.mean(g[m] for g in good) for m in ("fail", "mw_fail", "ks_fail")]
                print(f"{system:12} {name:5} {f:4.2f}  {' '.join(f'{c:6.3f}' for c in cells)}  {power[0]:6.3f} {power[1]:6.3f} {power[2]:6.3f}"
                      f"  {false[0]:6.3f} {false[1]:6.3f} {false[2]:6.3f}  {brier([b['p'] for b in bad], [g['p'] for g in good]):6.3f}")
            print(f"{system:12} {name:5}        n = {len(good)} alike; of these passed {statistics.mean(answers[k]['verdict'] == 'pass' for k in keys if k[0] == half and k[1] == 0.0):.3f}")
    if fit:
        # Canaries that are alike lie inside the tolerance, where p is near 1. As many at its edge, where p is uniform, keep p_fail honest there.
        alike = y.count(0)
        edge = [[-math.log((i + 0.5) / alike)] for i in range(alike)]
        bad = [v for v, label in zip(x, y) if label == 1]
        good = [v for v, label in zip(x, y) if label == 0]
        rows = bad + bad + good + edge
        labels = [1] * (2 * len(bad)) + [0] * (len(good) + len(edge))
        print("  fit of p_fail on the tuned half, constant and slope of max(ln E, -ln p):", [round(v, 4) for v in fit_logistic(rows, labels, 0.0)])


# --- kontrast

def read_series(path):
    with gzip.open(path, "rt") as file:
        rows = csv.reader(file)
        next(rows)
        return [(int(t), float(v)) for t, v in rows if v]


def kontrast(judge, folder, fit):
    folder = pathlib.Path(folder)
    with open(folder / "changes.csv", encoding="utf-8") as file:
        cases = [(r["series"], int(r["change_start"]), int(r["label"])) for r in csv.DictReader(file)]
    series = {name: read_series(folder / "series" / f"{name}.csv.gz") for name in sorted({c[0] for c in cases})}
    questions = []
    for name, at, _ in cases:
        # No later row is even shown.
        rows = [r for r in series[name] if r[0] <= at + 7200]
        questions.append(("timestamp,value\n" + "".join(f"{t},{v!r}\n" for t, v in rows), "--change-at", str(at)))
    answers = judge.ask_all(questions)
    figures = []
    for (name, at, label), answer in zip(cases, answers):
        rows = dict(series[name])
        before = [v for t, v in series[name] if at - 7200 <= t < at]
        after = [v for t, v in series[name] if at <= t <= at + 7200]
        hour = [rows[t] - rows[t - 86400] for t in rows if at - 3600 <= t < at and t - 86400 in rows]
        day = [rows[t] - rows[t - 86400] for t in rows if at <= t <= at + 7200 and t - 86400 in rows]
        level = statistics.median(hour)
        deviations = re.search(r"are (\S+) times .* and (\S+) times", answer["metrics"][0]["reason"])
        figures.append({"half": int(name[1:]) % 2, "label": label, "ours": answer["log_e"], "p": answer["p_fail"], "fail": answer["verdict"] == "fail",
                        "mw": abs(rank_sum_z(after, before)), "ks": kolmogorov(after, before, False),
                        "day": max(abs(v - level) for v in day) / (statistics.pstdev(hour) + 1e-9),
                        "x": [math.log(float(d)) for d in deviations.groups()]})
    print(f"\nOne series, change at T, judged two hours later; alpha {ALPHA:g} (kontrast)")
    print(f"{'half':6} {'cases':>5}  {'AUC':>6} {'MW':>6} {'KS':>6} {'24 h':>6}  {'F1':>6}  {'power':>6} {'false':>6}  {'Brier':>6}")
    for half, name in ((0, "tuned"), (1, "held"), (None, "all")):
        rows = [f for f in figures if half is None or f["half"] == half]
        bad, good = [f for f in rows if f["label"] == 1], [f for f in rows if f["label"] == 0]
        cells = [auc([b[m] for b in bad], [g[m] for g in good]) for m in ("ours", "mw", "ks", "day")]
        print(f"{name:6} {len(rows):5}  {cells[0]:6.3f} {cells[1]:6.3f} {cells[2]:6.3f} {cells[3]:6.3f}  {best_f1([b['ours'] for b in bad], [g['ours'] for g in good]):6.3f}"
              f"  {statistics.mean(b['fail'] for b in bad):6.3f} {statistics.mean(g['fail'] for g in good):6.3f}  {brier([b['p'] for b in bad], [g['p'] for g in good]):6.3f}")
    print("24 h: largest deviation of (value - value a day earlier) over its sd in the hour before the change")
    if fit:
        tuned = [f for f in figures if f["half"] == 0]
        w = fit_logistic([f["x"] for f in tuned], [f["label"] for f in tuned], 1.0)
        harmless = [w[0] + sum(a * b for a, b in zip(w[1:], f["x"])) for f in tuned if f["label"] == 0]
        print("  fit on the tuned half: constant, recent, past:", [round(v, 4) for v in w], "harmless mean, sd:", round(statistics.mean(harmless), 4), round(statistics.pstdev(harmless), 4))


# --- Kayenta's cases

def kayenta(judge, runs):
    print("\nCases of users against Kayenta's judge")
    print(f"{'case':62} {'Kayenta':>12} {'ours':>26}  expected")

    def both(text):
        theirs = judge.ask(text, "--method", "mann-whitney")["metrics"][0]["classification"]
        ours = judge.ask(text)
        return theirs, f"{ours['verdict']} (P {ours['p_fail']:.2f})"

    fixed = [
        ("spinnaker#6278: canary 7 x 100 + 3 x 1, control 10 x 1", [100.0] * 7 + [1.0] * 3, [1.0] * 10, "High"),
        ("the same with 8 x 100", [100.0] * 8 + [1.0] * 2, [1.0] * 10, "High"),
        ("kayenta#780 case 1: 15 points, another shape", [10.0, 10.1, 10.2, 10.3, 10.4, 10.5, 10.6, 17.0, 17.1, 17.2, 17.3, 17.4, 17.5, 17.6, 17.7],
         [1.0, 100.0, 4.0, 101.0, 5.0, 102.0, 6.0, 103.0, 7.0, 104.0, 8.0, 105.0, 9.0, 106.0, 17.0], "Fail"),
        ("the same, arms the other way round",
         [1.0, 100.0, 4.0, 101.0, 5.0, 102.0, 6.0, 103.0, 7.0, 104.0, 8.0, 105.0, 9.0, 106.0, 17.0],
         [10.0, 10.1, 10.2, 10.3, 10.4, 10.5, 10.6, 17.0, 17.1, 17.2, 17.3, 17.4, 17.5, 17.6, 17.7], "Fail"),
        ("kayenta#426: {0,1,2,1,0,0} against zeros", [0.0, 1.0, 2.0, 1.0, 0.0, 0.0], [0.0] * 6, "High"),
        ("spinnaker#5622: 5 of 10 points not zero, control zeros", [0.0, 1.0] * 5, [0.0] * 10, "High"),
    ]
    for name, canary, baseline, expected in fixed:
        theirs, ours = both(metric_csv(canary, baseline))
        print(f"{name:62} {theirs:>12} {ours:>26}  {expected}")
    print("\nA new error, control all zero: minutes with errors until it is called bad (values alone; with counts: 20 requests a minute, one error in each)")
    for points in (10, 14, 20, 30, 50, 60):
        def least(text_of, bad):
            return next((k for k in range(1, points + 1) if bad(text_of(k))), None)

        def spread(k, value):
            return [value if (i * k) // points != ((i + 1) * k) // points else 0.0 for i in range(points)]
        theirs = least(lambda k: metric_csv(spread(k, 1.0), [0.0] * points), lambda t: judge.ask(t, "--method", "mann-whitney")["metrics"][0]["classification"] == "High")
        ours = least(lambda k: metric_csv(spread(k, 1.0), [0.0] * points), lambda t: judge.ask(t)["verdict"] == "fail")
        counted = least(lambda k: metric_csv(spread(k, 0.05), [0.0] * points, 20, "errors"), lambda t: judge.ask(t)["verdict"] == "fail")
        print(f"  of {points:2}: Kayenta {theirs}, ours {ours} from values alone, {counted} with counts; expected: the first few")
    print(f"\nShare called bad, {runs} runs each; ours with counts (evidence), Kayenta from the averages")
    for name, p, q, rate, points in (("1 % -> 3 %, 20/min, 50 points", .01, .03, 20, 50), ("1 % -> 5 %, 20/min, 50 points", .01, .05, 20, 50), ("1 % -> 2 %, 100/min, 50 points", .01, .02, 100, 50),
                                     ("1 % -> 5 %, 20/min, 10 points", .01, .05, 20, 10), ("0 % -> 5 %, 20/min, 30 points", 0, .05, 20, 30), ("no change, 1 %, 20/min, 50 points", .01, .01, 20, 50)):
        chance = random.Random(7)
        texts = []
        for _ in range(runs):
            draw = lambda rate_, p_: sum(chance.random() < p_ for _ in range(rate_)) / rate_
            texts.append(metric_csv([draw(rate, q) for _ in range(points)], [draw(rate, p) for _ in range(points)], rate, "errors"))
        theirs = judge.ask_all([(t, "--method", "mann-whitney") for t in texts])
        ours = judge.ask_all([(t,) for t in texts])
        print(f"  {name:36} Kayenta {statistics.mean(a['metrics'][0]['classification'] != 'Pass' for a in theirs):5.2f}   ours {statistics.mean(a['verdict'] == 'fail' for a in ours):5.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--auspex", required=True)
    parser.add_argument("--delag")
    parser.add_argument("--kontrast")
    parser.add_argument("--kayenta", action="store_true")
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--runs", type=int, default=200)
    options = parser.parse_args()
    judge = Judge(options.auspex)
    if options.kayenta:
        kayenta(judge, options.runs)
    if options.delag:
        delag(judge, options.delag, options.rounds, options.fit)
    if options.kontrast:
        kontrast(judge, options.kontrast, options.fit)
    return 0


if __name__ == "__main__":
    sys.exit(main())
