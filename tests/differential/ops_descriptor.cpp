// SPDX-License-Identifier: MIT
//
// Operations on descriptors as such: dup, close, fcntl, fdinfo.
#include <fcntl.h>
#include <sys/ioctl.h>

#include "tests/differential/ops.hpp"

namespace tocsin::differential {
namespace {

constexpr std::array<std::int64_t, 8> numbers{0, 1, 2, 7, 63, 64, -1, 1'000'000};
constexpr std::array<std::int64_t, 5> least{0, 3, 63, 64, -1};
constexpr std::array<Name, 1> dup_flags{{{"O_CLOEXEC", O_CLOEXEC}}};
constexpr std::array<Name, 2> dup_commands{
    {{"F_DUPFD", F_DUPFD}, {"F_DUPFD_CLOEXEC", F_DUPFD_CLOEXEC}}};
constexpr std::array<std::int64_t, 2> dup_command_pool{F_DUPFD, F_DUPFD_CLOEXEC};
constexpr std::array<Name, 3> commands{
    {{"F_GETFD", F_GETFD}, {"F_SETFD", F_SETFD}, {"F_GETFL", F_GETFL}}};
constexpr std::array<std::int64_t, 4> command_pool{F_GETFD, F_SETFD, F_GETFL, 9999};
constexpr std::array<std::int64_t, 4> arguments{0, 1, 2, -1};
constexpr std::array<std::int64_t, 3> left{0, 1, 2};
constexpr std::array<Name, 5> status_flags{{{"O_NONBLOCK", O_NONBLOCK},
                                            {"O_APPEND", O_APPEND},
                                            {"O_ASYNC", O_ASYNC},
                                            {"O_DIRECT", O_DIRECT},
                                            {"O_NOATIME", O_NOATIME}}};
constexpr std::array<Name, 4> requests{
    {{"FIONREAD", FIONREAD}, {"FIONBIO", FIONBIO}, {"FIOCLEX", FIOCLEX}, {"FIONCLEX", FIONCLEX}}};
constexpr std::array<std::int64_t, 6> request_pool{FIONREAD, FIONREAD, FIONBIO,
                                                   FIOCLEX,  FIONCLEX, 0x1234};

void close(Side& side, const Values& v, Answer& answer) {
  answer.take(side.kernel().close(side.fd(v[0])));
}
constexpr auto close_c = R"(static void do_close(int fd) {
  result(close(fd));
})";

void dup(Side& side, const Values& v, Answer& answer) {
  side.take(answer, v[0], side.kernel().dup(side.fd(v[1])));
}
constexpr auto dup_c = R"(static void do_dup(int *to, int fd) {
  *to = (int)result(dup(fd));
})";

void dup2(Side& side, const Values& v, Answer& answer) {
  side.take(answer, v[0], side.kernel().dup2(side.fd(v[1]), side.fd(v[2])));
}
constexpr auto dup2_c = R"(static void do_dup2(int *made, int from, int to) {
  *made = (int)result(dup2(from, to));
})";

void dup2_number(Side& side, const Values& v, Answer& answer) {
  side.take(answer, v[0], side.kernel().dup2(side.fd(v[1]), static_cast<int>(v[2])));
}
constexpr auto dup2_number_c = R"(static void do_dup2_number(int *made, int from, long long to) {
  *made = (int)result(dup2(from, (int)to));
})";

void dup3(Side& side, const Values& v, Answer& answer) {
  side.take(answer, v[0], side.kernel().dup3(side.fd(v[1]), side.fd(v[2]), static_cast<int>(v[3])));
}
constexpr auto dup3_c = R"(static void do_dup3(int *made, int from, int to, long long flags) {
  *made = (int)result(dup3(from, to, (int)flags));
})";

void fcntl_dupfd(Side& side, const Values& v, Answer& answer) {
  side.take(answer, v[0],
            side.kernel().fcntl(side.fd(v[1]), static_cast<int>(v[2]), static_cast<int>(v[3])));
}
constexpr auto fcntl_dupfd_c =
    R"(static void do_fcntl_dupfd(int *made, int fd, long long command, long long least) {
  *made = (int)result(fcntl(fd, (int)command, (int)least));
})";

void fcntl(Side& side, const Values& v, Answer& answer) {
  answer.take(side.kernel().fcntl(side.fd(v[0]), static_cast<int>(v[1]), static_cast<int>(v[2])));
}
constexpr auto fcntl_c = R"(static void do_fcntl(int fd, long long command, long long argument) {
  result(fcntl(fd, (int)command, (int)argument));
})";

void fcntl_setfl(Side& side, const Values& v, Answer& answer) {
  answer.take(side.kernel().fcntl(side.fd(v[0]), F_SETFL, static_cast<int>(v[1])));
}
constexpr auto fcntl_setfl_c = R"(static void do_fcntl_setfl(int fd, long long flags) {
  result(fcntl(fd, F_SETFL, (int)flags));
})";

