// SPDX-License-Identifier: MIT
//
// Files and inotify where the random calls of inotify_differential_test.cpp do not come: the way
// out of a directory, what is sent to a socket, limits, and those who block.
#include "tocsin/vkern/file_system.hpp"

#include <sys/eventfd.h>
#include <sys/inotify.h>

#include <cstring>
#include <filesystem>
#include <thread>

#include "tocsin/vkern/kernels_testing.hpp"

namespace tocsin::vkern {
namespace {

namespace fs = std::filesystem;

template <class K>
class FileSystemTest : public KernelTest<K> {
 protected:
  FileSystemTest() {
    if constexpr (std::is_same_v<K, OnLinux>) {
      base_ = (fs::temp_directory_path() / "tocsin-vkern-XXXXXX").string();
      EXPECT_NE(::mkdtemp(base_.data()), nullptr);
    } else {
      base_ = "/base";
      EXPECT_TRUE(this->kernel_.mkdirat(AT_FDCWD, base_.c_str(), 0755));
    }
    EXPECT_TRUE(this->kernel_.mkdirat(AT_FDCWD, at("inner").c_str(), 0755));
  }
  ~FileSystemTest() override {
    if constexpr (std::is_same_v<K, OnLinux>) fs::remove_all(base_);
  }

  std::string at(const std::string& name) const { return base_ + "/" + name; }
  int open(const std::string& name, int flags) {
    return this->keep(this->kernel_.openat(AT_FDCWD, at(name).c_str(), flags, 0644));
  }

