// SPDX-License-Identifier: MIT
#include "tocsin/net/unix.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "tocsin/kern/forwarding_kernel_testing.hpp"
#include "tocsin/source/loop_testing.hpp"

namespace tocsin {
namespace {

/// A folder of the test's own, on the kernel under test, and what may be in it.
class Folder {
 public:
  Folder() { EXPECT_TRUE(kernel_.mkdirat(AT_FDCWD, path_.c_str(), 0700)); }
  ~Folder() {
    for (const char* name : {"socket", "elsewhere"}) static_cast<void>(remove(file(name)));
    EXPECT_TRUE(kernel_.unlinkat(AT_FDCWD, path_.c_str(), AT_REMOVEDIR));
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string file(const std::string& name) const { return path_ + "/" + name; }

  Result<> remove(const std::string& path) { return kernel_.unlinkat(AT_FDCWD, path.c_str(), 0); }
  Result<> rename(const std::string& from, const std::string& to) {
    return kernel_.renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), 0);
  }
  /// Makes a regular file.
  void make(const std::string& path) {
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
    const Fd file(kernel_, kernel_.openat(AT_FDCWD, path.c_str(), flags, 0600).value());
    EXPECT_TRUE(kernel_.write(file.get(), as_bytes("precious")));
  }

 private:
  Kernel& kernel_ = kernel_under_test();
  std::string path_ = "/tmp/unix_test." + std::to_string(::getpid());
};

/// S_IFSOCK, S_IFREG; 0 if there is nothing at `path`.
mode_t kind_of(const std::string& path) {
  struct statx found{};
  const auto done = kernel_under_test().statx(AT_FDCWD, path.c_str(), 0, STATX_TYPE, found);
  return done ? found.stx_mode & S_IFMT : 0;
}

class UnixTest : public testing::Test {
 protected:
  static Task<Result<UnixStream>> accept(UnixListener& from) { co_return co_await from.accept(); }
  static Task<> accept_into(UnixListener& from, std::optional<Result<UnixStream>>& into) {
    into.emplace(co_await from.accept());
  }
  static Task<> connect_into(Loop& loop, Address to, std::optional<Result<UnixStream>>& into) {
    into.emplace(co_await UnixStream::connect(loop, to));
  }
  static Task<Result<std::string>> read(Stream& from) {
    const auto bytes = co_await from.read();
    if (!bytes) co_return std::unexpected(bytes.error());
    co_return std::string(as_text(*bytes));
  }
  static Task<Result<>> write(Stream& to, std::string_view text) {
    co_return co_await to.write_all(as_bytes(text));
  }

  /// What a process that was killed leaves: a socket file that nobody has open.
  void leave_stale_file() {
    Kernel& kernel = kernel_under_test();
    const Fd dead(kernel, kernel.socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0).value());
    ASSERT_TRUE(kernel.bind(dead.get(), where.data(), where.size()));
  }

  Folder folder;
  std::string path = folder.file("socket");
  Address where = Address::unix_path(path).value();
  LoopWorld world;
};

TEST_F(UnixTest, AConnectionCarriesBytesBothWays) {
  auto listener = UnixListener::bind(world.loop, where).value();
  EXPECT_EQ(listener.local_address(), where);
  auto client = world.await(UnixStream::connect(world.loop, where)).value();
  auto server = world.await(accept(listener)).value();
  ASSERT_TRUE(world.await(write(client, "ping")));
  EXPECT_EQ(world.await(read(server)), "ping");
  ASSERT_TRUE(world.await(write(server, "pong")));
  EXPECT_EQ(world.await(read(client)), "pong");
  EXPECT_EQ(client.peer_address(), where);
  EXPECT_EQ(sizeof(UnixStream), sizeof(void*));
}

TEST_F(UnixTest, APairIsConnectedToEachOther) {
  auto [one, other] = UnixStream::pair(world.loop).value();
  ASSERT_TRUE(world.await(write(one, "hello")));
  EXPECT_EQ(world.await(read(other)), "hello");
  ASSERT_TRUE(other.finish_writing());
  EXPECT_EQ(world.await(read(one)), "");
}

TEST_F(UnixTest, AnAbstractNameHasNoFile) {
  const auto name = Address::unix_abstract("tocsin test " + std::to_string(::getpid())).value();
  auto listener = UnixListener::bind(world.loop, name).value();
  EXPECT_TRUE(world.await(UnixStream::connect(world.loop, name)));
  EXPECT_EQ(listener.local_address(), name);
  const auto twice = UnixListener::bind(world.loop, name);
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error(), Errno{EADDRINUSE});
}

TEST_F(UnixTest, TheFileGoesWithTheListener) {
  {
    const auto listener = UnixListener::bind(world.loop, where).value();
    EXPECT_EQ(kind_of(path), S_IFSOCK);
  }
  EXPECT_EQ(kind_of(path), 0u);
}

