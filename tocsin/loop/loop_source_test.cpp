// SPDX-License-Identifier: MIT
//
// Registrations: what may be done to them from inside a turn, and what becomes of the events that
// were harvested for them before. Each of these is a bug that some event loop has had.
#include <fcntl.h>
#include <sys/resource.h>

#include "tocsin/loop/loop_testing.hpp"

namespace tocsin {
namespace {

using namespace loop_testing;
using std::chrono_literals::operator""ns;

class LoopSource : public LoopTest {};
INSTANTIATE_TEST_SUITE_P(All, LoopSource, every_mechanism, name_of_mechanism);

// Both have an event in the same harvest; whoever comes first removes the other.
TEST_P(LoopSource, ASourceThatIsRemovedBeforeItsEventIsLookedAtIsNotCalled) {
  std::array<std::unique_ptr<CallSource>, 2> sources;
  for (std::size_t i : {0u, 1u}) {
    sources[i] = std::make_unique<CallSource>(loop(), [&, i](Ready) {
      log_.push_back("called");
      sources[1 - i]->remove();
    });
  }
  for (auto& source : sources) source->ring();
  turn();
  EXPECT_EQ(log_, Log{"called"});
  EXPECT_EQ(loop().counters().stale_events, 1u);
  turn();
  EXPECT_EQ(log_, Log{"called"});
}

// More than the loop calls few, so that it fetches ahead for events that turn out to be nobody's.
TEST_P(LoopSource, InACrowdedTurnTheFirstMayDestroyAllTheOthers) {
  constexpr std::size_t crowd = 200;
  std::vector<std::unique_ptr<CallSource>> sources(crowd);
  for (std::size_t i = 0; i < crowd; ++i)
    sources[i] = std::make_unique<CallSource>(loop(), [&, i](Ready) {
      log_.push_back("called");
      for (std::size_t other = 0; other < crowd; ++other)
        if (other != i) sources[other].reset();
    });
  for (auto& source : sources) source->ring();
  turn();
  EXPECT_EQ(log_, Log{"called"});
  EXPECT_EQ(loop().counters().stale_events, crowd - 1);
}

TEST_P(LoopSource, ASourceThatIsDestroyedBeforeItsEventIsLookedAtIsNotCalled) {
  std::array<std::unique_ptr<CallSource>, 2> sources;
  for (std::size_t i : {0u, 1u}) {
    sources[i] = std::make_unique<CallSource>(loop(), [&, i](Ready) {
      log_.push_back("called");
      sources[1 - i].reset();
    });
  }
  for (auto& source : sources) source->ring();
  turn();
  EXPECT_EQ(log_, Log{"called"});
}

TEST_P(LoopSource, ASourceThatIsLeftOverAndRemovedIsNotCalled) {
  CallSource victim(loop(), note_ready("victim"));
  CallSource source(loop(), [&](Ready) { victim.remove(); });
  loop().serve_again(victim);
  source.ring();
  turn();
  turn();
  EXPECT_EQ(log_, Log{});
}

TEST_P(LoopSource, ASourceMayRemoveItself) {
  CallSource source(loop(), [&](Ready) { source.remove(); });
  source.ring();
  turn();
  EXPECT_FALSE(loop().is_live(source.token()));
  source.ring();
  turn();
  EXPECT_EQ(source.calls(), 1);
}

TEST_P(LoopSource, ASourceMayDestroyItself) {
  std::unique_ptr<CallSource> source = std::make_unique<CallSource>(loop(), [&](Ready) {
    log_.push_back("called");
    source.reset();
  });
  CallSource behind(loop(), note_ready("behind"));
  source->ring();
  behind.ring();
  turn();
  EXPECT_EQ(log_, (Log{"called", "behind"}));
}

TEST_P(LoopSource, ASourceMayDestroyItselfAfterAskingToBeServedAgain) {
  std::unique_ptr<CallSource> source = std::make_unique<CallSource>(loop(), [&](Ready) {
    loop().serve_again(*source);
    source.reset();
  });
  source->ring();
  turn();
  turn();
  EXPECT_EQ(source, nullptr);
}

// The classic: A's callback closes B and opens C; C gets B's number; B's event is still in hand.
TEST_P(LoopSource, ARegistrationOnAReusedFdNumberIsNotCalledForItsPredecessor) {
  std::array<std::unique_ptr<CallSource>, 2> old;
  std::unique_ptr<CallSource> successor;
  for (std::size_t i : {0u, 1u}) {
    old[i] = std::make_unique<CallSource>(loop(), [&, i](Ready) {
      log_.push_back("old");
      const int number = old[1 - i]->fd().get();
      old[1 - i].reset();
      successor = std::make_unique<CallSource>(loop(), note_ready("successor"));
      ASSERT_EQ(successor->fd().get(), number) << "the test needs the number to be reused";
    });
  }
  for (auto& source : old) source->ring();
  turn();
  EXPECT_EQ(log_, Log{"old"});
  EXPECT_EQ(loop().counters().stale_events, 1u);
  successor->ring();
  turn();
  EXPECT_EQ(log_, (Log{"old", "successor"}));
}

TEST_P(LoopSource, ATokenIsNeverUsedTwice) {
  std::vector<Token> seen;
  for (int i = 0; i < 1000; ++i) {
    const CallSource source(loop(), nullptr);
    EXPECT_THAT(seen, testing::Not(testing::Contains(source.token())));
    seen.push_back(source.token());
  }
  for (const Token token : seen) EXPECT_FALSE(loop().is_live(token));
  EXPECT_FALSE(loop().is_live(Token{}));
  EXPECT_FALSE(loop().is_live(Token{~std::uint64_t{0}}));
}

// epoll(7), "Questions and answers", 6: a registration belongs to the open file description, and a
// duplicate keeps it alive after its fd was closed. Here somebody closes an fd under a registration
// and puts another file in its place. The first registration cannot be removed from the kernel any
// more, nor may it take the second one with it: its events are dropped.
TEST_P(LoopSource, EventsOfARegistrationThatADuplicateKeepsAliveAreDroppedAndCounted) {
  if (GetParam() == Mechanism::io_uring) GTEST_SKIP() << "registrations end with the number there";
  Kernel& kernel = loop().kernel();
  CallSource ghost(loop(), note_ready("ghost"));
  const int number = ghost.fd().get();
  const Fd duplicate(kernel, kernel.fcntl(number, F_DUPFD_CLOEXEC, 0).value());
  const Fd other(kernel, kernel.eventfd(0, EFD_CLOEXEC).value());
  ASSERT_TRUE(kernel.dup3(other.get(), number, O_CLOEXEC));
  CallSource second(loop(), note_ready("second"));
  const Token token = loop().add(number, Ready::read, edge, second, "other").value();
  EXPECT_TRUE(loop().was_closed(ghost.token()));
  loop().forget(ghost.token());

  const std::uint64_t one = 1;
  ASSERT_TRUE(kernel.write(duplicate.get(), std::as_bytes(std::span(&one, 1))));
  turn();
  EXPECT_EQ(log_, Log{});
  EXPECT_EQ(loop().counters().stale_events, 1u);
  ASSERT_TRUE(kernel.write(other.get(), std::as_bytes(std::span(&one, 1))));
  turn();
  EXPECT_EQ(log_, Log{"second"});
  EXPECT_FALSE(loop().was_closed(token));
  loop().remove(token);
}

TEST_P(LoopSource, AddFailsAsThePollerDoesAndChangesNothing) {
  Kernel& kernel = loop().kernel();
  CallSource source(loop(), nullptr);
  const auto twice = loop().add(source.fd().get(), Ready::read, edge, source, "twice");
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error(), Errno{EEXIST});
  const auto closed = loop().add(1'000'000, Ready::read, edge, source, "closed");
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error(), Errno{EBADF});
  const Fd file(kernel, kernel.openat(AT_FDCWD, "/proc/self/exe", O_RDONLY | O_CLOEXEC, 0).value());
  const auto regular = loop().add(file.get(), Ready::read, edge, source, "regular file");
  ASSERT_FALSE(regular);
  EXPECT_EQ(regular.error(), Errno::not_permitted);
  EXPECT_EQ(loop().describe().size(), 2u);
  source.ring();
  turn();
  EXPECT_EQ(source.calls(), 1);
}

