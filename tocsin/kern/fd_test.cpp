// SPDX-License-Identifier: MIT
#include "tocsin/kern/fd.hpp"

#include <vector>

#include <gtest/gtest.h>

#include "tocsin/kern/linux_kernel.hpp"

namespace tocsin {
namespace {

/// Remembers what was closed, and closes nothing: the numbers in these tests are made up.
class ClosingKernel final : public LinuxKernel {
 public:
  Result<> close(int fd) override {
    closed.push_back(fd);
    return std::unexpected(Errno{EIO});  // Not a reason to close twice, or to complain.
  }
  std::vector<int> closed;
};

struct FdTest : testing::Test {
  ClosingKernel kernel;
};

using Numbers = std::vector<int>;

TEST_F(FdTest, ClosesOnceWhatItOwns) {
  {
    Fd fd(kernel, 7);
  }
  EXPECT_EQ(kernel.closed, (Numbers{7}));
}

TEST_F(FdTest, OwningNothingClosesNothing) {
  {
    Fd nothing;
    Fd failed(kernel, -1);
    EXPECT_FALSE(nothing);
    EXPECT_FALSE(failed);
    nothing.reset();
    EXPECT_EQ(nothing.get(), -1);
  }
  EXPECT_EQ(kernel.closed, Numbers{});
}

TEST_F(FdTest, ZeroIsADescriptorLikeAnyOther) {
  {
    Fd fd(kernel, 0);
    EXPECT_TRUE(fd);
  }
  EXPECT_EQ(kernel.closed, (Numbers{0}));
}

TEST_F(FdTest, MovingHandsTheDutyOn) {
  Fd from(kernel, 7);
  Fd to(std::move(from));
  EXPECT_EQ(to.get(), 7);
  Fd last(kernel, 8);
  last = std::move(to);
  EXPECT_EQ(kernel.closed, (Numbers{8})) << "what was owned before goes first";
  last.reset();
  EXPECT_EQ(kernel.closed, (Numbers{8, 7}));
}

TEST_F(FdTest, MovingToItselfKeepsIt) {
  Fd fd(kernel, 7);
  Fd& same = fd;
  fd = std::move(same);
  EXPECT_EQ(fd.get(), 7);
  EXPECT_EQ(kernel.closed, Numbers{});
}

TEST_F(FdTest, ReleasingGivesTheDutyBack) {
  Fd fd(kernel, 7);
  EXPECT_EQ(fd.release(), 7);
  EXPECT_FALSE(fd);
  fd.reset();
  EXPECT_EQ(kernel.closed, Numbers{});
}

TEST_F(FdTest, OwningAFailureIsTheFailure) {
  EXPECT_EQ(own(kernel, 7)->get(), 7);
  EXPECT_EQ(own(kernel, std::unexpected(Errno{EMFILE})).error(), Errno{EMFILE});
}

}  // namespace
}  // namespace tocsin
