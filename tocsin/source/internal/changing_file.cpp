// SPDX-License-Identifier: MIT
#include "tocsin/source/internal/changing_file.hpp"

#include <fcntl.h>

#include <utility>

namespace tocsin::internal {

Result<ChangingFile> ChangingFile::open(Loop& loop, const std::string& path,
                                        const std::string& request, const char* name,
                                        std::source_location where) {
  Kernel& kernel = loop.kernel();
  const int flags = (request.empty() ? O_RDONLY : O_RDWR) | O_NONBLOCK | O_CLOEXEC;
  auto fd = own(kernel, kernel.openat(AT_FDCWD, path.c_str(), flags, 0));
  if (!fd) return std::unexpected(fd.error());
  if (!request.empty()) {
    const std::span whole(request.c_str(), request.size() + 1);
    const auto written = kernel.write(fd->get(), std::as_bytes(whole));
    if (!written) return std::unexpected(written.error());
  }
  auto watch =
      Watch::create(loop, fd->get(), Ready::priority, {.trigger = Trigger::edge}, name, where);
  if (!watch) return std::unexpected(watch.error());
  return ChangingFile(kernel, std::move(*fd), std::move(*watch));
}

Result<std::string> ChangingFile::read_all() const {
  std::string text;
  while (true) {
    constexpr std::size_t step = 16 * 1024;
    const std::size_t before = text.size();
    text.resize(before + step);
    const std::span room(text.data() + before, step);
    const auto count = kernel_->pread(fd_.get(), std::as_writable_bytes(room), before);
    if (!count) return std::unexpected(count.error());
    text.resize(before + *count);
    if (*count == 0) return text;
  }
}

}  // namespace tocsin::internal
