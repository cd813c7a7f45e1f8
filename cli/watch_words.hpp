// SPDX-License-Identifier: MIT
//
// What several watchers read and write: lengths of time, bytes as text, hosts.
//
// Thread rule: any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "tocsin/base/bytes.hpp"
#include "tocsin/base/time.hpp"
#include "tocsin/net/address.hpp"

namespace tocsin::cli {

/// "100ms", "1.5s", "2" (seconds), "3h": a microsecond at least, and less than a hundred years.
std::optional<Duration> parse_duration(std::string_view text);

/// The bytes as they are.
std::string text_of(ByteView bytes);

/// An IP address without its port.
std::string host_of(const Address& address);

}  // namespace tocsin::cli
