# SPDX-License-Identifier: MIT
#
# Source: one file as the rules see it: its lines, its C++ code with comments and the insides of
# strings blanked out (every character stays at its line and column), and its functions.
import functools
import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)
      | (?P<raw>R"(?P<delimiter>[^(\s]*)\(.*?\)(?P=delimiter)")
      | (?P<number>\b[0-9][0-9a-zA-Z_.]*(?:'[0-9a-zA-Z_.]+)+)
      | (?P<string>"(?:\\.|[^"\\\n])*")
      | (?P<char>'(?:\\.|[^'\\\n])+')""",
    re.VERBOSE | re.DOTALL)
_INCLUDE = re.compile(r"^[ \t]*#[^\n]*", re.MULTILINE)


def _blank(text):
    return re.sub(r"[^\n]", " ", text)


def _keep_quotes(text):
    return text[0] + _blank(text[1:-1]) + text[-1] if len(text) > 1 else text


@dataclass(frozen=True)
class Function:
    first: int  # Line of the head, from 1.
    last: int   # Line of the closing brace.
    begin: int  # Offset of the opening brace in the code.
    end: int    # Offset of the closing brace.


class Source:
    """`path` is relative to the root and decides which rules apply; `text` is the content."""

    def __init__(self, path, text):
        self.path = path
        self.text = text
        self.lines = text.split("\n")

    @property
    def name(self):
        return self.path.rsplit("/", 1)[-1]

    @property
    def is_cpp(self):
        return self.path.endswith((".cpp", ".hpp"))

    @property
    def is_header(self):
        return self.path.endswith(".hpp")

    @property
    def is_test(self):
        return self.path.startswith("tests/") or self.path.endswith(("_test.cpp", "_testing.hpp"))

    @property
    def in_library(self):
        """Code of the library itself, tests of it left out."""
        return self.path.startswith("tocsin/") and self.is_cpp and not self.is_test

    @property
    def module(self):
        """`poll` for tocsin/poll/x.hpp, `cli` for cli/x.cpp, `` for tocsin/tocsin.hpp."""
        parts = self.path.split("/")
        if parts[0] != "tocsin":
            return parts[0]
        return parts[1] if len(parts) > 2 else ""

    def line_of(self, offset):
        return self.text.count("\n", 0, offset) + 1

    @functools.cached_property
    def code(self):
        """The text, comments blank, strings empty but for their quotes."""
        def replace(match):
            if match.group("comment"):
                return _blank(match.group())
            if match.group("raw") or match.group("string") or match.group("char"):
                return _keep_quotes(match.group())
            return match.group()
        return _TOKEN.sub(replace, self.text)

    @functools.cached_property
    def comments(self):
        """(line, text without the slashes) of every line of every comment."""
        found = []
        for match in _TOKEN.finditer(self.text):
            if match.group("comment"):
                first = self.line_of(match.start())
                for i, line in enumerate(match.group().split("\n")):
                    found.append((first + i, line.strip().lstrip("/*<! ").rstrip("*/ ")))
        return found

    @functools.cached_property
    def functions(self):
        return list(_functions(self))

    def find(self, pattern, where=None):
        """(line, match) for each match of `pattern` in the code, or in `where`."""
        text = self.code if where is None else where
        for match in re.finditer(pattern, text, re.MULTILINE):
            yield self.line_of(match.start()), match


_SCOPE = re.compile(r"^(?:template\s*<.*>\s*)?(?:inline\s+)?(?:export\s+)?"
                    r"(?:namespace|class|struct|union|enum)\b|^extern\s*\"", re.DOTALL)
# A constructor's `) : a_(1), b_` before the brace of b_{2}; the colon is a single one.
_MEMBER_INIT = re.compile(r"\)[^{}()]*(?<!:):(?!:).*[\w>]$", re.DOTALL)


def _functions(source):
    """Bodies at namespace or class scope, by their braces. What lies within one belongs to it."""
    code = _INCLUDE.sub(lambda m: _blank(m.group()), source.code)
    scopes = []      # One word per open brace: scope, function, other, or member_init.
    head = 0         # Where the declaration being read begins.
    parentheses = 0
    body = None      # Offset of the brace of the function we are in, and how deep it lies.
    for match in re.finditer(r"[{}();]", code):
        char, at = match.group(), match.start()
        if body is not None:
            if char == "{":
                scopes.append("other")
            elif char == "}":
                scopes.pop()
                if len(scopes) == body[1]:
                    first = body[0] - len(code[head:body[0]].lstrip())
                    yield Function(source.line_of(first), source.line_of(at), body[0], at)
                    body, head = None, at + 1
        elif char == "(":
            parentheses += 1
        elif char == ")":
            parentheses -= 1
        elif char == ";":
            if parentheses == 0:
                head = at + 1
        elif char == "{":
            text = code[head:at].strip()
            if parentheses:
                scopes.append("member_init")
            elif _SCOPE.match(text):
                scopes.append("scope")
                head = at + 1
            elif _MEMBER_INIT.search(text):
                scopes.append("member_init")
            elif ")" in text:
                body = (at, len(scopes))
                scopes.append("function")
            else:
                scopes.append("member_init")
        elif char == "}":
            if scopes and scopes.pop() != "member_init":
                head = at + 1
