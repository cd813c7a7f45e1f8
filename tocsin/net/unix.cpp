// SPDX-License-Identifier: MIT
#include "tocsin/net/unix.hpp"

namespace tocsin {

// Whoever sends descriptors puts a boundary into the stream, at which every read stops, however
// much there is behind it.
UnixStream::UnixStream(std::unique_ptr<FdSource> source) : Stream(std::move(source)) {
  this->source().distrust_short_reads();
}

Task<Result<UnixStream>> UnixStream::connect(Loop& loop, Address address,
                                             std::source_location where) {
  auto source = co_await internal::connect_unix(loop, address, type, name, where);
  if (!source) co_return std::unexpected(source.error());
  co_return UnixStream(std::move(*source));
}

Result<std::pair<UnixStream, UnixStream>> UnixStream::pair(Loop& loop, std::source_location where) {
  auto ends = internal::pair_unix(loop, type, name, where);
  if (!ends) return std::unexpected(ends.error());
  return std::pair(UnixStream(std::move(ends->first)), UnixStream(std::move(ends->second)));
}

}  // namespace tocsin
