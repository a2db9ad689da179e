#!/usr/bin/env python3
"""Runs `auspex demo`, then checks its answer, and what it left in the ledger by replay and audit.

demo_test.py AUSPEX --fault F [--decision D] [--exit N] [--not-exit N] [--cause METRIC] [--kill-every S] [--kill PART,…] [--seed N] [--rps R] [--pace P] [--tries N]

Traffic and errors are chance, and a good release that is not proven in time is no bug: such an answer (held, or verdict not_proven)
is tried again with the next seed, at most --tries in all. A wrong verdict is never tried again.
"""
import argparse
import json
import pathlib
import re
import shutil
import subprocess
import sys


def run(arguments):
    return subprocess.run(arguments, capture_output=True, text=True, timeout=280, check=False)


def problems_of(options, demo, answer):
    found = []
    if options.exit is not None and demo.returncode != options.exit:
        found.append(f"exit {demo.returncode}, expected {options.exit}")
    if options.not_exit is not None and demo.returncode == options.not_exit:
        found.append(f"exit {demo.returncode}")
    if answer["exit"] != demo.returncode:
        found.append(f"the answer says exit {answer['exit']}, the process {demo.returncode}")
    if options.decision and answer["decision"] != options.decision:
        found.append(f"decision {answer['decision']}, expected {options.decision}")
    if options.cause and options.cause not in [c["metric"].split(".")[0] for c in answer["causes"]]:
        found.append(f"causes {answer['causes']} lack {options.cause}")
    if answer["decision"] == "roll_back" and answer["weights"][-1][1] != 0:
        found.append("rolled back, yet the last weight is not 0")
    if answer["decision"] == "promote" and answer["weights"][-1][1] != 1:
        found.append("promoted, yet the last weight is not 1")
    if options.kill_every and sum(answer["kills"].values()) == 0:
        found.append("nothing was ever killed")
    if not options.kill_every and answer["feed_lost"] != 0:
        found.append(f"{answer['feed_lost']} requests are missing in the feed")
    return found


def problems_of_ledger(auspex, folder):
    found = []
    where = ["--ledger", str(folder / "auspex.db"), "--objects", str(folder / "objects")]
    audit = run([auspex, "audit", "verify", "--json"] + where)
    if audit.returncode != 0:
        found.append(f"audit verify: exit {audit.returncode}: {audit.stdout}{audit.stderr}")
    ids = {}
    for line in (folder / "auspex.log").read_text().splitlines():
        match = re.search(r'"deployment_announced".*?"deployment":"([^"]+)"', line)
        if match:
            ids[match.group(1)] = True
    if len(ids) != 1:
        found.append(f"{len(ids)} deployments were announced")
    for name in ids:
        replay = run([auspex, "replay", name, "--json"] + where)
        if replay.returncode != 0:
            found.append(f"replay: exit {replay.returncode}: {replay.stderr}")
        times = [json.loads(line)["t_s"] for line in replay.stdout.splitlines()]
        if any(a >= b for a, b in zip(times, times[1:])):
            found.append("a tick was decided twice")
        if len(times) < 10:
            found.append(f"only {len(times)} decisions")
    return found


def unproven(answer):
    return answer["decision"] == "hold" or answer["verdict"] == "not_proven"


def attempt(options, seed):
    """One demo: its answer and what is wrong with it."""
    command = [options.auspex, "demo", "--json", "--keep", "--fault", options.fault, "--seed", str(seed), "--rps", options.rps, "--pace", options.pace]
    if options.kill_every:
        command += ["--kill-every", options.kill_every, "--kill", options.kill]
    demo = run(command)
    kept = re.search(r"kept: (\S+)", demo.stderr)
    if not kept or not demo.stdout:
        print(f"the demo ended with {demo.returncode}: {demo.stderr}{demo.stdout[-2000:]}")
        return None, [], ["no answer"]
    folder = pathlib.Path(kept.group(1))
    try:
        answer = json.loads(demo.stdout.splitlines()[-1])
        # What the ledger holds must be right in any case.
        return answer, problems_of_ledger(options.auspex, folder), problems_of(options, demo, answer)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("auspex")
    parser.add_argument("--fault", required=True)
    parser.add_argument("--decision")
    parser.add_argument("--exit", type=int)
    parser.add_argument("--not-exit", type=int)
    parser.add_argument("--cause")
    parser.add_argument("--kill-every", default=None)
    parser.add_argument("--kill", default="daemon")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--tries", type=int, default=1)
    parser.add_argument("--rps", default="150")
    parser.add_argument("--pace", default="classic")
    options = parser.parse_args()
    for i in range(options.tries):
        answer, ledger, end = attempt(options, options.seed + i)
        print(json.dumps(answer))
        for problem in ledger + end:
            print("PROBLEM:", problem)
        if not ledger and end and answer and unproven(answer) and i + 1 < options.tries:
            continue
        return 1 if ledger or end else 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
