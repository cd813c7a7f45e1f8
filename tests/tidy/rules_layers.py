# SPDX-License-Identifier: MIT
#
# Rules about who may know whom: the direction of includes, where the libraries of others and the
# kernel's calls may appear.
import re

from rule import cpp, library, rule

# What a module may include besides itself. tests/tidy is where this table lives; a new line here
# is a decision about the architecture and wants a reason in docs/architecture.md.
MAY_INCLUDE = {
    "base": (),
    "kern": ("base",),
    "vkern": ("base", "kern"),
    "poll": ("base", "kern"),
    "loop": ("base", "kern", "poll"),
    "task": ("base",),
    "source": ("base", "kern", "loop", "task"),
    "net": ("base", "kern", "task", "source"),
    "file": ("base", "kern", "task", "source"),
    "http": ("base", "task", "net", "file"),
    # Above no module and below none: each folder in it is a library of its own, above `tocsin`.
    "adapters": ("base", "kern", "loop", "task", "source", "net", "file"),
    "sim": ("base", "kern", "vkern", "poll", "loop", "task", "source", "net", "file", "http"),
}
# Bottom-up, as CMakeLists.txt links them: a test may use everything below.
ORDER = list(MAY_INCLUDE)

_INCLUDE = r'^[ \t]*#[ \t]*include[ \t]*[<"]([^>"]+)[>"]'


def _includes(source):
    # The code has the names in quotes blanked, so they are read from the text.
    for match in re.finditer(_INCLUDE, source.text, re.MULTILINE):
        yield source.line_of(match.start()), match.group(1)


@rule("layers", "move what is needed down, or hand it in as an interface that the lower module "
      "declares",
      lambda s: cpp(s) and s.path.startswith("tocsin/"),
      bad=[("tocsin/task/a.cpp", '#include "tocsin/loop/loop.hpp"\n'),
           ("tocsin/base/a.hpp", '#include "tocsin/kern/fd.hpp"\n'),
           ("tocsin/http/a.hpp", '#include "tocsin/kern/fd.hpp"\n'),
           ("tocsin/loop/a_test.cpp", '#include "tocsin/net/stream.hpp"\n'),
           ("tocsin/net/a.cpp", '#include "tocsin/tocsin.hpp"\n'),
           ("tocsin/net/a.cpp", '#include "cli/serve.hpp"\n')],
      good=[("tocsin/source/a.cpp", '#include "tocsin/task/task.hpp"\n'),
            ("tocsin/task/a_test.cpp", '#include "tocsin/loop/loop.hpp"\n'),
            ("tocsin/tocsin.hpp", '#include "tocsin/net/stream.hpp"\n')])
def layers(source):
    module = source.module
    for line, name in _includes(source):
        parts = name.split("/")
        if parts[0] in ("cli", "examples", "bench", "tests"):
            yield line, f"the library includes {name}"
        if parts[0] != "tocsin" or not module:
            continue
        other = parts[1] if len(parts) > 2 else "the umbrella header"
        if source.is_test and module in ORDER:
            allowed = ORDER[:ORDER.index(module)]
        else:
            allowed = MAY_INCLUDE.get(module, ())
        if other != module and other not in allowed:
            rest = ", ".join(allowed) or "nothing of ours"
            yield line, f"{module} includes {other}; it may include {rest}"


@rule("internal", "use the module's public header, or make what you need public",
      cpp,
      bad=[("tocsin/net/a.cpp", '#include "tocsin/source/internal/a.hpp"\n'),
           ("examples/a.cpp", '#include "tocsin/loop/internal/a.hpp"\n')],
      good=[("tocsin/net/a.cpp", '#include "tocsin/net/internal/a.hpp"\n')])
def internal(source):
    for line, name in _includes(source):
        if "/internal/" in name and name.split("/")[1] != source.module:
            yield line, f"{name} is private to its module"


