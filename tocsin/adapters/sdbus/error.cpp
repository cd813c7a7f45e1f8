// SPDX-License-Identifier: MIT
#include "tocsin/adapters/sdbus/error.hpp"

#include <systemd/sd-bus.h>

namespace tocsin::sdbus {
namespace {

std::string text_of(const char* text) { return text == nullptr ? "" : text; }

}  // namespace

Error Error::of(sd_bus_message* reply) {
  const sd_bus_error* const error = sd_bus_message_get_error(reply);
  const int code = sd_bus_message_get_errno(reply);
  if (error == nullptr || code <= 0) return Errno{EIO};
  return {Errno{code}, text_of(error->name), text_of(error->message)};
}

}  // namespace tocsin::sdbus
