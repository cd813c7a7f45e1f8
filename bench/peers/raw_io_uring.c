/* SPDX-License-Identifier: MIT
 *
 * The peer on io_uring(7) alone: one multishot accept, one multishot recv for each connection,
 * which takes its buffers from a ring of them that all share; what was received is sent from where
 * it lies. One io_uring_enter(2) submits what a turn has found to do, and waits for the next.
 *
 * A connection sends one buffer at a time, in order. Who has so many unsent that he must be reading
 * slowly is not read from (the recv is cancelled) until they are sent. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/signalfd.h>

#include <liburing.h>

#include "bench/peers/peer.h"

enum {
  queue_entries = 4096,
  completions = 32768,
  buffers = 4096, /* A power of two. */
  buffer_size = 4096,
  most_unsent = 8, /* Buffers of one connection. */
  nobody = 0xffff
};

/* What a completion is about: the lowest bits of user_data, above them the connection. */
enum what { accepted, received, sent, cancelled, signalled, what_mask = 7 };

struct connection {
  int fd;
  int count; /* Of unsent buffers. */
  uint16_t first, last;
  unsigned receiving : 1, cancelling : 1, sending : 1, ended : 1;
  struct connection* next_starved;
};

static struct io_uring ring;
static struct io_uring_buf_ring* free_buffers;
static char (*bytes)[buffer_size];
static uint32_t lengths[buffers];
static uint16_t following[buffers];
static struct connection* starved; /* Nobody had a buffer for them. */

static void need(int result, const char* what) {
  if (result >= 0) return;
  errno = -result;
  peer_fail(what);
}

static struct io_uring_sqe* prepare(void) {
  struct io_uring_sqe* sqe = io_uring_get_sqe(&ring);
  if (sqe != NULL) return sqe;
  need(io_uring_submit(&ring), "io_uring_submit");
  return io_uring_get_sqe(&ring);
}

static void tag(struct io_uring_sqe* sqe, enum what what, struct connection* c) {
  io_uring_sqe_set_data64(sqe, (uintptr_t)c | what);
}

static void receive(struct connection* c) {
  struct io_uring_sqe* sqe = prepare();
  io_uring_prep_recv_multishot(sqe, c->fd, NULL, 0, 0);
  sqe->flags |= IOSQE_BUFFER_SELECT;
  sqe->buf_group = 0;
  tag(sqe, received, c);
  c->receiving = 1;
}

static void cancel_receiving(struct connection* c) {
  struct io_uring_sqe* sqe = prepare();
  io_uring_prep_cancel64(sqe, (uintptr_t)c | received, 0);
  tag(sqe, cancelled, c);
  c->cancelling = 1;
}

static void send_first(struct connection* c) {
  struct io_uring_sqe* sqe = prepare();
  /* With MSG_WAITALL it completes when all has been sent. */
  io_uring_prep_send(sqe, c->fd, bytes[c->first], lengths[c->first], MSG_NOSIGNAL | MSG_WAITALL);
  tag(sqe, sent, c);
  c->sending = 1;
}

static void give_back(uint16_t buffer) {
  io_uring_buf_ring_add(free_buffers, bytes[buffer], buffer_size, buffer,
                        io_uring_buf_ring_mask(buffers), 0);
  io_uring_buf_ring_advance(free_buffers, 1);
  if (starved == NULL) return;
  struct connection* c = starved;
  starved = c->next_starved;
  receive(c);
}

static void take_first(struct connection* c) {
  const uint16_t buffer = c->first;
  c->first = following[buffer];
  --c->count;
  give_back(buffer);
}

/* What is to be done for it next; nothing touches it afterwards. */
static void go_on(struct connection* c) {
  if (c->count > 0 && !c->sending) send_first(c);
  if (!c->ended) {
    if (!c->receiving && c->count < most_unsent) receive(c);
    if (c->receiving && !c->cancelling && c->count >= most_unsent) cancel_receiving(c);
  } else if (!c->receiving && !c->cancelling && !c->sending) {
    close(c->fd);
    free(c);
  }
}

static void accept_all(int listener) {
  struct io_uring_sqe* sqe = prepare();
  io_uring_prep_multishot_accept(sqe, listener, NULL, NULL, SOCK_CLOEXEC);
  tag(sqe, accepted, NULL);
}