  std::string base_;
};

TYPED_TEST_SUITE(FileSystemTest, AllKernels);

TYPED_TEST(FileSystemTest, NothingLeadsOutOfADirectory) {
  this->open("secret", O_CREAT | O_WRONLY);
  this->open("inner/file", O_CREAT | O_WRONLY);
  const int inner = this->open("inner", O_PATH | O_DIRECTORY);
  const std::string absolute = this->at("secret");
  open_how how{};
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  const auto beneath = [&](const char* path) {
    const auto made = this->kernel_.openat2(inner, path, how);
    if (made) this->keep(made);
    return errno_of(made);
  };
  EXPECT_EQ(beneath("file"), 0);
  EXPECT_EQ(beneath("./file"), 0);
  EXPECT_EQ(beneath(".."), EXDEV);
  EXPECT_EQ(beneath("../secret"), EXDEV);
  EXPECT_EQ(beneath(absolute.c_str()), EXDEV);
  EXPECT_EQ(beneath("file/"), ENOTDIR);
  EXPECT_EQ(beneath(""), ENOENT);
  EXPECT_EQ(beneath("absent"), ENOENT);
  how.resolve = RESOLVE_IN_ROOT;
  EXPECT_EQ(beneath("../file"), 0);
  EXPECT_EQ(beneath("/file"), 0);
}

TYPED_TEST(FileSystemTest, ALinkLeadsWhereItSays) {
  Kernel& kernel = this->kernel_;
  const auto link = [&](const char* target, const std::string& name) {
    return errno_of(kernel.symlinkat(target, AT_FDCWD, this->at(name).c_str()));
  };
  const auto opened = [&](const std::string& name, int flags) {
    const auto made = kernel.openat(AT_FDCWD, this->at(name).c_str(), flags, 0644);
    if (made) this->keep(made);
    return errno_of(made);
  };
  EXPECT_EQ(link("inner/file", "link"), 0);
  EXPECT_EQ(link("inner/file", "link"), EEXIST);
  EXPECT_EQ(link("", "empty"), ENOENT);
  EXPECT_EQ(link("x", "slash/"), ENOENT);
  EXPECT_EQ(opened("link", O_RDONLY), ENOENT);
  EXPECT_EQ(opened("link", O_WRONLY | O_CREAT | O_EXCL), EEXIST);
  EXPECT_EQ(opened("link", O_WRONLY | O_CREAT), 0) << "it makes what the link leads to";
  EXPECT_EQ(opened("inner/file", O_RDONLY), 0);
  EXPECT_EQ(opened("link", O_RDONLY | O_NOFOLLOW), ELOOP);
  EXPECT_EQ(opened("link", O_PATH | O_NOFOLLOW), 0);
  EXPECT_EQ(opened("link", O_PATH | O_NOFOLLOW | O_DIRECTORY), ENOTDIR);
  EXPECT_EQ(opened("link/", O_RDONLY), ENOTDIR);
  EXPECT_EQ(link(this->at("inner").c_str(), "absolute"), 0);
  EXPECT_EQ(opened("absolute/file", O_RDONLY), 0);
  EXPECT_EQ(link("circle", "circle"), 0);
  EXPECT_EQ(opened("circle", O_RDONLY), ELOOP);
  EXPECT_EQ(opened("circle/x", O_RDONLY), ELOOP);
}

TYPED_TEST(FileSystemTest, FortyLinksAreFollowedAndNoMore) {
  this->open("file", O_CREAT | O_WRONLY);
  std::string last = "file";
  for (int i = 1; i <= 41; ++i) {
    const std::string name = "link" + std::to_string(i);
    ASSERT_TRUE(this->kernel_.symlinkat(last.c_str(), AT_FDCWD, this->at(name).c_str()));
    last = name;
  }
  this->open("link40", O_RDONLY);
  EXPECT_EQ(errno_of(this->kernel_.openat(AT_FDCWD, this->at("link41").c_str(), O_RDONLY, 0)),
            ELOOP);
}

TYPED_TEST(FileSystemTest, NoLinkLeadsOutOfADirectory) {
  this->open("secret", O_CREAT | O_WRONLY);
  this->open("inner/file", O_CREAT | O_WRONLY);
  for (const auto& [target, name] : {std::pair{"../secret", "inner/out"},
                                     {"/file", "inner/absolute"},
                                     {"file", "inner/in"},
                                     {"..", "inner/up"}})
    ASSERT_TRUE(this->kernel_.symlinkat(target, AT_FDCWD, this->at(name).c_str()));
  const int inner = this->open("inner", O_PATH | O_DIRECTORY);
  const auto opened = [&](const char* path, std::uint64_t resolve) {
    open_how how{};
    how.resolve = resolve;
    const auto made = this->kernel_.openat2(inner, path, how);
    if (made) this->keep(made);
    return errno_of(made);
  };
  EXPECT_EQ(opened("in", RESOLVE_BENEATH), 0);
  EXPECT_EQ(opened("out", RESOLVE_BENEATH), EXDEV);
  EXPECT_EQ(opened("up/secret", RESOLVE_BENEATH), EXDEV);
  EXPECT_EQ(opened("absolute", RESOLVE_BENEATH), EXDEV);
  for (const char* const path : {"in", "out", "up/secret", "absolute"})
    EXPECT_EQ(opened(path, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS), ELOOP);
  EXPECT_EQ(opened("absolute", RESOLVE_IN_ROOT), 0);
  EXPECT_EQ(opened("up/file", RESOLVE_IN_ROOT), 0);
  EXPECT_EQ(opened("out", RESOLVE_IN_ROOT), ENOENT);
}

TYPED_TEST(FileSystemTest, NoEpollTakesAFileAndAPollFindsItReady) {
  const int file = this->open("file", O_CREAT | O_RDWR);
  const int epoll = this->keep(this->kernel_.epoll_create1(0));
  epoll_event event{.events = EPOLLIN, .data = {.u64 = 0}};
  for (const int fd : {file, this->open("inner", O_RDONLY)}) {
    EXPECT_EQ(errno_of(this->kernel_.epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event)), EPERM);
    EXPECT_EQ(this->mask_of(fd), unsigned{POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM});
  }
}

TYPED_TEST(FileSystemTest, ASocketThatIsFullTakesAFileInParts) {
  const int file = this->open("file", O_CREAT | O_RDWR);
  std::vector<std::byte> bytes(1'000'000);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 7 / 5);
  ASSERT_EQ(this->kernel_.write(file, bytes), bytes.size());
  const auto pair = this->kernel_.socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
  ASSERT_TRUE(pair.has_value());
  this->keep((*pair)[0]);
  this->keep((*pair)[1]);
  std::vector<std::byte> received;
  std::uint64_t offset = 0;
  bool was_full = false;
  while (received.size() < bytes.size()) {
    const Count sent =
        this->kernel_.sendfile((*pair)[0], file, &offset, bytes.size() - std::size_t{offset});
    if (!sent) {
      ASSERT_EQ(sent.error(), Errno::again);
      was_full = true;
    }
    std::vector<std::byte> room(40'000);
    const Count count = this->kernel_.read((*pair)[1], room);
    ASSERT_TRUE(count.has_value());
    received.insert(received.end(), room.begin(), room.begin() + static_cast<long>(*count));
    ASSERT_LE(received.size(), offset);
  }
  EXPECT_TRUE(was_full);
  EXPECT_TRUE(received == bytes);
}

TYPED_TEST(FileSystemTest, AFifoIsToldOfLikeAnyFile) {
  ASSERT_TRUE(this->kernel_.mknodat(AT_FDCWD, this->at("fifo").c_str(), S_IFIFO | 0600));
  const int notify = this->keep(this->kernel_.inotify_init1(IN_NONBLOCK));
  ASSERT_TRUE(this->kernel_.inotify_add_watch(notify, this->at("fifo").c_str(), IN_MODIFY));
  const int fifo = this->open("fifo", O_RDWR | O_NONBLOCK);
  this->watch(notify);
  EXPECT_EQ(this->mask_of(fifo), unsigned{POLLOUT | POLLWRNORM});
  ASSERT_TRUE(this->kernel_.write(fifo, as_bytes("text")));
  EXPECT_EQ(this->edges(), std::vector{notify});
  ASSERT_TRUE(this->kernel_.write(fifo, as_bytes("text")));
  EXPECT_EQ(this->edges(), std::vector<int>{}) << "the same event again is no event";
  EXPECT_EQ(this->mask_of(fifo), unsigned{POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM});
}

TYPED_TEST(FileSystemTest, FdinfoIsAFile) {
  const int counter = this->keep(this->kernel_.eventfd(5, EFD_NONBLOCK));
  const std::string path = "/proc/self/fdinfo/" + std::to_string(counter);
  const int file = this->keep(this->kernel_.openat(AT_FDCWD, path.c_str(), O_RDONLY, 0));
  std::array<std::byte, 512> room;
  const Count count = this->kernel_.read(file, room);
  ASSERT_TRUE(count.has_value());
  const std::string_view text = as_text(std::span(room).first(*count));
  EXPECT_TRUE(text.starts_with("pos:\t0\nflags:\t04002\nmnt_id:\t")) << text;
  EXPECT_NE(text.find("\nino:\t"), text.npos) << text;
  EXPECT_NE(text.find("\neventfd-count:                5\n"), text.npos) << text;
}

// ---- inotify ------------------------------------------------------------------------------------

template <class P>
class InotifyTest : public testing::Test {
 protected:
  System<P> system_{[] {
    SystemOptions options;
    options.most_file_events = 3;
    return options;
  }()};
  Process<P>& process_ = system_.init();
  int notify_ = *process_.inotify_init1(0);

