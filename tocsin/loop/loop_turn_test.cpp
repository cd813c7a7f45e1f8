// SPDX-License-Identifier: MIT
//
// The order of a turn, number by number as docs/loop-turn.md has it.
#include <map>

#include "tocsin/base/prng.hpp"
#include "tocsin/kern/forwarding_kernel_testing.hpp"
#include "tocsin/loop/loop_testing.hpp"

namespace tocsin {
namespace {

using namespace loop_testing;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""ns;
using std::chrono_literals::operator""s;

class LoopTurn : public LoopTest {};
INSTANTIATE_TEST_SUITE_P(All, LoopTurn, every_mechanism, name_of_mechanism);

// Everything at once, and all of it in the one order.
TEST_P(LoopTurn, HasOneOrder) {
  CallWork left(note("work left over"));
  CallWork posted_by_event(note("work posted by an event"));
  CallWork posted_by_left_over(note("work posted by a source left over"));
  CallWork chained(note("work posted by a work"));
  CallWork first(note("work"));
  CallAlarm early(note("alarm, early"));
  CallAlarm late(note("alarm, late"));
  CallSource again(loop(), [&](Ready ready) {
    EXPECT_EQ(ready, again.calls() == 1 ? Ready::read : Ready::none);
    log_.push_back("source left over");
    if (again.calls() == 1) loop().serve_again(again);
    if (again.calls() == 2) loop().post(posted_by_left_over);
  });
  again.ring();
  turn();
  ASSERT_EQ(log_, Log{"source left over"});
  log_.clear();

  CallSource event(loop(), [&](Ready) {
    log_.push_back("event");
    loop().post(posted_by_event);
  });
  CallWork chaining([&] {
    log_.push_back("work left over");
    loop().post(chained);
  });
  loop().post(chaining);
  loop().arm(late, loop().now() - 1ns);
  loop().arm(early, loop().now() - 1ns);
  loop().waker().post(note("posted"));
  event.ring();
  turn();
  EXPECT_EQ(log_, (Log{
                      "event",                    // 6
                      "source left over",         // 7
                      "work left over",           // 8: first what was there already, ...
                      "alarm, late",              // ... what 4 put there, ...
                      "alarm, early",             // (past deadlines: in the order of arming)
                      "posted",                   // ... 5, ...
                      "work posted by an event",  // ... 6, ...
                      "work posted by a source left over",  // ... 7, ...
                      "work posted by a work",              // ... and 8 itself.
                  }));
}

TEST_P(LoopTurn, Step1DoesNotWaitWhileThereIsWork) {
  CallWork work(note("work"));
  loop().post(work);
  ASSERT_TRUE(loop().run_once(std::nullopt));  // Would never return.
  EXPECT_EQ(log_, Log{"work"});

  CallSource source(loop(), note_ready("source"));
  loop().serve_again(source);
  ASSERT_TRUE(loop().run_once(std::nullopt));
  EXPECT_EQ(log_, (Log{"work", "source"}));

  loop().waker().post(note("posted"));
  ASSERT_TRUE(loop().run_once(std::nullopt));
  EXPECT_EQ(log_, (Log{"work", "source", "posted"}));
}

TEST_P(LoopTurn, Step2ReadsTheClockOnceForAll) {
  std::vector<TimePoint> seen;
  const auto look = [&] { seen.push_back(loop().now()); };
  CallSource source(loop(), [&](Ready) {
    look();
    const TimePoint until = loop().now() + 100'000ns;
    while (std::chrono::nanoseconds(loop().kernel().clock_gettime(CLOCK_MONOTONIC)->tv_nsec) +
               std::chrono::seconds(loop().kernel().clock_gettime(CLOCK_MONOTONIC)->tv_sec) <
           until.time_since_epoch()) {
    }
    look();
  });
  CallWork work(look);
  loop().post(work);
  source.ring();
  const TimePoint before = loop().now();
  turn();
  ASSERT_EQ(seen.size(), 3u);
  EXPECT_GE(seen[0], before);
  EXPECT_EQ(seen[0], seen[1]);
  EXPECT_EQ(seen[0], seen[2]);
  EXPECT_GE(loop().now(), seen[0] + 100'000ns) << "outside a turn, it is the end of the last one";
}

TEST_P(LoopTurn, Step3ASourceThatAsksAgainIsServedInTheNextTurnAndOnceATurn) {
  CallSource source(loop(), [&](Ready) { loop().serve_again(source); });
  source.ring();
  for (int turns = 1; turns <= 5; ++turns) {
    turn();
    EXPECT_EQ(source.calls(), turns);
    source.ring();  // An event and being left over are one call.
  }
  EXPECT_EQ(loop().counters().left_over, 5u);
}

TEST_P(LoopTurn, Step3AskingTwiceIsAskingOnce) {
  CallSource source(loop(), note_ready("source"));
  loop().serve_again(source);
  loop().serve_again(source);
  turn();
  turn();
  EXPECT_EQ(log_, Log{"source"});
  EXPECT_EQ(loop().counters().left_over, 1u);
}

TEST_P(LoopTurn, Step4RunsDueAlarmsInTheOrderOfTheirDeadlines) {
  const TimePoint now = loop().now();
  CallAlarm third(note("third"));
  CallAlarm first(note("first"));
  CallAlarm second(note("second"));
  CallAlarm also_second(note("also second"));
  CallAlarm not_yet(note("not yet"));
  loop().arm(not_yet, now + 1000s);
  loop().arm(third, now + 3000ns);
  loop().arm(first, now + 1000ns);
  loop().arm(second, now + 2000ns);
  loop().arm(also_second, now + 2000ns);
  while (log_.size() < 4) ASSERT_TRUE(loop().run_once(std::nullopt));
  EXPECT_EQ(log_, (Log{"first", "second", "also second", "third"}));
}

// An event and a deadline in one turn: what has come in time has come in time.
TEST_P(LoopTurn, Step6AnEventBeatsTheDeadlineOfTheSameTurn) {
  CallAlarm deadline(note("too late"));
  CallSource source(loop(), [&](Ready) {
    log_.push_back("in time");
    deadline.unlink();
  });
  source.ring();
  loop().arm(deadline, loop().now() - 1ns);
  turn();
  turn();
  EXPECT_EQ(log_, Log{"in time"});
}

TEST_P(LoopTurn, Step6HasHarvestedEverythingBeforeItRunsAnything) {
  CallSource second(loop(), note_ready("second"));
  CallSource first(loop(), [&](Ready) {
    log_.push_back("first");
    second.ring();  // Too late for this turn.
  });
  first.ring();
  turn();
  EXPECT_EQ(log_, Log{"first"});
  turn();
  EXPECT_EQ(log_, (Log{"first", "second"}));
}

TEST_P(LoopTurn, Step7IsRoundRobin) {
  std::vector<std::unique_ptr<CallSource>> sources;
  for (int i = 0; i < 3; ++i) {
    const std::string name(1, static_cast<char>('a' + i));
    sources.push_back(std::make_unique<CallSource>(loop(), [&, i, name](Ready) {
      log_.push_back(name);
      loop().serve_again(*sources[static_cast<std::size_t>(i)]);
    }));
    loop().serve_again(*sources.back());
  }
  for (int i = 0; i < 3; ++i) turn();
  EXPECT_EQ(log_, (Log{"a", "b", "c", "a", "b", "c", "a", "b", "c"}));
}

TEST_P(LoopTurn, Step7ServesALeftOverSourceAfterThoseWithEvents) {
  CallSource heavy(loop(), note_ready("heavy"));
  CallSource light(loop(), note_ready("light"));
  loop().serve_again(heavy);
  light.ring();
  turn();
  EXPECT_EQ(log_, (Log{"light", "heavy"}));
}

TEST_P(LoopTurn, Step8RunsWhatWorksPostUntilNothingIsLeft) {
  int runs = 0;
  CallWork work([&] {
    if (++runs < 100) loop().post(work);
  });
  loop().post(work);
  turn();
  EXPECT_EQ(runs, 100);
}

TEST_P(LoopTurn, Step8StopsAfterTurnWorksAndGoesOnInTheNextTurn) {
  make_loop({.turn_works = 10});
  std::vector<std::unique_ptr<CallWork>> works;
  for (int i = 0; i < 25; ++i) {
    works.push_back(std::make_unique<CallWork>(note("work")));
    loop().post(*works.back());
  }
  CallSource source(loop(), note_ready("source"));
  source.ring();
  turn();
  EXPECT_EQ(log_.size(), 11u);
  source.ring();
  ASSERT_TRUE(loop().run_once(std::nullopt)) << "works are left, so it must not sleep";
  EXPECT_EQ(log_.size(), 22u);
  EXPECT_EQ(log_[11], "source") << "works that never end cannot keep the kernel's news out";
  turn();
  EXPECT_EQ(log_.size(), 27u);
}

TEST_P(LoopTurn, Step8RunsOneBatchOfPostsATurn) {
  int runs = 0;
  const std::function<void()> post_again = [&] {
    ++runs;
    loop().waker().post([&] { post_again(); });
  };
  loop().waker().post([&] { post_again(); });
  for (int turns = 1; turns <= 5; ++turns) {
    ASSERT_TRUE(loop().run_once(std::nullopt));
    EXPECT_EQ(runs, turns);
  }
}

TEST_P(LoopTurn, Step9CountsAndTimesTheTurn) {
  CallSource source(loop(), note_ready("source"));
  CallWork work(note("work"));
  CallAlarm alarm(note("alarm"));
  source.ring();
  loop().post(work);
  loop().arm(alarm, loop().now());
  const LoopCounters before = loop().counters();
  const std::uint32_t number = loop().turn_number();
  EXPECT_EQ(loop().turn_times().total(), before.turns);
  turn();
  EXPECT_EQ(loop().counters().turns, before.turns + 1);
  EXPECT_EQ(loop().turn_number(), number + 1);
  EXPECT_EQ(loop().counters().events, before.events + 1);
  EXPECT_EQ(loop().counters().works, before.works + 2);
  EXPECT_EQ(loop().turn_times().total(), before.turns + 1);
  EXPECT_GT(loop().turn_times().quantile(1), 0ns);
}

// ---- fairness -----------------------------------------------------------------------------------

// Beside one that always has more, a thousand light ones that are rung at random: each must be
// served in the turn after it was rung at the latest.
TEST_P(LoopTurn, BesideASourceThatNeverEndsNobodyWaitsMoreThanTwoTurns) {
  constexpr std::uint64_t seed = 42;
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  Prng random(seed);
  std::uint64_t number = 0;  // Of the turn.
  CallSource heavy(loop(), [&](Ready) { loop().serve_again(heavy); });
  heavy.ring();
  struct Light {
    std::unique_ptr<CallSource> source;
    std::uint64_t rung = 0;  // The turn before which it was rung; 0: it was not.
  };
  std::vector<Light> lights(1000);
  std::uint64_t longest = 0;
  std::uint64_t served = 0;
  for (Light& light : lights) {
    light.source = std::make_unique<CallSource>(loop(), [&](Ready) {
      if (light.rung == 0) return;  // A full io_uring says some things twice.
      longest = std::max(longest, number - light.rung + 1);
      light.rung = 0;
      ++served;
    });
  }
  std::uint64_t rung = 0;
  for (number = 1; number <= 200; ++number) {
    for (std::uint64_t i = random.below(2000); i > 0; --i) {
      Light& light = lights[random.below(lights.size())];
      if (light.rung != 0) continue;
      light.rung = number;
      light.source->ring();
      ++rung;
    }
    turn();
  }
  turn();
  EXPECT_LE(longest, 2u);
  EXPECT_EQ(served, rung);
  EXPECT_EQ(heavy.calls(), 201) << "nor is the heavy one left out";
}

}  // namespace
}  // namespace tocsin
