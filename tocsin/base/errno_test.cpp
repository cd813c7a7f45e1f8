// SPDX-License-Identifier: MIT
#include "tocsin/base/errno.hpp"

#include <unordered_set>

#include <gtest/gtest.h>

#include "tocsin/base/result.hpp"

namespace tocsin {
namespace {

TEST(Errno, KnowsItsNameAndItsSentence) {
  EXPECT_EQ(Errno{EAGAIN}.name(), "EAGAIN");
  EXPECT_EQ(Errno{EAGAIN}.message(), "Resource temporarily unavailable");
  EXPECT_EQ(Errno::unsupported.name(), "EOPNOTSUPP");
  EXPECT_EQ(Errno::cancelled.message(), "Operation canceled");
}

TEST(Errno, AnUnknownNumberHasAPlaceholderInsteadOfANull) {
  for (const int value : {-1, 4095, 100'000}) {
    EXPECT_EQ(Errno{value}.name(), "E?") << value;
    EXPECT_EQ(Errno{value}.message(), "Unknown error") << value;
    EXPECT_EQ(Errno{value}.value(), value);
  }
}

TEST(Errno, EveryNumberOfErrno3HasANameOfItsOwn) {
  std::unordered_set<std::string_view> names;
  for (int value = 1; value <= EHWPOISON; ++value) {
    if (value == 41 || value == 58) continue;  // Never assigned: EWOULDBLOCK, EDEADLOCK moved.
    const auto name = Errno{value}.name();
    EXPECT_NE(name, "E?") << value;
    EXPECT_TRUE(names.insert(name).second) << name << " twice";
  }
}

TEST(Errno, IsAStandardErrorCodeOfTheGenericCategory) {
  const std::error_code code = Errno{ENOENT};
  EXPECT_EQ(code, std::errc::no_such_file_or_directory);
  EXPECT_EQ(code.category(), std::generic_category());
}

TEST(Errno, ComparesByItsNumber) {
  EXPECT_EQ(Errno{EINTR}, Errno::interrupted);
  EXPECT_NE(Errno{EINTR}, Errno::again);
  EXPECT_LT(Errno{1}, Errno{2});
}

TEST(Result, HoldsAValueOrTheReasonWhyThereIsNone) {
  const Result<int> value = 7;
  const Result<int> none = std::unexpected(Errno{EMFILE});
  EXPECT_EQ(value.value(), 7);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error(), Errno{EMFILE});
  static_assert(is_result<Result<>> && is_result<Result<int>> && !is_result<int>);
  static_assert(!is_result<std::expected<int, const char*>>, "that cannot be an Errno");
}

}  // namespace
}  // namespace tocsin
