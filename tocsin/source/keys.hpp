// SPDX-License-Identifier: MIT
//
// Keys: what is pressed on a terminal, key by key.
//
//     Input ──> KeyDecoder ──> [ Keys ] ──> co_await keys.next()
//
// The terminal gives keys as they are pressed only in a mode that says so: see TerminalMode. Of an
// input that is no terminal the bytes are taken for keys all the same, so what is meant for a
// terminal can be fed from a pipe.
//
// Ownership: it owns its Input. It can be moved while somebody waits. Thread rule: the loop's
// thread.
#pragma once

#include <memory>
#include <utility>

#include "tocsin/base/time.hpp"
#include "tocsin/source/input.hpp"
#include "tocsin/source/key.hpp"

namespace tocsin {

class Keys {
 public:
  /// How long after an ESC a terminal may take to send the rest of a sequence: less than between
  /// two keys of a fast typist, more than between two packets.
  static constexpr Duration escape_delay = std::chrono::milliseconds(50);

  explicit Keys(Input input) : state_(std::make_unique<State>(std::move(input))) {}

  /// Waits for the next key. Fails with EPIPE at the end of the input, as Channel::receive, and as
  /// Input::read; with ECANCELED, after which nothing is lost. One at a time.
  Task<Result<Key>> next() { return next_of(*state_); }

 private:
  struct State {
    explicit State(Input its_input) : input(std::move(its_input)) {}
    Input input;
    KeyDecoder decoder;
    bool ended = false;
  };
  static Task<Result<Key>> next_of(State& state);

  std::unique_ptr<State> state_;
};

}  // namespace tocsin
