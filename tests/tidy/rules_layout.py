# SPDX-License-Identifier: MIT
#
# Rules about the shape of a file: its first lines, its size, its prose, and what it may include.
import re

from rule import cpp, everything, header, library, rule

COLUMNS = 100
FUNCTION_LINES = 70
FILE_LINES = 400
PROSE = 0.25

SPDX = "// SPDX-License-Identifier: MIT\n"
HEAD = SPDX + "//\n// Ring: holds what was rung. Thread rule: any thread.\n"


@rule("spdx", "start with `// SPDX-License-Identifier: MIT` (`#` in scripts, after the #! line)",
      everything,
      bad=[("tocsin/a.hpp", "#pragma once\n"), ("scripts/a", "#!/bin/sh\nset -eu\n")],
      good=[("tocsin/a.hpp", HEAD), ("a.sh", "#!/bin/sh\n# SPDX-License-Identifier: MIT\n")])
def spdx(source):
    first = 1 if source.lines[0].startswith("#!") else 0
    line = source.lines[first] if first < len(source.lines) else ""
    if not re.fullmatch(r"(//|#|/\*) SPDX-License-Identifier: MIT( \*/)?", line):
        yield first + 1, "no licence line at the top"


@rule("header-comment", "after the SPDX line: `//`, then what it is, its place in the flow, what "
      "it owns, and a `Thread rule:`",
      lambda s: s.is_header and s.in_library,
      bad=[("tocsin/kern/a.hpp", SPDX + "#pragma once\n"),
           ("tocsin/kern/a.hpp", SPDX + "//\n// Ring: holds what was rung.\n#pragma once\n")],
      good=[("tocsin/kern/a.hpp", HEAD + "#pragma once\n")])
def header_comment(source):
    opening = source.text.split("#pragma once")[0].replace(SPDX, "")
    if len(re.findall(r"\w+", opening)) < 5:
        yield 2, "the header does not say what it is"
    elif "thread rule" not in re.sub(r"\s*\n//\s*", " ", opening).lower():
        yield 2, "the header does not say which threads may use it"


@rule("pragma-once", "put `#pragma once` after the header comment",
      header,
      bad=[("tocsin/kern/a.hpp", HEAD + "#ifndef A_HPP\n#define A_HPP\n#endif\n")],
      good=[("tocsin/kern/a.hpp", HEAD + "#pragma once\n")])
def pragma_once(source):
    if "#pragma once" not in source.lines:
        yield 1, "no include guard"


@rule("columns", f"break the line; {COLUMNS} columns are the limit (an address may be longer)",
      everything,
      bad=[("a.py", "#" * 101)],
      good=[("a.py", "#" * 100), ("a.py", "# " + "https://" + "a" * 120)])
def columns(source):
    for number, line in enumerate(source.lines, 1):
        if len(line) > COLUMNS and "://" not in line:
            yield number, f"{len(line)} columns"


@rule("white-space", "no tabs, no blanks at the end of a line, one newline at the end of the file",
      everything,
      bad=[("a.py", "x = 1 \n"), ("a.py", "\tx\n"), ("a.py", "x"), ("a.py", "x\n\n")],
      good=[("a.py", "x = 1\n")])
def white_space(source):
    for number, line in enumerate(source.lines, 1):
        if line != line.rstrip():
            yield number, "blanks at the end of the line"
        if "\t" in line:
            yield number, "a tab"
    if not source.text.endswith("\n") or source.text.endswith("\n\n"):
        yield len(source.lines), "the file does not end in exactly one newline"


@rule("file-size", f"split it along an idea; {FILE_LINES} lines are the limit",
      everything,
      bad=[("a.py", "x\n" * 401)],
      good=[("a.py", "x\n" * 400)])
def file_size(source):
    count = len(source.lines) - 1
    if count > FILE_LINES:
        yield FILE_LINES + 1, f"{count} lines"


def _function(lines):
    return HEAD + "namespace a {\nint f(int x) {\n" + "  ++x;\n" * (lines - 2) + "}\n}\n"


