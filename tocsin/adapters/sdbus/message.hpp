// SPDX-License-Identifier: MIT
//
// Message: one message of D-Bus: a call, its answer, or a signal.
//
//     bus.method_call(...) ──> [ Message ] ──> co_await bus.call(...) ──> [ Message ] ──> read(...)
//
// It holds one reference to a message of sd-bus. The simple types can be written and read here;
// structures, dictionaries, variants and descriptors by sd-bus' own functions on `native()`
// (sd_bus_message_append(3), sd_bus_message_read(3)).
//
// Ownership: a message keeps its bus' memory alive (not its connection), and may outlive it. Thread
// rule: the thread of the bus.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tocsin/base/result.hpp"

struct sd_bus_message;

namespace tocsin::sdbus {

class Message {
 public:
  /// Takes over one reference. Requires: `owned` is not null.
  explicit Message(sd_bus_message* owned) : message_(owned) {}
  /// Another reference to `message`, as a callback of sd-bus is lent one.
  static Message of(sd_bus_message* message);

  /// For sd-bus' own functions; stays this object's.
  sd_bus_message* native() const { return message_.get(); }

  // What its header says; empty where it does not. They live as long as the message.
  std::string_view path() const;
  std::string_view interface() const;
  std::string_view member() const;
  std::string_view sender() const;
  std::string_view signature() const;  // Of the values in it: "sss".

  /// Puts `values` behind those in it: bool, the integers of 8 (unsigned) to 64 bits, double,
  /// strings, and a vector of strings. Fails with EPERM for a message that was sent or came; after
  /// a failure it may hold some of them.
  template <class... Values>
  Result<> append(const Values&... values) {
    Result<> done;
    static_cast<void>(((done = append_one(values)).has_value() && ...));
    return done;
  }

  /// Reads the first values in it into `into`, of the same types (object paths and signatures are
  /// strings), always from the beginning: who else reads the same message does not matter. Fails
  /// with ENXIO if other types are in it, or fewer; what was read before stands then.
  template <class... Values>
  Result<> read(Values&... into) const {
    rewind();
    Result<> done;
    static_cast<void>(((done = read_one(into)).has_value() && ...));
    return done;
  }

 private:
  struct Release {
    void operator()(sd_bus_message* message) const;
  };

  Result<> append_basic(char type, const void* value);
  Result<> read_basic(char type, void* into) const;
  void rewind() const;

  Result<> append_one(bool value);
  Result<> append_one(std::uint8_t value) { return append_basic('y', &value); }
  Result<> append_one(std::int16_t value) { return append_basic('n', &value); }
  Result<> append_one(std::uint16_t value) { return append_basic('q', &value); }
  Result<> append_one(std::int32_t value) { return append_basic('i', &value); }
  Result<> append_one(std::uint32_t value) { return append_basic('u', &value); }
  Result<> append_one(std::int64_t value) { return append_basic('x', &value); }
  Result<> append_one(std::uint64_t value) { return append_basic('t', &value); }
  Result<> append_one(double value) { return append_basic('d', &value); }
  Result<> append_one(const char* value) { return append_basic('s', value); }
  Result<> append_one(const std::string& value) { return append_one(value.c_str()); }
  Result<> append_one(const std::vector<std::string>& values);

  Result<> read_one(bool& into) const;
  Result<> read_one(std::uint8_t& into) const { return read_basic('y', &into); }
  Result<> read_one(std::int16_t& into) const { return read_basic('n', &into); }
  Result<> read_one(std::uint16_t& into) const { return read_basic('q', &into); }
  Result<> read_one(std::int32_t& into) const { return read_basic('i', &into); }
  Result<> read_one(std::uint32_t& into) const { return read_basic('u', &into); }
  Result<> read_one(std::int64_t& into) const { return read_basic('x', &into); }
  Result<> read_one(std::uint64_t& into) const { return read_basic('t', &into); }
  Result<> read_one(double& into) const { return read_basic('d', &into); }
  Result<> read_one(std::string& into) const;
  Result<> read_one(std::vector<std::string>& into) const;

  std::unique_ptr<sd_bus_message, Release> message_;
};

}  // namespace tocsin::sdbus
