# SPDX-License-Identifier: MIT
#
# Rules about words: what is not written here, each with what is written instead.
import re

from rule import cpp, library, rule

# This folder spells the words out in order to forbid them.
_OURS = "tests/tidy/"


def _outside(source):
    return not source.path.startswith(_OURS)


def _any_test(source):
    return source.is_test and cpp(source)


def _not_kernel(source):
    return (cpp(source) and not source.is_test
            and not re.match(r"tocsin/kern/(internal/)?linux_", source.path))


def _library_not_kernel(source):
    return library(source) and _not_kernel(source)


# (name, where, pattern in the code, an example of it, what instead)
_WORDS = [
    ("assert", cpp, r"(?<![\w.])assert\s*\(|<cassert>", "assert(x);", 'CHECK(cond, "reason")'),
    ("null", cpp, r"\bNULL\b", "f(NULL);", "nullptr"),
    ("typedef", cpp, r"\btypedef\b", "typedef int x;", "using x = ..."),
    ("bind", cpp, r"\bstd::bind\b", "std::bind(f, 1);", "a lambda"),
    ("endl", cpp, r"\bstd::endl\b", "o << std::endl;", "'\\n'; flush where it is meant"),
    ("std-function", library, r"\bstd::function\b", "std::function<void()> f;",
     "std::move_only_function, or a template parameter"),
    ("using-std", cpp, r"using\s+namespace\s+std\s*;", "using namespace std;",
     "using-declarations of the names needed"),
    # (An adapter's errors carry the other library's words.)
    ("expected", lambda s: library(s) and s.path != "tocsin/base/result.hpp"
     and not s.path.startswith("tocsin/adapters/"),
     r"\bstd::expected\b", "std::expected<int, Errno> f();", "Result<T>"),
    ("missing-in-gcc12", cpp, r"\bstd::(?:format|print|println|generator|flat_map)\b|<(?:format|"
     r"print|generator|flat_map)>", "std::format(x);", "fmt in cli, std::to_chars in the library"),
    # (vkern's threads have no loop, and each remembers how its own waits ended. The next coroutine
    # belongs to the stack it goes on on, which may be inside of several loops.)
    ("thread-local", lambda s: library(s) and s.path not in ("tocsin/vkern/world.cpp",
                                                             "tocsin/task/context.hpp"),
     r"\bthread_local\b", "thread_local int x;",
     "pass the loop; there is no current one"),
    ("environment", library, r"\b(?:secure_)?getenv\b", "std::getenv(n);",
     "an argument; only the program reads its environment"),
    ("signal-handler", library, r"\bsigaction\s*\(|(?<!\w)::signal\s*\(|\bstd::signal\s*\(",
     "std::signal(1, f);", "Signals (signalfd); the library installs no handler"),
    # (In vkern a process exits that is not this one.)
    ("exit", lambda s: library(s) and not s.path.startswith("tocsin/vkern/"),
     r"(?<![\w.>])(?:std::)?(?:_?exit|quick_exit|terminate)\s*\(", "std::exit(1);",
     "a Result for what the world does, CHECK for what the programmer did"),
    ("wall-clock", library, r"\b(?:system_clock|high_resolution_clock|gettimeofday)\b",
     "std::chrono::system_clock::now();", "the Kernel's clock_gettime"),
    ("own-clock", library, r"\bsteady_clock\b", "std::chrono::steady_clock::now();",
     "Executor::now(): time is read once a turn and can be virtual"),
    ("randomness", lambda s: library(s) or _any_test(s),
     r"\b(?:random_device|mt19937(?:_64)?|default_random_engine)\b|(?<![\w.>])s?rand\s*\(",
     "std::random_device d;", "Prng with a seed that a failure prints"),
    ("errno", _library_not_kernel, r"(?<![\w<./])errno\b(?!\.)", "return errno;",
     "the Errno in the Result; the variable ends in tocsin/kern/linux_*"),
    ("strerror", library, r"\bstd::strerror\b|(?<![\w.>:])strerror\s*\(", "strerror(1);",
     "Errno's message(): strerror(3) is not thread-safe"),
    ("detach", cpp, r"\.detach\s*\(\s*\)", "thread.detach();", "std::jthread, joined by its owner"),
    ("std-thread", cpp, r"\bstd::thread\b(?!::)", "std::thread t(f);", "std::jthread"),
    ("async", cpp, r"\bstd::async\b", "std::async(f);", "a Task, or std::jthread"),
    ("regex", cpp, r"\bstd::regex\b|<regex>", "std::regex r;", "a small hand-written parser"),
    ("volatile", cpp, r"(?<!asm )\bvolatile\b(?! (?:std::)?sig_atomic_t)",
     "volatile int x;", "std::atomic"),
    ("goto", cpp, r"\bgoto\b", "goto end;", "a function with an early return"),
    ("unsafe-text", cpp, r"(?<![\w.>:])(?:std::)?(?:sprintf|vsprintf|strcpy|strcat|strtok|gets|atoi"
     r"|atol|alloca)\s*\(", "strcpy(a, b);", "std::string_view, std::from_chars, std::snprintf"),
    ("fd-set", cpp, r"\bFD_(?:SET|CLR|ISSET|ZERO|SETSIZE)\b|\bfd_set\b", "FD_SET(1, &s);",
     "a bit set sized at run time: an fd may be beyond FD_SETSIZE"),
    ("close-on-exec", _not_kernel,
     r"(?<![\w>])::(?:accept|pipe|epoll_create|inotify_init|dup|dup2)\s*\(",
     "::pipe(p);", "accept4, pipe2, epoll_create1, ... with its CLOEXEC flag; F_DUPFD_CLOEXEC"),
    ("discard", cpp, r"\(void\)\s*[\w:.>-]+\s*\(", "(void)f();",
     "look at the result; or static_cast<void>(...) and the reason in a comment"),
    ("boolean-words", cpp, r"(?<!operator)\s(?:and|or|not)\s(?![^\n]*\bdefined)", "if (a and b) {}",
     "&&, ||, !"),
]


