// SPDX-License-Identifier: MIT
//
// What a copy promises: every byte, once, in order, by the rung it says; nothing lost when it is
// cancelled; no turn taken by it alone.
//
// On a kernel without splices (vkern) every copy between streams comes to read and write: the same
// tests, with another answer to "how".
#include "tocsin/source/copy.hpp"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "tocsin/base/prng.hpp"
#include "tocsin/kern/forwarding_kernel_testing.hpp"
#include "tocsin/source/loop_scenario_testing.hpp"
#include "tocsin/source/loop_testing.hpp"
#include "tocsin/source/pipe.hpp"

namespace tocsin {
namespace {

/// What can be refused, and what is counted.
struct CopyKernel : ForwardingKernel {
  Count splice(int from, std::uint64_t* from_offset, int to, std::uint64_t* to_offset,
               std::size_t count, unsigned flags) override {
    ++splices;
    largest = std::max(largest, count);
    if (refused_splices == splices) splices_refused_with = EINVAL;
    if (splices_refused_with != 0) return std::unexpected(Errno{splices_refused_with});
    if (takes_all) return count;
    return below_.splice(from, from_offset, to, to_offset, count, flags);
  }
  Count copy_file_range(int from, std::uint64_t* from_offset, int to, std::uint64_t* to_offset,
                        std::size_t count) override {
    if (ranges_refused_with != 0) return std::unexpected(Errno{ranges_refused_with});
    return below_.copy_file_range(from, from_offset, to, to_offset, count);
  }
  Result<std::array<int, 2>> pipe2(int flags) override {
    if (no_pipes) return std::unexpected(Errno{EMFILE});
    return below_.pipe2(flags);
  }

  int splices = 0;
  int refused_splices = 0;  // The one of this number, and all that follow it; 0: none.
  int splices_refused_with = 0;
  int ranges_refused_with = 0;
  bool takes_all = false;  // Two ends that are always ready.
  bool no_pipes = false;
  std::size_t largest = 0;
};

/// Two connected sockets: a copy has `inside`, the test `outside`.
struct Ends {
  explicit Ends(Loop& loop) : Ends(loop, connected_pair(loop.kernel())) {}
  Ends(Loop& loop, std::array<Fd, 2> fds)
      : inside(FdSource::create(loop, std::move(fds[0]), "inside").value()),
        outside(std::move(fds[1])) {}

  std::unique_ptr<FdSource> inside;
  Fd outside;
};

class CopyTest : public testing::Test {
 protected:
  CopyTest() {
    Prng prng(7);
    std::ranges::generate(text, [&] { return static_cast<char>(prng.next()); });
  }

  /// As much of `bytes` as the socket takes now.
  std::size_t put(const Fd& to, std::string_view bytes) {
    std::size_t gone = 0;
    while (gone < bytes.size()) {
      const Count count = kernel.send(to.get(), as_bytes(bytes.substr(gone)), MSG_NOSIGNAL);
      if (!count) break;
      gone += *count;
    }
    return gone;
  }
  /// The same with the rest of `text`; and says that there is no more, when there is no more.
  void feed(const Fd& to) {
    fed += put(to, std::string_view(text).substr(fed));
    if (fed < text.size()) return;
    EXPECT_TRUE(kernel.shutdown(to.get(), SHUT_WR));
  }
  std::string take(const Fd& from) {
    std::string all;
    std::array<std::byte, 65536> room;
    while (const std::size_t count = kernel.read(from.get(), room).value_or(0))
      all += as_text(ByteView(room).first(count));
    return all;
  }
  /// Feeds `text` to one end and reads the other until `size` bytes have come.
  std::string pump(const Fd& to, const Fd& from, std::size_t size) {
    std::string all;
    EXPECT_TRUE(world.run_until([&] {
      feed(to);
      all += take(from);
      return all.size() >= size;
    }));
    return all;
  }
  static Task<> keep(Task<Result<Copied>> task, std::optional<Result<Copied>>& into) {
    into.emplace(co_await std::move(task));
  }
  Copied end_of(std::optional<Result<Copied>>& copied) {
    EXPECT_TRUE(world.run_until([&] { return copied.has_value(); }));
    return copied->value();
  }
  Fd file_with(std::string_view content) {
    Fd file = unnamed_file(kernel);
    EXPECT_EQ(kernel.pwrite(file.get(), as_bytes(content), 0), content.size());
    return file;
  }
  std::string contents(const Fd& file, std::uint64_t offset = 0) {
    std::string all(text.size() + 100, '\0');
    const auto room = std::as_writable_bytes(std::span(all));
    all.resize(kernel.pread(file.get(), room, offset).value());
    return all;
  }
  static CopyMethod on_linux(CopyMethod method) {
    return is_linux_under_test() ? method : CopyMethod::read_write;
  }

