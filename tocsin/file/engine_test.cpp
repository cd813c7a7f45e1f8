// SPDX-License-Identifier: MIT
//
// What the engines promise: a choice that says why, bounds, ends of every kind, and nothing left
// behind.
#include "tocsin/file/engine.hpp"

#include <cerrno>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/file/file_testing.hpp"
#include "tocsin/task/cancellation_testing.hpp"

namespace tocsin {
namespace {

using namespace std::chrono_literals;

using FileEngineTest = FileTest;
INSTANTIATE_TEST_SUITE_P(Engines, FileEngineTest, every_engine, name_of_choice);

constexpr int make_new = O_RDWR | O_CREAT | O_EXCL;

int open_descriptors() {
  constexpr int more_than_a_test_opens = 256;
  int count = 0;
  for (int fd = 0; fd < more_than_a_test_opens; ++fd)
    if (kernel_under_test().fcntl(fd, F_GETFD, 0)) ++count;
  return count;
}

// ---- choice -------------------------------------------------------------------------------------

TEST(FileEngineChoice, AForbiddenOrOldRingMeansThreadsAndSaysSo) {
  SlowDisk disk;
  const auto loop = Loop::create(disk).value();
  disk.ring_refused = std::unexpected(Errno{EPERM});
  const auto forbidden = FileEngine::create(*loop).value();
  EXPECT_EQ(forbidden->name(), "threads");
  EXPECT_EQ(forbidden->why(), "io_uring: EPERM, Operation not permitted");
  EXPECT_EQ(FileEngine::create(*loop, {.choice = EngineChoice::io_uring}).error(), Errno{EPERM});

  disk.ring_refused = {};
  disk.ring_is_old = true;
  const auto old = FileEngine::create(*loop).value();
  EXPECT_EQ(old->name(), "threads");
}

TEST_P(FileEngineTest, WhatWasAskedForIsWhatThereIs) {
  EXPECT_EQ(world->engine->name(), name_of(GetParam()));
  EXPECT_EQ(world->engine->why(), "it was asked for");
}

TEST_P(FileEngineTest, ALoopOnIoUringServesItToo) {
  if (const auto ring = kernel_under_test().io_uring_setup(4); !ring)
    GTEST_SKIP() << "io_uring: " << ring.error().message();
  make({}, {.mechanism = Mechanism::io_uring});
  const File file = world->open("file", make_new);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(world->run(file.read_at(0)));
}

// A signal for the process goes to any thread that does not block it.
TEST_P(FileEngineTest, NoThreadOfItTakesASignal) {
  if (!on_threads()) GTEST_SKIP() << "the kernel's own threads take none";
  ONLY_ON_LINUX("the threads of a process in user space have one signal mask");
  world->open("file", make_new);
  EXPECT_GT(world->disk.arrived(), 0);
  EXPECT_FALSE(world->disk.called_with_signals_open);
}

// ---- bounds -------------------------------------------------------------------------------------

TEST_P(FileEngineTest, AThousandReadsPassThroughEightPlaces) {
  make({.most_in_flight = 8});
  const File file = world->open("file", make_new);
  std::string text;
  for (int i = 1000; i < 2000; ++i) text += std::to_string(i);
  ASSERT_TRUE(world->run(file.write_at(0, as_bytes(text))));

  std::vector<std::optional<Result<Buffer>>> reads(1000);
  Scope scope(*world->loop);
  for (std::size_t i = 0; i < reads.size(); ++i)
    scope.spawn(FileWorld::keep(file.read_at(4 * i, 4), reads[i]));
  EXPECT_EQ(world->engine->in_flight(), 8u);
  while (scope.size() > 0) {
    ASSERT_TRUE(world->loop->run_once(10s));
    EXPECT_LE(world->engine->in_flight(), 8u);
  }
  for (std::size_t i = 0; i < reads.size(); ++i)
    EXPECT_EQ(as_text(reads[i]->value()), std::to_string(1000 + i));
}

// Each cancellation has a completion of its own: twice as many as calls, and none may be lost.
TEST_P(FileEngineTest, AThousandReadsThatAreCancelledAllEnd) {
  make({.most_in_flight = 8});
  const File file = world->open("file", make_new);
  std::vector<std::optional<Result<Buffer>>> reads(1000);
  Scope scope(*world->loop);
  for (auto& read : reads) scope.spawn(FileWorld::keep(file.read_at(0), read));
  scope.cancel();
  while (scope.size() > 0) ASSERT_TRUE(world->loop->run_once(10s));
  world->drain();
  for (const auto& read : reads)
    EXPECT_TRUE(read->has_value() || read->error() == Errno::cancelled);
  EXPECT_EQ(reads.back()->error(), Errno::cancelled);
}

TEST_P(FileEngineTest, ASubmissionThatFailsIsTriedAgain) {
  if (on_threads()) GTEST_SKIP() << "threads submit nothing";
  const File file = world->open("file", make_new);
  world->disk.submits_to_fail = 2;
  EXPECT_TRUE(world->run(file.read_at(0)));
  EXPECT_EQ(world->disk.submits_to_fail, 0);
}

// ---- ends ---------------------------------------------------------------------------------------

// A line through every kind of call, each held up by the disk until `complete`. A thread that is in
// a call stays there; so once the line is told to end, or gone, the disk lets go of everything.
class FileScenario final : public CancellationScenario {
 public:
  explicit FileScenario(EngineChoice choice)
      : world_({.choice = choice, .threads = 1}), descriptors_(open_descriptors()) {
    world_.disk.hold();
  }

