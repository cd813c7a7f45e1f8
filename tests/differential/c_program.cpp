// SPDX-License-Identifier: MIT
#include "tests/differential/c_program.hpp"

#include <algorithm>

#include "tests/differential/op_text.hpp"
#include "tests/differential/ops_inet.hpp"

namespace tocsin::differential {
namespace {

constexpr auto prelude = R"(#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/sockios.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static _Thread_local FILE *out;
static int f[8] = {-1, -1, -1, -1, -1, -1, -1, -1};

static inline unsigned char *room(void) {
  static _Thread_local unsigned char data[1 << 18];
  return data;
}
static inline long long result(long long value) {
  const char *name = value < 0 ? strerrorname_np(errno) : NULL;
  if (value < 0) fprintf(out, "= %s", name ? name : "E?");
  else fprintf(out, "= %lld", value);
  return value;
}
static inline void number(const char *label, unsigned long long value) {
  fprintf(out, " %s=0x%llx", label, value);
}
static inline void bytes(const unsigned char *data, long long count) {
  unsigned long long sum = 0, start = 0;
  for (long long i = 0; i < count; i++) {
    sum = sum * 31 + data[i];
    if (i < 8) start |= (unsigned long long)data[i] << 8 * i;
  }
  number("start", start);
  number("sum", sum);
}
static inline unsigned char *pattern(long long count, long long first) {
  static _Thread_local unsigned char data[1 << 18];
  for (long long i = 0; i < count; i++) data[i] = (unsigned char)(first + i + (i >> 8));
  return data;
}
static inline socklen_t address_of(long long which, struct sockaddr_un *address) {
  *address = (struct sockaddr_un){.sun_family = AF_UNIX};
  int length = snprintf(address->sun_path + 1, 100, "tocsin-%d-000000000-%lld", getpid(), which);
  return (socklen_t)(sizeof(sa_family_t) + 1 + length);
}
static inline void say_address(const struct sockaddr_un *address, socklen_t length) {
  socklen_t size = length < sizeof *address ? length : sizeof *address;
  number("length", length);
  if (length < sizeof(sa_family_t)) return;
  number("family", address->sun_family);
  if (size > sizeof(sa_family_t)) number("last", ((const unsigned char *)address)[size - 1]);
}
static inline const char *queue_name(long long which) {
  static char name[64];
  snprintf(name, sizeof name, "/tocsin-%d-%lld", getpid(), which);
  return name;
}
static inline const char *path_of(long long which) {
  static const char *names[] = {"a", "b", "d", "d/a", "d/b", "."};
  return names[which];
}
static pid_t children[3];
static int in_threads __attribute__((unused));
static inline int is_child(pid_t pid) {
  siginfo_t info;
  return pid != 0 && waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}
static inline unsigned name_of_process(pid_t pid) {
  unsigned child = 0;
  if (pid == 0 || pid == getpid()) return pid != 0;
  while (child < 3 && children[child] != pid) child++;
  return 2 + child;
}
static inline unsigned renamed_cookie(unsigned cookie) {
  static unsigned known[1000], count;
  unsigned i = 0;
  if (cookie == 0) return 0;
  while (i < count && known[i] != cookie) i++;
  if (i == count) known[count++] = cookie;
  return i + 1;
}
static inline void make_comparable(int fd, unsigned char *data, long long count) {
  char path[64], name[64] = "";
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  if (readlink(path, name, 63) <= 0) return;
  if (!strcmp(name, "anon_inode:[signalfd]"))
    for (; count >= 128; data += 128, count -= 128) {
      struct signalfd_siginfo *info = (void *)data;
      info->ssi_pid = name_of_process((pid_t)info->ssi_pid);
      info->ssi_uid = info->ssi_uid == getuid() ? 0 : info->ssi_uid;
      info->ssi_utime = info->ssi_stime = 0;
    }
  if (!strcmp(name, "anon_inode:inotify"))
    while (count >= (long long)sizeof(struct inotify_event)) {
      struct inotify_event *event = (void *)data;
      event->cookie = renamed_cookie(event->cookie);
      data += sizeof *event + event->len;
      count -= (long long)(sizeof *event + event->len);
    }
}
#define CELL 20000000LL
static long long start, cell;
static inline long long elapsed(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000LL + now.tv_nsec - start;
}
static inline void wait_for_cell(void) {
  long long left;
  while ((left = cell * CELL - elapsed()) > 0) {
    struct timespec time = {left / 1000000000, left % 1000000000};
    ppoll(NULL, 0, &time, NULL);
  }
}
static inline void finish_cell(void) {
  while (elapsed() - cell * CELL > CELL / 5) cell++;
  wait_for_cell();
}
static inline long long until_expiry(long long count) {
  static int timers;
  return (count - 1) * CELL + CELL / 4 + timers++ % 10 * (CELL / 20) - (elapsed() - cell * CELL);
}
static int in_network;
static inline long long sendable(int fd, long long count) {
  int protocol = 0;
  socklen_t length = sizeof protocol;
  if (!in_network || count <= 1000) return count;
  getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &length);
  return protocol == IPPROTO_TCP ? 1000 : count;
}
static void say(const char *op) {
  static int before;
  fprintf(out, "%s%s ", before++ ? "\n" : "", op);
}
)";

constexpr auto names = R"(
enum { M_USR1 = 1 << (SIGUSR1 - 1), M_USR2 = 1 << (SIGUSR2 - 1), M_CHLD = 1 << (SIGCHLD - 1) };
enum { A, B, D, D_A, D_B, HERE };
#define M_RT0 (1LL << 33)
#define M_RT1 (1LL << 34)
)";

