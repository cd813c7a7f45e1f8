// SPDX-License-Identifier: MIT
//
// That the fuzzer sees what it is for: differences, deaths and hangs; that what it prints as C is
// the same program; and its corpus, which must not differ any more.
#include "tests/differential/compare.hpp"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include <gtest/gtest.h>

#include "tests/differential/c_program.hpp"
#include "tests/differential/campaign.hpp"
#include "tests/differential/child.hpp"
#include "tests/differential/generator.hpp"
#include "tests/differential/op_text.hpp"
#include "tocsin/kern/kernel_testing.hpp"

namespace tocsin::differential {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds long_enough{20'000};

// An op that asks the two sides for different things, dies or hangs.
void perform_different(Side& side, const Values& values, Answer& answer) {
  const bool is_vkern = dynamic_cast<VkernSide*>(&side) != nullptr;
  if (values[0] == 0) answer.take(side.kernel().epoll_create1(is_vkern ? -1 : 0));
  if (values[0] == 1 && is_vkern) std::abort();
  while (values[0] == 2) ::pause();
}

const OpSpec different{.name = "different",
                       .kind = Kind::descriptor,
                       .weight = 0,
                       .operands = {number({})},
                       .perform = perform_different,
                       .c_text = ""};

Sequence with_different(std::int64_t what) {
  Sequence sequence = parse("eventfd >f0 0 0\ndup >f1 f0\n").sequence;
  sequence.push_back({.spec = &different, .values = {what}});
  return sequence;
}

TEST(Compare, FindsADifferenceAndBothAnswers) {
  const Outcome outcome = run_isolated(with_different(0), long_enough);
  EXPECT_EQ(outcome.end, Outcome::End::mismatch);
  EXPECT_EQ(outcome.index, 2u);
  EXPECT_EQ(outcome.linux_answer, "= 2");
  EXPECT_EQ(outcome.vkern_answer, "= EINVAL");
  EXPECT_EQ(explain(with_different(0), outcome),
            "op 3 of 3: different 0\n  Linux = 2\n  vkern = EINVAL\n");
}

TEST(Compare, SurvivesASequenceThatKills) {
  const Outcome outcome = run_isolated(with_different(1), long_enough);
  EXPECT_EQ(outcome.end, Outcome::End::died);
  EXPECT_EQ(outcome.index, 2u);
  EXPECT_NE(explain(with_different(1), outcome).find("signal 6"), std::string::npos);
}

TEST(Compare, SurvivesASequenceThatHangs) {
  const Outcome outcome = run_isolated(with_different(2), milliseconds{200});
  EXPECT_EQ(outcome.end, Outcome::End::hung);
  EXPECT_EQ(outcome.index, 2u);
}

TEST(Compare, NumbersOfDescriptorsAreTheSameOnBothSides) {
  const Sequence sequence =
      parse("eventfd >f0 0 0\neventfd >f1 0 0\nclose f0\ndup >f2 f1\n").sequence;
  EXPECT_EQ(run_isolated(sequence, long_enough).end, Outcome::End::same);
  Child child([&] {
    LinuxSide side;
    Answer answer;
    for (const Op& op : sequence) side.perform(op, answer);
    if (side.fd(1) != 1 || side.fd(2) != 0) ::_exit(3);
  });
  EXPECT_EQ(child.wait(long_enough), 0);
}

// ---- the C program ------------------------------------------------------------------------------

struct Directory {
  Directory() { EXPECT_NE(::mkdtemp(name.data()), nullptr); }
  ~Directory() { std::filesystem::remove_all(name); }
  std::string name = (std::filesystem::temp_directory_path() / "tocsin-c-XXXXXX").string();
};

std::string output_of(const std::string& command) {
  std::string text;
  FILE* const pipe = ::popen(command.c_str(), "re");
  if (pipe == nullptr) return "popen failed";
  std::array<char, 4096> buffer;
  while (const std::size_t count = std::fread(buffer.data(), 1, buffer.size(), pipe))
    text.append(buffer.data(), count);
  if (::pclose(pipe) != 0) text += "failed\n";
  return text;
}

// What Linux answers to it here, a line for each op.
std::string answers_of(const Sequence& sequence) {
  struct Text {
    std::array<char, 1 << 20> characters;
  };
  const Shared<Text> text;
  Child child([&] {
    LinuxSide side;
    Answer answer;
    std::string lines;
    const auto perform = performance_of(sequence);
    for (const Op& op : sequence) {
      if (side.all_asleep()) break;
      (side.*perform)(op, answer);
      lines += to_text(op) + ' ' + to_text(answer) + '\n';
    }
    lines.copy(text->characters.data(), text->characters.size() - 1);
    side.reset(kinds_of(sequence));
  });
  EXPECT_EQ(child.wait(long_enough), 0);
  return text->characters.data();
}

/// A sequence that was printed as C and compiled.
class Printed {
 public:
  explicit Printed(const Sequence& sequence) {
    std::ofstream(program_ + ".c") << c_program(sequence);
    const std::string compiler = TOCSIN_C_COMPILER " -Wall -Wextra -Werror -o ";
    compiler_said_ = output_of(compiler + program_ + ' ' + program_ + ".c 2>&1");
  }