  Task<> line() override {
    const Presence presence{this};
    context_ = &co_await this_context();
    ++waits_;
    const auto file = co_await File::open(*world_.engine, world_.path("file"), make_new);
    if (!file) co_return;
    ++waits_;
    const auto written = co_await file->write_at(0, as_bytes("text"));
    if (!written) co_return;
    ++waits_;
    const auto synced = co_await file->sync();
    if (!synced) co_return;
    ++waits_;
    const auto size = co_await file->size();
    if (!size) co_return;
    EXPECT_EQ(*size, 4u);
    ++waits_;
    const std::array parts{as_bytes("te"), as_bytes("xt")};
    const auto gathered = co_await file->write_at(0, parts);
    if (!gathered) co_return;
    ++waits_;
    std::array<std::byte, 8> room;
    const std::array into{MutableBytes(room)};
    const auto scattered = co_await file->read_at(0, into);
    if (!scattered) co_return;
    EXPECT_EQ(as_text(std::span(room).first(*scattered)), "text");
    ++waits_;
    const auto named =
        co_await File::rename(*world_.engine, world_.path("file"), world_.path("new"));
    if (!named) co_return;
    ++waits_;
    const auto read = co_await file->read_at(0);
    if (!read) co_return;
    EXPECT_EQ(as_text(*read), "text");
  }

  void complete() override {
    ++completed_;
    world_.disk.let_pass();
  }
  Executor& executor() override { return *world_.loop; }

  void run_until_idle() override {
    do {
      while (!is_idle()) {
        if (is_ending()) world_.disk.release();
        ASSERT_TRUE(world_.loop->run_once(10s));
      }
      for (int i = 0; i < 2; ++i) ASSERT_TRUE(world_.loop->run_once(0s));
    } while (!is_idle());
  }

  std::string left_behind() override {
    if (world_.engine->in_flight() > 0) return "a call";
    if (open_descriptors() != descriptors_) return "a descriptor";
    return "";
  }

 private:
  struct Presence {
    ~Presence() { scenario->context_ = nullptr; }
    FileScenario* scenario;
  };

  bool is_ending() const { return context_ == nullptr || context_->is_cancelled(); }
  bool is_idle() const {
    if (is_ending()) return world_.engine->in_flight() == 0;
    return waits_ > completed_;
  }

