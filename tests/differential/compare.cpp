// SPDX-License-Identifier: MIT
#include "tests/differential/compare.hpp"

#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "tests/differential/child.hpp"
#include "tests/differential/op_text.hpp"

namespace tocsin::differential {
namespace {

// Who is woken by a timer and gets a processor later than this may meet the next one, too.
constexpr Duration most_delay = Side::between_expiries / 2;

// What a child leaves for its parent.
struct Page {
  std::atomic<std::uint32_t> index;
  std::atomic<std::size_t> ops;
  std::atomic<bool> was_late;
  std::atomic<bool> differs;
  std::array<char, 8192> linux_answer;
  std::array<char, 8192> vkern_answer;
};

void store(std::array<char, 8192>& into, const std::string& text) {
  const std::size_t count = std::min(text.size(), into.size() - 1);
  std::memcpy(into.data(), text.data(), count);
  into[count] = '\0';
}

void compare_into(Page& page, const Sequence& sequence) {
  VkernSide::profile();  // While there are descriptors to be had.
  LinuxSide linux_side;
  VkernSide vkern_side;
  const Comparison comparison = compare(linux_side, vkern_side, sequence, &page.index);
  const auto& mismatch = comparison.mismatch;
  page.ops = comparison.ops;
  page.was_late = comparison.was_late;
  if (!mismatch) return;
  page.index = static_cast<std::uint32_t>(mismatch->index);
  store(page.linux_answer, to_text(mismatch->linux_answer));
  store(page.vkern_answer, to_text(mismatch->vkern_answer));
  page.differs = true;
}

}  // namespace

auto performance_of(const Sequence& sequence) -> void (Side::*)(const Op&, Answer&) {
  const bool in_threads = (kinds_of(sequence) & bit(Kind::blocking)) != 0;
  return in_threads ? &Side::perform_in_thread : &Side::perform;
}

Comparison compare(LinuxSide& linux_side, VkernSide& vkern_side, const Sequence& sequence,
                   std::atomic<std::uint32_t>* at) {
  const std::uint32_t used = kinds_of(sequence);
  const bool time_passes = (used & bit(Kind::time)) != 0;
  const auto perform = performance_of(sequence);
  static Answer linux_answer, vkern_answer;  // Their memory is used again.
  Comparison comparison;
  bool was_held_up = false;
  for (std::size_t i = 0; i < sequence.size() && !comparison.mismatch; ++i) {
    if (at != nullptr) at->store(static_cast<std::uint32_t>(i), std::memory_order_relaxed);
    if (linux_side.all_asleep()) break;
    const Duration delay = time_passes ? linux_side.delay() : Duration::zero();
    (linux_side.*perform)(sequence[i], linux_answer);
    was_held_up = was_held_up || (time_passes && linux_side.delay() - delay > most_delay);
    comparison.was_late = time_passes && linux_side.is_late();
    if (comparison.was_late) break;
    (vkern_side.*perform)(sequence[i], vkern_answer);
    const bool differs = linux_answer != vkern_answer;
    comparison.was_late = differs && was_held_up;
    if (comparison.was_late) break;
    if (differs) comparison.mismatch = {i, linux_answer, vkern_answer};
    ++comparison.ops;
  }
  linux_side.reset(used);
  vkern_side.reset(used);
  return comparison;
}

namespace {

Outcome run_once(const Sequence& sequence, std::chrono::milliseconds limit) {
  const Shared<Page> page;
  Child child([&] { compare_into(*page, sequence); });
  const auto status = child.wait(limit);
  Outcome outcome{.index = page->index.load(),
                  .linux_answer = page->linux_answer.data(),
                  .vkern_answer = page->vkern_answer.data(),
                  .ops = page->ops,
                  .was_late = page->was_late};
  if (!status)
    outcome.end = Outcome::End::hung;
  else if (page->differs)
    outcome.end = Outcome::End::mismatch;
  else if (*status != 0)
    outcome.end = Outcome::End::died;
  outcome.status = status.value_or(0);
  return outcome;
}

}  // namespace

Outcome run_isolated(const Sequence& sequence, std::chrono::milliseconds limit) {
  // TCP has timers, too: see Campaign.
  const bool may_differ_once = (kinds_of(sequence) & (bit(Kind::time) | bit(Kind::inet))) != 0;
  Outcome outcome = run_once(sequence, limit);
  for (int again = 0; again < 4 && may_differ_once; ++again) {
    if (!outcome.was_late && outcome.end != Outcome::End::mismatch) break;
    outcome = run_once(sequence, limit);
  }
  return outcome;
}

void run_vkern_aloud(const Sequence& sequence, std::chrono::milliseconds limit) {
  Child child([&] {
    VkernSide side;
    Answer answer;
    const auto perform = performance_of(sequence);
    for (const Op& op : sequence)
      if (!side.all_asleep()) (side.*perform)(op, answer);
    side.reset(kinds_of(sequence));
  });
  static_cast<void>(child.wait(limit));  // Whatever becomes of it, it has said what it had to say.
}

std::string explain(const Sequence& sequence, const Outcome& outcome) {
  if (outcome.end == Outcome::End::same) return {};
  std::string text =
      "op " + std::to_string(outcome.index + 1) + " of " + std::to_string(sequence.size());
  if (outcome.index < sequence.size()) text += ": " + to_text(sequence[outcome.index]);
  switch (outcome.end) {
    case Outcome::End::mismatch:
      return text + "\n  Linux " + outcome.linux_answer + "\n  vkern " + outcome.vkern_answer +
             '\n';
    case Outcome::End::hung:
      return text + "\n  does not come back\n";
    default:
      break;
  }
  if (WIFSIGNALED(outcome.status))
    return text + "\n  the process died of signal " + std::to_string(WTERMSIG(outcome.status)) +
           '\n';
  return text + "\n  the process ended with status " + std::to_string(WEXITSTATUS(outcome.status)) +
         '\n';
}

}  // namespace tocsin::differential
