// SPDX-License-Identifier: MIT
#include "tocsin/source/keys.hpp"

#include "tocsin/task/timeout.hpp"

namespace tocsin {

Task<Result<Key>> Keys::next_of(State& state) {
  while (true) {
    if (const auto key = state.decoder.next()) co_return *key;
    if (state.ended) co_return std::unexpected(Errno{EPIPE});
    Result<Buffer> bytes;
    if (state.decoder.is_waiting())
      bytes = co_await timeout(escape_delay, state.input.read());
    else
      bytes = co_await state.input.read();
    if (!bytes && bytes.error() != Errno::timed_out) co_return std::unexpected(bytes.error());
    if (bytes) state.decoder.feed(as_text(*bytes));
    state.ended = bytes && bytes->empty();
    if (!bytes || state.ended) state.decoder.give_up();
  }
}

}  // namespace tocsin
