/* SPDX-License-Identifier: MIT
 *
 * The floor: an echo server on epoll(7) alone, level-triggered, with nothing kept per connection.
 *
 * It is complete: what a peer does not read is kept until it does (`unsent`, below), in memory that
 * exists only for those who are behind. So it may be called the least that an echo can cost. */
#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>

#include "bench/peers/peer.h"

enum { most_events = 1024 };

struct unsent {
  size_t from, to;
  char bytes[peer_buffer_size];
};

static struct unsent** unsent; /* By fd; a page of it exists only once somebody was behind. */

static void watch(int epoll, int operation, int fd, unsigned events) {
  struct epoll_event event = {.events = events, .data = {.fd = fd}};
  if (epoll_ctl(epoll, operation, fd, &event) != 0) peer_fail("epoll_ctl");
}

static void drop(int fd) {
  free(unsent[fd]);
  unsent[fd] = NULL;
  close(fd);
}

static void keep(int epoll, int fd, const char* bytes, size_t size) {
  struct unsent* rest = malloc(sizeof *rest);
  if (rest == NULL) peer_fail("malloc");
  memcpy(rest->bytes, bytes, size);
  rest->from = 0;
  rest->to = size;
  unsent[fd] = rest;
  watch(epoll, EPOLL_CTL_MOD, fd, EPOLLOUT); /* Not read again before this is sent. */
}

static void on_readable(int epoll, int fd) {
  char buffer[peer_buffer_size];
  const ssize_t got = recv(fd, buffer, sizeof buffer, 0);
  if (got <= 0) {
    if (got == 0 || (errno != EAGAIN && errno != EINTR)) drop(fd);
    return;
  }
  const ssize_t sent = send(fd, buffer, (size_t)got, MSG_NOSIGNAL);
  if (sent == got) return;
  if (sent < 0 && errno != EAGAIN && errno != EINTR) {
    drop(fd);
    return;
  }
  const size_t done = sent < 0 ? 0 : (size_t)sent;
  keep(epoll, fd, buffer + done, (size_t)got - done);
}

static void on_writable(int epoll, int fd) {
  struct unsent* rest = unsent[fd];
  const ssize_t sent = send(fd, rest->bytes + rest->from, rest->to - rest->from, MSG_NOSIGNAL);
  if (sent < 0) {
    if (errno != EAGAIN && errno != EINTR) drop(fd);
    return;
  }
  rest->from += (size_t)sent;
  if (rest->from < rest->to) return;
  free(rest);
  unsent[fd] = NULL;
  watch(epoll, EPOLL_CTL_MOD, fd, EPOLLIN);
}

static int ending_signals(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigprocmask(SIG_BLOCK, &set, NULL);
  return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int main(int argc, char** argv) {
  const int listener = peer_listen(peer_address(argc, argv));
  const int signals = ending_signals();
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  unsent = calloc(files.rlim_cur, sizeof *unsent);
  if (epoll < 0 || signals < 0 || unsent == NULL) peer_fail("start");
  watch(epoll, EPOLL_CTL_ADD, listener, EPOLLIN);
  watch(epoll, EPOLL_CTL_ADD, signals, EPOLLIN);

  for (;;) {
    struct epoll_event events[most_events];
    const int count = epoll_wait(epoll, events, most_events, -1);
    for (int i = 0; i < count; ++i) {
      const int fd = events[i].data.fd;
      if (fd == signals) return 0;
      if (fd == listener) {
        const int accepted = peer_accept(listener);
        if (accepted >= 0) watch(epoll, EPOLL_CTL_ADD, accepted, EPOLLIN);
      } else if (events[i].events & EPOLLOUT) {
        on_writable(epoll, fd);
      } else {
        on_readable(epoll, fd);
      }
    }
  }
}
