// SPDX-License-Identifier: MIT
#include "tocsin/base/check.hpp"

#include <cstdio>
#include <cstdlib>

namespace tocsin::internal {

void check_failed(const char* condition, const char* reason, const std::source_location& where) {
  std::fprintf(stderr, "tocsin: %s:%u: %s: CHECK(%s) failed: %s\n", where.file_name(), where.line(),
               where.function_name(), condition, reason);
  std::abort();
}

}  // namespace tocsin::internal
