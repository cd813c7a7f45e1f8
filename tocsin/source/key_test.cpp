// SPDX-License-Identifier: MIT
#include "tocsin/source/key.hpp"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace tocsin {
namespace {

// The keys that come of `bytes`, in brackets. What waits for more is "...".
std::string keys_of(KeyDecoder& decoder) {
  std::string all;
  while (const auto key = decoder.next()) all += "[" + to_string(*key) + "]";
  return decoder.is_waiting() ? all + "..." : all;
}
std::string keys_of(std::string_view bytes) {
  KeyDecoder decoder;
  decoder.feed(bytes);
  return keys_of(decoder);
}
std::string last_keys_of(std::string_view bytes) {
  KeyDecoder decoder;
  decoder.feed(bytes);
  decoder.give_up();
  return keys_of(decoder);
}

struct Case {
  std::string_view bytes;
  const char* keys;
};

constexpr Case cases[] = {
    {"aB ", "[a][B][space]"},
    {"é€😀", "[é][€][😀]"},
    {"\r\n\t\x7f\b", "[enter][enter][tab][backspace][backspace]"},
    {"\x01\x03\x1a\x1c", "[ctrl+a][ctrl+c][ctrl+z][ctrl+\\]"},
    {{"\0", 1}, "[ctrl+space]"},
    {"\x1b[A\x1b[B\x1b[C\x1b[D", "[up][down][right][left]"},
    {"\x1bOA\x1bOH\x1bOF\x1bOP\x1bOS", "[up][home][end][f1][f4]"},
    {"\x1b[H\x1b[F\x1b[1~\x1b[4~\x1b[7~\x1b[8~", "[home][end][home][end][home][end]"},
    {"\x1b[2~\x1b[3~\x1b[5~\x1b[6~", "[insert][delete][page up][page down]"},
    {"\x1b[11~\x1b[15~\x1b[17~\x1b[24~", "[f1][f5][f6][f12]"},
    {"\x1b[[A\x1b[[E", "[f1][f5]"},
    {"\x1b[1;2A\x1b[1;5C\x1b[3;3~\x1b[1;8P",
     "[shift+up][ctrl+right][alt+delete][ctrl+alt+shift+f1]"},
    {"\x1b[Z", "[shift+tab]"},
    {"\x1b"
     "a\x1b\xc3\xa9\x1b\x03\x1b\r",
     "[alt+a][alt+é][ctrl+alt+c][alt+enter]"},
    {"\x1b\x1b[A", "[escape][up]"},
    {"\x1b[200~\x1b[99;99;99x\x1b[?1zb", "[unknown][unknown][unknown][b]"},
};

TEST(KeyDecoder, KnowsWhatTerminalsSend) {
  for (const Case& each : cases) EXPECT_EQ(keys_of(each.bytes), each.keys);
}

TEST(KeyDecoder, DoesNotCareHowTheBytesArePacked) {
  for (const Case& each : cases) {
    KeyDecoder decoder;
    std::string all;
    for (const char byte : each.bytes) {
      decoder.feed({&byte, 1});
      while (const auto key = decoder.next()) all += "[" + to_string(*key) + "]";
    }
    EXPECT_EQ(all, each.keys);
    EXPECT_FALSE(decoder.is_waiting()) << each.keys;
  }
}

TEST(KeyDecoder, WhatMayGoOnWaitsUntilItIsGivenUp) {
  for (const Case& each : {Case{"\x1b", "[escape]"}, Case{"\x1b[", "[alt+[]"},
                           Case{"\x1bO", "[alt+O]"}, Case{"\x1b[1;", "[unknown]"},
                           Case{"\xc3", "[\xEF\xBF\xBD]"}, Case{"\x1b\x1b", "[escape][escape]"}}) {
    EXPECT_TRUE(keys_of(each.bytes).ends_with("...")) << each.keys;
    EXPECT_EQ(last_keys_of(each.bytes), each.keys);
  }
}

TEST(KeyDecoder, GivingUpIsForWhatWasThereOnly) {
  KeyDecoder decoder;
  decoder.feed("\x1b");
  decoder.give_up();
  EXPECT_EQ(keys_of(decoder), "[escape]");
  decoder.feed("\x1b");
  EXPECT_EQ(keys_of(decoder), "...");
}

// utf-8(7): "a program must refuse overlong forms", and halves of pairs are no characters.
TEST(KeyDecoder, WhatIsNoUtf8IsReplacedAndPassedOver) {
  EXPECT_EQ(keys_of("\xffz"), "[\xEF\xBF\xBD][z]");
  EXPECT_EQ(keys_of("\x80z"), "[\xEF\xBF\xBD][z]");
  EXPECT_EQ(keys_of("\xc3z"), "[\xEF\xBF\xBD][z]");
  EXPECT_EQ(keys_of("\xc0\x80z"), "[\xEF\xBF\xBD][\xEF\xBF\xBD][z]");
  EXPECT_EQ(keys_of("\xed\xa0\x80z"), "[\xEF\xBF\xBD][\xEF\xBF\xBD][\xEF\xBF\xBD][z]");
  EXPECT_EQ(keys_of("\xf4\x90\x80\x80z").substr(0, 5), "[\xEF\xBF\xBD]");
}

TEST(KeyDecoder, ASequenceWithoutAnEndDoesNotGrow) {
  KeyDecoder decoder;
  decoder.feed("\x1b[" + std::string(100, '1'));
  EXPECT_TRUE(keys_of(decoder).starts_with("[unknown]"));
  EXPECT_FALSE(decoder.is_waiting());
}

}  // namespace
}  // namespace tocsin