# Header of a library -> where it may be included. Everybody else stays free of the dependency.
_HOMES = [
    (r"liburing\.h", r"tocsin/kern/(internal/)?linux_", "tocsin/kern/linux_*"),
    (r"boost/", r"tocsin/http/", "tocsin/http"),
    (r"systemd/", r"tocsin/adapters/sdbus/(internal/|\w+\.cpp$|\w+_testing\.hpp$)",
     "the .cpp files of tocsin/adapters/sdbus"),
    (r"ares\.h", r"tocsin/adapters/cares/internal/", "tocsin/adapters/cares/internal"),
    (r"libpq-fe\.h", r"tocsin/adapters/pq/(internal/.*|\w+\.cpp)$", "tocsin/adapters/pq"),
    (r"curl/", r"tocsin/adapters/curl/(internal/|.*_test(ing)?\.[ch]pp$)",
     "tocsin/adapters/curl/internal"),
    (r"(fmt|spdlog|CLI)/", r"cli/", "cli"),
    (r"nlohmann/", r"(cli|tests|bench)/", "cli"),
    (r"(gtest|gmock|rapidcheck)[./]", r"tests/|.*_test(ing)?\.[ch]pp$", "tests"),
]


@rule("third-party", "keep the library behind the module that is its home",
      lambda s: cpp(s) and not s.path.startswith("bench/"),
      bad=[("tocsin/poll/a.cpp", "#include <liburing.h>\n"),
           ("tocsin/net/a.cpp", "#include <boost/asio.hpp>\n"),
           ("tocsin/net/a.hpp", "#include <gtest/gtest.h>\n")],
      good=[("tocsin/kern/linux_io_uring.cpp", "#include <liburing.h>\n"),
            ("tocsin/http/a.cpp", "#include <boost/beast/http.hpp>\n"),
            ("tocsin/net/a_test.cpp", "#include <gtest/gtest.h>\n")])
def third_party(source):
    for line, name in _includes(source):
        for pattern, home, words in _HOMES:
            if re.match(pattern, name) and not re.match(home, source.path):
                yield line, f"<{name}> outside its home, {words}"


# Names so distinct that they are recognised without the leading `::`, too.
_DISTINCT = """epoll_create1? epoll_ctl epoll_p?wait2? eventfd timerfd_\\w+ signalfd io_uring_\\w+
  inotify_\\w+ pidfd_\\w+ userfaultfd memfd_create accept4 recvmsg sendmsg recvfrom sendto
  getsockopt setsockopt getsockname getpeername socketpair openat2? statx unlinkat sendfile splice
  copy_file_range vmsplice io_setup io_submit io_getevents io_destroy
  clock_gettime clock_nanosleep ioctl fcntl mmap munmap madvise ppoll pselect pipe2 dup3 syscall
  sigprocmask pthread_sigmask mprotect prctl process_vm_readv seccomp""".split()
_PLAIN = """read write readv writev pread pwrite preadv2? pwritev2? close open poll select socket
  bind listen accept connect send recv shutdown pipe dup2? fork kill stat fstat lseek unlink
  getpid gettid""".split()
_CALL = (rf"(?<![\w>])::({'|'.join(_DISTINCT + _PLAIN)})\s*\(|"
         rf"(?:[=({{;,!&|?]|\bco_return|\breturn)\s*({'|'.join(_DISTINCT)})\s*\(")


@rule("system-calls", "call it through Kernel, under the same name: then it can be simulated, "
      "counted and made to fail",
      # In vkern these names are its own: it is a kernel.
      lambda s: (library(s) and not re.match(r"tocsin/(kern/(internal/)?linux_|vkern/)", s.path))
      or s.path.startswith(("cli/", "examples/")) and not s.is_test,
      bad=[("tocsin/net/a.cpp", "int f() { return ::read(fd, p, n); }\n"),
           ("tocsin/poll/a.cpp", "int f() { const int n = epoll_wait(fd, p, 1, 0); }\n"),
           ("examples/a.cpp", "int f() {\n  setsockopt(1, 2, 3, 4, 5);\n}\n")],
      good=[("tocsin/kern/linux_kernel.cpp", "int f() { return ::read(fd, p, n); }\n"),
            ("tocsin/vkern/a.cpp", "Result<int> P::dup2(int a) { return dup3(a, 1, 0); }\n"),
            ("tocsin/poll/a.cpp", "int f() { const auto n = kernel_->epoll_wait(fd, p, 1, 0); }\n"),
            ("tocsin/net/a.cpp", "Task<> Stream::read(int n) { return net::close(n); }\n"),
            ("tocsin/kern/kernel.hpp", "  virtual Result<int> eventfd(int) = 0;\n")])
def system_calls(source):
    for line, match in source.find(_CALL):
        name = match.group(1) or match.group(2)
        yield line + match.group().count("\n"), f"a direct call of {name}(2)"
