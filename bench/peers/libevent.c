/* SPDX-License-Identifier: MIT
 *
 * The peer on libevent: a bufferevent per connection, and evbuffer_add_buffer from its input to its
 * output, which moves the chains instead of copying bytes: the echo server of the library's book
 * ("Evconnlistener", the example), with a high-water mark so that a peer that does not read is not
 * read from without limit. */
#include <signal.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include "bench/peers/peer.h"

enum { most_unsent = 65536 };

static void on_read(struct bufferevent* peer, void* unused) {
  struct evbuffer* output = bufferevent_get_output(peer);
  (void)unused;
  evbuffer_add_buffer(output, bufferevent_get_input(peer));
  if (evbuffer_get_length(output) > most_unsent) bufferevent_disable(peer, EV_READ);
}

/* Called when the output has been sent, all of it. */
static void on_written(struct bufferevent* peer, void* unused) {
  (void)unused;
  if ((bufferevent_get_enabled(peer) & EV_READ) == 0) bufferevent_enable(peer, EV_READ);
}

static void on_event(struct bufferevent* peer, short events, void* unused) {
  (void)unused;
  if (events & (BEV_EVENT_ERROR | BEV_EVENT_EOF)) bufferevent_free(peer);
}

static void on_accept(struct evconnlistener* listener, evutil_socket_t fd, struct sockaddr* from,
                      int from_size, void* unused) {
  (void)from, (void)from_size, (void)unused;
  struct event_base* base = evconnlistener_get_base(listener);
  struct bufferevent* peer = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
  if (peer == NULL) peer_fail("bufferevent_socket_new");
  peer_no_delay(fd);
  bufferevent_setcb(peer, on_read, on_written, on_event, NULL);
  bufferevent_enable(peer, EV_READ | EV_WRITE);
}

static void on_signal(evutil_socket_t number, short events, void* base) {
  (void)number, (void)events;
  event_base_loopbreak(base);
}

int main(int argc, char** argv) {
  const struct sockaddr_in address = peer_address(argc, argv);
  signal(SIGPIPE, SIG_IGN); /* bufferevents write with writev(2), which has no MSG_NOSIGNAL. */
  struct event_base* base = event_base_new();
  if (base == NULL) peer_fail("event_base_new");
  struct evconnlistener* listener = evconnlistener_new_bind(
      base, on_accept, NULL, LEV_OPT_REUSEABLE | LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC,
      SOMAXCONN, (const struct sockaddr*)&address, sizeof address);
  if (listener == NULL) peer_fail("evconnlistener_new_bind");
  struct event* term = evsignal_new(base, SIGTERM, on_signal, base);
  struct event* interrupt = evsignal_new(base, SIGINT, on_signal, base);
  if (term == NULL || interrupt == NULL) peer_fail("evsignal_new");
  evsignal_add(term, NULL);
  evsignal_add(interrupt, NULL);
  event_base_dispatch(base);
  event_free(interrupt);
  event_free(term);
  evconnlistener_free(listener);
  event_base_free(base);
  return 0;
}
