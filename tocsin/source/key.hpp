// SPDX-License-Identifier: MIT
//
// Key: what was pressed, and KeyDecoder: the bytes in which a terminal says so.
//
//     bytes of a terminal in raw mode ──> [ KeyDecoder ] ──> Key ──> Keys::next
//
// It knows UTF-8, control characters, and the sequences that xterm, its many relatives and the
// Linux console send (console_codes(4), and "Xterm Control Sequences" of its authors): arrows,
// Home, F5, with Shift, Alt and Ctrl. What it does not know is one Key, `unknown`, and not a rain
// of letters.
//
// A lone Escape cannot be told from the beginning of such a sequence: whoever reads the bytes waits
// for a moment, then calls `give_up`.
//
// Ownership: it owns the bytes that are no whole key yet. Thread rule: one thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tocsin {

struct Key {
  enum class Name : std::uint8_t {
    character,  // The one in `character`.
    enter,
    tab,
    backspace,
    escape,
    up,
    down,
    right,
    left,
    home,
    end,
    insert,
    remove,
    page_up,
    page_down,
    f1,
    f2,
    f3,
    f4,
    f5,
    f6,
    f7,
    f8,
    f9,
    f10,
    f11,
    f12,
    unknown,
  };

  Name name = Name::unknown;
  char32_t character = 0;  // Of Name::character: the letter, also with ctrl. U+FFFD for no UTF-8.
  bool shift = false;      // Of keys other than characters: there it is the character itself.
  bool alt = false;
  bool ctrl = false;

  bool operator==(const Key&) const = default;
};

/// "a", "ctrl+c", "alt+é", "shift+up", "f5"; "unknown".
std::string to_string(const Key& key);

class KeyDecoder {
 public:
  /// Takes what a terminal sent, in pieces of any size.
  void feed(std::string_view bytes) { bytes_ += bytes; }

  /// The next whole key. Nothing: more bytes are needed, or there are none.
  std::optional<Key> next();

  /// Whether bytes wait for others to follow.
  bool is_waiting() const { return !bytes_.empty(); }

  /// Nothing follows: what waits is taken as it is, an ESC for the key of that name. Call `next`
  /// after it, until there is nothing.
  void give_up() { given_up_ = true; }

 private:
  struct Part {
    std::size_t length = 0;  // 0: more is needed.
    Key key;
  };

  Part first_of(std::string_view bytes) const;
  Part escaped(std::string_view bytes) const;

  std::string bytes_;
  bool given_up_ = false;
};

}  // namespace tocsin
