// SPDX-License-Identifier: MIT
#include "tocsin/vkern/choices.hpp"

#include <algorithm>

#include "tocsin/base/check.hpp"

namespace tocsin::vkern {

std::size_t Choices::write_down(std::size_t answer, std::size_t of, const char* site) {
  made_.push_back({.answer = static_cast<std::uint32_t>(answer),
                   .of = static_cast<std::uint32_t>(of),
                   .site = site});
  return answer;
}

std::size_t Choices::given(std::size_t of) const {
  if (made_.size() >= given_.size()) return 0;
  return std::min<std::size_t>(given_[made_.size()], of - 1);
}

std::size_t Choices::choose(std::size_t of, const char* site) {
  CHECK(of > 0, "there is nothing to choose from");
  if (of == 1) return 0;
  return write_down(random_ ? random_->below(of) : given(of), of, site);
}

std::size_t Choices::choose_to_leave(std::size_t of, const char* site) {
  CHECK(of > 0, "there is nothing to choose from");
  if (of == 1) return 0;
  if (!random_) return write_down(given(of), of, site);
  const bool leaves = random_->chance(1, 8);
  return write_down(leaves ? 1 + random_->below(of - 1) : 0, of, site);
}

}  // namespace tocsin::vkern