  /// What it says when it is run; after what the compiler said.
  std::string answers() const { return compiler_said_ + output_of(program_ + " 2>&1"); }

 private:
  Directory directory_;
  std::string program_ = directory_.name + "/sequence";
  std::string compiler_said_;
};

// Of any tier.
std::uint32_t kinds_anywhere() {
  std::uint32_t present = 0;
  for (int tier = 1; tier <= tiers; ++tier) present |= kinds_to_compare(tier);
  return present;
}

// Where time passes, a machine that is busy makes differences of its own, on either side; but not
// each time.
void expect_same_answers(const Sequence& sequence) {
  const Printed program(sequence);
  const int most = (kinds_of(sequence) & in_one_tier()) == 0 ? 1 : 20;
  std::set<std::string> said, expected;
  for (int times = 1;; ++times) {
    const std::string now_said = program.answers(), now_expected = answers_of(sequence);
    said.insert(now_said);
    expected.insert(now_expected);
    if (said.contains(now_expected) || expected.contains(now_said)) return;
    if (times == most) {
      EXPECT_EQ(now_said, now_expected);
      return;
    }
  }
}

TEST(CProgram, AnswersAsTheFuzzerSaysThatLinuxDoes) {
  for (int tier = 1; tier <= tiers; ++tier)
    for (std::uint64_t seed = 100; seed < 103; ++seed) {
      SCOPED_TRACE("tier " + std::to_string(tier) + ", seed " + std::to_string(seed));
      expect_same_answers(generate(seed, kinds_to_compare(tier)));
    }
}

Op simplest(const OpSpec& spec) {
  Op op{.spec = &spec};
  for (std::size_t i = 0; i < spec.operands.size(); ++i) {
    const Operand& operand = spec.operands[i];
    op.values[i] = operand.always;
    if (operand.shape == Shape::new_slot) op.values[i] = static_cast<std::int64_t>(i);
    if (operand.shape == Shape::number) op.values[i] = operand.pool[0];
  }
  return op;
}

// Every operation once, so that none is left that does not compile.
TEST(CProgram, CanSayEveryOperation) {
  ONLY_AS_ROOT("a tier is left out for others, and these operations with it");
  const std::uint32_t present = kinds_anywhere();
  Sequence without_threads, in_threads;
  for (const OpSpec& spec : all_ops()) {
    if ((bit(spec.kind) & present) == 0) continue;  // This process may not.
    (spec.kind == Kind::blocking ? in_threads : without_threads).push_back(simplest(spec));
  }
  expect_same_answers(without_threads);
  expect_same_answers(in_threads);
}

// ---- the corpus ---------------------------------------------------------------------------------

TEST(Corpus, NoSequenceOfItDiffers) {
  const std::uint32_t present = kinds_anywhere();
  ONLY_AS_ROOT("vkern's processes are, and Linux refuses others what vkern allows");
  int replayed = 0;
  for (const auto& entry : std::filesystem::directory_iterator(TOCSIN_DIFFERENTIAL_CORPUS)) {
    std::ifstream file(entry.path());
    const Parsed parsed = parse(std::string{std::istreambuf_iterator<char>(file), {}});
    ASSERT_EQ(parsed.error, "") << entry.path();
    if ((kinds_of(parsed.sequence) & ~present) != 0) continue;
    ++replayed;
    const Outcome outcome = run_isolated(parsed.sequence, long_enough);
    EXPECT_EQ(explain(parsed.sequence, outcome), "") << entry.path();
  }
  EXPECT_GT(replayed, 0);
}

TEST(Campaign, CountsWhatItDidAndFindsNoDifference) {
  ONLY_AS_ROOT("vkern's processes are, and Linux refuses others what vkern allows");
  const Tally tally = run_campaign({.seed = 1, .most_sequences = 200, .workers = 2});
  EXPECT_FALSE(tally.failure);
  EXPECT_EQ(tally.sequences, 400u);
  EXPECT_GT(tally.ops, 400u);
  EXPECT_NE(report(tally).find("400 sequences"), std::string::npos);
}

}  // namespace
}  // namespace tocsin::differential
