// SPDX-License-Identifier: MIT
#include "tocsin/source/pipe.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>

#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "tocsin/kern/folder_testing.hpp"
#include "tocsin/source/loop_scenario_testing.hpp"
#include "tocsin/source/loop_testing.hpp"
#include "tocsin/source/signal_mask.hpp"

namespace tocsin {
namespace {

Task<Result<std::string>> read(PipeReader& from) {
  const auto bytes = co_await from.read();
  if (!bytes) co_return std::unexpected(bytes.error());
  co_return std::string(as_text(*bytes));
}
Task<> read_into(PipeReader& from, std::optional<Result<std::string>>& into) {
  into = co_await read(from);
}
Task<Result<>> write(PipeWriter& to, std::string_view text) {
  co_return co_await to.write_all(as_bytes(text));
}
Task<> write_into(PipeWriter& to, std::string_view text, std::optional<Result<>>& into) {
  into = co_await to.write_all(as_bytes(text));
}

class PipeTest : public testing::Test {
 protected:
  LoopWorld world;
};

TEST_F(PipeTest, BytesGoThroughAndTheEndIsAnEmptyBuffer) {
  auto [reader, writer] = Pipe::create(world.loop).value();
  std::optional<PipeWriter> last(std::move(writer));
  ASSERT_TRUE(world.await(write(*last, "hello, ")));
  ASSERT_TRUE(world.await(write(*last, "reader")));
  EXPECT_EQ(world.await(read(reader)), "hello, reader");
  last.reset();
  EXPECT_EQ(world.await(read(reader)), "");
  EXPECT_EQ(world.await(read(reader)), "") << "an end stays one";
}

TEST_F(PipeTest, MoreThanThePipeHoldsIsWrittenAsItIsRead) {
  auto [reader, writer] = Pipe::create(world.loop).value();
  std::string much(1'000'000, '\0');
  for (std::size_t i = 0; i < much.size(); ++i) much[i] = static_cast<char>(i * 31 + i / 251);
  std::optional<Result<>> written;
  world.scope.spawn(write_into(writer, much, written));
  std::string all;
  while (all.size() < much.size()) {
    const auto part = world.await(read(reader));
    ASSERT_TRUE(part && !part->empty());
    all += *part;
  }
  ASSERT_TRUE(world.run_until([&] { return written.has_value(); }));
  EXPECT_TRUE(written->has_value());
  EXPECT_TRUE(all == much);
}

TEST_F(PipeTest, PacketsAreKeptApartHoweverManyAreWaiting) {
  auto [reader, writer] = Pipe::create(world.loop, {.packets = true}).value();
  for (const char* packet : {"one", "two", "three"})
    ASSERT_TRUE(world.await(write(writer, packet)));
  world.run_until_idle();  // The edges are over: a short read must say nothing here.
  for (const char* packet : {"one", "two", "three"}) EXPECT_EQ(world.await(read(reader)), packet);
  ASSERT_TRUE(world.await(write(writer, std::string(PIPE_BUF + 1, 'p'))));
  EXPECT_EQ(world.await(read(reader))->size(), PIPE_BUF);
  EXPECT_EQ(world.await(read(reader)), "p");
}

// The reader's own flags do not tell of packets: a level does.
TEST_F(PipeTest, PacketsThatOnlyTheWriterKnowsOfAreKeptApartToo) {
  ONLY_ON_LINUX("vkern decides on packets when it makes a pipe");
  auto [reader, writer] = Pipe::create(world.loop).value();
  ASSERT_TRUE(kernel_under_test().fcntl(writer.fd(), F_SETFL, O_DIRECT | O_NONBLOCK));
  for (const char* packet : {"one", "two", "three"})
    ASSERT_TRUE(world.await(write(writer, packet)));
  for (const char* packet : {"one", "two"}) EXPECT_EQ(world.await(read(reader)), packet);
  world.run_until_idle();  // The third is there, and nobody reads: no longer a level.
  ASSERT_TRUE(world.await(write(writer, "four")));
  for (const char* packet : {"three", "four"}) EXPECT_EQ(world.await(read(reader)), packet);
}

TEST_F(PipeTest, CapacityIsReadAndSet) {
  auto [reader, writer] = Pipe::create(world.loop).value();
  EXPECT_EQ(reader.capacity(), 65'536u);
  EXPECT_EQ(writer.set_capacity(5'000), 8'192u) << "pages, and a power of two of them";
  EXPECT_EQ(reader.capacity(), 8'192u);
  ASSERT_TRUE(world.await(write(writer, std::string(8'192, 'x'))));
  EXPECT_EQ(reader.set_capacity(4'096), std::unexpected(Errno{EBUSY}));
  EXPECT_EQ(reader.capacity(), 8'192u);
}

TEST_F(PipeTest, NobodyWhoReadsIsAValueAndNoSignal) {
  // The default disposition of SIGPIPE would end this program.
  auto [reader, writer] = Pipe::create(world.loop).value();
  static_cast<void>(std::optional<PipeReader>(std::move(reader)).reset());
  EXPECT_EQ(world.await(write(writer, "anybody?")), std::unexpected(Errno{EPIPE}));
}

TEST_F(PipeTest, AReaderWhoGoesEndsWhoWaits) {
  auto [reader, writer] = Pipe::create(world.loop).value();
  std::optional<PipeReader> last(std::move(reader));
  std::optional<Result<>> written;
  const std::string much(100'000, 'w');
  world.scope.spawn(write_into(writer, much, written));
  world.run_until_idle();
  EXPECT_FALSE(written.has_value()) << "it is full";
  last.reset();
  ASSERT_TRUE(world.run_until([&] { return written.has_value(); }));
  EXPECT_EQ(*written, std::unexpected(Errno{EPIPE}));
}

// ---- what a reader asks the kernel --------------------------------------------------------------

struct CountingKernel : ForwardingKernel {
  Count read(int fd, MutableBytes into) override {
    ++reads;
    return below_.read(fd, into);
  }
  Result<> epoll_ctl(int epfd, int operation, int fd, epoll_event* event) override {
    if (operation == EPOLL_CTL_MOD) ++modifications;
    return below_.epoll_ctl(epfd, operation, fd, event);
  }
  int reads = 0;
  int modifications = 0;
};

struct PipeReadTest : testing::Test {
  void write(std::string_view text) { EXPECT_TRUE(kernel.write(writer->fd(), as_bytes(text))); }
  void expect_sleep() {
    const auto events = world.loop.counters().events;
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(world.loop.run_once(Duration::zero()));
    EXPECT_EQ(world.loop.counters().events, events);
  }

  CountingKernel kernel;
  LoopWorld world{kernel};
  Pipe pipe = Pipe::create(world.loop).value();
  PipeReader& reader = pipe.reader;
  std::optional<PipeWriter> writer{std::move(pipe.writer)};
};

TEST_F(PipeReadTest, AMessageIsOneRead) {
  std::string heard;
  world.scope.spawn([](PipeReader& from, std::string& into) -> Task<> {
    while (auto bytes = co_await from.read()) {
      if (bytes->empty()) co_return;
      into += as_text(*bytes);
    }
  }(reader, heard));
  world.run_until_idle();  // Before the first, nothing was known of it: it has asked in vain.
  const int reads = kernel.reads;
  for (int i = 0; i < 10; ++i) {
    write("x");
    world.run_until_idle();
  }
  EXPECT_EQ(heard, "xxxxxxxxxx");
  EXPECT_EQ(kernel.reads - reads, 10);
  EXPECT_EQ(kernel.modifications, 0);
  writer.reset();
  world.run_until_idle();
  EXPECT_EQ(world.scope.size(), 0u) << "the end is read, too";
}

TEST_F(PipeReadTest, WhatComesWhileNobodyReadsIsToldOnceAndNotForgotten) {
  write("first");
  world.run_until_idle();
  expect_sleep();
  EXPECT_EQ(kernel.modifications, 1);
  for (const char* text : {"first", "second", "third"}) {
    EXPECT_EQ(world.await(read(reader)), text);
    write(text == std::string_view("first") ? "second" : "third");
    world.run_until_idle();
  }
  EXPECT_EQ(kernel.modifications, 1) << "that is for good";
}

TEST_F(PipeReadTest, ManyPacketsAreReadInOneTurn) {
  Pipe packets = Pipe::create(world.loop, {.packets = true}).value();
  for (int i = 0; i < 10; ++i)
    EXPECT_TRUE(kernel.write(packets.writer.fd(), as_bytes(std::string_view("packet"))));
  int heard = 0;
  world.scope.spawn([](PipeReader& from, int& count) -> Task<> {
    while (const auto bytes = co_await from.read()) ++count;
  }(packets.reader, heard));
  ASSERT_TRUE(world.loop.run_once(Duration::zero()));
  EXPECT_EQ(heard, 10);
  world.scope.cancel();
  world.run_until_idle();
}

// A hangup is reported whether asked for or not (epoll_ctl(2)), and does not end.
TEST_F(PipeReadTest, AHangUpWhileNobodyReadsIsToldOnceAndNotForgotten) {
  EXPECT_TRUE(world.await([](PipeReader& from, PipeWriter& to) -> Task<Result<>> {
    const auto sent = co_await to.write_all(as_bytes(std::string_view("read")));
    if (!sent) co_return sent;
    const auto bytes = co_await from.read();
    if (!bytes) co_return std::unexpected(bytes.error());
    co_return Result<>();
  }(reader, *writer)));
  writer.reset();
  world.run_until_idle();
  expect_sleep();
  EXPECT_EQ(world.await(read(reader)), "");
  expect_sleep();
}

TEST_F(PipeReadTest, BytesThatCameWithTheHangUpAreReadBeforeTheEnd) {
  write("last");
  writer.reset();
  world.run_until_idle();
  EXPECT_EQ(world.await(read(reader)), "last");
  EXPECT_EQ(world.await(read(reader)), "");
}

// ---- without RWF_NOSIGNAL -----------------------------------------------------------------------

struct OldKernel : ForwardingKernel {
  Count pwritev2(int, std::span<const iovec>, std::uint64_t, int) override {
    return std::unexpected(Errno::unsupported);
  }
};

bool is_pending(int number) {
  sigset_t pending{};
  ::sigpending(&pending);
  return ::sigismember(&pending, number) == 1;
}

TEST(WriteWithoutSignal, OnAnOldKernelTheSignalIsTakenAwayAndTheMaskRestored) {
  OldKernel kernel;
  LoopWorld world(kernel);
  auto [reader, writer] = Pipe::create(world.loop).value();
  ASSERT_TRUE(world.await(write(writer, "kept")));
  EXPECT_EQ(world.await(read(reader)), "kept");
  static_cast<void>(std::optional<PipeReader>(std::move(reader)).reset());
  EXPECT_EQ(world.await(write(writer, "anybody?")), std::unexpected(Errno{EPIPE}));
  EXPECT_FALSE(is_pending(SIGPIPE));
  sigset_t mask{};
  ::pthread_sigmask(SIG_BLOCK, nullptr, &mask);
  EXPECT_EQ(::sigismember(&mask, SIGPIPE), 0);
}

TEST(WriteWithoutSignal, OnAnOldKernelOneThatWasPendingStaysPending) {
  ONLY_ON_LINUX("vkern raises no SIGPIPE");
  OldKernel kernel;
  LoopWorld world(kernel);
  auto [reader, writer] = Pipe::create(world.loop).value();
  static_cast<void>(std::optional<PipeReader>(std::move(reader)).reset());
  constexpr std::array numbers{SIGPIPE};
  auto blocked = SignalMask::block(kernel, numbers).value();
  ASSERT_TRUE(kernel.kill(kernel.getpid(), SIGPIPE));
  EXPECT_EQ(world.await(write(writer, "anybody?")), std::unexpected(Errno{EPIPE}));
  EXPECT_TRUE(is_pending(SIGPIPE));
  // Theirs is the process's and ours the thread's: there may be two.
  while (kernel.sigtimedwait(signal_set(numbers).value(), timespec{})) {
  }
}

// ---- FIFOs --------------------------------------------------------------------------------------

class FifoTest : public PipeTest {
 protected:
  FifoTest() { folder.make_fifo("events"); }
  PipeWriter writer() { return PipeWriter::open_fifo(world.loop, path).value(); }

  Folder folder;
  const std::string path = folder.at("events");
};

TEST_F(FifoTest, AReaderSurvivesItsWriters) {
  auto reader = PipeReader::open_fifo(world.loop, path).value();
  for (const char* text : {"first", "second", "third"}) {
    std::optional<Result<std::string>> got;
    world.scope.spawn(read_into(reader, got));
    world.run_until_idle();
    EXPECT_FALSE(got.has_value()) << "no writer is no end";
    {
      auto one = writer();
      ASSERT_TRUE(world.await(write(one, text)));
    }  // It hangs up.
    ASSERT_TRUE(world.run_until([&] { return got.has_value(); }));
    EXPECT_EQ(*got, text);
  }
}

TEST_F(FifoTest, AHangUpDoesNotKeepTheLoopBusy) {
  auto reader = PipeReader::open_fifo(world.loop, path).value();
  static_cast<void>(writer());
  std::optional<Result<std::string>> got;
  world.scope.spawn(read_into(reader, got));
  world.run_until_idle();
  const auto before = world.loop.counters().events;
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(world.loop.run_once(Duration::zero()));
  EXPECT_EQ(world.loop.counters().events, before);
  EXPECT_FALSE(got.has_value());
  world.scope.cancel();
}

TEST_F(FifoTest, WhoeverWantsToIsToldOfTheEnd) {
  auto reader = PipeReader::open_fifo(world.loop, path, AtEnd::tell).value();
  {
    auto one = writer();
    ASSERT_TRUE(world.await(write(one, "text")));
  }
  EXPECT_EQ(world.await(read(reader)), "text");
  EXPECT_EQ(world.await(read(reader)), "");
}

TEST_F(FifoTest, AWriterWithoutAReaderIsEnxioAndAnotherFileIsEinval) {
  const auto alone = PipeWriter::open_fifo(world.loop, path);
  ASSERT_FALSE(alone);
  EXPECT_EQ(alone.error(), Errno{ENXIO});
  folder.write("file", "text");
  const auto file = PipeReader::open_fifo(world.loop, folder.at("file"));
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error(), Errno::invalid);
  const auto absent = PipeReader::open_fifo(world.loop, folder.at("absent"));
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error(), Errno{ENOENT});
}

// ---- cancellation -------------------------------------------------------------------------------

class PipeScenario : public LoopScenario<> {
 protected:
  Pipe pipe_ = Pipe::create(loop()).value();
};

class Reads : public PipeScenario {
 public:
  Reads() { set_out(); }
  Task<> line() override {
    for (int i = 0; i < 2; ++i)
      if (!co_await pipe_.reader.read()) co_return;
  }
  void complete() override { EXPECT_TRUE(kernel.write(pipe_.writer.fd(), as_bytes("x"))); }
};
TEST(PipeCancellation, AReadIsGivenUpWithoutATrace) { EXPECT_EQ(walk<Reads>(), 2); }

class Writes : public PipeScenario {
 public:
  Writes() {
    while (kernel.write(pipe_.writer.fd(), as_bytes(std::string(4'096, 'f')))) {
    }
    set_out();
  }
  Task<> line() override { static_cast<void>(co_await pipe_.writer.write_all(as_bytes("more"))); }
  void complete() override {
    std::array<std::byte, 65'536> room{};
    EXPECT_TRUE(kernel.read(pipe_.reader.fd(), room));
  }
};
TEST(PipeCancellation, AWriteIsGivenUpWithoutATrace) { EXPECT_EQ(walk<Writes>(), 1); }

}  // namespace
}  // namespace tocsin
