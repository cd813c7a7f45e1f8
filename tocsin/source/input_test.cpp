// SPDX-License-Identifier: MIT
//
// Input and Output on every kind of descriptor that a program may find as its standard ones. The
// method: the descriptor is blocking and shared, as a shell hands it over, and has to be so
// afterwards.
#include "tocsin/source/input.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>

#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "tocsin/kern/folder_testing.hpp"
#include "tocsin/source/loop_scenario_testing.hpp"
#include "tocsin/source/loop_testing.hpp"
#include "tocsin/source/output.hpp"
#include "tocsin/source/pty.hpp"
#include "tocsin/task/sleep.hpp"

namespace tocsin {
namespace {

Task<Result<std::string>> line_of(Input& input) { co_return co_await input.read_line(); }
Task<Result<std::string>> bytes_of(Input& input) {
  const auto bytes = co_await input.read();
  if (!bytes) co_return std::unexpected(bytes.error());
  co_return std::string(as_text(*bytes));
}
Task<Result<>> write_to(Output& output, std::string text) {
  co_return co_await output.write_all(as_bytes(text));
}

class AnyInput : public testing::Test {
 protected:
  void SetUp() override { ONLY_ON_LINUX("vkern has no terminals, and no /proc to open from"); }

  int flags_of(const Fd& fd) { return kernel_.fcntl(fd.get(), F_GETFL, 0).value(); }
  std::array<Fd, 2> both(Result<std::array<int, 2>> ends) {
    return {Fd(kernel_, ends.value()[0]), Fd(kernel_, ends.value()[1])};
  }
  void put(const Fd& fd, std::string_view text) {
    EXPECT_EQ(kernel_.write(fd.get(), as_bytes(text)).value(), text.size());
  }
  Fd open(const std::string& path, int flags) {
    return {kernel_, kernel_.openat(AT_FDCWD, path.c_str(), flags | O_CLOEXEC, 0).value()};
  }

  // Two lines and an end come through, with a wait between them; `fd` is as it was.
  void expect_lines(const Fd& fd, Fd other, Access access) {
    const int flags = flags_of(fd);
    auto input = Input::create(world_.loop, fd.get()).value();
    EXPECT_EQ(input.access(), access);
    std::string all;
    bool ended = false;
    world_.scope.spawn([](Input& from, std::string& into, bool& done) -> Task<> {
      while (auto line = co_await from.read_line()) {
        if (line->empty()) break;
        into += "[" + *line + "]";
      }
      done = true;
    }(input, all, ended));
    world_.run_until_idle();
    EXPECT_EQ(all, "");
    put(other, "one\ntw");
    EXPECT_TRUE(world_.run_until([&] { return !all.empty(); }));
    world_.run_until_idle();
    EXPECT_EQ(all, "[one\n]");
    put(other, "o\nend");
    other.reset();
    EXPECT_TRUE(world_.run_until([&] { return ended; }));
    EXPECT_EQ(all, "[one\n][two\n][end]");
    EXPECT_EQ(flags_of(fd), flags);
  }

