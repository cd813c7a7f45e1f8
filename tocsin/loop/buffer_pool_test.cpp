// SPDX-License-Identifier: MIT
#include "tocsin/loop/buffer_pool.hpp"

#include <gtest/gtest.h>

namespace tocsin {
namespace {

TEST(BufferPool, LendsTheBufferThatWasGivenBackLast) {
  BufferPool pool(100);
  Buffer first = pool.take();
  Buffer second = pool.take();
  const std::byte* const memory = first.data();
  EXPECT_NE(memory, second.data());
  first.reset();
  EXPECT_EQ(pool.take().data(), memory) << "it is still in the cache";
}

TEST(BufferPool, ABufferHasRoomAndIsEmptyUntilItIsFilled) {
  BufferPool pool(100);
  Buffer buffer = pool.take();
  EXPECT_EQ(buffer.room().size(), 100u);
  EXPECT_TRUE(buffer.empty());
  buffer.room()[6] = std::byte{7};
  buffer.fill(7);
  EXPECT_EQ(ByteView(buffer).size(), 7u);
  EXPECT_EQ(ByteView(buffer)[6], std::byte{7});
}

TEST(BufferPool, ABufferThatMovesIsGivenBackOnce) {
  BufferPool pool(100);
  Buffer buffer = pool.take();
  const std::byte* const memory = buffer.data();
  Buffer other = std::move(buffer);
  EXPECT_EQ(other.data(), memory);
  buffer.reset();
  const Buffer another = pool.take();
  EXPECT_NE(another.data(), memory) << "it is still lent";
  other = pool.take();
  EXPECT_EQ(pool.take().data(), memory) << "what is assigned over is given back";
}

TEST(BufferPool, NobodysBufferHasNoRoom) {
  Buffer buffer;
  EXPECT_TRUE(buffer.empty());
  EXPECT_TRUE(buffer.room().empty());
  buffer.reset();
}

TEST(BufferPool, WhatNextShowsIsWhatTakeLends) {
  BufferPool pool(100);
  const MutableBytes room = pool.next();
  EXPECT_EQ(room.size(), 100u);
  EXPECT_EQ(pool.next().data(), room.data()) << "looking takes nothing";
  const Buffer buffer = pool.take(5);
  EXPECT_EQ(buffer.data(), room.data());
  EXPECT_EQ(buffer.size(), 5u);
  EXPECT_NE(pool.next().data(), room.data());
}

// More than the pool keeps, in one burst: all must go back or be freed (the sanitizer counts).
TEST(BufferPool, ABurstIsGivenBackWhole) {
  BufferPool pool(100);
  std::array<Buffer, 100> burst;
  for (Buffer& buffer : burst) buffer = pool.take();
  for (Buffer& buffer : burst) buffer.reset();
  for (Buffer& buffer : burst) EXPECT_EQ((buffer = pool.take()).room().size(), 100u);
}

}  // namespace
}  // namespace tocsin
