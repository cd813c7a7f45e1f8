// SPDX-License-Identifier: MIT
#include "tocsin/http/request_reader.hpp"

#include <algorithm>
#include <cstddef>

namespace tocsin::http {

void RequestReader::feed(std::string_view bytes) {
  if (kept_.empty()) {
    rest_ = bytes;
    worth_a_try_ = true;
  } else {
    // A head is read from its beginning each time, but only when a line has come to its end: there
    // are at most as many tries as lines are allowed, however many pieces a head comes in.
    worth_a_try_ = bytes.contains('\n') || kept_.size() + bytes.size() >= limits_->head_bytes;
    kept_ += bytes;
    rest_ = kept_;
  }
  skip();
}

void RequestReader::skip() {
  const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(skip_, rest_.size()));
  rest_.remove_prefix(count);
  skip_ -= count;
}

Parsed RequestReader::next(Request& request) {
  if (rest_.empty() || !worth_a_try_) return {.state = Parsed::State::incomplete};
  const Parsed parsed = parse_request(rest_, *limits_, request);
  if (parsed.state == Parsed::State::complete) rest_.remove_prefix(parsed.size);
  return parsed;
}

void RequestReader::skip_body(std::uint64_t length) {
  skip_ = length;
  skip();
}

void RequestReader::keep_rest() {
  if (rest_.empty()) {
    if (kept_.capacity() > 0) kept_ = std::string();
    rest_ = {};
    return;
  }
  if (kept_.empty()) {
    kept_ = rest_;
  } else {
    kept_.erase(0, kept_.size() - rest_.size());
  }
  rest_ = kept_;
}

}  // namespace tocsin::http
