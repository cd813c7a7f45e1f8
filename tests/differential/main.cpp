// SPDX-License-Identifier: MIT
//
// fuzz_differential: holds vkern against the Linux it runs on.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <span>
#include <string>

#include "tests/differential/c_program.hpp"
#include "tests/differential/campaign.hpp"
#include "tests/differential/generator.hpp"
#include "tests/differential/op_text.hpp"
#include "tests/differential/shrink.hpp"

namespace tocsin::differential {
namespace {

using std::chrono::milliseconds;

constexpr auto help = R"(fuzz_differential: the same system calls on Linux and on vkern, compared

  --seed N       the first seed (1); each sequence has the next one
  --seconds S    how long (10)
  --sequences N  at most so many from each process; with --seed: that one again
  --jobs N       processes (1)
  --tier T       1 (the default): one thread, nothing waits, no time passes
                 2: time passes, on both in steps of 20 ms; takes many --jobs, 40 or so
                 3: TCP and UDP, over the loopback of a network of its own
                 4: calls block, in threads; takes real-time priorities (CAP_SYS_NICE)
  --only KINDS   of the kinds, only these: event,pipe,...
  --replay FILE  the sequence in FILE instead, and nothing else
  --print        with --replay or --seed: print the sequence and a C program, and do nothing
  --save FILE    where a minimal sequence that fails is written (differential-SEED.txt)

A failure is shrunk and printed with both answers and as a C program; exit status 1. It is 77 if
this process may not do what the tier is about.
)";

// For whoever runs tests.
constexpr int left_out = 77;

struct Arguments {
  CampaignOptions campaign;
  std::string replay;
  std::string save;
  bool print = false;
  bool help = false;
  std::string error;
};

bool number(const char* text, std::uint64_t& into) {
  const char* const end = text + std::strlen(text);
  const auto [rest, error] = std::from_chars(text, end, into);
  return error == std::errc{} && rest == end;
}

bool kinds_named(std::string_view text, std::uint32_t& into) {
  into = bit(Kind::descriptor) | bit(Kind::wait) | in_one_tier();
  while (!text.empty()) {
    const std::size_t length = std::min(text.size(), text.find(','));
    std::size_t i = 0;
    while (i < kinds && name_of(static_cast<Kind>(i)) != text.substr(0, length)) ++i;
    if (i == kinds) return false;
    into |= 1U << i;
    text.remove_prefix(std::min(text.size(), length + 1));
  }
  return true;
}

// Whether `value` is one that `option` can have.
bool set(Arguments& arguments, std::string_view option, const char* value) {
  std::uint64_t count = 0;
  CampaignOptions& campaign = arguments.campaign;
  if (option == "--replay") return !(arguments.replay = value).empty();
  if (option == "--save") return !(arguments.save = value).empty();
  if (option == "--only") return kinds_named(value, campaign.only);
  if (!number(value, count)) return false;
  if (option == "--seed") campaign.seed = count;
  if (option == "--seconds") campaign.time = milliseconds{count * 1000};
  if (option == "--sequences") campaign.most_sequences = count;
  if (option == "--jobs") campaign.workers = static_cast<int>(count);
  if (option == "--tier") campaign.tier = static_cast<int>(count);
  if (option == "--tier") return count == 1 || (count <= tiers && only_in_tier[count - 1] != 0);
  return option != "--jobs" || (count > 0 && count <= 1024);
}

Arguments parse_arguments(std::span<char*> words) {
  constexpr std::array<std::string_view, 8> with_value{
      "--seed", "--seconds", "--sequences", "--jobs", "--tier", "--only", "--replay", "--save"};
  Arguments arguments;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::string_view option = words[i];
    if (option == "--help" || option == "-h") {
      arguments.help = true;
    } else if (option == "--print") {
      arguments.print = true;
    } else if (std::ranges::find(with_value, option) == with_value.end()) {
      arguments.error = "no such option: " + std::string(option);
    } else if (i + 1 == words.size()) {
      arguments.error = std::string(option) + " wants a value";
    } else if (!set(arguments, option, words[++i])) {
      arguments.error = std::string(option) + " cannot be " + words[i];
    }
  }
  return arguments;
}

void print(const Sequence& sequence, const std::string& explanation = {}) {
  std::printf("%s%s\n---- the same in C\n%s----\n", to_text(sequence).c_str(), explanation.c_str(),
              c_program(sequence).c_str());
}

// An errno, or that there is none: "= EINVAL" is one, "= 3 data=0x1" is not.
std::string_view errno_of(std::string_view answer) {
  return answer.starts_with("= E") ? answer.substr(0, answer.find(' ', 2)) : "none";
}

