// SPDX-License-Identifier: MIT
//
// Registering: which error, and what stands after it; tokens; kinds of files; and closing a
// descriptor that is still registered, where the mechanisms differ most.
#include <sys/resource.h>

#include "tests/contract/poller_contract.hpp"
#include "tocsin/vkern/process.hpp"

namespace tocsin::contract {
namespace {

class PollerRegistration : public PollerContract {};
INSTANTIATE_TEST_SUITE_P(All, PollerRegistration, testing::ValuesIn(worlds()), name_of);

// "What happens if you register the same file descriptor on an epoll instance twice? You will
// probably get EEXIST."
TEST_P(PollerRegistration, TheSameDescriptorTwiceIsEexistAndTheFirstStands) {
  const Fd fd = counter(1);
  watch(fd, Ready::read, level, 1);
  EXPECT_EQ(code(add(fd.get(), Ready::write, level, 2)), EEXIST);
  EXPECT_EQ(look(), (Answers{{1, Ready::read}}));
}

// "However, it is possible to add a duplicate [...] file descriptor to the same epoll instance.
// This can be a useful technique for filtering events, if the duplicate file descriptors are
// registered with different events masks."
TEST_P(PollerRegistration, ADuplicateIsARegistrationOfItsOwn) {
  const Fd fd = counter();
  const Fd duplicate(kernel(), kernel().dup(fd.get()).value());
  watch(fd, Ready::read, level, 1);
  watch(duplicate, Ready::write, level, 2);
  EXPECT_EQ(look(), (Answers{{2, Ready::write}}));
  bump(fd);
  EXPECT_THAT(look(),
              testing::UnorderedElementsAre(Answer{1, Ready::read}, Answer{2, Ready::write}));
  EXPECT_EQ(code(poller_->remove(duplicate.get())), 0);
  EXPECT_EQ(look(), (Answers{{1, Ready::read}}));
}

TEST_P(PollerRegistration, WhatIsNotWatchedIsEnoent) {
  const Fd fd = counter(1);
  EXPECT_EQ(code(modify(fd.get(), Ready::read, level, 1)), ENOENT);
  EXPECT_EQ(code(poller_->remove(fd.get())), ENOENT);
  watch(fd, Ready::read, level, 1);
  EXPECT_EQ(code(poller_->remove(fd.get())), 0);
  EXPECT_EQ(code(poller_->remove(fd.get())), ENOENT);
  EXPECT_EQ(look(), Answers{});
}

TEST_P(PollerRegistration, WhatIsNotOpenIsEbadf) {
  Fd fd = counter();
  const int closed = fd.get();
  fd.reset();
  for (const int number : {closed, -1, 1 << 20}) {
    EXPECT_EQ(code(add(number, Ready::read, level, 1)), EBADF) << number;
    EXPECT_EQ(code(modify(number, Ready::read, level, 1)), EBADF) << number;
    EXPECT_EQ(code(poller_->remove(number)), EBADF) << number;
  }
}

// poll(2) and select(2) would call a regular file always ready; the contract is one for all.
TEST_P(PollerRegistration, RegularFilesAndDirectoriesAreRefusedWithEperm) {
  const Fd file(kernel(),
                kernel().openat(AT_FDCWD, "/proc/self/exe", O_RDONLY | O_CLOEXEC, 0).value());
  const Fd directory(kernel(),
                     kernel().openat(AT_FDCWD, "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0).value());
  for (const Fd* fd : {&file, &directory}) {
    EXPECT_EQ(code(add(fd->get(), Ready::read, level, 1)), EPERM);
    EXPECT_EQ(look(), Answers{}) << "after a failure nothing has changed";
  }
}

TEST_P(PollerRegistration, WordsThatTheMechanismLacksAreRefused) {
  const Pair pair = sockets();
  const int expected = can().hangup ? 0 : EOPNOTSUPP;
  EXPECT_EQ(code(add(pair.first.get(), Ready::read | Ready::read_hangup, level, 1)), expected);
  if (expected != 0) watch(pair.first, Ready::read, level, 1);
  EXPECT_EQ(code(modify(pair.first.get(), Ready::read | Ready::read_hangup, level, 1)), expected);
}

TEST_P(PollerRegistration, ATokenIsCarriedWholeAndReplacedByModify) {
  const Fd fd = counter(1);
  watch(fd, Ready::read, level, ~0ULL);
  EXPECT_EQ(look(), (Answers{{~0ULL, Ready::read}}));
  EXPECT_EQ(code(modify(fd.get(), Ready::write, level, 1ULL << 63)), 0);
  EXPECT_EQ(look(), (Answers{{1ULL << 63, Ready::write}}));
  EXPECT_EQ(code(modify(fd.get(), Ready::read | Ready::write, level, 0)), 0);
  EXPECT_EQ(look(), (Answers{{0, Ready::read | Ready::write}}));
}

TEST_P(PollerRegistration, AfterRemoveNothingIsAnsweredNotEvenWhatWasCollected) {
  for (const Mode mode : {level, edge, oneshot}) {
    if (mode.trigger == Trigger::edge && !can().edge) continue;
    const Fd fd = counter();
    watch(fd, Ready::read, mode, 1);
    EXPECT_EQ(look(), Answers{});
    bump(fd);
    EXPECT_EQ(code(poller_->remove(fd.get())), 0);
    EXPECT_EQ(look(), Answers{});
    watch(fd, Ready::read, mode, 2);
    EXPECT_EQ(look(), (Answers{{2, Ready::read}})) << "the old request's answer is not the new's";
    EXPECT_EQ(code(poller_->remove(fd.get())), 0);
  }
}

// epoll(7), "If using an event cache...": event 2 is in hand while event 1 is processed, whose
// processing closes what event 2 speaks of. By the token the holder can tell; the Poller's part is
// that the number's next owner is never answered for under the old token.
TEST_P(PollerRegistration, AReusedNumberDoesNotAnswerForItsPredecessor) {
  Fd before = counter(1);
  const int number = before.get();
  watch(before, Ready::read, level, 13);
  const Answers cache = look();
  ASSERT_EQ(cache, (Answers{{13, Ready::read}}));

  EXPECT_EQ(code(poller_->remove(number)), 0);
  before.reset();
  const Fd after = counter();
  ASSERT_EQ(after.get(), number) << "the test needs the number to be reused";
  watch(after, Ready::read, level, 47);

  EXPECT_EQ(look(), Answers{}) << "13 is gone, 47 has nothing yet";
  bump(after);
  EXPECT_EQ(look(), (Answers{{47, Ready::read}}));
}

// "Will closing a file descriptor cause it to be removed from all epoll interest lists? Yes [...]"
// and of the others, poll knows only numbers, and io_uring keeps the file open itself.
TEST_P(PollerRegistration, ADescriptorClosedTooEarlyNeverSpinsAWait) {
  Fd closed = counter(1);
  const int number = closed.get();
  const Fd other = counter();
  watch(closed, Ready::read, level, 1);
  watch(other, Ready::read, level, 2);
  closed.reset();
  EXPECT_EQ(look(), Answers{});

  bump(other);
  EXPECT_EQ(look(), (Answers{{2, Ready::read}})) << "the others are answered as ever";
  EXPECT_EQ(code(poller_->remove(number)), EBADF);
  drain(other);
  EXPECT_TRUE(waits_out(2ms));
}

// The same after a wait has begun to watch it. Only a file that somebody holds open takes data.
TEST_P(PollerRegistration, ADescriptorClosedAfterAWaitEndsAsItsIdentityHasIt) {
  const bool held = can().identity == Identity::held;
  for (const Mode mode : {level, edge}) {
    if (mode.trigger == Trigger::edge && !can().edge) continue;
    Pair pair = sockets();
    watch(pair.first, Ready::read, mode, 1);
    EXPECT_EQ(look(), Answers{});
    const int number = pair.first.get();
    pair.first.reset();
    EXPECT_EQ(kernel().send(pair.second.get(), as_bytes("x"), MSG_NOSIGNAL).has_value(), held);
    // A level is asked for anew in each wait, by a number that is closed now.
    const bool answers = held && mode.trigger == Trigger::edge;
    EXPECT_EQ(look(), answers ? (Answers{{1, Ready::read}}) : Answers{});
    EXPECT_EQ(code(poller_->remove(number)), EBADF);
    EXPECT_EQ(look(), Answers{});
  }
}

// What `remove` promises to those who close afterwards: nobody holds the file any longer.
TEST_P(PollerRegistration, AfterRemoveAndCloseThePeerSeesTheEndAtOnce) {
  Pair pair = sockets();
  watch(pair.first, Ready::read, level, 1);
  EXPECT_EQ(look(), Answers{});
  EXPECT_EQ(code(poller_->remove(pair.first.get())), 0);
  pair.first.reset();
  std::array<std::byte, 1> byte;
  EXPECT_EQ(kernel().read(pair.second.get(), byte), 0u);
}

// "The soft limit on the number of open file descriptors" reached: those who need one say so.
TEST_P(PollerRegistration, WithoutADescriptorLeftCreationIsEmfile) {
  if (!is_on_linux()) {  // Its limit is one of what it is made with.
    vkern::SystemOptions options;
    options.most_descriptors = 0;
    vkern::System<vkern::Threads> full(options);
    const auto made = make_poller(full.init(), GetParam().mechanism);
    EXPECT_EQ(made ? 0 : made.error().value(), can().descriptor ? EMFILE : 0);
    return;
  }
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const Fd lowest_free = counter();
  rlimit none = before;
  none.rlim_cur = static_cast<rlim_t>(lowest_free.get()) + 1;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto made = make_poller(kernel(), GetParam().mechanism);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(made ? 0 : made.error().value(), can().descriptor ? EMFILE : 0);
}

// select(2), "BUGS": "The Linux kernel allows fd_set of arbitrary size". So do we.
TEST_P(PollerRegistration, NumbersAbove1024AreAsGoodAsOthers) {
  constexpr int high = 5000;
  const Fd low = counter(1);
  const Fd fd = counter(1);
  const Fd moved(kernel(), kernel().fcntl(fd.get(), F_DUPFD_CLOEXEC, high).value());
  ASSERT_GE(moved.get(), high);
  watch(low, Ready::read, level, 1);
  watch(moved, Ready::read | Ready::write, level, 2);
  EXPECT_EQ(look(), (Answers{{1, Ready::read}, {2, Ready::read | Ready::write}}));
  EXPECT_EQ(code(poller_->remove(moved.get())), 0);
  EXPECT_EQ(look(), (Answers{{1, Ready::read}}));
}

}  // namespace
}  // namespace tocsin::contract
