# SPDX-License-Identifier: MIT
#
# What the documents must have in common with the code. A check is a function from a Page and a Tree
# to what is wrong, (line, what), with examples: docs.py --self-test fails if a check does not catch
# its own.
import re
from dataclasses import dataclass
from typing import Callable

from pages import Page, Tree


@dataclass(frozen=True)
class Check:
    name: str
    run: Callable
    bad: list   # Documents it must object to, in the tree below.
    good: list  # Documents it must leave alone.


CHECKS = []

# The tree of the examples.
_FILES = {
    "tocsin/a.hpp": "class A : public B {\n public:\n  void f() { g(); }\n  struct In {};\n};\n"
                    "struct B { int kept_; };\n",
    "tocsin/a.cpp": "// h\nvoid A::f() {\n  one();\n\n  two();\n}\n",
    "dev": "./dev serve [DIR]  serves\n",
}
EXAMPLE_TREE = Tree(_FILES.get, [path for path in _FILES if path != "dev"],
                    lambda path: path in _FILES or path == "tocsin")


def check(name, bad, good):
    def declare(run):
        CHECKS.append(Check(name, run, [Page("docs/x.md", text) for text in bad],
                            [Page("docs/x.md", text) for text in good]))
        return run
    return declare


@check("links", bad=["[a](a.hpp)", "[a](../tocsin/b.hpp#x)"],
       good=["[a](../tocsin/a.hpp#x)", "[a](https://example.org/a)", "[a](#b)"])
def links(page, tree):
    for line, _, path in page.links:
        if not tree.exists(path):
            yield line, f"a link to {path}, which is not there"


_PATH = (r"(?<![\w./-])(?:tocsin|docs|examples|tests|cli|bench|scripts|cmake|\.ci)/"
         r"[\w.*/-]*[\w*/]")


@check("paths", bad=["see tocsin/b.hpp.", "`tocsin/c/`"],
       good=["see tocsin/a.hpp.", "build/tocsin/b", "https://example.org/tocsin/b"])
def paths(page, tree):
    targets = re.sub(r"\]\([^)\s]+\)", lambda m: " " * len(m.group()), page.prose)
    for match in re.finditer(_PATH, targets):
        path = match.group().rstrip("/")
        if not tree.exists(path):
            yield page.line_of(match.start()), f"{path} is not there"


@check("members", bad=["`A::g`", "`A::h()`", "`C::f`"],
       good=["`A::f`", "`A::f()`", "`A::kept_`", "`A::In`", "`std::x`", "`a::B`"])
def members(page, tree):
    for line, code in page.quoted:
        for match in re.finditer(r"(?<![\w:])([A-Z]\w*)::(~?\w+)", code):
            if not tree.has_member(*match.groups()):
                yield line, f"{match.group(1)} has no {match.group(2)}"


@check("linked names", bad=["[`A::g`](../tocsin/a.cpp)", "[`f` and `two3`](../tocsin/a.cpp)"],
       good=["[`A::f`](../tocsin/a.cpp)", "[`f()`, `two`](../tocsin/a.cpp)", "[g](../tocsin/a.cpp)",
             "[`tocsin/a.cpp`](../tocsin/a.cpp)"])
def linked_names(page, tree):
    for line, text, path in page.links:
        content = tree.read(path) or ""
        for code in re.findall(r"`([^`]+)`", text):
            last = re.fullmatch(r"(?:\w+(?:::|\.))*(~?\w+)(?:\(.*\))?", code)
            if last and "/" not in code and not re.search(rf"(?<!\w){last.group(1)}\b", content):
                yield line, f"{path} does not speak of {last.group(1)}"


@check("commands", bad=["`./dev shout`", "```\n$ ./dev shout\n```"],
       good=["`./dev serve x`", "```\n$ ./dev serve\n```"])
def commands(page, tree):
    for match in re.finditer(r"\./dev (\w+)", page.text):
        if match.group() not in tree.read("dev"):
            yield page.line_of(match.start()), f"`{match.group()}` is not in ./dev help"


@check("fragments", bad=["```cpp\none();\nthree();\n```", "```cpp\ntwo();\none();\n```"],
       good=["```cpp\none();\ntwo();\n```", "```cpp\nint main() {}\n```", "```sh\nx\n```"])
def fragments(page, tree):
    for line, language, content in page.blocks:
        if language == "cpp" and not is_program(content) and not tree.shows(content):
            yield line, "C++ that is neither a program nor stands like this in a file"


def is_program(content):
    """A complete program is a block of C++ with a main: it is compiled and linked."""
    return "int main(" in content
