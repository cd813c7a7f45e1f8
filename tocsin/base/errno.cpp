// SPDX-License-Identifier: MIT
#include "tocsin/base/errno.hpp"

#include <cstring>

namespace tocsin {

std::string_view Errno::name() const {
  const char* name = ::strerrorname_np(value_);
  return name == nullptr ? "E?" : name;
}

std::string_view Errno::message() const {
  // strerrordesc_np, unlike strerror, neither translates nor writes to a shared buffer.
  const char* sentence = ::strerrordesc_np(value_);
  return sentence == nullptr ? "Unknown error" : sentence;
}

}  // namespace tocsin
