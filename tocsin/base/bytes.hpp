// SPDX-License-Identifier: MIT
//
// Bytes: the two views in which data is handed around, and the way between them and text.
//
// A view owns nothing: whoever hands one out says how long it holds.
//
// Thread rule: values; any thread.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace tocsin {

using ByteView = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

/// The characters of `text` as bytes; valid as long as the text is.
inline ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

/// The bytes as characters; valid as long as the bytes are.
inline std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace tocsin