TEST_F(UnixTest, AFileThatHasTakenItsPlaceStays) {
  std::optional<UnixListener> first(UnixListener::bind(world.loop, where).value());
  // Not removed, but renamed: its inode's number is not free for the second one.
  ASSERT_TRUE(folder.rename(path, folder.file("elsewhere")));
  std::optional<UnixListener> second(UnixListener::bind(world.loop, where).value());
  first.reset();
  EXPECT_EQ(kind_of(path), S_IFSOCK) << "it is the second one's";
  EXPECT_TRUE(world.await(UnixStream::connect(world.loop, where)));
  ASSERT_TRUE(folder.remove(path));
  folder.make(path);
  second.reset();
  EXPECT_EQ(kind_of(path), S_IFREG);
}

TEST_F(UnixTest, AStaleFileIsReplacedUnlessToldNotTo) {
  leave_stale_file();
  const auto careful = UnixListener::bind(world.loop, where, {.replace_stale = false});
  ASSERT_FALSE(careful);
  EXPECT_EQ(careful.error(), Errno{EADDRINUSE});
  const auto listener = UnixListener::bind(world.loop, where);
  ASSERT_TRUE(listener) << listener.error().message();
  EXPECT_TRUE(world.await(UnixStream::connect(world.loop, where)));
}

TEST_F(UnixTest, ALivingListenerIsNeitherReplacedNorDisturbed) {
  auto first = UnixListener::bind(world.loop, where).value();
  const auto second = UnixListener::bind(world.loop, where);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error(), Errno{EADDRINUSE});
  std::optional<Result<UnixStream>> got;
  Scope scope(world.loop);
  scope.spawn(accept_into(first, got));
  world.run_until_idle();
  EXPECT_FALSE(got.has_value()) << "the question whether it lives was no connection";
}

TEST_F(UnixTest, ASocketThatIsBoundButDoesNotListenYetIsNoStaleOne) {
  Kernel& kernel = kernel_under_test();
  const Fd other(kernel, kernel.socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0).value());
  ASSERT_TRUE(kernel.bind(other.get(), where.data(), where.size()));
  const auto listener = UnixListener::bind(world.loop, where);
  ASSERT_FALSE(listener);
  EXPECT_EQ(listener.error(), Errno{EADDRINUSE});
  EXPECT_EQ(kind_of(path), S_IFSOCK);
}

TEST_F(UnixTest, AFileThatIsNoSocketIsNeverRemoved) {
  folder.make(path);
  const auto listener = UnixListener::bind(world.loop, where);
  ASSERT_FALSE(listener);
  EXPECT_EQ(listener.error(), Errno{EADDRINUSE});
  EXPECT_EQ(kind_of(path), S_IFREG);
}

TEST_F(UnixTest, AListenerThatCannotBeMadeLeavesNoFile) {
  struct NoListen : ForwardingKernel {
    Result<> listen(int, int) override { return std::unexpected(Errno{ENOBUFS}); }
  } kernel;
  LoopWorld failing(kernel);
  const auto listener = UnixListener::bind(failing.loop, where);
  ASSERT_FALSE(listener);
  EXPECT_EQ(listener.error(), Errno{ENOBUFS});
  EXPECT_EQ(kind_of(path), 0u);
}

TEST_F(UnixTest, NobodyThereIsAnError) {
  const auto absent = world.await(UnixStream::connect(world.loop, where));
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error(), Errno{ENOENT});
  leave_stale_file();
  const auto dead = world.await(UnixStream::connect(world.loop, where));
  ASSERT_FALSE(dead);
  EXPECT_EQ(dead.error(), Errno{ECONNREFUSED});
  const auto elsewhere = world.await(UnixStream::connect(world.loop, Address::loopback(1)));
  ASSERT_FALSE(elsewhere);
  EXPECT_EQ(elsewhere.error(), Errno{EAFNOSUPPORT});
}

TEST_F(UnixTest, AFullBacklogIsWaitedFor) {
  auto listener = UnixListener::bind(world.loop, where, {.backlog = 0}).value();
  const auto first = world.await(UnixStream::connect(world.loop, where));
  ASSERT_TRUE(first);
  std::optional<Result<UnixStream>> second;
  Scope scope(world.loop);
  scope.spawn(connect_into(world.loop, where, second));
  world.run_until_idle();
  ASSERT_FALSE(second.has_value()) << "the backlog takes one";
  ASSERT_TRUE(world.await(accept(listener)));
  ASSERT_TRUE(world.run_until([&] { return second.has_value(); }));
  EXPECT_TRUE(second->has_value());
}

}  // namespace
}  // namespace tocsin
