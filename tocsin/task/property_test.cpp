// SPDX-License-Identifier: MIT
//
// Random programs of everything in this module, run on a manual clock.
//
// The method. A program is a tree of tasks made from a seed: senders, receivers, sleepers, holders
// of permits, nested Scopes; each wait is now and then wrapped in a timeout or raced in when_any;
// and from the outside lines are cancelled, Scopes destroyed, Channels closed, at random times.
// Every item has a number and an account: what its sender was told, and who took it. When
// everything has ended the accounts must agree: what was sent is received once or still in its
// Channel, what was not sent is nowhere, items of one sender come out in order; all permits are
// back, no alarm is armed, nothing is queued, no frame is left.
//
// A failure prints the seed; TOCSIN_SEED=n runs that program alone.
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/base/prng.hpp"
#include "tocsin/task/channel.hpp"
#include "tocsin/task/executor_testing.hpp"
#include "tocsin/task/scope.hpp"
#include "tocsin/task/semaphore.hpp"
#include "tocsin/task/sleep.hpp"
#include "tocsin/task/task_testing.hpp"
#include "tocsin/task/timeout.hpp"
#include "tocsin/task/when.hpp"

namespace tocsin {
namespace {

using namespace std::chrono_literals;

/// What is known of one item. A sender that is destroyed in the middle was told nothing.
struct Account {
  enum class Told { nothing, sent, not_sent };
  int sender = 0;
  Told told = Told::nothing;
  int taken = 0;  // How often somebody got it.
};

/// An item, which counts itself so that none is lost without being destroyed.
struct Item {
  std::size_t number;
  Counted counted;
};

class Program {
 public:
  explicit Program(std::uint64_t seed) : random_(seed) {
    for (std::uint64_t i = 0, count = 1 + random_.below(3); i < count; ++i)
      lanes_.push_back(std::make_unique<Lane>(1 + random_.below(3)));
    scopes_.resize(1 + random_.below(3));
  }

  void run() {
    for (int step = 0; step < 60; ++step) {
      act();
      if (random_.chance(1, 3)) executor_.run_until_idle();
      if (random_.chance(1, 3)) executor_.elapse(1ms * random_.below(5));
    }
    finish();
    audit();
  }

  /// Items that a receiver took while the program ran.
  std::size_t received() const { return received_; }

 private:
  struct Lane {
    explicit Lane(std::size_t capacity) : channel(capacity) {}
    Channel<Item> channel;
    std::vector<std::size_t> order;  // Numbers, as they were received.
  };

  Lane& lane() { return *lanes_[random_.below(lanes_.size())]; }
  Duration some_time() { return 1ms * random_.below(8); }

  /// Something happens from outside of every line.
  void act() {
    std::unique_ptr<Scope>& scope = scopes_[random_.below(scopes_.size())];
    if (!scope) scope = std::make_unique<Scope>(executor_, OnFailure::carry_on);
    if (random_.chance(1, 12)) return scope.reset();
    if (random_.chance(1, 12)) {
      scope->cancel();
      return ending_.push_back(std::move(scope));
    }
    if (random_.chance(1, 40)) return lane().channel.close();
    scope->spawn(task(3, Counted(frames_)));
  }

  /// A random task: what it does, it does a few times.
  Task<Result<>> task(int depth, Counted) {
    const std::uint64_t kind = random_.below(depth > 0 ? 6 : 4);
    Result<> result;
    if (kind == 0) result = co_await sends(lane(), ++senders_, Counted(frames_));
    if (kind == 1) result = co_await receives(lane(), Counted(frames_));
    if (kind == 2) result = co_await sleep_for(some_time());
    if (kind == 3) result = co_await holds(Counted(frames_));
    if (kind == 4) result = co_await family(depth - 1, Counted(frames_));
    if (kind == 5) result = co_await limited(depth - 1, Counted(frames_));
    co_return result;
  }

  Task<Result<>> sends(Lane& to, int sender, Counted) {
    for (std::uint64_t i = 0, count = 1 + random_.below(5); i < count; ++i) {
      const std::size_t number = accounts_.size();
      accounts_.push_back({sender});
      Item item{number, Counted(items_)};
      Result<> sent;
      if (random_.chance(1, 3)) {
        sent = co_await timeout(some_time(), to.channel.send(std::move(item)));
      } else {
        sent = co_await to.channel.send(std::move(item));
      }
      accounts_[number].told = sent ? Account::Told::sent : Account::Told::not_sent;
      if (!sent) co_return sent;
    }
    co_return {};
  }

  Task<Result<>> receives(Lane& from, Counted) {
    for (std::uint64_t i = 0, count = 1 + random_.below(8); i < count; ++i) {
      const std::uint64_t manner = random_.below(4);
      if (manner == 0) {
        auto got = co_await timeout(some_time(), from.channel.receive());
        if (!got) co_return std::unexpected(got.error());
        took(from, *got);
      } else if (manner == 1) {
        Lane& other = lane();
        auto first = co_await when_any(from.channel.receive(), sleep_for(some_time()),
                                       timeout(some_time(), other.channel.receive()));
        if (auto* got = std::get_if<0>(&first); got != nullptr && *got) took(from, **got);
        if (auto* got = std::get_if<2>(&first); got != nullptr && *got) took(other, **got);
      } else {
        auto got = co_await from.channel.receive();
        if (!got) co_return std::unexpected(got.error());
        took(from, *got);
      }
    }
    co_return {};
  }

