// SPDX-License-Identifier: MIT
//
// Method: operator new of this binary counts. A client sends requests over one connection, one
// after the other, in batches; in the steady state a batch must cost no allocation at all, neither
// the server's nor the client's. A second in which the cache reads its file anew is not steady, so
// the cheapest batch counts: an allocation a request, or one in fifty, shows in every batch.
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <new>

#include <gtest/gtest.h>

#include "tocsin/http/server_testing.hpp"
#include "tocsin/http/static_files.hpp"

namespace {
std::size_t allocations = 0;
}

void* operator new(std::size_t size) {
  ++allocations;
  if (void* const memory = std::malloc(std::max<std::size_t>(size, 1))) return memory;
  throw std::bad_alloc();
}
void* operator new[](std::size_t size) { return operator new(size); }
// Not inlined: g++ would see free(3) of what operator new gave, and object.
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete[](void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace tocsin::http {
namespace {

constexpr int batches = 20;
constexpr int batch = 50;

std::size_t cheapest_batch(const std::string& path) {
  Exchange exchange;
  const std::string request = "GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n";
  std::size_t cheapest = std::numeric_limits<std::size_t>::max();
  auto directory = Directory::open(kernel_under_test(), testing::TempDir().c_str()).value();
  exchange.run(Handler(StaticFiles(exchange.loop(), std::move(directory))),
               [&](TcpStream& stream) -> Task<> {
                 std::size_t length = 0;  // Of an answer.
                 for (int i = 0; i < batches; ++i) {
                   const std::size_t before = allocations;
                   for (int j = 0; j < batch; ++j) {
                     EXPECT_TRUE(co_await stream.write_all(as_bytes(request)));
                     std::size_t heard = 0;
                     do {
                       const auto bytes = co_await stream.read();
                       if (!bytes || bytes->empty()) co_return;
                       if (heard == 0 && !as_text(*bytes).starts_with("HTTP/1.1 200")) co_return;
                       heard += bytes->size();
                       if (length == 0) length = bytes->size();
                     } while (heard < length);
                   }
                   cheapest = std::min(cheapest, allocations - before);
                 }
               });
  return cheapest;
}

TEST(HttpServer, AllocatesNothingForARequestInTheSteadyState) {
  ONLY_ON_LINUX("on a kernel in user space the heap is the kernel's as well");
  const std::string name = "tocsin-allocation-test.html";
  const std::filesystem::path file = testing::TempDir() + name;
  std::ofstream(file) << std::string(1024, 'x');
  EXPECT_EQ(cheapest_batch("/" + name), 0u);
  std::filesystem::remove(file);
}

}  // namespace
}  // namespace tocsin::http
