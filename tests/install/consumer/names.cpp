// SPDX-License-Identifier: MIT
//
// A stranger's program with an adapter: that and its other library are found and linked.
#include <tocsin/adapters/cares/resolver.hpp>

int main() {
  const auto loop = tocsin::Loop::create();
  return loop && tocsin::Resolver::create(**loop, {.servers = "127.0.0.1"}) ? 0 : 1;
}
