# SPDX-License-Identifier: MIT
#
# The code's own rules as a test. Each is a function in rules_*.py with its examples, which show how
# to add one.
#
#   tidy.py [FILE...]     check these files, or the whole tree; say what, where, and what instead
#   tidy.py --self-test   show that each rule catches what it is for and leaves the rest alone
#   tidy.py --list        name the rules
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import rules_coroutines  # noqa: E402,F401 (importing a file of rules declares them)
import rules_layers  # noqa: E402,F401
import rules_layout  # noqa: E402,F401
import rules_words  # noqa: E402,F401
from rule import RULES  # noqa: E402
from source import Source  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = ["tocsin", "cli", "examples", "tests", "bench", "cmake", "scripts", ".ci", "deploy"]
FILES = ["dev", "CMakeLists.txt"]
SUFFIXES = {".cpp", ".hpp", ".py", ".sh", ".cmake", ".c", ".h", ""}


def tree():
    """The source files, as paths relative to the root."""
    for name in FILES:
        yield name
    for folder in FOLDERS:
        for where, folders, files in os.walk(ROOT / folder):
            folders[:] = sorted(f for f in folders if f != "__pycache__")
            for name in sorted(files):
                path = pathlib.Path(where, name)
                if path.suffix in SUFFIXES or name == "CMakeLists.txt":
                    yield str(path.relative_to(ROOT))


def breaches(source, rules):
    for rule in rules:
        if rule.applies(source):
            for line, what in rule.check(source):
                yield line, what, rule


def check(paths):
    count, files = 0, 0
    for path in paths:
        try:
            text = (ROOT / path).read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError) as problem:
            print(f"{path}: cannot be read: {problem}")
            count += 1
            continue
        files += 1
        for line, what, rule in sorted(breaches(Source(path, text), RULES), key=lambda b: b[0]):
            print(f"{path}:{line}: {what} [{rule.name}]\n    instead: {rule.instead}")
            count += 1
    print(f"tidy: {files} files, {len(RULES)} rules, {count} breaches")
    return count == 0


def self_test():
    failures = []
    for rule in RULES:
        if not rule.bad or not rule.good:
            failures.append(f"{rule.name}: has no examples")
        for expected, examples in ((True, rule.bad), (False, rule.good)):
            for path, text in examples:
                source = Source(path, text)
                caught = rule.applies(source) and any(rule.check(source))
                if caught != expected:
                    verb = "does not catch" if expected else "objects to"
                    failures.append(f"{rule.name} {verb} {path}:\n{text}")
    names = [rule.name for rule in RULES]
    failures += [f"{name}: declared twice" for name in set(names) if names.count(name) > 1]
    print("\n".join(failures + [f"tidy: {len(RULES)} rules, {len(failures)} of them wrong"]))
    return not failures and len(RULES) > 0


def main(arguments):
    if arguments == ["--self-test"]:
        return self_test()
    if arguments == ["--list"]:
        print("\n".join(f"{rule.name}: {rule.instead}" for rule in RULES))
        return True
    if arguments and arguments[0].startswith("-"):
        print(f"tidy: no such option: {arguments[0]} (--self-test, --list)", file=sys.stderr)
        sys.exit(2)
    paths = [os.path.relpath(os.path.abspath(path), ROOT) for path in arguments]
    return check(paths or tree())


sys.dont_write_bytecode = True
sys.exit(0 if main(sys.argv[1:]) else 1)