  LinuxKernel& kernel_ = LinuxKernel::shared();
  LoopWorld world_{kernel_};
};

TEST_F(AnyInput, APipeIsReadInLines) {
  auto [read_end, write_end] = both(kernel_.pipe2(O_CLOEXEC));
  expect_lines(read_end, std::move(write_end), Access::own);
}

TEST_F(AnyInput, ASocketIsReadInLines) {
  auto [ours, theirs] = both(kernel_.socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  expect_lines(ours, std::move(theirs), Access::socket);
}

TEST_F(AnyInput, AFifoIsReadInLines) {
  const Folder folder;
  folder.make_fifo("fifo");
  const Fd read_end = open(folder.at("fifo"), O_RDONLY | O_NONBLOCK);
  Fd write_end = open(folder.at("fifo"), O_WRONLY);
  ASSERT_TRUE(kernel_.fcntl(read_end.get(), F_SETFL, 0));
  expect_lines(read_end, std::move(write_end), Access::own);
}

// A pipe of another user's, or no /proc: it cannot be opened a second time.
TEST_F(AnyInput, APipeThatCannotBeOpenedAgainIsReadAllTheSame) {
  struct NoProc : ForwardingKernel {
    Result<int> openat(int, const char*, int, mode_t) override {
      return std::unexpected(Errno{EACCES});
    }
  } kernel;
  LoopWorld world(kernel);
  auto [read_end, write_end] = both(kernel_.pipe2(O_CLOEXEC));
  auto input = Input::create(world.loop, read_end.get()).value();
  EXPECT_EQ(input.access(), Access::nowait);
  std::optional<std::string> line;
  world.scope.spawn([](Input& from, std::optional<std::string>& into) -> Task<> {
    into = (co_await from.read_line()).value();
  }(input, line));
  world.run_until_idle();
  EXPECT_EQ(line, std::nullopt);
  put(write_end, "line\n");
  EXPECT_TRUE(world.run_until([&] { return line.has_value(); }));
  EXPECT_EQ(line, "line\n");
  EXPECT_EQ(flags_of(read_end) & O_NONBLOCK, 0);

  auto output = Output::create(world.loop, write_end.get()).value();
  EXPECT_EQ(output.access(), Access::polled);
  EXPECT_TRUE(world.await(write_to(output, std::string(5'000, 'x') + "\n")));
  EXPECT_EQ(world.await(line_of(input)).value().size(), 5'001u);
  EXPECT_EQ(flags_of(write_end) & O_NONBLOCK, 0);
}

TEST_F(AnyInput, ATerminalIsReadLineByLine) {
  auto pty = Pty::create(world_.loop).value();
  const Fd terminal = pty.open_terminal().value();
  auto input = Input::create(world_.loop, terminal.get()).value();
  EXPECT_EQ(input.access(), Access::own);
  EXPECT_EQ(flags_of(terminal) & O_NONBLOCK, 0);
  // A terminal gives a line a read; a short one is no sign that nothing more is there.
  EXPECT_TRUE(world_.await([](Pty& to) -> Task<Result<>> {
    co_return co_await to.write_all(as_bytes("one\ntwo\n\x04"));
  }(pty)));
  EXPECT_EQ(world_.await(line_of(input)), "one\n");
  EXPECT_EQ(world_.await(line_of(input)), "two\n");
  EXPECT_EQ(world_.await(line_of(input)), "") << "Ctrl-D is the end";
}

TEST_F(AnyInput, ATerminalThatCannotBeOpenedAgainIsAskedFirst) {
  struct NoProc : ForwardingKernel {
    Result<int> openat(int directory, const char* path, int flags, mode_t mode) override {
      if (std::string_view(path).starts_with("/proc")) return std::unexpected(Errno{EACCES});
      return below_.openat(directory, path, flags, mode);
    }
  } kernel;
  LoopWorld world(kernel);
  auto pty = Pty::create(world.loop).value();
  const Fd terminal = pty.open_terminal().value();
  auto input = Input::create(world.loop, terminal.get()).value();
  std::optional<std::string> line;
  world.scope.spawn([](Input& from, std::optional<std::string>& into) -> Task<> {
    into = (co_await from.read_line()).value();
  }(input, line));
  world.run_until_idle();
  EXPECT_EQ(input.access(), Access::polled) << "a terminal has no RWF_NOWAIT";
  world.scope.spawn(
      [](Pty& to) -> Task<> { static_cast<void>(co_await to.write_all(as_bytes("line\n"))); }(pty));
  EXPECT_TRUE(world.run_until([&] { return line.has_value(); }));
  EXPECT_EQ(line, "line\n");
  EXPECT_EQ(flags_of(terminal) & O_NONBLOCK, 0);
}

// prog < file
TEST_F(AnyInput, ARegularFileIsReadToItsEnd) {
  const Folder folder;
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += "line " + std::to_string(i) + "\n";
  folder.write("file", text);
  const Fd file = open(folder.at("file"), O_RDONLY);
  auto input = Input::create(world_.loop, file.get()).value();
  EXPECT_EQ(input.access(), Access::always);
  EXPECT_EQ(world_.await(line_of(input)), "line 0\n");
  std::string rest;
  while (true) {
    const auto bytes = world_.await(bytes_of(input)).value();
    if (bytes.empty()) break;
    rest += bytes;
  }
  EXPECT_TRUE("line 0\n" + rest == text);
}

// prog < /dev/null, > /dev/null
TEST_F(AnyInput, DevNullIsAtItsEndAndTakesEverything) {
  const Fd null = open("/dev/null", O_RDWR);
  auto input = Input::create(world_.loop, null.get()).value();
  auto output = Output::create(world_.loop, null.get()).value();
  EXPECT_EQ(input.access(), Access::always);
  EXPECT_EQ(world_.await(line_of(input)), "");
  EXPECT_TRUE(world_.await(write_to(output, std::string(1'000'000, 'x'))));
}

TEST_F(AnyInput, WhatGivesForEverLetsOthersRun) {
  const Fd zero = open("/dev/zero", O_RDONLY);
  auto input = Input::create(world_.loop, zero.get()).value();
  std::size_t count = 0;
  world_.scope.spawn([](Input& from, std::size_t& into) -> Task<> {
    while (auto bytes = co_await from.read()) into += bytes->size();
  }(input, count));
  int naps = 0;
  world_.scope.spawn([](int& into) -> Task<> {
    for (; into < 20; ++into) static_cast<void>(co_await sleep_for(std::chrono::microseconds(1)));
  }(naps));
  EXPECT_TRUE(world_.run_until([&] { return naps == 20; }));
  EXPECT_GT(count, 0u);
}

TEST_F(AnyInput, WhatIsNeitherIsReadToo) {
  const Fd counter(kernel_, kernel_.eventfd(3, EFD_CLOEXEC).value());
  auto input = Input::create(world_.loop, counter.get()).value();
  EXPECT_EQ(world_.await(bytes_of(input)).value(), std::string("\3\0\0\0\0\0\0\0", 8));
  EXPECT_EQ(flags_of(counter) & O_NONBLOCK, 0);
}

TEST_F(AnyInput, WhatIsNotOpenIsEbadf) {
  EXPECT_EQ(Input::create(world_.loop, 1'000'000).error(), Errno{EBADF});
  EXPECT_EQ(Output::create(world_.loop, -1).error(), Errno{EBADF});
  auto [read_end, write_end] = both(kernel_.pipe2(O_CLOEXEC));
  EXPECT_EQ(Input::create(world_.loop, write_end.get()).error(), Errno{EBADF});
  EXPECT_EQ(Output::create(world_.loop, read_end.get()).error(), Errno{EBADF});
}

TEST_F(AnyInput, ALineThatIsTooLongIsKeptForTheNextRead) {
  auto [read_end, write_end] = both(kernel_.pipe2(O_CLOEXEC));
  auto input = Input::create(world_.loop, read_end.get()).value();
  put(write_end, "0123456789");
  const auto line = world_.await([](Input& from) -> Task<Result<std::string>> {
    co_return co_await from.read_line(5);
  }(input));
  ASSERT_FALSE(line);
  EXPECT_EQ(line.error(), Errno{EMSGSIZE});
  EXPECT_EQ(world_.await(bytes_of(input)), "0123456789");
}

TEST_F(AnyInput, WhatAPipeHasNoRoomForWaits) {
  auto [read_end, write_end] = both(kernel_.pipe2(O_CLOEXEC));
  auto output = Output::create(world_.loop, write_end.get()).value();
  auto input = Input::create(world_.loop, read_end.get()).value();
  EXPECT_EQ(output.access(), Access::own);
  std::optional<Result<>> done;
  const std::string text(1'000'000, 'x');
  world_.scope.spawn([](Output& to, ByteView bytes, std::optional<Result<>>& into) -> Task<> {
    into = co_await to.write_all(bytes);
  }(output, as_bytes(text), done));
  world_.run_until_idle();
  EXPECT_FALSE(done);
  std::size_t count = 0;
  while (count < text.size()) count += world_.await(bytes_of(input)).value().size();
  EXPECT_TRUE(world_.run_until([&] { return done.has_value(); }));
  EXPECT_TRUE(*done);
  EXPECT_EQ(flags_of(write_end) & O_NONBLOCK, 0);
}

// And this process is still there: a SIGPIPE would have ended it.
TEST_F(AnyInput, APipeWhoseReaderHasGoneIsEpipe) {
  auto [read_end, write_end] = both(kernel_.pipe2(O_CLOEXEC));
  auto output = Output::create(world_.loop, write_end.get()).value();
  read_end.reset();
  const auto done = world_.await(write_to(output, "text"));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error(), Errno{EPIPE});
}

class LinesOfAPipe final : public LoopScenario<> {
 public:
  LinesOfAPipe() { set_out(); }
  Task<> line() override {
    for (int i = 0; i < 2; ++i) {
      const auto got = co_await input_.read_line();
      if (!got) co_return;
      received_ += *got;
    }
  }
  void complete() override {
    EXPECT_TRUE(kernel.write(write_end_.get(), as_bytes("x\n")));
    sent_ += "x\n";
  }
  // What was not received is still there.
  std::string left_behind() override {
    const std::string left = LoopScenario::left_behind();
    if (!left.empty()) return left;
    write_end_.reset();
    std::array<std::byte, 64> room;
    const auto rest = kernel.read(read_end_.get(), room);
    received_ += as_text(ByteView(room).first(rest.value()));
    return received_ == sent_ ? "" : "of " + sent_ + " only " + received_;
  }

 private:
  std::array<int, 2> ends_ = kernel.pipe2(O_CLOEXEC).value();
  Fd read_end_{kernel, ends_[0]};
  Fd write_end_{kernel, ends_[1]};
  Input input_ = Input::create(loop(), read_end_.get()).value();
  std::string sent_;
  std::string received_;
};

TEST_F(AnyInput, CancellingAtAnyPointLosesNothing) { EXPECT_EQ(walk<LinesOfAPipe>(), 2); }

}  // namespace
}  // namespace tocsin