// Fails in the same way: by the same end, or at the same operation with the same errnos.
bool fails_alike(const Sequence& candidate, const Outcome& like, const OpSpec* at) {
  const Outcome outcome = run_isolated(candidate, milliseconds{5000});
  if (outcome.end != like.end) return false;
  if (outcome.end != Outcome::End::mismatch) return true;
  return candidate[outcome.index].spec == at &&
         errno_of(outcome.linux_answer) == errno_of(like.linux_answer) &&
         errno_of(outcome.vkern_answer) == errno_of(like.vkern_answer);
}

void tell(const Failure& failure, std::string save) {
  std::printf("seed %llu fails: %s\n", static_cast<unsigned long long>(failure.seed),
              explain(failure.sequence, failure.outcome).c_str());
  const Outcome again = run_isolated(failure.sequence, milliseconds{10'000});
  if (again.end == Outcome::End::same) {
    std::printf("alone it does not fail: something of an earlier sequence was left over.\n%s",
                to_text(failure.sequence).c_str());
    return;
  }
  const OpSpec* const at = failure.sequence[again.index].spec;
  const Sequence small = shrink(failure.sequence, [&](const Sequence& candidate) {
    return fails_alike(candidate, again, at);
  });
  std::printf("---- the smallest that fails alike, %zu operations\n", small.size());
  print(small, explain(small, run_isolated(small, milliseconds{10'000})));
  std::fflush(stdout);
  if (again.end != Outcome::End::mismatch) run_vkern_aloud(small, milliseconds{5'000});
  if (save.empty()) save = "differential-" + std::to_string(failure.seed) + ".txt";
  std::ofstream(save) << to_text(small);
  std::printf("kept in %s; again: ./dev fuzz-differential --replay %s\n", save.c_str(),
              save.c_str());
}

int replay(const Arguments& arguments) {
  std::ifstream file(arguments.replay);
  if (!file) {
    std::fprintf(stderr, "fuzz_differential: %s cannot be read\n", arguments.replay.c_str());
    return 2;
  }
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const Parsed parsed = parse(text);
  if (!parsed.error.empty()) {
    std::fprintf(stderr, "fuzz_differential: %s, %s\n", arguments.replay.c_str(),
                 parsed.error.c_str());
    return 2;
  }
  if (arguments.print) {
    print(parsed.sequence);
    return 0;
  }
  const Outcome outcome = run_isolated(parsed.sequence, milliseconds{10'000});
  if (outcome.end == Outcome::End::same) {
    std::printf("%zu operations, no difference\n", outcome.ops);
    return 0;
  }
  print(parsed.sequence, explain(parsed.sequence, outcome));
  return 1;
}

int run(const Arguments& arguments) {
  if (arguments.help) {
    std::printf("%s", help);
    return 0;
  }
  if (!arguments.error.empty()) {
    std::fprintf(stderr, "fuzz_differential: %s (try --help)\n", arguments.error.c_str());
    return 2;
  }
  if (!arguments.replay.empty()) return replay(arguments);
  if (arguments.print) {
    print(generate(arguments.campaign.seed,
                   kinds_to_compare(arguments.campaign.tier) & arguments.campaign.only));
    return 0;
  }
  if (::geteuid() != 0) {
    std::printf("left out: vkern's processes are root, and this one is not: run it as root\n");
    return left_out;
  }
  std::printf("tier %d, from seed %llu, %d processes\n", arguments.campaign.tier,
              static_cast<unsigned long long>(arguments.campaign.seed), arguments.campaign.workers);
  std::fflush(stdout);
  const std::uint32_t about = only_in_tier[static_cast<std::size_t>(arguments.campaign.tier) - 1];
  if ((kinds_to_compare(arguments.campaign.tier) & about) != about) {
    std::printf("left out: this process may not %s\n",
                (about & bit(Kind::inet)) != 0 ? "make a network of its own (CAP_SYS_ADMIN)"
                                               : "have real-time priorities (CAP_SYS_NICE)");
    return left_out;
  }
  const Tally tally = run_campaign(arguments.campaign);
  std::printf("%s", report(tally).c_str());
  if (!tally.failure) {
    std::printf("no difference\n");
    return 0;
  }
  tell(*tally.failure, arguments.save);
  return 1;
}

}  // namespace
}  // namespace tocsin::differential

int main(int argc, char** argv) {
  using namespace tocsin::differential;
  return run(parse_arguments({argv, static_cast<std::size_t>(argc)}));
}
