// SPDX-License-Identifier: MIT
#include "tocsin/http/mime.hpp"

#include <gtest/gtest.h>

namespace tocsin::http {
namespace {

TEST(MediaType, IsDecidedByWhatFollowsTheLastDot) {
  EXPECT_EQ(media_type("/a/index.html"), "text/html; charset=utf-8");
  EXPECT_EQ(media_type("/INDEX.HTML"), "text/html; charset=utf-8");
  EXPECT_EQ(media_type("/a.tar.gz"), "application/gzip");
  EXPECT_EQ(media_type("/app.mjs"), "text/javascript; charset=utf-8");
  EXPECT_EQ(media_type("/p.PnG"), "image/png");
  EXPECT_EQ(media_type("x.7z"), "application/x-7z-compressed");
  EXPECT_EQ(media_type("x.zst"), "application/zstd");
}

TEST(MediaType, OfWhatSaysNothingIsOctetStream) {
  for (const char* path : {"", "/", "/Makefile", "/a.html/README", "/a.", "/a.unheard-of",
                           "/a.htmlx", "/a.extension-longer-than-any-there-is"})
    EXPECT_EQ(media_type(path), "application/octet-stream") << path;
}

}  // namespace
}  // namespace tocsin::http
