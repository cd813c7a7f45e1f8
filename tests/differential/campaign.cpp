// SPDX-License-Identifier: MIT
#include "tests/differential/campaign.hpp"

#include <cstdio>
#include <deque>
#include <span>

#include "tests/differential/child.hpp"
#include "tests/differential/generator.hpp"
#include "tests/differential/linux_threads.hpp"
#include "tests/differential/ops_inet.hpp"

namespace tocsin::differential {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

struct Page {
  std::atomic<std::uint64_t> sequences;
  std::atomic<std::uint64_t> ops;
  std::atomic<std::uint64_t> late;
  std::atomic<std::uint64_t> asleep;
  std::atomic<std::uint64_t> not_again;
  std::array<std::atomic<std::uint64_t>, kinds> ops_of_kind;
  std::atomic<std::uint64_t> seed;
  std::atomic<std::uint32_t> index;
  std::atomic<bool> differs;
  std::array<std::array<char, 8192>, 2> answers;
};

void store(std::array<char, 8192>& into, const std::string& text) {
  text.copy(into.data(), into.size() - 1);
}

void store(Page& page, const Mismatch& mismatch) {
  page.index = static_cast<std::uint32_t>(mismatch.index);
  store(page.answers[0], to_text(mismatch.linux_answer));
  store(page.answers[1], to_text(mismatch.vkern_answer));
  page.differs = true;
}

void count(Page& page, const Sequence& sequence, const Comparison& comparison) {
  const bool is_whole = comparison.ops == sequence.size();
  page.sequences.fetch_add(1, std::memory_order_relaxed);
  page.ops.fetch_add(comparison.ops, std::memory_order_relaxed);
  if (!is_whole)
    (comparison.was_late ? page.late : page.asleep).fetch_add(1, std::memory_order_relaxed);
  for (const Op& op : std::span(sequence).first(comparison.ops))
    page.ops_of_kind[static_cast<std::size_t>(op.spec->kind)].fetch_add(1,
                                                                        std::memory_order_relaxed);
}

struct Worker {
  Shared<Page> page;
  std::optional<Child> child;
  std::uint64_t seen = 0;  // Sequences, when it was last looked at.
  Clock::time_point seen_at = Clock::now();
};

// Every `workers`-th seed from `first` on.
void work(Page& page, const CampaignOptions& options, std::uint32_t present, std::uint64_t first) {
  VkernSide::profile();
  LinuxSide linux_side;
  VkernSide vkern_side;
  const auto end = Clock::now() + options.time;
  for (std::uint64_t n = 0; n < options.most_sequences && Clock::now() < end; ++n) {
    const std::uint64_t seed = first + n * static_cast<std::uint64_t>(options.workers);
    page.seed = seed;
    const Sequence sequence = generate(seed, present);
    Comparison last = compare(linux_side, vkern_side, sequence, &page.index);
    // Where time passes, a machine that is busy makes differences of its own; and a port may still
    // be taken, for a minute, by what a sequence before left (TIME_WAIT); but not each time.
    const int most = (present & (bit(Kind::time) | bit(Kind::inet))) != 0 ? 4 : 1;
    const bool differed = last.mismatch.has_value();
    for (int times = 1; times < most && last.mismatch; ++times)
      last = compare(linux_side, vkern_side, sequence, &page.index);
    if (last.mismatch) {
      store(page, *last.mismatch);
      return;
    }
    if (differed) page.not_again.fetch_add(1, std::memory_order_relaxed);
    count(page, sequence, last);
  }
}

Failure failure_of(const Page& page, std::uint32_t present, Outcome::End end, int status) {
  const std::uint64_t seed = page.seed;
  return {.seed = seed,
          .sequence = generate(seed, present),
          .outcome = {.end = page.differs ? Outcome::End::mismatch : end,
                      .index = page.index,
                      .linux_answer = page.answers[0].data(),
                      .vkern_answer = page.answers[1].data(),
                      .status = status}};
}

// Whether it still runs; a failure is noted in the tally.
bool look_at(Worker& worker, const CampaignOptions& options, Tally& tally) {
  constexpr milliseconds a_moment{20};
  const auto status = worker.child->wait(a_moment);
  const std::uint32_t present = tally.kinds_compared;
  if (status) {
    if (*status != 0 || worker.page->differs)
      tally.failure = failure_of(*worker.page, present, Outcome::End::died, *status);
    return false;
  }
  const auto now = Clock::now();
  if (worker.page->sequences != worker.seen) {
    worker.seen = worker.page->sequences;
    worker.seen_at = now;
  }
  if (now - worker.seen_at < options.patience) return true;
  worker.child->kill();
  tally.failure = failure_of(*worker.page, present, Outcome::End::hung, 0);
  return false;
}

void add_up(const Page& page, Tally& tally) {
  tally.sequences += page.sequences;
  tally.ops += page.ops;
  tally.late += page.late;
  tally.asleep += page.asleep;
  tally.not_again += page.not_again;
  for (std::size_t i = 0; i < kinds; ++i) tally.ops_of_kind[i] += page.ops_of_kind[i];
}

std::string names_of(std::uint32_t set) {
  std::string names;
  for (std::size_t i = 0; i < kinds; ++i)
    if ((set & bit(static_cast<Kind>(i))) != 0)
      names += ' ' + std::string(name_of(static_cast<Kind>(i)));
  return names.empty() ? " none" : names;
}

}  // namespace

