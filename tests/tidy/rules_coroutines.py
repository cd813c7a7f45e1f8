# SPDX-License-Identifier: MIT
#
# Six forms that g++ 12 miscompiles in coroutines (seen with ASan, at -O0 and -O2; clang 19 has
# them right): three destroy an object that was never made, or twice; three end in an illegal
# instruction, or leave the coroutine where it began. The cure is the same for all: into a variable
# first, then use that.
import re

from rule import cpp, rule

INSTEAD = "g++ 12 miscompiles this: `const auto x = co_await ...;` first, then use x"


def _task(line):
    return [("tocsin/net/a.cpp", "Task<> f() {\n  " + line + "\n  co_return;\n}\n")]


@rule("await-in-conditional", INSTEAD, cpp,
      bad=_task("auto x = c ? co_await a() : co_await b();") + _task("g(c ? 1 : co_await b());"),
      good=_task("auto x = co_await (c ? a() : b());") + _task("if (c) co_await a();"))
def await_in_conditional(source):
    for line, match in source.find(r"\?[^;{}?]*\bco_await\b"):
        yield line + match.group().count("\n"), "co_await in an arm of ?:"


_LOOP = re.compile(r"\b(?:while|for)\s*\([^{}]*\)\s*$|\bdo\s*$")


@rule("await-in-if", INSTEAD + " (in a loop it is right)", cpp,
      bad=_task("if (co_await a()) b();") + _task("{ if (!co_await a()) co_return; }"),
      good=_task("while (x) { if (!co_await a()) co_return; }")
      + _task("while (auto x = co_await b())\n    if (!co_await a()) co_return;")
      + _task("for (int i = 0; i < 2; ++i) { b(); if (co_await a()) c(); }")
      + _task("if (auto x = co_await a()) b();") + _task("if (x) co_await a();"))
def await_in_if(source):
    code = source.code
    for match in re.finditer(r"\bif\s*\((?:[^;{}=()]|\([^;{}()]*\))*\bco_await\b", code):
        if not _is_in_loop(code, match.start()):
            yield source.line_of(match.start()), "co_await in the condition of an if"


def _is_in_loop(code, at):
    if _LOOP.search(code[max(0, at - 200):at]):
        return True
    depth = 0
    for i in range(at - 1, -1, -1):
        if code[i] == "}":
            depth += 1
        elif code[i] == "{":
            if depth == 0 and _LOOP.search(code[max(0, i - 200):i]):
                return True
            depth = max(0, depth - 1)
        elif code[i] == "\n" and code[i + 1:i + 2] not in (" ", "}", "\n", "{", ""):
            return False  # The function begins here.
    return False


# Right if the coroutine has a variable before the loop, or the loop is within another; alone, the
# condition's bool lies where the frame should begin, and nothing runs.
@rule("await-in-while", "g++ 12 miscompiles this: `while (const auto x = co_await ...)`", cpp,
      bad=_task("while (co_await a()) continue;") + _task("while (!co_await a()) b();"),
      good=_task("while (auto x = co_await a()) b();") + _task("while (x) co_await a();"))
def await_in_while(source):
    for line, _ in source.find(r"\bwhile\s*\((?:[^;{}=()]|\([^;{}()]*\))*\bco_await\b"):
        yield line, "co_await alone in the condition of a while"


@rule("conditional-in-awaited-call",
      "g++ 12 miscompiles this: choose into a variable first, then await", cpp,
      bad=_task("co_await tell(c ? name : std::to_string(n));")
      + _task("auto x = co_await a.tell(Event(w).with(k, c ? x : std::string()));"),
      good=_task("auto x = co_await (c ? a() : b());") + _task("co_await a(); x = c ? 1 : 2;")
      + _task("co_await on(loop, [&] { return c ? 1 : 2; });"))
def conditional_in_awaited_call(source):
    code = source.code
    for match in re.finditer(r"\bco_await\s+(?!\()", code):
        at = _conditional_within(code, match.end())
        if at is not None:
            yield source.line_of(at), "?: among the arguments of an awaited call"


def _conditional_within(code, begin):
    """Where the first ?: in the parentheses of the expression at `begin` is, blocks left out."""
    parentheses = braces = 0
    for i in range(begin, len(code)):
        char = code[i]
        braces += {"{": 1, "}": -1}.get(char, 0)
        if braces:
            if braces < 0:
                return None
            continue
        parentheses += {"(": 1, ")": -1}.get(char, 0)
        if parentheses < 0 or char == ";":
            return None
        if char == "?" and parentheses > 0:
            return i
    return None


# What a block has and an initialiser has not.
_STATEMENT = re.compile(r";|\b(?:while|if|for|do|try|else)\b")


@rule("await-in-braces", INSTEAD, cpp,
      bad=_task("return_value(Pair{co_await a(), 1});") + _task("Pair p = {1, f(co_await a())};"),
      good=_task("do { co_await a(); } while (b);")
      + _task("auto g = [] -> Task<> { while (auto x = co_await a()) { b(); } };"))
def await_in_braces(source):
    code = source.code
    for match in re.finditer(r"\bco_await\b", code):
        begin = _enclosing_brace(code, match.start())
        if begin is not None and not _STATEMENT.search(_until_closed(code, begin)):
            yield source.line_of(match.start()), "co_await inside {...} that initialises something"


def _enclosing_brace(code, at):
    depth = 0
    for i in range(at - 1, -1, -1):
        if code[i] == "}":
            depth += 1
        elif code[i] == "{":
            if depth == 0:
                return i
            depth -= 1
        elif code[i] == ";" and depth == 0:
            return None  # A statement ended before: this is a block, not an initialiser.
    return None


def _until_closed(code, begin):
    """What lies between the brace at `begin` and its partner, without what nested ones hold."""
    depth, kept = 0, []
    for char in code[begin:]:
        depth += {"{": 1, "}": -1}.get(char, 0)
        if depth == 0:
            break
        if depth == 1:
            kept.append(char)
    return "".join(kept)


@rule("await-in-switch", INSTEAD, cpp,
      bad=_task("switch (co_await a()) {\n  }"),
      good=_task("switch (answer) {\n  }"))
def await_in_switch(source):
    for line, _ in source.find(r"\bswitch\s*\([^{;]*\bco_await\b"):
        yield line, "switch (co_await ...)"
