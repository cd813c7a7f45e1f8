// SPDX-License-Identifier: MIT
//
// What is printed is what is parsed, for whatever the generator makes.
#include "tests/differential/op_text.hpp"

#include <gtest/gtest.h>

#include "tests/differential/generator.hpp"

namespace tocsin::differential {
namespace {

constexpr std::uint32_t everything = ~0U;

TEST(OpText, EverySequenceCanBeReadBack) {
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    const Sequence sequence = generate(seed, everything);
    const Parsed parsed = parse(to_text(sequence));
    ASSERT_EQ(parsed.error, "") << seed;
    ASSERT_EQ(parsed.sequence, sequence) << seed << '\n' << to_text(parsed.sequence);
  }
}

TEST(OpText, IsAsItIsWrittenByHand) {
  const auto text =
      "eventfd >f1 5 EFD_NONBLOCK|EFD_SEMAPHORE\n"
      "epoll_create1 >f0 0\n"
      "epoll_ctl f0 EPOLL_CTL_ADD f1 EPOLLIN|EPOLLET -1\n"
      "pselect 64 {f0,f1} {} {f7}\n";
  const Parsed parsed = parse(text);
  ASSERT_EQ(parsed.error, "");
  EXPECT_EQ(parsed.sequence.size(), 4u);
  EXPECT_EQ(to_text(parsed.sequence), text);
}

TEST(OpText, SkipsBlankLinesAndRemarks) {
  const Parsed parsed = parse("# why\n\n   \nclose f0  # the first\n");
  ASSERT_EQ(parsed.error, "");
  EXPECT_EQ(to_text(parsed.sequence), "close f0\n");
}

TEST(OpText, NamesTheLineThatIsWrong) {
  for (const auto& [text, error] : {
           std::pair{"close f0\nshout f1\n", "line 2: no such operation: shout"},
           std::pair{"close f8\n", "line 1: operand 1 of close cannot be: f8"},
           std::pair{"dup f1 f0\n", "line 1: operand 1 of dup cannot be: f1"},
           std::pair{"dup >f1\n", "line 1: operand 2 of dup cannot be: "},
           std::pair{"close f1 f2\n", "line 1: more words than operands"},
           std::pair{"epoll_wait f0 many\n", "line 1: operand 2 of epoll_wait cannot be: many"},
           std::pair{"pselect 1 {f0,} {} {}\n", "line 1: operand 2 of pselect cannot be: {f0,}"},
       })
    EXPECT_EQ(parse(text).error, error);
}

TEST(Generator, GivesTheSameForTheSameSeed) {
  EXPECT_EQ(generate(7, everything), generate(7, everything));
  EXPECT_NE(generate(7, everything), generate(8, everything));
}

TEST(Generator, KeepsToTheKindsThatThereAre) {
  const std::uint32_t present = bit(Kind::descriptor) | bit(Kind::wait) | bit(Kind::event);
  for (std::uint64_t seed = 0; seed < 500; ++seed)
    EXPECT_EQ(kinds_of(generate(seed, present)) & ~present, 0u) << seed;
}

}  // namespace
}  // namespace tocsin::differential
