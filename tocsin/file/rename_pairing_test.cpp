// SPDX-License-Identifier: MIT
#include "tocsin/file/internal/rename_pairing.hpp"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace tocsin::internal {
namespace {

using namespace std::chrono_literals;
using Texts = std::vector<std::string>;

FileEvent event(std::uint32_t mask, std::string name, std::uint32_t cookie = 0) {
  FileEvent made;
  made.mask = mask;
  made.cookie = cookie;
  made.directory = "d";
  made.name = std::move(name);
  return made;
}

/// All that comes out at `now`: "name", or "name>name" of a rename.
Texts popped(RenamePairing& pairing, TimePoint now = {}) {
  Texts texts;
  while (const auto next = pairing.pop(now)) {
    const bool is_rename = (next->mask & event_rename) != 0;
    texts.push_back(is_rename ? next->name + ">" + next->to_name : next->name);
  }
  return texts;
}

TEST(RenamePairing, TwoHalvesAreOneEvent) {
  RenamePairing pairing(1s);
  pairing.push(event(IN_MOVED_FROM | IN_ISDIR, "a", 1), {});
  pairing.push(event(IN_MOVED_TO | IN_ISDIR, "b", 1), {});
  const auto made = pairing.pop({});
  ASSERT_TRUE(made);
  EXPECT_EQ(made->mask, event_rename | IN_ISDIR);
  EXPECT_EQ(made->directory, "d");
  EXPECT_EQ(made->to_directory, "d");
  EXPECT_TRUE(pairing.empty());
}

TEST(RenamePairing, ARenameStandsWhereItsFirstHalfStood) {
  RenamePairing pairing(1s);
  pairing.push(event(IN_CREATE, "x"), {});
  pairing.push(event(IN_MOVED_FROM, "a", 1), {});
  pairing.push(event(IN_MOVED_FROM, "p", 2), {});
  pairing.push(event(IN_CREATE, "y"), {});
  pairing.push(event(IN_MOVED_TO, "q", 2), {});
  pairing.push(event(IN_MOVED_TO, "b", 1), {});
  EXPECT_EQ(popped(pairing), (Texts{"x", "a>b", "p>q", "y"}));
}

TEST(RenamePairing, WhatComesAfterAHalfWaitsWithItUntilTheOtherHasCome) {
  RenamePairing pairing(1s);
  pairing.push(event(IN_MOVED_FROM, "a", 1), {});
  pairing.push(event(IN_CREATE, "x"), {});
  EXPECT_EQ(popped(pairing), Texts{});
  EXPECT_EQ(pairing.held_until(), TimePoint{1s});
  pairing.push(event(IN_MOVED_TO, "b", 1), TimePoint{500ms});
  EXPECT_EQ(popped(pairing, TimePoint{500ms}), (Texts{"a>b", "x"}));
}

TEST(RenamePairing, AHalfThatStaysAloneIsLetGoWhenItsTimeIsOver) {
  RenamePairing pairing(1s);
  pairing.push(event(IN_MOVED_FROM, "a", 1), {});
  pairing.push(event(IN_MOVED_FROM, "b", 2), TimePoint{1ms});
  EXPECT_EQ(popped(pairing, TimePoint{1s - 1ns}), Texts{});
  EXPECT_EQ(popped(pairing, TimePoint{1s}), (Texts{"a>"}));
  EXPECT_EQ(popped(pairing, TimePoint{1001ms}), (Texts{"b>"})) << "each waits for itself";
}

TEST(RenamePairing, ASecondHalfAloneDoesNotWait) {
  RenamePairing pairing(1s);
  pairing.push(event(IN_MOVED_TO, "b", 7), {});
  pairing.push(event(IN_MOVED_FROM, "c", 7), {});
  EXPECT_EQ(popped(pairing), (Texts{">b"})) << "a cookie that comes again is of another pair";
}

// inotify(7): what was lost may have been the other half.
TEST(RenamePairing, NothingWaitsForWhatAnOverflowMayHaveLost) {
  RenamePairing pairing(1s);
  pairing.push(event(IN_MOVED_FROM, "a", 1), {});
  pairing.push(event(IN_Q_OVERFLOW, "lost"), {});
  pairing.push(event(IN_MOVED_FROM, "b", 2), {});
  EXPECT_EQ(popped(pairing), (Texts{"a>", "lost"}));
}

}  // namespace
}  // namespace tocsin::internal