std::uint32_t kinds_to_compare(int tier) {
  const Shared<std::atomic<std::uint32_t>> present;
  Child child([&] {
    VkernSide side;
    *present = kinds_present(side);
    if (!make_own_network()) *present &= ~bit(Kind::inet);
    if (!LinuxThreads::are_permitted()) *present &= ~bit(Kind::blocking);
  });
  CHECK(child.wait(milliseconds{10'000}) == 0, "a new kernel can be asked what it has");
  return *present & kinds_of_tier(tier);
}

Tally run_campaign(const CampaignOptions& options) {
  Tally tally;
  const std::uint32_t present = kinds_to_compare(options.tier);
  tally.kinds_compared = present & options.only;
  tally.kinds_left_out = kinds_of_tier(options.tier) & ~present & ((1U << kinds) - 1);
  const auto start = Clock::now();
  std::deque<Worker> workers(static_cast<std::size_t>(options.workers));
  for (std::size_t i = 0; i < workers.size(); ++i)
    workers[i].child.emplace(
        [&, i] { work(*workers[i].page, options, tally.kinds_compared, options.seed + i); });
  std::size_t running = workers.size();
  std::vector<bool> ended(workers.size());
  while (running > 0 && !tally.failure) {
    for (std::size_t i = 0; i < workers.size() && !tally.failure; ++i) {
      if (ended[i] || look_at(workers[i], options, tally)) continue;
      ended[i] = true;
      --running;
    }
  }
  for (Worker& worker : workers) {
    worker.child->kill();
    add_up(*worker.page, tally);
  }
  tally.time = Clock::now() - start;
  return tally;
}

std::string report(const Tally& tally) {
  char line[160];
  std::snprintf(line, sizeof line, "%llu sequences, %llu operations in %.1f s: %.0f sequences/s\n",
                static_cast<unsigned long long>(tally.sequences),
                static_cast<unsigned long long>(tally.ops), tally.time.count(),
                static_cast<double>(tally.sequences) / tally.time.count());
  std::string text = line;
  text += "operations by kind:";
  for (std::size_t i = 0; i < kinds; ++i)
    if (tally.ops_of_kind[i] != 0)
      text += ' ' + std::string(name_of(static_cast<Kind>(i))) + ' ' +
              std::to_string(tally.ops_of_kind[i]);
  if (tally.late != 0)
    text +=
        "\ncut short, because the machine was late: " + std::to_string(tally.late) + " sequences";
  if (tally.asleep != 0)
    text +=
        "\nended early, because all threads slept: " + std::to_string(tally.asleep) + " sequences";
  if (tally.not_again != 0)
    text +=
        "\ndiffered once, and not when repeated: " + std::to_string(tally.not_again) + " sequences";
  if (tally.kinds_left_out != 0)
    text += "\nleft out, because vkern has none:" + names_of(tally.kinds_left_out);
  return text + '\n';
}

}  // namespace tocsin::differential
