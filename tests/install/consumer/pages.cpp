// SPDX-License-Identifier: MIT
//
// A stranger's program that gets pages: the adapter and libcurl are found and linked.
#include <tocsin/adapters/curl/multi.hpp>

int main() {
  const auto loop = tocsin::Loop::create();
  return loop && tocsin::curl::Multi::create(**loop) ? 0 : 1;
}