def _declare_word(name, where, pattern, example, instead):
    def check(source):
        for line, match in source.find(pattern):
            yield line, f"`{match.group().strip()}`"
    path = "tocsin/net/a_test.cpp" if where is _any_test else "tocsin/net/a.cpp"
    rule(f"word-{name}", instead, lambda s: where(s) and _outside(s),
         bad=[(path, example + "\n")],
         good=[(path, f"// {example}\nauto s = R\"({example})\";\n")])(check)


for word in _WORDS:
    _declare_word(*word)


@rule("unfinished", "do it, or open an issue and leave the code as it is meant to be",
      _outside,
      bad=[("tocsin/net/a.cpp", "// TODO: later\n"), ("scripts/a.sh", "# FIXME\n"),
           ("tocsin/net/a.cpp", "// Not implemented yet.\n")],
      good=[("tocsin/net/a.cpp", "// What is to do: nothing.\n"),
            ("tocsin/http/a.cpp", 'auto s = "Not Implemented";  // 501 Not Implemented\n')])
def unfinished(source):
    pattern = r"\b(?:TODO|FIXME|XXX|HACK)\b|(?<!501 )(?i:\bnot (?:yet )?implemented\b)"
    lines = source.comments if source.is_cpp else enumerate(source.lines, 1)
    for number, line in lines:
        for match in re.finditer(pattern, line):
            yield number, f"`{match.group()}`"


@rule("sleep-in-test", "run until idle and look, or drive the loop with a clock of the test's own; "
      "where the real kernel forces a wait, the test belongs to tests/contract",
      lambda s: s.is_test and not s.path.startswith(("tests/contract/", _OURS)),
      bad=[("tocsin/net/a_test.cpp", "std::this_thread::sleep_for(1ms);\n"),
           ("tests/cli/a.cpp", "::usleep(1000);\n"), ("tests/cli/a.sh", "sleep 1\n")],
      good=[("tests/contract/a.cpp", "std::this_thread::sleep_for(1ms);\n"),
            ("tocsin/net/a_test.cpp", "co_await sleep_for(1ms);  // No this_thread here.\n")])
