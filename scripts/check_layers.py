#!/usr/bin/env python3
"""Holds the arrows of the house: apps -> cli, api, lab -> rollout, risk, training -> capabilities -> base.

check_layers.py ROOT    prints each include that points the wrong way; exit 1 if there is one
"""
import pathlib
import re
import sys

CAPABILITIES = {"builds", "change", "telemetry", "behaviour", "evidence", "features", "model", "traffic", "alert", "diagnosis", "storage"}
# What a capability may know beside base and itself.
EXTRA = {
    "features": {"change", "telemetry", "behaviour", "evidence"},
    "builds": {"storage"},  # its adapter builds/ledger keeps facts there
}
MIDDLE = {"rollout", "training", "risk"}
# Third-party headers that a public header may show: values of the error type, and formatting in templates.
IN_HEADERS = {"fmt", "tl"}
THIRD_PARTY = re.compile(r'#include [<"](fmt|tl|nlohmann|pugixml|simdjson|yaml-cpp|curl|openssl|sqlite3|zstd|zlib|boost|xgboost|CLI|toml\+\+)[/.]')
INCLUDE = re.compile(r'#include "([^"]+)"')


def room(path):
    """The room of a repository path: 'base', 'cli', 'lab', 'apps', ..."""
    parts = path.split("/")
    if parts[:2] == ["src", "auspex"]:
        return parts[2]
    return parts[0]


def allowed(source, name):
    """The rooms that files of `source` may include."""
    if source == "base":
        return {"base"}
    if source in CAPABILITIES:
        return {"base", source} | EXTRA.get(source, set())
    if source in MIDDLE:
        # A risk is learned and answered by what training makes.
        return {"base", source} | CAPABILITIES | ({"training"} if source == "risk" else set())
    if source == "api":
        return {"base", "api"} | MIDDLE | CAPABILITIES
    if source == "lab":
        return {"base", "lab"} | MIDDLE | CAPABILITIES
    if source == "cli":
        # doctor starts programs to see whether they are there, and run starts the lab's processes.
        lab = {"lab"} if name in {"simulate.cc", "run.cc", "doctor.cc"} or name.startswith("demo") else set()
        return {"base", "cli", "api"} | lab | MIDDLE | CAPABILITIES
    return {"cli"}  # apps


def check(root):
    wrong = []
    for folder in ("src/auspex", "lab", "apps"):
        for file in sorted((root / folder).rglob("*")):
            if file.suffix not in {".h", ".cc"}:
                continue
            path = file.relative_to(root).as_posix()
            source = room(path)
            text = file.read_text(encoding="utf-8")
            for target_path in INCLUDE.findall(text):
                target = target_path.split("/")[1] if target_path.startswith("auspex/") else target_path.split("/")[0]
                if target not in allowed(source, file.name):
                    wrong.append(f"{path}: {source} may not include {target_path}")
                # A capability's root never includes its adapters.
                at_root = source in CAPABILITIES and len(path.split("/")) == 4
                adapter = len(target_path.split("/")) > 3 and target == source
                if at_root and adapter and not file.name.startswith("register_"):
                    wrong.append(f"{path}: the root of {source} may not include the adapter {target_path}")
            if file.suffix == ".h" and not file.name.startswith("json_"):
                for library in THIRD_PARTY.findall(text):
                    if library not in IN_HEADERS and len(path.split("/")) <= 4:
                        wrong.append(f"{path}: {library} belongs in a .cc file")
    return wrong


def main(arguments):
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    wrong = check(pathlib.Path(arguments[0]))
    for line in wrong:
        print(line)
    print(f"layers: {len(wrong)} wrong includes")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