// Few descriptors, none of them open; signals wait until they are read.
constexpr auto setup = R"(
int main(void) {
  struct rlimit few = {64, 65};
  sigset_t all;
  out = fdopen(fcntl(1, F_DUPFD_CLOEXEC, 1000), "w");
  setrlimit(RLIMIT_NOFILE, &few);
  close_range(0, 999, 0);
  signal(SIGPIPE, SIG_IGN);
  sigfillset(&all);
  sigdelset(&all, SIGPIPE);
  sigprocmask(SIG_SETMASK, &all, NULL);
  start = elapsed();
)";

// Of a program that works on files: nothing is left of them.
constexpr auto own_directory = R"(
static char directory[] = "/dev/shm/tocsin-XXXXXX";

static int drop(const char *path, const struct stat *status, int kind, struct FTW *where) {
  (void)status, (void)kind, (void)where;
  return remove(path);
}
static void leave_directory(void) {
  close_range(0, 999, 0);
  nftw(directory, drop, 8, FTW_DEPTH | FTW_PHYS);
}
)";
constexpr auto enter_directory = R"(  if (!mkdtemp(directory) || chdir(directory)) return 1;
  atexit(leave_directory);
)";

// Of a program whose calls may block: as LinuxThreads does it, or with a little patience where real
// time is not permitted.
constexpr auto threads = R"(
enum { THREADS = 6 };
static struct {
  sem_t start;
  int is_busy, op;
  char *answer;
  size_t size;
} threads[THREADS];
static int returned[THREADS], returned_count, is_slow;
static void perform(int op);

static void *work(void *argument) {
  long self = (long)argument;
  struct sched_param lowest = {1};
  if (sched_setscheduler(0, SCHED_FIFO, &lowest)) is_slow = 1;
  for (;;) {
    while (sem_wait(&threads[self].start)) continue;
    out = open_memstream(&threads[self].answer, &threads[self].size);
    perform(threads[self].op);
    fclose(out);
    threads[self].is_busy = 0;
    returned[returned_count++] = (int)self;
  }
  return NULL;
}
static void start_threads(void) {
  cpu_set_t one;
  pthread_t thread;
  in_threads = 1;
  CPU_ZERO(&one);
  CPU_SET(sched_getcpu(), &one);
  sched_setaffinity(0, sizeof one, &one);
  for (long i = 0; i < THREADS; i++) {
    sem_init(&threads[i].start, 0, 0);
    pthread_create(&thread, NULL, work, (void *)i);
  }
  usleep(10000);
}
static void perform_in_thread(int op) {
  int self = 0;
  while (self < THREADS && threads[self].is_busy) self++;
  if (self == THREADS) {
    fflush(out);  // Nobody is left.
    exit(0);
  }
  returned_count = 0;
  threads[self].op = op;
  threads[self].is_busy = 1;
  sem_post(&threads[self].start);
  if (is_slow) usleep(10000);
  fprintf(out, "%s", threads[self].is_busy ? "asleep" : threads[self].answer);
  for (int i = 0; i < returned_count; i++)
    if (returned[i] != self)
      fprintf(out, " | %d %s", returned[i], threads[returned[i]].answer);
}
)";

std::string call(const Op& op) {
  std::string text = std::string("do_") + op.spec->name + '(';
  for (std::size_t i = 0; i < op.spec->operands.size(); ++i) {
    if (i > 0) text += ", ";
    text += to_c(op.spec->operands[i], op.values[i]);
  }
  return text + ");";
}

std::string performing(const Sequence& sequence) {
  std::string text = "static void perform(int op) {\n  switch (op) {\n";
  for (std::size_t i = 0; i < sequence.size(); ++i)
    text += "    case " + std::to_string(i) + ":\n      " + call(sequence[i]) + "\n      break;\n";
  return text + "  }\n}\n";
}

}  // namespace

std::string c_program(const Sequence& sequence) {
  const bool in_threads = (kinds_of(sequence) & bit(Kind::blocking)) != 0;
  std::string text = "/* cc -pthread -o sequence sequence.c && ./sequence */\n";
  text += prelude;
  const bool has_network = (kinds_of(sequence) & bit(Kind::inet)) != 0;
  if (has_network) text += inet_prelude;
  std::vector<const OpSpec*> used;
  for (const Op& op : sequence)
    if (std::ranges::find(used, op.spec) == used.end()) used.push_back(op.spec);
  for (const OpSpec* spec : used) {
    text += '\n';
    text += spec->c_text;
    text += '\n';
  }
  text += names;
  if (in_threads) text += threads + performing(sequence);
  const bool has_files = in_threads || (kinds_of(sequence) & bit(Kind::file)) != 0;
  if (has_files) text += own_directory;
  text += setup;
  if (in_threads) text += "  start_threads();\n";
  if (has_files) text += enter_directory;
  if (has_network) text += "  if (!make_own_network()) return 1;\n  start += elapsed();\n";
  for (std::size_t i = 0; i < sequence.size(); ++i) {
    text += "  say(\"" + to_text(sequence[i]) + "\");\n  ";
    text += in_threads ? "perform_in_thread(" + std::to_string(i) + ");" : call(sequence[i]);
    text += '\n';
  }
  if ((kinds_of(sequence) & bit(Kind::queue)) != 0)
    text += "  for (int i = 0; i < 3; i++) mq_unlink(queue_name(i));\n";
  text += "  fprintf(out, \"\\n\");\n  fflush(out);\n  return 0;\n}\n";
  return text;
}

}  // namespace tocsin::differential
