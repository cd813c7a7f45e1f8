// SPDX-License-Identifier: MIT
//
// SlowDisk, FileWorld: what tests of files need: a disk that is as slow, as short and as broken as
// the test says, and a loop with an engine on it.
//
// A page cache hides the disk from a test, and a real disk cannot be told to wait. So calls of all
// engines pass a gate here: those of threads in the thread, those of io_uring and of the kernel's
// AIO where they are submitted.
//
// Thread rule: the test's thread; SlowDisk's calls also from the engine's.
#pragma once

#include <signal.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <climits>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/file/file.hpp"
#include "tocsin/kern/folder_testing.hpp"
#include "tocsin/kern/forwarding_kernel_testing.hpp"
#include "tocsin/task/scope.hpp"
#include "tocsin/task/sleep.hpp"

namespace tocsin {

/// The kernel under test, with a gate before its disks.
class SlowDisk final : public ForwardingKernel {
 public:
  std::atomic<bool> cached = false;  // Whether preadv2 may answer from the page cache.
  std::atomic<std::size_t> most_written = SIZE_MAX;    // By one call.
  std::atomic<int> answer = 0;                         // Of every call, if it is not 0: -errno.
  std::atomic<bool> called_with_signals_open = false;  // SIGTERM was not blocked in the caller.
  Result<> ring_refused;                               // What io_uring_setup fails with.
  bool ring_is_old = false;                            // It supports nothing.
  int submits_to_fail = 0;                             // With EAGAIN.

  /// From now on calls wait at the gate.
  void hold() { set_permits(0); }
  /// Lets one call through, or whatever a ring has queued.
  void let_pass() {
    if (ring_ != nullptr) return ring_->pass();
    if (!held_back_.empty()) return submit_held_back();
    set_permits(1);
  }
  /// Opens the gate.
  void release() {
    set_permits(INT_MAX);
    if (ring_ != nullptr) ring_->pass();
    submit_held_back();
  }
  /// How many calls have come as far as the gate: of threads only.
  int arrived() const { return arrived_; }
  void wait_until_arrived(int count) const {
    for (int now = arrived_; now < count; now = arrived_) arrived_.wait(now);
  }
  /// How many calls were made through the kernel's AIO.
  int submitted() const { return submitted_; }

  Result<int> openat(int directory, const char* path, int flags, mode_t mode) override {
    pass();
    return below_.openat(directory, path, flags, mode);
  }
  Result<> statx(int directory, const char* path, int flags, unsigned mask,
                 struct statx& into) override {
    pass();
    return below_.statx(directory, path, flags, mask, into);
  }
  Count pread(int fd, MutableBytes into, std::uint64_t offset) override {
    pass();
    if (answer != 0) return std::unexpected(Errno{-answer});
    return below_.pread(fd, into, offset);
  }
  Count pwrite(int fd, ByteView bytes, std::uint64_t offset) override {
    pass();
    if (answer != 0) return std::unexpected(Errno{-answer});
    return below_.pwrite(fd, bytes.first(std::min(bytes.size(), most_written.load())), offset);
  }
  Count preadv2(int fd, std::span<const iovec> into, std::uint64_t offset, int flags) override {
    if (flags == RWF_NOWAIT && !cached) return std::unexpected(Errno::again);
    if (flags == 0) pass();
    if (flags == 0 && answer != 0) return std::unexpected(Errno{-answer});
    return below_.preadv2(fd, into, offset, flags);
  }
  Count pwritev2(int fd, std::span<const iovec> from, std::uint64_t offset, int flags) override {
    if (!is_linux_under_test()) return std::unexpected(Errno{ENOSYS});  // And so no disk.
    pass();
    if (answer != 0) return std::unexpected(Errno{-answer});
    return below_.pwritev2(fd, cut(from), offset, flags);
  }
  Result<> fsync(int fd) override {
    pass();
    if (answer != 0) return std::unexpected(Errno{-answer});
    return below_.fsync(fd);
  }
  Result<> renameat2(int from, const char* from_path, int to, const char* to_path,
                     unsigned flags) override {
    pass();
    return below_.renameat2(from, from_path, to, to_path, flags);
  }
  Count io_submit(aio_context_t context, std::span<iocb* const> calls) override {
    if (!is_held()) {
      const auto count = below_.io_submit(context, calls);
      submitted_ += static_cast<int>(count.value_or(0));
      return count;
    }
    for (const iocb* call : calls) held_back_.push_back({context, *call});
    return calls.size();
  }
  Count io_getevents(aio_context_t context, long least, std::span<io_event> into,
                     const timespec* timeout) override {
    const auto count = below_.io_getevents(context, least, into, timeout);
    for (io_event& event : into.first(count.value_or(0)))
      if (answer != 0) event.res = answer;
    return count;
  }
  Result<std::unique_ptr<IoUring>> io_uring_setup(unsigned entries, unsigned completions) override {
    if (!ring_refused) return std::unexpected(ring_refused.error());
    auto made = below_.io_uring_setup(entries, completions);
    if (!made) return made;
    return std::make_unique<Ring>(*this, std::move(*made));
  }

 private:
  struct Ring final : ForwardingIoUring {
    Ring(SlowDisk& owner, std::unique_ptr<IoUring> below)
        : ForwardingIoUring(std::move(below)), disk(owner) {
      disk.ring_ = this;
    }
    ~Ring() override { disk.ring_ = nullptr; }

