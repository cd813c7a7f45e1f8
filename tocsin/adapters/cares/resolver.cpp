// SPDX-License-Identifier: MIT
#include "tocsin/adapters/cares/resolver.hpp"

#include "tocsin/adapters/cares/internal/channel.hpp"

namespace tocsin {

void ResolveOperation::start() { channel_->ask(*this); }

void ResolveOperation::abandon() {
  if (question_ != nullptr) channel_->forget(*question_);
  question_ = nullptr;
  result_ = std::unexpected(Errno::cancelled);
}

std::string_view explain_resolve_error(Errno error) {
  switch (error.value()) {
    case ENOENT:
      return "there is no such name";
    case ENODATA:
      return "the name has no address of that family";
    case ETIMEDOUT:
      return "no DNS server answered in time";
    case ECONNREFUSED:
      return "there is no DNS server at the address of one";
    case EREMOTEIO:
      return "the DNS servers could not tell";
    case EINVAL:
      return "this cannot be a name";
    default:
      return error.message();
  }
}

Result<Resolver> Resolver::create(Loop& loop, const ResolverOptions& options) {
  auto channel = std::make_unique<internal::CaresChannel>(loop);
  if (const auto opened = channel->open(options); !opened) return std::unexpected(opened.error());
  return Resolver(std::move(channel));
}

Resolver::Resolver(std::unique_ptr<internal::CaresChannel> channel)
    : channel_(std::move(channel)) {}
Resolver::Resolver(Resolver&&) noexcept = default;
Resolver::~Resolver() = default;

}  // namespace tocsin
