#!/usr/bin/env python3
"""A daemon with one rollout and little traffic: resident memory and share of a core, from /proc. Limits: 40 MB and 1 %.

daemon_idle.py AUSPEX [--seconds 60] [--rps 20]
"""
import argparse
import os
import pathlib
import time

import figures
import rig


def cpu_seconds(pid):
    # The name, in parentheses, may hold blanks; user and system time are fields 14 and 15 of proc(5).
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    values = dict(line.split(":", 1) for line in lines)
    return {name: int(values[name].split()[0]) * 1024 / 1e6 for name in ("VmRSS", "VmHWM", "RssAnon")}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("auspex")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rps", type=float, default=20)
    options = parser.parse_args()
    with rig.Rig(options.auspex, rps=options.rps) as scene:
        # 2,000 requests of a baseline that nothing is known of, or 10 minutes at the time scale.
        deployment = scene.deploy()
        scene.wait_until(deployment, {"running"}, 150)
        pid = scene.daemon.pid
        resident, begin, cpu = [], time.monotonic(), cpu_seconds(pid)
        while time.monotonic() - begin < options.seconds:
            time.sleep(1)
            resident.append(resident_mb(pid))
        share = (cpu_seconds(pid) - cpu) / (time.monotonic() - begin)
        view = scene.view(deployment)
    if view["state"] != "running":
        raise SystemExit(f"the rollout did not run to the end: {view['reason']}")
    figures.print_figures("DaemonIdle", {
        "resident_mb": max(r["VmRSS"] for r in resident), "resident_mb_limit": 40,
        "core_share": share, "core_share_limit": 0.01,
        "peak_mb": max(r["VmHWM"] for r in resident), "own_mb": max(r["RssAnon"] for r in resident),
        "tick_s": rig.TICK_S, "requests_per_s": options.rps})


if __name__ == "__main__":
    main()
