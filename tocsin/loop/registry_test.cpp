// SPDX-License-Identifier: MIT
#include "tocsin/loop/registry.hpp"

#include <map>

#include <gtest/gtest.h>

#include "tocsin/base/prng.hpp"

namespace tocsin {
namespace {

struct NoSource final : Source {
  void on_ready(Ready) override {}
};

Registration of(int fd) {
  Registration registration;
  registration.fd = fd;
  return registration;
}

// Twenty thousand random steps beside a map: what is there is found, what has gone never is again.
TEST(Registry, FindsWhatIsThereAndNothingElse) {
  constexpr std::uint64_t seed = 3;
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  Prng random(seed);
  NoSource source;
  Registry registry;
  std::map<Token, int> there;
  std::vector<Token> gone;
  for (int fd = 0; fd < 20'000; ++fd) {
    if (there.empty() || random.chance(11, 20)) {
      const Token token = registry.add(source, of(fd));
      ASSERT_TRUE(there.emplace(token, fd).second) << "a token was used twice";
    } else {
      const auto victim =
          std::next(there.begin(), static_cast<std::ptrdiff_t>(random.below(there.size()) % 50));
      registry.remove(victim->first);
      gone.push_back(victim->first);
      there.erase(victim);
    }
    ASSERT_EQ(registry.size(), there.size());
  }
  for (const auto& [token, fd] : there) {
    ASSERT_NE(registry.find(token), nullptr);
    EXPECT_EQ(registry.find(token)->fd, fd);
    EXPECT_EQ(registry.source_of(token), &source);
  }
  for (const Token token : gone) EXPECT_EQ(registry.source_of(token), nullptr);
  std::size_t visited = 0;
  registry.for_each([&](Token token, const Registration& one) {
    EXPECT_EQ(there.at(token), one.fd);
    ++visited;
  });
  EXPECT_EQ(visited, there.size());
}

TEST(Registry, ANumberMeansWhoeverTookItLast) {
  NoSource source;
  Registry registry;
  const Token first = registry.add(source, of(700));
  registry.take_fd(first);
  const Token refused = registry.add(source, of(700));
  EXPECT_TRUE(registry.has_fd(first)) << "the poller may refuse the second one";
  registry.remove(refused);
  const Token second = registry.add(source, of(700));
  registry.take_fd(second);
  EXPECT_FALSE(registry.has_fd(first));
  EXPECT_TRUE(registry.has_fd(second));
  registry.remove(second);
  const Token other = registry.add(source, of(3));
  registry.take_fd(other);
  EXPECT_TRUE(registry.has_fd(other));
}

TEST(Registry, ATokenThatNobodyMadeIsNotFound) {
  NoSource source;
  Registry registry;
  EXPECT_EQ(registry.find(Token{}), nullptr);
  EXPECT_EQ(registry.find(Token{~std::uint64_t{0}}), nullptr);
  const Token token = registry.add(source, of(7));
  EXPECT_EQ(registry.find(Token{std::to_underlying(token) + 1}), nullptr) << "the next slot";
  EXPECT_EQ(registry.find(Token{std::to_underlying(token) + (std::uint64_t{1} << 32)}), nullptr)
      << "the slot's next generation";
}

TEST(RegistryDeathTest, ARegistrationOfNoFdIsCaught) {
  EXPECT_DEATH(
      {
        Registry registry;
        NoSource source;
        registry.add(source, {});
      },
      "is of an open fd");
}

}  // namespace
}  // namespace tocsin