static void on_accept(int listener, int result, unsigned flags) {
  if (!(flags & IORING_CQE_F_MORE)) accept_all(listener);
  if (result < 0) return;
  struct connection* c = calloc(1, sizeof *c);
  if (c == NULL) peer_fail("calloc");
  c->fd = result;
  c->first = c->last = nobody;
  peer_no_delay(c->fd);
  receive(c);
}

static void on_received(struct connection* c, const struct io_uring_cqe* cqe) {
  if (!(cqe->flags & IORING_CQE_F_MORE)) c->receiving = 0;
  if (cqe->res > 0) {
    const uint16_t buffer = (uint16_t)(cqe->flags >> IORING_CQE_BUFFER_SHIFT);
    lengths[buffer] = (uint32_t)cqe->res;
    if (c->count++ == 0)
      c->first = buffer;
    else
      following[c->last] = buffer;
    c->last = buffer;
  } else if (cqe->res == -ENOBUFS) {
    c->next_starved = starved;
    starved = c;
    c->receiving = 1; /* It will, as soon as there is a buffer. */
  } else if (cqe->res != -ECANCELED) {
    c->ended = 1;
  }
  go_on(c);
}

static void on_sent(struct connection* c, int result) {
  c->sending = 0;
  if (result >= 0) {
    take_first(c);
  } else { /* The peer has gone; the recv, if there is one, is told. */
    c->ended = 1;
    while (c->count > 0) take_first(c);
    shutdown(c->fd, SHUT_RDWR);
  }
  go_on(c);
}

static void watch_signals(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigprocmask(SIG_BLOCK, &set, NULL);
  const int fd = signalfd(-1, &set, SFD_CLOEXEC);
  if (fd < 0) peer_fail("signalfd");
  struct io_uring_sqe* sqe = prepare();
  io_uring_prep_poll_add(sqe, fd, POLLIN);
  tag(sqe, signalled, NULL);
}

static void start(int listener) {
  struct io_uring_params params;
  memset(&params, 0, sizeof params);
  params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
  params.cq_entries = completions;
  need(io_uring_queue_init_params(queue_entries, &ring, &params), "io_uring_setup");

  const size_t all = (size_t)buffers * buffer_size;
  void* memory = mmap(NULL, all + buffers * sizeof(struct io_uring_buf), PROT_READ | PROT_WRITE,
                      MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);
  if (memory == MAP_FAILED) peer_fail("mmap");
  bytes = memory;
  free_buffers = (struct io_uring_buf_ring*)((char*)memory + all);
  io_uring_buf_ring_init(free_buffers);
  struct io_uring_buf_reg group;
  memset(&group, 0, sizeof group);
  group.ring_addr = (uintptr_t)free_buffers;
  group.ring_entries = buffers;
  need(io_uring_register_buf_ring(&ring, &group, 0), "io_uring_register_buf_ring");
  for (unsigned i = 0; i < buffers; ++i) give_back((uint16_t)i);

  accept_all(listener);
  watch_signals();
}

static void on_completion(int listener, const struct io_uring_cqe* cqe) {
  struct connection* c = (struct connection*)(uintptr_t)(cqe->user_data & ~(uint64_t)what_mask);
  switch ((enum what)(cqe->user_data & what_mask)) {
    case accepted:
      on_accept(listener, cqe->res, cqe->flags);
      break;
    case received:
      on_received(c, cqe);
      break;
    case sent:
      on_sent(c, cqe->res);
      break;
    case cancelled:
      c->cancelling = 0;
      go_on(c);
      break;
    default:
      exit(0);
  }
}

int main(int argc, char** argv) {
  const int listener = peer_listen(peer_address(argc, argv));
  start(listener);
  for (;;) {
    const int result = io_uring_submit_and_wait(&ring, 1);
    if (result != -EINTR) need(result, "io_uring_enter");
    struct io_uring_cqe* cqe;
    unsigned head, count = 0;
    io_uring_for_each_cqe(&ring, head, cqe) {
      ++count;
      on_completion(listener, cqe);
    }
    io_uring_cq_advance(&ring, count);
  }
}