  FileWorld world_;
  int descriptors_;
  Context* context_ = nullptr;  // Of the line; null once it is gone.
  int waits_ = 0;
  int completed_ = 0;
};

TEST_P(FileEngineTest, EveryWaitEndsInEveryWay) {
  if (GetParam() == EngineChoice::aio)
    GTEST_SKIP() << "io_destroy(2) takes 40 ms, and this makes 128 engines: see aio_engine_test";
  const auto make_scenario = [] { return std::make_unique<FileScenario>(GetParam()); };
  EXPECT_EQ(walk_through_cancellation(make_scenario), 8);
}

TEST_P(FileEngineTest, ACallThatCompletesAlthoughCancelledCounts) {
  const File file = world->open("file", make_new);
  ASSERT_TRUE(world->run(file.write_at(0, as_bytes("text"))));
  world->disk.hold();
  std::optional<Result<Buffer>> read;
  Scope scope(*world->loop);
  const int before = world->disk.arrived();
  scope.spawn(FileWorld::keep(file.read_at(0), read));
  if (on_threads()) {
    world->disk.wait_until_arrived(before + 1);
  } else {
    ASSERT_TRUE(world->loop->run_once(0s));
    world->disk.let_pass();  // It is done; nobody has looked.
  }
  scope.cancel();
  EXPECT_FALSE(read.has_value());
  world->disk.release();
  EXPECT_EQ(as_text(world->wait_for(read).value()), "text");
}

TEST_P(FileEngineTest, WhatNoThreadHasTakenIsCalledOffAtOnce) {
  if (!on_threads()) GTEST_SKIP() << "io_uring takes everything at the end of the turn";
  make({.threads = 1});
  const File file = world->open("file", make_new);
  world->disk.hold();
  std::optional<Result<Buffer>> first;
  std::optional<Result<Buffer>> second;
  Scope stays(*world->loop);
  Scope goes(*world->loop);
  const int before = world->disk.arrived();
  stays.spawn(FileWorld::keep(file.read_at(0), first));
  world->disk.wait_until_arrived(before + 1);
  goes.spawn(FileWorld::keep(file.read_at(0), second));
  goes.cancel();
  EXPECT_EQ(world->wait_for(second).error(), Errno::cancelled);
  EXPECT_EQ(world->engine->in_flight(), 1u);
  world->disk.release();
  EXPECT_TRUE(world->wait_for(first));
}

// A FIFO, because no regular file can be relied on to keep the kernel waiting.
TEST_P(FileEngineTest, IoUringCallsOffWhatTheKernelWaitsFor) {
  if (on_threads()) GTEST_SKIP() << "a thread in a system call cannot be called back";
  world->directory.make_fifo("fifo");
  const File fifo = world->open("fifo", O_RDWR);
  std::optional<Result<Buffer>> read;
  Scope scope(*world->loop);
  scope.spawn(FileWorld::keep(fifo.read_at(0), read));
  ASSERT_TRUE(world->loop->run_once(0s));
  scope.cancel();
  EXPECT_EQ(world->wait_for(read).error(), Errno::cancelled);
  EXPECT_EQ(world->engine->in_flight(), 0u);
}

// The number could be another file's by the time the call is made.
TEST_P(FileEngineTest, ADescriptorIsClosedAfterTheLastCallOnIt) {
  std::optional<File> file = world->open("file", make_new);
  const int fd = file->fd();
  world->disk.hold();
  std::optional<Scope> scope(*world->loop);
  std::optional<Result<>> written;
  scope->spawn(FileWorld::keep(file->write_at(0, as_bytes("text")), written));
  scope.reset();
  file.reset();
  if (on_threads()) {
    // Either it had not started and was called off, or a thread holds it.
    EXPECT_EQ(world->disk.fcntl(fd, F_GETFD, 0).has_value(), world->engine->in_flight() == 1);
  } else {
    EXPECT_TRUE(world->disk.fcntl(fd, F_GETFD, 0));
  }
  world->disk.release();
  world->drain();
  EXPECT_EQ(world->disk.fcntl(fd, F_GETFD, 0).error(), Errno{EBADF});
}

TEST_P(FileEngineTest, AnEngineThatEndsEndsEverythingThatWaits) {
  make({.threads = 1, .most_in_flight = 2});
  const File file = world->open("file", make_new);
  world->disk.hold();
  std::array<std::optional<Result<Buffer>>, 3> reads;
  Scope scope(*world->loop);
  const int before = world->disk.arrived();
  for (auto& read : reads) scope.spawn(FileWorld::keep(file.read_at(0), read));
  if (on_threads()) world->disk.wait_until_arrived(before + 1);
  EXPECT_EQ(world->engine->in_flight(), 2u);
  world->disk.release();
  world->engine.reset();

  EXPECT_TRUE(!on_threads() || world->wait_for(reads[0]).has_value());
  for (auto& read : {&reads[1], &reads[2]}) {
    const auto result = world->wait_for(*read);
    EXPECT_TRUE(result.has_value() || result.error() == Errno::cancelled);
  }
  EXPECT_EQ(reads[2]->error(), Errno::cancelled) << "it was not in flight";
  EXPECT_EQ(world->run(file.read_at(0)).error(), Errno::cancelled) << "there is no engine";
}

}  // namespace
}  // namespace tocsin
