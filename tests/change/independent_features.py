#!/usr/bin/env python3
"""Kamei's features of random commits, worked out anew by the definitions of src/auspex/change/history.h, against `auspex mine`.

independent_features.py AUSPEX REPOSITORY [--commits 200] [--seed 1]

Reads one `git show` a commit and keeps all that happened as plain lists; each feature of a drawn commit is then counted out of
them, the lines of each file out of the file itself. Slow and simple on purpose. `fix` is left out: tests/change/ has cases of it.
What came before a commit is what stands before it in the table; that this is every commit once, and none before its parents, is checked
too. Exit 1 where a commit differs.
"""
import argparse
import csv
import math
import os
import random
import subprocess
import sys
import tempfile

NAMES = ("ns", "nd", "nf", "entropy", "la", "ld", "lt", "ndev", "age", "nuc", "exp", "rexp", "sexp")
DAY = 86400


class Git:
    def __init__(self, repository):
        self.folder = self.ask(repository, "rev-parse", "--absolute-git-dir").decode().strip()

    @staticmethod
    def ask(folder, *arguments):
        # No attributes of a work tree: a line is a line, as in a bare clone.
        environment = dict(os.environ, GIT_WORK_TREE=folder, GIT_CONFIG_NOSYSTEM="1", GIT_CONFIG_GLOBAL="/dev/null", GIT_NO_REPLACE_OBJECTS="1")
        if arguments[0] == "rev-parse":
            del environment["GIT_WORK_TREE"]
        command = ["git", "-c", "safe.directory=*", "-c", "core.bigFileThreshold=50m", "-C", folder, *arguments]
        return subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, timeout=600).stdout

    def __call__(self, *arguments):
        return self.ask(self.folder, *arguments)


class File:
    """Whatever its name is at the time."""

    def __init__(self):
        self.name = None
        self.changes = []  # of the list of commits, by number


def show(git, commit):
    """(author, time, [(status, old path, path, old id, added, deleted, binary)])."""
    text = git("show", "-z", "--no-ext-diff", "--no-textconv", "--no-show-signature", "--no-notes", "--raw", "--numstat", "-M", "-l1000", "--no-abbrev",
               "--date=raw", "--format=%ae%x00%an%x00%ad%x00", commit, "--")
    email, name, date, rest = text.split(b"\0", 3)
    parts = rest.split(b"\0")
    parts[0] = parts[0].lstrip(b"\n")
    raw, lines = [], {}
    at = 0
    while at < len(parts):
        part = parts[at].lstrip(b"\n") if at < 2 else parts[at]
        at += 1
        if part == b"":
            continue
        if part.startswith(b":"):
            _, _, old_id, _, status = part.split(b" ")
            paths = parts[at:at + (2 if status.startswith(b"R") else 1)]
            at += len(paths)
            raw.append((chr(status[0]), paths[0], paths[-1], old_id.decode()))
        else:
            added, deleted, path = part.split(b"\t", 2)
            if path == b"":
                path = parts[at + 1]
                at += 2
            lines[path] = (added, deleted)
    files = []
    for status, old_path, path, old_id in raw:
        added, deleted = lines[path]
        binary = added == b"-"
        files.append((status, old_path, path, old_id, 0 if binary else int(added), 0 if binary else int(deleted), binary))
    return (email or name).lower(), int(date.split()[0]), files


def lines_of(git, object_id):
    if set(object_id) == {"0"}:
        return 0
    try:
        content = git("cat-file", "blob", object_id)
    except subprocess.CalledProcessError:
        return 1  # the commit of a submodule: git shows it as one line
    return content.count(b"\n") + (0 if content.endswith(b"\n") or not content else 1)


def top(path):
    return path.split(b"/")[0] if b"/" in path else b""


