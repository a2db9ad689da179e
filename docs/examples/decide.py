#!/usr/bin/env python3
"""A delivery tool of your own with Auspex as its brain: `auspex decide` as a co-process.

  decide.py [--auspex PATH] [--fault]

The three functions under "yours" stand for your router and your telemetry; here they make up a
service with 200 requests a second. Prints each change of weight and how the rollout ended; exit 0
promoted, 1 rolled back.
"""
import argparse
import json
import random
import subprocess
import sys


class Decide:
    """The co-process. One of them carries thousands of deployments at once."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def ask(self, message):
        """Sends a start or a tick; returns the decision. An answer comes for each, in order."""
        self.process.stdin.write(json.dumps(message) + "\n")
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError("auspex decide ended: exit %s" % self.process.wait(10))
        decision = json.loads(answer)
        if "error" in decision:  # this line was refused and changed nothing; the stream goes on
            raise ValueError(decision["error"])
        return decision

    def forget(self, deployment):
        """No answer comes; the name may start afresh."""
        self.process.stdin.write(json.dumps({"stop": {"deployment": deployment}}) + "\n")

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)


# ---- yours: a router that draws each request's arm at random, and counts per arm and tick


def set_weight(share):
    print("  router: %5.2f %% to the canary" % (100 * share))


def count_arm(requests, error_rate, slow):
    """What one arm did in a tick: errors, and requests slower than the baseline's p50, p90 and p99.

    The edges are measured before the rollout; for the canary each is 5 % higher.
    """
    slower = [sum(random.random() < slow * share for _ in range(requests)) for share in (0.5, 0.1, 0.01)]
    return {"requests": requests, "errors": sum(random.random() < error_rate for _ in range(requests)), "slower": slower}


def read_tick(share, seconds, fault):
    requests = round(200 * seconds)
    canary = sum(random.random() < share for _ in range(requests))
    # A faulty canary fails ten times as often.
    return {"canary": count_arm(canary, 0.05 if fault else 0.005, 1), "baseline": count_arm(requests - canary, 0.005, 1)}


# ---- the rollout


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--auspex", default="auspex", help="the binary")
    arguments.add_argument("--fault", action="store_true", help="the canary fails ten times as often")
    options = arguments.parse_args()
    random.seed(1)

    decide = Decide([options.auspex, "decide"])
    tick_s = 10
    decision = decide.ask(
        {
            "start": {
                "deployment": "checkout-1.8",
                "service": "checkout",
                "tick_s": tick_s,
                "requests_per_s": 200,
                "risk": 0.15,
                "history": {"error_rate": 0.005},
            }
        }
    )
    weight = decision["weight"]
    set_weight(weight)
    t_s = 0
    while decision["verdict"] is None:
        # Wait until the router obeys and the tick is over; here time is made up.
        t_s += tick_s
        counts = read_tick(weight, tick_s, options.fault)
        decision = decide.ask({"tick": {"deployment": "checkout-1.8", "t_s": t_s, **counts}})
        if decision["weight"] != weight:
            weight = decision["weight"]
            set_weight(weight)
    print("%s after %d s, verdict %s: %s" % (decision["decision"], decision["t_s"], decision["verdict"], decision["reason"]))
    decide.forget("checkout-1.8")
    decide.close()
    return 0 if decision["decision"] == "promote" else 1


if __name__ == "__main__":
    sys.exit(main())