  std::string read() {
    alignas(inotify_event) std::array<std::byte, 4096> room;
    const Count count = process_.read(notify_, room);
    std::string masks;
    for (std::size_t at = 0; at < count.value_or(0);) {
      inotify_event event{};
      std::memcpy(&event, &room[at], sizeof event);
      masks += std::to_string(event.wd) + ":" + std::to_string(event.mask) + " ";
      at += sizeof event + event.len;
    }
    return masks;
  }
};
using Policies = testing::Types<Single, Threads>;
TYPED_TEST_SUITE(InotifyTest, Policies);

TYPED_TEST(InotifyTest, AQueueThatIsFullEndsInOneOverflow) {
  ASSERT_TRUE(this->process_.inotify_add_watch(this->notify_, "/", IN_CREATE | IN_DELETE));
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(this->process_.mkdirat(AT_FDCWD, "/a", 0755));
    ASSERT_TRUE(this->process_.unlinkat(AT_FDCWD, "/a", AT_REMOVEDIR));
  }
  const std::string create = "1:" + std::to_string(IN_CREATE | IN_ISDIR) + " ";
  const std::string remove = "1:" + std::to_string(IN_DELETE | IN_ISDIR) + " ";
  const std::string overflow = "-1:" + std::to_string(IN_Q_OVERFLOW) + " ";
  EXPECT_EQ(this->read(), create + remove + create + overflow);
  ASSERT_TRUE(this->process_.mkdirat(AT_FDCWD, "/a", 0755));
  EXPECT_EQ(this->read(), create);
}

TEST(InotifyThreads, AReadThatBlocksEndsWithTheFirstEvent) {
  System<Threads> system;
  Process<Threads>& process = system.init();
  const int notify = *process.inotify_init1(0);
  ASSERT_TRUE(process.inotify_add_watch(notify, "/", IN_CREATE));
  std::size_t length = 0;
  std::jthread reader([&] {
    std::array<std::byte, 4096> room;
    length = process.read(notify, room).value_or(0);
  });
  ASSERT_TRUE(process.mkdirat(AT_FDCWD, "/a", 0755));
  reader.join();
  EXPECT_EQ(length, 2 * sizeof(inotify_event));
}

}  // namespace
}  // namespace tocsin::vkern
