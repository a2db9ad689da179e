#!/usr/bin/env python3
"""The examples of docs/examples run as written: a good canary is promoted, a faulty one rolled back.

    examples_test.py AUSPEX [GO]
"""
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "examples"


def check(command, fault_flag):
    for flags, code, end in (([], 0, "promote after"), ([fault_flag], 1, "roll_back after")):
        run = subprocess.run(command + flags, capture_output=True, text=True, timeout=60)
        last = run.stdout.splitlines()[-1] if run.stdout else ""
        if run.returncode != code or not last.startswith(end):
            sys.exit(f"{' '.join(command + flags)}: exit {run.returncode}, {last!r}\n{run.stderr}")


def main():
    auspex = str(Path(sys.argv[1]).resolve())
    check([sys.executable, str(FOLDER / "decide.py"), "--auspex", auspex], "--fault")
    if len(sys.argv) > 2:
        with tempfile.TemporaryDirectory() as scratch:
            binary = f"{scratch}/decide"
            subprocess.run([sys.argv[2], "build", "-o", binary, str(FOLDER / "decide.go")], check=True, timeout=100,
                           env={"PATH": "/usr/bin:/bin", "HOME": scratch, "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=mod"})
            check([binary, "-auspex", auspex], "-fault")


if __name__ == "__main__":
    main()