@rule("function-size", f"give a part of it a name; {FUNCTION_LINES} lines are the limit",
      cpp,
      bad=[("tocsin/kern/a.cpp", _function(71)),
           ("tocsin/kern/a.cpp", HEAD + "A::A(int x) : a_{x}, b_(x) {\n" + "\n" * 70 + "}\n"),
           ("tocsin/kern/a_test.cpp", HEAD + "TEST(A, B) {\n" + "  if (a) {\n  }\n" * 35 + "}\n")],
      good=[("tocsin/kern/a.cpp", _function(70)),
            ("tocsin/kern/a.cpp", "struct A {\n" + "  int f() { return 1; }\n" * 80 + "};\n"),
            ("tocsin/kern/a.cpp", "const A table[] = {\n" + "  {1, f(2)},\n" * 80 + "};\n")])
def function_size(source):
    for function in source.functions:
        count = function.last - function.first + 1
        if count > FUNCTION_LINES:
            yield function.first, f"a function of {count} lines"


@rule("prose", "say duties and aftermath: who keeps what alive until when, which errors, the state "
      "after a failure; never what the type says already",
      lambda s: s.is_header and s.in_library,
      bad=[("tocsin/kern/a.hpp", SPDX + "// Ring.\n" + "int f(int);\n" * 4)],
      good=[("tocsin/kern/a.hpp", SPDX + "// Ring: rung once.\n" + "int f(int);\n" * 3),
            ("tocsin/kern/a.hpp", "// Ring.\nint f(int t) {\n" + "  ++t;\n" * 9 + "}\n"),
            ("tocsin/kern/a.hpp", "// As Kernel.\n" + "int f(int) override;\n" * 9)])
def prose(source):
    # Counted: lines with words of comment among those that declare something. Left out: blank
    # lines, what every header has (licence, guard, includes, namespace), overrides, whose contract
    # lies with the base, and bodies, since a template's have nowhere else to live.
    fixed = re.compile(r"[\s/]*$|#|// SPDX|(inline )?namespace\b|}  // namesp|.*\boverride\b")
    counted = {n for n, line in enumerate(source.lines, 1) if not fixed.match(line)}
    for function in source.functions:
        body = range(source.line_of(function.begin) + 1, function.last + 1)
        counted -= {n for n in body if not source.lines[n - 1].lstrip().startswith("//")}
    words = {n for n, text in source.comments if re.search(r"[A-Za-z]{2}", text)} & counted
    if counted and len(words) < PROSE * len(counted):
        yield 1, (f"{len(words)} of {len(counted)} lines are prose, "
                  f"{100 * PROSE:.0f} % are the least")


@rule("conditional-body", "put each mechanism in a file of its own and let CMake choose",
      cpp,
      bad=[("tocsin/kern/a.cpp", HEAD + "int f() {\n#ifdef __linux__\n  g();\n#endif\n}\n")],
      good=[("tocsin/kern/a.cpp", HEAD + "#if defined(__clang__)\n#endif\nint f() {\n}\n")])
def conditional_body(source):
    for line, _ in source.find(r"^[ \t]*#[ \t]*(if|elif|else)"):
        if any(f.first < line < f.last for f in source.functions):
            yield line, "a preprocessor conditional inside a function"


@rule("header-namespace", "name what you need, or qualify it: a header's using-directive is felt "
      "by everyone who includes it",
      lambda s: s.is_header and s.in_library,
      bad=[("tocsin/kern/a.hpp", "using namespace std::chrono_literals;\n")],
      good=[("tocsin/kern/a.hpp", "using std::chrono::nanoseconds;\n")])
def header_namespace(source):
    for line, _ in source.find(r"^\s*using\s+namespace\b"):
        if not any(f.first < line < f.last for f in source.functions):
            yield line, "using namespace in a header"


@rule("printing", "return it, or offer a hook: a library never prints (CHECK alone does)",
      lambda s: library(s) and s.path != "tocsin/base/check.cpp",
      bad=[("tocsin/net/a.cpp", "#include <iostream>\n"),
           ("tocsin/net/a.cpp", 'void f() { std::fprintf(stderr, "x"); }\n')],
      good=[("tocsin/net/a.cpp", "void f() { log_->printed(); std::snprintf(a, 1, b); }\n")])
def printing(source):
    pattern = (r"#include <(?:iostream|print)>|\bstd::(?:cout|cerr|clog)\b|"
               r"(?<![\w.>])(?:f|v|vf|d)?printf\s*\(|(?<![\w.>])(?:perror|puts|fputs)\s*\(")
    for line, match in source.find(pattern):
        yield line, f"`{match.group().strip()}` in the library"
