// SPDX-License-Identifier: MIT
//
// The classic table: N descriptors are watched, one of them, at random, is made ready, and is
// waited for. (M. Kerrisk, "The Linux Programming Interface", 2010, table 63-9, which counts
// 100,000 such waits on pipes.) Here they are eventfds, of which the same limit of descriptors
// allows twice as many; a wait is write(2), the wait, and read(2). What the write and the read cost
// alone is a row of its own.
//
// Thread rule: one thread.
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <span>

#include <fmt/core.h>

#include "cli/bench/lists.hpp"
#include "cli/bench/report.hpp"
#include "cli/bench/subject.hpp"
#include "tocsin/base/prng.hpp"
#include "tocsin/kern/fd.hpp"

namespace tocsin::bench {
namespace {

constexpr std::uint64_t table_waits = 100'000;  // That a figure is told for.
constexpr double seconds_of_table = 1e-9 * static_cast<double>(table_waits);  // Per nanosecond.

constexpr Clock usual_clock = Clock::worked;  // As in the book.

class Table {
 public:
  Table(Bed bed, std::uint64_t seed) : bed_(std::move(bed)), prng_(seed) {}

  /// Makes `n` counters, which are watched if `trigger` says how. Says which call failed.
  std::string watch(std::uint64_t n, std::optional<Trigger> trigger) {
    for (std::uint64_t i = 0; i < n; ++i) {
      auto counter = own(bed_.kernel(), bed_.kernel().eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
      if (!counter) return why_not(fmt::format("eventfd number {}", i + 1), counter.error());
      counters_.push_back(std::move(*counter));
      if (!trigger) continue;
      const auto added =
          bed_.poller().add(counters_.back().get(), Ready::read, {.trigger = *trigger}, Token{i});
      if (!added) return why_not("registration", added.error());
    }
    return {};
  }

  /// Does `count` waits, or, without `is_waiting`, only the writes and reads. After a failure it
  /// does nothing more.
  void run(std::uint64_t count, bool is_waiting) {
    for (std::uint64_t i = 0; i < count && complaint_.empty(); ++i) {
      const std::uint64_t chosen = prng_.below(counters_.size());
      const int fd = counters_[chosen].get();
      std::uint64_t number = 1;
      const auto bytes = std::as_writable_bytes(std::span(&number, 1));
      if (const auto written = bed_.kernel().write(fd, bytes); !written)
        complaint_ = why_not("write", written.error());
      if (is_waiting) wait(Token{chosen});
      if (const auto read = bed_.kernel().read(fd, bytes); !read)
        complaint_ = why_not("read", read.error());
    }
  }

  const std::string& complaint() const { return complaint_; }

 private:
  void wait(Token expected) {
    const auto events = bed_.wait(room_, std::nullopt);
    if (!events)
      complaint_ = why_not("wait", events.error());
    else if (events->size() != 1 || events->front().token != expected)
      complaint_ = fmt::format("{} descriptors were told ready, or another one", events->size());
  }

  Bed bed_;
  Prng prng_;
  std::vector<Fd> counters_;  // Of the bed's kernel: they end before it.
  std::array<Event, 16> room_{};
  std::string complaint_;
};

// A sampler of `table`: seconds for 100,000 waits, from at most `waits` of them in all.
Sampler sampler_of(std::unique_ptr<Table> table, const Pace& pace,
                   const MultiplexerOptions& options, bool is_waiting) {
  const std::uint64_t most = std::max<std::uint64_t>(options.waits / pace.samples, 1);
  return [table = std::move(table), block = Block(pace, most, clock_of(options, usual_clock)),
          is_waiting, samples = pace.samples]() mutable -> Outcome<Measured> {
    Measured measured = block.measure([&](std::uint64_t count) { table->run(count, is_waiting); },
                                      seconds_of_table);
    if (!table->complaint().empty()) return std::unexpected(table->complaint());
    if (measured.operations * samples < table_waits)
      measured.remark = fmt::format("scaled from {} waits", counted(measured.operations * samples));
    return measured;
  };
}

Planned planned(const Subject& subject, const MultiplexerOptions& options, std::uint64_t n,
                const Settings& settings, bool is_waiting) {
  const std::string name = is_waiting ? subject.name : "write and read alone";
  return {
      .rows = {{.group =
                    "classic table: 100,000 times one of N eventfds is written, waited for, read",
                .name = name,
                .n = n,
                .unit = unit_of("s", clock_of(options, usual_clock))}},
      .begin = [=, &settings](const Pace& pace) -> Outcome<Sampler> {
        auto bed = Bed::make(subject, settings.kernel);
        if (!bed) return std::unexpected(bed.error());
        auto table = std::make_unique<Table>(std::move(*bed), settings.seed);
        const auto trigger = is_waiting ? std::optional(subject.trigger) : std::optional<Trigger>();
        if (std::string complaint = table->watch(n, trigger); !complaint.empty())
          return std::unexpected(std::move(complaint));
        return sampler_of(std::move(table), pace, options, is_waiting);
      }};
}

// As far as the limit of descriptors goes, with some left for everything else that is open.
std::uint64_t largest(const Settings& settings) {
  constexpr std::uint64_t others = 50;
  constexpr std::uint64_t enough =
      100'000;  // To see where it goes; poll takes 10 ms for each wait.
  return std::min(std::max(settings.most_fds, 2 * others) - others, enough);
}

std::vector<std::uint64_t> usual_n(const Settings& settings) {
  std::vector<std::uint64_t> all{10, 100, 1'000, 10'000};
  const std::uint64_t last = largest(settings);
  std::erase_if(all, [&](std::uint64_t n) { return n > last; });
  if (!settings.quick && last > all.back()) all.push_back(last);
  return all;
}

}  // namespace

Plan plan_classic_table(const MultiplexerOptions& options, const Settings& settings) {
  const std::vector<Subject> subjects = chosen(all_subjects(), options.mechanisms);
  Plan plan;
  for (const std::uint64_t n : options.n.empty() ? usual_n(settings) : options.n) {
    if (!subjects.empty()) plan.push_back(planned(subjects.front(), options, n, settings, false));
    for (const Subject& subject : subjects)
      plan.push_back(planned(subject, options, n, settings, true));
  }
  if (!options.n.empty()) return plan;
  // What no limit of Linux binds goes further.
  for (const std::uint64_t n : std::to_array<std::uint64_t>({100'000, 1'000'000}))
    for (const Subject& subject : subjects)
      if (subject.home != Subject::Home::linux && !(settings.quick && n > 100'000))
        plan.push_back(planned(subject, options, n, settings, true));
  return plan;
}

}  // namespace tocsin::bench
