// SPDX-License-Identifier: MIT
//
// An exported epoll under every schedule of two producers and the one who harvests: whatever comes
// between a look, a read of the descriptor and its being armed, all that was written is read. That
// the exploration finds what is wrong is shown with two orders of these steps that lose something.
//
// The host is a small one here: one descriptor, a count, and a fiber that sleeps until it is not 0.
#include <array>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/kern/forwarding_kernel_testing.hpp"
#include "tocsin/kern/linux_kernel.hpp"
#include "tocsin/vkern/explorer_testing.hpp"
#include "tocsin/vkern/exploring_testing.hpp"
#include "tocsin/vkern/exported_epoll.hpp"

// For the third policy, as the files that exploring_testing.hpp includes.
#include "tocsin/vkern/exported_epoll.cpp"
#include "tocsin/vkern/handles.cpp"

namespace tocsin::vkern {

/// Arms, and does not look again: what came before it was armed has not written.
struct WithoutSecondLook : Exploring {};

/// Arms, and then reads: away goes what was written in between.
struct ArmsBeforeItReads : Exploring {};

template <>
Count ExportedEpoll<WithoutSecondLook>::harvest(std::span<epoll_event> events) {
  if (const Count found = look(events); !found || *found > 0) return found;
  std::array<std::byte, sizeof(std::uint64_t)> count;
  static_cast<void>(host_.read(fd_.get(), count));
  armed_.store(true);
  return Count{0};
}

template <>
Count ExportedEpoll<ArmsBeforeItReads>::harvest(std::span<epoll_event> events) {
  if (const Count found = look(events); !found || *found > 0) return found;
  armed_.store(true);
  std::array<std::byte, sizeof(std::uint64_t)> count;
  static_cast<void>(host_.read(fd_.get(), count));
  const Count found = look(events);
  if (found && *found > 0 && armed_.exchange(false)) ring();
  return found;
}

namespace {

class Host final : public ForwardingKernel {
 public:
  explicit Host(ExploringWorld& world)
      : ForwardingKernel(LinuxKernel::shared()), world_(world), sleeper_(world) {}

  Result<int> eventfd(unsigned, int) override { return 0; }
  Result<> close(int) override { return {}; }
  Count write(int, ByteView bytes) override {
    world_.point("host write");
    ++count_;
    ++writes;
    sleeper_.wake();
    return bytes.size();
  }
  Count read(int, MutableBytes into) override {
    world_.point("host read");
    ++reads;
    if (count_ == 0) return std::unexpected(Errno::again);
    count_ = 0;
    return into.size();
  }
  void await_readable() {
    while (count_ == 0) sleeper_.park(std::nullopt);
  }

  int reads = 0;
  int writes = 0;

 private:
  ExploringWorld& world_;
  ExploringParker sleeper_;
  int count_ = 0;
};

template <class P>
class ExportScene {
 public:
  explicit ExportScene(Choices choices) {
    system_.world().follow(std::move(choices));
    static_cast<void>(epoll_.add(level_, EPOLLIN, 0));
    static_cast<void>(epoll_.add(edge_, EPOLLIN | EPOLLET, 1));
    exported_ = std::move(*ExportedEpoll<P>::create(epoll_, host_));
  }
  ExportScene(const ExportScene&) = delete;
  ExportScene& operator=(const ExportScene&) = delete;
  ~ExportScene() { system_.world().end_threads(); }

  void produce(std::vector<int> names) {
    written_ += names.size();
    system_.world().spawn([this, names = std::move(names)] {
      const std::uint64_t one = 1;
      for (const int name : names)
        static_cast<void>(of(name).write(std::as_bytes(std::span(&one, 1))));
    });
  }
  /// What a loop does: one harvest a wake-up, for as long as there is one.
  void serve(std::size_t room) {
    system_.world().spawn([this, room] {
      while (true) {
        host_.await_readable();
        std::array<epoll_event, 2> events;
        const Count count = exported_->harvest(std::span(events).first(room));
        for (std::size_t i = 0; i < count.value_or(0); ++i)
          read_ += drain(static_cast<int>(events[i].data.u64));
      }
    });
  }

  Outcome run() {
    system_.world().explore();
    return {.fault = fault(), .made = system_.world().choices().made()};
  }

 private:
  const Handle<P>& of(int name) const { return name == 0 ? level_ : edge_; }
  std::uint64_t drain(int name) {
    std::uint64_t value = 0;
    const Count count = of(name).read(std::as_writable_bytes(std::span(&value, 1)));
    return count ? value : 0;
  }
  std::string fault() {
    if (system_.world().waiting_for_locks() > 0) return "a deadlock";
    if (read_ != written_) return "a wake-up is lost";
    if (host_.writes > host_.reads + 1) return "it was written twice";
    return {};
  }

  System<P> system_;
  Host host_{system_.world()};
  EpollHandle<P> epoll_{system_};
  Handle<P> level_{system_, *EventFd<P>::open(0, EFD_NONBLOCK)};
  Handle<P> edge_{system_, *EventFd<P>::open(0, EFD_NONBLOCK)};
  std::unique_ptr<ExportedEpoll<P>> exported_;
  std::uint64_t written_ = 0;
  std::uint64_t read_ = 0;
};

template <class P>
Outcome one_producer(Choices choices) {
  ExportScene<P> scene(std::move(choices));
  scene.produce({1, 0, 1});
  scene.serve(1);
  return scene.run();
}

template <class P>
Outcome two_producers(Choices choices) {
  ExportScene<P> scene(std::move(choices));
  scene.produce({0});
  scene.produce({1, 1});
  scene.serve(1);
  return scene.run();
}

#if defined(TOCSIN_FIBER_TSAN)
constexpr bool fibers_are_slow = true;
#else
constexpr bool fibers_are_slow = false;
#endif

TEST(EveryScheduleOfAnExport, LosesNoWakeUp) {
  if (fibers_are_slow) GTEST_SKIP() << "one thread, and slow fibers";
  for (const auto& [scenario, bound] :
       {std::pair{&one_producer<Exploring>, 3}, std::pair{&two_producers<Exploring>, 2}}) {
    const Explored explored = explore_all(scenario, bound);
    EXPECT_EQ(explored.fault, "") << explored.schedules;
    EXPECT_GT(explored.schedules, 1000u);
    std::printf("all %llu schedules with at most %d preemptions, %zu choices at most\n",
                static_cast<unsigned long long>(explored.schedules), bound, explored.longest);
  }
}

TEST(EveryScheduleOfAnExport, FindsAnExportThatLosesOne) {
  for (const auto& scenario :
       {two_producers<WithoutSecondLook>, two_producers<ArmsBeforeItReads>}) {
    const Explored explored = explore_all(scenario, 3);
    EXPECT_EQ(explored.fault, "a wake-up is lost");
    std::printf("found after %llu schedules, with %d preemptions\n",
                static_cast<unsigned long long>(explored.schedules), explored.preemptions);
  }
}

}  // namespace
}  // namespace tocsin::vkern
