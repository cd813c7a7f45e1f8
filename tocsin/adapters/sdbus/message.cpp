// SPDX-License-Identifier: MIT
#include "tocsin/adapters/sdbus/message.hpp"

#include <systemd/sd-bus.h>

namespace tocsin::sdbus {
namespace {

std::string_view view_of(const char* text) { return text == nullptr ? "" : text; }

// sd-bus gives a negative errno, and 0 where there is nothing (more) to read.
Result<> appended(int answer) {
  if (answer < 0) return std::unexpected(Errno{-answer});
  return {};
}
Result<> was_read(int answer) {
  if (answer < 0) return std::unexpected(Errno{-answer});
  if (answer == 0) return std::unexpected(Errno{ENXIO});
  return {};
}

}  // namespace

void Message::Release::operator()(sd_bus_message* message) const { sd_bus_message_unref(message); }

Message Message::of(sd_bus_message* message) { return Message(sd_bus_message_ref(message)); }

std::string_view Message::path() const { return view_of(sd_bus_message_get_path(native())); }
std::string_view Message::interface() const {
  return view_of(sd_bus_message_get_interface(native()));
}
std::string_view Message::member() const { return view_of(sd_bus_message_get_member(native())); }
std::string_view Message::sender() const { return view_of(sd_bus_message_get_sender(native())); }
std::string_view Message::signature() const {
  return view_of(sd_bus_message_get_signature(native(), 1));
}

// NOLINTNEXTLINE(readability-make-member-function-const): it writes to what it holds.
Result<> Message::append_basic(char type, const void* value) {
  return appended(sd_bus_message_append_basic(native(), type, value));
}

// A boolean of D-Bus is 32 bits, and of sd-bus an int.
Result<> Message::append_one(bool value) {
  const int wide = value ? 1 : 0;
  return append_basic('b', &wide);
}

Result<> Message::append_one(const std::vector<std::string>& values) {
  if (auto opened = appended(sd_bus_message_open_container(native(), 'a', "s")); !opened)
    return opened;
  for (const std::string& value : values)
    if (auto done = append_one(value); !done) return done;
  return appended(sd_bus_message_close_container(native()));
}

// Nothing was ever read of a message that is still being written: then it cannot be rewound either.
void Message::rewind() const { static_cast<void>(sd_bus_message_rewind(native(), 1)); }

Result<> Message::read_basic(char type, void* into) const {
  return was_read(sd_bus_message_read_basic(native(), type, into));
}

Result<> Message::read_one(bool& into) const {
  int wide = 0;
  auto done = read_basic('b', &wide);
  if (done) into = wide != 0;
  return done;
}

Result<> Message::read_one(std::string& into) const {
  char type = 0;
  if (auto done = was_read(sd_bus_message_peek_type(native(), &type, nullptr)); !done) return done;
  if (type != 's' && type != 'o' && type != 'g') return std::unexpected(Errno{ENXIO});
  const char* text = nullptr;
  auto done = read_basic(type, static_cast<void*>(&text));
  if (done) into = text;
  return done;
}

Result<> Message::read_one(std::vector<std::string>& into) const {
  if (auto entered = was_read(sd_bus_message_enter_container(native(), 'a', "s")); !entered)
    return entered;
  into.clear();
  const char* text = nullptr;
  int more = 0;
  while ((more = sd_bus_message_read_basic(native(), 's', static_cast<void*>(&text))) > 0)
    into.emplace_back(text);
  if (more < 0) return std::unexpected(Errno{-more});
  return appended(sd_bus_message_exit_container(native()));
}

}  // namespace tocsin::sdbus
