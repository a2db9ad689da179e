#!/usr/bin/env python3
"""Features of a repository's commits beside git's own reading of it, and beside PyDriller where there is one.

mine.py AUSPEX --repository DIR [--runs 3] [--pydriller PYTHON] [--pydriller-commits 200] [--json FILE]
PYTHON: of a virtual environment with PyDriller: python3 -m venv build/pydriller && build/pydriller/bin/pip install pydriller==2.12

CPU seconds (user and system, git's included) of `auspex mine --no-labels` and of `git log --raw --numstat`, in turn on a warm cache, the least of
the runs; peak memory of Auspex itself (VmHWM), and of the largest process it started. PyDriller reads the newest commits to the same
depth: insertions, deletions and each modified file's added and deleted lines.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

PYDRILLER = """
import itertools, resource, sys
from pydriller import Repository
commits = 0
for commit in itertools.islice(Repository(sys.argv[1], order="reverse", only_no_merge=True).traverse_commits(), int(sys.argv[2])):
    commits += 1
    for file in commit.modified_files:
        file.added_lines, file.deleted_lines, file.new_path
usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(commits, sum(u.ru_utime + u.ru_stime for u in usage))
"""


def peak_kb(pid):
    try:
        text = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in text.splitlines() if line.startswith("VmHWM")), 0)


def measured(command, folder, environment):
    """CPU seconds with those of its children, wall seconds, peak memory of itself and of the largest process, in MB."""
    start = time.monotonic()
    with open(os.devnull, "wb") as nowhere:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=nowhere, stderr=nowhere)
        own = 0
        while True:
            own = max(own, peak_kb(process.pid))
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            time.sleep(0.02)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{command} ended with {process.returncode}")
    return {"cpu_s": usage.ru_utime + usage.ru_stime, "wall_s": time.monotonic() - start, "own_mb": own / 1024, "largest_mb": usage.ru_maxrss / 1024}


def least(runs):
    return min(runs, key=lambda run: run["cpu_s"])


def pydriller(options, commits):
    if not options.pydriller:
        return None
    answer = subprocess.run([options.pydriller, "-c", PYDRILLER, options.repository, str(options.pydriller_commits)],
                            stdout=subprocess.PIPE, check=True, timeout=1800)
    read, cpu_s = answer.stdout.split()
    return {"commits": int(read), "cpu_s": float(cpu_s)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("auspex")
    parser.add_argument("--repository", default=".")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--pydriller")
    parser.add_argument("--pydriller-commits", type=int, default=200)
    parser.add_argument("--json")
    options = parser.parse_args()
    auspex = str(pathlib.Path(options.auspex).resolve())
    with tempfile.TemporaryDirectory() as cache:
        environment = dict(os.environ, XDG_CACHE_HOME=cache)
        commands = {
            "git": ["git", "log", "--raw", "--numstat", "--no-merges", "-z", "--format=%H"],
            "auspex": [auspex, "mine", ".", "--no-labels", "--out", "/dev/null"],
        }
        runs = {name: [] for name in commands}
        for _ in range(options.runs):
            for name, command in commands.items():
                runs[name].append(measured(command, options.repository, environment))
    count = subprocess.run(["git", "rev-list", "--count", "--no-merges", "HEAD"], cwd=options.repository, stdout=subprocess.PIPE, check=True, timeout=600)
    commits = int(count.stdout)
    result = {"repository": options.repository, "commits": commits, **{name: least(of) for name, of in runs.items()}, "pydriller": pydriller(options, commits)}
    result["ratio"] = result["auspex"]["cpu_s"] / result["git"]["cpu_s"]
    print(f"{options.repository}: {commits} commits, the least of {options.runs} runs, load {os.getloadavg()[0]:.1f}")
    for name in commands:
        run = result[name]
        print(f"  {name:10} {run['cpu_s']:7.2f} s CPU  {commits / run['cpu_s']:7.0f} commits/CPU-s  {run['wall_s']:6.1f} s wall  "
              f"{run['own_mb']:5.0f} MB itself  {run['largest_mb']:5.0f} MB with the largest child")
    print(f"  ratio to git log --raw --numstat: {result['ratio']:.2f} (limit 1.5)")
    other = result["pydriller"]
    if other:
        speed, theirs = commits / result["auspex"]["cpu_s"], other["commits"] / other["cpu_s"]
        print(f"  pydriller  {theirs:.0f} commits/CPU-s over its newest {other['commits']}: Auspex reads {speed / theirs:.1f} times as many (limit 7)")
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(result, indent=1) + "\n", encoding="ascii")
    return 0


if __name__ == "__main__":
    sys.exit(main())