  void took(Lane& from, const Item& item) {
    ++accounts_[item.number].taken;
    from.order.push_back(item.number);
  }

  Task<Result<>> holds(Counted) {
    auto permit = co_await timeout(some_time(), semaphore_.acquire());
    if (!permit) co_return std::unexpected(permit.error());
    EXPECT_LE(++holding_.count, 2);
    const Holding while_in_here(holding_);
    co_return co_await sleep_for(some_time());
  }
  struct Holders {
    int count = 0;
  };
  struct Holding {
    explicit Holding(Holders& which) : holders(which) {}
    ~Holding() { --holders.count; }
    Holders& holders;
  };

  Task<Result<>> family(int depth, Counted) {
    Scope scope(executor_, random_.chance(1, 2) ? OnFailure::cancel_rest : OnFailure::carry_on);
    for (std::uint64_t i = 0, count = random_.below(4); i < count; ++i)
      scope.spawn(task(depth, Counted(frames_)));
    if (random_.chance(1, 4)) co_return co_await sleep_for(some_time());  // Leaves without joining.
    if (random_.chance(1, 4)) scope.cancel();
    co_return co_await scope.join();
  }

  Task<Result<>> limited(int depth, Counted) {
    if (random_.chance(1, 2))
      co_return co_await timeout(some_time(), task(depth, Counted(frames_)));
    if (random_.chance(1, 2)) {
      (void)co_await when_all(task(depth, Counted(frames_)), task(depth, Counted(frames_)));
    } else {
      (void)co_await when_any(task(depth, Counted(frames_)), task(depth, Counted(frames_)),
                              sleep_for(some_time()));
    }
    co_return {};
  }

  /// Every line is told to end, and ends.
  void finish() {
    for (std::unique_ptr<Scope>& scope : scopes_) {
      if (!scope) continue;
      scope->cancel();
      ending_.push_back(std::move(scope));
    }
    executor_.run_until_idle();
    for (const auto& each : lanes_) received_ += each->order.size();
    for (const auto& scope : ending_) EXPECT_EQ(scope->size(), 0u) << "cancelled, it waits on";
    ending_.clear();
  }

  void audit() {
    EXPECT_TRUE(executor_.is_idle());
    EXPECT_FALSE(executor_.has_alarms());
    EXPECT_EQ(frames_, 0);
    EXPECT_EQ(holding_.count, 0);
    EXPECT_EQ(semaphore_.available(), 2u);
    for (const auto& each : lanes_) audit(*each);
    EXPECT_EQ(items_, 0);
    for (std::size_t i = 0; i < accounts_.size(); ++i) {
      EXPECT_LE(accounts_[i].taken, 1) << "item " << i << " was doubled";
      if (accounts_[i].told == Account::Told::nothing) continue;
      EXPECT_EQ(accounts_[i].taken, accounts_[i].told == Account::Told::sent ? 1 : 0)
          << "item " << i << " was lost, or received although its sender was told otherwise";
    }
  }

  /// Takes what is left, and looks at the order of everything that went through.
  void audit(Lane& which) {
    while (auto left = which.channel.try_receive()) took(which, *left);
    EXPECT_EQ(which.channel.size(), 0u);
    std::vector<std::size_t> last(static_cast<std::size_t>(senders_) + 1);
    for (const std::size_t number : which.order) {
      std::size_t& before = last[static_cast<std::size_t>(accounts_[number].sender)];
      EXPECT_LE(before, number) << "overtaken";
      before = number;
    }
  }

  Prng random_;
  ManualExecutor executor_;
  int frames_ = 0;  // Those of tasks that were started and are not gone.
  int items_ = 0;
  int senders_ = 0;
  std::size_t received_ = 0;
  Holders holding_;
  std::vector<Account> accounts_;  // By number.
  Semaphore semaphore_{2};
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::vector<std::unique_ptr<Scope>> scopes_;  // After all that the lines in them refer to.
  std::vector<std::unique_ptr<Scope>> ending_;  // Cancelled ones.
};

TEST(TaskProperty, NothingIsLostDoubledOrLeftBehindInAnyProgram) {
  if (const char* const given = std::getenv("TOCSIN_SEED")) {
    Program(std::strtoull(given, nullptr, 10)).run();
    return;
  }
  std::size_t received = 0;
  for (std::uint64_t seed = 0; seed < 2'000; ++seed) {
    Program program(seed);
    program.run();
    received += program.received();
    ASSERT_FALSE(testing::Test::HasFailure()) << "replay it with TOCSIN_SEED=" << seed;
  }
  EXPECT_GT(received, 20'000u) << "the programs do too little to show anything";
}

}  // namespace
}  // namespace tocsin
