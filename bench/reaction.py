#!/usr/bin/env python3
"""From the last request that proves a fault to the router obeying. Limit: a tick and 50 ms.

Deploys a canary that fails one request in ten, again and again; each rollout must end rolled back, by evidence or by the
prediction that it feeds. For each, by the one clock of this machine:
  proof     the end of the canary's last failed request in the tick that passed the bar (the proxy's log)
  tick end  where that tick was cut (the ledger's entry)
  obeyed    when the router had confirmed weight 0 (the ledger's entry "observed")
A proof may come just after a tick was cut and wait a whole tick, so the limit is one of 50 ms from the tick's end to obeyed.

reaction.py AUSPEX [--rollouts 12] [--rps 150]
"""
import argparse
import collections
import json
import sqlite3

import figures
import rig

TICK_MS = 1000 * rig.TICK_S
REACTION_LIMIT_MS = 50


def entries(scene, deployment):
    with sqlite3.connect(f"file:{scene.folder}/auspex.db?mode=ro", uri=True, timeout=10) as ledger:
        rows = ledger.execute("SELECT at_us, kind, body FROM entries WHERE deployment = ? ORDER BY seq", (deployment,)).fetchall()
    ledger.close()
    return rows


def measure(scene, deployment):
    """Microseconds since 1970 of the tick that decided, and of the router's confirmation."""
    rows = entries(scene, deployment)
    last_tick = max(i for i, (_, kind, _) in enumerate(rows) if kind == "tick")
    obeyed = next(at for at, kind, body in rows[last_tick:] if kind == "observed" and json.loads(body)["weight_given"] == 0)
    ticks = [at for at, kind, _ in rows if kind == "tick"]
    return {"before": ticks[-2], "tick": ticks[-1], "obeyed": obeyed}


def last_requests(lines, times):
    """The proof, and when the proxy last sent a request to the canary."""
    canary = [line for line in lines if line["s"] == "b" and line["us"].isdigit()]
    failed = [int(line["e"]) for line in canary if line["st"] >= "500" and times["before"] < int(line["e"]) <= times["tick"]]
    started = [int(line["e"]) - int(line["us"]) for line in canary]
    return max(failed, default=None), max((at for at in started if at < times["obeyed"] + 1e6), default=None)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("auspex")
    parser.add_argument("--rollouts", type=int, default=12)
    parser.add_argument("--rps", type=float, default=150)
    options = parser.parse_args()
    proof, reaction, last_start, ended = [], [], [], collections.Counter()
    with rig.Rig(options.auspex, fault="errors", rps=options.rps) as scene:
        for _ in range(options.rollouts):
            deployment = scene.deploy()
            view = scene.wait_until(deployment, {"ended"}, 240)
            ended[view["by"] if view["decision"] == "roll_back" else "not rolled back"] += 1
            if view["by"] not in ("evidence", "prediction"):
                continue
            times = measure(scene, deployment)
            failed, started = last_requests(scene.log.lines(), times)
            reaction.append((times["obeyed"] - times["tick"]) / 1e3)
            last_start.append((started - times["tick"]) / 1e3)
            if failed is not None:  # else what passed the bar in that tick was no failed request
                proof.append((times["obeyed"] - failed) / 1e3)
    figures.print_figures("Reaction", {
        **figures.spread("tick_end_to_obeyed_ms", reaction), "tick_end_to_obeyed_ms_max_limit": REACTION_LIMIT_MS,
        **figures.spread("proof_to_obeyed_ms", proof), "proof_to_obeyed_ms_max_limit": TICK_MS + REACTION_LIMIT_MS,
        **figures.spread("tick_end_to_last_canary_request_ms", last_start),
        "rollouts": options.rollouts, "by_evidence": ended["evidence"], "by_prediction": ended["prediction"],
        "otherwise": options.rollouts - ended["evidence"] - ended["prediction"]})


if __name__ == "__main__":
    main()
