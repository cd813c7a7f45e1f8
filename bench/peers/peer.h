/* SPDX-License-Identifier: MIT
 *
 * What the peers have in common: the argument, the listening socket, the options of a connection.
 *
 * Every peer is the same program, written as the documentation of its library teaches: an echo
 * server for `peer HOST:PORT`, one thread, TCP_NODELAY, that ends with status 0 on SIGTERM and
 * SIGINT. Nothing in here runs per echo, so nothing in here is measured.
 *
 * HOST is a numeric IPv4 address. Whatever fails during the start ends the program with status 1
 * and one line on stderr; the runner prints it. */
#ifndef TOCSIN_BENCH_PEERS_PEER_H
#define TOCSIN_BENCH_PEERS_PEER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* How much is read at once: the same for every peer that is asked for a size. */
enum { peer_buffer_size = 16384 };

static inline void peer_fail(const char* what) {
  perror(what);
  exit(1);
}

/* The one argument, as an address; ends the program if it is not HOST:PORT. */
static inline struct sockaddr_in peer_address(int argc, char** argv) {
  struct sockaddr_in address;
  char host[INET_ADDRSTRLEN];
  int port = 0;
  memset(&address, 0, sizeof address);
  if (argc != 2 || sscanf(argv[1], "%15[0-9.]:%d", host, &port) != 2 || port < 1 || port > 65535 ||
      inet_pton(AF_INET, host, &address.sin_addr) != 1) {
    fprintf(stderr, "usage: %s HOST:PORT (numeric IPv4)\n", argv[0]);
    exit(2);
  }
  address.sin_family = AF_INET;
  address.sin_port = htons((unsigned short)port);
  return address;
}

/* A non-blocking listening socket, for the libraries that leave sockets to their caller. */
static inline int peer_listen(struct sockaddr_in address) {
  const int one = 1;
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) peer_fail("socket");
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0) peer_fail("SO_REUSEADDR");
  if (bind(fd, (const struct sockaddr*)&address, sizeof address) != 0) peer_fail("bind");
  if (listen(fd, SOMAXCONN) != 0) peer_fail("listen");
  return fd;
}

/* Without it the second of two small answers would wait for the acknowledgement of the first. */
static inline void peer_no_delay(int fd) {
  const int one = 1;
  (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

/* The next connection, non-blocking and with TCP_NODELAY, or -1 when nobody is waiting. */
static inline int peer_accept(int listener) {
  const int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0) peer_no_delay(fd);
  return fd;
}

#endif
