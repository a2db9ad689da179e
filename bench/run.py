#!/usr/bin/env python3
"""Runs every benchmark, one after the other, and prints a table of the figures against their limits.

run.py --build BUILD_FOLDER [--only NAME[,NAME]] [--json FILE]    NAME: decision, feed, engine, daemon_idle, reaction
Exit 0 whether or not a limit is kept: how fast a machine is, is no fault of the code. The load average of before and after each
stands beside it; on a busy machine run it again.
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
LIMIT_S = 1800


def commands(build):
    programs = {name: [str(build / "bench" / (name + "_bench")), "--benchmark_format=json"] for name in ("decision", "feed", "engine")}
    scripts = {name: [sys.executable, str(HERE / (name + ".py")), str(build / "auspex")] for name in ("daemon_idle", "reaction")}
    return {**programs, **scripts}


def machine():
    text = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = re.search(r"model name\s*:\s*(.*)", text)
    return f"{os.cpu_count()} x {model.group(1) if model else 'unknown processor'}"


def load():
    return "{:.2f}".format(os.getloadavg()[0])


def rows(benchmark):
    """(figure, value, limit or None) of the counters, those with a limit first."""
    own = {"iterations", "repetitions", "repetition_index", "threads", "family_index", "per_family_instance_index", "real_time", "cpu_time"}
    values = {k: v for k, v in benchmark.items() if isinstance(v, (int, float)) and k not in own}
    figures = [(k, v, values.get(k + "_limit")) for k, v in values.items() if not k.endswith("_limit")]
    return sorted(figures, key=lambda row: row[2] is None)


def shown(value):
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def ratio(value, limit):
    if limit is None:
        return ""
    return f"{value / limit:.2f}" if limit else ("kept" if value == 0 else "MISSED")


def show(benchmark):
    name = benchmark["name"].split("/")[0]
    if benchmark.get("error_occurred"):
        print(f"{name}: {benchmark['error_message']}")
    for figure, value, limit in rows(benchmark):
        print(f"{name:<18}{figure:<40}{shown(value):>12}{'' if limit is None else shown(limit):>10}{ratio(value, limit):>8}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    chosen = {name: command for name, command in commands(options.build.resolve()).items() if not options.only or name in options.only.split(",")}
    print(f"machine: {machine()}; load {load()} at the start\n")
    print(f"{'benchmark':<18}{'figure':<40}{'value':>12}{'limit':>10}{'ratio':>8}")
    found = []
    for name, command in chosen.items():
        before = load()
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=LIMIT_S, check=False)
        if done.returncode != 0:
            print(f"{name}: ended with {done.returncode}: {done.stderr[-600:]}")
            continue
        benchmarks = json.loads(done.stdout)["benchmarks"]
        for benchmark in benchmarks:
            show(benchmark)
        print(f"{'':<18}(load {before} before, {load()} after)")
        found += [{"load_before": before, "load_after": load(), **benchmark} for benchmark in benchmarks]
    if options.json:
        options.json.write_text(json.dumps({"machine": machine(), "benchmarks": found}, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