def sleep_in_test(source):
    if source.is_cpp:
        # The library's own sleep_for is awaited and runs on the executor's time.
        found = source.find(r"\bthis_thread::sleep|(?<![\w.>])(?:u|nano|clock_nano)?sleep\s*\(")
    else:
        found = source.find(r"^\s*sleep\s+[\d.]+|\btime\.sleep\s*\(", source.text)
    for line, match in found:
        yield line, f"`{match.group().strip()}` in a test"


@rule("check-reason", 'CHECK(cond, "what was done wrong, in the caller\'s words")',
      lambda s: cpp(s) and s.path != "tocsin/base/check.hpp",
      bad=[("tocsin/net/a.cpp", "CHECK(a != b);\n"), ("tocsin/net/a.cpp", 'CHECK(f(a, b), "");\n')],
      good=[("tocsin/net/a.cpp", 'CHECK(f(a, b),\n      "a was removed twice");\n')])
def check_reason(source):
    for line, match in source.find(r"(?<!\w)CHECK\s*\("):
        depth, end = 1, match.end()
        while depth and end < len(source.code):
            depth += {"(": 1, ")": -1}.get(source.code[end], 0)
            end += 1
        if not re.search(r'"[^"\n]+"\s*\)$', source.code[match.end():end]):
            yield line, "a CHECK without a reason"


@rule("test-name", "a sentence that can be true or false: ATimerIsNeverEarly",
      cpp,
      bad=[("tocsin/net/a_test.cpp", "TEST(Timer, Basic) {\n"),
           ("tocsin/net/a_test.cpp", "TEST_P(Timer, test_2) {\n"),
           ("tocsin/net/a_test.cpp", "TYPED_TEST(Timer, Works) {\n")],
      good=[("tocsin/net/a_test.cpp", "TEST(Timer, IsNeverEarly) {\n")])
def test_name(source):
    for line, match in source.find(r"\b(?:TYPED_)?TEST(?:_[FP])?\s*\(\s*\w+\s*,\s*(\w+)\s*\)"):
        name = match.group(1)
        vague = re.match(r"(?:Basic|Simple|Test|Works|Smoke|Misc|Various)s?\d*$", name)
        if vague or "_" in name or not name[0].isupper():
            yield line, f"the name `{name}` says nothing that could fail, or is not PascalCase"


@rule("commented-out", "delete it; git remembers (an example in a header is indented by four)",
      cpp,
      bad=[("tocsin/net/a.cpp", "// x = f(1);\n"), ("tocsin/net/a.cpp", "  // return 1;\n"),
           ("tocsin/net/a.cpp", "  // loop.run(x);\n")],
      good=[("tocsin/net/a.cpp", "//     x = f(1);\n// Tried by read(2); then it waits.\n")])
def commented_out(source):
    code = re.compile(r"[ \t]*//+ ?(?:[\w:.>*-]+(?: [\w:.]+)? = \S.*;|(?:co_)?return\b.*;|"
                      r"[\w:.>-]+\(.*\);|#(?:if|include|define)\b.*|(?:if|for|while) \(.*\) \{)$")
    for number, line in enumerate(source.lines, 1):
        if code.match(line):
            yield number, "this looks like code in a comment"


@rule("suppression", "`NOLINT(the-check): the reason`, or the reason in the line above; and few",
      cpp,
      bad=[("tocsin/net/a.cpp", "f();  // NOLINT\n"),
           ("tocsin/net/a.cpp", "f();  // NOLINT(a-b)\n")],
      good=[("tocsin/net/a.cpp", "f();  // NOLINT(a-b): the kernel wants it.\n"),
            ("tocsin/net/a.cpp", "// The kernel wants it.\nf();  // NOLINT(a-b)\n")])
def suppression(source):
    of_what = re.compile(r"NOLINT(?:NEXTLINE|BEGIN)?\([\w.,* -]+\)(?P<why>: \w)?|NOLINTEND\(")
    for line, text in source.comments:
        if "NOLINT" not in text:
            continue
        said = of_what.search(text)
        above = source.lines[line - 2].lstrip() if line > 1 else ""
        if not said or "END" not in said.group() and not said["why"] and above[:2] != "//":
            yield line, "a suppression that does not say of what, or why"
