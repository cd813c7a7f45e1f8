// SPDX-License-Identifier: MIT
//
// Owners of what libpq allocates, and its words.
//
// Thread rule: values; any thread.
#pragma once

#include <libpq-fe.h>

#include <memory>
#include <string>
#include <string_view>

namespace tocsin::pq::internal {

struct Release {
  void operator()(PGconn* connection) const { PQfinish(connection); }
  void operator()(PGresult* result) const { PQclear(result); }
  void operator()(PGcancel* request) const { PQfreeCancel(request); }
  void operator()(PGnotify* notification) const { PQfreemem(notification); }
};

template <class T>
using Handle = std::unique_ptr<T, Release>;

/// libpq's messages end in a newline, and may be of several lines.
inline std::string trimmed(const char* message) {
  std::string_view text = message == nullptr ? "" : message;
  while (text.ends_with('\n')) text.remove_suffix(1);
  return std::string(text);
}

}  // namespace tocsin::pq::internal