  CopyKernel kernel;
  std::string text = std::string(2'000'003, '\0');
  std::size_t fed = 0;  // Of `text`.
  std::optional<Result<Copied>> done;
  LoopWorld world{kernel};
};

// ---- the rungs ----------------------------------------------------------------------------------

TEST_F(CopyTest, FromSocketToSocketItGoesThroughAPipe) {
  Ends from(world.loop);
  Ends to(world.loop);
  world.scope.spawn(keep(copy(*from.inside, *to.inside), done));
  EXPECT_TRUE(pump(from.outside, to.outside, text.size()) == text);
  const Copied copied = end_of(done);
  EXPECT_EQ(copied.bytes, text.size());
  EXPECT_EQ(copied.method, on_linux(CopyMethod::splice_through_pipe));
}

TEST_F(CopyTest, WithoutADescriptorForThePipeItReadsAndWrites) {
  kernel.no_pipes = true;
  Ends from(world.loop);
  Ends to(world.loop);
  world.scope.spawn(keep(copy(*from.inside, *to.inside), done));
  EXPECT_TRUE(pump(from.outside, to.outside, text.size()) == text);
  EXPECT_EQ(end_of(done).method, CopyMethod::read_write);
}

// The third splice would be the first out of the pipe: what is in there must not be lost.
TEST_F(CopyTest, AnEndThatRefusesWhatThePipeHoldsGetsItByWrites) {
  kernel.refused_splices = 3;
  Ends from(world.loop);
  Ends to(world.loop);
  world.scope.spawn(keep(copy(*from.inside, *to.inside), done));
  EXPECT_TRUE(pump(from.outside, to.outside, text.size()) == text);
  const Copied copied = end_of(done);
  EXPECT_EQ(copied.bytes, text.size());
  EXPECT_EQ(copied.method, CopyMethod::read_write);
}

TEST_F(CopyTest, WhereAPipeIsAnEndItIsSplicedDirectly) {
  Ends from(world.loop);
  Ends to(world.loop);
  Pipe pipe = Pipe::create(world.loop).value();
  std::optional<Result<Copied>> second;
  world.scope.spawn(keep(copy(*from.inside, pipe.writer.source(), text.size()), done));
  world.scope.spawn(keep(copy(pipe.reader.source(), *to.inside, text.size()), second));
  EXPECT_TRUE(pump(from.outside, to.outside, text.size()) == text);
  EXPECT_EQ(end_of(done).method, on_linux(CopyMethod::splice));
  EXPECT_EQ(end_of(second).method, on_linux(CopyMethod::splice));
  EXPECT_EQ(second->value().bytes, text.size());
}

TEST_F(CopyTest, AFileGoesIntoASocketBySendfile) {
  const Fd file = file_with(text);
  Ends to(world.loop);
  world.scope.spawn(keep(copy(FilePart{file.get(), 1000}, *to.inside), done));
  std::string all;
  EXPECT_TRUE(world.run_until([&] {
    all += take(to.outside);
    return all.size() >= text.size() - 1000;
  }));
  EXPECT_TRUE(all == text.substr(1000));
  const Copied copied = end_of(done);
  EXPECT_EQ(copied.bytes, text.size() - 1000);
  EXPECT_EQ(copied.method, CopyMethod::sendfile);
}

TEST_F(CopyTest, AFileGoesIntoAPipe) {
  const Fd file = file_with("some bytes");
  Pipe pipe = Pipe::create(world.loop).value();
  EXPECT_EQ(world.await(copy(FilePart{file.get()}, pipe.writer.source()))->bytes, 10u);
  std::array<std::byte, 100> room;
  EXPECT_EQ(kernel.read(pipe.reader.fd(), room), Count(10));
}

TEST_F(CopyTest, ASocketGoesIntoAFileAtAnOffset) {
  const Fd file = unnamed_file(kernel);
  Ends from(world.loop);
  world.scope.spawn(keep(copy(*from.inside, FilePart{file.get(), 10}), done));
  ASSERT_TRUE(world.run_until([&] {
    feed(from.outside);
    return done.has_value();
  }));
  EXPECT_TRUE(contents(file, 10) == text);
  EXPECT_EQ(end_of(done).method, on_linux(CopyMethod::splice_through_pipe));
}

TEST_F(CopyTest, FromFileToFileByRangesOrByBytes) {
  const Fd file = file_with(text);
  const auto pool = ThreadPool::create(world.loop, 1).value();
  for (const int refused_with : {0, EXDEV, ENOSYS, EINVAL}) {
    kernel.ranges_refused_with = refused_with;
    const Fd into = unnamed_file(kernel);
    const auto copied = world.await(copy(*pool, {file.get(), 5}, {into.get(), 0}));
    ASSERT_TRUE(copied);
    EXPECT_EQ(copied->bytes, text.size() - 5);
    EXPECT_TRUE(contents(into) == text.substr(5));
    EXPECT_EQ(copied->method,
              refused_with == 0 ? on_linux(CopyMethod::copy_file_range) : CopyMethod::read_write);
  }
  const Fd into = unnamed_file(kernel);
  EXPECT_EQ(world.await(copy(*pool, {file.get()}, {into.get(), 3}, 7))->bytes, 7u);
  EXPECT_EQ(contents(into, 3), text.substr(0, 7));
}

// They say that they are empty, and are not: copy_file_range(2) believes them.
TEST_F(CopyTest, AFileOfProcIsCopiedAlthoughItHasNoLength) {
  ONLY_ON_LINUX("vkern has no /proc");
  const Fd file(kernel, kernel.openat(AT_FDCWD, "/proc/version", O_RDONLY | O_CLOEXEC, 0).value());
  const auto pool = ThreadPool::create(world.loop, 1).value();
  const Fd into = unnamed_file(kernel);
  const auto copied = world.await(copy(*pool, {file.get()}, {into.get()}));
  EXPECT_GT(copied->bytes, 0u);
  EXPECT_TRUE(contents(into).starts_with("Linux version"));
}

// ---- limits, errors -----------------------------------------------------------------------------

TEST_F(CopyTest, ItTakesNoMoreThanItWasToldTo) {
  Ends from(world.loop);
  Ends to(world.loop);
  put(from.outside, "0123456789");
  EXPECT_EQ(world.await(copy(*from.inside, *to.inside, 4))->bytes, 4u);
  EXPECT_EQ(take(to.outside), "0123");
  EXPECT_EQ(world.await(copy(*from.inside, *to.inside, 6))->bytes, 6u);
  EXPECT_EQ(take(to.outside), "456789");
  EXPECT_EQ(world.await(copy(*from.inside, *to.inside, 0))->bytes, 0u);
}

TEST_F(CopyTest, WhatIsRefusedOnEveryRungIsAnError) {
  const Fd directory(kernel,
                     kernel.openat(AT_FDCWD, "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0).value());
  Ends to(world.loop);
  const auto copied = world.await(copy(FilePart{directory.get()}, *to.inside));
  ASSERT_FALSE(copied);
  EXPECT_TRUE(copied.error() == Errno{EISDIR} || copied.error() == Errno::invalid);
}

TEST_F(CopyTest, AFullDiskIsAnErrorAndWhatItDidNotTakeIsHeld) {
  ONLY_ON_LINUX("the files of a kernel in user space are no devices");
  const Fd full(kernel, kernel.openat(AT_FDCWD, "/dev/full", O_WRONLY | O_CLOEXEC, 0).value());
  Ends from(world.loop);
  put(from.outside, "bytes");
  Copy whole(*from.inside, FilePart{full.get()});
  EXPECT_EQ(world.await(whole.run()).error(), Errno{ENOSPC});
  EXPECT_EQ(whole.copied(), 0u);
  EXPECT_EQ(whole.held(), 5u);
  EXPECT_EQ(as_text(whole.take_held().value()), "bytes");
  EXPECT_EQ(whole.held(), 0u);
}

// The default disposition of SIGPIPE would end this program.
TEST_F(CopyTest, APeerThatHasGoneIsAValueAndNoSignalOnEveryRung) {
  const auto gone = [&](auto&& from, FdSource& to, CopyMethod method) {
    Copy whole(from, to);
    EXPECT_EQ(world.await(whole.run()), std::unexpected(Errno{EPIPE})) << name_of(method);
    EXPECT_EQ(whole.method(), method);
  };
  Ends from(world.loop);
  const auto readable_end = [&]() -> FdSource& {
    put(from.outside, "bytes");
    return *from.inside;
  };
  const auto without_peer = [&] {
    Ends to(world.loop);
    to.outside.reset();
    return std::move(to.inside);
  };
  const Fd file = file_with("bytes");
  gone(FilePart{file.get()}, *without_peer(), CopyMethod::sendfile);

  Pipe pipe = Pipe::create(world.loop).value();
  static_cast<void>(std::optional<PipeReader>(std::move(pipe.reader)).reset());
  gone(readable_end(), pipe.writer.source(), on_linux(CopyMethod::splice));
  gone(readable_end(), *without_peer(), on_linux(CopyMethod::splice_through_pipe));
  kernel.splices_refused_with = EINVAL;
  gone(readable_end(), *without_peer(), CopyMethod::read_write);
}

// ---- turns --------------------------------------------------------------------------------------

TEST_F(CopyTest, TwoEndsThatAreAlwaysReadyGiveWayAfterTheirBudget) {
  kernel.takes_all = true;
  Ends from(world.loop);
  Ends to(world.loop);
  const auto before = world.loop.turn_number();
  constexpr std::uint64_t most = 100 * Copy::chunk;
  EXPECT_EQ(world.await(copy(*from.inside, *to.inside, most))->bytes, most);
  EXPECT_EQ(kernel.largest, Copy::chunk);
  EXPECT_GE(world.loop.turn_number() - before, 100u) << "a chunk a turn, no more";
}

TEST_F(CopyTest, ACopyThatWaitsMakesNoCalls) {
  ONLY_ON_LINUX("vkern has no splices to count");
  Ends from(world.loop);
  Pipe pipe = Pipe::create(world.loop).value();
  world.scope.spawn(keep(copy(*from.inside, pipe.writer.source()), done));
  world.run_until_idle();
  const int while_empty = kernel.splices;
  for (int turn = 0; turn < 10; ++turn) ASSERT_TRUE(world.loop.run_once(Duration::zero()));
  EXPECT_EQ(kernel.splices, while_empty);

  while (put(from.outside, text) > 0) world.run_until_idle();  // Until pipe and sockets are full.
  const int while_full = kernel.splices;
  for (int turn = 0; turn < 10; ++turn) ASSERT_TRUE(world.loop.run_once(Duration::zero()));
  EXPECT_EQ(kernel.splices, while_full);
}

// ---- cancellation -------------------------------------------------------------------------------

// Cancelled whenever it waits for the reader, who takes little at a time: nothing may be missing.
TEST_F(CopyTest, ACancelledCopyGoesOnWhereItWas) {
  Ends from(world.loop);
  Ends to(world.loop);
  Copy whole(*from.inside, *to.inside);
  std::string all;
  std::size_t most_held = 0;
  int cancelled = 0;
  for (int round = 0; round < 1000 && all.size() < text.size(); ++round) {
    done.reset();
    Scope scope(world.loop);
    scope.spawn(keep(whole.run(), done));
    feed(from.outside);
    world.run_until_idle();
    scope.cancel();
    ASSERT_TRUE(world.run_until([&] { return done.has_value(); }));
    cancelled += *done ? 0 : 1;
    most_held = std::max(most_held, whole.held());
    EXPECT_LE(whole.copied() + whole.held(), fed);
    std::array<std::byte, 30'000> room;
    const std::size_t some = kernel.read(to.outside.get(), room).value_or(0);
    all += as_text(ByteView(room).first(some));
  }
  EXPECT_TRUE(all == text);
  EXPECT_GT(cancelled, 3);
  EXPECT_GT(most_held, 0u) << "the test shows nothing if nothing is ever held";
  EXPECT_EQ(whole.held(), 0u);
}

class CopyScenario : public LoopScenario<> {
 public:
  CopyScenario() { set_out(); }
  Task<> line() override {
    for (int i = 0; i < 2; ++i) {
      const auto done = co_await copy(*from_.inside, *to_.inside, 3);
      if (!done) co_return;
    }
  }
  void complete() override {
    EXPECT_EQ(kernel.send(from_.outside.get(), as_bytes("abc"), MSG_NOSIGNAL), Count(3));
  }

 private:
  Ends from_{loop()};
  Ends to_{loop()};
};

TEST(CopyCancellation, ACopyIsWaitedForAndGivenUpWithoutATrace) {
  EXPECT_EQ(walk<CopyScenario>(), 2);
}

}  // namespace
}  // namespace tocsin
