// SPDX-License-Identifier: MIT
#include "tocsin/net/interface.hpp"

#include <vector>

#include <gtest/gtest.h>

#include "tocsin/kern/kernel_testing.hpp"

namespace tocsin {
namespace {

TEST(LinkAddressTest, IsWrittenAsPairsOfDigits) {
  const std::array bytes{std::byte{2}, std::byte{0xfc}, std::byte{0}};
  EXPECT_EQ(LinkAddress::from(bytes).text(), "02:fc:00");
  EXPECT_EQ(LinkAddress().text(), "");
}

TEST(LinkAddressTest, HoldsNoMoreThanTheKernelDoes) {
  const std::vector<std::byte> much(1'000, std::byte{7});
  EXPECT_EQ(LinkAddress::from(much).bytes().size(), LinkAddress::longest);
  EXPECT_EQ(LinkAddress::from(much), LinkAddress::from(ByteView(much).first(32)));
  EXPECT_NE(LinkAddress::from(much), LinkAddress::from(ByteView(much).first(31)));
}

TEST(InterfaceTest, NameAndIndexAreOfTheSameInterface) {
  ONLY_ON_LINUX("vkern has no interfaces to ask for");
  Kernel& kernel = kernel_under_test();
  const auto index = interface_index(kernel, "lo");
  ASSERT_TRUE(index);
  EXPECT_EQ(interface_name(kernel, *index), "lo");
}

TEST(InterfaceTest, WhatIsNotThereIsEnodevAndWhatIsNoNameEinval) {
  ONLY_ON_LINUX("vkern has no interfaces to ask for");
  Kernel& kernel = kernel_under_test();
  EXPECT_EQ(interface_index(kernel, "no-such"), std::unexpected(Errno{ENODEV}));
  EXPECT_EQ(interface_name(kernel, 1u << 30), std::unexpected(Errno{ENODEV}));
  EXPECT_EQ(interface_index(kernel, "sixteen-letters!"), std::unexpected(Errno::invalid));
}

}  // namespace
}  // namespace tocsin