    bool supports(unsigned operation) const override {
      return !disk.ring_is_old && below_->supports(operation);
    }
    Result<> write(int fd, ByteView bytes, std::uint64_t offset, std::uint64_t number) override {
      const std::size_t size = std::min(bytes.size(), disk.most_written.load());
      return below_->write(fd, bytes.first(size), offset, number);
    }
    Result<> writev(int fd, std::span<const iovec> from, std::uint64_t offset,
                    std::uint64_t number) override {
      return below_->writev(fd, disk.cut(from), offset, number);
    }
    Result<> submit() override {
      if (disk.submits_to_fail > 0) {
        --disk.submits_to_fail;
        return std::unexpected(Errno::again);
      }
      return disk.is_held() ? Result<>() : below_->submit();
    }
    std::size_t harvest(std::span<IoCompletion> into) override {
      const std::size_t count = below_->harvest(into);
      for (IoCompletion& completion : into.first(count))
        if (disk.answer != 0) completion.result = disk.answer;
      return count;
    }
    void pass() { ASSERT_TRUE(below_->submit()); }

    SlowDisk& disk;
  };

  void pass() {
    sigset_t blocked;
    EXPECT_TRUE(below_.pthread_sigmask(SIG_BLOCK, nullptr, &blocked));
    if (sigismember(&blocked, SIGTERM) == 0) called_with_signals_open = true;
    std::unique_lock lock(mutex_);
    ++arrived_;
    arrived_.notify_all();
    wake_.wait(lock, [this] { return permits_ > 0; });
    if (permits_ != INT_MAX) --permits_;
  }
  void set_permits(int permits) {
    const std::lock_guard lock(mutex_);
    permits_ = permits;
    wake_.notify_all();
  }
  // A vector that may not be written whole: its first part.
  std::span<const iovec> cut(std::span<const iovec> from) const {
    return most_written == SIZE_MAX ? from : from.first(1);
  }
  void submit_held_back() {
    for (auto& [context, call] : std::exchange(held_back_, {})) {
      const std::array calls{&call};
      EXPECT_EQ(below_.io_submit(context, calls), Count(1));
      ++submitted_;
    }
  }
  bool is_held() {
    const std::lock_guard lock(mutex_);
    return permits_ == 0;
  }

  struct HeldBack {
    aio_context_t context;
    iocb call;
  };

  Ring* ring_ = nullptr;
  std::vector<HeldBack> held_back_;  // Calls of AIO that have come to the gate.
  int submitted_ = 0;
  std::mutex mutex_;
  std::condition_variable wake_;
  int permits_ = INT_MAX;  // INT_MAX: the gate is open.
  std::atomic<int> arrived_ = 0;
};

/// A slow disk, a directory on it, a loop, and an engine unless that was refused.
struct FileWorld {
  explicit FileWorld(const FileEngineOptions& options, const LoopOptions& loop_options = {})
      : loop(Loop::create(disk, loop_options).value()),
        made(FileEngine::create(*loop, options)),
        engine(made ? std::move(*made) : nullptr) {}
  FileWorld(const FileWorld&) = delete;
  FileWorld& operator=(const FileWorld&) = delete;
  ~FileWorld() {
    disk.release();
    engine.reset();  // Waits for the calls that run: they may make files.
  }

  std::string path(const std::string& name) const { return directory.at(name); }

  /// Awaits `awaitable` in a line of its own, and stores what it gives.
  template <Awaitable A>
  static Task<> keep(A awaitable, std::optional<AwaitResult<A>>& into) {
    auto got = co_await std::move(awaitable);
    into.emplace(std::move(got));
  }

  /// Runs the loop until `into` has something.
  template <class T>
  T wait_for(std::optional<T>& into) const {
    constexpr int too_many = 100'000;
    for (int turns = 0; !into && turns < too_many; ++turns)
      EXPECT_TRUE(loop->run_once(std::chrono::seconds{10}));
    CHECK(into.has_value(), "what the test waits for does not come");
    return std::move(*into);
  }

  /// Runs the loop until `awaitable` has given its result.
  template <Awaitable A>
  AwaitResult<A> run(A awaitable) const {
    std::optional<AwaitResult<A>> got;
    Scope scope(*loop);
    scope.spawn(keep(std::move(awaitable), got));
    return wait_for(got);
  }

  /// Runs the loop until nothing is in flight.
  void drain() const {
    while (engine->in_flight() > 0) EXPECT_TRUE(loop->run_once(std::chrono::seconds{10}));
  }

  File open(const std::string& name, int flags) const {
    return run(File::open(*engine, path(name), flags)).value();
  }

  Folder directory;
  SlowDisk disk;
  std::unique_ptr<Loop> loop;
  Result<std::unique_ptr<FileEngine>> made;
  std::unique_ptr<FileEngine> engine;
};

inline std::string name_of(EngineChoice choice) {
  if (choice == EngineChoice::io_uring) return "io_uring";
  return choice == EngineChoice::aio ? "aio" : "threads";
}
inline std::string name_of_choice(const testing::TestParamInfo<EngineChoice>& info) {
  return name_of(info.param);
}
inline const auto every_engine =
    testing::Values(EngineChoice::io_uring, EngineChoice::aio, EngineChoice::threads);

/// One suite, all engines; where one is refused, its part is skipped and says why.
class FileTest : public testing::TestWithParam<EngineChoice> {
 protected:
  void SetUp() override { make({}); }
  void make(FileEngineOptions options, const LoopOptions& loop_options = {}) {
    options.choice = GetParam();
    world.emplace(options, loop_options);
    if (world->engine == nullptr)
      GTEST_SKIP() << name_of(GetParam()) << ": " << world->made.error().message();
  }
  /// Whether calls on a file in the page cache are made by threads.
  bool on_threads() const { return GetParam() != EngineChoice::io_uring; }

 public:
  std::optional<FileWorld> world;
};

}  // namespace tocsin
