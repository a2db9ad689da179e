#!/usr/bin/env python3
"""independent_features.py on a repository that is made up: branches and merges, renames, swaps, deletions, files that come again,
binary files, odd names, clocks that run backwards. independent_features_test.py AUSPEX"""
import os
import pathlib
import random
import subprocess
import sys
import tempfile

COMMITS = 160
SEED = 20200913


class Made:
    """A stream for `git fast-import`, which writes hundreds of commits in a moment."""

    def __init__(self, rng):
        self.rng = rng
        self.parts = []
        self.mark = 0
        self.time = 1400000000

    def path(self):
        return self.rng.choice(["", "lib/", "lib/a b/", "web/", "web/\u00e4/"]) + self.rng.choice("abcde") + self.rng.choice([".c", ".py", ".bin", ""])

    def content(self, path, before):
        if path.endswith(".bin"):
            return bytes(self.rng.randrange(256) for _ in range(40)) + b"\0"
        lines = before.split(b"\n") if before and b"\0" not in before else [b"line %d" % self.rng.randrange(50) for _ in range(self.rng.randrange(3, 40))]
        for _ in range(self.rng.randrange(1, 5)):
            lines.insert(self.rng.randrange(len(lines) + 1), b"new %d" % self.rng.randrange(1000))
            if len(lines) > 4 and self.rng.random() < 0.5:
                del lines[self.rng.randrange(len(lines))]
        return b"\n".join(lines) + (b"\n" if self.rng.random() < 0.9 else b"")

    def changed(self, tree):
        tree = dict(tree)
        for _ in range(self.rng.randrange(0, 5)):
            act = self.rng.random()
            if tree and act < 0.15:
                del tree[self.rng.choice(sorted(tree))]
            elif tree and act < 0.35:
                old, new = self.rng.choice(sorted(tree)), self.path()
                if new not in tree:
                    tree[new] = tree.pop(old)
            elif tree and act < 0.7:
                path = self.rng.choice(sorted(tree))
                tree[path] = self.content(path, tree[path])
            else:
                path = self.path()
                tree[path] = self.content(path, tree.get(path))
        return tree

    def commit(self, tree, parents, message):
        self.mark += 1
        self.time += self.rng.randrange(0, 40 * 86400)
        written = self.time - (self.rng.randrange(0, 300 * 86400) if self.rng.random() < 0.2 else 0)
        who = self.rng.choice(["ann", "Ben", "ben", "cid"])
        text = message.encode()
        self.parts += [b"commit refs/heads/work\nmark :%d\n" % self.mark,
                       b"author %s <%s@example.com> %d +0100\n" % (who.encode(), who.encode(), written),
                       b"committer c <c@example.com> %d +0000\n" % self.time, b"data %d\n%s\n" % (len(text), text)]
        self.parts += [b"%s :%d\n" % (b"from" if n == 0 else b"merge", parent) for n, parent in enumerate(parents)]
        self.parts.append(b"deleteall\n")
        for path, content in sorted(tree.items()):
            quoted = path.encode().replace(b"\\", b"\\\\").replace(b'"', b'\\"')
            self.parts.append(b'M 100644 inline "%s"\ndata %d\n%s\n' % (quoted, len(content), content))
        self.parts.append(b"\n")
        return self.mark


def write(repository):
    rng = random.Random(SEED)
    made = Made(rng)
    tree = made.changed({})
    main = (made.commit(tree, [], "first"), tree)
    side = None
    while made.mark < COMMITS:
        act = rng.random()
        if side is None and act < 0.2:
            side = main
        elif side is not None and act < 0.4:
            tree = made.changed(side[1])
            side = (made.commit(tree, [side[0]], "side"), tree)
        elif side is not None and act < 0.5 and side[0] != main[0]:
            # A merge that makes contents of its own: what only it knows, lt has to read.
            tree = {**side[1], **main[1]}
            tree = {path: content + (b"merged\n" if rng.random() < 0.5 else b"") for path, content in tree.items()}
            main, side = (made.commit(tree, [main[0], side[0]], "merge"), tree), None
        else:
            tree = made.changed(main[1])
            main = (made.commit(tree, [main[0]], "fix it" if act > 0.9 else "main"), tree)
    made.parts.append(b"reset refs/heads/main\nfrom :%d\n\n" % main[0])
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", repository], check=True, timeout=60)
    subprocess.run(["git", "-C", repository, "fast-import", "--quiet"], input=b"".join(made.parts), check=True, timeout=60)


def main():
    auspex = os.path.abspath(sys.argv[1])
    script = pathlib.Path(__file__).with_name("independent_features.py")
    with tempfile.TemporaryDirectory() as folder:
        repository = os.path.join(folder, "made.git")
        write(repository)
        return subprocess.run([sys.executable, script, auspex, repository, "--commits", "150"], check=False, timeout=110).returncode


if __name__ == "__main__":
    sys.exit(main())