// The argument is 1, so FIONBIO never makes anything block.
void ioctl(Side& side, const Values& v, Answer& answer) {
  int value = 1;
  answer.take(side.kernel().ioctl(side.fd(v[0]), static_cast<unsigned long>(v[1]), &value));
  answer.add("value", static_cast<std::uint64_t>(value));
}
constexpr auto ioctl_c = R"(static void do_ioctl(int fd, long long request) {
  int value = 1;
  result(ioctl(fd, (unsigned long)request, &value));
  number("value", (unsigned long long)value);
})";

void fdinfo(Side& side, const Values& v, Answer& answer) {
  answer.text = side.fdinfo(side.fd(v[0]));
}
// Until there is room for so many more only. Nobody closes them before the end of the sequence.
void fill(Side& side, const Values& v, Answer& answer) {
  std::array<int, most_descriptors> made{};
  std::size_t count = 0;
  auto next = side.kernel().dup(side.fd(v[0]));
  for (; next; next = side.kernel().dup(side.fd(v[0]))) made[count++] = *next;
  answer.take(next);
  answer.add("made", count);
  for (auto left_over = static_cast<std::size_t>(v[1]); count > 0 && left_over > 0; --left_over)
    static_cast<void>(side.kernel().close(made[--count]));  // It was just made.
}
constexpr auto fill_c = R"(static void do_fill(int fd, long long left) {
  int made[64], count = 0;
  while ((made[count] = dup(fd)) >= 0) count++;
  result(-1);
  number("made", (unsigned long long)count);
  while (count > 0 && left-- > 0) close(made[--count]);
})";

// As comparable_fdinfo.
constexpr auto fdinfo_c = R"(static int by_text(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}
static void do_fdinfo(int fd) {
  static const char *left_out[] = {"pos:", "flags:", "mnt_id:", "ino:", "eventfd-id:",
                                   "scm_fds:", "it_value:", "Pid:", "NSpid:"};
  char path[64], *line = NULL, *lines[256], *mark;
  size_t room = 0, count = 0;
  snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
  struct rlimit limit = {65, 65};
  setrlimit(RLIMIT_NOFILE, &limit);
  FILE *file = fopen(path, "re");
  limit.rlim_cur = 64;
  setrlimit(RLIMIT_NOFILE, &limit);
  result(0);
  while (file && count < 256 && getline(&line, &room, file) > 0) {
    int skip = line[0] == '\n';
    for (int i = 0; i < 9; i++) skip |= !strncmp(line, left_out[i], strlen(left_out[i]));
    if (skip) continue;
    line[strcspn(line, "\n")] = 0;
    if ((mark = strstr(line, "  pos:"))) *mark = 0;
    if ((mark = strstr(line, " ino:"))) *mark = 0;
    lines[count++] = strdup(line);
  }
  if (file) fclose(file);
  qsort(lines, count, sizeof *lines, by_text);
  for (size_t i = 0; i < count; i++) fprintf(out, "%s%s;", i ? "" : " \"", lines[i]);
  if (count) fprintf(out, "\"");
})";

}  // namespace

std::vector<OpSpec> descriptor_ops() {
  const Operand no_less = number(least);
  return {
      {"close", Kind::descriptor, 20, {ended_slot()}, close, close_c},
      {"dup", Kind::descriptor, 8, {new_slot(nothing), slot()}, dup, dup_c},
      {"dup2", Kind::descriptor, 6, {new_slot(nothing), slot(), slot()}, dup2, dup2_c},
      {"dup2_number",
       Kind::descriptor,
       2,
       {new_slot(nothing), slot(), number(numbers)},
       dup2_number,
       dup2_number_c},
      {"dup3",
       Kind::descriptor,
       3,
       {new_slot(nothing), slot(), slot(), bits(dup_flags)},
       dup3,
       dup3_c},
      {"fcntl_dupfd",
       Kind::descriptor,
       3,
       {new_slot(nothing), slot(), number(dup_command_pool, dup_commands), no_less},
       fcntl_dupfd,
       fcntl_dupfd_c},
      {"fcntl",
       Kind::descriptor,
       3,
       {slot(), number(command_pool, commands), number(arguments)},
       fcntl,
       fcntl_c},
      {"fcntl_setfl",
       Kind::descriptor,
       2,
       {slot(), bits(status_flags, O_NONBLOCK)},
       fcntl_setfl,
       fcntl_setfl_c},
      {"ioctl", Kind::descriptor, 3, {slot(), number(request_pool, requests)}, ioctl, ioctl_c},
      {"fill", Kind::descriptor, rare, {slot(), number(left)}, fill, fill_c},
      {"fdinfo", Kind::descriptor, 1, {slot(an_epoll | an_eventfd | a_signalfd)}, fdinfo, fdinfo_c},
  };
}

}  // namespace tocsin::differential
