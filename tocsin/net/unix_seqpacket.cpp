// SPDX-License-Identifier: MIT
#include "tocsin/net/unix_seqpacket.hpp"

namespace tocsin {

Task<Result<UnixSeqpacket>> UnixSeqpacket::connect(Loop& loop, Address address,
                                                   std::source_location where) {
  auto source = co_await internal::connect_unix(loop, address, type, name, where);
  if (!source) co_return std::unexpected(source.error());
  co_return UnixSeqpacket(std::move(*source));
}

Result<std::pair<UnixSeqpacket, UnixSeqpacket>> UnixSeqpacket::pair(Loop& loop,
                                                                    std::source_location where) {
  auto ends = internal::pair_unix(loop, type, name, where);
  if (!ends) return std::unexpected(ends.error());
  return std::pair(UnixSeqpacket(std::move(ends->first)), UnixSeqpacket(std::move(ends->second)));
}

}  // namespace tocsin
