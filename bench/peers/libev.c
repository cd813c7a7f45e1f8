/* SPDX-License-Identifier: MIT
 *
 * The peer on libev: an ev_io per connection, callbacks, sockets used directly, as ev(3) teaches
 * ("WATCHER TYPES", ev_io). The watcher is embedded in our own structure ("ASSOCIATING CUSTOM DATA
 * WITH A WATCHER"); one buffer is shared, for nothing is left in it when a callback returns. */
#include <errno.h>
#include <ev.h>

#include "bench/peers/peer.h"

struct connection {
  ev_io io; /* First, so that a pointer to it is one to the connection. */
  struct unsent* unsent;
};

struct unsent {
  size_t from, to;
  char bytes[peer_buffer_size];
};

static char buffer[peer_buffer_size];

static void drop(struct ev_loop* loop, struct connection* c) {
  ev_io_stop(loop, &c->io);
  close(c->io.fd);
  free(c->unsent);
  free(c);
}

static void wait_for(struct ev_loop* loop, ev_io* io, int events) {
  ev_io_stop(loop, io);
  ev_io_set(io, io->fd, events);
  ev_io_start(loop, io);
}

static void on_writable(struct ev_loop* loop, struct connection* c) {
  struct unsent* rest = c->unsent;
  const ssize_t sent =
      send(c->io.fd, rest->bytes + rest->from, rest->to - rest->from, MSG_NOSIGNAL);
  if (sent < 0) {
    if (errno != EAGAIN && errno != EINTR) drop(loop, c);
    return;
  }
  rest->from += (size_t)sent;
  if (rest->from < rest->to) return;
  free(rest);
  c->unsent = NULL;
  wait_for(loop, &c->io, EV_READ);
}

static void on_readable(struct ev_loop* loop, struct connection* c) {
  const ssize_t got = recv(c->io.fd, buffer, sizeof buffer, 0);
  if (got <= 0) {
    if (got == 0 || (errno != EAGAIN && errno != EINTR)) drop(loop, c);
    return;
  }
  const ssize_t sent = send(c->io.fd, buffer, (size_t)got, MSG_NOSIGNAL);
  if (sent == got) return;
  if (sent < 0 && errno != EAGAIN && errno != EINTR) {
    drop(loop, c);
    return;
  }
  const size_t done = sent < 0 ? 0 : (size_t)sent;
  c->unsent = malloc(sizeof *c->unsent);
  if (c->unsent == NULL) peer_fail("malloc");
  c->unsent->from = 0;
  c->unsent->to = (size_t)got - done;
  memcpy(c->unsent->bytes, buffer + done, c->unsent->to);
  wait_for(loop, &c->io, EV_WRITE); /* Not read again before this is sent. */
}

static void on_ready(struct ev_loop* loop, ev_io* io, int events) {
  struct connection* c = (struct connection*)io;
  if (events & EV_WRITE)
    on_writable(loop, c);
  else
    on_readable(loop, c);
}

static void on_accept(struct ev_loop* loop, ev_io* listener, int events) {
  (void)events;
  const int fd = peer_accept(listener->fd);
  if (fd < 0) return;
  struct connection* c = malloc(sizeof *c);
  if (c == NULL) peer_fail("malloc");
  c->unsent = NULL;
  ev_io_init(&c->io, on_ready, fd, EV_READ);
  ev_io_start(loop, &c->io);
}

static void on_signal(struct ev_loop* loop, ev_signal* signal, int events) {
  (void)signal, (void)events;
  ev_break(loop, EVBREAK_ALL);
}

int main(int argc, char** argv) {
  struct ev_loop* loop = ev_default_loop(EVBACKEND_EPOLL);
  if (loop == NULL) peer_fail("ev_default_loop");
  ev_signal term, interrupt;
  ev_signal_init(&term, on_signal, SIGTERM);
  ev_signal_start(loop, &term);
  ev_signal_init(&interrupt, on_signal, SIGINT);
  ev_signal_start(loop, &interrupt);
  ev_io listener;
  ev_io_init(&listener, on_accept, peer_listen(peer_address(argc, argv)), EV_READ);
  ev_io_start(loop, &listener);
  ev_run(loop, 0);
  return 0;
}
