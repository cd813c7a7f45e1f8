// SPDX-License-Identifier: MIT
//
// UNIX sockets and the epolls that watch them, held against the running Linux: random calls, the
// same on both, and every answer has to be the same: numbers, errno, bytes, addresses, control
// messages, masks, and the events of epoll_wait(2) in their order.
//
// Method: a sequence is a list of ops that name descriptors and addresses by symbols, so any part
// of a sequence is a sequence too. Each op writes down what it answered; the first line that
// differs is a failure, which is shrunk by leaving out ops as long as something differs still.
// Nothing blocks: every description is O_NONBLOCK. TOCSIN_SEED=n begins with the n-th sequence,
// TOCSIN_SEQUENCES=n runs so many.
#include <csignal>
#include <cstdlib>
#include <optional>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "tocsin/kern/linux_kernel.hpp"
#include "tocsin/vkern/process.hpp"
#include "tocsin/vkern/unix_replay_testing.hpp"

namespace tocsin::vkern {
namespace {

// ---- generating ---------------------------------------------------------------------------------

// A sequence has a character: some kinds of ops never come in it.
std::vector<UnixOp> generate(std::uint64_t seed) {
  Prng prng(seed);
  auto chosen = unix_op_weights;
  for (std::uint64_t& weight : chosen)
    if (prng.chance(1, 6)) weight = 0;
  chosen[static_cast<std::size_t>(prng.below(2))] += 20;  // Pairs or sockets there must be.
  std::uint64_t sum = 0;
  for (const std::uint64_t weight : chosen) sum += weight;
  const std::uint64_t type = prng.below(4);  // One of the three, or any.
  std::vector<UnixOp> ops;
  for (std::uint64_t left = 10 + prng.below(120); left > 0; --left) {
    std::uint64_t at = prng.below(sum);
    std::size_t kind = 0;
    while (at >= chosen[kind]) at -= chosen[kind++];
    ops.push_back({.kind = static_cast<UnixOpKind>(kind),
                   .fd = prng.next(),
                   .other = prng.next(),
                   .value = prng.next(),
                   .type = type < 3 ? type : prng.below(3)});
  }
  return ops;
}

// ---- comparing ----------------------------------------------------------------------------------

/// What was done and answered up to the first difference; nullopt if there is none.
template <class P>
std::optional<std::string> difference(const std::vector<UnixOp>& ops) {
  System<P> system;
  UnixReplay expected(LinuxKernel::shared());
  UnixReplay found(system.init());
  std::ostringstream log;
  for (const UnixOp& op : ops) {
    const std::string right = expected.apply(op);
    const std::string ours = found.apply(op);
    log << right << '\n';
    if (ours != right) return log.str() + "vkern: " + ours + '\n';
  }
  return std::nullopt;
}

template <class P>
std::string shrunk(std::vector<UnixOp> ops) {
  std::string words = difference<P>(ops).value_or("it is gone");
  for (bool again = true; again;) {
    again = false;
    for (std::size_t i = ops.size(); i-- > 0;) {
      std::vector<UnixOp> fewer = ops;
      fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
      const auto still = difference<P>(fewer);
      if (!still) continue;
      ops = std::move(fewer);
      words = *still;
      again = true;
    }
  }
  return words;
}

std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
  const char* const given = std::getenv(name);
  return given != nullptr ? std::strtoull(given, nullptr, 10) : otherwise;
}

template <class P>
class UnixDifferential : public testing::Test {};
using Policies = testing::Types<Single, Threads>;
TYPED_TEST_SUITE(UnixDifferential, Policies);

TYPED_TEST(UnixDifferential, AnyOrderOfCallsAnswersAsOnLinux) {
  std::signal(SIGPIPE, SIG_IGN);
  const std::uint64_t first = number_from("TOCSIN_SEED", 1);
  const std::uint64_t count = number_from("TOCSIN_SEQUENCES", 1000);
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    const auto ops = generate(seed);
    if (!difference<TypeParam>(ops)) continue;
    FAIL() << "TOCSIN_SEED=" << seed << '\n' << shrunk<TypeParam>(ops);
  }
}

}  // namespace
}  // namespace tocsin::vkern
