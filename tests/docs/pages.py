# SPDX-License-Identifier: MIT
#
# Page: a document as the checks see it: its links, its quoted names, its blocks of code. Tree: what
# the documents speak of, the files and the classes of the project.
import functools
import os
import pathlib
import re
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "tidy"))

from source import Source  # noqa: E402 (after the path that makes it importable)

_BLOCK = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def _blank(match):
    return re.sub(r"[^\n]", " ", match.group())


class Page:
    """`path` is relative to the root: links are read from there."""

    def __init__(self, path, text):
        self.path = path
        self.text = text
        self.prose = _BLOCK.sub(_blank, text)

    def line_of(self, offset):
        return self.text.count("\n", 0, offset) + 1

    @functools.cached_property
    def blocks(self):
        """(line, language, content) of each fenced block."""
        return [(self.line_of(m.start()), m.group(1).strip(), m.group(2))
                for m in _BLOCK.finditer(self.text)]

    @functools.cached_property
    def links(self):
        """(line, text, path of the target from the root) of each link into the project."""
        found = []
        for match in re.finditer(r"\[([^][]*)\]\(([^)\s]+)\)", self.prose):
            target = match.group(2).split("#")[0]
            if target and "://" not in target:
                path = os.path.normpath(os.path.join(os.path.dirname(self.path), target))
                found.append((self.line_of(match.start()), match.group(1), path))
        return found

    @functools.cached_property
    def quoted(self):
        """(line, text) of each piece of code between back-quotes."""
        return [(self.line_of(m.start()), m.group(1))
                for m in re.finditer(r"`([^`]+)`", self.prose)]


class Tree:
    """Files by their path from the root. `read(path)` is None if there is none; `paths` lists the
    C++ files, `exists` also knows folders and patterns."""

    def __init__(self, read, paths, exists):
        self.read = read
        self.paths = paths
        self.exists = exists

    @functools.cached_property
    def _code(self):
        return {path: Source(path, self.read(path)).code for path in self.paths}

    @functools.cached_property
    def _lines(self):
        return {path: _words_of_lines(self.read(path)) for path in self.paths}

    @functools.cached_property
    def _classes(self):
        """Name -> (names of the bases, text of the members without the bodies of functions)."""
        found = {}
        for code in self._code.values():
            # Not the `class P` of a template's head.
            for match in re.finditer(r"(?<!<)(?<!, )\b(?:class|struct)\s+"
                                     r"(?:\[\[\w+\]\]\s*)?([\w:]+)([^;{}()=]*)\{", code):
                name = match.group(1).split("::")[-1]
                bases, members = found.get(name, ([], ""))
                found[name] = (bases + re.findall(r"[A-Z]\w*", match.group(2)),
                               members + _first_level(code, match.end()))
        return found

    def has_member(self, name, member, above=()):
        """Whether a class `name` declares `member`, or inherits it. Classes go by their last name,
        so there may be circles."""
        bases, members = self._classes.get(name, ([], ""))
        return (re.search(rf"(?<!\w){member}\b", members) is not None
                or any(self.has_member(base, member, (*above, name))
                       for base in bases if base not in (*above, name)))

    def shows(self, fragment):
        """Whether these lines stand together in some C++ file, blanks aside."""
        wanted = _words_of_lines(fragment)
        return any(f"\n{wanted}\n" in f"\n{text}\n" for text in self._lines.values())


def _words_of_lines(text):
    return "\n".join(" ".join(line.split()) for line in text.splitlines() if line.strip())


def _first_level(code, begin):
    """The code between a class's brace before `begin` and its partner, inner braces emptied."""
    depth, kept = 1, []
    for match in re.finditer(r"[{}]|[^{}]+", code[begin:]):
        text = match.group()
        depth += {"{": 1, "}": -1}.get(text, 0)
        if depth == 0:
            break
        if depth == 1:
            kept.append(text)
    return "".join(kept)
