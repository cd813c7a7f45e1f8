/* SPDX-License-Identifier: MIT
 *
 * The peer on libuv: uv_read_start, and uv_try_write first, as its guide to streams and the
 * reference of uv_try_write advise; only what that could not send becomes a uv_write request with a
 * copy of its own. The buffer lent by `on_alloc` is shared: it is free again when on_read returns.
 */
#include <signal.h>

#include <uv.h>

#include "bench/peers/peer.h"

struct unsent {
  uv_write_t request; /* First, so that a pointer to it is one to the structure. */
  char bytes[peer_buffer_size];
};

static char buffer[peer_buffer_size];

static void check(int status, const char* what) {
  if (status >= 0) return;
  fprintf(stderr, "%s: %s\n", what, uv_strerror(status));
  exit(1);
}

static void on_closed(uv_handle_t* handle) { free(handle); }

static void drop(uv_stream_t* stream) {
  if (!uv_is_closing((uv_handle_t*)stream)) uv_close((uv_handle_t*)stream, on_closed);
}

static void on_alloc(uv_handle_t* handle, size_t suggested, uv_buf_t* lent) {
  (void)handle, (void)suggested;
  *lent = uv_buf_init(buffer, sizeof buffer);
}

static void on_read(uv_stream_t* stream, ssize_t got, const uv_buf_t* lent);

static void on_written(uv_write_t* request, int status) {
  uv_stream_t* stream = request->handle;
  free(request);
  if (status < 0)
    drop(stream);
  else
    uv_read_start(stream, on_alloc, on_read);
}

static void on_read(uv_stream_t* stream, ssize_t got, const uv_buf_t* lent) {
  if (got == 0) return; /* EAGAIN, says the reference of uv_read_cb. */
  if (got < 0) {
    drop(stream);
    return;
  }
  uv_buf_t all = uv_buf_init(lent->base, (unsigned)got);
  const int sent = uv_try_write(stream, &all, 1);
  if (sent == got) return;
  if (sent < 0 && sent != UV_EAGAIN) {
    drop(stream);
    return;
  }
  const size_t done = sent < 0 ? 0 : (size_t)sent;
  struct unsent* rest = malloc(sizeof *rest);
  if (rest == NULL) peer_fail("malloc");
  memcpy(rest->bytes, lent->base + done, (size_t)got - done);
  uv_read_stop(stream); /* Not read again before this is sent. */
  uv_buf_t tail = uv_buf_init(rest->bytes, (unsigned)((size_t)got - done));
  check(uv_write(&rest->request, stream, &tail, 1, on_written), "uv_write");
}

static void on_connection(uv_stream_t* listener, int status) {
  if (status < 0) return;
  uv_tcp_t* peer = malloc(sizeof *peer);
  if (peer == NULL) peer_fail("malloc");
  check(uv_tcp_init(listener->loop, peer), "uv_tcp_init");
  if (uv_accept(listener, (uv_stream_t*)peer) == 0) {
    uv_tcp_nodelay(peer, 1);
    uv_read_start((uv_stream_t*)peer, on_alloc, on_read);
  } else {
    drop((uv_stream_t*)peer);
  }
}

static void on_signal(uv_signal_t* handle, int number) {
  (void)number;
  uv_stop(handle->loop);
}

int main(int argc, char** argv) {
  const struct sockaddr_in address = peer_address(argc, argv);
  uv_loop_t* loop = uv_default_loop();
  uv_signal_t term, interrupt;
  uv_tcp_t listener;
  signal(SIGPIPE, SIG_IGN); /* libuv leaves this to the program. */
  check(uv_signal_init(loop, &term), "uv_signal_init");
  check(uv_signal_start(&term, on_signal, SIGTERM), "uv_signal_start");
  check(uv_signal_init(loop, &interrupt), "uv_signal_init");
  check(uv_signal_start(&interrupt, on_signal, SIGINT), "uv_signal_start");
  check(uv_tcp_init(loop, &listener), "uv_tcp_init"); /* Sets SO_REUSEADDR itself, in bind. */
  check(uv_tcp_bind(&listener, (const struct sockaddr*)&address, 0), "uv_tcp_bind");
  check(uv_listen((uv_stream_t*)&listener, SOMAXCONN, on_connection), "uv_listen");
  uv_run(loop, UV_RUN_DEFAULT);
  return 0;
}