def features(git, history, now_file_of, commit):
    author, time, files = commit
    time = max(time, 0)
    found = [now_file_of(change) for change in files]
    known = [file for file in found if file is not None]
    total = sum(change[4] + change[5] for change in files)
    shares = [(change[4] + change[5]) / total for change in files if change[4] + change[5] > 0]
    tops = {top(change[2]) for change in files}
    earlier = [n for n, (who, _, _) in enumerate(history) if who == author]
    last = [file.changes[-1] for file in known]
    ages = [max(0, time - max(history[n][1], 0)) for n in last]
    return {
        "ns": len(tops),
        "nd": len({os.path.dirname(change[2]) for change in files}),
        "nf": len(files),
        "entropy": -sum(p * math.log2(p) for p in shares),
        "la": sum(change[4] for change in files),
        "ld": sum(change[5] for change in files),
        "lt": sum(0 if change[6] else lines_of(git, change[3]) for change in files),
        "ndev": len({history[n][0] for file in known for n in file.changes}),
        "age": sum(ages) / DAY / len(files) if files else 0,
        "nuc": len(set(last)),
        "exp": len(earlier),
        "rexp": sum(1 / (max(0, time - history[n][1]) // (365 * DAY) + 1) for n in earlier),
        "sexp": sum(1 for n in earlier if any(top(change[2]) in tops for change in history[n][2])),
    }


def check_order(git, order):
    """Whether `order` holds every commit but merges once, and none before one that it comes from."""
    everything = [line.split() for line in git("rev-list", "--reverse", "--topo-order", "--parents", "HEAD", "--").decode().splitlines()]
    assert sorted(order) == sorted(names[0] for names in everything if len(names) <= 2), "not the commits of the history"
    place = {name: n for n, name in enumerate(order)}
    latest = {}  # the last place among a commit and all that it comes from
    for name, *parents in everything:
        before = max((latest[parent] for parent in parents), default=-1)
        assert place.get(name, before + 1) > before, f"{name} stands before what it comes from"
        latest[name] = max(before, place.get(name, -1))


def walk(git, order, drawn):
    """The features of the drawn commits."""
    files = {}  # by each name that stands for one
    history = []
    answers = {}

    def file_of(change):
        status, old_path, path = change[:3]
        file = files.get(old_path if status == "R" else path)
        return None if file is not None and status == "A" and file.name != path else file

    for name in order:
        commit = show(git, name)
        if name in drawn:
            answers[name] = features(git, history, file_of, commit)
        found = [file_of(change) for change in commit[2]]
        for change, file in zip(commit[2], found):
            status, old_path, path = change[:3]
            if file is None:
                file = File()
                if status == "R":
                    files[old_path] = file
                files[path], file.name = file, path
            elif status == "R":
                files[path], file.name = file, path
            file.changes.append(len(history))
        history.append(commit)
    return answers


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("auspex")
    parser.add_argument("repository")
    parser.add_argument("--commits", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        table = os.path.join(folder, "commits.csv")
        subprocess.run([options.auspex, "mine", options.repository, "--no-labels", "--out", table], env=dict(os.environ, XDG_CACHE_HOME=folder), check=True, timeout=3600)
        with open(table, encoding="ascii", newline="") as file:
            mined = {row["commit"]: row for row in csv.DictReader(file)}
    drawn = set(random.Random(options.seed).sample(sorted(mined), min(options.commits, len(mined))))
    git = Git(options.repository)
    check_order(git, list(mined))
    wrong = 0
    for commit, answer in walk(git, list(mined), drawn).items():
        differ = [(name, mined[commit][name], answer[name]) for name in NAMES
                  if not math.isclose(float(mined[commit][name]), answer[name], rel_tol=1e-9, abs_tol=1e-9)]
        wrong += bool(differ)
        for name, theirs, ours in differ:
            print(f"{commit}: {name} is {theirs}, independently {ours}")
    print(f"{len(drawn)} commits, {len(NAMES)} features each: {wrong} commits differ")
    return 1 if wrong or not drawn else 0


if __name__ == "__main__":
    sys.exit(main())
