// SPDX-License-Identifier: MIT
#include "tocsin/net/send_file.hpp"

#include <algorithm>

namespace tocsin {

bool SendFileOperation::attempt() {
  FdSource& to = source();
  while (left_ > 0) {
    if (!to.may_spend()) return false;
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(left_, chunk));
    const auto count = to.kernel().sendfile(to.fd(), file_, &offset_, wanted);
    if (!count) return refused(count.error());
    if (*count == 0) return true;  // The file ends here.
    to.spend(*count);
    sent_ += *count;
    left_ -= *count;
  }
  return true;
}

}  // namespace tocsin
