// SPDX-License-Identifier: MIT
//
// Descriptors, descriptions, processes and Pollers within Pollers: the rest of epoll(7), "Questions
// and answers".
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <span>
#include <utility>

#include "tests/contract/poller_contract.hpp"
#include "tocsin/vkern/kernel_testing.hpp"

namespace tocsin::contract {
namespace {

class PollerLifetime : public PollerContract {
 protected:
  bool is_by_description() const { return can().identity == Identity::description; }
};
INSTANTIATE_TEST_SUITE_P(All, PollerLifetime, testing::ValuesIn(worlds()), name_of);

// "The key is the combination of the file descriptor number and the open file description", and
// "even after a file descriptor that is part of an interest list has been closed, events may be
// reported for that file descriptor if other file descriptors referring to the same underlying file
// description remain open." For epoll that is so; for the others the number is closed, and that is
// that.
TEST_P(PollerLifetime, ADuplicateKeepsARegistrationAliveWhereItBelongsToTheDescription) {
  Fd original = counter(1);
  const Fd duplicate(kernel(), kernel().dup(original.get()).value());
  watch(original, Ready::read, level, 1);
  EXPECT_EQ(look(), (Answers{{1, Ready::read}}));
  const int number = original.get();
  original.reset();

  EXPECT_EQ(look(), is_by_description() ? (Answers{{1, Ready::read}}) : Answers{});
  EXPECT_EQ(code(poller_->remove(duplicate.get())), ENOENT) << "it is not known by this number";
  EXPECT_EQ(code(poller_->remove(number)), EBADF) << "and the one it is known by is closed";

  // The way out of it, which nobody should need: make the key whole again.
  const Fd again(kernel(), kernel().dup3(duplicate.get(), number, O_CLOEXEC).value());
  EXPECT_EQ(code(poller_->remove(number)), is_by_description() ? 0 : ENOENT);
  EXPECT_EQ(look(), Answers{});
}

// A child that has copies of everything, makes one event when it is born, and lives until it is
// told to end. In user space nobody runs in it but the test itself.
class Child {
 public:
  Child(const Fd& eventfd, bool is_on_linux) {
    constexpr std::uint64_t one = 1;
    if (!is_on_linux) {
      in_user_space_ = &vkern::vkern_under_test().fork();
      EXPECT_TRUE(in_user_space_->write(eventfd.get(), std::as_bytes(std::span(&one, 1))));
      return;
    }
    std::array<int, 2> done{};
    std::array<int, 2> until{};
    EXPECT_TRUE(::pipe2(done.data(), O_CLOEXEC) == 0 && ::pipe2(until.data(), O_CLOEXEC) == 0);
    pid_ = ::fork();
    EXPECT_NE(pid_, -1);
    if (pid_ == 0) {
      ::close(until[1]);  // Its own copy would keep it alive.
      char none = 0;
      const bool well = ::write(eventfd.get(), &one, sizeof one) == sizeof one &&
                        ::write(done[1], &one, 1) == 1 && ::read(until[0], &none, 1) == 0;
      ::_exit(well ? 0 : 1);
    }
    until_ = until[1];
    char is_done = 0;
    EXPECT_EQ(::read(done[0], &is_done, 1), 1);
    for (const int end : {done[0], done[1], until[0]}) ::close(end);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() { end(); }

  void end() {
    if (vkern::Process<vkern::Threads>* const child = std::exchange(in_user_space_, nullptr))
      child->exit(0);
    if (pid_ == -1) return;
    ::close(until_);
    int status = 0;
    EXPECT_EQ(::waitpid(std::exchange(pid_, -1), &status, 0) > 0, true);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }

 private:
  vkern::Process<vkern::Threads>* in_user_space_ = nullptr;
  pid_t pid_ = -1;
  int until_ = -1;
};

TEST_P(PollerLifetime, AForkedChildKeepsARegistrationAliveWhereItBelongsToTheDescription) {
  Fd shared = counter();
  watch(shared, Ready::read, level, 1);
  EXPECT_EQ(look(), Answers{});

  Child child(shared, is_on_linux());
  shared.reset();
  EXPECT_EQ(look(), is_by_description() ? (Answers{{1, Ready::read}}) : Answers{});

  child.end();
  EXPECT_EQ(look(), Answers{}) << "the last copy is gone";
}

// "Can two epoll instances wait for the same file descriptor? [...] Yes, and events would be
// reported to both."
TEST_P(PollerLifetime, TwoPollersOnOneDescriptorAreBothAnswered) {
  const Fd fd = counter();
  const auto second = another();
  watch(fd, Ready::read, level, 1);
  EXPECT_EQ(code(second->add(fd.get(), Ready::read, level, Token{2})), 0);
  EXPECT_EQ(look(), Answers{});
  EXPECT_EQ(wait_on(*second, 0ns), Answers{});
  bump(fd);
  EXPECT_EQ(look(), (Answers{{1, Ready::read}}));
  EXPECT_EQ(wait_on(*second, 0ns), (Answers{{2, Ready::read}}));
}

// "Is the epoll file descriptor itself poll/epoll/selectable? Yes. If an epoll file descriptor has
// events waiting, then it will indicate as being readable." All four are asked.
TEST_P(PollerLifetime, AnEpollIsReadableForEveryMechanismWhileItHasSomethingToAnswer) {
  const auto inner = make_poller(kernel(), Mechanism::epoll).value();
  const Fd fd = counter();
  EXPECT_EQ(code(inner->add(fd.get(), Ready::read, level, Token{7})), 0);
  EXPECT_EQ(code(add(inner->fd(), Ready::read, level, 1)), 0);
  EXPECT_EQ(look(), Answers{});
  bump(fd);
  EXPECT_EQ(look(), (Answers{{1, Ready::read}}));
  EXPECT_EQ(look(), (Answers{{1, Ready::read}})) << "looking from outside takes nothing away";
  EXPECT_EQ(wait_on(*inner, 0ns), (Answers{{7, Ready::read}}));
  drain(fd);
  EXPECT_EQ(look(), Answers{});
}

TEST_P(PollerLifetime, APollerSaysWhetherItCanBeWaitedFor) {
  EXPECT_EQ(poller_->fd() >= 0, can().pollable);
}

// Pending requests, answers not yet fetched, disabled ones: nothing may outlive the Poller. (What
// leaks is found by the sanitizer; what stays open, by the number that must be free again.)
TEST_P(PollerLifetime, APollerCanBeDestroyedWithRegistrationsInEveryState) {
  const Fd idle = counter();
  const Fd ready = counter(1);
  const Fd once = counter(1);
  watch(idle, Ready::read, level, 1);
  watch(ready, Ready::read, level, 2);
  watch(once, Ready::read, oneshot, 3);
  EXPECT_EQ(look().size(), 2u);
  bump(idle);
  const int number = poller_->fd();
  poller_.reset();
  if (number < 0) return;
  EXPECT_EQ(kernel().fcntl(number, F_GETFD, 0), std::unexpected(Errno{EBADF}));
}

// What only a Poller that is a descriptor can be asked.
class PollerDescriptor : public PollerContract {};
INSTANTIATE_TEST_SUITE_P(All, PollerDescriptor,
                         testing::ValuesIn(worlds_with(&Capabilities::pollable)), name_of);

// "What happens if one attempts to put an epoll file descriptor into its own file descriptor set?
// The epoll_ctl(2) call fails (EINVAL)." And around a corner, ELOOP.
TEST_P(PollerDescriptor, CannotWatchItselfNorACircle) {
  EXPECT_EQ(code(add(poller_->fd(), Ready::read, level, 1)), EINVAL);
  const auto second = another();
  EXPECT_EQ(code(add(second->fd(), Ready::read, level, 1)), 0);
  EXPECT_EQ(code(second->add(poller_->fd(), Ready::read, level, Token{2})), ELOOP);
}

TEST_P(PollerDescriptor, IsClosedByExec) {
  EXPECT_EQ(kernel().fcntl(poller_->fd(), F_GETFD, 0), FD_CLOEXEC);
}

// "Can I send an epoll file descriptor over a UNIX domain socket to another process? Yes, but it
// does not make sense to do this, since the receiving process would not have copies of the file
// descriptors in the interest list." What arrives is the same epoll: it is readable as this one is.
TEST_P(PollerDescriptor, CanBeSentOverAUnixSocket) {
  const Fd watched = counter();
  watch(watched, Ready::read, level, 1);
  const Pair pair = sockets();
  std::byte byte{};
  iovec payload{.iov_base = &byte, .iov_len = 1};
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &payload;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  const int sent = poller_->fd();
  std::memcpy(CMSG_DATA(header), &sent, sizeof sent);
  ASSERT_TRUE(kernel().sendmsg(pair.first.get(), message, 0));
  control = {};
  ASSERT_TRUE(kernel().recvmsg(pair.second.get(), message, MSG_CMSG_CLOEXEC));
  int number = -1;
  std::memcpy(&number, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof number);
  const Fd received(kernel(), number);

  pollfd look_at{.fd = received.get(), .events = POLLIN, .revents = 0};
  const timespec at_once{};
  EXPECT_EQ(kernel().ppoll({&look_at, 1}, &at_once), 0u);
  bump(watched);
  EXPECT_EQ(kernel().ppoll({&look_at, 1}, &at_once), 1u);
  EXPECT_EQ(look(), (Answers{{1, Ready::read}}));
}

}  // namespace
}  // namespace tocsin::contract
