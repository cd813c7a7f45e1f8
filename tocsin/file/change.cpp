// SPDX-License-Identifier: MIT
#include "tocsin/file/change.hpp"

#include <array>
#include <cstddef>
#include <utility>

namespace tocsin {
namespace {

using namespace std::string_view_literals;

// In the order of ChangeKind.
constexpr std::array names{"created"sv,    "removed"sv,  "modified"sv, "closed"sv,
                           "attributes"sv, "renamed"sv,  "moved_in"sv, "moved_out"sv,
                           "unmounted"sv,  "overflow"sv, "unwatched"sv};
static_assert(names.size() == std::to_underlying(ChangeKind::unwatched) + 1);

}  // namespace

std::string_view name_of(ChangeKind kind) {
  return names[static_cast<std::size_t>(std::to_underlying(kind))];
}

}  // namespace tocsin