TEST_P(LoopSource, ALevelIsAnsweredEveryTurnAndAnEdgeOnce) {
  CallSource by_level(loop(), nullptr, level);
  CallSource by_edge(loop(), nullptr, edge);
  int levels = 0;
  int edges = 0;
  by_level.on_call([&](Ready) { ++levels; });
  by_edge.on_call([&](Ready) { ++edges; });
  by_level.ring();
  by_edge.ring();
  for (int i = 0; i < 3; ++i) turn();
  EXPECT_EQ(levels, 3);
  EXPECT_EQ(edges, 1);
  by_level.drain();
  turn();
  EXPECT_EQ(levels, 3);
}

TEST_P(LoopSource, ModifyArmsAOneshotAgain) {
  CallSource source(loop(), note_ready("once"), {.oneshot = true});
  source.ring();
  turn();
  turn();
  EXPECT_EQ(log_, Log{"once"});
  ASSERT_TRUE(loop().modify(source.token(), Ready::read, {.oneshot = true}));
  turn();
  EXPECT_EQ(log_, (Log{"once", "once"}));
  ASSERT_TRUE(loop().modify(source.token(), Ready::none, level));
  turn();
  EXPECT_EQ(log_, (Log{"once", "once"}));
}

// More than one harvest has room for (4,096): the rest comes with the next.
TEST_P(LoopSource, FiveThousandReadySourcesAreServedWithinTwoTurns) {
  constexpr std::size_t count = 5000;
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit before = limit;
  limit.rlim_cur = limit.rlim_max;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  if (limit.rlim_cur < count + 100) GTEST_SKIP() << "RLIMIT_NOFILE is " << limit.rlim_cur;
  {
    std::vector<std::unique_ptr<CallSource>> sources;
    for (std::size_t i = 0; i < count; ++i)
      sources.push_back(std::make_unique<CallSource>(loop(), note_ready("served")));
    for (auto& source : sources) source->ring();
    turn();
    EXPECT_LT(log_.size(), count) << "the test means to have more than fit";
    turn();
    // A full io_uring cuts a request short, which is made again and says the same again.
    const int most = GetParam() == Mechanism::io_uring ? 2 : 1;
    for (auto& source : sources) {
      EXPECT_GE(source->calls(), 1);
      EXPECT_LE(source->calls(), most);
    }
  }
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST_P(LoopSource, SourcesMayAddManyOthersFromInsideATurn) {
  std::vector<std::unique_ptr<CallSource>> added;
  CallSource source(loop(), [&](Ready) {
    for (int i = 0; i < 600; ++i) {  // The registry grows under the events in hand.
      added.push_back(std::make_unique<CallSource>(loop(), note_ready("added")));
      added.back()->ring();
    }
  });
  CallSource behind(loop(), note_ready("behind"));
  source.ring();
  behind.ring();
  turn();
  EXPECT_EQ(log_, Log{"behind"});
  while (log_.size() < 601) {
    const std::size_t before = log_.size();
    turn();
    ASSERT_GT(log_.size(), before);
  }
}

// ---- misuse -------------------------------------------------------------------------------------

TEST(LoopSourceDeathTest, RemovingTwiceIsCaught) {
  EXPECT_DEATH(
      {
        const auto loop = Loop::create(kernel_under_test()).value();
        CallSource source(*loop, nullptr);
        source.remove();
        loop->remove(source.token());
      },
      "removed twice, or never made");
}

TEST(LoopSourceDeathTest, ModifyingWhatWasRemovedIsCaught) {
  EXPECT_DEATH(
      {
        const auto loop = Loop::create(kernel_under_test()).value();
        CallSource source(*loop, nullptr);
        source.remove();
        static_cast<void>(loop->modify(source.token(), Ready::read, edge));
      },
      "modified after it was removed");
}

TEST(LoopSourceDeathTest, ClosingAnFdBeforeItsRegistrationIsRemovedIsCaught) {
  EXPECT_DEATH(
      {
        const auto loop = Loop::create(kernel_under_test()).value();
        CallSource source(*loop, nullptr);
        source.fd().reset();
        source.remove();
      },
      "closed before its registration was removed");
}

TEST(LoopSourceDeathTest, RemovingAfterTheNumberWasRegisteredAgainIsCaught) {
  EXPECT_DEATH(
      {
        const auto loop = Loop::create(kernel_under_test()).value();
        CallSource first(*loop, nullptr);
        first.fd().reset();
        CallSource second(*loop, nullptr);
        first.remove();
      },
      "closed before its registration was removed");
}

}  // namespace
}  // namespace tocsin
